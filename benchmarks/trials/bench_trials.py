"""Time and peak memory of the trials room.

Usage: ``python benchmarks/trials/bench_trials.py [--quick]``. Baselines stand in the same run: the Simon search beside a plain
enumeration of the same design, the virtual trials beside the same patients simulated one trial at a time. Wall time depends on
what else the machine does; CPU time is printed beside it.
"""

from __future__ import annotations

import dataclasses
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from neorlt.trials.design import read_design
from neorlt.trials.designs.simon import evaluate, reject_probability, simon
from neorlt.trials.document import run_trial
from neorlt.trials.run import make_plan, run_block

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "trials"


def timed(name: str, function: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:58s} {wall:8.2f} s wall {cpu:8.2f} s CPU   peak {peak:6.0f} MB")


def plain_simon(p0: float, p1: float, alpha: float, beta: float, n_max: int) -> object:
    best = None
    for n in range(2, n_max + 1):
        for n1 in range(1, n):
            for r1 in range(n1):
                for r in range(r1, n):
                    if reject_probability(p0, r1, n1, r, n) <= alpha:
                        if reject_probability(p1, r1, n1, r, n) >= 1 - beta:
                            found = evaluate(p0, p1, r1, n1, r, n)
                            best = found if best is None or found.en_p0 < best.en_p0 else best
                        break
    return best


def main() -> None:
    quick = "--quick" in sys.argv
    timed("Simon 0.2/0.6, 0.1, 0.1: plain enumeration to n = 20", lambda: plain_simon(0.2, 0.6, 0.1, 0.1, 20))
    timed("Simon 0.2/0.6, 0.1, 0.1: search", lambda: simon(0.2, 0.6, 0.1, 0.1))
    for p0, p1, alpha, beta in ((0.1, 0.3, 0.1, 0.1), (0.4, 0.55, 0.05, 0.1), (0.45, 0.55, 0.05, 0.1), (0.5, 0.55, 0.05, 0.1)):
        timed(f"Simon {p0}/{p1}, {alpha}, {beta}: search", lambda a=p0, b=p1, c=alpha, d=beta: simon(a, b, c, d))
    single = read_design(EXAMPLES / "neolupanet.toml")
    one_by_one = dataclasses.replace(single, n_draws=20, trials_per_draw=1)
    timed(
        "20 trials of 31, one draw a block (baseline)",
        lambda: [run_block(dataclasses.replace(make_plan(one_by_one), draws_per_block=1, n_blocks=20), i) for i in range(20)],
    )
    timed("10 000 trials of 31", lambda: run_trial(single))
    if not quick:
        timed("10 000 trials of 2 x 100", lambda: run_trial(read_design(EXAMPLES / "which-scheme.toml")))


if __name__ == "__main__":
    main()
