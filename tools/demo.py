"""The main job on the bundled patient: write the example, plan, and say where the report is, how long it took, how much memory."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from neorlt.core.progress import stages
from neorlt.jobs.plan import run_plan
from neorlt.phantoms.example import write_example

OUT = Path("demo-report")


def main() -> int:
    started = time.monotonic()
    with stages(("writing the example", 40.0), ("planning", 60.0)) as at, tempfile.TemporaryDirectory(prefix="neorlt-demo-") as folder:
        example = write_example("pannet-head", Path(folder) / "example", seed=1)
        written = time.monotonic()
        at("planning")
        document = run_plan(Path(example["study"]), Path(example["patient"]), OUT, seed=1)
    done = time.monotonic()
    print(document["synthetic"])
    for sentence in document["answer"]["sentences"]:
        print(f"  {sentence}")
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"Example written in {written - started:.0f} s; study to report in {done - written:.0f} s; peak memory {peak_gb:.1f} GB.")
    print(f"Report: {(OUT / 'report.html').resolve()}")
    print("On the tumour board's page: make serve")
    return 0


if __name__ == "__main__":
    sys.exit(main())
