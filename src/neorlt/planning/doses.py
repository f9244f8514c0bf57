"""What a gigabecquerel gives to this patient: lesions, kidneys, and how 90Y follows from 177Lu.

Lesion doses come from images where there are any, else from the patient file, else from the population. Doses of
90Y are derived from those of 177Lu: the biological wash-out is kept, the decay is exchanged, and the absorbed
energy follows the sphere S-values at the lesion's mass. Draws of the two nuclides are joint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.draws import N_DRAWS, generator, lognormal_draws
from neorlt.core.labels import Label
from neorlt.dosimetry.derive import derived_tia, s_value_ratio
from neorlt.dosimetry.objects import Dose, TimeIntegratedActivity
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.planning.patient import LesionBaseline, Patient
from neorlt.planning.scheme import MAX_CYCLES, THERAPY_NUCLIDES, Scheme

TISSUE_G_PER_ML = 1.04
"""Density of soft tissue used where no CT speaks (ICRU 44 soft tissue: 1.05-1.06; MIRD convention 1.04)."""
DEFAULT_ACTIVITY_GBQ = 7.4


def population() -> dict[str, dict[str, Any]]:
    """The population table: distributions of dose per activity, wash-out and falls, each with its source."""
    table: dict[str, dict[str, Any]] = tables.read_json("planning", "population.json")
    return table


def _fixed(name: str) -> float:
    return float(population()[name]["parameters"][0])


def _lognormal(name: str, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    median, log_sd = population()[name]["parameters"]
    return lognormal_draws(rng, median, log_sd, n)


@dataclass(frozen=True)
class Kinetics:
    """Dose per activity ``(draw, nuclide)`` in Gy/GBq and effective half-life ``(draw, nuclide)`` in hours.

    ``origin`` says where it came from (``images``, ``patient file`` or ``population``); the nuclide order is that of
    :data:`THERAPY_NUCLIDES`; ``measured`` is the nuclide that was seen, the other is derived from it.
    """

    name: str
    gy_per_gbq: NDArray[np.float64]
    half_life_h: NDArray[np.float64]
    origin: str
    label: Label
    measured: str = "Lu-177"

    def take(self, index: NDArray[np.intp]) -> Kinetics:
        """The draws at ``index`` (repeats allowed)."""
        return replace(self, gy_per_gbq=self.gy_per_gbq[index], half_life_h=self.half_life_h[index])


def energy_ratio(mass_g: float, over: str = "Y-90", under: str = "Lu-177") -> float:
    """Dose per decay of one nuclide over another in a sphere of this mass (sphere S-values)."""
    return s_value_ratio(under, over, float(np.clip(mass_g, 0.01, 2000.0)))


def _from_washout(name: str, lu_gy_per_gbq: NDArray[np.float64], washout_per_h: NDArray[np.float64], mass_g: float, origin: str,
                  label: Label) -> Kinetics:
    """Both nuclides from the dose of 177Lu and one biological wash-out rate."""
    decay = np.array([get_nuclide(nuclide).decay_constant_per_h for nuclide in THERAPY_NUCLIDES])
    rate = washout_per_h[:, None] + decay
    yttrium = lu_gy_per_gbq * energy_ratio(mass_g) * rate[:, 0] / rate[:, 1]
    return Kinetics(name, np.stack([lu_gy_per_gbq, yttrium], axis=1), np.log(2) / rate, origin, label)


def exchange_decay(tia: TimeIntegratedActivity, nuclide: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Undo the decay of the measured nuclide and decay with another.

    Returns the ratio of time-integrated activities per injected activity ``(draw,)`` and the half-life of the slowest
    term ``(draw,)`` in hours, both for ``nuclide``.
    """
    exchanged = tia if nuclide == tia.nuclide else derived_tia(tia, nuclide)
    slowest = np.where(exchanged.amplitude_mbq > 0, exchanged.rate_per_h, np.inf).min(axis=1)
    return exchanged.draws_mbq_h / tia.draws_mbq_h, np.log(2) / slowest


def _from_image(name: str, dose: Dose) -> Kinetics:
    """Both nuclides from a measured dose; what came from other regions by photons is not carried over to the other nuclide."""
    gy, half_life = [], []
    for nuclide in THERAPY_NUCLIDES:
        ratio, t_eff = exchange_decay(dose.tia, nuclide)
        same = nuclide == dose.nuclide
        energy = 1.0 if same else dose.self_fraction * energy_ratio(dose.mass_g, nuclide, dose.nuclide)
        gy.append(dose.gy_per_gbq * ratio * energy)
        half_life.append(t_eff)
    return Kinetics(name, np.stack(gy, axis=1), np.stack(half_life, axis=1), "images", Label.MEASURED, dose.nuclide)


