"""Lesions, organs, curves and dose–volume figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neorlt.core.nuclide_words import nuclide_words
from neorlt.reporting.rounding import given, is_number, number
from neorlt.reporting.views.cells import (
    Cell,
    Column,
    block,
    dose_cell,
    given_cell,
    interval_cell,
    key_words,
    label_of,
    maps,
    share_label,
    texts,
    with_unit,
)


@dataclass(frozen=True)
class RegionRow:
    """One lesion or organ: its name, its cells, and what the reader must know about it."""

    name: str
    where: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RegionTable:
    """Heads and rows; a column that no region fills is left out."""

    columns: tuple[Column, ...]
    rows: tuple[RegionRow, ...]


def lesions(rows: Sequence[Mapping[str, Any]]) -> RegionTable:
    """Table of lesions."""
    return _table(
        rows,
        [
            (Column("Longest diameter"), [_measured(row, "longest_diameter_mm", "mm") for row in rows]),
            (Column("Volume"), [_measured(row, "volume_ml", "ml") for row in rows]),
            (Column("Ki-67"), [given_cell(row, "ki67_pct", "%") for row in rows]),
            (Column("SUVmax"), [_measured(row, "suv_max", "") for row in rows]),
            *_dose_columns(rows),
        ],
    )


def organs(rows: Sequence[Mapping[str, Any]]) -> RegionTable:
    """Table of organs at risk."""
    return _table(
        rows,
        [
            (Column("Volume"), [_measured(row, "volume_ml", "ml") for row in rows]),
            *_dose_columns(rows),
            (Column("BED", "this cycle"), [dose_cell(row, "bed_gy", "Gy") for row in rows]),
        ],
    )


def kidneys_as_organ(kidneys: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The kidneys' dose per activity as one organ row, where the plan has no measured organ."""
    per_activity = block(kidneys.get("gy_per_gbq"))
    if not per_activity:
        return []
    return [
        {
            "name": "kidneys",
            "dose_origin": kidneys.get("origin"),
            "gy_per_gbq": per_activity.get("Lu-177"),
            "gy_per_gbq_y90": per_activity.get("Y-90"),
            "gy_per_gbq_by_nuclide": per_activity,
            "labels": block(kidneys.get("labels")),
        }
    ]


def _dose_columns(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Column, list[Cell]]]:
    return [
        (Column("Absorbed dose", "measured cycle"), [dose_cell(row, "dose_gy", "Gy") for row in rows]),
        (Column("Dose per activity"), [dose_cell(row, "gy_per_gbq", "Gy/GBq") for row in rows]),
        (Column("Dose per activity", "of 90Y, derived"), [dose_cell(row, "gy_per_gbq_y90", "Gy/GBq") for row in rows]),
        *((Column("Dose per activity", f"of {nuclide_words(name)}, derived"), [_other(row, name) for row in rows])
          for name in _others(rows)),
        (Column("Time-integrated activity"), [dose_cell(row, "tia_mbq_h", "MBq·h") for row in rows]),
        (Column("Effective half-life"), [_half_life(row) for row in rows]),
        (Column("Recovery", "share seen before correction"), [_recovery(row) for row in rows]),
    ]


