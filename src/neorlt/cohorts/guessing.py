"""A map proposed for a table as it comes, with what each guess rests on and every question that it leaves open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from neorlt.cohorts import words
from neorlt.cohorts.dictionary import BY_NAME, Field, spec_for
from neorlt.cohorts.grid import Grid
from neorlt.cohorts.headers import find_targets
from neorlt.cohorts.mapping import OPEN, ROW_NUMBER, ColumnMap, TableMap, map_text, no_patients, reader
from neorlt.cohorts.notation import find_column, find_dates, find_decimal

SHOWN_ROWS = 5


@dataclass(frozen=True)
class Proposal:
    """A map, why each column was read so, and what a person must still decide (each a sentence with column, value, remedy)."""

    table_map: TableMap
    reasons: Mapping[str, str]
    problems: tuple[str, ...]
    grid: Grid

    def text(self) -> str:
        """The map as a TOML file with comments."""
        head = [f"How {self.grid.name} was understood. Read it, correct it, then: neorlt cohort TABLE --map THIS --out DIR",
                *self.grid.notes, 'Everything that stands as "?" must be filled in; "" leaves a column out.']
        head += [f"OPEN: {problem}" for problem in self.problems]
        return map_text(self.table_map, self.reasons, tuple(head))

    def as_json(self) -> dict[str, Any]:
        """The document: columns, problems, and the first rows as understood."""
        shown = {}
        for column in self.table_map.columns:
            spec = spec_for(column.target) if column.target not in ("", OPEN) else None
            if spec is not None:
                shown[column.target] = [_shown(cell, spec, column, self.table_map) for cell in self.grid.column(column.source)[:SHOWN_ROWS]]
        return {
            "file": dict(self.grid.settings) | {"kind": self.grid.kind, "rows": len(self.grid.rows)},
            "decimal": self.table_map.decimal, "dates": self.table_map.dates, "constants": dict(self.table_map.constants),
            "rows_at": list(self.grid.rows_at[:SHOWN_ROWS]),
            "columns": [
                {"from": c.source, "to": c.target or None, "factor": c.factor, "dates": c.dates, "codes": dict(c.codes),
                 "missing": list(c.missing or ()), "why": self.reasons.get(c.source, "")}
                for c in self.table_map.columns
            ],
            "rows": [dict(zip(shown, row, strict=True)) for row in zip(*shown.values(), strict=True)],
            "problems": list(self.problems), "notes": list(self.grid.notes),
        }


def _shown(cell: str, spec: Field, column: ColumnMap, table_map: TableMap) -> str:
    from datetime import timedelta

    from neorlt.cohorts.cells import Value
    from neorlt.cohorts.cohort import EPOCH

    try:
        value = reader(spec, column, table_map)(cell)
    except ValueError as error:
        return f"NOT UNDERSTOOD: {error}"
    if value is None:
        return "(not known)"
    if isinstance(value, Value):
        unit = f" {spec.unit}" if spec.unit else ""
        return f"{value.exact:g}{unit}" if not math.isnan(value.exact) else f"{cell} (kept as an interval){unit}"
    if spec.kind == "date":
        return (EPOCH + timedelta(days=int(value))).isoformat()
    if spec.kind == "flag":
        return "yes" if value else "no"
    return str(value)


def propose(grid: Grid) -> Proposal:
    """Propose a map for a grid."""
    targets, reasons = find_targets(grid)
    problems: list[str] = []
    decimal, shown = find_decimal(grid, targets)
    dates, dates_by, said = find_dates(grid, targets)
    problems += said
    columns = []
    for name in grid.header:
        target = targets.get(name, "")
        if target == OPEN:
            problems.append(f"column {name!r}: {reasons[name]}: write its name into `to`")
            columns.append(ColumnMap(name, OPEN))
            continue
        spec = spec_for(target) if target else None
        if spec is None:
            columns.append(ColumnMap(name, "", note=""))
            continue
        column, why, questions = find_column(grid, name, spec, decimal, dates_by.get(name), order=dates, decimal_shown=shown)
        columns.append(column)
        meaning = f"{spec.description}, {spec.unit}" if spec.unit else spec.description
        reasons[name] = "; ".join(part for part in (meaning, reasons.get(name, ""), why) if part)
        problems += questions
    constants = _constants(targets.values(), problems)
    odd = no_patients(grid, next((name for name, target in targets.items() if target == "patient_id"), None))
    if odd:
        problems.append(f"{'; '.join(f'row {row} ({why})' for row, why in odd.items())}: where these are no patients, "
                        f"write skip_rows = {list(odd)} into [file]")
    if constants.get("patient_id") == ROW_NUMBER:
        grid = replace(grid, notes=(*grid.notes, "no column names the patient, so each row is taken as another patient and one who "
                                    "appears twice is not found: write patient_id into `to` of the column that does"))
    aside = tuple(f"column {name!r}: {why}" for name, why in reasons.items() if not targets.get(name))
    grid = replace(grid, notes=(*grid.notes, *aside))
    settings = {key: value for key, value in grid.settings.items() if value not in (None, "")}
    return Proposal(TableMap(tuple(columns), decimal, dates, words.MISSING, constants, settings), reasons, tuple(problems), grid)


def _constants(targets: Any, problems: list[str]) -> dict[str, str]:
    have = set(targets)
    constants: dict[str, str] = {}
    if "patient_id" not in have:
        constants["patient_id"] = ROW_NUMBER
    if "group" not in have:
        constants["group"] = OPEN
        problems.append("the table has no group: write rlt or upfront_surgery into constants.group (what was planned first, for all)")
    if "margin" in have and "margin_rule_mm" not in have:
        constants["margin_rule_mm"] = OPEN
        problems.append("the table has margins but not their rule: write 0 or 1 (mm that count as R1) into constants.margin_rule_mm")
    derived = {"last_date": {"last_seen_date"}, "died": {"death_date"}}
    for spec in BY_NAME.values():
        if spec.required and spec.name not in have | set(constants) and not derived.get(spec.name, {""}) <= have:
            problems.append(f"no column was found for {spec.name} ({spec.description}): write it into `to` of the column that holds it")
    return constants
