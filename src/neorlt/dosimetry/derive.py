"""A plan with another nuclide from the images of one: undo the decay of the first, decay with the second.

Each exponential term keeps its biology: rate′ = rate − λ_image + λ_plan, per administered activity. What the tissue does
does not depend on the label; the amplitudes (per MBq injected) stay, times a factor for another peptide where one is
given. Doses scale with the S-value of the region's mass, draw by draw, so that kidney doses of both nuclides are joint
draws of one kidney. Every result is flagged "derived".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.dosimetry.bed import DoseRate, bed_gy, repair_parameters
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


def derived_dose(
    dose: Dose, nuclide: str, injected_mbq: float, *, is_lesion: bool, peptide_log_sd: float = 0.0, seed: int = 0
) -> Dose:
    """Dose of a planned nuclide for a region whose dose was measured with another.

    The region's own part scales with the ratio of sphere S-values at its mass and the ratio of time-integrated
    activities of each draw; the (small) photon cross-dose of the imaged nuclide is dropped, since pure beta emitters
    have none and its part is known (``1 − self_fraction``).
    """
    tia = derived_tia(
        dose.tia, nuclide, activity_factor=injected_mbq / dose.injected_mbq, peptide_log_sd=peptide_log_sd, seed=seed
    )
    ratio = s_value_ratio(dose.nuclide, nuclide, dose.mass_g)
    per_tia = dose.self_fraction * dose.draws_gy / dose.tia.draws_mbq_h * ratio
    draws = per_tia * tia.draws_mbq_h
    repair = repair_parameters(dose.name, is_lesion)
    rate = DoseRate(0.0, tia.amplitude_mbq * per_tia[:, None], tia.rate_per_h)
    return Dose(
        name=dose.name,
        nuclide=nuclide,
        mass_g=dose.mass_g,
        tia=tia,
        draws_gy=draws,
        bed_gy=np.asarray(bed_gy([rate], repair.alpha_beta_gy, repair.repair_half_time_h)),
        method=f"{dose.method}; derived from {dose.nuclide} by decay and sphere S-value ratio {ratio:.2f}",
        injected_mbq=injected_mbq,
        self_fraction=1.0,
        flags=tuple(dict.fromkeys((*dose.flags, DERIVED))),
    )


def derived_doses(
    doses: Sequence[Dose],
    nuclide: str,
    injected_mbq: float,
    *,
    lesions: Sequence[str] = (),
    peptide_log_sd: float = 0.0,
    seed: int = 0,
) -> tuple[Dose, ...]:
    """:func:`derived_dose` of every region; ``lesions`` names those that are lesions."""
    return tuple(
        derived_dose(d, nuclide, injected_mbq, is_lesion=d.name in lesions, peptide_log_sd=peptide_log_sd, seed=seed)
        for d in doses
    )


def s_value_ratio(image_nuclide: str, plan_nuclide: str, mass_g: float) -> float:
    """Sphere S-value of the plan's nuclide over that of the images' nuclide at one mass."""
    return sphere_s_gy_per_mbq_h(plan_nuclide, mass_g) / sphere_s_gy_per_mbq_h(image_nuclide, mass_g)


def dose_rate(dose: Dose, start_week: float = 0.0, factor: Floats | float = 1.0) -> DoseRate:
    """Dose rate of a cycle that gives ``factor`` times this dose, ``(draw, term)``, for :func:`~neorlt.dosimetry.bed.bed_gy`."""
    per_tia = dose.draws_gy / dose.tia.draws_mbq_h * factor
    return DoseRate(start_week, dose.tia.amplitude_mbq * per_tia[:, None], dose.tia.rate_per_h)
