"""Standardised uptake value by body weight: SUVbw = C(t)·m / (A₀·2^(−(t − t₀)/T½)), for tissue of 1 g/ml.

``t`` is the moment for which the concentration ``C`` holds (the decay reference of the image), ``t₀`` the injection.
Source: PS3.3 C.8.9.1 (Units, Decay Correction) and the QIBA FDG-PET/CT profile's vendor-neutral rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from neorlt.core.errors import InputError
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Unit, Volume
from neorlt.nuclides.imaged import given_to_treat
from neorlt.nuclides.nuclide import get_nuclide


@dataclass(frozen=True)
class SuvFactor:
    """``factor`` turns Bq/ml into g/ml; the other fields are every number that it was made of."""

    factor: float
    weight_kg: float
    injected_mbq: float
    injection_time: datetime
    reference_time: datetime
    decay: float

    @property
    def formula(self) -> str:
        """The formula with its numbers, for the report."""
        return (
            f"SUVbw = C x {self.weight_kg:g} kg / ({self.injected_mbq:g} MBq x {self.decay:.4f}), decayed from "
            f"{self.injection_time:%H:%M:%S} to {self.reference_time:%H:%M:%S}"
        )


def suv_factor(administration: Administration, weight_kg: float | None, reference_time: datetime) -> SuvFactor:
    """Return the factor from Bq/ml to SUVbw.

    Raises
    ------
    InputError
        If the weight is missing, or the image is earlier than the injection.
    """
    if weight_kg is None or not weight_kg > 0:
        raise InputError(
            "SUV needs the patient's weight",
            where="PatientWeight (0010,1030)",
            remedy="state weight_kg with a reason under [correction] in settings.toml",
        )
    seconds = (reference_time - administration.time).total_seconds()
    if seconds < 0:
        raise InputError(
            "times run backwards: the image is earlier than the injection",
            where="RadiopharmaceuticalStartDateTime (0018,1078)",
            remedy="correct the time of injection",
        )
    decay = math.exp(-float(get_nuclide(administration.nuclide).decay_constant_per_h) * seconds / 3600.0)
    return suv_factor_of(administration, weight_kg, reference_time, decay)


def suv_factor_of(administration: Administration, weight_kg: float, reference_time: datetime, decay: float) -> SuvFactor:
    """Return the factor for a known decay (fraction left at the reference time)."""
    factor = weight_kg * 1000.0 / (administration.activity_mbq * 1e6 * decay)
    return SuvFactor(factor, weight_kg, administration.activity_mbq, administration.time, reference_time, decay)


def to_suv(volume: Volume, administration: Administration | None, weight_kg: float | None) -> Volume:
    """Return the volume in SUVbw; one that is in SUVbw already comes back as it is.

    Raises
    ------
    InputError
        If the injection or the weight is missing, or the volume is not an activity concentration.
    """
    if volume.unit is Unit.SUV_BW:
        return volume
    if volume.unit is not Unit.BQ_PER_ML or volume.time is None:
        raise InputError(
            "SUV is made from an activity concentration",
            expected=str(Unit.BQ_PER_ML),
            found=str(volume.unit),
            remedy="give a PET in Bq/ml",
        )
    if administration is None:
        raise InputError(
            "SUV needs the injected activity and its time",
            where="RadionuclideTotalDose (0018,1074)",
            remedy="state injected_activity_mbq and injection_time with a reason in settings.toml",
        )
    made = suv_factor(administration, weight_kg, volume.time)
    return volume.with_array(volume.array * made.factor, Unit.SUV_BW, notes=(*volume.notes, made.formula))


def administration_of(study: Study, volume: Volume) -> Administration | None:
    """The last injection of the volume's nuclide before the moment that its values hold for."""
    found = [a for a in study.administrations if a.nuclide == volume.nuclide and (volume.time is None or a.time <= volume.time)]
    return max(found, key=lambda a: a.time) if found else None


def shows_ligand(study: Study, volume: Volume) -> bool:
    """Whether a PET shows an SSTR ligand: no therapy nuclide, and no 18F-FDG by the agent that its series names."""
    administration = administration_of(study, volume)
    return not given_to_treat(volume.nuclide) and (administration is None or not is_fdg(administration.agent))


def is_fdg(agent: str) -> bool:
    """Whether the name of a radiopharmaceutical is that of fluorodeoxyglucose."""
    return "fdg" in agent.lower() or "fluorodeoxyglucose" in agent.lower()


def ligand_images(study: Study) -> tuple[Volume, ...]:
    """The PETs of :func:`suv_images` that show an SSTR ligand: FDG and 90Y say nothing of the receptors.

    Raises
    ------
    InputError
        As :func:`to_suv`.
    """
    return tuple(v for v in suv_images(study) if shows_ligand(study, v))


def suv_images(study: Study) -> tuple[Volume, ...]:
    """Every PET of a study in SUVbw by the weight of its own study, in order of time.

    Raises
    ------
    InputError
        As :func:`to_suv`.
    """
    return tuple(to_suv(v, administration_of(study, v), v.weight_kg or study.weight_kg) for v in study.pet_images())


MOST_HELD = 1.1
"""A PET may hold this much of what was injected: a scanner and its activity meter agree within a tenth."""


def more_than_injected(study: Study) -> list[str]:
    """Return a sentence for every image that holds more activity than was injected, its decay counted: unit, scale or activity are wrong.

    For one in SUVbw the same law is that the sum of SUV times volume is at most the patient's mass, at 1 g/ml.
    """
    said = []
    for image in (*study.pet_images(), *(v for v in study.therapy_images() if v.modality == "NM")):
        held = float(image.array.sum(dtype=np.float64)) * image.grid.voxel_ml
        injected, weight = administration_of(study, image), image.weight_kg or study.weight_kg
        if image.unit is Unit.SUV_BW and weight:
            share = held / (1000.0 * weight)
        elif image.unit is Unit.BQ_PER_ML and injected is not None and image.time is not None:
            hours = (image.time - injected.time).total_seconds() / 3600.0
            left = math.exp(-float(get_nuclide(injected.nuclide).decay_constant_per_h) * hours)
            share = held / (injected.activity_mbq * 1e6 * left)
        else:
            continue
        if share > MOST_HELD:
            said.append(
                f"The {image.nuclide} {'SPECT' if image.modality == 'NM' else 'PET'} of {image.time:%Y-%m-%d %H:%M} holds {share:.3g} times"
                " what was injected, its decay counted: its unit or scale, the injected activity (0018,1074) or the times are wrong, and"
                " what is made of them."
            )
    return said
