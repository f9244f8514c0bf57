"""A table of 100 000 patients, read and analysed, beside a plain pandas and lifelines script of the same analysis.

Usage: ``python benchmarks/cohorts/bench_cohort.py [--rows N] [--ours]``. The table is the synthetic cohort drawn again with new
identifiers and shifted dates, and Ki-67 taken away in 40 %. Each side runs in a process of its own; the limits are 20 s, 1 GB
and the time of the plain script. Wall time depends on what else the machine does; CPU time stands beside it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from neorlt.core.tables import read_text

LIMIT_S, LIMIT_MB, IMPUTATIONS = 20.0, 1024.0, 20


def make_table(path: Path, rows: int) -> None:
    """Draw patients of the synthetic cohort again."""
    source = list(csv.reader(io.StringIO(read_text("cohorts", "synthetic_cohort.csv"))))
    head, body = source[0], source[1:]
    dates, ki67 = [k for k, name in enumerate(head) if name.endswith("_date")], head.index("ki67_before_pct")
    rng = np.random.default_rng(20261128)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(head)
        for number, pick in enumerate(rng.integers(0, len(body), rows).tolist()):
            row = list(body[pick])
            row[0] = f"SYN-{number:06d}"
            shift = dt.timedelta(days=int(rng.integers(-300, 300)))
            for k in dates:
                row[k] = (dt.date.fromisoformat(row[k]) + shift).isoformat() if row[k] else ""
            row[ki67] = "" if rng.random() < 0.4 else row[ki67]
            writer.writerow(row)


PLAIN = Path(__file__).resolve().parent / "plain" / "lifelines_script.py"


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall time and CPU time in seconds, and the peak memory of the processes so far in MB."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu, after.ru_maxrss / 1024.0


def main() -> int:
    rows = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else 100_000
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "synthetic.csv"
        make_table(table, rows)
        out = str(Path(folder) / "out")
        ours = [sys.executable, "-m", "neorlt.cli", "cohort", str(table), "--out", out, "--imputations", str(IMPUTATIONS)]
        took, cpu, peak = measured(ours)
        print(f"neorlt cohort, {rows} patients:      {took:6.1f} s wall {cpu:6.1f} s CPU, peak {peak:.0f} MB")
        status = int(rows >= 100_000 and (took > LIMIT_S or peak > LIMIT_MB))
        if "--ours" not in sys.argv:
            plain, plain_cpu, memory = measured([sys.executable, str(PLAIN), str(table), str(IMPUTATIONS)])
            print(f"plain pandas and lifelines script: {plain:6.1f} s wall {plain_cpu:6.1f} s CPU, peak {memory:.0f} MB")
            print(f"neorlt takes {took / plain:.2f} of its wall time, {cpu / plain_cpu:.2f} of its CPU time")
            status |= int(took > plain)
    return status


if __name__ == "__main__":
    sys.exit(main())
