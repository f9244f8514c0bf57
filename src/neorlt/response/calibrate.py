"""Refit the synthesis, judge it on studies that it did not see, and write what a posterior needs to be shipped."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.cluster import connected
from neorlt.response import baselines, judging, surface
from neorlt.response.fitting import N_CHAINS, N_SAMPLES, N_WARMUP, Problem, diagnose
from neorlt.response.parameters import LEVEL_NAMES, MODEL_VERSION, ROOM, TUMOUR_NAMES
from neorlt.response.studies import Term, checks, fitted
from neorlt.response.synthesis import N_POINTS, POPULATION, UNINFORMED

SEED = 20261128
N_WEIGHED = 4000
"""Draws that are re-weighted to the direct likelihood; the shipped ones are taken from these."""
N_SHIPPED = 1000
N_SCORED = 1000
"""Draws by which studies are left out and checks predicted."""
N_PATIENTS = 512
"""Simulated patients of an arm in the likelihood that weighs the draws. The chains' few make a likelihood too narrow: what is seen of an
arm lies in its tails more often than it should (``validation/response_synthesis_sbc.py --terms``)."""
N_MORE_PATIENTS, MORE_PATIENTS = 500, 1024
"""Draws whose likelihood is worked out once more with this many simulated patients in every arm: what their number changes is told."""
MIN_ESS, MAX_RHAT = 1000.0, 1.01
Progress = Callable[[str, int, int], None]


def fingerprint() -> list[float]:
    """Log volumes of fixed lesions under fixed parameters: a posterior belongs to a model that still gives these."""
    free = {"alpha_beta_gy": 10.0, "repair_half_time_h": 1.5, "residual_fraction": 0.2, "clearance_half_life_d": 45.0, "eta": 0.1,
            "nu": -0.2, "clone_fraction": 0.3, "clone_ki67_ratio": 3.0, "activity_log_sd": 0.6, "patch_diameter_mm": 2.0,
            "fibrosis_fraction": 0.1}
    surfaces = surface.Surfaces((surface.Course(4, 8.0, (16.0, 36.0, 72.0)),), n_effect=4, n_growth=2)
    return [round(float(v), 4) for v in np.ravel(surfaces.direct(free, surfaces.log_effect, surfaces.log_growth))]


def converged(found: dict[str, Any], pareto_k: float = 0.0) -> bool:
    """The house's rule: R-hat up to 1.01, bulk and tail effective samples of 1 000, no divergence; weights of draws that can be trusted."""
    enough = min(found["ess_bulk_min"], found["ess_tail_min"]) >= MIN_ESS
    return bool(found["divergences"] == 0 and found["rhat_max"] <= MAX_RHAT and enough and pareto_k <= judging.K_LIMIT)


