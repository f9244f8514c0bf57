"""``neorlt grade``, ``stage``, ``recist`` and ``ctcae``: one rule of the field for one patient."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neorlt.clinic import recist, rules
from neorlt.clinic.recist import Response
from neorlt.clinic.rules import Answer, Rule
from neorlt.core.errors import InputError
from neorlt.core.pairs import once

SYSTEMS = ("ajcc8", "enets2006", "ajcc9")
Flag = bool | None


def grade_command(key: str | None, pairs: Sequence[str]) -> dict[str, Any]:
    """Answer of a rule of the list to ``name=value`` pairs; the WHO grade where no rule is named.

    Raises
    ------
    InputError
        If the rule, a name or a value is not understood, or a name stands twice.
    """
    words = once(_pair(text) for text in pairs)
    if key is None:
        key = "who" if "mitoses_per_2mm2" in words else "who-ki67"
    rule = rules.rule(key)
    return _document(rule, _parsed(rule, words))


def ctcae_command(term: str, words: Mapping[str, str | None], version: str) -> dict[str, Any]:
    """CTCAE grade of a laboratory value; ``words`` holds the value and the limits as they were typed."""
    rule = rules.ctcae_rule(term, version)
    asked = {item.name for item in rule.inputs}
    return _document(rule, _parsed(rule, {name: text for name, text in words.items() if text is not None and name in asked}))


def stage_command(
    system: str, *, t: str | None, n: str | None, m: str | None, size_mm: str | None = None, duct: str | None = None,
    organ: str | None = None,
) -> dict[str, Any]:
    """Stage from T, N and M; T from size and invasion where it is not given.

    Raises
    ------
    InputError
        If the system or a category is not understood, or T is given twice.
    """
    if system not in SYSTEMS:
        raise InputError("unknown staging system", expected=", ".join(SYSTEMS), found=system, remedy="use one of these")
    if t is not None and (size_mm is not None or duct is not None or organ is not None):
        raise InputError("T is given twice", found="--t and a size or an invasion", remedy="give --t, or size and invasion")
    notes: tuple[str, ...] = ()
    possible: list[float | None] = []
    if t is not None:
        category: float | None = _category(t, "--t", ("1", "2", "3", "4"))
    else:
        by_size = rules.rule("t")
        words = {"size_mm": size_mm, "invades_duodenum_or_bile_duct": duct, "invades_organ_or_artery": organ}
        found = by_size.answer(_parsed(by_size, {name: text for name, text in words.items() if text is not None}))
        category = float(found.code) if found.name is not None else None
        possible = [float(name[1:]) for name in found.possible]
        notes = (f"{found.name} by size and invasion",) if found.name else (f"T {found.reason}; possible {', '.join(found.possible)}",)
    rule = rules.rule(system)
    nodes, distant = _category(n, "--n", ("0", "1")), _category(m, "--m", ("0", "1"))
    values: dict[str, Any] = {"m1": None if distant is None else distant == 1}
    if system == "ajcc9":
        values["nodes_recorded_as_x"] = n.strip().lower() in ("x", "nx") if n is not None else None
    else:
        values["n1"] = None if nodes is None else nodes == 1
    # Where the size leaves several T open they may still share one stage.
    answers = [rule.answer({"t": each, **values}) for each in possible or [category]]
    document = _document(rule, {"t": category, **values})
    names = list(dict.fromkeys(name for answer in answers for name in ((answer.name,) if answer.name else answer.possible)))
    if len(names) == 1 and all(answer.name for answer in answers):
        document |= {"class": names[0], "reason": None, "possible": []}
    elif document["class"] is None:
        document["possible"] = sorted(names, key=list(rule.names.values()).index)
    document["notes"] = [*notes, *document["notes"]]
    return document


def recist_command(
    sums_mm: Sequence[float], weeks: Sequence[float] | None = None, *, new_lesion: Sequence[Flag] | None = None,
    targets_gone: Sequence[Flag] | None = None, confirm: bool = False, stable_weeks: float = recist.STABLE_DISEASE_WEEKS,
) -> dict[str, Any]:
    """RECIST 1.1 over a series of sums, the baseline first: response at each visit and the best one.

    Raises
    ------
    InputError
        If there is no follow-up, or the lists differ in length.
    """
    visits = len(sums_mm) - 1
    if visits < 1:
        raise InputError("a response needs a baseline and a follow-up", expected="two sums or more", found=str(len(sums_mm)),
                         remedy="give --sums baseline,first,second,…")
    if sums_mm[0] == 0.0 or any(total < 0.0 for total in sums_mm):
        raise InputError("these sums cannot be", expected="a baseline above 0 mm, no sum below 0",
                         found=", ".join(f"{total:g}" for total in sums_mm), where="--sums",
                         remedy="without a target lesion at baseline: neorlt grade recist-non-target-only")
    for name, given in (("--weeks", weeks), ("--new", new_lesion), ("--gone", targets_gone)):
        if given is not None and len(given) != visits:
            raise InputError(f"{name} does not fit the sums", expected=f"{visits} values, one a follow-up", found=str(len(given)),
                             remedy="leave the baseline out of it")
    new: list[Flag] = [None] * visits if new_lesion is None else list(new_lesion)
    gone: list[Flag] = [False] * visits if targets_gone is None else list(targets_gone)
    seen = [np.array([np.nan if flag is None else float(flag) for flag in flags]) for flags in (new, gone)]
    codes = [int(code) for code in recist.classify_series(sums_mm, seen[0], targets_gone=seen[1])]
    ways = _ways(sums_mm, new, gone, lambda found: recist.best_response(found, weeks=weeks, confirm=confirm, stable_weeks=stable_weeks))
    best = ways[0] if len(ways) == 1 else Response.NE
    rule, rows, cleared, lowest = rules.rule("recist"), [], False, float(sums_mm[0])
    for k in range(visits):
        now = float(sums_mm[k + 1])
        answer = rule.answer({"sum_mm": now, "baseline_mm": sums_mm[0], "nadir_mm": lowest, "new_lesion": new[k],
                              "targets_gone": gone[k], "after_complete_response": cleared})
        rows.append({"week": None if weeks is None else weeks[k], "sum_mm": None if np.isnan(now) else now,
                     "change_from_baseline_pct": None if np.isnan(now) or np.isnan(sums_mm[0]) else 100.0 * (now / sums_mm[0] - 1.0),
                     "class": answer.name, "reason": answer.reason, "possible": list(answer.possible)})
        cleared, lowest = cleared or codes[k] == Response.CR, min(lowest, now) if not np.isnan(now) else lowest
    reason, possible = _why_not(codes, weeks, stable_weeks) if best == Response.NE else None, [way.name for way in ways if len(ways) > 1]
    if possible:
        reason = "not known, and it decides: a new lesion at a visit, or whether every target was gone; see the visits"
    title = "best overall response, confirmed" if confirm else "best overall response"
    found = Answer(int(best), None if best == Response.NE else best.name, title, rule.version, rule.source, reason, tuple(possible))
    return {**found.as_json(), "visits": rows, "confirmed": confirm, "least_weeks_of_stable_disease": stable_weeks}


def list_command() -> dict[str, Any]:
    """Every rule with its inputs, version and source."""
    return {"rules": [
        {"rule": rule.key, "gives": rule.title, "inputs": [item.name for item in rule.inputs], "version": rule.version,
         "source": rule.source}
        for rule in rules.every_rule()
    ]}


def _ways(
    sums_mm: Sequence[float], new: Sequence[Flag], gone: Sequence[Flag], best: Callable[[Sequence[int]], Response]
) -> list[Response]:
    """Every best response that the unknown flags leave open. A visit without a sum is passed over, as the rule has it."""
    measured = [not np.isnan(total) for total in sums_mm[1:]]
    found = set()
    # A new lesion ends the series, so of the visits that do not say, only the first one with a lesion matters.
    unsaid = [k for k, flag in enumerate(new) if flag is None and measured[k]]
    for first in (*unsaid, len(new)):
        lesion = [flag if flag is not None else k >= first for k, flag in enumerate(new)]
        for ends in itertools.product(*([flag] if flag is not None else [False, True] for flag in gone)):
            found.add(best([int(code) for code in recist.classify_series(sums_mm, lesion, targets_gone=ends)]))
    return sorted(found)


def _why_not(codes: Sequence[int], weeks: Sequence[float] | None, stable_weeks: float) -> str:
    if any(code <= Response.SD for code in codes):
        return ("the weeks of the follow-ups are not known, so stable disease cannot be told from a scan that came too early"
                if weeks is None else f"no assessment at or after week {stable_weeks:g}, the least for stable disease")
    return "no follow-up could be evaluated: see the visits"


def _document(rule: Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**rule.answer(values).as_json(), "inputs": {item.name: _shown(values.get(item.name)) for item in rule.inputs}}


def _shown(value: Any) -> Any:
    return "never" if isinstance(value, float) and np.isinf(value) else value


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise InputError("an input is not understood", expected="name=value", found=text, remedy="write for example ki67_pct=5")
    return name.strip().replace("-", "_"), value


def _parsed(rule: Rule, words: Mapping[str, str]) -> dict[str, Any]:
    known = {item.name: item for item in rule.inputs}
    strange = sorted(set(words) - set(known))
    if strange:
        raise InputError(f"the rule {rule.key} does not ask for this", expected=", ".join(known), found=", ".join(strange),
                         remedy="give only what it asks for")
    return {name: known[name].parse(text) for name, text in words.items()}


def _category(text: str | None, option: str, allowed: Sequence[str]) -> float | None:
    key = "" if text is None else text.strip().lower().lstrip("tnm")
    if key in ("", "x", "unknown", "?"):
        return None
    if key not in allowed:
        raise InputError("a category is not understood", expected=f"{', '.join(allowed)}, x or unknown", found=str(text), where=option,
                         remedy="write the number alone")
    return float(key)
