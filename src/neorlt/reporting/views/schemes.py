"""Schemes: the table that opens the report, and the table of everything else that was predicted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neorlt.core.nuclide_words import nuclide_words
from neorlt.core.proportions import limits_differ
from neorlt.reporting.rounding import fixed, given, interval, is_number, joined, percent, times
from neorlt.reporting.views.cells import (
    Cell,
    Column,
    block,
    interval_cell,
    label_of,
    maps,
    probability_cell,
    reason_for,
    share_label,
    with_unit,
)
from neorlt.reporting.views.front import capital

_SENSITISERS = {"captem": "CAPTEM", "5-fu": "5-FU"}
MAX_COLUMNS = 6
"""Schemes side by side in one table of details; more than this does not fit on paper."""


@dataclass(frozen=True)
class SchemeRow:
    """One line of the opening table."""

    letter: str
    name: str
    text: str
    when: str
    cells: tuple[Cell, ...]
    limited_by: str
    doses_derived: bool


@dataclass(frozen=True)
class DetailTable:
    """Quantities down, schemes across."""

    heads: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Column, tuple[Cell, ...]], ...]


def letters_for(count: int) -> list[str]:
    """``A``, ``B`` … ``Z``, ``AA`` …, one for each scheme."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [alphabet[i] if i < 26 else alphabet[i // 26 - 1] + alphabet[i % 26] for i in range(count)]


def second_nuclide(schemes: Sequence[Mapping[str, Any]]) -> str:
    """What the second mark of a time axis stands for: the nuclides beside 177Lu that the schemes give."""
    given = [name for scheme in schemes for cycle in maps(scheme.get("cycles")) for name in block(cycle.get("activity_gbq"))]
    return " or ".join(dict.fromkeys(nuclide_words(name) for name in given if name != "Lu-177")) or "90Y"


def opening(schemes: Sequence[Mapping[str, Any]], letters: Sequence[str]) -> tuple[list[Column], list[SchemeRow]]:
    """Heads and lines of the opening table."""
    columns: list[tuple[Column, list[Cell]]] = [
        (
            Column("Objective response", "chance of ≥ 30 % shrinkage"),
            [probability_cell(s, "p_objective_response") for s in schemes],
        ),
        (Column("Resectable", "chance at surgery"), [probability_cell(s, "p_resectable") for s in schemes]),
        (Column("Diameter", "change until surgery"), [interval_cell(s, "diameter_change_pct", "%") for s in schemes]),
        (Column("Kidney BED", "all cycles together"), [_kidney(s) for s in schemes]),
        (Column("Platelets", "lowest value, 10⁹/l"), [_nadir(s, "platelets_nadir") for s in schemes]),
    ]
    shared = [share_label(column, cells) for column, cells in columns]
    rows = [
        SchemeRow(
            letter=letters[i],
            name=times(str(scheme.get("name") or scheme.get("text") or f"Scheme {letters[i]}")),
            text=_unless_same(scheme),
            when=f"surgery in week {given(scheme['surgery_week'])}"
            if scheme.get("cycles") and is_number(scheme.get("surgery_week"))
            else "",
            cells=tuple(cells[i] for _, cells in shared),
            limited_by=times(str(scheme.get("limited_by") or "")),
            doses_derived=bool(scheme.get("doses_derived")),
        )
        for i, scheme in enumerate(schemes)
    ]
    return [column for column, _ in shared], rows


def _unless_same(scheme: Mapping[str, Any]) -> str:
    # The week of surgery has its own line.
    text, name = (re.sub(r",? surgery [\d.]+ weeks after$", "", str(scheme.get(key) or "")) for key in ("text", "name"))
    return "" if text == name else times(text)


def _kidney(scheme: Mapping[str, Any]) -> Cell:
    value = block(scheme.get("kidney_bed_gy"))
    notes = []
    over = percent(value.get("p_over_limit"))
    if over is not None:
        limit = f"{given(value['limit_gy'])} Gy" if is_number(value.get("limit_gy")) else "the limit"
        notes.append(f"{over} over {limit}".replace(" ", "\u00a0"))
    if interval(value) == ("0", ""):
        return Cell("0\u00a0Gy", label=label_of(scheme, "kidney_bed_gy"))
    return interval_cell(scheme, "kidney_bed_gy", "Gy", notes=notes)


