"""One model's posterior of many time-activity curves: its optimum, and draws around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neorlt.core.fitting import MOVED, unmoved
from neorlt.dosimetry.exponentials import PARAMETERS, CurveModel, evaluate, jacobian

Floats = NDArray[np.float64]

WINDOW_POINTS = 3
"""Up to so many points the population carries part of the curve, and the points must lie where they can bear it."""
NOT_AT_BEST = 1e-3
"""A fit that took no step and could still lower its misfit (minus twice the log posterior) by this much never left its start."""
_PROPOSALS_PER_DRAW = 2
_PROPOSALS_OF_FEW_POINTS = 6
"""With few points the prior's tails are the interval's: more proposals (mean coverage of 90 % intervals 0.892 → 0.896)."""
_LEAST_PROPOSALS = 200
_T_DEGREES = 5.0
_EARLIEST_PIVOT_H = 1.0


class CurvePosterior:
    """Penalised least-squares optimum of one model for many regions, and draws around it.

    In place of the amplitude at injection the first parameter is the log of the activity at the pivot, the mean time of the
    points. The points say how much was there then; at injection it hangs on the rate along a curved ridge (A · exp(−k t) is what
    was seen), which draws around an optimum cannot follow: with one point they lost the long tail of the interval.
    """

    def __init__(self, model: CurveModel, time: Floats, y: Floats, sd: Floats, decay: Floats, mean: Floats, prior_sd: Floats) -> None:
        free = list(model.free)
        self.model, self.time, self.y, self.sd, self.decay = model, time, y, sd, decay
        self.mean, self.precision = mean[:, free], prior_sd[:, free] ** -2.0
        weight = (np.maximum(y, 0.0) / sd) ** 2 + 1e-12
        self.pivot = np.maximum((weight * time).sum(axis=1) / weight.sum(axis=1), _EARLIEST_PIVOT_H)
        self.start = self._start()
        self.theta = self._optimise()
        value, slope = self._jacobian(self.theta)
        self.chi2 = np.sum(((value - y) / sd) ** 2, axis=1)
        self.slope = slope / sd[..., None]
        self.left = self._left(value)

    def _left(self, value: Floats) -> Floats:
        """``(row,)`` by how much one more full step would lower the penalised misfit (Newton's decrement); NaN where nothing is finite."""
        gradient = np.einsum("rtk,rt->rk", self.slope, (self.y - value) / self.sd) - self.precision * (self.theta - self.mean)
        hessian = np.einsum("rtk,rtl->rkl", self.slope, self.slope) + self.precision[:, :, None] * np.eye(self.theta.shape[1])
        found = np.full(len(gradient), np.nan)
        good = np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
        found[good] = np.einsum("rk,rk->r", gradient[good], np.linalg.solve(hessian[good], gradient[good][..., None])[..., 0])
        return found

    def require_moved(self, row: int, name: str) -> None:
        """Refuse a row whose iteration took no step although the misfit is not at its best.

        Raises
        ------
        InputError
            With the start values, which are the population's, not the points'.
        """
        stays = np.abs(self.theta[row] - self.start[row]) <= MOVED * (1.0 + np.abs(self.start[row]))
        if np.isfinite(self.left[row]) and not (stays.all() and self.left[row] > NOT_AT_BEST):
            return
        why = "the misfit is not a finite number" if not np.isfinite(self.left[row]) else f"a step would lower it by {self.left[row]:.3g}"
        first, last = float(self.time[row].min()), float(self.time[row].max())
        raise unmoved(
            "the fit of a time-activity curve", self.start[row], f"{why} (images {first:g} to {last:g} h after injection)",
            where=f"region {name}", names=[PARAMETERS[i].replace("_", " ") for i in self.model.free],
            remedy="check the times after injection, the half-life and the unit of the activities",
        )

    def at_injection(self, theta: Floats, pivot: Floats, decay: Floats) -> Floats:
        """Parameters of :mod:`~neorlt.dosimetry.exponentials` for those of this class; ``pivot`` ``(row, ..., 1)``."""
        unit = theta.copy()
        unit[..., 0] = 0.0
        shape = evaluate(self.model, unit, pivot, decay)[..., 0]
        unit[..., 0] = theta[..., 0] - np.log(np.maximum(shape, 1e-200))
        return unit

    def _jacobian(self, theta: Floats) -> tuple[Floats, Floats]:
        """Activity ``(row, t)`` and its derivative ``(row, t, n_free)`` by the parameters of this class."""
        plain = self.at_injection(theta, self.pivot[:, None], self.decay)
        value, slope = jacobian(self.model, plain, self.time, self.decay)
        there, lean = jacobian(self.model, plain, self.pivot[:, None], self.decay)
        lean = lean / np.maximum(there, 1e-200)[..., None]
        lean[..., 0] = 0.0
        return value, slope - value[..., None] * lean

    def objective(self, theta: Floats, rows: NDArray[np.intp], inflation: Floats) -> Floats:
        """Minus twice the log posterior, ``(row, ...)`` for ``theta`` ``(row, ..., n_free)``."""
        extra = (1,) * (theta.ndim - 2)
        time = self.time[rows].reshape(len(rows), *extra, -1)
        decay = self.decay[rows].reshape(len(rows), *extra)
        y = self.y[rows].reshape(time.shape)
        sd = (self.sd[rows] * inflation[:, None]).reshape(time.shape)
        mean = self.mean[rows].reshape(len(rows), *extra, -1)
        precision = self.precision[rows].reshape(mean.shape)
        plain = self.at_injection(theta, self.pivot[rows].reshape(len(rows), *extra, 1), decay)
        value = evaluate(self.model, plain, time, decay)
        with np.errstate(over="ignore"):  # a proposal that far away has no weight
            return np.asarray((((value - y) / sd) ** 2).sum(-1) + (precision * (theta - mean) ** 2).sum(-1))

    def _start(self) -> Floats:
        """Where the iteration starts: the population's shape ``(row, n_free)``."""
        theta = self.mean.copy()
        # The amplitude starts where the curve passes through the points in the weighted mean.
        shape = evaluate(self.model, self.at_injection(theta, self.pivot[:, None], self.decay), self.time, self.decay)
        weight = self.sd**-2.0
        with np.errstate(invalid="ignore"):  # a curve that is 0 at every point has no scale: the fit is refused by name
            scale = (weight * shape * self.y).sum(1) / (weight * shape * shape).sum(1)
        theta[:, 0] += np.log(np.maximum(scale, 1e-3))
        return theta

    def _optimise(self, n_iterations: int = 60) -> Floats:
        theta = self.start.copy()
        rows = np.arange(len(theta))
        ones = np.ones(len(theta))
        best = self.objective(theta, rows, ones)
        damping = np.full(len(theta), 1e-2)
        identity = np.eye(theta.shape[1])
        for _ in range(n_iterations):
            value, slope = self._jacobian(theta)
            slope = slope / self.sd[..., None]
            gradient = np.einsum("rtk,rt->rk", slope, (self.y - value) / self.sd) - self.precision * (theta - self.mean)
            hessian = np.einsum("rtk,rtl->rkl", slope, slope) + self.precision[:, :, None] * identity
            damped = hessian + damping[:, None, None] * identity * np.einsum("rkk->rk", hessian)[:, :, None]
            step = np.clip(np.linalg.solve(damped, gradient[..., None])[..., 0], -2.0, 2.0)
            trial = theta + step
            found = self.objective(trial, rows, ones)
            better = found < best
            theta = np.where(better[:, None], trial, theta)
            gain = best - found
            best = np.where(better, found, best)
            damping = np.clip(np.where(better, damping / 5.0, damping * 4.0), 1e-10, 1e8)
            if np.all((np.abs(gain) < 1e-9) | (damping >= 1e8)):
                break
        return theta

    def draw(self, rows: NDArray[np.intp], inflation: Floats, counts: NDArray[np.intp], rngs: list[np.random.Generator]) -> Floats:
        """Importance-resampled draws of the parameters of :mod:`~neorlt.dosimetry.exponentials`.

        ``counts`` of each row, one row after the other: ``(counts.sum(), n_free)``.
        """
        k = self.model.n_free
        slope = self.slope[rows] / inflation[:, None, None]
        information = np.einsum("rtk,rtl->rkl", slope, slope) + self.precision[rows][:, :, None] * np.eye(k)
        root = np.linalg.cholesky(np.linalg.inv(information))
        per_draw = _PROPOSALS_OF_FEW_POINTS if self.time.shape[1] <= WINDOW_POINTS else _PROPOSALS_PER_DRAW
        proposals = np.maximum(per_draw * counts, _LEAST_PROPOSALS)
        normal = [rng.standard_normal((n, k)) for rng, n in zip(rngs, proposals, strict=True)]
        z = [u * np.sqrt(_T_DEGREES / rng.chisquare(_T_DEGREES, len(u)))[:, None] for rng, u in zip(rngs, normal, strict=True)]
        theta = np.concatenate([self.theta[row] + u @ root[i].T for i, (row, u) in enumerate(zip(rows, z, strict=True))])
        theta = np.clip(theta, -40.0, 40.0)
        owner = np.repeat(np.arange(len(rows)), proposals)
        square = (np.concatenate(z) ** 2).sum(axis=1)
        log_weight = -0.5 * self.objective(theta, rows[owner], inflation[owner])
        log_weight += 0.5 * (_T_DEGREES + k) * np.log1p(square / _T_DEGREES)
        start = np.concatenate([[0], np.cumsum(proposals)])
        chosen = []
        for i, (rng, count) in enumerate(zip(rngs, counts, strict=True)):
            own = log_weight[start[i] : start[i + 1]]
            edges = np.cumsum(np.exp(own - own.max()))
            positions = (np.arange(count) + rng.random()) / count * edges[-1]
            chosen.append(start[i] + rng.permutation(np.minimum(np.searchsorted(edges, positions), len(own) - 1)))
        keep = np.concatenate(chosen)
        pivot, decay = self.pivot[rows][owner[keep]], self.decay[rows][owner[keep]]
        return self.at_injection(theta[keep], pivot[:, None], decay)
