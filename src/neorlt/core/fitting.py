"""Whether a fit went anywhere: an optimiser that ends where it began has answered nothing, whatever it reports.

``scipy.optimize.minimize`` calls a flat start converged (a gradient of zero), ``curve_fit`` returns its start with a warning at most, and a
damped iteration that takes no step keeps its start without a word. Every iterative fit of this program that can answer with its start
comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.errors import InputError

MOVED = 1e-9
"""A parameter that changed by less than this (relative to one or to itself) has not moved."""
PROBE = 1e-3
"""Step by which an unmoved fit is tried in every direction."""
WORTH = 1e-6
"""A misfit that a probe lowers by less than this part is at its best."""


def why_unmoved(start: ArrayLike, end: ArrayLike, loss: Callable[[NDArray[np.float64]], Any], *, worth: float = WORTH) -> str | None:
    """Why a fit still stands at its start values; None where it moved, or where the start was the best already.

    Parameters
    ----------
    start, end
        ``(parameter,)`` where the fit began and ended.
    loss
        What was to be made small, at points ``(parameter,)``.
    worth
        Part of the loss that a step must gain to count.
    """
    first, last = np.atleast_1d(np.asarray(start, float)), np.atleast_1d(np.asarray(end, float))
    if not np.isfinite(last).all():
        return "it gave no finite value"
    if np.any(np.abs(last - first) > MOVED * (1.0 + np.abs(first))):
        return None
    here = float(loss(last))
    if not np.isfinite(here):
        return "the misfit is not a finite number there"
    steps = np.diag(PROBE * (1.0 + np.abs(last)))
    around = np.array([float(loss(last + sign * step)) for step in steps for sign in (1.0, -1.0)])
    finite = around[np.isfinite(around)]
    if finite.size and here - float(finite.min()) > worth * (1e-12 + abs(here)):
        return f"a small step lowers the misfit from {here:.6g} to {float(finite.min()):.6g}"
    if not finite.size or float(np.max(np.abs(finite - here))) <= 1e-14 * (1e-12 + abs(here)):
        return "no small step changes the misfit: the data do not reach the parameters"
    return None


def require_moved(
    start: ArrayLike, end: ArrayLike, loss: Callable[[NDArray[np.float64]], Any], *, what: str, remedy: str, names: Sequence[str] = (),
    worth: float = WORTH,
) -> None:
    """Refuse a fit that never left its start values; arguments as :func:`why_unmoved`.

    Raises
    ------
    InputError
        With the start values by ``names``, why they are no answer, and the remedy.
    """
    why = why_unmoved(start, end, loss, worth=worth)
    if why is not None:
        raise unmoved(what, start, why, remedy=remedy, names=names)


def require_best(
    end: ArrayLike, loss: Callable[[NDArray[np.float64]], Any], *, what: str, remedy: str, names: Sequence[str] = (), worth: float = WORTH
) -> None:
    """Refuse a fit that small steps can still improve, wherever it began (its start values among others).

    Raises
    ------
    InputError
        With the values, why they are no answer, and the remedy.
    """
    why = why_unmoved(end, end, loss, worth=worth)
    if why is not None:
        raise unmoved(what, end, why, remedy=remedy, names=names, problem="never left its start values, or stopped beside its best")


def unmoved(
    what: str, start: ArrayLike, why: str, *, remedy: str, names: Sequence[str] = (), where: str | None = None,
    problem: str = "never left its start values",
) -> InputError:
    """The error of a fit that never left its start values."""
    values = np.atleast_1d(np.asarray(start, float))[:6]
    shown = ", ".join(f"{name} {value:.4g}" if name else f"{value:.4g}" for name, value in zip([*names, *[""] * 6], values, strict=False))
    return InputError(f"{what} {problem}", where=where, remedy=remedy,
                      expected="a fit that the data move to its best", found=f"{shown}: {why}")
