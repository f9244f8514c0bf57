"""An invented plan for the pages' tests; tests/reporting/test_doubles.py holds its keys to those of a real one."""

from __future__ import annotations

PLAN: dict[str, object] = {
    "notice": "Research software: not a medical device, not for clinical decisions.",
    "neorlt": "0.1.0",
    "seed": 3,
    "synthetic": "Invented.",
    "generated": "2026-03-02T09:30:00+00:00",
    "patient": {
        "id": "shared-example",
        "age_y": 58,
        "sex": "F",
        "egfr_ml_min": 85,
        "platelets_e9_per_l": 230,
        "neutrophils_e9_per_l": 4.1,
        "kidney_risk_factors": [],
        "prior_chemotherapy": False,
    },
    "answer": {
        "sentences": ["One sentence about 177Lu."],
        "resectability_baseline": {"class": "borderline resectable", "reason": "SMV", "vessels": []},
    },
    "schemes": [
        {
            "name": "4 x 177Lu",
            "text": "4 x 7.4 GBq Lu-177 every 8 weeks",
            "cycles": [{"week": 8 * i, "activity_gbq": {"Lu-177": 7.4}} for i in range(4)],
            "surgery_week": 36,
            "p_objective_response": 0.41,
            "p_objective_response_ci90": [0.2, 0.7],
            "p_resectable": None,
            "p_resectable_reason": "no contact is given",
            "kidney_bed_gy": {"median": 15.0, "ci90": [9.0, 24.0], "p_over_limit": 0.03, "limit_gy": 28},
            "limited_by": "kidney BED",
        },
    ],
    "lesions": [
        {
            "id": "primary",
            "site": "pancreas-head",
            "longest_diameter_mm": 45,
            "volume_ml": 47.7,
            "ki67_pct": 8,
            "dose_gy": {"median": 31.0, "ci90": [24.0, 39.0]},
            "gy_per_gbq": {"median": 4.2, "ci90": [3.3, 5.3]},
            "effective_half_life_h": 90.0,
            "vessels": [{"name": "SMV", "contact_deg": 220, "irregular": True}],
        }
    ],
    "organs": [{"name": "kidney-left", "gy_per_gbq": {"median": 0.5, "ci90": [0.4, 0.6]}, "effective_half_life_h": 50.0}],
    "warnings": ["Read this."],
    "citations": [],
    "assumptions": [{"text": "Something.", "label": "assumption"}],
}
