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
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import SLACK, Floats, check_rates, pmf_row, pmf_table, sf_table, tail

Ints = NDArray[np.intp]
Point = tuple[int, float, int, int]
"""n, expected size, n1, r1."""
N_LIMIT = 2000
"""Largest trial that is searched."""
PART = 32
"""First-stage counts next to r1 that are summed to dismiss it."""
NOTHING = 1e-17
"""Probability that is left out of a sum: far below the slack of the two error levels."""


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
    """Best designs for each n, from tables that grow.

    First-stage counts are held as a band: row n1 runs over the x that matter, from ``low[n1]``, below which lies no
    probability under p0 (nor under p1), to ``r1_max[n1]``, above which stage 1 alone has lost too much power.
    """

    def __init__(self, p0: float, p1: float, alpha: float, beta: float) -> None:
        self.p0, self.p1, self.alpha, self.beta = p0, p1, alpha, beta
        self.size = 0

    def grow(self, n_max: int) -> None:
        """Make tables that reach ``n_max``."""
        if n_max <= self.size:
            return
        self.size = size = min(max(n_max + 40, int(1.4 * n_max)), N_LIMIT)
        self.pmf0, self.pmf1 = pmf_table(self.p0, size), pmf_table(self.p1, size)
        self.sf0, self.sf1 = sf_table(self.p0, size), sf_table(self.p1, size)
        # Largest r1 that leaves enough power after stage 1, and the chance of stopping that it gives under p0.
        enough = self.sf1[:, 1:] >= 1.0 - self.beta - SLACK
        self.r1_max = enough.sum(axis=1) - 1
        self.pet_max = np.where(self.r1_max >= 0, 1.0 - self.sf0[np.arange(size + 1), self.r1_max + 1], 0.0)
        self.low = np.minimum((np.cumsum(self.pmf0, axis=1) < NOTHING).sum(axis=1), np.maximum(self.r1_max, 0))
        self.width = int(np.max(self.r1_max - self.low)) + 1
        x = self.low[:, None] + np.arange(self.width)
        self.inside = x <= self.r1_max[:, None]
        clipped = np.minimum(x, size)
        self.band0 = np.where(self.inside, np.take_along_axis(self.pmf0, clipped, axis=1), 0.0)
        self.band1 = np.where(self.inside, np.take_along_axis(self.pmf1, clipped, axis=1), 0.0)
        self.go_on = np.take_along_axis(self.sf0, clipped + 1, axis=1)
        # Tails in falling order of what stage 2 must bring, so that a run of rising x is a run in memory.
        nothing, certain = np.zeros((size + 1, PART)), np.ones((size + 1, self.width))
        tails0, tails1 = (np.hstack([nothing, sf[:, ::-1], certain]) for sf in (self.sf0, self.sf1))
        self.tails0, self.tails1 = _windows(tails0, self.width), _windows(tails1, self.width)
        self.parts1 = _windows(tails1, PART)
        self.part1 = _windows(np.hstack([nothing, self.band1]), PART)

    def best_possible_power(self, n: int) -> float:
        """Power of the randomised Neyman–Pearson test of level alpha on n patients."""
        sizes = self.sf0[n, 1 : n + 2]
        r = int(np.argmax(sizes <= self.alpha))
        share = (self.alpha - sizes[r]) / self.pmf0[n, r]
        return float(self.sf1[n, r + 1] + share * self.pmf1[n, r])

    def bound(self, n: int) -> Floats:
        """Least expected size that stage 1 with 1 … n − 1 patients can reach; its minimum rises with n."""
        n1 = np.arange(1, n)
        found: Floats = n1 + (1.0 - self.pet_max[1:n]) * (n - n1)
        return found

    def _beyond(self, tails: Any, n: int, n1: Ints, r: Any, first: Ints) -> Floats:
        """Chance that stage 2 brings ``first``, ``first`` + 1 … responses of stage 1 over r, ``(n1, x)``."""
        start = np.minimum(PART + self.size + 1 - r + first, tails.shape[1] - 1)
        found: Floats = tails[n - n1, start]
        return found

    def spare(self, n: int) -> Floats:
        """Power over the goal of a single stage on n patients, for each cut-off r: what stage 1 may cost."""
        found: Floats = self.sf1[n, 1 : n + 1] - (1.0 - self.beta) + SLACK
        return found

    def lowest(self, n: int, n1: Ints) -> Ints:
        """Smallest cut-off with which the widest r1 holds the level, for each n1; one too many where none does."""
        single = self.sf0[n, 1 : n + 1]
        highest = int((self.spare(n) >= 0).sum()) - 1
        found = np.full(n1.size, highest + 1)
        going = np.arange(n1.size)
        # Going down from a cut-off that holds the level without any stopping, or from the highest that has the power.
        for r in range(min(highest, int(np.argmax(single <= self.alpha + SLACK))), -1, -1):
            m = n1[going]
            saved = np.einsum("nx,nx->n", self.band0[m], self._beyond(self.tails0, n, m, r, self.low[m]))
            going = going[single[r] - saved <= self.alpha + SLACK]
            if going.size == 0:
                break
            found[going] = r
        return found

    def best_of(self, n: int, n1: Ints, lowest: Ints, limit: float) -> tuple[float, int, int] | None:
        """(expected size, n1, r1) of the best design with one of these n1 and an expected size below ``limit``, or None.

        Stage 1 takes away power and size: those of the outcomes with r1 or fewer responses in n1 and more than r in n. For
        one n1 and r a larger r1 stops more often, so the best r1 is the largest that leaves the power; if that one does not
        hold the level, none does. A larger r leaves less room for r1. So the cut-offs are tried upwards from ``lowest``; an
        n1 is done with its first success, or when its r1 stops too rarely.
        """
        single, spare = self.sf0[n, 1 : n + 1], self.spare(n)
        best: tuple[float, int, int] | None = None
        for r in range(int(lowest.min(initial=n)), int((spare >= 0).sum())):
            turn = np.flatnonzero(lowest <= r)
            m = n1[turn]
            lost = np.cumsum(self.band1[m] * self._beyond(self.tails1, n, m, r, self.low[m]), axis=1)
            last = (self.inside[m] & (lost <= spare[r])).sum(axis=1) - 1
            en = m + self.go_on[m, np.maximum(last, 0)] * (n - m)
            alive = (last >= 0) & (en < limit)
            over, turn, m, last, en = turn[~alive], turn[alive], m[alive], last[alive], en[alive]
            if m.size:
                saved = self.band0[m] * self._beyond(self.tails0, n, m, r, self.low[m])
                saved[np.arange(self.width) > last[:, None]] = 0.0
                holds = single[r] - saved.sum(axis=1) <= self.alpha + SLACK
                if holds.any():
                    i = int(np.argmin(np.where(holds, en, np.inf)))
                    limit = float(en[i])
                    best = (limit, int(m[i]), int(self.low[m[i]] + last[i]))
                    over = np.concatenate([over, turn[holds]])
            n1, lowest = np.delete(n1, over), np.delete(lowest, over)
            if n1.size == 0:
                break
        return best

    def best_for(self, n: int, limit: float) -> tuple[float, int, int] | None:
        """As :meth:`best_of`, over every n1."""
        n1 = np.flatnonzero((self.bound(n) < limit) & (self.r1_max[1:n] >= 0)) + 1
        return self.best_of(n, n1, self.lowest(n, n1), limit)

    def sweep(self, found: dict[int, Point], n: int) -> int:
        """Add to ``found`` what lies below its lower hull at n or more patients; returns the n at which no more can.

        For one n1 the cut-off that the level needs only rises with n, so what it was earlier (``needed``) bounds it from
        below. The power that the smallest useful r1 costs at that cut-off is more than a part of its sum, over the ``PART``
        first-stage counts next to r1: that dismisses most n1.
        """
        needed = np.zeros(N_LIMIT + 1, np.intp)
        hull = _hull(found)
        for size in range(n, N_LIMIT + 1):
            self.grow(size)
            if float(self.bound(size).min()) >= hull[-1][1]:
                return size
            if size in found:
                continue
            limit = float(np.interp(size, [p[0] for p in hull], [p[1] for p in hull]))
            n1 = np.flatnonzero((self.bound(size) < limit) & (self.r1_max[1:size] >= 0)) + 1
            n1 = n1[self._affordable(size, n1, needed[n1], limit)]
            needed[n1] = self.lowest(size, n1)
            better = self.best_of(size, n1, needed[n1], limit)
            if better is not None:
                found[size] = (size, *better)
                hull = _hull(found)
        raise _none(self.p0, self.p1)

    def _affordable(self, n: int, n1: Ints, r: Ints, limit: float) -> NDArray[np.bool_]:
        """Whether the smallest r1 with an expected size below ``limit`` may leave the power at cut-offs of ``r`` or more."""
        rarely = self.go_on[n1] * (n - n1)[:, None] >= (limit - n1)[:, None]
        first = (rarely & self.inside[n1]).sum(axis=1) - PART + 1
        cost = self.part1[n1, PART + first] * self._beyond(self.parts1, n, n1, r, self.low[n1] + first)
        return np.asarray(cost.sum(axis=1) <= self.spare(n)[r])

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


