"""Simulation-based calibration (Talts 2018): does the fit find back what made the data?

Each replicate draws a population from the priors, makes data at the doses of the calibration set through the model
itself, and ranks the truth among states of a chain on the posterior of ``calibrate``. If density, gradient and integration over the
lesions' effects are right, the ranks are uniform; each parameter is tested by a chi-square over ten bins, with Holm's correction over
parameters. The data are made with lesions' effects drawn freely, not on the points over which the fit integrates.
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
from neorlt.response.calibration import Assumptions
from neorlt.response.parameters import ROOM, TUMOUR_NAMES, draw_from, read_priors, truncated_fibrosis
from neorlt.response.sampling import WATCHED

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
"""Iterations on the published lesions from which every replicate takes its step and metric."""
MAX_TREE_DEPTH = (6, 8)
TARGET_ACCEPT = 0.93
"""Of that adaptation; less than in ``calibrate``, since a chain that starts at the truth need not find its way in."""
STEP_SHARE = 0.7
"""Of the adapted step: replicates have posteriors of other shapes."""


def to_unconstrained(truth: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    """The population's parameters on the scale that the sampler walks on, by the names of ``calibration.sample_population``."""
    from scipy.special import logit

    priors = read_priors()
    flat: dict[str, float] = {"doubling_z": float(truth["doubling_z"][0])}
    for name in TUMOUR_NAMES:
        family, parameters, value = priors[name]["family"], priors[name]["parameters"], float(truth[name][0])
        if family == "lognormal":
            flat[f"{name}_z"] = float(np.log(value / parameters[0]) / parameters[1])
        elif family == "normal":
            flat[f"{name}_z"] = (value - parameters[0]) / parameters[1]
        elif family == "half-normal":
            flat[name] = float(np.log(value))
        else:
            flat[name] = float(logit(value))
    flat["fibrosis_q"] = float(logit(truth["fibrosis_fraction"][0] / truth["residual_fraction"][0]))
    return flat


@functools.cache
def _sampler() -> tuple[Any, Any, Any, Any, NDArray[np.float64], Assumptions]:
    """Adapted state, compiled transition, potential with gradient and constraining function; one a process."""
    import jax
    from numpyro.infer import NUTS, init_to_sample
    from numpyro.infer.util import constrain_fn

    lesions = calibration.read_lesions("7A")
    assumed = Assumptions()
    model = calibration.make_model(lesions, assumed)
    y = np.asarray(lesions.log_volume, np.float32)
    kernel = NUTS(model, target_accept_prob=TARGET_ACCEPT, max_tree_depth=MAX_TREE_DEPTH, dense_mass=True, init_strategy=init_to_sample)
    state = kernel.init(jax.random.PRNGKey(0), N_WARMUP, None, (y,), {})
    move = jax.jit(lambda state, y: kernel.sample(state, (y,), {}))
    for _ in range(N_WARMUP):
        state = move(state, y)
    potential = jax.jit(jax.value_and_grad(lambda z, y: kernel._potential_fn_gen(y)(z)))
    constrain = jax.jit(lambda z: constrain_fn(model, (y,), {}, z, return_deterministic=True))
    return state, move, potential, constrain, lesions.dose_gy, assumed


def rank_replicate(replicate: int, seed: int) -> dict[str, Any]:
    """Simulate one replicate and rank its true values among ``N_RANKED`` states of a chain through them.

    The chain's kernel is that of ``calibrate`` with its step and metric held fixed. It starts at the truth and runs a random
    part of its length forwards and the rest backwards (NUTS is reversible), so that the truth stands at a random place of a
    stationary chain: its rank is uniform whatever the correlation of the states (Besag and Clifford 1989, "parallel" method).
    """
    sampling.use_processors(1)
    import jax

    adapted, move, potential, constrain, dose, assumed = _sampler()
    rng = core_draws.generator(seed, ROOM, "sbc", str(replicate))
    truth = draw_truth(rng)
    y = np.asarray(make_data(truth, dose, rng, assumed), np.float32)
    z = {name: np.float32(value) for name, value in to_unconstrained(truth).items()}
    energy, gradient = potential(z, y)
    settings = adapted.adapt_state._replace(step_size=STEP_SHARE * adapted.adapt_state.step_size)
    start = adapted._replace(z=z, potential_energy=energy, z_grad=gradient, adapt_state=settings)
    forwards = int(rng.integers(N_RANKED + 1))
    visited, diverged, steps, accepted = [], 0, 0, 0.0
    for length in (forwards, N_RANKED - forwards):
        state = start._replace(rng_key=jax.random.PRNGKey(int(rng.integers(2**31))))
        for _ in range(length):
            state = move(state, y)
            visited.append({name: float(value) for name, value in constrain(state.z).items() if name in RANKED})
            diverged, steps, accepted = diverged + int(state.diverging), steps + int(state.num_steps), accepted + float(state.accept_prob)
    ranks, stayed = {}, 0
    for name in RANKED:
        values, true = np.array([row[name] for row in visited]), float(np.float32(truth[name][0]))
        tied = np.isclose(values, true, rtol=1e-5, atol=1e-7)  # a move that was rejected stays at the truth: lots decide
        ranks[name] = int(((values < true) & ~tied).sum()) + int(rng.integers(tied.sum() + 1))
        stayed = max(stayed, int(tied.sum()))
    return {"replicate": replicate, "ranks": ranks, "diverging_moves": diverged, "steps": steps, "acceptance": accepted / N_RANKED,
            "stayed_at_truth": stayed}


def run_sbc(n_replicates: int, seed: int, finished: Path | None = None) -> dict[str, Any]:
    """Rank ``n_replicates``, one process a processor, and test their ranks.

    Replicates with diverging moves are counted and kept: leaving them out would bias the ranks.

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
            "replicates_with_divergences": sum(row["diverging_moves"] > 0 for row in rows),
            "median_acceptance": float(np.median([row["acceptance"] for row in rows])), **uniformity(ranks)}