def lesion_kinetics(patient: Patient, lesion: LesionBaseline, image: Dose | None, seed: int, n_draws: int = N_DRAWS) -> Kinetics:
    """Dose per activity of one lesion, from the best source that speaks of it."""
    if image is not None:
        return _from_image(lesion.id, image)
    rng = generator(seed, patient.id, lesion.id, "dose")
    washout = _lognormal("lesion_washout_per_h", rng, n_draws)
    mass_g = lesion.volume_ml * TISSUE_G_PER_ML
    if lesion.gy_per_gbq is not None or lesion.dose_gy:
        if lesion.gy_per_gbq is not None:
            centre = lesion.gy_per_gbq
        else:
            fall = fall_per_cycle(patient, lesion)
            activity = lesion.dose_activity_gbq or DEFAULT_ACTIVITY_GBQ
            centre = float(np.mean([dose / activity / (1 - fall) ** n for n, dose in enumerate(lesion.dose_gy)]))
        draws = lognormal_draws(rng, centre, _fixed("lesion_dosimetry_log_sd") / max(1, len(lesion.dose_gy)) ** 0.5, n_draws)
        return _from_washout(lesion.id, draws, washout, mass_g, "patient file", Label.MEASURED)
    draws = _lognormal("lesion_gy_per_gbq", rng, n_draws)
    return _from_washout(lesion.id, draws, washout, mass_g, "population", Label.BY_CONSTRUCTION)


def kidney_kinetics(patient: Patient, images: Mapping[str, Dose], seed: int, n_draws: int = N_DRAWS) -> Kinetics:
    """Dose per activity of the kidneys: the mass-weighted mean of the measured kidneys, else the population."""
    if images:
        parts = [_from_image(name, dose) for name, dose in sorted(images.items())]
        weight = np.array([dose.mass_g for _, dose in sorted(images.items())])
        weight = weight / weight.sum()
        gy = sum(w * part.gy_per_gbq for w, part in zip(weight, parts, strict=True))
        half_life = sum(w * part.half_life_h for w, part in zip(weight, parts, strict=True))
        return Kinetics("kidneys", np.asarray(gy), np.asarray(half_life), "images", Label.MEASURED, parts[0].measured)
    rng = generator(seed, patient.id, "kidneys", "dose")
    draws = _lognormal("kidney_gy_per_gbq", rng, n_draws)
    washout = _lognormal("kidney_washout_per_h", rng, n_draws)
    return _from_washout("kidneys", draws, washout, _fixed("kidney_mass_g"), "population", Label.BY_CONSTRUCTION)


def fall_per_cycle(patient: Patient, lesion: LesionBaseline) -> float:
    """Fraction by which the lesion's dose per activity falls from one cycle to the next (by WHO grade)."""
    from neorlt.clinic.grade import who_grade

    ki67 = lesion.ki67_pct if lesion.ki67_pct is not None else patient.ki67_pct
    falls = population()["lesion_fall_per_cycle"]["parameters"]
    grade = 2 if ki67 is None else int(np.asarray(who_grade(ki67)))
    return float(falls[min(max(grade, 1), 3) - 1])


def cycle_doses_gy(
    kinetics: Kinetics, scheme: Scheme, *, fall: float = 0.0, log_sd: float = 0.0, rng: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Absorbed dose per cycle and nuclide, ``(draw, cycle, nuclide)``.

    ``fall`` is the fraction lost from one cycle to the next, ``log_sd`` the scatter between cycles; the first cycle
    of a lesion that was imaged has none, since that cycle is the one that was measured.
    """
    activity = scheme.activities_gbq
    n_draws = len(kinetics.gy_per_gbq)
    factor = (1.0 - fall) ** np.arange(len(scheme.cycles))
    scatter = np.ones((n_draws, len(scheme.cycles)))
    if log_sd > 0 and rng is not None:
        scatter = np.exp(log_sd * cycle_scatter_z(rng, n_draws)[:, : len(scheme.cycles)])
        if kinetics.origin == "images" and scatter.shape[1]:
            scatter[:, 0] = 1.0
    return np.asarray(kinetics.gy_per_gbq[:, None, :] * activity * factor[:, None] * scatter[..., None])


def cycle_scatter_z(rng: np.random.Generator, n_draws: int) -> NDArray[np.float64]:
    """Standard normal numbers ``(draw, MAX_CYCLES)``: schemes with fewer cycles meet the same luck in those they have."""
    return rng.standard_normal((n_draws, MAX_CYCLES))


def cycle_log_sd() -> float:
    """Scatter of a lesion's dose between cycles, log-SD."""
    return _fixed("lesion_cycle_log_sd")
