#!/usr/bin/env bash
# The upper tail of a normal distribution in a simulation that runs in JAX's default precision: the value exceeded with chance 1e-10.
# Guess: 6.36, since the function is the survival function's inverse and is made for small tails.
# Seen: infinity: it is computed as the quantile of 1 - p, and 1 - 1e-10 is 1 in single precision. The lower tail gives -6.36.
. "$(dirname "$0")/_start.sh" jax==0.10.2 numpy==2.4.6 scipy==1.17.1
check <<'PY'
import jax.numpy as jnp
from jax.scipy.stats import norm
from scipy import stats

upper, lower = float(norm.isf(1e-10)), float(norm.ppf(1e-10))
print(f"isf(1e-10) = {upper}, ppf(1e-10) = {lower:.4f}, scipy {stats.norm.isf(1e-10):.4f}")
holds = upper == float("inf") and abs(lower + stats.norm.isf(1e-10)) < 1e-3
PY