def nadir_interval(nadir: Mapping[str, Any]) -> tuple[str, str] | None:
    """Lowest value and its interval; the interval stands inside the value or beside it."""
    value = nadir.get("value_e9_per_l")
    return interval({"median": value, "ci90": nadir.get("ci90")} if is_number(value) else value)


def _nadir(scheme: Mapping[str, Any], key: str) -> Cell:
    value = block(scheme.get(key))
    shown = nadir_interval(value)
    if shown is None:
        reason = value.get("reason") or reason_for(scheme, key)
        return Cell("not available", str(reason or ""), absent=True)
    notes = []
    risk = percent(value.get("p_grade34"))
    if risk is not None:
        notes.append(f"{risk} grade 3–4")
    return Cell(shown[0], shown[1], tuple(notes), label_of(scheme, key))


def _week_of(key: str) -> Callable[[Mapping[str, Any]], Cell]:
    def cell(scheme: Mapping[str, Any]) -> Cell:
        week = block(scheme.get(key)).get("week")
        if not scheme.get("cycles") or not (is_number(week) or interval(week)):
            return Cell("–", absent=True)
        shown = interval(week) or (fixed(float(week or 0), 0), "")
        return Cell(f"week {shown[0]}", shown[1], label=label_of(scheme, key))

    return cell


def _activity(scheme: Mapping[str, Any]) -> Cell:
    totals: dict[str, list[float]] = {}
    for cycle in maps(scheme.get("cycles")):
        for nuclide, activity in block(cycle.get("activity_gbq")).items():
            if is_number(activity):
                totals.setdefault(str(nuclide), []).append(float(activity))
    if not totals:
        return Cell("none")
    lines = []
    for nuclide, activities in totals.items():
        same = len(set(activities)) == 1
        shown = f"{len(activities)} × {given(activities[0])}" if same else joined([given(a) for a in activities])
        lines.append(f"{shown} GBq {nuclide}")
    sensitiser = scheme.get("sensitiser")
    notes = [f"with {_SENSITISERS.get(str(sensitiser), str(sensitiser))}"] if sensitiser and str(sensitiser) != "none" else []
    return Cell("", "", (*lines, *notes))


def _contact(vessel: str) -> Callable[[Mapping[str, Any]], Cell]:
    def cell(scheme: Mapping[str, Any]) -> Cell:
        for row in maps(scheme.get("contact_deg")):
            if str(row.get("vessel")) == vessel:
                shown = interval(row)
                if shown is not None:
                    return Cell(with_unit(shown[0], "°"), shown[1], label=label_of(scheme, "contact_deg"))
        return Cell("–", absent=True)

    return cell


def _lesion_dose(scheme: Mapping[str, Any], lesion: str) -> Cell:
    cell = interval_cell(block(scheme.get("lesion_dose_gy")), lesion, "Gy")
    return Cell(cell.main, cell.sub, cell.notes, label_of(scheme, "lesion_dose_gy"), cell.absent)


