"""Checks of extracted values, at entry and when a table is read: counts, sums, fractions, percentages, units, dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from neorlt.core.errors import InputError

COUNTS = ("n_total", "n_pannet", "n_operated", "n_r0", "n_r1")
RESPONSE_COUNTS = ("n_evaluable", "cr", "pr", "sd", "pd", "cr_or_pr")
WITH_FRACTIONS = ("surgery", "toxicity", "vessel_involvement", "liver_metastases", "grade_change")
"""Fields in which a pair of whole numbers is events and patients, and no range."""
PARTS_OF = (("n_pannet", "n_total"), ("n_operated", "n_total"), ("n_r0", "n_operated"), ("n_r1", "n_operated"))
LARGEST = {"activity_per_cycle_gbq": 20.0, "activity_per_cycle_gbq_per_m2": 20.0, "cumulative_activity_gbq": 200.0}
"""Activities above these are in another unit (MBq, mCi), or a typing error."""
OF_PARTS = ("response", "vessel_involvement", "grade_change", "liver_metastases", "toxicity", "surgery", "survival")
"""Fields that hold several named values; words stand under ``text``."""
PAIRS = (
    ("vessel_involvement", "became_resectable", "all"), ("vessel_involvement", "downstaged"), ("grade_change", "lower_after"),
    ("liver_metastases", "regressed"), ("toxicity", "g3_4"), ("toxicity", "g3_4_any"), ("surgery", "fistula"),
    ("surgery", "pancreatic_fistula", "rlt"), ("surgery", "pancreatic_fistula", "upfront"),
    ("surgery", "nodal_metastases", "rlt"), ("surgery", "nodal_metastases", "upfront"), ("surgery", "complications_severe"),
)  # fmt: skip
"""Places that are counted: each holds ``[events, patients]``, or nothing."""
_RANGES = ("weeks", "months", "years", "ci95", "range", "iqr", "ci")


def check_fields(fields: Mapping[str, Any], where: str = "the extraction") -> None:
    """Refuse values of one study that cannot be, alone or together.

    Raises:
        InputError: a count that is no whole number, a part larger than its whole, responses that add up to more than were
            evaluated, a percentage outside 0 to 100, an activity in another unit, a date that does not exist.

    """
    for place in PAIRS:
        _check_pair(fields, place, where)
    for key, value in fields.items():
        here = f"{where}, {key}"
        if key in OF_PARTS and value is not None and not isinstance(value, Mapping):
            example = '{"n_evaluable": 31, "cr_or_pr": 18}' if key == "response" else '{"text": "as printed"}'
            raise InputError("a field of several values is not written as such", expected=f"as in {example}", found=repr(value),
                             where=here, remedy='name each value, and write words under "text"')  # fmt: skip
        if key in COUNTS:
            _check_count(value, here)
        _check_numbers(key, value, here)
        if key in WITH_FRACTIONS:
            _check_fractions(key, value, here)
    for low, high in PARTS_OF:
        a, b = fields.get(low), fields.get(high)
        if a is not None and b is not None and a > b:
            raise InputError(f"{low} is larger than {high}", found=f"{a} of {b}", where=where, remedy="correct the extraction")
    r0, r1, operated = (fields.get(name) for name in ("n_r0", "n_r1", "n_operated"))
    if None not in (r0, r1, operated) and r0 + r1 > operated:  # type: ignore[operator]
        raise InputError(
            "R0 and R1 are more than were operated", found=f"{r0} + {r1} of {operated}", where=where, remedy="correct the extraction"
        )
    _check_compared(fields.get("grade_change"), f"{where}, grade_change")
    _check_size(fields.get("primary_size_mm"), f"{where}, primary_size_mm")
    _check_ratios(fields.get("survival"), f"{where}, survival")
    response = fields.get("response")
    if isinstance(response, Mapping):
        _check_response(response, fields.get("n_total"), where)


def sound(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values that can be, each taken alone: one that was stored before a check existed must not bar its own correction."""
    kept = {}
    for name, value in fields.items():
        try:
            check_fields({name: value})
        except InputError:
            continue
        kept[name] = value
    return kept


def _check_pair(fields: Mapping[str, Any], place: tuple[str, ...], where: str) -> None:
    """What is counted at a place: two whole numbers, or nothing; text there would be left out of a pool in silence."""
    value: Any = fields
    for depth, key in enumerate(place):
        if not isinstance(value, Mapping):
            # Words instead of arms ("no other differences") are no counts; became_resectable is always by group.
            if depth > 1 and value is not None:
                raise InputError(
                    f"{place[-2]} is not written by group",
                    expected=f'as in {{"{key}": [3, 12]}}',
                    found=repr(value),
                    where=f"{where}, {', '.join(place[:-1])}",
                    remedy="name the group, then events and patients",
                )
            return
        value = value.get(key)
    if value is not None and not (isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value)):
        raise InputError(
            "events and patients are not two whole numbers",
            expected="[events, patients], as in [3, 12]",
            found=repr(value),
            where=f"{where}, {', '.join(place)}",
            remedy="give both counts, or leave the value out",
        )


