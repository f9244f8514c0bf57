"""QLQ-C30 version 3 scores, by item **numbers** only: the items are EORTC's, and users register with EORTC.

Sources: MII PRO implementation guide and two public scorers (level: secondary); the half rule is recalled from the EORTC
scoring manual, 3rd edition 2001 (level: memory). Summary score: Giesinger 2016, doi 10.1016/j.jclinepi.2015.10.007, the
mean of 13 scales (abstract of a later analysis, nki.nl; that all 13 are needed: memory).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neorlt.clinic._arrays import require_unchecked
from neorlt.core.errors import InputError

SCALES: dict[str, tuple[int, ...]] = {
    "QL2": (29, 30), "PF2": (1, 2, 3, 4, 5), "RF2": (6, 7), "EF": (21, 22, 23, 24), "CF": (20, 25), "SF": (26, 27),
    "FA": (10, 12, 18), "NV": (14, 15), "PA": (9, 19), "DY": (8,), "SL": (11,), "AP": (13,), "CO": (16,), "DI": (17,),
    "FI": (28,),
}
"""Items of each scale."""
FUNCTIONAL = frozenset({"PF2", "RF2", "EF", "CF", "SF"})
RANGE = {"QL2": 6}
"""Item range of a scale; 3 where it is not listed."""
GI_NET21_SCALES: dict[str, tuple[int, ...]] = {
    "endocrine": (31, 32, 33), "gi": (34, 35, 36, 37, 38), "treatment_related": (39, 40, 46), "social_function": (42, 44, 49),
    "disease_related_worries": (41, 43, 47), "muscle_bone_pain": (48,), "sexual_function": (51,),
    "information_communication": (50,), "body_image": (45,),
}
N_ITEMS = 30
NOT_IN_SUMMARY = frozenset({"QL2", "FI"})
"""Scales outside the summary score: global quality of life and financial difficulties."""


def raw_score(items: ArrayLike) -> Any:
    """Mean of the answered items along the last axis, NaN where fewer than half were answered."""
    values = np.asarray(items, float)
    answered = ~np.isnan(values)
    count = answered.sum(axis=-1)
    total = np.where(answered, values, 0.0).sum(axis=-1)
    mean = total / np.maximum(count, 1)
    return np.where(2 * count >= values.shape[-1], mean, np.nan)


def score_qlq_c30(answers: ArrayLike) -> dict[str, Any]:
    """Scores 0–100 of every scale.

    Parameters
    ----------
    answers
        ``(..., 30)`` answers in item order, 1–4 (items 29 and 30: 1–7), NaN where missing.

    Returns
    -------
    dict
        Scale name → ``(...)``. High is good for the functional scales and QL2, bad for symptoms.

    Raises
    ------
    InputError
        If the last axis is not 30 long or an answer is out of range.
    """
    values = np.asarray(answers, float)
    if values.shape[-1:] != (N_ITEMS,):
        raise InputError("QLQ-C30 has 30 items", expected="a last axis of 30", found=str(values.shape),
                         remedy="give all items, NaN where missing")
    top = np.where(np.arange(1, N_ITEMS + 1) >= 29, 7.0, 4.0)
    wrong = (values < 1.0) | (values > top) | (values != np.round(values))
    wrong &= ~np.isnan(values)
    if np.any(wrong):
        item = int(np.argwhere(wrong)[0][-1]) + 1
        raise InputError("an answer is out of range", expected=f"whole numbers 1 to {top[item - 1]:g}", where=f"item {item}",
                         remedy="correct the answer or leave it out")
    scores = {}
    for scale, items in SCALES.items():
        relative = (raw_score(values[..., [i - 1 for i in items]]) - 1.0) / RANGE.get(scale, 3)
        scores[scale] = 100.0 * (1.0 - relative) if scale in FUNCTIONAL else 100.0 * relative
    return scores


def summary_score(scores: Mapping[str, ArrayLike]) -> Any:
    """QLQ-C30 summary score 0–100, high is good: mean of 13 scales, symptoms reversed; NaN where one of them is missing.

    Parameters
    ----------
    scores
        From :func:`score_qlq_c30`.
    """
    parts = [
        np.asarray(scores[scale], float) if scale in FUNCTIONAL else 100.0 - np.asarray(scores[scale], float)
        for scale in SCALES if scale not in NOT_IN_SUMMARY
    ]
    return np.mean(np.stack(np.broadcast_arrays(*parts)), axis=0)


def gi_net21_scales(*, include_unchecked: bool = False) -> dict[str, tuple[int, ...]]:
    """Items of the QLQ-GI.NET21 scales: recalled, so only on request."""
    require_unchecked(include_unchecked, "QLQ-GI.NET21 scales", "recalled; verify with the EORTC module manual")
    return dict(GI_NET21_SCALES)
