"""Fit time–activity curves: mono-, bi- and tri-exponentials, averaged over models, with joint draws.

For every model a penalised least-squares fit (weights from the points' standard deviations, weak priors on the log
rates) is found by a damped Gauss–Newton iteration that runs over all regions at once. Draws come from a Student-t
around that optimum in log-parameter space and are resampled by importance, so that skewed posteriors stay skewed.
Models are averaged with Akaike weights. The points' standard deviations are known, so the criterion is
χ² + 2k; ``criterion="aicc"`` adds the small-sample term for an unknown variance (Hurvich & Tsai 1989), which rules out
every curve with more than n − 2 parameters. A prior that knows the organ's shape brings the whole curve, however few the points;
one or two points without it get the mono-exponential.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.dosimetry.curve_posterior import WINDOW_POINTS, CurvePosterior
from neorlt.dosimetry.exponentials import MODELS, MONO, TRI, terms
from neorlt.dosimetry.objects import FitStatus, TimeActivity, TimeIntegratedActivity
from neorlt.dosimetry.priors import WEAK, CurvePrior
from neorlt.dosimetry.single_time_point import POPULATION_WINDOW, WINDOW

Floats = NDArray[np.float64]
Criterion = Literal["aic", "aicc"]
Method = Literal["average", "trapezoid"]

NEGLIGIBLE_WEIGHT = 1e-3
"""Akaike weight below which a model gets no draws (Burnham & Anderson 2002: Δ above 10 has no support)."""
FEW_POINTS = 2
"""Up to so many points the shape of the curve is not chosen by the points."""
TAIL_LIMIT = 0.30
"""Part of the time-integrated activity after the last point that makes a fit ``TAIL_NOT_SAMPLED``."""
FAR_FROM_BEST = 1.0
"""A fit that could still lower its misfit by this much, one unit of chi-squared, stopped too early and says so."""
_CHUNK = 64
_WORKERS = 2


def physical_half_life_h(nuclide: str) -> float:
    """Physical half-life of a nuclide, in hours, from the nuclide tables."""
    from neorlt.nuclides.nuclide import get_nuclide

    return float(get_nuclide(nuclide).half_life_h)


def fit_curve(
    curve: TimeActivity,
    *,
    n_draws: int = core_draws.N_DRAWS,
    seed: int,
    half_life_h: float | None = None,
    prior: CurvePrior = WEAK,
    method: Method = "average",
    criterion: Criterion = "aic",
) -> TimeIntegratedActivity:
    """Fit one curve; see :func:`fit_curves`."""
    half_lives = None if half_life_h is None else [half_life_h]
    return fit_curves([curve], n_draws=n_draws, seed=seed, half_life_h=half_lives, priors=[prior], method=method, criterion=criterion)[0]


def fit_curves(
    curves: Sequence[TimeActivity],
    *,
    n_draws: int = core_draws.N_DRAWS,
    seed: int,
    half_life_h: Sequence[float] | None = None,
    priors: Sequence[CurvePrior] | None = None,
    method: Method = "average",
    criterion: Criterion = "aic",
    occasion: str = "",
) -> tuple[TimeIntegratedActivity, ...]:
    """Fit many curves at once.

    Parameters
    ----------
    curves
        Regions of one or more studies; each needs a name that differs within a study.
    n_draws
        Joint draws of every region. Draw i of all regions shares the calibration of the camera.
    seed
        Random seed; a region's draws depend on the seed and its name alone.
    half_life_h
        Physical half-lives; from the nuclide tables where left out.
    priors
        One a curve; :data:`~neorlt.dosimetry.priors.WEAK` where left out. A curve with a single point needs a prior
        that knows the organ, or its interval is as wide as the weak prior.
    method
        ``"average"`` over the exponential models, or the named fallback ``"trapezoid"``.
    criterion
        ``"aic"`` (standard deviations known) or ``"aicc"``.
    occasion
        Name of the cycle: curves of two cycles then differ by their own noise, while what they share stays the same draws.

    Raises
    ------
    InputError
        If a curve holds no activity above 0.
    """
    half_lives = [physical_half_life_h(c.nuclide) for c in curves] if half_life_h is None else list(half_life_h)
    beliefs = [WEAK] * len(curves) if priors is None else list(priors)
    for curve in curves:
        if not np.any(curve.activity_mbq > 0):
            raise InputError(
                "a region holds no activity",
                where=f"region {curve.name}",
                remedy="check the contour and the scaling of the images",
            )
    if method == "trapezoid":
        from neorlt.dosimetry.trapezoid import trapezoid_with_tail

        return tuple(
            trapezoid_with_tail(curve, half_life_h=half_life, n_draws=n_draws, seed=seed)
            for curve, half_life in zip(curves, half_lives, strict=True)
        )
    chunks = []
    for n_points in sorted({len(c.time_h) for c in curves}):
        members = [i for i, c in enumerate(curves) if len(c.time_h) == n_points]
        chunks += [members[start : start + _CHUNK] for start in range(0, len(members), _CHUNK)]

    def fit_members(members: list[int]) -> list[TimeIntegratedActivity]:
        own = ([curves[i] for i in members], [half_lives[i] for i in members], [beliefs[i] for i in members])
        return _fit_chunk(*own, n_draws, seed, criterion, occasion)

    fits: list[TimeIntegratedActivity | None] = [None] * len(curves)
    # numpy leaves the interpreter's lock inside its loops; draws belong to names, so the order of the work does not matter.
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        for members, found in zip(chunks, pool.map(fit_members, chunks), strict=True):
            for i, fit in zip(members, found, strict=True):
                fits[i] = fit
    return tuple(fit for fit in fits if fit is not None)


def _fit_chunk(
    curves: list[TimeActivity],
    half_lives: list[float],
    priors: list[CurvePrior],
    n_draws: int,
    seed: int,
    criterion: Criterion,
    occasion: str = "",
) -> list[TimeIntegratedActivity]:
    """Fit curves that have the same number of points."""
    time = np.stack([c.time_h for c in curves])
    y = np.stack([c.activity_mbq for c in curves])
    sd = np.stack([c.sd_mbq for c in curves])
    decay = np.log(2.0) / np.array(half_lives)
    mean, prior_sd = (np.stack(part) for part in zip(*(p.moments() for p in priors), strict=True))
    mean[:, 0] = np.log(np.max(y, axis=1))
    n = y.shape[1]
    knows = np.array([p.knows_shape for p in priors])
    models = [m for m in MODELS if m.n_free <= n or (m is TRI and knows.any())] if n > FEW_POINTS else [MONO, TRI]
    fits = [CurvePosterior(model, time, y, sd, decay, mean, prior_sd) for model in models]
    score = np.stack([f.chi2 + 2.0 * f.model.n_free + _small_sample(f.model.n_free, n, criterion) for f in fits], axis=1)
    # An organ's population brings the whole curve, however few the points; one or two choose nothing without it.
    whole = np.array([0.0 if m is TRI else np.inf for m in models])
    alone = np.where([m.n_free <= n or n <= FEW_POINTS for m in models], score, np.inf)
    if n <= FEW_POINTS:
        alone = np.where([m is MONO for m in models], 0.0, np.inf) + np.zeros_like(score)
    score = np.where(knows[:, None], whole, alone)
    score = np.where(np.isnan(score), np.inf, score)
    for row in np.flatnonzero(~np.isfinite(score).any(axis=1)).tolist():
        fits[0].require_moved(row, curves[row].name)
    weight = np.exp(-0.5 * (score - score.min(axis=1, keepdims=True)))
    weight[weight < NEGLIGIBLE_WEIGHT] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    best = np.argmax(weight, axis=1)
    best_chi2 = np.stack([f.chi2 for f in fits], axis=1)[np.arange(len(curves)), best]
    freedom = np.array([max(n - models[b].n_free, 0) for b in best])
    # Birge's ratio: points that scatter more than they claim widen every interval by as much.
    inflation = np.sqrt(np.maximum(1.0, best_chi2 / np.maximum(freedom, 1)) * (freedom > 0) + 1.0 * (freedom == 0))
    for row, index in zip(*(part.tolist() for part in np.nonzero(weight > 0)), strict=True):
        fits[index].require_moved(row, curves[row].name)
    rngs = [core_draws.generator(seed, "time-activity", c.name, *filter(None, [occasion])) for c in curves]
    owners = [rng.permutation(_allocate(w, n_draws)) for rng, w in zip(rngs, weight, strict=True)]
    amplitude = np.empty((len(curves), n_draws, 3))
    rate = np.empty_like(amplitude)
    for index, posterior in enumerate(fits):
        counts = (np.stack(owners) == index).sum(axis=1)
        rows = np.flatnonzero(counts)
        if not rows.size:
            continue
        theta = posterior.draw(rows, inflation[rows], counts[rows], [rngs[r] for r in rows])
        a, r = terms(posterior.model, theta, np.repeat(decay[rows], counts[rows]))
        mine = np.stack([owners[row] == index for row in rows])
        at, draw = np.nonzero(mine)
        amplitude[rows[at], draw], rate[rows[at], draw] = a, r
    results = []
    for i, curve in enumerate(curves):
        factor = _common_factor(curve, seed, n_draws)
        posterior = fits[best[i]]
        order = np.argsort(-weight[i], kind="stable")
        results.append(
            TimeIntegratedActivity(
                name=curve.name,
                nuclide=curve.nuclide,
                curve=curve,
                model=models[best[i]].name,
                amplitude_mbq=amplitude[i] * factor[:, None],
                rate_per_h=rate[i],
                status=_status(curve, decay[i], posterior, i, float(best_chi2[i]), int(freedom[i]), amplitude[i], rate[i]),
                model_weights=tuple((models[j].name, float(weight[i, j])) for j in order if weight[i, j] > 0),
            )
        )
    return results


def _common_factor(curve: TimeActivity, seed: int, n_draws: int) -> Floats:
    """Factor of what all points share: calibration (log-normal, all regions alike) and recovery (own)."""
    shared = core_draws.generator(seed, "calibration").standard_normal(n_draws)
    return np.asarray(np.exp(np.log1p(curve.shared_cv) * shared) * curve.own_factor(seed, n_draws))


def _small_sample(n_free: int, n: int, criterion: Criterion) -> float:
    if criterion == "aic":
        return 0.0
    return 2.0 * n_free * (n_free + 1) / (n - n_free - 1) if n > n_free + 1 else 1e9 * n_free


def _allocate(weight: Floats, n_draws: int) -> NDArray[np.intp]:
    """Model index of every draw, ``(n_draws,)``, as close to the weights as whole numbers allow."""
    edges = np.round(np.cumsum(weight) / weight.sum() * n_draws).astype(int)
    return np.searchsorted(edges, np.arange(n_draws), side="right").astype(np.intp)


def _status(
    curve: TimeActivity,
    decay: float,
    posterior: CurvePosterior,
    row: int,
    chi2: float,
    freedom: int,
    amplitude: Floats,
    rate: Floats,
) -> tuple[FitStatus, ...]:
    """What the fit has to say for itself."""
    found: list[FitStatus] = []
    time, y, sd = curve.time_h, curve.activity_mbq, curve.sd_mbq
    n = len(time)
    if n == 1:
        found.append(FitStatus.SINGLE_TIME_POINT)
    elif n == 2:
        found.append(FitStatus.TOO_FEW_POINTS)
    if n <= WINDOW_POINTS:
        half_life = float(np.log(2.0) / (decay + np.exp(posterior.theta[row, 1])))
        first, last = POPULATION_WINDOW if n == 1 else WINDOW
        if time[-1] < first * half_life:
            found.append(FitStatus.TOO_EARLY)
        elif time[0] > last * half_life:
            found.append(FitStatus.TOO_LATE)
    total = (amplitude / rate).sum(1)
    tail = (amplitude / rate * np.exp(-rate * time[-1])).sum(1)
    if float(np.median(tail / total)) > TAIL_LIMIT:
        found.append(FitStatus.TAIL_NOT_SAMPLED)
    if n > 1 and y[-1] - y[-2] > float(np.hypot(sd[-1], sd[-2])):
        found.append(FitStatus.RISING_LAST_POINT)
    elif n > 1 and _slower_than_decay(time, y, sd, decay):
        found.append(FitStatus.PHYSICAL_DECAY_BOUND)
    if posterior.left[row] > FAR_FROM_BEST:
        found.append(FitStatus.NOT_AT_BEST)
    if freedom > 0:
        from scipy.special import chdtrc

        if chdtrc(freedom, chi2) < 0.01:
            found.append(FitStatus.POOR_FIT)
    return tuple(found) or (FitStatus.OK,)


def _slower_than_decay(time: Floats, y: Floats, sd: Floats, decay: float) -> bool:
    """Whether the last two points fall more slowly than physical decay by more than their uncertainty."""
    if min(y[-1], y[-2]) <= 0:
        return False
    slope = float(np.log(y[-2] / y[-1]) / (time[-1] - time[-2]))
    slope_sd = float(np.hypot(sd[-1] / y[-1], sd[-2] / y[-2]) / (time[-1] - time[-2]))
    return slope + slope_sd < decay
