"""Exact single-stage designs, in the words of Fleming and of A'Hern.

Source: A'Hern 2001, Stat Med 20:859, doi 10.1002/sim.721 (exact binomial sizes).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import SLACK, check_rates, tail

N_LIMIT = 5000


@dataclass(frozen=True)
class SingleStage:
    """Call the treatment promising with **more than** ``r`` responses in ``n``, that is with ``cutoff`` or more."""

    n: int
    r: int
    cutoff: int
    alpha: float
    beta: float
    power: float

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def at_size(p0: float, p1: float, alpha: float, n: int) -> SingleStage:
    """The design on n patients with the smallest cut-off that holds the level."""
    r = next(k for k in range(n + 1) if tail(p0, n, k) <= alpha + SLACK)
    power = tail(p1, n, r)
    return SingleStage(n, r, r + 1, tail(p0, n, r), 1.0 - power, power)


def single_stage(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2) -> SingleStage:
    """The smallest exact single-stage design.

    Raises
    ------
    InputError
        If the rates make no design, or it needs more than 5 000 patients.
    """
    check_rates(p0, p1, alpha, beta)
    for n in range(1, N_LIMIT + 1):
        design = at_size(p0, p1, alpha, n)
        if design.power >= 1.0 - beta - SLACK:
            return design
    raise InputError(
        "no single-stage design was found",
        expected=f"at most {N_LIMIT} patients",
        found=f"p0 = {p0:g}, p1 = {p1:g}",
        remedy="set the two rates further apart or relax alpha and beta",
    )


def ahern(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2, *, stable: bool = False) -> SingleStage:
    """A'Hern's design: the exact single-stage design, read as "``cutoff`` or more responses".

    Power is a saw-tooth in n: a slightly larger trial can have less. ``stable=True`` gives the smallest size from which on
    every size has the power, for trials whose final size is not certain.
    """
    smallest = single_stage(p0, p1, alpha, beta)
    if not stable:
        return smallest
    # The saw-tooth's depth falls with n; beyond twice the size no tooth reaches back.
    sizes = [at_size(p0, p1, alpha, n) for n in range(smallest.n, 2 * smallest.n + 20)]
    last_bad = max((i for i, d in enumerate(sizes) if d.power < 1.0 - beta - SLACK), default=-1)
    return sizes[last_bad + 1]
