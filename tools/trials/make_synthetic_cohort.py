"""Make the synthetic cohort table that ships with neorlt. Every patient in it is invented.

Usage: ``python tools/trials/make_synthetic_cohort.py``; writes ``src/neorlt/cohorts/data/synthetic_cohort.csv`` and
``synthetic_truth.json``, and a copy of the table in ``examples/cohort/``. The distributions are round numbers chosen to
exercise the analysis, not estimates of any population; what was built in stands in ``synthetic_truth.json``.
"""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src" / "neorlt" / "cohorts" / "data"
N = 700
TRUTH = {
    "synthetic": True,
    "seed": 20261124,
    "hazard_ratio_rlt_conditional": 0.6,
    "hazard_ratio_surgery_within_rlt": 1.0,
    "confounding": "larger and faster-growing tumours are planned for RLT more often and die sooner",
    "immortal_time": "within the RLT group surgery is done 8-16 months after baseline in 65 % of those still alive, at random",
}
MONTH = 365.25 / 12


def main() -> None:
    rng = np.random.default_rng(TRUTH["seed"])
    rows = []
    for number in range(1, N + 1):
        size = float(np.clip(np.exp(rng.normal(np.log(38), 0.4)), 12, 160))
        ki67 = float(np.clip(np.exp(rng.normal(np.log(5), 0.8)), 0.5, 55))
        age = float(np.clip(rng.normal(59, 11), 22, 85))
        male = rng.random() < 0.5
        nodes, liver = rng.random() < 0.3, rng.random() < 0.15
        z_size, z_ki67 = np.log(size / 38) / 0.4, np.log(ki67 / 5) / 0.8
        rlt = rng.random() < 1 / (1 + np.exp(-(-0.1 + 0.7 * z_size + 0.5 * z_ki67)))
        hazard = 0.012 * np.exp(0.4 * z_size + 0.4 * z_ki67 + 0.15 * (age - 59) / 11) * (0.6 if rlt else 1.0)
        death = rng.exponential(1 / hazard)
        censor = rng.uniform(18, 110)
        baseline = date(2012, 1, 1) + timedelta(days=int(rng.integers(0, 2200)))

        def day(months: float, baseline: date = baseline) -> str:
            return (baseline + timedelta(days=round(months * MONTH))).isoformat()

        end = min(death, censor)
        row: dict[str, object] = {
            "patient_id": f"SYN-{number:04d}",
            "group": "rlt" if rlt else "upfront_surgery",
            "age_y": f"{age:.0f}",
            "sex": "M" if male else "F",
            "site": rng.choice(["head", "body", "tail"], p=[0.4, 0.25, 0.35]),
            "baseline_date": day(0),
            "last_date": day(end),
            "died": "yes" if death <= censor else "no",
            "size_before_mm": f"{size:.0f}",
            "sum_before_mm": f"{size * (1.6 if liver else 1.0):.0f}",
            "ki67_before_pct": f"{ki67:.1f}",
            "specimen_before": "biopsy",
            "nodes_positive": "yes" if nodes else "no",
            "liver_metastases": "yes" if liver else "no",
            "smv_before_deg": "",
            "smv_after_deg": "",
            "sma_before_deg": "",
            "sma_after_deg": "",
        }
        smv = rng.choice([0, rng.uniform(20, 180), rng.uniform(180, 320)], p=[0.45, 0.35, 0.2])
        sma = rng.choice([0, rng.uniform(20, 180), rng.uniform(180, 300)], p=[0.7, 0.2, 0.1])
        row["smv_before_deg"], row["sma_before_deg"] = f"{smv:.0f}", f"{sma:.0f}"
        surgery = np.inf
        if rlt:
            cycles = int(rng.choice([2, 4], p=[0.25, 0.75]))
            row["rlt_start_date"], last = day(min(0.5, end * 0.5)), 0.5 + 2 * (cycles - 1)
            if last < end:
                row.update(rlt_end_date=day(last), cycles=cycles, activity_gbq=f"{7.4 * cycles:.1f}")
            change, total = rng.normal(-0.24, 0.18), float(row["sum_before_mm"])  # type: ignore[arg-type]
            for k, month in enumerate((3.5, 7.5), start=1):
                if month < end:
                    shrink = 1 + change * (0.6 if k == 1 else 1.0) + rng.normal(0, 0.03)
                    row[f"fu{k}_date"], row[f"fu{k}_sum_mm"] = day(month), f"{total * max(shrink, 0.05):.0f}"
                    row[f"fu{k}_new_lesion"] = "yes" if rng.random() < 0.04 else "no"
            if end > 8 and rng.random() < 0.65:
                when = rng.uniform(8, 16)
                surgery = when if when < end else np.inf
            if end > 7.5:
                row["smv_after_deg"] = f"{max(0.0, smv * (1 + 1.3 * change)) if smv > 0 and rng.random() > 0.15 else 0:.0f}"
                row["sma_after_deg"] = f"{max(0.0, sma * (1 + 1.0 * change)):.0f}"
        else:
            when = rng.uniform(0.5, 2.5)
            surgery = when if when < end else np.inf
        if np.isfinite(surgery):
            r0 = rng.random() < (0.82 if rlt else 0.74)
            row.update(
                surgery_date=day(surgery),
                margin="R0" if r0 else "R1",
                margin_rule_mm="1",
                clavien_dindo=rng.choice(
                    ["0", "I", "II", "IIIa", "IIIb", "IVa", "V"], p=[0.4, 0.17, 0.2, 0.12, 0.06, 0.03, 0.02]
                ),
                popf=rng.choice(["none", "BL", "B", "C"], p=[0.62, 0.2, 0.15, 0.03]),
                ki67_after_pct=f"{float(np.clip(ki67 * np.exp(rng.normal(-0.1 if rlt else 0.0, 0.5)), 0.3, 80)):.1f}",
            )
        if end > 10 and rng.random() < 0.35:
            row["recurrence_date"] = day(rng.uniform(9, end))
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    DATA.mkdir(parents=True, exist_ok=True)
    for path in (DATA / "synthetic_cohort.csv", ROOT / "examples" / "cohort" / "synthetic_cohort.csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    (DATA / "synthetic_truth.json").write_text(json.dumps(TRUTH, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
