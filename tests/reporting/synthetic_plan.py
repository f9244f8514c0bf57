"""A plan document with every block filled. All values are invented: a synthetic patient, for the look of the report only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neorlt.reporting.picture import Picture


def _around(median: float, spread: float) -> dict[str, Any]:
    return {"median": median, "ci90": [median - spread, median + spread]}


_SCHEMES: list[tuple[str, str, list[tuple[float, dict[str, float]]], str, float, float | None, float, float, float, str]] = [
    ("No RLT", "no RLT, looked at again in week 36", [], "none", 0.004, 0.08, 4.0, 0.0, 0.0, "nothing is treated"),
    (
        "2 × 177Lu",
        "2 x 7.4 GBq Lu-177 every 8 weeks, surgery 12 weeks after",
        [(0, {"Lu-177": 7.4}), (8, {"Lu-177": 7.4})],
        "none",
        0.19,
        0.24,
        -14.0,
        8.1,
        0.004,
        "tumour dose: 61 Gy over two cycles",
    ),
    (
        "4 × 177Lu",
        "4 x 7.4 GBq Lu-177 every 8 weeks, surgery 12 weeks after",
        [(8 * i, {"Lu-177": 7.4}) for i in range(4)],
        "none",
        0.41,
        0.38,
        -25.0,
        15.6,
        0.03,
        "SMV contact stays above 180° in most draws",
    ),
    (
        "3 × 90Y",
        "3 x 2.8 GBq Y-90 every 8 weeks, surgery 12 weeks after",
        [(8 * i, {"Y-90": 2.8}) for i in range(3)],
        "none",
        0.37,
        0.35,
        -23.0,
        27.4,
        0.44,
        "kidney BED",
    ),
    (
        "177Lu then 90Y",
        "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks, surgery 12 weeks after",
        [(0, {"Lu-177": 7.4}), (8, {"Lu-177": 7.4}), (16, {"Y-90": 2.8}), (24, {"Y-90": 2.8})],
        "none",
        0.44,
        0.40,
        -26.5,
        24.9,
        0.31,
        "kidney BED",
    ),
    (
        "4 × 177Lu with CAPTEM",
        "4 x 7.4 GBq Lu-177 every 8 weeks with CAPTEM, surgery 12 weeks after",
        [(8 * i, {"Lu-177": 7.4}) for i in range(4)],
        "captem",
        0.47,
        None,
        -28.0,
        15.6,
        0.03,
        "platelets",
    ),
]


def _scheme(row: tuple[Any, ...]) -> dict[str, Any]:
    name, text, cycles, sensitiser, response, resectable, change, bed, over, limit = row
    weeks = [float(week) for week in range(0, 41, 2)]
    diameter = [45.0 * (1 + change / 100 * (1 - math.exp(-week / 16))) for week in weeks]
    platelets = [
        230.0 - 22 * sum(math.exp(-(((week - start - 5) / 2.6) ** 2)) for start, _ in cycles) - 1.1 * len(cycles) * min(week, 24) / 4
        for week in weeks
    ]
    scheme: dict[str, Any] = {
        "name": name,
        "text": text,
        "sensitiser": sensitiser,
        "cycles": [{"week": week, "activity_gbq": activity} for week, activity in cycles],
        "surgery_week": (cycles[-1][0] + 12.0) if cycles else 36.0,
        "p_objective_response": response,
        "p_objective_response_ci90": [response * 0.45, min(0.95, response * 1.7 + 0.02)],
        "p_resectable": resectable,
        "p_resectable_ci90": None if resectable is None else [resectable * 0.4, min(0.95, resectable * 1.6)],
        "diameter_change_pct": _around(change, 13.0),
        "diameter_mm_at_surgery": _around(45.0 * (1 + change / 100), 5.3),
        "kidney_bed_gy": {**_around(bed, bed * 0.22), "p_over_limit": over, "limit_gy": 28.0},
        "platelets_nadir": {
            "value_e9_per_l": min(platelets),
            "ci90": [min(platelets) - 34.0, min(platelets) + 34.0],
            "week": 30.0 if cycles else 0.0,
            "p_grade34": 0.05 if cycles else 0.0,
        },
        "neutrophils_nadir": {
            "value_e9_per_l": 4.1 - 0.42 * len(cycles),
            "ci90": [3.3 - 0.42 * len(cycles), 4.9 - 0.42 * len(cycles)],
            "week": 29.0 if cycles else 0.0,
            "p_grade34": 0.03 if cycles else 0.0,
        },
        "liver_burden_change_pct": _around(change * 1.7, 18.0),
        "ki67_at_surgery_pct": _around(7.4, 3.1),
        "p_downgrading": 0.21,
        "p_downgrading_sampling_only": 0.17,
        "stroma_pct": _around(34.0 if cycles else 20.0, 12.0),
        "contact_deg": [
            {"vessel": "SMV", **_around(220 + 1.6 * change, 30)},
            {"vessel": "SMA", **_around(90 + 1.1 * change, 24)},
        ],
        "limited_by": limit,
        "doses_derived": "Y-90" in text,
        "labels": {
            "p_objective_response": "calibrated",
            "p_resectable": "assumption",
            "diameter_change_pct": "calibrated",
            "kidney_bed_gy": "assumption" if "Y-90" in text else "measured",
            "platelets_nadir": "by construction",
            "neutrophils_nadir": "by construction",
            "stroma_pct": "assumption",
            "contact_deg": "assumption",
            "ki67_at_surgery_pct": "assumption",
            "p_downgrading": "assumption",
            "p_downgrading_sampling_only": "assumption",
            "diameter_mm_at_surgery": "calibrated",
            "liver_burden_change_pct": "calibrated",
        },
        "trajectory": {
            "week": weeks,
            "diameter_mm": {
                "median": diameter,
                "low": [d - 0.18 * w for d, w in zip(diameter, weeks, strict=True)],
                "high": [d + 0.18 * w for d, w in zip(diameter, weeks, strict=True)],
            },
            "platelets": {"week": weeks, "median_e9_per_l": platelets},
        },
    }
    if resectable is None:
        scheme["p_resectable_reason"] = "vessel contact after CAPTEM has no published data"
    return scheme


def _region(name: str, volume_ml: float, dose_gy: float, recovery: float, **more: Any) -> dict[str, Any]:
    return {
        "id" if "site" in more else "name": name,
        "volume_ml": volume_ml,
        "recovery": recovery,
        "nuclide": "Lu-177",
        "model": "mono-exponential",
        "tia_mbq_h": {"mean": dose_gy * volume_ml * 11.6, "sd": dose_gy * volume_ml * 0.9},
        "dose_gy": {"mean": dose_gy, "sd": dose_gy * 0.09, **_around(dose_gy, dose_gy * 0.15)},
        "gy_per_gbq": _around(dose_gy / 7.4, dose_gy / 50),
        "effective_half_life_h": 88.0,
        "status": [{"name": "ok", "sentence": "The curve describes the points within their uncertainty.", "advice": "Nothing to do."}],
        "labels": {
            "dose_gy": "measured",
            "gy_per_gbq": "measured",
            "volume_ml": "measured",
            "tia_mbq_h": "measured",
            "effective_half_life_h": "measured",
            "recovery": "measured",
        },
        **more,
    }


def _curve(name: str, top_mbq: float, half_life_h: float, recovery: float) -> dict[str, Any]:
    time_h = [4.0, 24.0, 96.0, 168.0]
    exact = [top_mbq * 0.5 ** (t / half_life_h) for t in time_h]
    noisy = [a * f for a, f in zip(exact, (1.03, 0.98, 1.02, 0.96), strict=True)]
    fine = [float(t) for t in range(0, 241, 4)]
    fit = [top_mbq * 0.5 ** (t / half_life_h) for t in fine]
    return {
        "name": name,
        "kind": "mono-exponential",
        "nuclide": "Lu-177",
        "time_h": time_h,
        "activity_mbq": noisy,
        "sd_mbq": [0.06 * a for a in noisy],
        "uncorrected_mbq": [recovery * a for a in noisy],
        "fit_time_h": fine,
        "fit_median": fit,
        "fit_low": [0.92 * a for a in fit],
        "fit_high": [1.08 * a for a in fit],
    }


def _histogram(name: str, mean_gy: float, spread: float) -> dict[str, Any]:
    dose_gy = [float(d) for d in np.linspace(0, mean_gy * (1 + 3 * spread), 60)]
    fraction = [1 / (1 + math.exp((d - mean_gy) / (mean_gy * spread / 1.8))) for d in dose_gy]
    fraction = [f / fraction[0] for f in fraction]
    return {
        "name": name,
        "dose_gy": dose_gy,
        "volume_fraction": fraction,
        "mean_gy": mean_gy,
        "d98_gy": mean_gy * (1 - 1.9 * spread),
        "d90_gy": mean_gy * (1 - 1.2 * spread),
        "d50_gy": mean_gy,
        "d2_gy": mean_gy * (1 + 2 * spread),
    }


def synthetic_plan() -> dict[str, Any]:
    """Return a fresh, complete plan document (invented values)."""
    small = "Recovery below 60 %: more than a third of the shown activity is correction. Read the dose as a range."
    late = {
        "name": "tail not sampled",
        "sentence": "More than 30 % of the time-integrated activity lies after the last point.",
        "advice": "Add a later time point.",
    }
    return {
        "notice": "Research software: not a medical device, not for clinical decisions.",
        "generated": "2026-03-02T09:30:00+00:00",
        "neorlt": "0.1.0",
        "seed": 20261124,
        "synthetic": "The patient, the tumours and all images of this report are made by a program.",
        "patient": {
            "id": "pannet-head",
            "age_y": 58,
            "sex": "F",
            "weight_kg": 70,
            "egfr_ml_min": 85,
            "platelets_e9_per_l": 230,
            "neutrophils_e9_per_l": 4.1,
            "haemoglobin_g_dl": 12.9,
            "kidney_risk_factors": ["hypertension"],
            "prior_chemotherapy": False,
            "grade": "G2",
            "conflicts": [{"field": "longest_diameter_mm of primary", "image": 44.2, "file": 45, "used": "image"}],
        },
        "answer": {
            "sentences": [
                "Four cycles of 177Lu give this patient about a 4 in 10 chance of a tumour that can be operated; "
                "without treatment it is below 1 in 10.",
                "Adding 90Y does not raise that chance by an amount that the model can tell apart, "
                "and it brings the kidneys to their limit.",
                "What stands between the patient and surgery is the contact with the superior mesenteric vein, "
                "and how contact changes after scarring is not known from any published data.",
            ],
            "resectability_baseline": {
                "class": "Borderline resectable",
                "reason": "Irregular contact with the superior mesenteric vein over more than 180°.",
                "vessels": [
                    {"name": "SMV", "contact_deg": 220, "irregular": True},
                    {"name": "SMA", "contact_deg": 90, "irregular": False},
                ],
            },
        },
        "schemes": [_scheme(row) for row in _SCHEMES],
        "timing": {
            "scheme": "4 × 177Lu",
            "week": [float(w) for w in range(24, 61, 4)],
            "p_2mm_more": [0.41 * math.exp(-(w - 24) / 20) for w in range(24, 61, 4)],
        },
        "baseline_rates": [
            {
                "endpoint": "objective response",
                "events": 7,
                "n": 19,
                "ci95": [0.163, 0.616],
                "source": "Invented series 2020",
                "note": "Mixed schemes.",
            },
            {
                "endpoint": "resectable",
                "events": 9,
                "n": 29,
                "ci95": [0.153, 0.508],
                "source": "Invented series 2021",
                "note": "Operated for any reason.",
            },
        ],
        "lesions": [
            _region(
                "primary",
                46.2,
                31.0,
                0.86,
                site="pancreas-head",
                longest_diameter_mm=44.2,
                ki67_pct=8,
                suv_max=32.4,
                flags=[],
                vessels=[{"name": "SMV", "contact_deg": 220, "irregular": True}, {"name": "SMA", "contact_deg": 90}],
            ),
            _region(
                "liver-1",
                5.6,
                24.0,
                0.57,
                site="liver",
                longest_diameter_mm=22.0,
                ki67_pct=None,
                suv_max=24.1,
                flags=[small],
                status=[late],
            ),
            _region(
                "liver-2",
                3.7,
                18.5,
                0.49,
                site="liver",
                longest_diameter_mm=19.2,
                ki67_pct=None,
                suv_max=19.8,
                flags=[small],
            ),
        ],
        "organs": [
            _region("kidney-left", 171.0, 3.9, 0.91, bed_gy=_around(4.4, 0.6)),
            _region("kidney-right", 164.0, 3.7, 0.91, bed_gy=_around(4.2, 0.6)),
            _region("liver", 1610.0, 2.1, 0.98),
            _region("spleen", 205.0, 5.2, 0.93),
        ],
        "curves": [
            _curve("primary", 410, 92, 0.86),
            _curve("liver-1", 33, 84, 0.57),
            _curve("liver-2", 18, 80, 0.49),
            _curve("kidney-left", 118, 58, 0.91),
            _curve("kidney-right", 112, 57, 0.91),
            _curve("spleen", 190, 71, 0.93),
        ],
        "dvh": [
            _histogram("primary", 31, 0.2),
            _histogram("liver-1", 24, 0.25),
            _histogram("liver-2", 18.5, 0.28),
            _histogram("kidney-left", 3.9, 0.22),
            _histogram("kidney-right", 3.7, 0.22),
            _histogram("liver", 2.1, 0.3),
            _histogram("spleen", 5.2, 0.2),
        ],
        "uncertainty": {
            "primary": [
                {"part": "contour", "low_gy": 18.0, "high_gy": 30.0, "share": 0.6, "advice": "contour on a sharper image"},
                {"part": "S-value", "low_gy": 22.5, "high_gy": 24.0, "share": 0.004, "advice": "use Monte Carlo on the patient's CT"},
            ]
        },
        "assumptions": [
            {"text": "Uptake falls by 14 % from cycle to cycle (grade 2).", "label": "by construction"},
            {"text": "The effect of one gray of 90Y equals that of one gray of 177Lu.", "label": "assumption"},
            {"text": "Vessel contact falls with the tumour's diameter, and a scar may remain.", "label": "assumption"},
        ],
        "warnings": [
            "Doses of 90Y are derived from images of 177Lu: decay was undone and applied again.",
            "Two lesions are smaller than twice the scanner's blur; their recovery is below 60 %.",
        ],
        "citations": [
            {
                "key": "invented2020",
                "text": "Invented A et al. A series that does not exist. Journal of Examples 2020;1:1-2",
                "url": "https://doi.org/10.1000/example",
            },
            {"key": "book", "text": "A book without an address", "url": None},
        ],
        "sources": ["DICOM study, 412 files", "patient.toml"],
        "roles": [
            {"name": "primary", "role": "lesion", "why": "type GTV (3006,00A4)", "volume_ml": 31.4, "source": "RTSTRUCT"},
            {"name": "X7", "role": "other", "why": "no type, code or word says what it is", "volume_ml": 4.0, "source": "SEG"},
        ],
        "ledger": [
            {"image": "SPECT Lu-177 2026-01-19 14:00", "step": "calibration", "tag": "calibration.toml cps_per_mbq", "value": "8.9",
             "unit": "cps/MBq", "from": "phantom of 2026-01-02"},
            {"image": "SPECT Lu-177 2026-01-19 14:00", "step": "stated", "tag": "Rows (0028,0010)", "value": "128", "unit": "",
             "from": "header"},
        ],
        "label_explanations": {"measured": "Read from this patient's images, laboratory values or file."},
    }


def synthetic_pictures(size: int = 128) -> list[Picture]:
    """Three planes of an ellipse-shaped body with a hot lesion on the patient's left (invented)."""
    row, column = np.mgrid[0:size, 0:size] / (size - 1) * 2 - 1
    body = (column / 0.88) ** 2 + (row / 0.62) ** 2 < 1
    ct_hu = np.where(body, 45.0, -1000.0)
    ct_hu = np.where(((column / 0.86) ** 2 + (row / 0.6) ** 2 > 0.9) & body, -90.0, ct_hu)
    ct_hu = np.where((column / 0.1) ** 2 + ((row - 0.3) / 0.13) ** 2 < 1, 380.0, ct_hu)
    liver = ((column + 0.42) / 0.36) ** 2 + ((row + 0.05) / 0.4) ** 2 < 1
    lesion = ((column - 0.35) / 0.14) ** 2 + ((row + 0.05) / 0.12) ** 2 < 1
    ct_hu = np.where(liver, 95.0, ct_hu)
    dose_gy = 2.0 * liver + 34.0 * np.exp(-(((column - 0.35) / 0.14) ** 2) - ((row + 0.05) / 0.12) ** 2)
    dose_gy = np.where(body, dose_gy, 0.0)
    sides = {"axial": ("R", "L", "A", "P"), "coronal": ("R", "L", "H", "F"), "sagittal": ("A", "P", "H", "F")}
    return [
        Picture("Primary, largest section", plane, ct_hu, dose_gy, "Gy", (3.0, 3.2), letters, {"primary": lesion, "liver": liver})
        for plane, letters in sides.items()
    ]
