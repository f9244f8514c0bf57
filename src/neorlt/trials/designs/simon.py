"""Simon's two-stage designs: optimal, minimax and admissible, with the search proved to be long enough.

Source: Simon 1989, Control Clin Trials 10:1-10, doi 10.1016/0197-2456(89)90015-9; admissible designs Jung 2004,
Stat Med 23:561, doi 10.1002/sim.1600. Stage 1 stops for futility at ``r1`` or fewer responses in ``n1`` patients; the
treatment is called promising with **more than** ``r`` responses in ``n``.

How far to search follows from two bounds. (1) No test on n patients beats the randomised Neyman–Pearson test of the same
level, so a smaller n than the one where that test reaches the power has no design. (2) Stopping after stage 1 costs power,
so ``r1`` is at most the largest value with ``P(X1 > r1 | p1) >= 1 - beta``; this bounds the chance of stopping and with it
the expected size from below, by a line that rises with n. The search ends where that line passes the best design found.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import SLACK, Floats, check_rates, pmf_row, pmf_table, sf_table, tail

N_LIMIT = 1500
"""Largest trial that is searched."""


@dataclass(frozen=True)
class TwoStage:
    """One two-stage design and its operating characteristics."""

    r1: int
    n1: int
    r: int
    n: int
    en_p0: float
    pet_p0: float
    alpha: float
    power: float

    def as_json(self) -> dict[str, Any]:
        """The keys fixed for ``neorlt design simon``."""
        return asdict(self)


@dataclass(frozen=True)
class SimonDesigns:
    """All designs worth a look for one question; ``admissible`` runs from the minimax to the optimal one."""

    p0: float
    p1: float
    alpha: float
    beta: float
    optimal: TwoStage
    minimax: TwoStage
    admissible: tuple[TwoStage, ...]
    searched_to: int

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "p0": self.p0,
            "p1": self.p1,
            "alpha": self.alpha,
            "beta": self.beta,
            "optimal": self.optimal.as_json(),
            "minimax": self.minimax.as_json(),
            "admissible": [d.as_json() for d in self.admissible],
            "searched_to": self.searched_to,
        }


def reject_probability(p: float, r1: int, n1: int, r: int, n: int) -> float:
    """Chance that the design calls the treatment promising at response rate ``p``: an exact sum."""
    from scipy.special import bdtrc

    x = np.arange(r1 + 1, n1 + 1)
    needed = r - x
    rest = n - n1
    second = np.where(needed < 0, 1.0, np.where(needed >= rest, 0.0, bdtrc(np.clip(needed, 0, rest - 1), rest, p)))
    return float(np.sum(pmf_row(p, n1)[x] * second))


def expected_size(p: float, r1: int, n1: int, n: int) -> tuple[float, float]:
    """Expected number of patients and chance of stopping after stage 1 at response rate ``p``."""
    stop = 1.0 - tail(p, n1, r1)
    return n1 + (1.0 - stop) * (n - n1), stop


def evaluate(p0: float, p1: float, r1: int, n1: int, r: int, n: int) -> TwoStage:
    """Operating characteristics of a given design.

    Raises
    ------
    InputError
        If the numbers are not a two-stage design.
    """
    if not (0 <= r1 < n1 < n and r1 <= r < n):
        raise InputError(
            "these numbers are not a two-stage design",
            expected="0 <= r1 < n1 < n and r1 <= r < n",
            found=f"{r1}/{n1}, {r}/{n}",
            remedy="give r1/n1 and r/n",
        )
    en, pet = expected_size(p0, r1, n1, n)
    return TwoStage(r1, n1, r, n, en, pet, reject_probability(p0, r1, n1, r, n), reject_probability(p1, r1, n1, r, n))


class _Search:
    """The search over n, with the tables that it grows."""

    def __init__(self, p0: float, p1: float, alpha: float, beta: float) -> None:
        self.p0, self.p1, self.alpha, self.beta = p0, p1, alpha, beta
        self.size = 0
        self.grow(80)

    def grow(self, n_max: int) -> None:
        """Make tables that reach ``n_max``."""
        if n_max <= self.size:
            return
        self.size = max(n_max, min(2 * self.size, N_LIMIT))
        self.pmf0, self.pmf1 = pmf_table(self.p0, self.size), pmf_table(self.p1, self.size)
        self.sf0, self.sf1 = sf_table(self.p0, self.size), sf_table(self.p1, self.size)
        # Largest r1 that leaves enough power after stage 1, and the chance of stopping that it gives under p0.
        enough = self.sf1[:, 1:] >= 1.0 - self.beta - SLACK
        self.r1_max = enough.sum(axis=1) - 1
        self.pet_max = np.where(self.r1_max >= 0, 1.0 - self.sf0[np.arange(self.size + 1), self.r1_max + 1], 0.0)

    def best_possible_power(self, n: int) -> float:
        """Power of the randomised Neyman–Pearson test of level alpha on n patients."""
        sizes = self.sf0[n, 1 : n + 2]
        r = int(np.argmax(sizes <= self.alpha))
        share = (self.alpha - sizes[r]) / self.pmf0[n, r]
        return float(self.sf1[n, r + 1] + share * self.pmf1[n, r])

    def bound(self, n: int) -> Floats:
        """Least expected size that stage 1 with 1 … n − 1 patients can reach."""
        n1 = np.arange(1, n)
        found: Floats = n1 + (1.0 - self.pet_max[1:n]) * (n - n1)
        return found

    def best_for(self, n: int, best_en: float) -> tuple[float, int, int] | None:
        """(expected size, n1, r1) of the best design on n patients that beats ``best_en``, or None."""
        # The two-stage power is at most that of the single stage with the same cut-off.
        highest = int(np.sum(self.sf1[n, 1 : n + 1] >= 1.0 - self.beta - SLACK)) - 1
        n1 = np.flatnonzero(self.bound(n) < best_en) + 1
        n1 = n1[self.r1_max[n1] >= 0]
        if highest < 0 or n1.size == 0:
            return None
        # First-stage counts above the mean by nine standard deviations add less than 1e-17.
        x = np.arange(min(int(n1[-1]), int(n1[-1] * self.p1 + 9.0 * np.sqrt(n1[-1]) / 2.0) + 1) + 1)
        en = n1[:, None] + self.sf0[n1[:, None], x[None, :] + 1] * (n - n1[:, None])
        candidate = (en < best_en) & (x[None, :] <= self.r1_max[n1][:, None])
        w0, w1 = self.pmf0[n1[:, None], x[None, :]], self.pmf1[n1[:, None], x[None, :]]
        # Upper tails of the second stage, padded on the left so that any cut-off is a reversed slice and not a gather.
        pad = np.ones((n1.size, x.size))
        tail0 = np.hstack([pad, self.sf0[n - n1, : highest + 2]])
        tail1 = np.hstack([pad, self.sf1[n - n1, : highest + 2]])
        best: tuple[float, int, int] | None = None
        for r in range(highest, -1, -1):
            columns = slice(r + 2, r + 2 + x.size)
            size = _beyond(w0 * tail0[:, columns][:, ::-1])
            passed = candidate & (x[None, :] <= r) & (size <= self.alpha + SLACK)
            rows = np.flatnonzero(passed.any(axis=1))
            if rows.size:
                power = _beyond(w1[rows] * tail1[rows, columns][:, ::-1])
                feasible = passed[rows] & (power >= 1.0 - self.beta - SLACK)
                if feasible.any():
                    i, j = np.unravel_index(int(np.argmin(np.where(feasible, en[rows], np.inf))), feasible.shape)
                    best = (float(en[rows[i], j]), int(n1[rows[i]]), int(x[j]))
                    candidate &= en < best[0]
            # A lower cut-off only raises the size: leave out the n1 that no r1 can save.
            hopeful = np.any(candidate & (size <= self.alpha + SLACK), axis=1)
            if not hopeful.any():
                break
            if not hopeful.all():
                n1, en, candidate, w0, w1 = n1[hopeful], en[hopeful], candidate[hopeful], w0[hopeful], w1[hopeful]
                tail0, tail1 = tail0[hopeful], tail1[hopeful]
        return best

    def cutoff(self, n: int, n1: int, r1: int) -> int:
        """Smallest r that holds the level: the size falls as r rises, so halving finds it."""
        low, high = r1, n
        while low < high:
            middle = (low + high) // 2
            if reject_probability(self.p0, r1, n1, middle, n) <= self.alpha + SLACK:
                high = middle
            else:
                low = middle + 1
        return low


def _beyond(terms: Floats) -> Floats:
    """Sum over first-stage counts above each column."""
    total = np.zeros_like(terms)
    total[:, :-1] = np.cumsum(terms[:, :0:-1], axis=1)[:, ::-1]
    return total


def simon(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2) -> SimonDesigns:
    """Search Simon's two-stage designs.

    Parameters
    ----------
    p0, p1
        Response rate that is of no interest, and the one hoped for.
    alpha, beta
        Largest one-sided type I error at p0 and type II error at p1.

    Raises
    ------
    InputError
        If the rates make no design, or it needs more than 1 500 patients.
    """
    check_rates(p0, p1, alpha, beta)
    search = _Search(p0, p1, alpha, beta)
    found: list[tuple[int, float, int, int]] = []
    best_en = np.inf
    n = 2
    while True:
        if n > N_LIMIT:
            raise InputError(
                "no two-stage design was found",
                expected=f"at most {N_LIMIT} patients",
                found=f"p0 = {p0:g}, p1 = {p1:g}",
                remedy="set the two rates further apart or relax alpha and beta",
            )
        search.grow(n)
        if found and float(search.bound(n).min()) >= best_en:
            break
        if found or search.best_possible_power(n) >= 1.0 - beta - SLACK:
            better = search.best_for(n, best_en)
            if better is not None:
                best_en = better[0]
                found.append((n, *better))
        n += 1
    chain = tuple(evaluate(p0, p1, r1, n1, search.cutoff(size, n1, r1), size) for size, _, n1, r1 in _hull(found))
    return SimonDesigns(p0, p1, alpha, beta, chain[-1], chain[0], chain, n - 1)


def _hull(found: list[tuple[int, float, int, int]]) -> list[tuple[int, float, int, int]]:
    """Designs (n, EN, n1, r1) that minimise ``w n + (1 - w) EN(p0)`` for some weight: the lower hull, minimax to optimal."""
    hull: list[tuple[int, float, int, int]] = []
    for design in found:
        while len(hull) >= 2:
            a, b = hull[-2], hull[-1]
            if (b[1] - a[1]) * (design[0] - a[0]) >= (design[1] - a[1]) * (b[0] - a[0]):
                hull.pop()
            else:
                break
        hull.append(design)
    return hull
