"""Counts of an arm and its progression-free curve as integrals of the lesion model over patients, forward over the visits.

Patients are points of a fixed scrambled Sobol set (sensitivity, growth, Ki-67, errors of reading). Along a patient's visits the error of
each reading is integrated in closed form: given what was read so far (the nadir), the chance of a response, of progression, of neither is
a normal probability; the path that goes on is drawn from the reading that neither rule stopped (the GHK way: Geweke 1991, Hajivassiliou
and McFadden 1998). The result is smooth in every parameter, so it has a gradient, although best response and nadir depend on the path.

Rules: response when the sum of diameters is at most ``response_ratio`` of the baseline; progression when it is 1.2 times the nadir or
more. No confirmation is asked for, and the 5 mm of RECIST 1.1 are not (sums are above 25 mm). New lesions and death come as one hazard.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PROGRESSION_RATIO = 1.2
N_TARGETS = 2
"""Target lesions a patient: their diameters are summed."""
EDGE = 1e-4
"""Probabilities of readings stay this far from 0 and 1, where single precision would lose the gradient."""


class Points(NamedTuple):
    """Standard normals of patients ``(point, ...)`` and uniforms of their readings ``(point, visit)``."""

    patient: NDArray[np.float32]
    lesion: NDArray[np.float32]
    """``(point, N_TARGETS)``."""
    growth: NDArray[np.float32]
    ki67: NDArray[np.float32]
    baseline: NDArray[np.float32]
    reading: NDArray[np.float32]
    origin: NDArray[np.float32]
    """``(point,)`` uniform that tells the origin of the tumour."""


@functools.cache
def points(n: int, n_visits: int, seed: int = 5) -> Points:
    """``n`` patients of a scrambled Sobol set; ``n`` a power of two."""
    from scipy.stats import norm, qmc

    sample = qmc.Sobol(5 + N_TARGETS + n_visits, rng=np.random.default_rng(seed)).random(n)
    z = norm.ppf(np.clip(sample, 1e-4, 1 - 1e-4)).astype(np.float32)
    k = N_TARGETS
    uniform = sample.astype(np.float32)
    return Points(z[:, 0], z[:, 5 : 5 + k], z[:, 1], z[:, 3], z[:, 4], uniform[:, 5 + k :], uniform[:, 2])


def sum_of_targets(log_volume: Any) -> Any:
    """Log of the sum of diameters over its baseline, from log relative volumes ``(row, point, target, visit)``."""
    import jax.numpy as jnp

    return jnp.log(jnp.exp(log_volume / 3).mean(axis=2))


def _between(low: Any, high: Any, u: Any) -> Any:
    """Standard normal at a share ``u`` of the way between two probabilities.

    Where both lie at the edge their sum rounds to 1 in single precision: an infinite reading that no later step uses, but whose slope is
    not a number.
    """
    import jax.numpy as jnp
    from jax.scipy.special import ndtri

    return ndtri(_smaller(low + u * (high - low), jnp.float32(1 - EDGE)))


def _smaller(a: Any, b: Any) -> Any:
    """The smaller of two, by a comparison.

    The gradient of JAX's own asks which of the two *equals* the result, and where the compiler works one out a second time with another
    rounding neither does (findings/jax-gradient-of-minimum-when-unrolled).
    """
    import jax.numpy as jnp

    return jnp.where(b < a, b, a)


def _larger(a: Any, b: Any) -> Any:
    """The larger of two; see :func:`_smaller`."""
    import jax.numpy as jnp

    return jnp.where(b > a, b, a)


def _inside(p: Any) -> Any:
    """A probability, drawn in from 0 and 1."""
    return EDGE + (1 - 2 * EDGE) * p


def best_response(log_sum: Any, visits_week: Any, exit_per_week: Any, sd: Any, log_ratio: Any, given: Points) -> tuple[Any, Any]:
    """Chance ``(row, point)`` that a response is the best of the visits, and that progression comes at the first.

    Parameters
    ----------
    log_sum
        ``(row, point, visit)`` latent log of the sum of diameters over its baseline.
    visits_week
        ``(row, visit)``.
    exit_per_week
        ``(row, point)`` hazard of new lesions and death.
    sd
        ``(row,)`` log-SD of one reading of the sum.
    log_ratio
        ``(row,)`` log of the largest sum that is a response.
    """
    import jax
    import jax.numpy as jnp
    from jax.scipy.special import ndtr

    s = sd[:, None]
    shared = s * given.baseline[None]
    zero = jnp.zeros(log_sum.shape[:2])

    def visit(state: Any, now: Any) -> tuple[Any, Any]:
        nadir, still = state
        latent, gap, u = now
        stay = jnp.exp(-exit_per_week * gap[:, None])
        centre = latent - shared
        low = _inside(ndtr((log_ratio[:, None] - centre) / s))
        high = _larger(_inside(ndtr((np.log(PROGRESSION_RATIO) + nadir - centre) / s)), low + EDGE)
        read = centre + s * _between(low, high, u[None])
        out = (still * stay * low, 1 - stay * high)
        return (_smaller(nadir, read), still * stay * (high - low)), out

    _, (response, progression) = jax.lax.scan(visit, (zero, zero + 1.0), _along(log_sum, visits_week, given), unroll=True)
    return response.sum(axis=0), progression[0]


def _along(log_sum: Any, visits_week: Any, given: Points) -> tuple[Any, Any, Any]:
    """What each visit needs, visits leading: latent sums, weeks since the visit before, uniforms."""
    import jax.numpy as jnp

    gaps = jnp.diff(jnp.asarray(visits_week), axis=1, prepend=0.0)
    return jnp.moveaxis(log_sum, 2, 0), gaps.T, jnp.asarray(given.reading[:, : log_sum.shape[2]]).T


def free_of_progression(log_sum: Any, visits_week: Any, exit_per_week: Any, sd: Any, given: Points) -> Any:
    """Chance ``(row, point, visit)`` of neither progression by size nor exit up to each visit; axes as in :func:`best_response`."""
    import jax
    import jax.numpy as jnp
    from jax.scipy.special import ndtr

    s = sd[:, None]
    shared = s * given.baseline[None]
    zero = jnp.zeros(log_sum.shape[:2])

    def visit(state: Any, now: Any) -> tuple[Any, Any]:
        nadir, still = state
        latent, gap, u = now
        centre = latent - shared
        high = _inside(ndtr((np.log(PROGRESSION_RATIO) + nadir - centre) / s))
        still = still * jnp.exp(-exit_per_week * gap[:, None]) * high
        return (_smaller(nadir, centre + s * _between(0.5 * EDGE, high, u[None])), still), still

    _, curve = jax.lax.scan(visit, (zero, zero + 1.0), _along(log_sum, visits_week, given), unroll=True)
    return jnp.moveaxis(curve, 0, 2)


def at_week(log_sum: Any, exit_per_week: Any, week: Any, sd: Any, log_ratio: Any) -> tuple[Any, Any]:
    """Chance ``(row, point)`` of response and of progression at one visit, against the baseline; ``log_sum`` ``(row, point)``."""
    import jax.numpy as jnp
    from jax.scipy.special import ndtr

    s = np.sqrt(2.0) * sd[:, None]
    stay = jnp.exp(-exit_per_week * week[:, None])
    response = ndtr((log_ratio[:, None] - log_sum) / s)
    growth = 1 - ndtr((np.log(PROGRESSION_RATIO) - log_sum) / s)
    return stay * response, 1 - stay + stay * growth


def log_curve_at(curve: Any, visits_week: Any, week: Any) -> Any:
    """Log share free of progression ``(row,)`` at ``week``, straight between the visits on the log scale; curve ``(row, visit)``."""
    import jax.numpy as jnp

    log_curve = jnp.concatenate([jnp.zeros_like(curve[:, :1]), jnp.log(jnp.maximum(curve, 1e-6))], axis=1)
    weeks = jnp.concatenate([jnp.zeros_like(visits_week[:, :1]), visits_week], axis=1)
    right = jnp.clip((weeks < week[:, None]).sum(axis=1), 1, weeks.shape[1] - 1)
    pick = jnp.arange(len(right))
    share = (week - weeks[pick, right - 1]) / (weeks[pick, right] - weeks[pick, right - 1])
    return log_curve[pick, right - 1] * (1 - share) + log_curve[pick, right] * share
