"""RECIST 1.1: measurable and target lesions, sum of diameters, response of targets, overall and best response.

Source: Eisenhauer 2009, doi 10.1016/j.ejca.2008.10.026. Numbers read in PMC2755245 table T3, PMC3980664 table T2 and
PMC5658474 table Tab2 (level: secondary). Rows of the overall table with a response that was not evaluated, and the
confirmation rule, are recalled (level: memory).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.clinic._arrays import at_least, at_most, floats, namespace
from neorlt.core.errors import InputError

MEASURABLE_DIAMETER_MM = 10.0
"""Shortest longest diameter of a measurable lesion outside the nodes (CT, slices of 5 mm or less)."""
MEASURABLE_NODE_MM = 15.0
"""Shortest short axis of a measurable node."""
PATHOLOGICAL_NODE_MM = 10.0
"""A node with a short axis below this is normal."""
CHEST_X_RAY_MM = 20.0
"""Shortest longest diameter on a chest X-ray."""
THICK_SLICE_MM = 5.0
"""Above this slice thickness a measurable lesion must be twice as long as a slice is thick."""
MAX_TARGETS = 5
MAX_TARGETS_PER_ORGAN = 2
PR_CHANGE = -0.30
PD_CHANGE = 0.20
PD_INCREASE_MM = 5.0
CONFIRMATION_WEEKS = 4.0


class Response(IntEnum):
    """Response of the targets, or overall. The best response of a series is its smallest member."""

    CR = 1
    PR = 2
    SD = 3
    PD = 4
    NE = 5


class NonTarget(IntEnum):
    """Response of the non-target lesions."""

    NONE = 0
    CR = 1
    NON_CR_NON_PD = 2
    PD = 4
    NE = 5


def is_measurable(size_mm: ArrayLike, *, node: ArrayLike = False, slice_mm: float = 5.0) -> Any:
    """Whether lesions are measurable: longest diameter 10 mm, or short axis 15 mm for nodes.

    With slices thicker than 5 mm the least diameter is twice the slice thickness.
    """
    xp = namespace(size_mm, node)
    size = floats(xp, size_mm)
    least = MEASURABLE_DIAMETER_MM if slice_mm <= THICK_SLICE_MM else 2.0 * slice_mm
    return at_least(xp, size, xp.where(xp.asarray(node), MEASURABLE_NODE_MM, least))


def select_targets(
    organ: Sequence[Hashable], size_mm: ArrayLike, *, node: ArrayLike = False, slice_mm: float = 5.0
) -> NDArray[np.bool_]:
    """Choose target lesions: the largest measurable ones, at most two an organ and five in all.

    Parameters
    ----------
    organ
        Organ of each lesion (all lymph nodes are one organ).
    size_mm
        ``(lesion,)`` longest diameter, or short axis for nodes.
    node
        Whether each lesion is a lymph node.
    slice_mm
        Slice thickness.

    Returns
    -------
    NDArray
        ``(lesion,)`` true for targets.
    """
    sizes = np.asarray(size_mm, float)
    measurable = np.broadcast_to(is_measurable(sizes, node=node, slice_mm=slice_mm), sizes.shape)
    chosen = np.zeros(sizes.shape, bool)
    count: dict[Hashable, int] = {}
    for index in np.argsort(-sizes, kind="stable"):
        if measurable[index] and chosen.sum() < MAX_TARGETS and count.get(organ[index], 0) < MAX_TARGETS_PER_ORGAN:
            chosen[index] = True
            count[organ[index]] = count.get(organ[index], 0) + 1
    return chosen


def all_targets_gone(diameter_mm: ArrayLike, *, node: ArrayLike = False) -> Any:
    """Whether every target is gone: non-nodal targets at 0 mm and every node below 10 mm short axis.

    ``diameter_mm`` is ``(..., lesion)``; the last axis is reduced. The sum of diameters need not be 0.
    """
    xp = namespace(diameter_mm, node)
    size = floats(xp, diameter_mm)
    return xp.all(xp.where(xp.asarray(node), size < PATHOLOGICAL_NODE_MM, size <= 0.0), axis=-1)


def classify_recist(
    sum_mm: ArrayLike, baseline_mm: ArrayLike, nadir_mm: ArrayLike, new_lesion: ArrayLike = False, *,
    targets_gone: ArrayLike = False,
) -> Any:
    """Response of the target lesions by their sum of diameters.

    Parameters
    ----------
    sum_mm, baseline_mm
        Sum now and at baseline: longest diameters of non-nodal targets and short axes of nodal targets. Non-target
        lesions are not in the sum.
    nadir_mm
        Smallest sum until now. The nadir includes the baseline, so a nadir above the baseline is taken as the baseline.
    new_lesion
        A new lesion is progression, whatever the sum.
    targets_gone
        From :func:`all_targets_gone`, for sums that hold nodes. A sum of 0 mm is a complete response without it.

    Returns
    -------
    Array
        Values of :class:`Response`; ``NE`` where a sum is missing or the baseline is not above 0 mm. Progression needs
        an increase of 20 % **and** of 5 mm over the nadir.
    """
    xp = namespace(sum_mm, baseline_mm, nadir_mm, new_lesion, targets_gone)
    now, baseline, nadir = floats(xp, sum_mm), floats(xp, baseline_mm), floats(xp, nadir_mm)
    lowest = xp.minimum(nadir, baseline)
    increase = now - lowest
    progression = at_least(xp, now, (1.0 + PD_CHANGE) * lowest) & (increase >= PD_INCREASE_MM * (1.0 - 1e-5))
    partial = at_most(xp, now, (1.0 + PR_CHANGE) * baseline)
    complete = (now <= 0.0) | xp.asarray(targets_gone)
    code = xp.where(partial, int(Response.PR), int(Response.SD))
    code = xp.where(progression, int(Response.PD), code)
    code = xp.where(complete, int(Response.CR), code)
    unknown = xp.isnan(now) | xp.isnan(baseline) | xp.isnan(nadir) | (baseline <= 0.0)
    code = xp.where(unknown, int(Response.NE), code)
    return xp.where(xp.asarray(new_lesion), int(Response.PD), code)


def classify_series(sums_mm: ArrayLike, new_lesion: ArrayLike = False, *, targets_gone: ArrayLike = False) -> Any:
    """Response at every follow-up of a series of sums.

    ``sums_mm`` is ``(..., time)`` with the baseline first; returns ``(..., time - 1)``. The nadir of a follow-up is the
    smallest sum before it, missing ones skipped.
    """
    sums = np.asarray(sums_mm, float)
    filled = np.where(np.isnan(sums), np.inf, sums)
    nadir = np.minimum.accumulate(filled, axis=-1)[..., :-1]
    return classify_recist(sums[..., 1:], sums[..., :1], nadir, new_lesion, targets_gone=targets_gone)


def overall_response(target: ArrayLike, non_target: ArrayLike = NonTarget.NONE, new_lesion: ArrayLike = False) -> Any:
    """Overall response from targets, non-targets and new lesions (first row of the table that matches wins).

    Rows with ``NE`` are recalled (level: memory); all others are level secondary.
    """
    xp = namespace(target, non_target, new_lesion)
    target, non_target = xp.asarray(target), xp.asarray(non_target)
    code = xp.where(target == Response.CR, int(Response.PR), target)
    clear = (non_target == NonTarget.NONE) | (non_target == NonTarget.CR)
    code = xp.where((target == Response.CR) & clear, int(Response.CR), code)
    code = xp.where((target == Response.PD) | (non_target == NonTarget.PD), int(Response.PD), code)
    return xp.where(xp.asarray(new_lesion), int(Response.PD), code)


def best_response(responses: Sequence[int], *, weeks: Sequence[float] | None = None, confirm: bool = False) -> Response:
    """Best overall response of one patient: the best until progression, which ends the series.

    Parameters
    ----------
    responses
        Overall response at each follow-up, in time order.
    weeks
        Week of each follow-up; needed with ``confirm``.
    confirm
        Count CR or PR only where a later assessment, at least 4 weeks on, is as good (level: memory). Meant for trials
        without randomisation whose primary endpoint is response. An unconfirmed response counts as stable disease.

    Raises
    ------
    InputError
        If the times do not fit the responses or run backwards.
    """
    series = [Response(int(value)) for value in responses]
    if weeks is not None and (len(weeks) != len(series) or any(b <= a for a, b in zip(weeks, weeks[1:], strict=False))):
        raise InputError("the weeks of the follow-ups do not fit", expected=f"{len(series)} increasing weeks",
                         found=str(list(weeks)), remedy="give one week a follow-up, in time order")
    if confirm and weeks is None:
        raise InputError("confirmation needs the weeks of the follow-ups", remedy="pass weeks=")
    if Response.PD in series:
        series = series[: series.index(Response.PD) + 1]
    if not confirm or weeks is None:
        return min(series, default=Response.NE)
    counted = []
    for i, response in enumerate(series):
        if response in (Response.CR, Response.PR):
            later = [r for r, w in zip(series[i + 1 :], weeks[i + 1 :], strict=False) if w - weeks[i] >= CONFIRMATION_WEEKS]
            # A complete response that is confirmed only as partial is a partial response.
            best_later = min(later, default=Response.NE)
            response = max(response, best_later) if best_later in (Response.CR, Response.PR) else Response.SD
        counted.append(response)
    return min(counted, default=Response.NE)
