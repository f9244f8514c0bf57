"""The calibration's statistical model: lesions, assumed schedule, priors and likelihood.

Data: 23 PanNET lesions, volume change at best response against cumulative dose until then (Jahn 2021, figure 7A). The
schedule was not published, so it is assumed and swept (:class:`Assumptions`). The priors use nothing from these data.
The volumes come from :func:`neorlt.response.tumour.course`: what is calibrated is what predicts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.response import tumour
from neorlt.response.parameters import ROOM, TUMOUR_NAMES, crossfire, dose_log_sd, doubling_prior, read_priors

VOLUME_POWER = 3.0
"""Log-SD of a volume over that of a diameter: readings of the three axes err together (assumption, cautious)."""
N_ERROR_NODES = 7
REACH = (-25.0, 25.0)
"""A lesion's log sensitivity about the population's stays within this, so that single precision can hold its gradient."""


@dataclass(frozen=True)
class Assumptions:
    """What the paper does not say; each is swept by ``calibrate``."""

    dose_per_cycle_gy: float = 33.5
    """Usual size of a cycle's dose: sets how many cycles gave the sum (Jahn 2020, median of first cycles)."""
    max_cycles: int = 6
    interval_week: float = 8.0
    follow_up_every_week: float = 13.0
    n_follow_ups: int = 4
    """Images after the last cycle of which the best is reported."""
    dose_error_gy: float = 4.0
    """SD of a digitised dose below 100 Gy."""
    effective_half_life_h: float = 85.6
    """177Lu in tumour: degradation 0.00375/h (Siebinga 2023) beside physical decay."""
    grade: int = 1
    """Index of the grade that sets growth: G2."""
    drop: tuple[int, ...] = ()
    """Lesions left out (influence runs)."""
    dose_shift: float = 1.0
    """Factor on every dose after the first cycle's (reverse causation: with 0 only one cycle's dose is credited)."""
    after_cycle_d: tuple[float, ...] = (0.0, 3.0, 9.0, 20.0, 38.0)
    """Steps of the fit's grid after a cycle; coarser than a prediction's, what that costs is checked with every fit."""
    fill_d: float = 56.0
    """Longest step of the fit's grid, in days; as above."""
    n_nodes: int = 6
    """Nodes of the dose pattern in the fit; as above."""


SWEEPS: dict[str, Assumptions] = {
    "small cycles (20 Gy)": Assumptions(dose_per_cycle_gy=20.0),
    "large cycles (50 Gy)": Assumptions(dose_per_cycle_gy=50.0),
    "one follow-up": Assumptions(n_follow_ups=1),
    "six follow-ups": Assumptions(n_follow_ups=6),
    "no dose error": Assumptions(dose_error_gy=0.01),
    "dose error 8 Gy": Assumptions(dose_error_gy=8.0),
    "grade 1 growth": Assumptions(grade=0),
    "dose per cycle in place of the sum": Assumptions(dose_shift=0.0),
}


@dataclass(frozen=True)
class Lesions:
    """Dose ``(lesion,)`` in Gy and log relative volume at best response ``(lesion,)``."""

    name: str
    dose_gy: NDArray[np.float64]
    log_volume: NDArray[np.float64]


def read_lesions(figure: str = "7A", drop: tuple[int, ...] = ()) -> Lesions:
    """Return the lesions of one figure (7A: the calibration set; 7B: the SI-NET contrast)."""
    group = tables.read_json(ROOM, "lesions.json")[figure]
    keep = [i for i in range(len(group["dose_gy"])) if i not in drop]
    change = np.asarray(group["change_pct"])[keep]
    return Lesions(figure, np.asarray(group["dose_gy"])[keep], np.log1p(change / 100.0))


@dataclass(frozen=True)
class Plan:
    """The assumed course of each lesion on a grid: ``share`` ``(lesion, cycle)`` of the dose given in each cycle."""

    grid: tumour.Grid
    follow_up: NDArray[np.intp]
    share: NDArray[np.float64]
    uncertain: NDArray[np.float64]
    """``(lesion,)`` SD of the dose's digitising error in Gy."""


def tile_plan(plan: Plan, n_points: int) -> Plan:
    """The plan for every lesion at ``n_points`` points, ``(point * lesion, ...)``: points lead."""
    return Plan(tumour.Grid(*(np.tile(part, (n_points, 1)) for part in plan.grid)), np.tile(plan.follow_up, (n_points, 1)),
                np.tile(plan.share, (n_points, 1)), np.tile(plan.uncertain, n_points))


