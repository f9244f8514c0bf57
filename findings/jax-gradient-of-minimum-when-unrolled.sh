#!/usr/bin/env bash
# The nadir of a tumour along its visits is a running minimum; its likelihood is a scan over visits whose gradient drives a sampler.
# Guess: unrolling the scan (unroll=) changes speed, and the gradient in the last digits.
# Seen: in double precision and compiled, the gradient of the unrolled scan is off by 1e-4 of itself (differences and the rolled scan agree
# to 1e-9). The derivative of `jnp.minimum` asks which argument equals the result; where the compiler computes an argument a second time
# with another rounding, neither does, and that share of the gradient is lost. `jnp.where(a < b, a, b)` keeps it.
. "$(dirname "$0")/_start.sh" jax==0.10.2 numpy==2.4.6
check <<'PY'
import numpy as np, jax, jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(1)
latent = np.linspace(-0.3, 0.3, 7)[:, None, None] + 0.05 * rng.standard_normal((7, 3, 1)) + np.zeros((7, 3, 64))
uniform, baseline = rng.uniform(size=(7, 64)), rng.standard_normal(64)


def curve(sd, unroll, smaller):
    def visit(state, now):
        nadir, still = state
        size, u = now
        centre = size - sd * baseline
        stay = 1e-4 + (1 - 2e-4) * ndtr((np.log(1.2) + nadir - centre) / sd)
        return (smaller(nadir, centre + sd * ndtri(5e-5 + u * (stay - 5e-5))), still * stay), still * stay

    start = jnp.zeros((3, 64))
    return jax.lax.scan(visit, (start, start + 1), (jnp.asarray(latent), jnp.asarray(uniform)), unroll=unroll)[1].mean()


def slope(unroll, smaller):
    return float(jax.jit(jax.grad(lambda sd: curve(sd, unroll, smaller)))(0.07))


value = jax.jit(lambda sd: curve(sd, 1, jnp.minimum))
truth = float(value(0.07 + 1e-6) - value(0.07 - 1e-6)) / 2e-6
rolled, unrolled = slope(1, jnp.minimum), slope(7, jnp.minimum)
compared = slope(7, lambda a, b: jnp.where(b < a, b, a))
for name, found in (("rolled", rolled), ("unrolled", unrolled), ("unrolled, compared by where", compared)):
    print(f"{name}: {found:.8f}, {abs(found / truth - 1):.1e} off the differences")
holds = abs(unrolled / truth - 1) > 3e-5 and max(abs(rolled / truth - 1), abs(compared / truth - 1)) < 1e-7
PY