def _windows(table: Floats, width: int) -> Any:
    """Runs of ``width`` columns of a table, ``(row, start, column)``: a view."""
    return np.lib.stride_tricks.sliding_window_view(table, width, axis=1)


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
        If the rates make no design, or it needs more than 2 000 patients.
    """
    check_rates(p0, p1, alpha, beta)
    search = _Search(p0, p1, alpha, beta)
    search.grow(min(int(1.45 * _rough_size(p0, p1, alpha, beta)), N_LIMIT))
    first = _smallest(search)
    found = {first[0]: first}
    # A few sizes first: with their hull as the limit, the sweep dismisses most first stages with hardly a sum.
    for n in range(first[0] + 1, N_LIMIT, max(1, first[0] // 16)):
        search.grow(n)
        hull = _hull(found)
        if float(search.bound(n).min()) >= hull[-1][1]:
            break
        better = search.best_for(n, hull[-1][1])
        if better is not None:
            found[n] = (n, *better)
    end = search.sweep(found, first[0] + 1)
    chain = tuple(evaluate(p0, p1, r1, n1, search.cutoff(size, n1, r1), size) for size, _, n1, r1 in _hull(found))
    return SimonDesigns(p0, p1, alpha, beta, chain[-1], chain[0], chain, max(end - 1, *found))


def _none(p0: float, p1: float) -> InputError:
    return InputError(
        "no two-stage design was found",
        expected=f"at most {N_LIMIT} patients",
        found=f"p0 = {p0:g}, p1 = {p1:g}",
        remedy="set the two rates further apart or relax alpha and beta",
    )


def _rough_size(p0: float, p1: float, alpha: float, beta: float) -> int:
    """How large the tables are made at first: the normal approximation of a single stage. It decides nothing else."""
    from scipy.special import ndtri

    spread = ndtri(1 - alpha) * np.sqrt(p0 * (1 - p0)) + ndtri(1 - beta) * np.sqrt(p1 * (1 - p1))
    return 20 + int((spread / (p1 - p0)) ** 2)


def _smallest(search: _Search) -> Point:
    """The minimax design."""
    for n in range(2, N_LIMIT + 1):
        search.grow(n)
        best = search.best_for(n, np.inf) if search.best_possible_power(n) >= 1.0 - search.beta - SLACK else None
        if best is not None:
            return (n, *best)
    raise _none(search.p0, search.p1)


def _hull(found: dict[int, Point]) -> list[Point]:
    """Designs that minimise ``w n + (1 - w) EN(p0)`` for some weight: the lower hull, minimax to optimal."""
    hull: list[Point] = []
    for design in sorted(found.values()):
        if hull and design[1] >= hull[-1][1]:
            continue
        while len(hull) >= 2:
            a, b = hull[-2], hull[-1]
            if (b[1] - a[1]) * (design[0] - a[0]) >= (design[1] - a[1]) * (b[0] - a[0]):
                hull.pop()
            else:
                break
        hull.append(design)
    return hull
