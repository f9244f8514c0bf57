"""The activity law: no draw holds more activity than was injected.

In every draw the activity of disjoint regions and of the rest together, its decay taken back to the injection, is at most the
net injected activity at every time; no time-integrated activity then exceeds injected · T½/ln 2. Net activity and the camera's
calibration are draws themselves, so the law is a condition on worlds and not a cut at 1: retention is near 1 early after the
injection and a calibration errs by some per cent.

Two guards stand apart. What the images hold is compared before any fit: well above what was injected is a mistake of scale, and
refused by name. What the draws hold between injection and images is weighed afterwards: worlds above the law are left out, and
how many stay, and what that moved, is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.dosimetry.curves import therapy_times_h
from neorlt.dosimetry.fit import physical_half_life_h
from neorlt.dosimetry.objects import Dose, TimeActivity, TimeIntegratedActivity
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings
from neorlt.imaging.study import Study

Floats = NDArray[np.float64]

MOST = 1.5
"""Images that hold more than this part of the injected activity are refused: no calibration errs by half."""
LEAST_EFFECTIVE = 200
"""Fewer worlds than this under the law carry no 90 % interval: refused."""
SAID_ABOVE_SD = 2.0
"""Above 1 by so many standard deviations of calibration and net activity: said."""
LOW_SHARE = 0.05
"""Below this part of the injected activity the sum is said, with field of view and time; it is never refused (assumption: a
field of view over the abdomen holds more than that in the first week)."""
_TIMES_H = np.concatenate([[0.0], np.geomspace(0.25, 2000.0, 28)])


@dataclass(frozen=True)
class HeldActivity:
    """What one image holds against what there can be: both in MBq at the time of the image."""

    time_h: float
    held_mbq: float
    available_mbq: float
    field_of_view_mm: float

    @property
    def share(self) -> float:
        """Held over available."""
        return self.held_mbq / self.available_mbq


@dataclass(frozen=True)
class ActivityBalance:
    """What the activity law found: ``images`` before the fit, and which worlds it kept.

    ``kept`` ``(n_draws,)`` are indices into the ``pool`` worlds that were drawn; ``effective_draws`` of them differ.
    ``shift`` is the median total time-integrated activity under the law over that without it.
    """

    images: tuple[HeldActivity, ...]
    kept: NDArray[np.intp]
    pool: int
    effective_draws: int
    allowed: float
    shift: float
    sentences: tuple[str, ...] = ()
    mask: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """``(pool,)``: worlds under the law."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers for ``dose.json``."""
        return {
            "images": [
                {"time_h": i.time_h, "held_mbq": i.held_mbq, "available_mbq": i.available_mbq, "share": i.share} for i in self.images
            ],
            "worlds_drawn": self.pool,
            "worlds_allowed": self.allowed,
            "effective_draws": self.effective_draws,
            "shift": self.shift,
        }


def held_activity(study: Study, curves: Sequence[TimeActivity], *, settings: UncertaintySettings = DEFAULT) -> tuple[HeldActivity, ...]:
    """Activity in every therapy image (the whole of it, or its regions where they hold more) against the injected one.

    Raises
    ------
    InputError
        Where an image holds more than 1.5 times what was injected: it or the injected activity has a wrong scale.
    """
    injection = study.therapy_administration()
    half_life = physical_half_life_h(injection.nuclide)
    found = []
    for k, (image, time) in enumerate(zip(study.therapy_images(), therapy_times_h(study), strict=True)):
        whole = float(image.array.sum(dtype=np.float64)) * image.grid.voxel_ml / 1e6
        regions = float(sum(curve.activity_mbq[k] for curve in curves))
        extent = float(image.grid.spacing_mm[2] * image.grid.shape[2])
        found.append(HeldActivity(float(time), max(whole, regions), float(injection.activity_mbq * np.exp2(-time / half_life)), extent))
    worst = max(found, key=lambda held: held.share)
    if worst.share > MOST:
        raise InputError(
            "the images hold more activity than was injected",
            expected=f"at most {worst.available_mbq:.4g} MBq {worst.time_h:.0f} h after {injection.activity_mbq:.4g} MBq of "
            f"{injection.nuclide}",
            found=f"{worst.held_mbq:.4g} MBq, {worst.share:.3g} times as much",
            where=f"the SPECT of {worst.time_h:.0f} h",
            remedy="check the camera's calibration and the unit of the stored values, the injected activity (0018,1074) and the time of "
            "injection (0018,1072); no dose is given from images that contradict the injection",
        )
    return tuple(found)


def _sentences_of_images(images: Sequence[HeldActivity], sd: float) -> list[str]:
    said = []
    high = max(images, key=lambda held: held.share)
    if high.share > 1.0 + SAID_ABOVE_SD * sd:
        said.append(
            f"The image of {high.time_h:.0f} h holds {100 * high.share:.0f} % of the injected activity (its decay counted), more than "
            f"the uncertainty of calibration and injected activity allows ({100 * (1 + SAID_ABOVE_SD * sd):.0f} %): check both."
        )
    low = max(images, key=lambda held: held.share)
    if low.share < LOW_SHARE:
        said.append(
            f"The images hold little of the injected activity: at most {100 * low.share:.2g} % (at {low.time_h:.0f} h, field of view "
            f"{low.field_of_view_mm:.0f} mm along the body). Check the scale of the images if the field of view should hold more."
        )
    return said


