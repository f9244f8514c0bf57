"""Intermediate values of a plan as plain tables, so that another program can check each step from activity to prediction."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def _write(path: Path, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows([["" if value is None else value for value in row] for row in rows])


def write_steps(plan: Mapping[str, Any], folder: Path) -> list[str]:
    """Write one CSV a step into ``folder`` and return their names; units stand in the heads.

    ``1_activity.csv`` holds points of each curve, ``2_regions.csv`` time-integrated activity and dose, ``3_cycles.csv`` what
    each scheme gives, ``4_schemes.csv`` doses and predictions of each scheme.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "1_activity.csv", ["region", "nuclide", "time_h", "activity_mbq", "sd_mbq", "uncorrected_mbq"], [
        [curve.get("name"), curve.get("nuclide"), *point]
        for curve in plan.get("curves", ())
        for point in zip(curve["time_h"], curve["activity_mbq"], curve["sd_mbq"], curve["uncorrected_mbq"], strict=True)])

    def part(row: Mapping[str, Any], key: str, name: str) -> Any:
        value = row.get(key)
        return value.get(name) if isinstance(value, Mapping) else None

    _write(folder / "2_regions.csv", [
        "region", "kind", "origin", "nuclide", "volume_ml", "mass_g", "recovery", "model", "tia_mbq_h_mean", "tia_mbq_h_sd",
        "effective_half_life_h", "dose_gy_mean", "dose_gy_sd", "gy_per_gbq_median", "gy_per_gbq_y90_median"], [
        [row.get("id") or row.get("name"), kind, row.get("dose_origin") or "images", row.get("nuclide"), row.get("volume_ml"),
         row.get("mass_g"), row.get("recovery"), row.get("model"), part(row, "tia_mbq_h", "mean"), part(row, "tia_mbq_h", "sd"),
         row.get("effective_half_life_h"), part(row, "dose_gy", "mean"), part(row, "dose_gy", "sd"), part(row, "gy_per_gbq", "median"),
         part(row, "gy_per_gbq_y90", "median")]
        for kind, rows in (("lesion", plan.get("lesions", ())), ("organ", plan.get("organs", ()))) for row in rows])
    given = [name for scheme in plan.get("schemes", ()) for cycle in scheme["cycles"] for name in cycle["activity_gbq"]]
    nuclides = list(dict.fromkeys(["Lu-177", "Y-90", *given]))
    columns = [f"{name.replace('-', '').lower()}_gbq" for name in nuclides]
    _write(folder / "3_cycles.csv", ["scheme", "week", *columns, "sensitiser"], [
        [scheme["name"], cycle["week"], *(cycle["activity_gbq"].get(name, 0.0) for name in nuclides), cycle.get("sensitiser")]
        for scheme in plan.get("schemes", ()) for cycle in scheme["cycles"]])
    rows = []
    for scheme in plan.get("schemes", ()):
        for quantity in ("diameter_change_pct", "diameter_mm_at_surgery", "kidney_dose_gy", "kidney_bed_gy"):
            value = scheme[quantity]
            rows.append([scheme["name"], quantity, "", value["median"], *value["ci90"]])
        for lesion, value in scheme["lesion_dose_gy"].items():
            rows.append([scheme["name"], "lesion_dose_gy", lesion, value["median"], *value["ci90"]])
        for quantity in ("p_objective_response", "p_resectable", "p_not_locally_advanced"):
            if scheme[quantity] is not None:
                rows.append([scheme["name"], quantity, "", scheme[quantity], *scheme[f"{quantity}_ci90"]])
        rows.append([scheme["name"], "p_kidney_over_limit", "", scheme["kidney_bed_gy"]["p_over_limit"], None, None])
    _write(folder / "4_schemes.csv", ["scheme", "quantity", "region", "median_or_mean", "low90", "high90"], rows)
    return sorted(path.name for path in folder.glob("*.csv"))
