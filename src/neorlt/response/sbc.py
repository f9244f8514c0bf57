"""Simulation-based calibration (Talts 2018): does the sampler find back what made the data?

Each replicate draws a population from the priors, makes data at the doses of the calibration set through the model
itself, fits them with the same code, and ranks the truth among the posterior draws. If all is well the ranks are
uniform; each parameter is tested by a chi-square over ten bins, with Holm's correction over parameters.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.response import calibration, sampling
from neorlt.response.calibration import Assumptions, Lesions
from neorlt.response.parameters import ROOM, TUMOUR_NAMES, draw_from, read_priors, truncated_fibrosis

N_BINS = 10
N_RANKED = 99
LEVEL = 0.01
RANKED = (*TUMOUR_NAMES, "fibrosis_fraction", "doubling_z")


def draw_truth(rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """One population from the priors, ``(1,)`` each."""
    priors = read_priors()
    truth = {name: draw_from(priors[name], rng, 1) for name in TUMOUR_NAMES}
    truth["fibrosis_fraction"] = truncated_fibrosis(rng.uniform(size=1), truth["residual_fraction"])
    truth["doubling_z"] = rng.standard_normal(1)
    return truth


@functools.cache
def _compiled(dose_gy: tuple[float, ...], assumed: Assumptions) -> Any:
    import jax
    import jax.numpy as jnp

    dose = np.asarray(dose_gy)
    plan = calibration.make_plan(dose, assumed)
    return jax.jit(lambda free, z: calibration.log_volumes(free, z, jnp.asarray(dose), plan, assumed))


def make_data(
    truth: dict[str, NDArray[np.float64]], dose_gy: NDArray[np.float64], rng: np.random.Generator, assumed: Assumptions
) -> NDArray[np.float64]:
    """Log relative volumes at best response of one synthetic series at these doses."""
    n = len(dose_gy)
    z = {name: rng.standard_normal(n) for name in ("alpha", "growth", "dose")}
    free = {name: float(value[0]) for name, value in truth.items()}
    volumes = np.asarray(_compiled(tuple(dose_gy.tolist()), assumed)(free, z))
    s = calibration.VOLUME_POWER * free["sigma_d"] / np.sqrt(2.0)
    return np.asarray((volumes + s * (rng.standard_normal(volumes.shape) - rng.standard_normal(n))).min(axis=0))


def holm(p: dict[str, float], level: float = LEVEL) -> dict[str, bool]:
    """Whether each hypothesis is rejected, by Holm's step-down rule."""
    rejected = dict.fromkeys(p, False)
    for i, name in enumerate(sorted(p, key=lambda key: p[key])):
        if p[name] > level / (len(p) - i):
            break
        rejected[name] = True
    return rejected


def uniformity(ranks: dict[str, list[int]]) -> dict[str, Any]:
    """Chi-square p-value of each parameter's ranks (0 to ``N_RANKED``) and Holm's verdict."""
    from scipy.stats import chisquare

    p = {}
    for name, values in ranks.items():
        counts = np.histogram(values, bins=N_BINS, range=(0, N_RANKED + 1))[0]
        p[name] = float(chisquare(counts).pvalue)
    rejected = holm(p)
    return {"p": p, "rejected": [name for name, bad in rejected.items() if bad], "uniform": not any(rejected.values())}


def run_sbc(n_replicates: int, seed: int, *, n_warmup: int = 400, n_samples: int = 396) -> dict[str, Any]:
    """Run replicates one after another (the compiled sampler is kept) and test their ranks.

    Replicates whose smallest effective sample size is below 50 are counted and kept: leaving them out would bias ranks.
    """
    sampling.need_numpyro()
    import jax
    from numpyro.infer import MCMC, NUTS

    dose = calibration.read_lesions("7A").dose_gy
    assumed = Assumptions()
    model = calibration.make_model(Lesions("synthetic", dose, np.zeros(len(dose))), assumed)
    mcmc = MCMC(
        NUTS(model, target_accept_prob=0.9, max_tree_depth=7),
        num_warmup=n_warmup,
        num_samples=n_samples,
        num_chains=1,
        progress_bar=False,
        jit_model_args=True,
    )
    ranks: dict[str, list[int]] = {name: [] for name in RANKED}
    divergent = 0
    for replicate in range(n_replicates):
        rng = core_draws.generator(seed, ROOM, "sbc", str(replicate))
        truth = draw_truth(rng)
        y = make_data(truth, dose, rng, assumed)
        mcmc.run(jax.random.PRNGKey(int(rng.integers(2**31))), np.asarray(y, np.float32), extra_fields=("diverging",))
        samples = mcmc.get_samples()
        divergent += int(np.asarray(mcmc.get_extra_fields()["diverging"]).any())
        keep = np.linspace(0, n_samples - 1, N_RANKED).astype(int)
        for name in RANKED:
            ranks[name].append(int((np.asarray(samples[name])[keep] < truth[name][0]).sum()))
    return {"n": n_replicates, "ranks": ranks, "replicates_with_divergences": divergent, **uniformity(ranks)}
