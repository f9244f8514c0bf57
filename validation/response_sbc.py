"""Simulation-based calibration of the response model's fit: does it find back what made the data?

200 replicates: a population from the priors, 23 lesions at the doses of the calibration set made by the model, a fit with the
settings of ``neorlt calibrate``, ranks of the true values among 99 draws. Each parameter's ranks are tested for uniformity (chi-square
over ten bins) at 1 % with Holm's correction. Goal, set before the run: none rejected.

Writes ``validation/response_sbc.json`` and, as it goes, a line a replicate beside it (``response_sbc.jsonl``, not committed): a run that
was stopped goes on. Run by ``make validate``: about one and a half hours on two cores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from neorlt.response.sbc import run_sbc

HERE = Path(__file__).resolve().parent
N_REPLICATES = 200
SEED = 20


def main() -> int:
    """Run the replicates and write the result; 1 where a parameter's ranks are not uniform."""
    finished = HERE / "response_sbc.jsonl"
    report = run_sbc(N_REPLICATES, SEED, finished)
    (HERE / "response_sbc.json").write_text(json.dumps(report) + "\n", encoding="utf-8")
    finished.unlink()
    print(json.dumps({key: report[key] for key in ("n", "p", "rejected", "uniform", "replicates_with_divergences")}, indent=1))
    return 0 if report["uniform"] else 1


if __name__ == "__main__":
    sys.exit(main())
