"""Courses of virtual patients on a dask cluster of four local worker processes, one killed by its process id during the run.

Usage: ``python benchmarks/trials/scale_dask.py [--sizes 12000 100000 1000000]``. The killed run must give every number of the
undisturbed one in a single process, bit by bit (``passed``). The baseline is that single process (``here``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import growth

from neorlt.trials.design import read_design
from neorlt.trials.run import Plan, here, make_plan, on_dask, run_plan

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "trials" / "neolupanet.toml"
WORKERS, PATIENTS, TRIALS, DRAWS_A_BLOCK = 4, 100, 10, 1
"""Blocks of 1 000 patients, none of whom is followed in more than one draw of the parameters: a million courses are a million patients."""


def plan_of(patients: int) -> Plan:
    """The example's trial with 100 patients, as many draws of ten trials as give this number of patients."""
    design = read_design(EXAMPLE)
    arms = tuple(dataclasses.replace(arm, n=PATIENTS) for arm in design.arms)
    design = dataclasses.replace(design, arms=arms, trials_per_draw=TRIALS, n_draws=max(1, patients // (PATIENTS * TRIALS)))
    return dataclasses.replace(make_plan(design), draws_per_block=DRAWS_A_BLOCK, n_blocks=-(-design.n_draws // DRAWS_A_BLOCK))


def fingerprint(result: dict[str, Any]) -> str:
    """Hash over every array and number, in order."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key in value:
                digest.update(str(key).encode())
                add(value[key])
        elif isinstance(value, list | tuple):
            for inner in value:
                add(inner)
        else:
            digest.update(value.tobytes() if hasattr(value, "tobytes") else pickle.dumps(value))

    add(result)
    return digest.hexdigest()


def plain(patients: int) -> dict[str, Any]:
    result, cost = growth.spent(lambda: run_plan(plan_of(patients), here))
    return {**cost, "enrolled": result["enrolled"], "sha256": fingerprint(result), "peak_mb": growth.peak_mb()}


def killed(patients: int) -> dict[str, Any]:
    plan = plan_of(patients)
    (result, told), cost = growth.spent(lambda: _on_a_cluster(plan))  # the workers have ended: their time counts
    alone = run_plan(plan, here)
    same = fingerprint(result) == fingerprint(alone)
    return {**cost, **told, "workers": WORKERS, "blocks": plan.n_blocks, "enrolled": result["enrolled"], "sha256": fingerprint(result),
            "as_undisturbed": same, "passed": same and told.get("killed_after_blocks", plan.n_blocks) < plan.n_blocks,
            "peak_mb": growth.peak_mb(), "largest_worker_mb": growth.peak_mb(resource.RUSAGE_CHILDREN)}


def _on_a_cluster(plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run on four worker processes; one is killed once a quarter of the blocks is done and it has others to do."""
    from distributed import Client, LocalCluster

    told: dict[str, Any] = {}
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        pids = client.run(os.getpid)

        def kill() -> None:
            while True:
                done, busiest, held, to_do = client.run_on_scheduler(_blocks)
                if done >= max(1, plan.n_blocks // 4) and to_do:
                    break
                time.sleep(0.02)
            os.kill(pids[busiest], signal.SIGKILL)
            told.update(killed_pid=pids[busiest], killed_after_blocks=done, killed_holding=held, killed_with_to_do=to_do)

        hand = threading.Thread(target=kill, daemon=True)
        hand.start()
        result, run = growth.spent(lambda: run_plan(plan, on_dask(cluster.scheduler_address)))
        told["run_wall_s"] = run["wall_s"]
        hand.join(timeout=5)
    return result, told


def _blocks(dask_scheduler: Any) -> tuple[int, str, int, int]:
    """Blocks that are done; the worker with most to do, how many blocks it holds and how many it was given."""
    busiest = max(dask_scheduler.workers.values(), key=lambda worker: len(worker.processing))
    done = sum(task.state == "memory" for task in dask_scheduler.tasks.values())
    return done, busiest.address, len(busiest.has_what), len(busiest.processing)


if __name__ == "__main__":
    sys.exit(growth.main(__file__, {"single process": plain, "four workers, one killed": killed}, (12_000, 100_000, 1_000_000)))