EFFECTS = ("alpha", "growth", "dose")
"""A lesion's own effects, in the order of the columns of :func:`effect_points`."""


def make_plan(dose_gy: NDArray[np.float64], assumed: Assumptions) -> Plan:
    """Lay out cycles and follow-ups for lesions with these cumulative doses."""
    from neorlt.response.arrays import ScheduleArrays
    from neorlt.response.simulate import make_grids

    n = len(dose_gy)
    cycles = np.clip(np.round(dose_gy / assumed.dose_per_cycle_gy), 1, assumed.max_cycles).astype(int)
    index = np.arange(assumed.max_cycles)
    week = np.minimum(index, cycles[:, None] - 1) * assumed.interval_week
    share = np.where(index < cycles[:, None], 1.0 / cycles[:, None], 0.0)
    share[:, 1:] *= assumed.dose_shift
    last = (cycles - 1) * assumed.interval_week
    times = last[:, None] + assumed.follow_up_every_week * (1 + np.arange(assumed.n_follow_ups))
    schedule = ScheduleArrays(
        week.astype(np.float32), np.zeros((1, n, assumed.max_cycles, 2), np.float32), np.ones((1, n, 2), np.float32),
        times.astype(np.float32),
    )
    grid, readout, _ = make_grids(schedule, n, assumed.after_cycle_d, fill_d=assumed.fill_d, pad=4)
    readout = readout[:, : assumed.n_follow_ups]
    wide = np.zeros((n, np.shape(grid.cycle_h)[1]))
    wide[:, : assumed.max_cycles] = share
    return Plan(grid, readout, wide, np.where(dose_gy < 100.0, assumed.dose_error_gy, 0.0))


def lesion_cells(free: dict[str, Any], z: dict[str, Any], dose_gy: Any, plan: Plan, assumed: Assumptions, xp: Any) -> tumour.Cells:
    """Cells of the model for lesions ``(lesion,)`` with the population's parameters (numbers or ``(lesion,)``).

    ``z`` holds standard normals per lesion: ``alpha``, ``growth`` and ``dose``.
    """
    n = len(dose_gy)
    own, smoothing = crossfire(free["patch_diameter_mm"], xp)
    sigma = dose_log_sd(free["activity_log_sd"], smoothing, xp)
    median_d, log_sd = doubling_prior()
    doubling = median_d[assumed.grade] * xp.exp(log_sd[assumed.grade] * (free["doubling_z"] + z["growth"]))
    dose = xp.maximum(dose_gy + plan.uncertain * z["dose"], 1.0)

    def wide(value: Any) -> Any:
        return xp.broadcast_to(xp.asarray(value), (n,))

    return tumour.Cells(
        dose_gy=(dose[:, None] * plan.share)[..., None], half_life_h=xp.full((n, 1), assumed.effective_half_life_h),
        potency=xp.ones(plan.share.shape), alpha_per_gy=free["alpha_per_gy"] * xp.exp(xp.clip(free["omega_alpha"] * z["alpha"], *REACH)),
        growth_per_h=wide(np.log(2.0) / (24.0 * doubling)), clearance_per_h=wide(np.log(2.0) / (24.0 * free["clearance_half_life_d"])),
        sigma_h=xp.broadcast_to(sigma[..., :1], (n, 1)), rho=xp.broadcast_to(own[..., :1], (n, 1)),
        **{name: wide(free[name]) for name in ("alpha_beta_gy", "repair_half_time_h", "residual_fraction", "fibrosis_fraction",
                                                "eta", "nu", "clone_fraction", "clone_ki67_ratio")},
    )


def log_volumes(free: dict[str, Any], z: dict[str, Any], dose_gy: Any, plan: Plan, assumed: Assumptions) -> Any:
    """Log relative volume at each follow-up, ``(follow-up, lesion)``."""
    import jax.numpy as jnp

    cells = lesion_cells(free, z, dose_gy, plan, assumed, jnp)
    grid = tumour.Grid(*(jnp.asarray(part) for part in plan.grid))
    volume = tumour.course(cells, grid, assumed.n_nodes).volume
    return jnp.log(jnp.take_along_axis(volume, jnp.asarray(plan.follow_up).T, axis=0))


