"""Refit the response model and judge it: what a posterior needs to be shipped."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.response import alternatives, calibration, sampling, tumour
from neorlt.response.calibration import Assumptions, Lesions
from neorlt.response.loo import Loo, Marginal, marginal, predictive_report, psis_loo, reweight, stacking_weights
from neorlt.response.parameters import MODEL_VERSION

SEED = 20261124
N_SHIPPED = 4000
"""At most this many draws are shipped."""
N_SCORED = 600
N_SIMPLE = 500
"""Draws of each simpler model that are kept, for the stacked prediction."""
SUMMARY = ("alpha_per_gy", "omega_alpha", "residual_fraction", "clearance_half_life_d", "sigma_d", "activity_log_sd")


def fingerprint() -> list[float]:
    """Volumes of fixed lesions under fixed parameters: a posterior belongs to a model that still gives these."""
    import jax

    n = 5
    plan = calibration.make_plan(np.array([20.0, 45.0, 80.0, 150.0, 300.0]), Assumptions())
    z = {"alpha": np.linspace(-1, 1, n), "growth": np.zeros(n), "dose": np.zeros(n)}
    free = {
        "alpha_per_gy": 0.03,
        "omega_alpha": 0.8,
        "alpha_beta_gy": 10.0,
        "repair_half_time_h": 1.5,
        "residual_fraction": 0.2,
        "clearance_half_life_d": 45.0,
        "eta": 0.1,
        "nu": -0.2,
        "clone_fraction": 0.3,
        "clone_ki67_ratio": 3.0,
        "activity_log_sd": 0.6,
        "patch_diameter_mm": 2.0,
        "sigma_d": 0.1,
        "fibrosis_fraction": 0.1,
        "doubling_z": 0.0,
    }
    cells = calibration.lesion_cells(free, z, np.array([20.0, 45.0, 80.0, 150.0, 300.0]), plan, Assumptions(), np)
    volume = np.asarray(
        jax.jit(tumour.course)(
            tumour.Cells(*(np.asarray(x, np.float32) for x in cells)),
            tumour.Grid(np.asarray(plan.grid.time_h, np.float32), plan.grid.segment, np.asarray(plan.grid.cycle_h, np.float32)),
        ).volume
    )
    return [round(float(v), 5) for v in np.take_along_axis(volume, plan.follow_up.T, axis=0).ravel()]


MIN_ESS, MAX_RHAT = 1000.0, 1.01


def converged(fit: sampling.Fit) -> bool:
    """Whether the chains meet the house's rule: R-hat up to 1.01, bulk and tail ESS of 1 000, no divergence."""
    return bool(fit.divergences == 0 and fit.rhat_max <= MAX_RHAT and fit.ess_min >= MIN_ESS)


