"""NUTS on the calibration model, and its diagnostics."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import MissingExtraError
from neorlt.response.parameters import TUMOUR_NAMES

N_CHAINS = 4
N_WARMUP = 700
N_SAMPLES = 1000
TARGET_ACCEPT = 0.95
"""At 0.93 one of two refits had a divergence."""
MAX_TREE_DEPTH = (7, 8)
"""During warm-up and after it."""
WATCHED = (*TUMOUR_NAMES, "fibrosis_fraction", "doubling_z")


@dataclass(frozen=True)
class Fit:
    """Posterior draws ``(chain, draw, ...)`` by name, and how well the chains mixed."""

    draws: dict[str, NDArray[np.floating[Any]]]
    divergences: int
    rhat: dict[str, float]
    ess_bulk: dict[str, float]
    ess_tail: dict[str, float]

    @property
    def rhat_max(self) -> float:
        """Largest R-hat over the population's parameters and the lesions' effects."""
        return max(self.rhat.values())

    @property
    def ess_min(self) -> float:
        """Smallest bulk or tail effective sample size."""
        return min(*self.ess_bulk.values(), *self.ess_tail.values())

    def flat(self, name: str) -> NDArray[np.floating[Any]]:
        """Draws of one quantity with the chains joined, ``(chain * draw, ...)``."""
        value = self.draws[name]
        return value.reshape(-1, *value.shape[2:])

    def population(self) -> dict[str, NDArray[np.floating[Any]]]:
        """The population's parameters, ``(chain * draw,)`` each."""
        return {name: self.flat(name) for name in WATCHED}


def need_numpyro() -> None:
    """Raise a named error where the extra is not installed."""
    try:
        import arviz  # noqa: F401
        import numpyro  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("numpyro", extra="calibrate") from error


def use_processors(n_chains: int = N_CHAINS) -> bool:
    """Give each chain a device of its own, so that chains need not wait for the longest trajectory among them.

    Returns whether that could be done: it cannot once jax has started.
    """
    import os

    import jax

    if "XLA_FLAGS" not in os.environ:
        # Chains are the parallel work; threads inside each would only compete with them.
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    config: Any = jax.config
    try:
        config.update("jax_num_cpu_devices", n_chains)
    except RuntimeError:
        return False
    return jax.local_device_count() >= n_chains


def run_nuts(
    model: Any, y: NDArray[np.float64], seed: int, *, n_chains: int = N_CHAINS, n_warmup: int = N_WARMUP, n_samples: int = N_SAMPLES,
    init_params: dict[str, Any] | None = None,
) -> Fit:
    """Sample a model with NUTS; chains run side by side: each on its device (:func:`use_processors`), else in one program.

    ``init_params`` gives unconstrained starts ``(chain, ...)`` of an earlier run; else each chain starts at a prior draw.
    """
    need_numpyro()
    import jax
    from numpyro.infer import MCMC, NUTS, init_to_sample

    # Chains start at draws of the prior: dispersed, but not in corners where nothing fits.
    kernel = NUTS(model, target_accept_prob=TARGET_ACCEPT, max_tree_depth=MAX_TREE_DEPTH, dense_mass=True, init_strategy=init_to_sample)
    method = "parallel" if jax.local_device_count() >= n_chains else "vectorized"
    mcmc = MCMC(kernel, num_warmup=n_warmup, num_samples=n_samples, num_chains=n_chains, chain_method=method, progress_bar=False)
    mcmc.run(jax.random.PRNGKey(seed), np.asarray(y, np.float32), extra_fields=("diverging", "num_steps"), init_params=init_params)
    draws = {name: np.asarray(value) for name, value in mcmc.get_samples(group_by_chain=True).items()}
    extra = mcmc.get_extra_fields(group_by_chain=True)
    draws["num_steps"] = np.asarray(extra["num_steps"])
    return summarise_chains(draws, int(np.asarray(extra["diverging"]).sum()))


def summarise_chains(draws: dict[str, NDArray[Any]], divergences: int) -> Fit:
    """R-hat (rank-normalised) and effective sample sizes of everything that was sampled."""
    arviz: Any = importlib.import_module("arviz")
    sampled = {name: value for name, value in draws.items() if name != "num_steps" and np.ptp(value) > 0}
    data = arviz.convert_to_dataset(sampled)
    rhat, bulk, tail = arviz.rhat(data), arviz.ess(data, method="bulk"), arviz.ess(data, method="tail")
    names = list(sampled)
    return Fit(
        draws, divergences, {name: float(rhat[name].max()) for name in names},
        {name: float(bulk[name].min()) for name in names}, {name: float(tail[name].min()) for name in names},
    )
