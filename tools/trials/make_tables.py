"""Write the tables of the trials room: marginals of the virtual cohort and the scenarios.

Usage: ``python tools/trials/make_tables.py``. Every entry carries its label and source; where no published number was
found the entry says *assumption*. The outcome of NEOLUPANET (NCT04385992) is used nowhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "src" / "neorlt" / "trials" / "data"
PARTELLI_2016 = "Partelli 2016, doi 10.1530/endoabs.46.P28 (20 patients; meeting abstract)"
PARTELLI_2018 = "Partelli 2018, doi 10.1016/j.surg.2017.11.007 (23 with and 23 without RLT; abstract)"
GENC_2018 = "Genc 2018, PMC6028862 (241 patients with Ki-67 up to 5 %, 39 with 6-20 %; abstract)"
MINCZELES_2022 = "Minczeles 2022, Eur J Nucl Med Mol Imaging (23 patients with RLT only; abstract)"


def entry(family: str, parameters: list[float], unit: str, label: str, source: str) -> dict[str, object]:
    return {"family": family, "parameters": parameters, "unit": unit, "label": label, "source": source}


def population() -> dict[str, object]:
    nothing = "no series was found: a round number for adults referred for this treatment"
    # Half below 3 % and 15 % above 20 % (10 G1, 7 G2, 3 G3 of 20) fix a log-normal: median 3 %, ln(20/3) = 1.036 SD.
    ki67_log_sd = math.log(20 / 3) / 1.0364
    marginals = {
        "size_mm": entry(
            "lognormal", [59.0, 0.40], "mm", "by construction", f"median 59 mm: {PARTELLI_2016}; log-SD 0.40 is an assumption"
        ),
        "ki67_pct": entry(
            "lognormal", [3.0, round(ki67_log_sd, 3)], "%", "by construction", f"10 G1, 7 G2, 3 G3 of 20: {PARTELLI_2016}"
        ),
        "suv_max": entry("lognormal", [30.0, 0.5], "g/ml", "assumption", nothing),
        "age_y": entry("normal", [58.0, 11.0], "year", "assumption", nothing),
        "male": entry("bernoulli", [0.5], "", "assumption", nothing),
        "head": entry("bernoulli", [0.25], "", "by construction", f"5 pancreaticoduodenectomies of 20: {PARTELLI_2016}"),
        "vessel_contact": entry(
            "bernoulli", [0.70], "", "by construction", f"14 of 20 treated for organ or vascular infiltration: {PARTELLI_2016}"
        ),
        "vein_contact_deg": entry(
            "normal", [150.0, 80.0], "degree", "assumption", "no published distribution of contact was found"
        ),
        "artery_share": entry(
            "bernoulli", [0.35], "", "assumption", "share of those with contact whose artery is touched too; no series found"
        ),
        "artery_contact_deg": entry(
            "normal", [100.0, 60.0], "degree", "assumption", "no published distribution of contact was found"
        ),
        "nodes_positive": entry("bernoulli", [17 / 23], "", "by construction", f"17 of 23 operated without RLT: {PARTELLI_2018}"),
        "liver_metastases": entry(
            "bernoulli", [0.30], "", "by construction", f"6 of 20 treated for liver metastases: {PARTELLI_2016}"
        ),
        "liver_lesion_mm": entry("lognormal", [22.0, 0.35], "mm", "assumption", nothing),
        "liver_burden_pct": entry("lognormal", [4.0, 0.8], "%", "assumption", nothing),
        "egfr_ml_min": entry("normal", [88.0, 16.0], "ml/min", "assumption", nothing),
        "platelets_e9_per_l": entry("normal", [240.0, 60.0], "10^9/l", "assumption", nothing),
        "neutrophils_e9_per_l": entry("normal", [4.2, 1.3], "10^9/l", "assumption", nothing),
        "haemoglobin_g_dl": entry("normal", [13.4, 1.4], "g/dl", "assumption", nothing),
        "prior_chemotherapy": entry("bernoulli", [0.05], "", "assumption", nothing),
    }
    bounds = {
        "size_mm": [10, 200],
        "ki67_pct": [0.5, 90],
        "suv_max": [3, 200],
        "age_y": [18, 88],
        "vein_contact_deg": [10, 340],
        "artery_contact_deg": [10, 340],
        "liver_lesion_mm": [10, 100],
        "liver_burden_pct": [0.2, 60],
        "egfr_ml_min": [25, 140],
        "platelets_e9_per_l": [60, 600],
        "neutrophils_e9_per_l": [1, 12],
        "haemoglobin_g_dl": [8, 18],
    }
    correlation = [
        ["size_mm", "ki67_pct", 0.3],
        ["size_mm", "vein_contact_deg", 0.4],
        ["size_mm", "vessel_contact", 0.3],
        ["size_mm", "nodes_positive", 0.3],
        ["ki67_pct", "nodes_positive", 0.2],
        ["ki67_pct", "liver_metastases", 0.3],
        ["size_mm", "liver_metastases", 0.3],
        ["suv_max", "ki67_pct", -0.3],
        ["age_y", "egfr_ml_min", -0.5],
        ["vein_contact_deg", "artery_contact_deg", 0.4],
        ["prior_chemotherapy", "platelets_e9_per_l", -0.2],
    ]
    return {
        "marginals": marginals,
        "bounds": bounds,
        "correlation": {
            "pairs": correlation,
            "label": "assumption",
            "source": "rank correlations on the normal scale; no series reports them",
        },
    }


def scenarios() -> dict[str, object]:
    def rate(events: int, total: int, source: str, label: str = "by construction") -> dict[str, object]:
        return {"events": events, "total": total, "label": label, "source": source}

    def value(number: float, unit: str, label: str, source: str) -> dict[str, object]:
        return {"value": number, "unit": unit, "label": label, "source": source}

    opinion = "no published number was found: an opinion that the design file can replace"
    base = {
        "rates": {
            "r0": rate(16, 23, f"R0 without RLT: {PARTELLI_2018}"),
            "fistula": rate(4, 23, f"fistula without RLT: {PARTELLI_2018}"),
            "complication": rate(12, 20, f"any complication without RLT: {PARTELLI_2016}"),
            "operative_death": rate(0, 46, f"no operative death: {PARTELLI_2018}"),
        },
        "values": {
            "p_operate": value(0.95, "", "assumption", f"operated when judged operable; {opinion}"),
            "p_operate_borderline": value(0.80, "", "assumption", f"operated when borderline; {opinion}"),
            "dropout_per_month": value(0.005, "1/month", "assumption", f"withdrawal before surgery; {opinion}"),
            "p_new_lesion": value(0.04, "", "assumption", f"new lesion by the scan before surgery; {opinion}"),
            "p_stop_after_toxicity": value(
                0.5, "", "assumption", f"treatment ends after blood toxicity of grade 3-4, else it is delayed; {opinion}"
            ),
            "delay_weeks": value(4.0, "week", "assumption", f"delay after toxicity that does not end treatment; {opinion}"),
            "r1_hazard_ratio": value(1.5, "", "assumption", f"recurrence after R1 over R0; {opinion}"),
            "rfs5_low_ki67": value(0.90, "", "by construction", f"5-year recurrence-free survival, Ki-67 up to 5 %: {GENC_2018}"),
            "rfs5_high_ki67": value(0.55, "", "by construction", f"5-year recurrence-free survival, Ki-67 6-20 %: {GENC_2018}"),
            "dss10_low_ki67": value(
                0.91, "", "by construction", f"10-year disease-specific survival, Ki-67 up to 5 %: {GENC_2018}"
            ),
            "dss10_high_ki67": value(
                0.26, "", "by construction", f"10-year disease-specific survival, Ki-67 6-20 %: {GENC_2018}"
            ),
            "pfs_median_unresected_months": value(36.0, "month", "by construction", f"median 3.0 years: {MINCZELES_2022}"),
            "os_median_unresected_months": value(66.0, "month", "by construction", f"median 5.5 years: {MINCZELES_2022}"),
            "chemotherapy_log_volume": value(
                -0.35, "", "assumption", f"median log volume change of chemotherapy alone; {opinion}"
            ),
            "chemotherapy_log_volume_sd": value(0.6, "", "assumption", f"its spread between patients; {opinion}"),
            "qol_baseline": value(70.0, "point", "assumption", f"QL2 at baseline; {opinion}"),
            "qol_sd": value(18.0, "point", "assumption", f"its spread between patients; {opinion}"),
            "qol_change_rlt": value(0.0, "point", "assumption", f"QL2 change under RLT; {opinion}"),
            "qol_change_3_months_after_surgery": value(-8.0, "point", "assumption", f"QL2 change after surgery; {opinion}"),
            "qol_change_complication": value(-6.0, "point", "assumption", f"further QL2 change with a complication; {opinion}"),
            "qol_change_12_months": value(0.0, "point", "assumption", f"QL2 change after a year; {opinion}"),
        },
    }
    note = "not causal in the evidence: a stated scenario, not an estimate"
    effects = {
        "optimistic": {
            "log_or_r0": 0.7,
            "log_or_fistula": -1.2,
            "log_or_complication": -0.6,
            "log_hr_recurrence": -0.35,
            "y90_potency": 1.15,
        },
        "model": {
            "log_or_r0": 0.0,
            "log_or_fistula": 0.0,
            "log_or_complication": 0.0,
            "log_hr_recurrence": 0.0,
            "y90_potency": 1.0,
        },
        "null": {
            "log_or_r0": 0.0,
            "log_or_fistula": 0.0,
            "log_or_complication": 0.0,
            "log_hr_recurrence": 0.0,
            "y90_potency": 1.0,
        },
        "pessimistic": {
            "log_or_r0": -0.3,
            "log_or_fistula": 0.3,
            "log_or_complication": 0.3,
            "log_hr_recurrence": 0.1,
            "y90_potency": 0.85,
        },
    }
    return {"base": base, "effects": effects, "effects_label": "assumption", "effects_note": note}


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    manifest = {}
    sources = {
        "population.json": "marginals with sources in the file",
        "scenarios.json": "rates and assumptions with sources in the file",
    }
    for name, content in (("population.json", population()), ("scenarios.json", scenarios())):
        text = json.dumps(content, indent=2) + "\n"
        (DATA / name).write_text(text, encoding="utf-8")
        manifest[name] = {
            "licence": "Apache-2.0",
            "made_by": "python tools/trials/make_tables.py",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "source": sources[name],
        }
    (DATA / "MANIFEST.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
