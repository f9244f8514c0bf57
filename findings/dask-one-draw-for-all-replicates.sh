#!/usr/bin/env bash
# Replicates of a simulated trial sent to a dask cluster: the same function with the same arguments, an own random generator in each call.
# Guess: five calls, five draws.
# Seen: one draw, five times: a task is named by function and arguments and run once (`pure=True`). Power by 1 000 such "replicates" is that
# of one. A seed among the arguments, or `pure=False`, mends it.
. "$(dirname "$0")/_start.sh" distributed==2026.8.0 numpy==2.4.6
check <<'PY'
import numpy as np
from dask.distributed import Client

def replicate(n):
    return float(np.random.default_rng().normal(size=n).mean())

with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
    mapped = client.gather(client.map(replicate, [100] * 5))
    apart = client.gather(client.map(replicate, [101] * 5, pure=False))
print("map:", len(set(mapped)), "different of 5; pure=False:", len(set(apart)))
holds = len(set(mapped)) == 1 and len(set(apart)) == 5
PY