def _check_compared(change: Any, where: str) -> None:
    compared = change.get("pre_vs_post") if isinstance(change, Mapping) else None
    if compared is None:
        return
    if not isinstance(compared, Mapping):
        raise InputError("grades before and after are not counts", expected='as in {"concordant": 13, "higher_after": 5, "lower_after": 2}',
                         found=repr(compared), where=where, remedy="give the patients of each")  # fmt: skip
    for key, value in compared.items():
        if value is None:
            raise InputError("a count is missing, so that the sum is not known", where=f"{where}, {key}", remedy="leave pre_vs_post out")
        _check_count(value, f"{where}, {key}")


def _check_size(size: Any, where: str) -> None:
    if not isinstance(size, Mapping):
        return
    for key in ("before", "after"):
        value = size.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1000):
            raise InputError("a size that cannot be", expected="mm, above 0", found=repr(value), where=f"{where}, {key}", remedy="give mm")


def _check_ratios(survival: Any, where: str) -> None:
    for name, entry in survival.items() if isinstance(survival, Mapping) else ():
        ratio = entry.get("hr") if isinstance(entry, Mapping) else None
        if ratio is None:
            continue
        interval = entry.get("hr_ci95")
        limits = [item for item in interval if item is not None] if isinstance(interval, list) else []
        numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in (ratio, *limits))
        if (interval is not None and (not isinstance(interval, list) or len(interval) != 2)) or not numbers or ratio <= 0:
            raise InputError("a hazard ratio is not a number with two limits", expected='as in {"hr": 0.67, "hr_ci95": [0.48, 0.95]}',
                             found=f"{ratio!r}, {interval!r}", where=f"{where}, {name}", remedy="give it as printed")  # fmt: skip
        if len(limits) == 2 and not 0 < limits[0] <= ratio <= limits[1]:
            raise InputError("a hazard ratio outside its interval", found=f"{ratio} ({limits[0]} to {limits[1]})",
                             where=f"{where}, {name}", remedy="check the printed numbers")  # fmt: skip


def _check_response(response: Mapping[str, Any], total: Any, where: str) -> None:
    for key in RESPONSE_COUNTS:
        _check_count(response.get(key), f"{where}, response, {key}")
    evaluable = response.get("n_evaluable")
    parts = [response[key] for key in ("cr", "pr", "sd", "pd") if response.get(key) is not None]
    best = response.get("cr_or_pr")
    if evaluable is not None and (sum(parts) > evaluable or (best is not None and best > evaluable)):
        found = f"{best if best is not None else sum(parts)} of {evaluable}"
        raise InputError("the responses are more than were evaluated", found=found, where=where, remedy="correct the extraction")
    if evaluable is not None and total is not None and evaluable > total:
        raise InputError("more were evaluated than treated", found=f"{evaluable} of {total}", where=where, remedy="correct the extraction")


def _check_count(value: Any, where: str) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InputError("a count is not a whole number", found=repr(value), where=where, remedy="give a number of patients, as in 9")


def _check_numbers(key: str, value: Any, where: str, percentage: bool = False) -> None:
    percentage = (percentage or key.endswith("_pct")) and "change" not in key
    if key in LARGEST:
        if isinstance(value, str):
            raise InputError(
                "an activity that is text",
                expected="a number in GBq, as in 7.4, or named ones",
                found=repr(value),
                where=where,
                remedy="give GBq as a number",
            )
        for number in _numbers(value):
            if not 0 < number <= LARGEST[key]:
                raise InputError(
                    "an activity that cannot be",
                    expected=f"GBq, up to {LARGEST[key]:g}",
                    found=f"{number:g}",
                    where=where,
                    remedy="give GBq",
                )
    if key.endswith("_date") and value is not None:
        try:
            date.fromisoformat(str(value))
        except ValueError as error:
            raise InputError("not a date", expected="YYYY-MM-DD", found=str(value), where=where, remedy="correct it") from error
    if isinstance(value, Mapping):
        for name, item in value.items():
            _check_numbers(str(name), item, f"{where}, {name}", percentage and str(name) != "p")
    elif percentage and isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value <= 100:
        raise InputError("a percentage outside 0 to 100", found=str(value), where=where, remedy="correct it")


def _check_fractions(key: str, value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            _check_fractions(str(name), item, f"{where}, {name}")
    elif isinstance(value, list) and len(value) == 2 and all(isinstance(item, int) for item in value):
        if key.split("_")[-1] not in _RANGES and not 0 <= value[0] <= value[1]:
            raise InputError("a fraction above one", found=f"{value[0]} of {value[1]}", where=where, remedy="events first, then patients")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not str(name).startswith("pct"):
                yield from _numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item)
