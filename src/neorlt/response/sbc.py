"""Simulation-based calibration (Talts 2018): does the sampler find back what made the data?

Each replicate draws a population from the priors, makes data at the doses of the calibration set through the model
itself, fits them with the same code, and ranks the truth among the posterior draws. If all is well the ranks are
uniform; each parameter is tested by a chi-square over ten bins, with Holm's correction over parameters.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.response import calibration, sampling
from neorlt.response.calibration import Assumptions, Lesions
from neorlt.response.parameters import ROOM, TUMOUR_NAMES, draw_from, read_priors, truncated_fibrosis
from neorlt.response.sampling import MAX_TREE_DEPTH, TARGET_ACCEPT, WATCHED

N_BINS = 10
N_RANKED = 99
LEVEL = 0.01
RANKED = WATCHED


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


N_WARMUP = 400
N_SAMPLES = 4 * N_RANKED


@functools.cache
def _sampler() -> tuple[Any, NDArray[np.float64], Assumptions]:
    """The compiled sampler, the doses of the calibration set and what is assumed: one a process."""
    from numpyro.infer import MCMC, NUTS, init_to_sample

    dose = calibration.read_lesions("7A").dose_gy
    assumed = Assumptions()
    model = calibration.make_model(Lesions("synthetic", dose, np.zeros(len(dose))), assumed)
    kernel = NUTS(model, target_accept_prob=TARGET_ACCEPT, max_tree_depth=MAX_TREE_DEPTH, dense_mass=True, init_strategy=init_to_sample)
    mcmc = MCMC(kernel, num_warmup=N_WARMUP, num_samples=N_SAMPLES, num_chains=1, progress_bar=False, jit_model_args=True)
    return mcmc, dose, assumed


def rank_replicate(replicate: int, seed: int) -> dict[str, Any]:
    """Simulate and fit one replicate: the rank of each true value among ``N_RANKED`` draws, and whether the chain diverged."""
    sampling.use_processors(1)
    import jax

    mcmc, dose, assumed = _sampler()
    rng = core_draws.generator(seed, ROOM, "sbc", str(replicate))
    truth = draw_truth(rng)
    y = make_data(truth, dose, rng, assumed)
    mcmc.run(jax.random.PRNGKey(int(rng.integers(2**31))), np.asarray(y, np.float32), extra_fields=("diverging", "num_steps"))
    samples, extra = mcmc.get_samples(), mcmc.get_extra_fields()
    keep = np.linspace(0, N_SAMPLES - 1, N_RANKED).astype(int)
    ranks = {name: int((np.asarray(samples[name])[keep] < truth[name][0]).sum()) for name in RANKED}
    return {"replicate": replicate, "diverged": bool(np.asarray(extra["diverging"]).any()),
            "steps": int(np.asarray(extra["num_steps"]).sum()), "ranks": ranks}


def run_sbc(n_replicates: int, seed: int, finished: Path | None = None) -> dict[str, Any]:
    """Rank ``n_replicates``, one process a processor, and test their ranks.

    A replicate whose chain diverged is counted and kept: leaving it out would bias the ranks.

    Parameters
    ----------
    finished
        File that gets a line a replicate as it ends; replicates of the same seed that it holds are not run again.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    from neorlt.core.progress import track

    sampling.need_numpyro()
    done: dict[int, dict[str, Any]] = {}
    if finished is not None and finished.exists():
        lines = [json.loads(line) for line in finished.read_text(encoding="utf-8").splitlines()]
        done = {row["replicate"]: row for row in lines if row["seed"] == seed and row["replicate"] < n_replicates}
    missing = [i for i in range(n_replicates) if i not in done]
    context = multiprocessing.get_context("spawn")  # a forked jax can hang
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context) as pool:
        futures = [pool.submit(rank_replicate, i, seed) for i in missing]
        for future in track(as_completed(futures), "simulation-based calibration", len(missing)):
            row = future.result()
            done[row["replicate"]] = row
            if finished is not None:
                with finished.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({"seed": seed, **row}) + "\n")
    rows = [done[i] for i in range(n_replicates)]
    ranks = {name: [row["ranks"][name] for row in rows] for name in RANKED}
    return {"n": n_replicates, "n_ranked": N_RANKED, "seed": seed, "ranks": ranks,
            "replicates_with_divergences": sum(row["diverged"] for row in rows), **uniformity(ranks)}
