"""The no-U-turn sampler, in plain numpy around a compiled gradient (Hoffman and Gelman 2014; multinomial weights of Betancourt 2017).

A likelihood of many arms compiles for minutes inside a sampler that is compiled whole; here the gradient alone is compiled, and what a
chain needs to go on (position, step, metric, its generator) is a handful of arrays that are written to disk.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.fitting import require_moved

Floats = NDArray[np.float64]
Density = Callable[[Floats], tuple[float, Floats]]
"""Log density and its gradient at ``(parameter,)``."""

MAX_ENERGY_ERROR = 1000.0
FIRST_WINDOW, BASE_WINDOW, LAST_WINDOW = 25, 25, 30
"""Warm-up: the step alone, then windows that double and estimate the metric, then the step alone (as Stan does). The windows of all
chains together give the metric (:meth:`Chain.learn`): a dense one of many parameters needs more draws than one chain's."""
FIRST_DEPTH = 5
"""Doublings at most until the first metric is learned: long trajectories under a poor one teach little."""
BASE_WEIGHT = 10.0
"""The metric is drawn towards the one that the chain began with, as by this many draws."""


@dataclass
class Point:
    """Position, momentum, gradient, log density and log joint density."""

    q: Floats
    p: Floats
    gradient: Floats
    log_density: float


@dataclass
class Tree:
    """A subtree of the trajectory: its two ends, what it proposes, its weight and the sum of its momenta."""

    left: Point
    right: Point
    proposal: Point
    log_weight: float
    momentum: Floats
    turning: bool
    diverging: bool
    acceptance: float
    n_steps: int


@dataclass
class Chain:
    """One chain: everything that its next iteration depends on.

    Parameters
    ----------
    density
        Log density and gradient.
    start
        ``(parameter,)``.
    """

    density: Density
    start: Floats
    seed: int
    n_warmup: int
    target_accept: float = 0.9
    max_depth: int = 8
    iteration: int = 0
    step: float = 0.1
    current: Point | None = None
    covariance: Floats | None = None
    """The metric to begin with (:func:`inverse`); left out, the identity: the parameters' scale under the prior."""

    def __post_init__(self) -> None:
        n = len(self.start)
        self.rng = np.random.default_rng(self.seed)
        self.base = np.eye(n) if self.covariance is None else np.array(self.covariance)
        self._set_metric(self.base)
        self.learned = 0
        log_density, gradient = self.density(self.start)
        if not np.isfinite(log_density):
            raise ValueError("the chain starts where the density is not finite")
        self.current = Point(self.start.copy(), np.zeros(n), gradient, log_density)
        self._restart_step()

    def _set_metric(self, covariance: Floats) -> None:
        # Momentum has the inverse covariance: with covariance L L', p = L^-T z.
        self.metric, self.factor = covariance, np.linalg.cholesky(covariance)

    def _restart_step(self) -> None:
        self.anchor, self.error, self.log_step_mean, self.tuned = np.log(10 * self.step), 0.0, np.log(self.step), 0

    def _momentum(self) -> Floats:
        return np.asarray(np.linalg.solve(self.factor.T, self.rng.standard_normal(len(self.start))))

    def _velocity(self, p: Floats) -> Floats:
        return np.asarray(self.metric @ p)

    def _joint(self, point: Point) -> float:
        return point.log_density - 0.5 * float(point.p @ self._velocity(point.p))

    def _leap(self, point: Point, direction: int) -> Point:
        e = direction * self.step
        p = point.p + 0.5 * e * point.gradient
        q = point.q + e * self._velocity(p)
        log_density, gradient = self.density(q)
        return Point(q, p + 0.5 * e * gradient, gradient, log_density)

    def _turns(self, momentum: Floats, left: Point, right: Point) -> bool:
        v = self._velocity(momentum)
        return bool(left.p @ v <= 0 or right.p @ v <= 0)

    def _leaf(self, point: Point, direction: int, joint: float) -> Tree:
        new = self._leap(point, direction)
        change = self._joint(new) - joint
        change = change if np.isfinite(change) else -np.inf
        return Tree(new, new, new, change, new.p, False, bool(change < -MAX_ENERGY_ERROR), float(min(1.0, np.exp(min(change, 0.0)))), 1)

    def _build(self, point: Point, direction: int, depth: int, joint: float) -> Tree:
        if depth == 0:
            return self._leaf(point, direction, joint)
        first = self._build(point, direction, depth - 1, joint)
        if first.turning or first.diverging:
            return first
        second = self._build(first.right if direction > 0 else first.left, direction, depth - 1, joint)
        return self._join(first, second, direction, biased=False)

    def _join(self, old: Tree, new: Tree, direction: int, biased: bool) -> Tree:
        left, right = (old.left, new.right) if direction > 0 else (new.left, old.right)
        total = float(np.logaddexp(old.log_weight, new.log_weight))
        bad = new.turning or new.diverging
        chance = new.log_weight - (old.log_weight if biased else total)
        take = not bad and np.log(self.rng.uniform()) < chance
        momentum = old.momentum + new.momentum
        turning = new.turning or self._turns(momentum, left, right)
        return Tree(left, right, new.proposal if take else old.proposal, total, momentum, turning, new.diverging,
                    old.acceptance + new.acceptance, old.n_steps + new.n_steps)

    def advance(self) -> tuple[Floats, bool, int]:
        """One iteration; returns the position, whether the trajectory diverged, and its steps."""
        assert self.current is not None
        current = Point(self.current.q, self._momentum(), self.current.gradient, self.current.log_density)
        joint = self._joint(current)
        tree = Tree(current, current, current, 0.0, current.p, False, False, 0.0, 0)
        deepest = self.max_depth if self.learned or self.n_warmup == 0 else min(self.max_depth, FIRST_DEPTH)
        for depth in range(deepest):
            direction = 1 if self.rng.uniform() < 0.5 else -1
            new = self._build(tree.right if direction > 0 else tree.left, direction, depth, joint)
            tree = self._join(tree, new, direction, biased=True)
            if tree.turning or tree.diverging:
                break
        self.current = tree.proposal
        if self.iteration < self.n_warmup:
            self._adapt(tree.acceptance / max(tree.n_steps, 1))
        self.iteration += 1
        return self.current.q, tree.diverging, tree.n_steps

    def learn(self, draws: Floats) -> None:
        """Set the metric from a window's draws ``(draw, parameter)`` of every chain together; the step is sought afresh."""
        n = len(draws)
        self._set_metric((n * np.cov(draws.T) + BASE_WEIGHT * self.base) / (n + BASE_WEIGHT))
        self.learned = self.iteration
        self._restart_step()

    def _adapt(self, acceptance: float) -> None:
        self.tuned += 1
        m = self.tuned
        self.error = (1 - 1 / (m + 10)) * self.error + (self.target_accept - acceptance) / (m + 10)
        log_step = self.anchor - np.sqrt(m) / 0.05 * self.error
        self.log_step_mean = m**-0.75 * log_step + (1 - m**-0.75) * self.log_step_mean
        self.step = float(np.exp(log_step))
        if self.iteration + 1 in window_ends(self.n_warmup):
            self.step = float(np.exp(self.log_step_mean))
        if self.iteration + 1 == self.n_warmup:
            self.step = float(np.exp(self.log_step_mean))

    def dump(self) -> bytes:
        """What the chain is, to go on from later (:meth:`load`)."""
        state = {name: value for name, value in self.__dict__.items() if name != "density"}
        return pickle.dumps(state)

    def load(self, content: bytes) -> None:
        """Go on from what :meth:`dump` wrote. Read only files that this program wrote: they are pickles."""
        self.__dict__.update(pickle.loads(content))


