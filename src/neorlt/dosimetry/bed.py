"""Biologically effective dose with Lea–Catcheside repair, in closed form for any sum of exponentials.

BED = D + (1/(α/β)) ∬ R(t) R(s) exp(−μ |t − s|) dt ds, R the dose rate over all cycles and nuclides and μ = ln 2 / T_rep
(Dale 1985, Br J Radiol 58:515; Baechler 2008, Med Phys 35:1123). Dose rates are sums of exponentials that start with each
cycle, so the double integral is a sum over pairs of terms: within a cycle, two nuclides included, and between cycles
that overlap. Everything works on arrays with leading axes of draws, in numpy or, given ``xp``, in jax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neorlt.core.anatomy import is_kidney
from neorlt.core.labels import Label

HOURS_PER_WEEK = 168.0


@dataclass(frozen=True)
class DoseRate:
    """Dose rate of one cycle (one or several nuclides): R(t) = Σ amplitude · exp(−rate · (t − start)) from its start.

    ``amplitude_gy_per_h`` and ``rate_per_h`` ``(..., term)``; negative amplitudes (uptake) are allowed.
    ``start_week`` counts from the first cycle.
    """

    start_week: float
    amplitude_gy_per_h: Any
    rate_per_h: Any

    @property
    def dose_gy(self) -> Any:
        """Absorbed dose of the cycle, ``(...)``."""
        return (self.amplitude_gy_per_h / self.rate_per_h).sum(-1)


@dataclass(frozen=True)
class RepairParameters:
    """α/β in Gy and half-time of repair in hours, with their label and source."""

    alpha_beta_gy: float
    repair_half_time_h: float
    label: Label
    source: str


KIDNEY = RepairParameters(2.6, 2.8, Label.BY_CONSTRUCTION, "convention of the field (Barone 2005; MIRD pamphlet 20)")
TUMOUR = RepairParameters(10.0, 1.5, Label.ASSUMPTION, "convention for tumours; repair half-time chosen, no data in NET")
OTHER_ORGAN = RepairParameters(2.6, 2.8, Label.ASSUMPTION, "the kidney's values for want of the organ's own")


def joined(rates: Sequence[DoseRate], xp: Any = np) -> DoseRate:
    """Dose rates that start together (two nuclides in one cycle) as one; draws broadcast."""
    if len({rate.start_week for rate in rates}) != 1:
        raise ValueError("only dose rates that start in the same week can be joined")
    shape = np.broadcast_shapes(*(rate.amplitude_gy_per_h.shape[:-1] for rate in rates))
    amplitude = [xp.broadcast_to(r.amplitude_gy_per_h, (*shape, r.amplitude_gy_per_h.shape[-1])) for r in rates]
    rate = [xp.broadcast_to(r.rate_per_h, (*shape, r.rate_per_h.shape[-1])) for r in rates]
    return DoseRate(rates[0].start_week, xp.concatenate(amplitude, axis=-1), xp.concatenate(rate, axis=-1))


def repair_integral_gy2(cycles: Sequence[DoseRate], repair_half_time_h: Any, xp: Any = np) -> Any:
    """∬ R(t) R(s) exp(−μ |t − s|) dt ds in Gy², ``(...)``: all cycles, with the cross terms of overlapping ones."""
    mu = (np.log(2.0) / xp.asarray(repair_half_time_h))[..., None, None]
    ordered = sorted(cycles, key=lambda cycle: cycle.start_week)
    total: Any = 0.0
    for index, early in enumerate(ordered):
        total = total + _pairs(early.amplitude_gy_per_h, early.rate_per_h, early.amplitude_gy_per_h, early.rate_per_h, mu)
        for late in ordered[index + 1 :]:
            total = total + 2.0 * _cross(early, late, mu, xp)
    return total


def _pairs(a: Any, ra: Any, b: Any, rb: Any, mu: Any) -> Any:
    """∬ over two dose rates that start together."""
    ra, rb = ra[..., :, None], rb[..., None, :]
    kernel = (1.0 / (ra + mu) + 1.0 / (rb + mu)) / (ra + rb)
    return (a[..., :, None] * b[..., None, :] * kernel).sum((-1, -2))


def _cross(early: DoseRate, late: DoseRate, mu: Any, xp: Any) -> Any:
    """∬ of an early and a late cycle: what the early one gave before the late one began, and what overlaps."""
    gap = (late.start_week - early.start_week) * HOURS_PER_WEEK
    rest = early.amplitude_gy_per_h * xp.exp(-early.rate_per_h * gap)
    overlap = _pairs(rest, early.rate_per_h, late.amplitude_gy_per_h, late.rate_per_h, mu)
    # ∫₀^gap a exp(−r t) exp(−μ (gap − t)) dt = a (exp(−r gap) − exp(−μ gap)) / (μ − r), finite where μ = r.
    ra = early.rate_per_h[..., :, None]
    slow, fast = xp.minimum(ra, mu), xp.maximum(ra, mu)
    spread = (fast - slow) * gap
    safe = xp.where(spread > 1e-12, spread, 1.0)
    before = gap * xp.exp(-slow * gap) * xp.where(spread > 1e-12, -xp.expm1(-safe) / safe, 1.0)
    after = late.amplitude_gy_per_h[..., None, :] / (late.rate_per_h[..., None, :] + mu)
    return overlap + (early.amplitude_gy_per_h[..., :, None] * before * after).sum((-1, -2))


def bed_gy(cycles: Sequence[DoseRate], alpha_beta_gy: Any, repair_half_time_h: Any, xp: Any = np) -> Any:
    """Biologically effective dose of all cycles, ``(...)`` in Gy.

    Parameters
    ----------
    cycles
        Dose rates of the region with its own kinetics; order does not matter.
    alpha_beta_gy, repair_half_time_h
        Numbers or ``(draw,)`` arrays.
    xp
        ``numpy`` (float64) or ``jax.numpy``.
    """
    dose: Any = sum(cycle.dose_gy for cycle in cycles)
    return dose + repair_integral_gy2(cycles, repair_half_time_h, xp) / alpha_beta_gy


def eqd2_gy(bed: Any, alpha_beta_gy: Any) -> Any:
    """Dose in fractions of 2 Gy with the same BED: BED / (1 + 2/(α/β))."""
    return bed / (1.0 + 2.0 / alpha_beta_gy)


def mono_dose_rate(dose_gy: Any, effective_half_life_h: Any, start_week: float = 0.0, xp: Any = np) -> DoseRate:
    """Dose rate of a dose that is given off with one effective half-life (axis of one term added)."""
    rate = np.log(2.0) / xp.asarray(effective_half_life_h)[..., None]
    dose = xp.asarray(dose_gy)[..., None]
    return DoseRate(start_week, dose * rate, rate * xp.ones_like(dose))


def repair_parameters(name: str, is_lesion: bool) -> RepairParameters:
    """The convention for a region: kidney, lesion, or another organ."""
    if is_lesion:
        return TUMOUR
    return KIDNEY if is_kidney(name) else OTHER_ORGAN
