"""Draws: uncertainty is the leading axis of an array, one draw is one world.

Random numbers derive from a seed and a chain of names (patient, region, purpose), so a result does not
depend on the order of the work or on the number of processes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_DRAWS = 1000
"""Number of joint draws carried through the house unless a caller asks for another."""


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the random generator that belongs to a seed and a chain of names.

    The same arguments give the same stream in every process and on every platform.
    """
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    entropy = [int(seed), *np.frombuffer(digest, dtype="<u4").tolist()]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


@dataclass(frozen=True)
class Interval:
    """Median, central 90 % interval, mean and standard deviation of draws, in the unit of the draws."""

    median: float
    low: float
    high: float
    mean: float
    sd: float

    def as_json(self) -> dict[str, Any]:
        """``{"median": …, "ci90": [low, high], "mean": …, "sd": …}``, the form fixed for every JSON document."""
        return {"median": self.median, "ci90": [self.low, self.high], "mean": self.mean, "sd": self.sd}


def summarise(draws: ArrayLike) -> Interval:
    """Median, 5th and 95th percentile, mean and standard deviation of draws."""
    values: NDArray[np.float64] = np.asarray(draws, dtype=np.float64).ravel()
    if values.size == 0:
        raise ValueError("cannot summarise zero draws")
    if not np.all(np.isfinite(values)):
        raise ValueError("draws hold values that are not finite")
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return Interval(float(median), float(low), float(high), float(values.mean()), float(values.std()))


def lognormal_draws(rng: np.random.Generator, median: ArrayLike, log_sd: ArrayLike, n: int = N_DRAWS) -> NDArray[np.float64]:
    """Draw ``(n, ...)`` log-normal values; broadcasts ``median`` and ``log_sd`` over the trailing axes."""
    median_array = np.asarray(median, dtype=np.float64)
    log_sd_array = np.asarray(log_sd, dtype=np.float64)
    shape = np.broadcast_shapes(median_array.shape, log_sd_array.shape)
    return median_array * np.exp(log_sd_array * rng.standard_normal((n, *shape)))


def systematic(weight: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices ``(n,)`` of draws in proportion to their weights, by one uniform number (systematic resampling)."""
    total = np.cumsum(weight)
    return np.asarray(np.minimum(np.searchsorted(total / total[-1], (np.arange(n) + rng.uniform()) / n), len(weight) - 1), np.intp)