def _others(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Nuclides beyond 177Lu and 90Y whose dose per activity some row holds."""
    return list(dict.fromkeys(name for row in rows for name in block(row.get("gy_per_gbq_by_nuclide")) if name not in ("Lu-177", "Y-90")))


def _other(row: Mapping[str, Any], nuclide: str) -> Cell:
    value = block(row.get("gy_per_gbq_by_nuclide")).get(nuclide)
    return dose_cell({"value": value, "labels": {"value": block(row.get("labels")).get("gy_per_gbq_y90")}}, "value", "Gy/GBq")


def _measured(row: Mapping[str, Any], key: str, unit: str) -> Cell:
    value = row.get(key)
    # Three digits: measured sizes are compared with earlier reports.
    return Cell(with_unit(number(value, 3), unit), label=label_of(row, key)) if is_number(value) else given_cell(row, key, unit)


def _half_life(row: Mapping[str, Any]) -> Cell:
    return interval_cell(row, "effective_half_life_h", "h")


def _recovery(row: Mapping[str, Any]) -> Cell:
    value = row.get("recovery")
    shown = value.get("median") if isinstance(value, Mapping) else value
    if not is_number(shown):
        return given_cell(row, "recovery", "")
    return Cell(f"{100 * float(shown):.0f}\u00a0%", label=label_of(row, "recovery"))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[tuple[Column, list[Cell]]]) -> RegionTable:
    kept = [share_label(column, cells) for column, cells in columns if any(not cell.absent for cell in cells)]
    shown = tuple(
        RegionRow(
            name=str(row.get("id") or row.get("name") or f"region {i + 1}"),
            where=_where(row),
            cells=tuple(cells[i] for _, cells in kept),
            notes=_notes(row),
        )
        for i, row in enumerate(rows)
    )
    return RegionTable(tuple(column for column, _ in kept), shown)


def _where(row: Mapping[str, Any]) -> str:
    parts = [str(row["site"]).replace("-", " ")] if row.get("site") else []
    model = row.get("model")
    if model:
        short = str(model).split(" (")[0]
        parts.append(f"{short} fit" if "exponential" in short else short)
    if row.get("nuclide"):
        parts.append(str(row["nuclide"]))
    if row.get("dose_origin"):
        parts.append(f"dose from {row['dose_origin']}")
    return ", ".join(parts)


def _notes(row: Mapping[str, Any]) -> tuple[str, ...]:
    notes = texts(row.get("flags"))
    for status in maps(row.get("status")):
        if str(status.get("name", "")).lower() == "ok":
            continue
        notes.append(
            " ".join(text for text in (str(status.get("sentence") or status.get("name") or ""), str(status.get("advice") or "")) if text)
        )
    for vessel in maps(row.get("vessels")):
        notes.append("Contact with " + vessel_words(vessel) + ".")
    return tuple(notes)


def vessel_words(vessel: Mapping[str, Any]) -> str:
    """One vessel's contact in words."""
    text = str(vessel.get("name", "vessel"))
    if is_number(vessel.get("contact_deg")):
        text += f" {given(vessel['contact_deg'])}°"
    extra = [word for word in ("irregular", "occluded") if vessel.get(word)]
    if vessel.get("reconstructible") is False:
        extra.append("not reconstructible")
    return text + (f" ({', '.join(extra)})" if extra else "")


def dvh_rows(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    """Mean, D98, D90, D50 and D2 of each region, in Gy."""
    keys = ("mean_gy", "d98_gy", "d90_gy", "d50_gy", "d2_gy")
    return [(str(row.get("name", "")), tuple(number(row[key]) if is_number(row.get(key)) else "–" for key in keys)) for row in rows]


def generic(rows: Any) -> tuple[list[str], list[list[str]]] | None:
    """Heads and rows of a list of flat mappings whose keys are not known beforehand; None where there is none."""
    known = maps(rows)
    if not known:
        return None
    keys = [str(key) for key in dict.fromkeys(key for row in known for key in row if key not in ("labels", "reason"))]
    body = []
    for row in known:
        line = []
        for key in keys:
            value = row.get(key)
            if isinstance(value, Mapping):
                cell = dose_cell({key: block(value)}, key, "")
                line.append(f"{cell.main} ({cell.sub})" if cell.sub else cell.main)
            else:
                line.append(number(value) if is_number(value) else "–" if value is None else str(value))
        body.append(line)
    return [key_words(key) for key in keys], body


ROLE_HEADS = ("Region", "Role", "Why", "ml", "Drawn in")
LEDGER_HEADS = ("Step", "Value", "Where it stands", "From")


def roles(rows: Any) -> list[tuple[str, str, str, str, str]]:
    """Every region of the study: name, role, why it has it, volume, and where it was drawn."""
    return [
        (str(row.get("name", "")), str(row.get("role", "")), str(row.get("why") or "–"), number(row.get("volume_ml")),
         str(row.get("source") or "–"))
        for row in maps(rows)
    ]  # fmt: skip


def ledger(rows: Any) -> list[tuple[str, list[tuple[str, str, str, str]], int]]:
    """By image: the steps from stored numbers to its unit, and how many other attributes the document holds as its files state them."""
    known = maps(rows)
    found = []
    for image in dict.fromkeys(str(row.get("image", "")) for row in known):
        own = [row for row in known if str(row.get("image", "")) == image]
        steps = [row for row in own if row.get("step") != "stated"]
        lines = [
            (str(row.get("step", "")), f"{row.get('value', '')} {row.get('unit', '')}".strip(), str(row.get("tag") or "–"),
             str(row.get("from") or "–"))
            for row in steps
        ]  # fmt: skip
        found.append((image, lines, len(own) - len(steps)))
    return found
