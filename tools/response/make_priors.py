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
