"""What a gigabecquerel gives to this patient: lesions and kidneys, from the best source that speaks of them.

Doses come from images where there are any, else from the patient file, else from the population. How another nuclide follows
from 177Lu and how cycles follow each other stands in :mod:`neorlt.response.course`. Draws of all nuclides are joint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neorlt.core.labels import Label
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.documents.patient import Lesion
from neorlt.dosimetry.derive import derived_tia
from neorlt.dosimetry.objects import Dose, TimeIntegratedActivity
from neorlt.planning.earlier import USUAL_CYCLE_GBQ
from neorlt.response import course
from neorlt.response.course import energy_ratio, population

__all__ = ["Kinetics", "energy_ratio", "exchange_decay", "from_images", "kidneys_from_images", "lesion_from_file",
           "lesion_from_population", "population"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kinetics:
    """Dose per activity ``(draw, nuclide)`` in Gy/GBq and effective half-life ``(draw, nuclide)`` in hours.

    ``origin`` says where it came from (``images``, ``patient file`` or ``population``); the nuclide order is that of the world
    (:attr:`~neorlt.planning.world.World.nuclides`); ``measured`` is the nuclide that was seen, the others are derived from it.
    """

    name: str
    gy_per_gbq: Floats
    half_life_h: Floats
    origin: str
    label: Label
    measured: str = "Lu-177"

    def take(self, index: NDArray[np.intp]) -> Kinetics:
        """The draws at ``index`` (repeats allowed)."""
        return replace(self, gy_per_gbq=self.gy_per_gbq[index], half_life_h=self.half_life_h[index])


def exchange_decay(tia: TimeIntegratedActivity, nuclide: str) -> tuple[Floats, Floats]:
    """Undo the decay of the measured nuclide and decay with another.

    Returns the ratio of time-integrated activities per injected activity ``(draw,)`` and the half-life of the slowest
    term ``(draw,)`` in hours, both for ``nuclide``.
    """
    exchanged = tia if nuclide == tia.nuclide else derived_tia(tia, nuclide)
    slowest = np.where(exchanged.amplitude_mbq > 0, exchanged.rate_per_h, np.inf).min(axis=1)
    return exchanged.draws_mbq_h / tia.draws_mbq_h, np.log(2) / slowest


def from_images(name: str, dose: Dose, nuclides: Sequence[str]) -> Kinetics:
    """Every nuclide from a measured dose, in the same worlds.

    Another nuclide's dose is that of its own S-values between the same regions, cross-fire kept (``Dose.others``); a dose without it
    scales with sphere S-values at the region's mass, and what came from other regions by photons is not carried over.
    """
    gy, half_life = [], []
    own = {one.nuclide: one for one in (dose, *dose.others)}
    for nuclide in nuclides:
        ratio, t_eff = exchange_decay(dose.tia, nuclide)
        if nuclide in own:
            gy.append(own[nuclide].gy_per_gbq)
        else:
            gy.append(dose.gy_per_gbq * ratio * dose.self_fraction * energy_ratio(dose.mass_g, nuclide, dose.nuclide))
        half_life.append(t_eff)
    return Kinetics(name, np.stack(gy, axis=1), np.stack(half_life, axis=1), "images", Label.MEASURED, dose.nuclide)


def kidneys_from_images(images: Mapping[str, Dose], nuclides: Sequence[str]) -> Kinetics:
    """Dose per activity of the kidneys together: the mean of the measured kidneys, weighted by their masses."""
    parts = [from_images(name, dose, nuclides) for name, dose in sorted(images.items())]
    weight = np.array([dose.mass_g for _, dose in sorted(images.items())])
    weight = weight / weight.sum()
    gy = sum(w * part.gy_per_gbq for w, part in zip(weight, parts, strict=True))
    half_life = sum(w * part.half_life_h for w, part in zip(weight, parts, strict=True))
    return Kinetics("kidneys", np.asarray(gy), np.asarray(half_life), "images", Label.MEASURED, parts[0].measured)


def _exchanged(
    name: str, lu_gy_per_gbq: Floats, washout_per_h: Floats, mass_g: float, nuclides: Sequence[str], origin: str, label: Label
) -> Kinetics:
    gy, half_life = course.exchange(lu_gy_per_gbq, washout_per_h, mass_g, nuclides)
    return Kinetics(name, gy, np.array(half_life), origin, label)


def lesion_from_file(lesion: Lesion, fall: float, dose_z: Floats, washout_z: Floats, nuclides: Sequence[str]) -> Kinetics:
    """Dose per activity that the patient file states, as an uncertain measurement ``(draw,)`` at standard normal ``dose_z``."""
    if lesion.gy_per_gbq is not None:
        centre, n = lesion.gy_per_gbq, 1
    else:
        activity = lesion.dose_activity_gbq or USUAL_CYCLE_GBQ
        left = course.uptake_left(np.full(len(lesion.dose_gy), activity), fall)
        centre, n = float(np.mean(np.array(lesion.dose_gy) / activity / left)), len(lesion.dose_gy)
    draws = centre * np.exp(course.fixed("lesion_dosimetry_log_sd") / n**0.5 * dose_z)
    washout = course.lognormal("lesion_washout_per_h", washout_z)
    return _exchanged(lesion.id, draws, washout, lesion.volume_ml * SOFT_TISSUE_G_PER_CM3, nuclides, "patient file", Label.MEASURED)


def lesion_from_population(lesion: Lesion, dose_z: Floats, washout_z: Floats, nuclides: Sequence[str]) -> Kinetics:
    """Dose per activity of a lesion that nobody measured, ``(draw,)`` at standard normal ``dose_z``."""
    draws = course.lognormal("lesion_gy_per_gbq", dose_z)
    washout = course.lognormal("lesion_washout_per_h", washout_z)
    mass_g = lesion.volume_ml * SOFT_TISSUE_G_PER_CM3
    return _exchanged(lesion.id, draws, washout, mass_g, nuclides, "population", Label.BY_CONSTRUCTION)


def kidneys_from_population(dose_z: Floats, washout_z: Floats, nuclides: Sequence[str]) -> Kinetics:
    """Dose per activity of kidneys that nobody measured, ``(draw,)``."""
    draws = course.lognormal("kidney_gy_per_gbq", dose_z)
    washout = course.lognormal("kidney_washout_per_h", washout_z)
    return _exchanged("kidneys", draws, washout, course.fixed("kidney_mass_g"), nuclides, "population", Label.BY_CONSTRUCTION)
