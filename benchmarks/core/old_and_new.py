"""Version 0.1 beside this one, in turn, on this machine: CPU seconds of everyday commands, and courses simulated per second.

python benchmarks/core/old_and_new.py [--rounds 3] [--only predict optimise plan speed] [--old COMMIT]

A *cold* command finds no compiled code of an earlier run, a *warm* one does. ``speed`` runs each version's own
``benchmarks/response/speed.py``. Medians over the rounds; each round runs the one version right after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from old import OLD, ROOT, START, source_of

SCHEME = "4 x 7.4 GBq Lu-177 every 8 weeks"
PATIENT = "examples/pannet-head.toml"
COMMANDS = {"predict": ("predict", PATIENT, "--scheme", SCHEME, "--json"), "optimise": ("optimise", PATIENT, "--json")}
KINDS = (*COMMANDS, "plan", "speed")


def run(source: Path, caches: Path, *words: str) -> tuple[float, str]:
    """CPU seconds (children included) of one process of the code in ``source``, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(source / "src"), "XDG_CACHE_HOME": str(caches), "NUMBA_CACHE_DIR": str(caches / "numba")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], cwd=source, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"{' '.join(words)} in {source} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> int:
    """Measure, print a line a measure, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--old", default=OLD, help="commit to stand beside")
    arguments = parser.parse_args()
    seen: dict[str, dict[str, list[float]]] = {}

    def tell(measure: str, version: str, value: float) -> None:
        seen.setdefault(measure, {"0.1": [], "now": []})[version].append(value)

    with source_of(arguments.old) as old, tempfile.TemporaryDirectory(prefix="neorlt-beside-") as folder:
        if old is None:
            return 0
        for turn in range(arguments.rounds):
            for version, source in (("0.1", old), ("now", ROOT)):
                caches = Path(folder) / f"{version}-{turn}"
                for name, words in COMMANDS.items():
                    if name in arguments.only:
                        for state in ("cold", "warm"):
                            tell(f"{name} {state}, CPU s", version, run(source, caches / name, "-c", START, *words)[0])
                if "plan" in arguments.only:
                    example, out = Path(folder) / f"example-{version}", Path(folder) / f"plan-{version}-{turn}"
                    if not example.exists():
                        run(source, caches, "-c", START, "example", "pannet-head", "--out", str(example))
                    words = ("plan", str(example / "study"), "--patient", str(example / "patient.toml"), "--out", str(out))
                    tell("plan of four images, CPU s", version, run(source, caches, "-c", START, *words)[0])
                if "speed" in arguments.only:
                    found = json.loads(run(source, caches, str(source / "benchmarks/response/speed.py"))[1])
                    for measure in ("tumour_per_s", "tumour_with_read_outs_per_s", "tumour_kidney_blood_per_s"):
                        tell(measure, version, found[measure])
            print(f"round {turn + 1} of {arguments.rounds}, {time.strftime('%H:%M:%S')}, load {os.getloadavg()[0]:.1f}", flush=True)
    result = {}
    for measure, values in seen.items():
        before, after = (statistics.median(values[version]) for version in ("0.1", "now"))
        print(f"{measure:32s} 0.1 {before:12.2f}   now {after:12.2f}   now/0.1 {after / before:.2f}")
        result[measure] = {"0.1": values["0.1"], "now": values["now"], "ratio": after / before}
    print(json.dumps({"processors": os.cpu_count(), "measures": result}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
