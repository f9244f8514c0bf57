"""A plan with another nuclide from the images of one: undo the decay of the first, decay with the second.

Each exponential term keeps its biology: rate′ = rate − λ_image + λ_plan, per administered activity. What the tissue does
does not depend on the label; the amplitudes (per MBq injected) stay, times a factor for another peptide where one is
given. Doses come from the other nuclide's own S-values between the same regions, draw by draw, so that kidney doses of both
nuclides are joint draws of one kidney and cross-fire is kept. Every result is flagged "derived".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.dosimetry.bed import DoseRate
from neorlt.dosimetry.fit import physical_half_life_h
from neorlt.dosimetry.objects import Dose, TimeIntegratedActivity
from neorlt.dosimetry.s_values import sphere_s_gy_per_mbq_h

Floats = NDArray[np.float64]
DERIVED = "derived"


def derived_tia(
    tia: TimeIntegratedActivity,
    nuclide: str,
    *,
    activity_factor: float = 1.0,
    half_life_h: float | None = None,
    image_half_life_h: float | None = None,
    peptide_log_sd: float = 0.0,
    seed: int = 0,
) -> TimeIntegratedActivity:
    """Time-integrated activity with another nuclide.

    Parameters
    ----------
    tia
        From images of one nuclide, for the activity injected then.
    nuclide
        The plan's nuclide.
    activity_factor
        Planned over injected activity.
    half_life_h, image_half_life_h
        Physical half-lives; from the nuclide tables where left out.
    peptide_log_sd
        Spread of a change of peptide (median 1), shared by all regions of one world.
    seed
        Seed of that spread.

    Raises
    ------
    InputError
        If a term of the curve is slower than physical decay, so that nothing biological would be left of it.
    """
    old = np.log(2.0) / (image_half_life_h or physical_half_life_h(tia.nuclide))
    new = np.log(2.0) / (half_life_h or physical_half_life_h(nuclide))
    biological = tia.rate_per_h - old
    if np.any(biological < -1e-9 * old):
        raise InputError(
            "a curve falls more slowly than physical decay",
            where=f"region {tia.name}",
            remedy="fit it with fit_curve, which forbids that",
        )
    n = len(tia.amplitude_mbq)
    peptide = np.exp(peptide_log_sd * core_draws.generator(seed, "peptide", nuclide).standard_normal(n))
    return TimeIntegratedActivity(
        name=tia.name,
        nuclide=nuclide,
        curve=tia.curve,
        model=f"{tia.model}, re-decayed with {nuclide}",
        amplitude_mbq=tia.amplitude_mbq * activity_factor * peptide[:, None],
        rate_per_h=np.maximum(biological, 0.0) + new,
        status=tia.status,
        model_weights=tia.model_weights,
        flags=tuple(dict.fromkeys((*tia.flags, DERIVED))),
    )


def derived_dose(dose: Dose, nuclide: str, injected_mbq: float, *, peptide_log_sd: float = 0.0, seed: int = 0) -> Dose:
    """Dose of a planned activity of another nuclide for a region that was measured with one.

    Taken from the region's dose with that nuclide's own region S-values, cross-fire from neighbours and photons included
    (``Dose.others``), in the same worlds, times the planned over the injected activity and the spread of another peptide.

    Raises
    ------
    InputError
        If the dose was computed without that nuclide.
    """
    other = next((one for one in (dose, *dose.others) if one.nuclide == nuclide), None)
    if other is None:
        raise InputError(
            f"the dose of {dose.name} with {nuclide} is not there",
            expected=", ".join(one.nuclide for one in (dose, *dose.others)),
            found=nuclide,
            remedy=f"compute the region doses with also=[{nuclide!r}]",
        )
    n = len(dose.draws_gy)
    peptide = np.exp(peptide_log_sd * core_draws.generator(seed, "peptide", nuclide).standard_normal(n))
    factor = injected_mbq / dose.injected_mbq * peptide
    tia = replace(other.tia, amplitude_mbq=other.tia.amplitude_mbq * factor[:, None])
    flags = () if other is dose else (DERIVED,)
    return replace(
        other,
        tia=tia,
        draws_gy=other.draws_gy * factor,
        bed_gy=other.draws_gy * factor + (other.bed_gy - other.draws_gy) * factor**2,
        injected_mbq=injected_mbq,
        flags=tuple(dict.fromkeys((*other.flags, *flags))),
        others=(),
    )


def derived_doses(
    doses: Sequence[Dose], nuclide: str, injected_mbq: float, *, peptide_log_sd: float = 0.0, seed: int = 0
) -> tuple[Dose, ...]:
    """:func:`derived_dose` of every region."""
    return tuple(derived_dose(d, nuclide, injected_mbq, peptide_log_sd=peptide_log_sd, seed=seed) for d in doses)


def s_value_ratio(image_nuclide: str, plan_nuclide: str, mass_g: float) -> float:
    """Sphere S-value of the plan's nuclide over that of the images' nuclide at one mass."""
    return sphere_s_gy_per_mbq_h(plan_nuclide, mass_g) / sphere_s_gy_per_mbq_h(image_nuclide, mass_g)


def dose_rate(dose: Dose, start_week: float = 0.0, factor: Floats | float = 1.0) -> DoseRate:
    """Dose rate of a cycle that gives ``factor`` times this dose, ``(draw, term)``, for :func:`~neorlt.dosimetry.bed.bed_gy`."""
    per_tia = dose.draws_gy / dose.tia.draws_mbq_h * factor
    return DoseRate(start_week, dose.tia.amplitude_mbq * per_tia[:, None], dose.tia.rate_per_h)
