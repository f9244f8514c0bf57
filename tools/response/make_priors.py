"""Make ``src/neorlt/response/data/priors.json`` from the table of model parameters.

Usage: ``python tools/response/make_priors.py`` (reads ``tests/data/reference/response/model_parameters.yaml``).

Each entry holds a distribution, a unit, the source, how the source was read, and the label a user sees.
Values that were only recalled (``verified: memory``) are carried as assumptions and say so; they are never shown
as literature facts. Entries that the table does not hold are assumptions of this model, written below.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/data/reference/response/model_parameters.yaml"
OUT = ROOT / "src/neorlt/response/data/priors.json"

# name in Parameters -> symbol in the table (and key inside the entry, where it holds several)
FROM_TABLE: dict[str, tuple[str, str | None]] = {
    "alpha_per_gy": ("alpha_eff", None),
    "omega_alpha": ("omega_alpha", None),
    "alpha_beta_gy": ("ab_T", None),
    "repair_half_time_h": ("T_rep", None),
    "residual_fraction": ("r", None),
    "clearance_half_life_d": ("T_cl", None),
    "fibrosis_fraction": ("phi", None),
    "eta": ("eta", None),
    "nu": ("nu", None),
    "sigma_d": ("sigma_d", None),
    "dose_modifying_factor": ("DMF_cap", None),
    "doubling_time_d_g1": ("T_d", "G1"),
    "doubling_time_d_g2": ("T_d", "G2"),
    "doubling_time_d_g3": ("T_d", "G3_NET"),
    "platelet_transit_time_d": ("MTT_plt", None),
    "kidney_alpha_beta_gy": ("ab_K", None),
    "kidney_repair_half_time_h": ("T_rep_K", None),
    "blood_feedback": ("gamma_F", None),
    "marrow_lu_gy_per_gbq": ("d_bm_Lu", None),
}

ASSUMED: dict[str, dict[str, Any]] = {
    "clone_fraction": {
        "prior": "beta(2, 4)", "unit": "fraction of viable cells",
        "note": "share of the clone with the higher Ki-67; no counts of clones in PanNET were found",
    },
    "clone_ki67_ratio": {
        "prior": "lognormal(3, 0.4)", "unit": "ratio",
        "note": "Ki-67 of the higher over the lower clone; hot spots of a few times the surroundings",
    },
    "activity_log_sd": {
        "prior": "lognormal(0.6, 0.4)", "unit": "log-SD",
        "note": "spread of activity between sub-volumes of one lesion, before cross-fire smooths it",
    },
    "patch_diameter_mm": {
        "prior": "lognormal(2, 0.7)", "unit": "mm",
        "note": "size of a patch of equal uptake; sets how much cross-fire smooths, for both nuclides at once",
    },
    "ki67_sampling_log_sd": {
        "prior": "lognormal(0.45, 0.3)", "unit": "log-SD",
        "note": "biopsy against resection specimen of the same tumour, beyond the binomial error of the count",
    },
    "fibrotic_residue_probability": {
        "prior": "beta(3, 3)", "unit": "probability",
        "note": "that a vessel keeps its contact, as scar, although the tumour's outline has drawn back",
    },
    "platelet_log_slope_sd": {
        "prior": "lognormal(0.5, 0.3)", "unit": "log-SD",
        "note": "between-patient spread of marrow sensitivity",
    },
    "study_log_sd": {
        "prior": "half-normal(0.5)", "unit": "log-SD",
        "note": "spread between studies of log(sensitivity x dose); arms without lesion doses cannot tell the two apart",
    },
    "study_growth_log_sd": {
        "prior": "half-normal(0.4)", "unit": "log-SD", "note": "spread between studies of log growth: whom a trial took in",
    },
    "origin_small_intestine": {
        "prior": "normal(0, 0.7)", "unit": "log ratio", "note": "log sensitivity of small-intestine over pancreatic tumours",
    },
    "origin_other": {
        "prior": "normal(0, 0.7)", "unit": "log ratio", "note": "log sensitivity of tumours of other origin over pancreatic ones",
    },
    "ki67_log_alpha": {
        "prior": "normal(0, 0.3)", "unit": "per ln(Ki-67)", "note": "slope of log sensitivity on log Ki-67; its sign is not known",
    },
    "ki67_log_growth": {
        "prior": "normal(0.6, 0.3)", "unit": "per ln(Ki-67)",
        "note": "slope of log growth on log Ki-67; the doubling times assumed for G1, G2 and G3 in version 0.1 amount to 0.45-0.75",
    },
    "line_log_alpha": {
        "prior": "normal(0, 0.3)", "unit": "log ratio", "note": "log sensitivity in first line over that in later lines",
    },
    "doubling_time_d": {
        "prior": "lognormal(450, 0.6)", "unit": "d",
        "note": "median volume doubling time at Ki-67 8 %; bracket only: a growth of 4 % a month is 538 d (GREPONET)",
    },
    "growth_log_sd": {
        "prior": "lognormal(0.5, 0.3)", "unit": "log-SD", "note": "spread of log growth between patients of one Ki-67",
    },
    "entry_progressive": {
        "prior": "normal(0.4, 0.4)", "unit": "log ratio", "note": "log growth of patients who were progressing when taken in",
    },
    "entry_stable": {
        "prior": "normal(-0.4, 0.4)", "unit": "log ratio", "note": "log growth of patients who were stable when taken in",
    },
    "analogue_log_growth": {
        "prior": "normal(-0.3, 0.3)", "unit": "log ratio", "note": "log growth under a somatostatin analogue alone over that under placebo",
    },
    "exit_per_month": {
        "prior": "lognormal(0.01, 0.8)", "unit": "1/month",
        "note": "hazard of new lesions and death at the median growth without RLT; proportional to growth",
    },
    "exit_ratio_rlt": {
        "prior": "lognormal(0.5, 0.5)", "unit": "ratio", "note": "that hazard under RLT over without",
    },
    "sum_log_sd": {
        "prior": "lognormal(0.06, 0.35)", "unit": "log-SD",
        "note": "error of a change of the sum of target diameters, central reading: that of one lesion over the root of about three",
    },
    "local_reading_ratio": {
        "prior": "lognormal(1.2, 0.2)", "unit": "ratio", "note": "error of local over central reading",
    },
    "response_without_rlt": {
        "prior": "beta(1, 20)", "unit": "probability", "note": "response under a somatostatin analogue alone",
    },
    "sensitiser_toxicity_factor": {
        "prior": "lognormal(1.3, 0.2)", "unit": "ratio",
        "note": "factor on the marrow toxicity slope with a sensitiser (one series: 16.2 % against 11 % grade 3-4)",
    },
}


def parse(text: str) -> dict[str, Any]:
    """``family(a, b)`` with any trailing words -> a dictionary."""
    match = re.match(r"\s*(lognormal|normal|half-normal|beta)\(([^)]*)\)", text)
    if match is None:
        raise SystemExit(f"cannot read the distribution {text!r}")
    numbers = [float(part) for part in match[2].split(",")]
    return {"family": match[1], "parameters": numbers}


def label(verified: str) -> str:
    """The label that a user sees for a value read in this way."""
    return "assumption" if verified in {"assumption", "memory"} else "by construction"


def main() -> None:
    """Write the table."""
    rows = {row["symbol"]: row for group, rows in yaml.safe_load(TABLE.read_text()).items() if group != "meta" for row in rows}
    priors: dict[str, Any] = {}
    for name, (symbol, key) in FROM_TABLE.items():
        row = rows[symbol]
        prior = row.get("prior")
        if isinstance(prior, dict):
            prior = prior[key]
        if prior is None:
            entry: dict[str, Any] = {"family": "fixed", "parameters": [float(row["value"])]}
            if "sd" in row:
                entry = {"family": "normal", "parameters": [float(row["value"]), float(row["sd"])]}
        else:
            entry = parse(prior)
        verified = row["verified"]
        # A prior that is not itself a published distribution is an opinion, whatever else the row cites.
        shown = "assumption" if verified in {"derived", "assumption", "memory"} else label(verified)
        source = "recalled, not checked: an assumption" if verified == "memory" else row["source"]
        if row.get("not_a_prior"):
            source = "weakly informative; uses nothing from the calibration lesions"
        priors[name] = {**entry, "unit": row["unit"], "label": shown, "verified": verified, "source": source, "symbol": symbol}
    for name, row in ASSUMED.items():
        priors[name] = {
            **parse(row["prior"]), "unit": row["unit"], "label": "assumption", "verified": "assumption",
            "source": row["note"], "symbol": name,
        }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(priors, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
