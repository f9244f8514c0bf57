"""Make ``src/neorlt/dosimetry/data/siebinga2023.json`` from the table of model parameters.

Usage: ``python tools/dosimetry/make_sstr.py`` (reads ``tests/data/reference/response/model_parameters.yaml``).
The values are those of Siebinga 2023 (doi 10.1186/s40658-023-00565-4), read through a third party's transcription
(nlmixr2lib, commit 02cc8d4); nothing is typed here but names.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/data/reference/response/model_parameters.yaml"
OUT = ROOT / "src/neorlt/dosimetry/data/siebinga2023.json"
SOURCE = "Siebinga 2023, EJNMMI Phys 10:48, doi 10.1186/s40658-023-00565-4, read via nlmixr2lib commit 02cc8d4"

SYMBOLS = {
    "excretion_per_h": "k10",
    "spleen_flow_per_h": "k12",
    "kidney_flow_per_h": "k13",
    "tumour_flow_per_h": "k14",
    "sstr_organs_flow_per_h": "k15",
    "rest_flow_per_h": "k16",
    "degradation_per_h": "kdeg",
    "tumour_degradation_per_h": "k40",
    "blood_volume_l": "V1",
    "organ_volumes_l": "V2_V3_V5_V6",
    "spleen_bmax_nmol_l": "Bmax2",
    "kidney_bmax_nmol_l": "Bmax3",
    "tumour_bmax_nmol_l": "Bmax4",
    "sstr_organs_bmax_nmol_l": "Bmax5",
    "fraction_unbound": "fu",
    "molar_mass_g_mol": "MW",
    "tumour_volume_exponent": "eff",
    "sink_per_l": "sink",
    "residual_cv": "sigma_pk",
    "peptide_ug": "m_pep",
}


def main() -> None:
    """Write the table and its line in the manifest."""
    rows = {row["symbol"]: row for row in yaml.safe_load(TABLE.read_text())["pharmacokinetics_Lu_HA_DOTATATE"]}
    content: dict[str, Any] = {"source": SOURCE, "parameters": {}}
    for name, symbol in SYMBOLS.items():
        row = rows[symbol]
        entry = {"value": row["value"], "unit": row["unit"], "how_read": row["verified"]}
        entry |= {key: row[key] for key in ("iiv_cv", "rse", "range") if key in row}
        content["parameters"][name] = entry
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(content, indent=1) + "\n")
    manifest = OUT.parent / "MANIFEST.json"
    entries = json.loads(manifest.read_text()) if manifest.is_file() else {}
    entries[OUT.name] = {
        "licence": "Apache-2.0",
        "made_by": "python tools/dosimetry/make_sstr.py",
        "sha256": hashlib.sha256(OUT.read_bytes()).hexdigest(),
        "source": SOURCE,
    }
    manifest.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