def thin(population: dict[str, NDArray[Any]], n: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """``n`` of the draws, evenly over the chains."""
    total = len(next(iter(population.values())))
    index = np.sort(np.random.default_rng(seed).permutation(total)[:n])
    return {name: np.asarray(value[index], np.float32) for name, value in population.items()}


FINE = Assumptions(after_cycle_d=(0.0, 2.0, 5.0, 9.0, 14.0, 21.0, 30.0, 42.0), fill_d=28.0, n_nodes=16)
"""Steps and nodes against which the fit's own are checked."""
N_CHECKED = 200


def check_quadrature(population: dict[str, NDArray[Any]], lesions: Lesions, seed: int) -> dict[str, Any]:
    """What the fit's coarse steps and few nodes cost: its log likelihood beside a fine one, at draws of the posterior."""
    import jax
    import jax.numpy as jnp

    y = np.asarray(lesions.log_volume, np.float32)

    def compiled(assumed: Assumptions, n_alpha: int) -> Any:
        density = calibration.make_marginal(lesions, assumed, n_alpha)
        return jax.jit(lambda free: density(free, y).sum())

    coarse, fine = compiled(Assumptions(), calibration.N_ALPHA), compiled(FINE, 3 * calibration.N_ALPHA)
    draws = thin(population, N_CHECKED, seed)
    n = len(draws["alpha_per_gy"])
    difference = np.array([float(fine(free)) - float(coarse(free)) for free in
                           ({name: jnp.asarray(value[i]) for name, value in draws.items()} for i in range(n))])
    weight, k = reweight(difference[:, None], np.zeros((n, 1)))
    return {"n_draws": n, "log_likelihood_sd": float(difference.std()), "pareto_k": k,
            "effective_share": float(1 / (weight**2).sum() / n),
            "note": "draws re-weighted to a fine likelihood; a share near 1 means that the coarse one cost nothing"}


def quantiles(values: NDArray[Any], weight: NDArray[Any] | None = None) -> dict[str, Any]:
    """Median and central 90 % interval."""
    from neorlt.response.loo import weighted_quantile

    w = np.full(len(values), 1 / len(values)) if weight is None else weight
    low, mid, high = weighted_quantile(np.asarray(values, np.float64), w, np.array([0.05, 0.5, 0.95]))
    return {"median": float(mid), "ci90": [float(low), float(high)]}


def compare(lesions: Lesions, scored: dict[str, NDArray[np.float32]], base: Marginal, loo: Loo, seed: int) -> dict[str, Any]:
    """Fit the alternatives, score all by PSIS-LOO and stack them."""
    scores: dict[str, Loo] = {"mechanistic": loo}
    changed = {
        "no clones": {**scored, "clone_ki67_ratio": np.ones_like(scored["clone_ki67_ratio"])},
        "uniform dose": {**scored, "activity_log_sd": np.full_like(scored["activity_log_sd"], 1e-3)},
    }
    pareto, draws = {}, {}
    for name, free in changed.items():
        other = marginal(free, lesions, Assumptions(), seed)
        _, pareto[name] = reweight(other.log_density, base.log_density)
        scores[name] = psis_loo(other.log_density, (other.log_density - base.log_density).sum(axis=1))
    for name in alternatives.NAMES:
        fit = sampling.run_nuts(alternatives.make_model(name, lesions), lesions.log_volume, seed, n_warmup=500, n_samples=1000)
        free = {key: fit.flat(key) for key in fit.draws if key != "num_steps"}
        scores[name] = psis_loo(alternatives.log_density(name, free, lesions))
        draws[name] = {key: [round(float(v), 4) for v in value] for key, value in thin(free, N_SIMPLE, seed).items()}
    weights = stacking_weights(np.array([score.elpd_pointwise for score in scores.values()]))
    table = {name: score.as_json(None if name == "mechanistic" else loo) for name, score in scores.items()}
    for (name, row), weight in zip(table.items(), weights, strict=True):
        row["stacking_weight"] = round(float(weight), 4)
        if name in pareto:
            row["reweighting_pareto_k"] = pareto[name]
    best = max(table, key=lambda name: table[name]["elpd"])
    return {"models": table, "best": best, "draws": draws, "note": "difference = elpd of the row minus the mechanistic model's"}


def sensitivity(lesions: Lesions, scored: dict[str, NDArray[np.float32]], base: Marginal, seed: int) -> dict[str, Any]:
    """What other assumptions about the unpublished schedule would have given, by re-weighting."""
    rows = {"as shipped": {name: quantiles(scored[name]) for name in SUMMARY[:3]}}
    for name, assumed in calibration.SWEEPS.items():
        other = marginal(scored, lesions, assumed, seed, n_points=64)
        weight, k = reweight(other.log_density, base.log_density)
        rows[name] = {key: quantiles(scored[key], weight) for key in SUMMARY[:3]}
        rows[name]["pareto_k"] = {"value": k, "trusted": bool(k <= 0.7)}
        rows[name]["log_evidence_ratio"] = {"value": float(np.log(np.mean(np.exp((other.log_density - base.log_density).sum(axis=1)))))}
    return rows


def calibrate(
    seed: int = SEED, n_warmup: int = sampling.N_WARMUP, n_samples: int = sampling.N_SAMPLES, extras: bool = True
) -> tuple[dict[str, Any], bytes, sampling.Fit]:
    """Fit figure 7A; return (report, content of ``posterior.npz``, the fit)."""
    lesions = calibration.read_lesions("7A")
    fit = sampling.run_nuts(
        calibration.make_model(lesions, Assumptions()), lesions.log_volume, seed, n_warmup=n_warmup, n_samples=n_samples
    )
    return assess(fit, lesions, seed, n_warmup, n_samples, extras)


def assess(
    fit: sampling.Fit, lesions: Lesions, seed: int, n_warmup: int, n_samples: int, extras: bool
) -> tuple[dict[str, Any], bytes, sampling.Fit]:
    """Judge a fit: diagnostics, leave-one-out, alternatives, sensitivity."""
    population = fit.population()
    scored = thin(population, N_SCORED, seed)
    base = marginal(scored, lesions, Assumptions(), seed)
    loo = psis_loo(base.log_density)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **thin(population, N_SHIPPED, seed))  # type: ignore[arg-type]
    content = buffer.getvalue()
    report: dict[str, Any] = {
        "posterior_hash": hashlib.sha256(content).hexdigest(),
        "rhat_max": fit.rhat_max,
        "ess_min": fit.ess_min,
        "divergences": fit.divergences,
        "converged": converged(fit),
        "loo": loo.as_json(),
        "model_version": MODEL_VERSION,
        "fingerprint": fingerprint(),
        "seed": seed,
        "n_chains": sampling.N_CHAINS,
        "n_warmup": n_warmup,
        "n_samples": n_samples,
        "command": "neorlt calibrate --out DIR",
        "assumptions": calibration.describe(Assumptions()),
        "summary": {name: quantiles(population[name]) for name in sampling.WATCHED},
        "predictive": predictive_report(lesions, base, loo),
    }
    if extras:
        report["comparison"] = compare(lesions, scored, base, loo, seed)
        report["quadrature"] = check_quadrature(population, lesions, seed)
        report["sensitivity"] = sensitivity(lesions, scored, base, seed)
    return report, content, fit
