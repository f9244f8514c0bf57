"""What a report of clinical dosimetry must state (items after the EANM guidance), and the level of prescription it serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NO_EFFECTIVE_DOSE = "not given: effective dose is a quantity of radiation protection and says nothing about a therapy"


def level_of_prescription(plan: Mapping[str, Any]) -> str:
    """Which level of prescription the plan serves: from activity alone to doses of this patient."""
    kidneys_seen = (plan.get("kidneys") or {}).get("origin") == "images"
    origins = {str(lesion.get("dose_origin")) for lesion in plan.get("lesions", ())}
    if not kidneys_seen and origins <= {"population"}:
        return "activity-based: doses are those of a published population, not of this patient"
    if kidneys_seen and origins == {"images"}:
        return ("dose-based: activities of the further cycles can be prescribed by this patient's measured doses to tumour and kidneys; "
                "doses of a nuclide that was not imaged stay derived")
    parts = ["kidneys measured" if kidneys_seen else "kidneys from a population",
             "lesions " + ", ".join({"images": "measured", "patient file": "from the patient file", "population": "from a population"}[o]
                                    for o in sorted(origins))]
    return f"activity-based, verified in part by this patient's dosimetry ({'; '.join(parts)})"


def reporting_items(plan: Mapping[str, Any]) -> list[dict[str, str]]:
    """Items with their values, for ``plan["reporting_items"]``; what was not done is said."""
    regions = [*plan.get("lesions", ()), *plan.get("organs", ())]
    measured = [row for row in regions if row.get("dose_gy")]
    curves = list(plan.get("curves", ()))
    points = sorted({len(curve.get("time_h", ())) for curve in curves})
    models = sorted({str(row.get("model")) for row in measured if row.get("model")})
    corrected = [row for row in measured if row.get("recovery") is not None]
    methods = sorted({str(row.get("method")) for row in measured if row.get("method")})

    def known(text: str) -> str:
        return text or "no images: nothing was measured"

    def name(row: Mapping[str, Any]) -> str:
        return str(row.get("name") or row.get("id"))

    times = sorted({round(float(t), 1) for curve in curves for t in curve.get("time_h", ())})
    items = [
        ("Level of prescription", level_of_prescription(plan)),
        ("Therapeutic nuclides of the schemes", ", ".join(sorted({
            n for s in plan.get("schemes", ()) for c in s.get("cycles", ()) for n in c.get("activity_gbq", {})})) or "none"),
        ("Nuclide measured", known(", ".join(sorted({str(curve.get("nuclide")) for curve in curves if curve.get("nuclide")})))),
        ("Time points", known(f"{' or '.join(map(str, points))} per region, at {', '.join(f'{t:g}' for t in times)} h" if points else "")),
        ("Regions and volumes", known("; ".join(f"{name(row)} {float(row['volume_ml']):.1f} ml" for row in measured
                                                if row.get("volume_ml") is not None))),
        ("Partial-volume correction", known("; ".join(f"{name(row)} recovery {float(row['recovery']):.2f}" for row in corrected)
                                            if corrected else "none" if measured else "")),
        ("Time–activity model", known(", ".join(models))),
        ("Time-integrated activity", known("; ".join(
            f"{name(row)} {row['tia_mbq_h']['mean']:.0f} ± {row['tia_mbq_h']['sd']:.0f} MBq·h"
            for row in measured if row.get("tia_mbq_h")))),
        ("Dose calculation", known(", ".join(methods))),
        ("Absorbed dose of the measured cycle", known("; ".join(
            f"{name(row)} {row['dose_gy']['mean']:.1f} ± {row['dose_gy']['sd']:.1f} Gy" for row in measured if "mean" in row["dose_gy"]))),
        ("Uncertainty", f"one standard deviation or 90 % interval over {plan.get('n_draws')} joint draws, carried from the region to the "
                        "prediction"),
        ("Biologically effective dose", "kidneys: alpha/beta 2.6 Gy, repair half-time 2.8 h (conventions)"),
        ("Effective dose", NO_EFFECTIVE_DOSE),
        ("Intermediate values", "plan.json holds every value unrounded; the folder steps holds tables that another program can check"),
    ]
    return [{"item": item, "value": value} for item, value in items]
