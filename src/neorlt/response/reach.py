"""How far a prediction stands from the data that the model was fitted to: *calibrated*, *extrapolated* or *assumption*, by one stated rule.

Each lesion is asked seven things. *Inside* is where fitted lesions or arms were; *near* is where few were, or where the model's form
carries one step further; *beyond* is neither.

| | inside | near | beyond |
| --- | --- | --- | --- |
| origin | pancreas, small intestine | other | – |
| Ki-67 | up to 20 % | up to 55 % (NETTER-2, Zhang 2018: arms without lesion doses) | above |
| dose | 9–490 Gy, or none | 4–980 Gy | else |
| diameter | 20 mm or more | 10 mm or more | below |
| nuclide | 177Lu | 90Y in the scheme (one arm of six patients) | any other |
| cycles | up to 6 | up to 8 | above |
| time between cycles | 8–13 weeks | 4–26 weeks | else |

All inside: *calibrated*. One or two near: *extrapolated*. Three near, or anything beyond: *assumption*. A plan calls nothing *calibrated*
where a cycle has a sensitiser, or Ki-67 or the primary's organ had to be assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neorlt.core.labels import Label
from neorlt.core.nuclide_words import nuclide_words
from neorlt.response.arrays import LesionArrays
from neorlt.response.parameters import FITTED_NUCLIDES, ORIGINS

KI67_PCT = (20.0, 55.0)
DIAMETER_MM = (20.0, 10.0)
DOSE_GY = (8.7, 489.0)
"""Smallest and largest dose of the lesions that were fitted (Hebert 2024, Jahn 2021)."""
CYCLES = (6, 8)
"""Most cycles of a fitted lesion (Jahn 2021), and a third more."""
INTERVAL_WEEKS = (8.0, 13.0)
"""Shortest and longest time between cycles of the studies that were fitted."""
MANY = 3


@dataclass(frozen=True)
class Reach:
    """Label of one lesion's prediction, and why it is not *calibrated*."""

    label: Label
    reasons: tuple[str, ...]


def _step(value: float, inside: float, near: float) -> int:
    """0 inside, 1 near, 2 beyond, for a limit that is passed upwards."""
    return 0 if value <= inside else 1 if value <= near else 2


def _between(value: float, least: float, most: float) -> int:
    """0 within the limits, 1 within half the least to twice the most, 2 beyond."""
    return 0 if least <= value <= most else 1 if least / 2 <= value <= 2 * most else 2


def reach(lesions: LesionArrays, total_dose_gy: ArrayLike, nuclides: Sequence[str] = (), weeks: Sequence[float] = ()) -> tuple[Reach, ...]:
    """The rule of this module for every lesion.

    Parameters
    ----------
    total_dose_gy
        Of all cycles, ``(lesion,)``, Gy.
    nuclides
        Those that the scheme gives.
    weeks
        Of its cycles, in their order.
    """
    dose = np.asarray(total_dose_gy, np.float64)
    unlike = {name: 1 if name in FITTED_NUCLIDES else 2 for name in nuclides if name != FITTED_NUCLIDES[0]}
    # Of the times between cycles the one that stands farthest from the fitted ones speaks.
    days = np.unique(weeks)
    gap = max(np.diff(days).tolist(), key=lambda weeks: (_between(weeks, *INTERVAL_WEEKS), weeks), default=INTERVAL_WEEKS[0])
    found = []
    for i in range(lesions.n_lesions):
        origin, ki67, size = ORIGINS[int(lesions.origins[i])], float(lesions.ki67_pct[i]), float(lesions.diameters_mm[i])
        steps = {
            f"origin {origin.replace('_', ' ')}": 1 if origin == "other" else 0,
            f"Ki-67 {ki67:g} %": _step(ki67, *KI67_PCT),
            f"dose {dose[i]:.0f} Gy": 0 if dose[i] == 0 else _between(float(dose[i]), *DOSE_GY),
            f"diameter {size:.0f} mm": 0 if size >= DIAMETER_MM[0] else 1 if size >= DIAMETER_MM[1] else 2,
            f"{len(days)} cycles": _step(len(days), *CYCLES),
            f"{gap:g} weeks between cycles": _between(gap, *INTERVAL_WEEKS),
            **{f"{nuclide_words(name)} in the scheme": step for name, step in unlike.items()},
        }
        reasons = tuple(name for name, step in steps.items() if step)
        worst, near = max(steps.values()), sum(step == 1 for step in steps.values())
        label = Label.ASSUMPTION if worst == 2 or near >= MANY else Label.EXTRAPOLATED if near else Label.CALIBRATED
        found.append(Reach(label, reasons))
    return tuple(found)


def farthest(found: Sequence[Reach]) -> Reach:
    """The lesion that stands farthest from the data: a sum over lesions is no better than it."""
    order = (Label.CALIBRATED, Label.EXTRAPOLATED, Label.ASSUMPTION)
    worst = max(order.index(one.label) for one in found)
    return Reach(order[worst], tuple(dict.fromkeys(reason for one in found if one.label is order[worst] for reason in one.reasons)))