def best_log_density(y: Any, log_volume: Any, sigma_d: Any, density: bool = True) -> Any:
    """Log density (or log survival) of the best of several noisy follow-ups, ``(...)``; follow-ups lead.

    A reading is ``log V_j + s (e_j - e_0)`` with ``s = 3 sigma_d / sqrt(2)``: the error at baseline e_0 is shared and
    integrated out, so the reported best is picked for favourable noise, as it was in the paper.
    """
    import jax.numpy as jnp
    from jax.scipy.special import log_ndtr, logsumexp

    nodes, weights = tumour.quadrature(N_ERROR_NODES)
    s = VOLUME_POWER * sigma_d / np.sqrt(2.0)
    log_weights = jnp.asarray(np.log(weights))
    shape = (-1,) + (1,) * log_volume.ndim
    a = (y - log_volume)[None] / s + jnp.asarray(nodes).reshape(shape)
    log_above = log_ndtr(-a)
    inner = log_above.sum(1)
    if density:
        inner = inner + logsumexp(-0.5 * a**2 - 0.5 * np.log(2 * np.pi) - log_above, axis=1) - jnp.log(s)
    return logsumexp(inner + log_weights.reshape(shape[:-1]), axis=0)


def sample_population(no_clones: bool = False) -> dict[str, Any]:
    """Declare the population's parameters to numpyro, with the priors of the table."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    priors = read_priors()
    free: dict[str, Any] = {}
    for name in TUMOUR_NAMES:
        family, p = priors[name]["family"], priors[name]["parameters"]
        if family == "lognormal":
            z = numpyro.sample(f"{name}_z", dist.Normal(0.0, 1.0))
            free[name] = numpyro.deterministic(name, p[0] * jnp.exp(p[1] * z))
        elif family == "normal":
            z = numpyro.sample(f"{name}_z", dist.Normal(0.0, 1.0))
            free[name] = numpyro.deterministic(name, p[0] + p[1] * z)
        elif family == "half-normal":
            free[name] = numpyro.sample(name, dist.HalfNormal(p[0]))
        else:
            free[name] = numpyro.sample(name, dist.Beta(p[0], p[1]))
    # Fibrosis: the table's beta(2, 6) cut at the residual r. With phi = q r its density in q is q (1 - q r)^5 / P(r),
    # P(r) the distribution function over 42 r^2: written so that nothing cancels as r goes to 0.
    if tuple(priors["fibrosis_fraction"]["parameters"]) != (2.0, 6.0):
        raise ValueError("the closed form of the cut fibrosis prior belongs to beta(2, 6)")
    q = numpyro.sample("fibrosis_q", dist.Beta(2.0, 1.0))
    r = free["residual_fraction"]
    polynomial = 1 / 2 - 5 * r / 3 + 5 * r**2 / 2 - 2 * r**3 + 5 * r**4 / 6 - r**5 / 7
    numpyro.factor("fibrosis_prior", 5 * jnp.log1p(-q * r) - jnp.log(2 * polynomial))
    free["fibrosis_fraction"] = numpyro.deterministic("fibrosis_fraction", q * r)
    free["doubling_z"] = numpyro.sample("doubling_z", dist.Normal(0.0, 1.0))
    if no_clones:
        free["clone_ki67_ratio"] = jnp.ones_like(free["clone_ki67_ratio"])
    return free


N_ALPHA = 16
"""Nodes of a lesion's sensitivity in the fit; each carries two opposite points of growth and dose error."""
ALPHA_REACH = 3.0


