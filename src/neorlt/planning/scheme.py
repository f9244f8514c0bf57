"""A scheme: what is given, how much, when, with what, and when the surgeon operates.

Words and TOML give the same object; the words are those of ``docs/commands.md``, for example
``2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks, surgery 12 weeks after``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from neorlt.core.errors import InputError
from neorlt.core.sensitisers import SENSITISERS
from neorlt.core.toml_file import read_toml, refuse_unknown, tables_of, text_of
from neorlt.documents.scheme import MAX_CYCLES, SURGERY_WEEKS_AFTER_LAST, Cycle, Scheme
from neorlt.nuclides.nuclide import list_nuclides, normalise_name
from neorlt.nuclides.therapy import planned_nuclide, therapy_nuclides

__all__ = ["DEFAULT_INTERVAL_WEEKS", "MAX_CYCLES", "SURGERY_WEEKS_AFTER_LAST", "Cycle", "Scheme",
           "parse_scheme", "read_scheme", "standard_schemes"]

_FORMS = (
    "'4 x 7.4 GBq Lu-177 every 8 weeks', cycles joined by '+', two nuclides as "
    "'3 x (3.7 GBq Lu-177 and 1.85 GBq Y-90) every 8 weeks', then optionally "
    "'with capecitabine|CAPTEM|5-FU', 'to kidney limit' and ', surgery 12 weeks after'; activities also in GBq/m2; or 'no RLT'"
)


_NUMBER = r"\d+(?:\.\d+)?"
_ACTIVITY = re.compile(
    rf"^\s*(?P<activity>{_NUMBER})\s*(?P<unit>GBq|MBq)(?P<area>/m2|/m²)?\s+(?P<nuclide>[A-Za-z0-9\-\[\]]+)\s*$", re.IGNORECASE
)
_BLOCK = re.compile(
    rf"^\s*(?:(?P<count>\d+)\s*[x×*]\s*)?(?P<what>\(.+?\)|.+?)(?:\s+every\s+(?P<interval>{_NUMBER})\s+weeks?)?\s*$", re.IGNORECASE
)
_SURGERY = re.compile(rf",\s*surgery\s+(?:at\s+)?(?P<weeks>{_NUMBER})\s+weeks?\s+after(?:\s+the\s+last(?:\s+cycle)?)?\s*$", re.IGNORECASE)
_SENSITISER = re.compile(r"\s+with\s+(?P<name>[A-Za-z0-9\-]+)\s*$", re.IGNORECASE)
_LIMIT = re.compile(rf"\s*,?\s+to\s+(?:the\s+)?kidney\s+limit(?:\s+with\s+(?P<p>{_NUMBER})\s*%)?", re.IGNORECASE)
KIDNEY_P_OVER = 0.05
"""Chance of passing the kidney limit where a scheme "to kidney limit" does not say (an assumption)."""
_NO_RLT = re.compile(rf"^\s*no\s+RLT(?:\s*(?:,|until|to)?\s*week\s*(?P<week>{_NUMBER}))?\s*$", re.IGNORECASE)
DEFAULT_INTERVAL_WEEKS = 8.0
"""Interval where the words do not give one: that of the product label (Lutathera, 8 weeks)."""


def parse_scheme(text: str, name: str | None = None, body_surface_m2: float | None = None) -> Scheme:
    """Read a scheme from words; ``body_surface_m2`` turns activities per m² into activities.

    Raises
    ------
    InputError
        Naming the part that was not understood and the forms that are.
    """
    rest = text.strip()
    if match := _NO_RLT.match(rest):
        return Scheme(name or "No RLT", (), watch_weeks=float(match["week"]) if match["week"] else None)
    kidney_p_over = None
    if match := _LIMIT.search(rest):
        kidney_p_over = float(match["p"]) / 100.0 if match["p"] else KIDNEY_P_OVER
        rest = rest[: match.start()] + rest[match.end() :]
    surgery = SURGERY_WEEKS_AFTER_LAST
    if match := _SURGERY.search(rest):
        surgery = float(match["weeks"])
        rest = rest[: match.start()]
    sensitiser = "none"
    if match := _SENSITISER.search(rest):
        sensitiser = match["name"].lower()
        if sensitiser not in SENSITISERS:
            near = get_close_matches(sensitiser, SENSITISERS[1:], 1)
            raise InputError("unknown sensitiser", expected=", ".join(SENSITISERS[1:]), found=match["name"],
                             where=f"scheme {text!r}, character {text.find(match['name']) + 1}",
                             remedy=f"did you mean {near[0]}?" if near else "name one of these after 'with'")
        rest = rest[: match.start()]
    cycles: list[Cycle] = []
    week = 0.0
    for part in rest.split("+"):
        block = _BLOCK.match(part)
        if block is None or not part.strip():
            raise _not_understood(part, text)
        count = int(block["count"] or 1)
        if not 1 <= count <= 12:
            raise InputError("a number of cycles is out of range", expected="1 to 12", found=str(count), where=f"scheme {text!r}",
                             remedy="plan 1 to 12 cycles")
        interval = float(block["interval"] or DEFAULT_INTERVAL_WEEKS)
        if not 1 <= interval <= 52:
            raise InputError("an interval between cycles is out of range", expected="1 to 52 weeks", found=f"{interval:g}",
                             where=f"scheme {text!r}", remedy="give the interval in weeks")
        activity: dict[str, float] = {}
        for item in re.split(r"\s+and\s+", block["what"].strip().strip("()")):
            match = _ACTIVITY.match(item)
            if match is None:
                raise _not_understood(item, text)
            value = float(match["activity"]) / (1000.0 if match["unit"].lower() == "mbq" else 1.0)
            if match["area"]:
                value *= _surface(body_surface_m2, f"scheme {text!r}")
            nuclide = _nuclide(match["nuclide"], text)
            if nuclide in activity:
                raise InputError("a nuclide is given twice in one cycle", found=nuclide, where=f"scheme {text!r}",
                                 remedy="add the activities up")
            activity[nuclide] = value
        for _ in range(count):
            cycles.append(Cycle(week, activity, sensitiser))
            week += interval
    scheme = Scheme(name or "scheme", tuple(cycles), surgery, kidney_p_over=kidney_p_over)
    if name:
        return scheme
    return replace(scheme, name=scheme.text if kidney_p_over is None else text.strip())


def _nuclide(word: str, text: str) -> str:
    """A therapy nuclide by any usual spelling; an unknown one is refused where it stands."""
    if normalise_name(word) in list_nuclides():
        return planned_nuclide(word)
    near = get_close_matches(word.lower(), _SPELT, 1, 0.5)
    raise InputError("the scheme names an unknown nuclide", expected=" or ".join(therapy_nuclides()), found=word,
                     where=f"scheme {text!r}, character {text.find(word) + 1}",
                     remedy=f"did you mean {_SPELT[near[0]]}?" if near
                     else "name one of these, or give --nuclide-file a file of it with a [therapy] table")


def _surface(body_surface_m2: float | None, where: str) -> float:
    if body_surface_m2 is None:
        raise InputError("an activity per m² needs the body surface", where=where,
                         remedy="give weight_kg and height_cm in the patient file, or the activity in GBq")
    return body_surface_m2


_SPELT = {word: name for name, words in (("Lu-177", ("lu-177", "lutetium", "lutathera", "lutate")), ("Y-90", ("y-90", "yttrium")))
          for word in words}  # fmt: skip
_MBQ_PER_MCI = 37.0
"""1 Ci is 3.7e10 Bq by definition (SI Brochure, 8th edition, table 8)."""
_ITEM = re.compile(rf"^(?:\d+\s*[x×*]\s*)?\(?\s*(?P<value>{_NUMBER})\s*(?P<rest>.*)$", re.IGNORECASE)


def _not_understood(part: str, text: str) -> InputError:
    """Point at the first thing in ``part`` (or else in the whole) that is a usual slip, and say how it is written here."""
    for place in (part, text):
        if (slip := _slip(place)) is not None:
            token, remedy = slip
            at = text.find(token) + 1
            return InputError("the scheme is not understood", found=token,
                              where=f"scheme {text!r}" + (f", character {at}" if at else ""), remedy=remedy)
    return InputError("the scheme is not understood", expected=_FORMS, found=part.strip() or "nothing", where=f"scheme {text!r}",
                      remedy="write it in one of these forms, or give a TOML file")


def _slip(text: str) -> tuple[str, str] | None:
    """A token that people write in another way, and what to write; None where nothing of the kind is there."""
    if found := re.search(r"(\d+),(\d+)(?=\s*(?:[GM]Bq|mCi|weeks?))", text, re.IGNORECASE):
        return found[0], f"write the number with a point: {found[1]}.{found[2]}"
    if found := re.search(rf"({_NUMBER})\s*(mCi|Ci)\b", text, re.IGNORECASE):
        gbq = float(found[1]) * _MBQ_PER_MCI / (1000.0 if found[2].lower() == "mci" else 1.0)
        return found[0], f"give the activity in GBq: {gbq:.3g} GBq"
    if found := re.search(rf"({_NUMBER})\s*(kBq|TBq|Bq)\b", text, re.IGNORECASE):
        return found[0], "give the activity in GBq or MBq"
    if found := re.search(rf"({_NUMBER})\s*-?\s*(days?|d|months?|years?|wks?|w)\b", text, re.IGNORECASE):
        unit = found[2].lower()[0]
        weeks = float(found[1]) / 7.0 if unit == "d" else float(found[1]) if unit == "w" else None
        return found[0], "count in weeks" + ("" if weeks is None else f": {weeks:.3g} weeks")
    if found := re.search(r"\bevery\s+(week|\D\S*)(?=\s|$)", text, re.IGNORECASE):
        return found[0], "give the interval as a number of weeks: every 8 weeks"
    if found := re.search(r"\b(one|two|three|four|five|six|eight)\b", text, re.IGNORECASE):
        return found[0], "write the number in digits"
    if found := re.search(r"(?<=\d)\s*(cycles?|times|courses?)(?:\s+of)?\b", text, re.IGNORECASE):
        return found[0].strip(), "write x between the number of cycles and the activity: 4 x 7.4 GBq Lu-177"
    item = _ITEM.match(text.strip())
    if item is not None:
        rest = re.sub(r"\s+every\b.*$", "", item["rest"].strip().rstrip(")"), flags=re.IGNORECASE)
        if re.fullmatch(r"(?:GBq|MBq)(?:/m2|/m²)?", rest, re.IGNORECASE):
            written = f"{item['value']} {rest}"
            return written if written in text else rest, f"name the nuclide: {written} Lu-177"
        if re.fullmatch(r"[A-Za-z]{1,2}-?\d{2,3}|\d{2,3}-?[A-Za-z]{1,2}", rest):
            return f"{item['value']} {rest}", f"give the unit: {item['value']} GBq {rest}"
    return None


_KEYS = {"name", "surgery_weeks_after_last", "sensitiser", "cycle", "kidney_p_over"}
_CYCLE_KEYS = {"week", "peptide", "peptide_ug", "activity_gbq", "activity_gbq_per_m2", "sensitiser"}


def read_scheme(path: Path, body_surface_m2: float | None = None) -> Scheme:
    """Read a scheme from a TOML file (keys in ``docs/files.md``)."""
    path = Path(path)
    document = read_toml(path, "the scheme file")
    refuse_unknown(document, _KEYS, path.name)
    sensitiser = text_of(document, "sensitiser", "none", path.name).lower()
    cycles = []
    rows = tables_of(document, "cycle", path.name)
    if not rows:
        raise InputError("the scheme has no [[cycle]]", where=path.name, remedy="add one [[cycle]] per administration")
    for number, row in enumerate(rows, start=1):
        where = f"{path.name}, cycle {number}"
        refuse_unknown(row, _CYCLE_KEYS, where)
        if isinstance(row.get("activity_gbq_per_m2"), dict) and "activity_gbq" not in row:
            surface = _surface(body_surface_m2, where)
            per_m2 = row["activity_gbq_per_m2"]
            if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in per_m2.values()):
                raise InputError("a value is not a number", where=where, remedy="give activities per m² in GBq")
            row = {**row, "activity_gbq": {k: v * surface for k, v in per_m2.items()}}
        if "week" not in row or not isinstance(row.get("activity_gbq"), dict):
            raise InputError("a cycle needs its week and activity_gbq", where=where,
                             remedy='write for example: week = 0 and activity_gbq = { "Lu-177" = 7.4 }')
        try:
            cycles.append(
                Cycle(float(row["week"]), {planned_nuclide(k): float(v) for k, v in row["activity_gbq"].items()},
                      text_of(row, "sensitiser", sensitiser, where).lower(), text_of(row, "peptide", "", where) or None,
                      None if row.get("peptide_ug") is None else float(row["peptide_ug"]))
            )
        except (TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("a value is not a number", where=where, remedy="give week in weeks and activities in GBq") from error
    surgery = document.get("surgery_weeks_after_last", SURGERY_WEEKS_AFTER_LAST)
    if isinstance(surgery, bool) or not isinstance(surgery, int | float):
        raise InputError("surgery_weeks_after_last is not a number", found=repr(surgery), where=path.name, remedy="give weeks")
    p_over = document.get("kidney_p_over")
    if p_over is not None and (isinstance(p_over, bool) or not isinstance(p_over, int | float)):
        raise InputError("kidney_p_over is not a number", found=repr(p_over), where=path.name, remedy="write for example 0.05")
    return Scheme(text_of(document, "name", path.stem, path.name), tuple(cycles), float(surgery),
                  kidney_p_over=None if p_over is None else float(p_over))


def standard_schemes() -> tuple[Scheme, ...]:
    """The schemes compared where the user names none, counted from baseline."""
    texts = (
        ("2 x 177Lu", "2 x 7.4 GBq Lu-177 every 8 weeks"),
        ("4 x 177Lu", "4 x 7.4 GBq Lu-177 every 8 weeks"),
        ("3 x 90Y", "3 x 2.8 GBq Y-90 every 8 weeks"),
        ("2 x 177Lu + 2 x 90Y", "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks"),
        ("4 x 177Lu with CAPTEM", "4 x 7.4 GBq Lu-177 every 8 weeks with CAPTEM"),
    )
    treated = tuple(parse_scheme(text, name) for name, text in texts)
    latest = max(scheme.surgery_week for scheme in treated)
    return (Scheme("No RLT", (), watch_weeks=latest), *treated)