def window_ends(n_warmup: int) -> set[int]:
    """Iterations after which the metric is set: windows double, the last takes what is left."""
    ends, at, size = set(), FIRST_WINDOW, BASE_WINDOW
    last = n_warmup - LAST_WINDOW
    while at + size <= last:
        if at + 3 * size > last:
            size = last - at
        at += size
        ends.add(at)
        size *= 2
    return ends


def find_mode(density: Density, start: Floats) -> Floats:
    """Where the density is highest, by its gradient (L-BFGS).

    Raises
    ------
    InputError
        If the search never left ``start``: SciPy calls a start converged where the density is not finite.
    """
    from scipy.optimize import minimize

    def loss(q: Floats) -> tuple[float, Floats]:
        value, gradient = density(q)
        return (-value, -gradient) if np.isfinite(value) else (1e6, np.zeros_like(q))

    mode = np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400}).x)
    require_moved(start, mode, lambda q: loss(q)[0], what="the search for the mode",
                  remedy="start where the density is finite: check the priors and the data that were added")
    return mode


def curved(density: Density, at: Floats, step: float = 0.02) -> Floats:
    """How the density curves at a point: minus its matrix ``(parameter, parameter)`` of second derivatives, by differences of gradients."""
    rows = np.array([(density(at + step * e)[1] - density(at - step * e)[1]) / (2 * step) for e in np.eye(len(at))])
    return np.asarray(-0.5 * (rows + rows.T))


def inverse(matrix: Floats, floor: float = 1.0) -> Floats:
    """Covariance of the normal with that curvature; directions in which it is below ``floor`` (the prior's own) are set to that."""
    value, vector = np.linalg.eigh(matrix)
    return np.asarray((vector / np.maximum(value, floor)) @ vector.T)


def as_density(function: Any, unravel: Any) -> Density:
    """A compiled value-and-gradient of a dict of arrays as a :data:`Density` of one flat array."""
    return with_data(function, unravel)()


def with_data(function: Any, unravel: Any) -> Callable[..., Density]:
    """:func:`as_density` of a function of parameters and data; compiled once for all data of the same shapes.

    What is returned takes the data (any trees of arrays) and gives the density.
    """
    import jax
    from jax.flatten_util import ravel_pytree

    @jax.jit
    def both(q: Any, *data: Any) -> Any:
        value, gradient = jax.value_and_grad(lambda x: function(unravel(x), *data))(q)
        return value, ravel_pytree(gradient)[0]

    def bind(*data: Any) -> Density:
        def density(q: Floats) -> tuple[float, Floats]:
            value, gradient = both(np.asarray(q, np.float32), *data)
            return float(value), np.asarray(gradient, np.float64)

        return density

    return bind