def details(schemes: Sequence[Mapping[str, Any]], letters: Sequence[str]) -> list[DetailTable]:
    """Everything predicted beside the opening table; rows that no scheme fills are left out."""
    vessels = list(dict.fromkeys(str(row.get("vessel")) for scheme in schemes for row in maps(scheme.get("contact_deg"))))
    lesions = list(dict.fromkeys(str(name) for scheme in schemes for name in block(scheme.get("lesion_dose_gy"))))
    makers: list[tuple[Column, Callable[[Mapping[str, Any]], Cell]]] = [
        (Column("Activity given"), _activity),
        *((Column(f"Dose to {lesion}", "all cycles together"), lambda s, lesion=lesion: _lesion_dose(s, lesion)) for lesion in lesions),
        (Column("Kidney dose", "all cycles together"), lambda s: interval_cell(s, "kidney_dose_gy", "Gy")),
        (Column("Longest diameter at surgery"), lambda s: interval_cell(s, "diameter_mm_at_surgery", "mm")),
        (Column("Change of liver tumour volume"), lambda s: interval_cell(s, "liver_burden_change_pct", "%")),
        *((Column(f"Contact with {vessel}", "part of the circumference"), _contact(vessel)) for vessel in vessels),
        (
            Column("Not locally advanced", "chance at surgery: resectable or borderline"),
            lambda s: probability_cell(s, "p_not_locally_advanced", strip=False),
        ),
        (Column("Ki-67 at surgery"), lambda s: interval_cell(s, "ki67_at_surgery_pct", "%")),
        (Column("Lower WHO grade at surgery", "chance"), lambda s: probability_cell(s, "p_downgrading", strip=False)),
        (
            Column("… from biopsy sampling alone", "what a second biopsy would show without any treatment"),
            lambda s: probability_cell(s, "p_downgrading_sampling_only", strip=False),
        ),
        (Column("Scar tissue in the tumour"), lambda s: interval_cell(s, "stroma_pct", "%")),
        (Column("Platelets lowest in"), _week_of("platelets_nadir")),
        (Column("Neutrophils", "lowest value, 10⁹/l"), lambda s: _nadir(s, "neutrophils_nadir")),
        (Column("Neutrophils lowest in"), _week_of("neutrophils_nadir")),
        (Column("Lymphocytes", "lowest value, 10⁹/l"), lambda s: _nadir(s, "lymphocytes_nadir")),
        (Column("Haemoglobin lowest"), lambda s: interval_cell(s, "haemoglobin_nadir_g_dl", "g/dl")),
        (
            Column("Kidney function", "change of eGFR in the first year"),
            lambda s: interval_cell(s, "egfr_change_ml_min_per_year", "ml/min"),
        ),
        (Column("Second blood cancer", "long-term risk"), lambda s: probability_cell(s, "p_secondary_neoplasm", strip=False)),
    ]
    tables = []
    for start in range(0, len(schemes), MAX_COLUMNS):
        part, names = schemes[start : start + MAX_COLUMNS], letters[start : start + MAX_COLUMNS]
        rows = []
        for column, maker in makers:
            cells = [maker(scheme) for scheme in part]
            if any(not cell.absent for cell in cells):
                head, quiet = share_label(column, cells)
                rows.append((head, tuple(quiet)))
        heads = tuple((letter, times(str(scheme.get("name", "")))) for letter, scheme in zip(names, part, strict=True))
        if rows:
            tables.append(DetailTable(heads, tuple(rows)))
    return tables


def _endpoint(name: str) -> str:
    text = name.removeprefix("p_").replace("_", " ")
    for word in ("90y", "177lu", "rlt"):
        text = re.sub(rf"\b{word}\b", {"90y": "90Y", "177lu": "177Lu", "rlt": "RLT"}[word], text)
    return capital(text)


def rates(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Published small-number rates, with their 95 % interval, in words."""
    shown = []
    notes = {str(row.get("note") or "") for row in rows}
    for row in rows:
        events, n = row.get("events"), row.get("n")
        share = percent(events / n) if is_number(events) and is_number(n) and n else None
        ends = row.get("ci95")
        band = ""
        if isinstance(ends, Sequence) and not isinstance(ends, str) and len(ends) == 2 and all(map(is_number, ends)):
            band = f"{percent(ends[0])} to {percent(ends[1])}"
            other = row.get("likelihood95")
            if isinstance(other, Sequence) and limits_differ((ends[0], ends[1]), (other[0], other[1])):
                band += f"; by likelihood {percent(other[0])} to {percent(other[1])}"
        shown.append(
            {
                "endpoint": _endpoint(str(row.get("endpoint", ""))),
                "count": f"{given(events)} of {given(n)}"
                if is_number(events) and is_number(n)
                else str(row.get("reason") or "no count published"),
                "share": share or "–",
                "band": band or "no interval",
                "source": str(row.get("source") or ""),
                # A note that every row repeats says nothing that the table's heading does not.
                "note": str(row.get("note") or "") if len(notes) > 1 or len(rows) == 1 else "",
            }
        )
    return shown
