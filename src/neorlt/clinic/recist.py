"""RECIST 1.1: measurable and target lesions, sum of diameters, response of targets, overall and best response.

Source: Eisenhauer 2009, doi 10.1016/j.ejca.2008.10.026. Numbers read in PMC2755245 table T3, PMC3980664 table T2 and
PMC5658474 table Tab2 (level: secondary). Lesions too small to measure and lesions that come back: questions and
clarifications of the RECIST group, recist.eortc.org (level: fulltext). Least interval of stable disease:
advance-phuse "Best Overall Tumor Response" (secondary). Non-target disease only: mishenmed.blogspot.com/2026/01
(secondary). Rows of the overall table with a response that was not evaluated, and the table of confirmed responses, are
recalled (level: memory).

A value that was not recorded is unknown and gives ``NE``; ``NonTarget.NE`` is another thing, the *finding* that not all
lesions were evaluated, which has its own rows in the table.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.clinic._arrays import YES, at_least, at_most, floats, namespace, tri, yes_no
from neorlt.core.errors import InputError

VERSION = "RECIST 1.1"
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
STABLE_DISEASE_WEEKS = 6.0
"""Least time from baseline to an assessment that counts as stable disease ("in general not less than 6-8 weeks")."""
TOO_SMALL_MM = 5.0
"""Size recorded for a lesion that is seen but too small to be measured."""


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


def is_measurable(size_mm: ArrayLike, *, node: ArrayLike | None = False, slice_mm: float = 5.0) -> Any:
    """Whether lesions are measurable (1 yes, 0 no, −1 unknown): longest diameter 10 mm, or short axis 15 mm for nodes.

    With slices thicker than 5 mm the least diameter is twice the slice thickness.
    """
    xp = namespace(size_mm, node)
    size, nodal = floats(xp, size_mm), tri(xp, node)
    least = MEASURABLE_DIAMETER_MM if slice_mm <= THICK_SLICE_MM else 2.0 * slice_mm
    as_node, as_other = at_least(xp, size, MEASURABLE_NODE_MM), at_least(xp, size, least)
    known = ~xp.isnan(size)
    yes = (as_node | nodal.false) & (as_other | nodal.true)
    no = (~as_node | nodal.false) & (~as_other | nodal.true)
    return yes_no(xp, known & yes, known & no)


def recorded_size_mm(measured_mm: ArrayLike, visible: ArrayLike | None) -> Any:
    """Size that goes into the sum: what was measured; 5 mm where a lesion is seen but too small to measure; 0 where it is gone.

    NaN where it is not known whether it is there. A measurement is kept even below 5 mm (RECIST group's clarification).
    """
    xp = namespace(measured_mm, visible)
    size, seen = floats(xp, measured_mm), tri(xp, visible)
    unmeasured = xp.where(seen.true, TOO_SMALL_MM, xp.where(seen.false, 0.0, xp.nan))
    return xp.where(xp.isnan(size), unmeasured, xp.where(seen.false, 0.0, size))


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
    measurable = np.broadcast_to(is_measurable(sizes, node=node, slice_mm=slice_mm) == YES, sizes.shape)
    chosen = np.zeros(sizes.shape, bool)
    count: dict[Hashable, int] = {}
    for index in np.argsort(-sizes, kind="stable"):
        if measurable[index] and chosen.sum() < MAX_TARGETS and count.get(organ[index], 0) < MAX_TARGETS_PER_ORGAN:
            chosen[index] = True
            count[organ[index]] = count.get(organ[index], 0) + 1
    return chosen


def all_targets_gone(diameter_mm: ArrayLike, *, node: ArrayLike | None = False) -> Any:
    """Whether every target is gone (1 yes, 0 no, −1 unknown): others at 0 mm and every node below 10 mm short axis.

    ``diameter_mm`` is ``(..., lesion)``; the last axis is reduced. The sum of diameters need not be 0.
    """
    xp = namespace(diameter_mm, node)
    size, nodal = floats(xp, diameter_mm), tri(xp, node)
    as_node, as_other, known = size < PATHOLOGICAL_NODE_MM, size <= 0.0, ~xp.isnan(size)
    gone = known & (as_node | nodal.false) & (as_other | nodal.true)
    there = known & (~as_node | nodal.false) & (~as_other | nodal.true)
    return yes_no(xp, xp.all(gone, axis=-1), xp.any(there, axis=-1))


def classify_recist(
    sum_mm: ArrayLike, baseline_mm: ArrayLike, nadir_mm: ArrayLike, new_lesion: ArrayLike | None = False, *,
    targets_gone: ArrayLike | None = False, after_complete_response: ArrayLike | None = False,
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
        A new lesion is progression, whatever the sum. Unknown (None, NaN, −1) gives ``NE`` unless the sum progresses.
    targets_gone
        From :func:`all_targets_gone`, for sums that hold nodes. A sum of 0 mm is a complete response without it.
    after_complete_response
        Every target was gone before (a nadir of 0 mm says so too): a lesion that is back is then progression, whatever
        its size.

    Returns
    -------
    Array
        Values of :class:`Response`; ``NE`` where a sum is missing or the baseline is not above 0 mm. Progression needs
        an increase of 20 % **and** of 5 mm over the nadir, except after a complete response.
    """
    xp = namespace(sum_mm, baseline_mm, nadir_mm, new_lesion, targets_gone, after_complete_response)
    now, baseline, nadir = floats(xp, sum_mm), floats(xp, baseline_mm), floats(xp, nadir_mm)
    new, gone, cleared = tri(xp, new_lesion), tri(xp, targets_gone), tri(xp, after_complete_response)
    lowest = xp.minimum(nadir, baseline)
    increase = now - lowest
    progression = at_least(xp, now, (1.0 + PD_CHANGE) * lowest) & (increase >= PD_INCREASE_MM * (1.0 - 1e-5))
    progression = progression | cleared.true | (lowest <= 0.0)
    partial = at_most(xp, now, (1.0 + PR_CHANGE) * baseline)
    code = xp.where(partial, int(Response.PR), int(Response.SD))
    code = xp.where(progression, int(Response.PD), xp.where(cleared.may_be_true, int(Response.NE), code))
    complete = (now <= 0.0) | gone.true
    code = xp.where(complete, int(Response.CR), xp.where(gone.may_be_true, int(Response.NE), code))
    unknown = xp.isnan(now) | xp.isnan(baseline) | xp.isnan(nadir) | (baseline <= 0.0)
    code = xp.where(unknown | (new.may_be_true & (code != int(Response.PD))), int(Response.NE), code)
    return xp.where(new.true, int(Response.PD), code)


def classify_series(
    sums_mm: ArrayLike, new_lesion: ArrayLike | None = False, *, targets_gone: ArrayLike | None = False
) -> Any:
    """Response at every follow-up of a series of sums.

    ``sums_mm`` is ``(..., time)`` with the baseline first; returns ``(..., time - 1)``. The nadir of a follow-up is the
    smallest sum before it, missing ones skipped; a new lesion stays one; after a complete response any lesion is progression.
    """
    sums = np.asarray(sums_mm, float)
    filled = np.where(np.isnan(sums), np.inf, sums)
    nadir = np.minimum.accumulate(filled, axis=-1)[..., :-1]
    shape = nadir.shape
    gone = tri(np, targets_gone)
    complete = np.broadcast_to((sums[..., 1:] <= 0.0) | gone.true, shape)
    before = np.concatenate([np.zeros((*shape[:-1], 1), bool), np.logical_or.accumulate(complete, axis=-1)[..., :-1]], axis=-1)
    return classify_recist(sums[..., 1:], sums[..., :1], nadir, new_lesion, targets_gone=targets_gone, after_complete_response=before)


def overall_response(
    target: ArrayLike, non_target: ArrayLike | None = NonTarget.NONE, new_lesion: ArrayLike | None = False
) -> Any:
    """Overall response from targets, non-targets and new lesions (first row of the table that matches wins).

    Rows with ``NE`` are recalled (level: memory); all others are level secondary. A non-target response that was not
    recorded (None, NaN, −1) is not ``NonTarget.NE``: it leaves the overall response ``NE`` unless the rest settles it.
    """
    xp = namespace(target, non_target, new_lesion)
    first, other, new = floats(xp, target), floats(xp, non_target), tri(xp, new_lesion)
    known = (first >= 1) & (first <= 5)
    recorded = other >= 0
    code = xp.where(known, xp.where(first == Response.CR, int(Response.PR), first), int(Response.NE)).astype(int)
    clear = (other == NonTarget.NONE) | (other == NonTarget.CR)
    code = xp.where((first == Response.CR) & clear, int(Response.CR), code)
    code = xp.where((first == Response.PD) | (other == NonTarget.PD), int(Response.PD), code)
    open_question = (~recorded | new.may_be_true) & (code != int(Response.PD))
    return xp.where(new.true, int(Response.PD), xp.where(open_question, int(Response.NE), code))


def non_target_only_response(non_target: ArrayLike | None, new_lesion: ArrayLike | None = False) -> Any:
    """Overall response of a patient without target lesions; values of :class:`NonTarget`.

    CR, non-CR/non-PD (not "stable": nothing was measured), PD, or NE where not all were evaluated or nothing was recorded.
    """
    xp = namespace(non_target, new_lesion)
    other, new = floats(xp, non_target), tri(xp, new_lesion)
    code = xp.where((other == NonTarget.CR) | (other == NonTarget.NON_CR_NON_PD) | (other == NonTarget.PD), other, int(NonTarget.NE))
    code = xp.where(new.may_be_true & (code != int(NonTarget.PD)), int(NonTarget.NE), code)
    return xp.where(new.true, int(NonTarget.PD), code).astype(int)


def best_response(
    responses: Sequence[int], *, weeks: Sequence[float] | None = None, confirm: bool = False,
    stable_weeks: float = STABLE_DISEASE_WEEKS,
) -> Response:
    """Best overall response of one patient: the best until progression, which ends the series.

    Parameters
    ----------
    responses
        Overall response at each follow-up, in time order.
    weeks
        Week of each follow-up after baseline; needed with ``confirm``. Without it, stable disease cannot be told from a scan that
        came too early: the answer is then ``NE`` where nothing better is there.
    confirm
        Count CR or PR only where a later assessment, at least 4 weeks on, is as good, and nothing worse lies between (level:
        memory). Meant for trials without randomisation whose primary endpoint is response. An unconfirmed response counts as
        stable disease where it is late enough.
    stable_weeks
        Least week of an assessment that counts as stable disease; protocols set it at 6 to 8.

    Raises
    ------
    InputError
        If the times do not fit the responses or run backwards.
    """
    codes = np.array([[int(Response(int(value))) for value in responses]], int).reshape(1, -1)
    if weeks is not None and (len(weeks) != codes.size or any(not b > a for a, b in zip(weeks, weeks[1:], strict=False))):
        raise InputError("the weeks of the follow-ups do not fit", expected=f"{codes.size} increasing weeks",
                         found=str(list(weeks)), remedy="give one week a follow-up, in time order")
    if confirm and weeks is None:
        raise InputError("confirmation needs the weeks of the follow-ups", remedy="pass weeks=")
    when = np.full(codes.shape, np.nan) if weeks is None else np.asarray([weeks], float)
    return Response(int(best_responses(codes, when, confirm=confirm, stable_weeks=stable_weeks)[0]))


def best_responses(
    responses: ArrayLike, weeks: ArrayLike, *, confirm: bool = False, stable_weeks: float = STABLE_DISEASE_WEEKS
) -> NDArray[np.int_]:
    """Best overall response of many patients, see :func:`best_response`.

    ``responses`` and ``weeks`` are ``(patient, time)`` in time order; a follow-up that did not take place is ``NE``, a week that
    is not known is NaN.
    """
    codes, when = np.array(responses, int), np.asarray(weeks, float)
    n, times = codes.shape
    cleared, over = np.zeros(n, bool), np.zeros(n, bool)
    for k in range(times):
        code = codes[:, k]
        # Disease that is back after a complete response is progression, and progression ends the series.
        code = np.where(cleared & np.isin(code, (Response.PR, Response.SD)), int(Response.PD), code)
        codes[:, k] = np.where(over, int(Response.NE), code)
        cleared |= ~over & (code == Response.CR)
        over |= code == Response.PD
    counted = codes <= Response.PR
    if confirm:
        counted = np.stack([_confirmed(codes, when, k) for k in range(times)], axis=1) if times else counted
    best = np.min(np.where(counted, codes, int(Response.NE)), axis=1, initial=int(Response.NE))
    steady = codes <= Response.SD
    late, undated = np.any(steady & (when >= stable_weeks), axis=1), np.any(steady & np.isnan(when), axis=1)
    rest = np.where(late, int(Response.SD), np.where(undated, int(Response.NE), np.where(over, int(Response.PD), int(Response.NE))))
    return np.asarray(np.where(best <= Response.PR, best, rest), int)


def _confirmed(codes: NDArray[np.int_], when: NDArray[np.float64], first: int) -> NDArray[np.bool_]:
    """Whether a response at ``first`` is seen again, as good or better, 4 weeks on or later, with nothing worse between."""
    good = codes[:, first]
    found, spoilt = np.zeros(len(codes), bool), good > Response.PR
    for later in range(first + 1, codes.shape[1]):
        again = codes[:, later]
        spoilt |= (again != Response.NE) & (again > good)
        found |= ~spoilt & (again <= good) & (when[:, later] - when[:, first] >= CONFIRMATION_WEEKS)
    return found
