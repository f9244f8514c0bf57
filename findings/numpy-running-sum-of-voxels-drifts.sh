#!/usr/bin/env bash
# The running sum that a cumulative dose-volume histogram is made of: 20 million voxels of 0.1 ml in single precision.
# Guess: a running sum ends where the sum is, 2 000 000 ml, within rounding.
# Seen: 2 097 152, 4.9 % too much: sum() adds in pairs, cumsum() one after another, and in single precision it drifts. JAX's cumsum gives
# 2 000 000.5. A whole-body dose map has that many voxels.
. "$(dirname "$0")/_start.sh" numpy==2.4.6 jax==0.10.2
check <<'PY'
import jax.numpy as jnp, numpy as np

voxels = np.full(20_000_000, 0.1, np.float32)
running, whole, other = float(np.cumsum(voxels)[-1]), float(voxels.sum()), float(jnp.cumsum(jnp.asarray(voxels))[-1])
print(f"cumsum {running:.0f}, sum {whole:.1f}, jax cumsum {other:.1f}")
holds = running / 2e6 - 1 > 0.04 and abs(whole / 2e6 - 1) < 1e-5 and abs(other / 2e6 - 1) < 1e-5
PY