def spread_evenly(draws: dict[str, NDArray[Any]], n: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """``n`` of the draws of all chains, in an order that mixes them."""
    flat = {name: draws[name].reshape(-1, draws[name].shape[-1]) for name in ("pop", "u", "v")}
    index = core_draws.generator(seed, ROOM, "synthesis", "order").permutation(len(flat["pop"]))[:n]
    return {name: np.asarray(value[index], np.float32) for name, value in flat.items()}


def contraction(draws: dict[str, NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """How far the data narrowed each parameter, on its prior's own scale: 1 - variance of the standard normal that stands for it."""
    flat = draws["pop"].reshape(-1, draws["pop"].shape[-1])
    found = {}
    for i, name in enumerate(POPULATION):
        share = float(1 - flat[:, i].var())
        found[name] = {"contraction": round(share, 3), "prior_z_median": round(float(np.median(flat[:, i])), 2),
                       "spoken_to": bool(share >= 0.1 or abs(np.median(flat[:, i])) > 0.5)}
    return found | {name: {"contraction": 0.0, "prior_z_median": 0.0, "spoken_to": False} for name in UNINFORMED}


def quantiles(values: NDArray[Any]) -> dict[str, Any]:
    """Median and central 90 % interval."""
    low, mid, high = np.quantile(np.asarray(values, np.float64), [0.05, 0.5, 0.95])
    return {"median": float(mid), "ci90": [float(low), float(high)]}


def calibrate(
    folder: Path, *, leave_out: str | None = None, seed: int = SEED, n_chains: int = N_CHAINS, n_warmup: int = N_WARMUP,
    n_samples: int = N_SAMPLES, progress: Progress | None = None, dask: str | None = None,
) -> tuple[dict[str, Any], bytes]:
    """Fit every term marked ``fit`` (one study left out if asked) and judge it; returns (report, content of ``posterior.npz``).

    Parameters
    ----------
    folder
        Where the chains keep what they have done: a run that was stopped goes on from there.
    leave_out
        Name of a study.
    progress
        Called with (what, done, in all).
    dask
        Address of a dask scheduler whose workers, which must reach ``folder``, run the chains; the same numbers.

    Raises
    ------
    MissingExtraError, InputError
        If dask.distributed is missing, or no scheduler answers.
    """
    terms = fitted(leave_out)
    if dask is not None:
        with connected(dask):
            pass  # before the problem is built, which takes a while
    problem = Problem(terms)
    tell = None if progress is None else lambda k, n: progress("chains", k, n)
    if dask is not None:
        with connected(dask) as client:
            executor = client.get_executor(pure=False, retries=5)
            draws = problem.sample(folder.resolve(), seed, n_chains, n_warmup, n_samples, tell, executor)
    else:
        draws = problem.sample_here(folder, seed, n_chains, n_warmup, n_samples, tell)
    return assess(problem.terms, draws, seed, n_warmup, progress)


@dataclass(frozen=True)
class Weighed:
    """Draws of the chains ``some`` (standard normals by name, ``(draw, ...)``) with their weights ``(draw,)`` and Pareto's k.

    ``uninformed`` ``(draw, parameter)`` is what the chains did not sample; ``emulated`` and ``direct`` ``(draw, term)`` are the log
    likelihoods that they saw and that of the model itself.
    """

    some: dict[str, NDArray[np.float32]]
    uninformed: NDArray[np.float32]
    emulated: NDArray[np.float64]
    direct: NDArray[np.float64]
    weight: NDArray[np.float64]
    pareto_k: float


def weigh(terms: Sequence[Term], draws: dict[str, NDArray[Any]], n: int, seed: int) -> Weighed:
    """Weigh up to ``n`` of the chains' draws ``(chain, draw, ...)`` by the model itself; what the chains did not sample is drawn beside."""
    some = spread_evenly(draws, n, seed)
    uninformed = judging.draw_uninformed(len(some["pop"]), seed)
    emulated = judging.emulated_likelihood(terms, some)
    some["pop"], log_prior = judging.compensate(some["pop"], uninformed)
    direct = judging.direct_likelihood(terms, some, uninformed, N_PATIENTS)
    weight, k = judging.smooth_weights((direct - emulated).sum(axis=1) + log_prior)
    return Weighed(some, uninformed, emulated, direct, weight, k)


def assess(terms: Sequence[Term], draws: dict[str, NDArray[Any]], seed: int, n_warmup: int, progress: Progress | None = None
           ) -> tuple[dict[str, Any], bytes]:
    """Judge a fit's draws ``(chain, draw, ...)``: diagnostics, re-weighting, studies left out, checks."""
    told = progress or (lambda what, done, of: None)
    found = diagnose(draws)
    told("likelihood without the emulator", 0, 1)
    weighed = weigh(terms, draws, N_WEIGHED, seed)
    some, uninformed, weight, k = weighed.some, weighed.uninformed, weighed.weight, weighed.pareto_k
    direct, emulated, n = weighed.direct, weighed.emulated, len(weight)
    index = core_draws.systematic(weight, N_SHIPPED, core_draws.generator(seed, ROOM, "synthesis", "shipped"))
    shipped = judging.parameters_of(some["pop"][index], uninformed[index])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **shipped)  # type: ignore[arg-type]
    content = buffer.getvalue()
    report: dict[str, Any] = {
        "posterior_hash": hashlib.sha256(content).hexdigest(), "rhat_max": found["rhat_max"],
        "ess_min": min(found["ess_bulk_min"], found["ess_tail_min"]), "divergences": found["divergences"], "converged": converged(found, k),
        "chains": found, "model_version": MODEL_VERSION, "fingerprint": fingerprint(), "seed": seed, "n_warmup": n_warmup,
        "command": "neorlt calibrate --out DIR", "n_terms": len(terms), "studies": sorted({t.study for t in terms}),
        "reweighting": {
            "pareto_k": k, "effective_share": float(1 / (weight**2).sum() / n), "n": n,
            "log_likelihood_sd": float((direct - emulated).sum(axis=1).std()),
            "worst_term": max(((float((direct - emulated)[:, i].std()), t.name) for i, t in enumerate(terms))),
            "patients_an_arm": {"chains": N_POINTS, "weighed": N_PATIENTS},
            "note": "the chains' draws (emulated courses, few simulated patients an arm), re-weighted to direct, finer courses, more "
                    "patients and to what the chains do not sample"},
        "patients": more_patients(terms, some, uninformed, direct, weight),
        "contraction": contraction(draws),
        "summary": {name: quantiles(shipped[name]) for name in (*TUMOUR_NAMES, "fibrosis_fraction", *LEVEL_NAMES)},
    }
    told("studies left out", 0, 1)
    report |= judge(terms, some, uninformed, weight, seed)
    report["loo"] = {"elpd": report["left_out"]["log_score"], "unit": "study",
                     "n_pareto_k_above_0_7": report["left_out"]["n_pareto_k_above_0_7"], "pareto_k_max": report["left_out"]["pareto_k_max"]}
    return report, content


def more_patients(terms: Sequence[Term], some: dict[str, NDArray[Any]], uninformed: NDArray[Any], direct: NDArray[Any],
                  weight: NDArray[Any]) -> dict[str, Any]:
    """What :data:`MORE_PATIENTS` simulated patients an arm in the place of :data:`N_PATIENTS` change, over the first draws.

    Standard deviation of the log likelihood, and by how much the mean of any parameter moves, in its own standard deviations.
    """
    n = min(N_MORE_PATIENTS, len(direct))
    few = {name: value[:n] for name, value in some.items()}
    change = (judging.direct_likelihood(terms, few, uninformed[:n], MORE_PATIENTS) - direct[:n]).sum(axis=1)
    base = weight[:n] / weight[:n].sum()
    moved, k = judging.smooth_weights(np.log(np.maximum(base, 1e-300)) + change)
    z = few["pop"]
    sd = np.sqrt((base[:, None] * (z - base @ z) ** 2).sum(axis=0))
    shift = np.abs(moved @ z - base @ z) / sd
    return {"an_arm": MORE_PATIENTS, "in_the_place_of": N_PATIENTS, "n": n, "log_likelihood_sd": float(change.std()), "pareto_k": k,
            "effective_share": float(1 / (moved**2).sum() / n), "largest_shift_sd": float(shift.max()),
            "largest_shift_of": POPULATION[int(shift.argmax())]}


def judge(
    terms: Sequence[Term], some: dict[str, NDArray[Any]], uninformed: NDArray[Any], weight: NDArray[Any], seed: int
) -> dict[str, Any]:
    """Leave each study out, and predict every check; scores of models without mechanism beside."""
    pick = core_draws.systematic(weight, N_SCORED, core_draws.generator(seed, ROOM, "synthesis", "scored"))
    pick = np.unique(pick)
    base = np.full(len(pick), 1.0 / len(pick))
    everything = (*terms, *(t for t in checks() if t.control == ""))
    said = judging.say(everything, some["pop"][pick], uninformed[pick])
    studies = sorted({t.study for t in terms})
    left = [judging.leave_out(study, said, base, seed) for study in studies]
    rows = [{**row, "pareto_k": round(one.pareto_k, 2), "study_score": round(one.log_score, 3)} for one in left for row in one.rows]
    others = [i for i, t in enumerate(said.terms) if t.use == "check" and t.study not in studies]
    rows += [{**row, "pareto_k": None} for row in judging.judge_terms(said, others, base, seed)]
    by_name = {t.name: t for t in everything}
    for row in rows:
        term = by_name[f"{row['study']}: {row['term']}"]
        row["baselines"] = {name: round(value, 3) for name, value in baselines.score_baselines(term, terms).items()}
    fitted_rows, check_rows = ([row for row in rows if row["use"] == use] for use in ("fit", "check"))
    return {"left_out": {
        "rows": fitted_rows, "n_studies": len(studies), "n_draws": len(pick), "log_score": float(sum(one.log_score for one in left)),
        "pareto_k_max": max(one.pareto_k for one in left), "n_pareto_k_above_0_7": sum(one.pareto_k > judging.K_LIMIT for one in left),
        "refit_needed": [one.study for one in left if one.pareto_k > judging.K_LIMIT], **judging.summarise(fitted_rows)},
        "checks": {"rows": check_rows, **judging.summarise(check_rows)}}
