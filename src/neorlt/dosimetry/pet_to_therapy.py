"""From a baseline 68Ga PET to a predicted dose per activity: a prediction with a wide spread, never a measurement.

Lesion dose per activity is log-normal between lesions; PET uptake explains R² = 0.44 of it (Bruvoll 2023, 301 tumours). Given
an SUV, the mean of the log dose moves by r · σ_dose/σ_SUV per unit of log SUV and what is left has SD σ_dose √(1 − R²).
The published abstract gives no slope, so the SUV's own distribution (median and spread) is an assumption unless the
caller states that of the centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.tables import read_json
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.derive import s_value_ratio

Floats = NDArray[np.float64]
NOTICE = "Predicted from PET uptake (R² about 0.44): not a measurement of dose."


@dataclass(frozen=True)
class SuvReference:
    """Distribution of the lesions' SUV that the prediction compares with: median and log-SD."""

    median: float = 20.0
    log_sd: float = 0.6
    label: Label = Label.ASSUMPTION
    source: str = "assumption: SUVmean of lesions that are treated; state your centre's own"

    def __post_init__(self) -> None:
        if not self.median > 0 or not self.log_sd > 0:
            raise ValueError("median and log-SD of the SUV must be above 0")


@dataclass(frozen=True)
class PetPrediction:
    """``gy_per_gbq`` ``(draw, lesion)``; always with its notice."""

    nuclide: str
    gy_per_gbq: Floats
    label: Label
    notice: str = NOTICE


def lesion_population() -> dict[str, Any]:
    """The shipped population of lesion doses, with sources."""
    table: dict[str, Any] = read_json("dosimetry", "lesion_population.json")
    return table


def predict_from_pet(
    suv: ArrayLike,
    *,
    nuclide: str = "Lu-177",
    volume_ml: ArrayLike | None = None,
    reference: SuvReference | None = None,
    n_draws: int = core_draws.N_DRAWS,
    seed: int = 0,
    effective_half_life_h: float = 90.0,
) -> PetPrediction:
    """Dose per injected activity of lesions from their baseline SUV.

    Parameters
    ----------
    suv
        ``(lesion,)`` SUVs of the kind that ``reference`` describes.
    nuclide
        ``"Lu-177"`` or another, for which decay and the sphere S-value of ``volume_ml`` are exchanged.
    volume_ml
        ``(lesion,)``; needed for a nuclide other than 177Lu.
    reference
        Distribution of SUVs; the assumption of this project where left out.
    n_draws, seed
        Of the draws.
    effective_half_life_h
        Of 177Lu in lesions; only a change of nuclide uses it.

    Raises
    ------
    InputError
        If an SUV is not above 0, or a volume is missing.
    """
    values = np.atleast_1d(np.asarray(suv, dtype=np.float64))
    if np.any(values <= 0):
        raise InputError("an SUV is not above 0", found=str(values.tolist()), remedy="give the lesion's SUV")
    known = reference or SuvReference()
    table = lesion_population()
    log_sd, r2 = float(table["gy_per_gbq_log_sd"]), float(table["suv_r2"])
    shift = np.sqrt(r2) * log_sd / known.log_sd * np.log(values / known.median)
    rng = core_draws.generator(seed, "pet-to-therapy")
    draws = core_draws.lognormal_draws(
        rng, float(table["gy_per_gbq_median"]) * np.exp(shift), log_sd * np.sqrt(1.0 - r2), n_draws
    )
    if nuclide != "Lu-177":
        if volume_ml is None:
            raise InputError("a change of nuclide needs the lesion's volume", remedy="give volume_ml")
        draws = draws * _nuclide_factor(nuclide, np.atleast_1d(np.asarray(volume_ml, dtype=np.float64)), effective_half_life_h)
    return PetPrediction(nuclide, draws, Label.ASSUMPTION)


def _nuclide_factor(nuclide: str, volume_ml: Floats, effective_half_life_h: float) -> Floats:
    """Dose per activity of a nuclide over that of 177Lu for the same biology: time-integrated activity times S-value."""
    from neorlt.dosimetry.fit import physical_half_life_h

    lutetium = np.log(2.0) / physical_half_life_h("Lu-177")
    effective = np.log(2.0) / effective_half_life_h
    if effective < lutetium:
        raise InputError("the effective half-life is longer than the physical one", remedy="give a shorter effective half-life")
    other = effective - lutetium + np.log(2.0) / physical_half_life_h(nuclide)
    return np.array([effective / other * s_value_ratio("Lu-177", nuclide, float(v) * SOFT_TISSUE_G_PER_CM3) for v in volume_ml])