def effect_points(n_alpha: int = N_ALPHA) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points ``(point, 3)`` of a lesion's sensitivity, growth and dose error (standard normals) and their weights.

    Sensitivity, whose effect is large, has equal steps (the trapezoid converges fast for a smooth bell); growth and dose
    error, whose effects are small, take the values -1 and 1 in opposite pairs, the pairing turned from step to step: mean
    and variance of both are exact.
    """
    alpha = np.linspace(-ALPHA_REACH, ALPHA_REACH, n_alpha)
    weight = np.exp(-0.5 * alpha**2)
    sign = np.where(np.arange(n_alpha) % 2 == 0, 1.0, -1.0)
    one = np.stack([alpha, np.ones(n_alpha), sign], 1)
    points = np.stack([one, one * [1.0, -1.0, -1.0]], 1).reshape(-1, 3)
    return points, np.repeat(weight / weight.sum() / 2, 2)


def make_blocks(dose_gy: NDArray[np.float64], assumed: Assumptions) -> list[tuple[NDArray[np.intp], Plan]]:
    """Lesions with short and with long courses apart, each with a grid no longer than it needs."""
    cycles = np.round(dose_gy / assumed.dose_per_cycle_gy)
    short = cycles <= 2
    parts = [(np.flatnonzero(short), replace(assumed, max_cycles=min(2, assumed.max_cycles))), (np.flatnonzero(~short), assumed)]
    return [(index, make_plan(dose_gy[index], these)) for index, these in parts if len(index)]


def make_marginal(lesions: Lesions, assumed: Assumptions, n_alpha: int = N_ALPHA) -> Any:
    """Return the function (population, y) -> log density ``(lesion,)`` with each lesion's own effects integrated out.

    The population is a dict of numbers. The lesions' order is that of ``lesions``.
    """
    points, weights = effect_points(n_alpha)
    n_points = len(points)
    blocks = make_blocks(lesions.dose_gy, assumed)
    order = np.argsort(np.concatenate([index for index, _ in blocks]))

    def log_density(free: dict[str, Any], y: Any) -> Any:
        import jax.numpy as jnp
        from jax.scipy.special import logsumexp

        parts = []
        for index, plan in blocks:
            n = len(index)
            rows = tile_plan(plan, n_points)
            z = {name: jnp.asarray(np.repeat(points[:, k], n), jnp.float32) for k, name in enumerate(EFFECTS)}
            dose = jnp.asarray(np.tile(lesions.dose_gy[index], n_points), jnp.float32)
            volumes = log_volumes(free, z, dose, rows, assumed).reshape(-1, n_points, n)
            density = best_log_density(jnp.asarray(y)[index], volumes, free["sigma_d"])
            parts.append(logsumexp(density + jnp.asarray(np.log(weights), jnp.float32)[:, None], axis=0))
        return jnp.concatenate(parts)[order]

    return log_density


def make_model(lesions: Lesions, assumed: Assumptions, no_clones: bool = False) -> Any:
    """Return the numpyro model of these lesions (a function of ``y``).

    Only the population's parameters are sampled: three effects a lesion are integrated out by :func:`effect_points`, which
    leaves a posterior of 15 dimensions without funnels.
    """
    log_density = make_marginal(lesions, assumed)

    def model(y: Any = None) -> None:
        import numpyro

        numpyro.factor("lesions", log_density(sample_population(no_clones), y).sum())

    return model


def simulate_best(
    free: dict[str, NDArray[Any]], dose_gy: NDArray[np.float64], assumed: Assumptions, rng: np.random.Generator, n_points: int
) -> NDArray[np.float64]:
    """Log volumes ``(draw, point, follow-up, lesion)`` of new lesions: the predictive's ingredients, effects drawn.

    ``free`` holds ``(draw,)`` arrays; ``n_points`` lesions are drawn for every draw and dose by a scrambled Sobol set.
    """
    import jax
    import jax.numpy as jnp
    from scipy.stats import norm, qmc

    plan = make_plan(dose_gy, assumed)
    n_draws, n = len(free["alpha_per_gy"]), len(dose_gy)
    sobol = qmc.Sobol(3, rng=rng)
    z_all = norm.ppf(np.clip(sobol.random(n_points), 1e-6, 1 - 1e-6))

    @jax.jit
    def one(parameters: dict[str, Any], z: Any) -> Any:
        tiled = {name: jnp.repeat(z[:, k], n) for k, name in enumerate(EFFECTS)}
        out = log_volumes(parameters, tiled, jnp.tile(jnp.asarray(dose_gy), n_points), tile_plan(plan, n_points), assumed)
        return out.reshape(-1, n_points, n).transpose(1, 0, 2)

    keys = (*TUMOUR_NAMES, "fibrosis_fraction", "doubling_z")
    results = []
    for d in range(n_draws):
        # Another rotation for every draw, so that no draw shares another's quadrature error.
        turn = norm.ppf((norm.cdf(z_all) + rng.uniform(size=3)) % 1.0 * (1 - 2e-6) + 1e-6)
        results.append(np.asarray(one({name: jnp.asarray(free[name][d]) for name in keys}, jnp.asarray(turn))))
    return np.stack(results)


def describe(assumed: Assumptions) -> dict[str, Any]:
    """The assumptions as plain numbers."""
    return asdict(replace(assumed))
