"""What a reader adds to a lesion's volume: one image, or the best of several against one baseline."""

from __future__ import annotations

from typing import Any

import numpy as np

from neorlt.response.tumour import quadrature

VOLUME_POWER = 3.0
"""Log-SD of a volume over that of a diameter: readings of the three axes err together (assumption, cautious)."""
N_ERROR_NODES = 7


def best_log_density(y: Any, log_volume: Any, sigma_d: Any, density: bool = True) -> Any:
    """Log density (or log survival) of the best of several noisy follow-ups, ``(...)``; follow-ups lead.

    A reading is ``log V_j + s (e_j - e_0)`` with ``s = 3 sigma_d / sqrt(2)``: the error at baseline e_0 is shared and
    integrated out, so the reported best is picked for favourable noise, as it was in the paper.
    """
    import jax.numpy as jnp
    from jax.scipy.special import log_ndtr, logsumexp

    nodes, weights = quadrature(N_ERROR_NODES)
    s = VOLUME_POWER * sigma_d / np.sqrt(2.0)
    log_weights = jnp.asarray(np.log(weights))
    shape = (-1,) + (1,) * log_volume.ndim
    a = (y - log_volume)[None] / s + jnp.asarray(nodes).reshape(shape)
    log_above = log_ndtr(-a)
    inner = log_above.sum(1)
    if density:
        inner = inner + logsumexp(-0.5 * a**2 - 0.5 * np.log(2 * np.pi) - log_above, axis=1) - jnp.log(s)
    return logsumexp(inner + log_weights.reshape(shape[:-1]), axis=0)
