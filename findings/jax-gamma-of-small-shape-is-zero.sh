#!/usr/bin/env bash
# Draws of a gamma (or beta) distribution with a small shape, as priors of rates of rare events have it, in JAX's default precision.
# Guess: tiny numbers above zero.
# Seen: at shape 0.01 about two in five draws are exactly 0 (their logarithm is -inf), and of beta(0.01, 0.01) three in five are exactly 0 or 1.
# `loggamma` keeps them. A likelihood on such draws is NaN.
. "$(dirname "$0")/_start.sh" jax==0.10.2 numpy==2.4.6
check <<'PY'
import jax, jax.numpy as jnp

key = jax.random.key(1)
zero = float((jax.random.gamma(key, 0.01, (10_000,)) == 0).mean())
beta = jax.random.beta(key, 0.01, 0.01, (10_000,))
edge = float(((beta == 0) | (beta == 1)).mean())
kept = bool(jnp.isfinite(jax.random.loggamma(key, 0.01, (10_000,))).all())
print(f"gamma(0.01) exactly 0: {zero:.3f}; beta(0.01, 0.01) exactly 0 or 1: {edge:.3f}; loggamma finite: {kept}")
holds = zero > 0.3 and edge > 0.5 and kept
PY