def peak_share(tias: Sequence[TimeIntegratedActivity], half_life_h: float, injected_mbq: float) -> Floats:
    """Largest part of the injected activity that all curves together hold at any time, decay taken back, ``(draw,)``."""
    decay = np.log(2.0) / half_life_h
    times = np.unique(np.concatenate([_TIMES_H, *(tia.curve.time_h for tia in tias)]))
    most = np.zeros(len(tias[0].amplitude_mbq))
    for time in times:
        total = sum((tia.amplitude_mbq * np.exp(-(tia.rate_per_h - decay) * time)).sum(axis=1) for tia in tias)
        most = np.maximum(most, total / injected_mbq)
    return np.asarray(most)


def balance_worlds(
    images: Sequence[HeldActivity],
    tias: Sequence[TimeIntegratedActivity],
    *,
    injected_mbq: float,
    half_life_h: float,
    n_draws: int,
    seed: int,
    settings: UncertaintySettings = DEFAULT,
    calibration_cv: float | None = None,
) -> ActivityBalance:
    """Which of the drawn worlds the law keeps.

    Parameters
    ----------
    images
        From :func:`held_activity`.
    tias
        Curves of disjoint regions and the rest of the body, with equal numbers of draws (the pool).
    injected_mbq, half_life_h
        Of the injection.
    n_draws
        Worlds that are wanted; the pool holds as many or more.
    seed
        Of the draws of net activity.
    settings, calibration_cv
        Standard uncertainty of the net activity, and of the calibration (that of the settings where left out).

    Returns
    -------
    ActivityBalance
        With ``effective_draws`` below :data:`LEAST_EFFECTIVE` where the law leaves too few: the caller draws more worlds, or refuses
        by :func:`refuse_few`.
    """
    pool = len(tias[0].amplitude_mbq)
    net = np.exp(np.log1p(settings.net_activity_cv) * core_draws.generator(seed, "net activity").standard_normal(pool))
    allowed = np.flatnonzero(peak_share(tias, half_life_h, injected_mbq) <= net)
    cv = settings.calibration_cv if calibration_cv is None else calibration_cv
    sentences = _sentences_of_images(images, float(np.hypot(cv, settings.net_activity_cv)))
    mask = np.isin(np.arange(pool), allowed)
    if not allowed.size:
        return ActivityBalance(tuple(images), np.zeros(0, dtype=np.intp), pool, 0, 0.0, float("nan"), tuple(sentences), mask)
    kept = chosen_worlds(mask, n_draws)
    total = np.sum([tia.draws_mbq_h for tia in tias], axis=0)
    shift = float(np.median(total[allowed]) / np.median(total))
    effective = int(min(allowed.size, n_draws))
    part = allowed.size / pool
    if part < 0.99:
        sentences.append(
            f"Activity law: {100 * (1 - part):.0f} % of the drawn curves would hold more than the injected activity between injection and "
            f"images and were left out; {effective} effective draws; the median total time-integrated activity moved by "
            f"{100 * (shift - 1):+z.0f} %."
        )
    return ActivityBalance(tuple(images), kept, pool, effective, float(part), shift, tuple(sentences), mask)


def chosen_worlds(mask: NDArray[np.bool_], n_draws: int) -> NDArray[np.intp]:
    """``(n_draws,)`` worlds of those in the mask; each as often as any other, give or take one, where they are fewer."""
    allowed = np.flatnonzero(mask)
    if allowed.size >= n_draws:
        return np.asarray(allowed[:n_draws])
    return np.sort(allowed[np.arange(n_draws) % allowed.size])


def in_common(balances: Sequence[ActivityBalance], n_draws: int) -> list[ActivityBalance]:
    """Balances of several cycles with the worlds that the law keeps in all of them: one world is the same in every cycle."""
    mask = np.all([balance.mask for balance in balances], axis=0)
    if not mask.any():
        return [replace(balance, kept=np.zeros(0, dtype=np.intp), effective_draws=0) for balance in balances]
    kept = chosen_worlds(mask, n_draws)
    return [replace(balance, kept=kept, effective_draws=int(min(mask.sum(), n_draws))) for balance in balances]


def refuse_few(balance: ActivityBalance, n_draws: int) -> None:
    """Refuse a result that too few worlds carry.

    Raises
    ------
    InputError
        With fewer than 200 effective draws (half of those that were asked for, where that is less).
    """
    least = min(LEAST_EFFECTIVE, n_draws // 2)
    if balance.effective_draws < least:
        raise InputError(
            "the images and the injected activity contradict each other",
            expected=f"at least {least} of {balance.pool} drawn worlds under the injected activity",
            found=f"{balance.effective_draws}",
            where="the activity law",
            remedy="check the camera's calibration, the injected activity (0018,1074) and its time (0018,1072); add an earlier image if "
            "the curve before the first one is not known",
        )


def take_tia(tia: TimeIntegratedActivity, kept: NDArray[np.intp]) -> TimeIntegratedActivity:
    """The worlds at ``kept``."""
    return replace(tia, amplitude_mbq=tia.amplitude_mbq[kept], rate_per_h=tia.rate_per_h[kept])


def take_dose(dose: Dose, kept: NDArray[np.intp]) -> Dose:
    """The worlds at ``kept``, also of the doses that go with it."""
    return replace(
        dose,
        tia=take_tia(dose.tia, kept),
        draws_gy=dose.draws_gy[kept],
        bed_gy=dose.bed_gy[kept],
        others=tuple(take_dose(other, kept) for other in dose.others),
        local=None if dose.local is None else take_dose(dose.local, kept),
    )
