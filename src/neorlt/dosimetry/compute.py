"""From a study to doses: the steps of the road in their order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from neorlt.core import draws as core_draws
from neorlt.core.citations import Citation, cite
from neorlt.core.errors import InputError
from neorlt.dosimetry.curves import activity_curves
from neorlt.dosimetry.dvh import DoseVolumeHistogram, dose_volume_histogram
from neorlt.dosimetry.fine_dose import fine_doses
from neorlt.dosimetry.fit import fit_curves
from neorlt.dosimetry.objects import Dose, FitStatus, TimeActivity, TimeIntegratedActivity
from neorlt.dosimetry.population import population_prior
from neorlt.dosimetry.priors import WEAK
from neorlt.dosimetry.region_dose import density_map, region_doses
from neorlt.dosimetry.s_table import SValueTable
from neorlt.dosimetry.tia_map import tia_map
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings
from neorlt.dosimetry.voxel_dose import voxel_dose
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume

DoseMethod = Literal["local", "kernel", "montecarlo"]
RECOVERY_FLAG = 0.7
"""Recovery below this is flagged by name: more than 30 % of what is shown comes from the correction."""


@dataclass(frozen=True)
class MonteCarloOptions:
    """How much to simulate, where, and where to keep what has been run."""

    n_histories: int = 2_000_000
    checkpoint: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class DoseResult:
    """Everything that dosimetry says of one study."""

    curves: tuple[TimeActivity, ...]
    tias: tuple[TimeIntegratedActivity, ...]
    doses: tuple[Dose, ...]
    tia: Volume
    dose: Volume
    histograms: tuple[DoseVolumeHistogram, ...]
    warnings: tuple[str, ...]
    density: Volume | None = None
    standard_error: Volume | None = None
    """Statistical standard error of the voxel dose, where Monte Carlo made it."""
    s_table: SValueTable | None = None
    """The user's S-values, where they were used."""

    def citations(self) -> tuple[Citation, ...]:
        """The papers that the result stands on."""
        keys = ["gear2018"]
        if any(not np.array_equal(c.activity_mbq, c.uncorrected_mbq) for c in self.curves):
            keys.append("rousset1998")
        return cite(*keys)


def compute_doses(
    study: Study,
    *,
    method: DoseMethod = "kernel",
    psf_fwhm_mm: float | None = None,
    correct: bool = True,
    seed: int = 0,
    n_draws: int = core_draws.N_DRAWS,
    settings: UncertaintySettings = DEFAULT,
    s_table: SValueTable | None = None,
    monte_carlo: MonteCarloOptions | None = None,
) -> DoseResult:
    """Curves, time-integrated activity, region and voxel dose of a study.

    Parameters
    ----------
    study
        One cycle: SPECT in Bq/ml, regions, one injection.
    method
        Of the voxel dose; region doses always use kernel and sphere S-values.
    psf_fwhm_mm, correct
        Partial-volume correction, see :func:`~neorlt.dosimetry.curves.activity_curves`.
    seed, n_draws
        Of the joint draws.
    settings
        What each step may be wrong by.
    s_table
        The user's S-values: they take the place of ours for the organs that they name.
    monte_carlo
        Histories, checkpoint and device of ``method="montecarlo"``.

    Raises
    ------
    InputError
        As each step raises.
    """
    curves = activity_curves(study, psf_fwhm_mm=psf_fwhm_mm, correct=correct, settings=settings, seed=seed)
    lesions = {region.name for region in study.lesions()}
    # One or two points do not carry a half-life: the population does, and its spread is the width of the answer.
    few = len(curves[0].time_h) < 3
    priors = [population_prior(c.name, c.name in lesions) if few else WEAK for c in curves]
    tias = fit_curves(curves, n_draws=n_draws, seed=seed, priors=priors)
    doses = region_doses(study, tias, seed=seed, settings=settings, s_table=s_table)
    fwhm = psf_fwhm_mm if psf_fwhm_mm is not None else study.psf_fwhm_mm
    activity = tia_map(study, tias, psf_fwhm_mm=fwhm if correct else 0.0, seed=seed)
    density = density_map(study, study.therapy_images()[0])
    standard_error = None
    if method == "montecarlo":
        from neorlt.dosimetry.monte_carlo import monte_carlo_dose

        options = monte_carlo or MonteCarloOptions()
        simulated = monte_carlo_dose(
            activity, density=density, seed=seed, n_histories=options.n_histories, checkpoint=options.checkpoint, device=options.device
        )
        dose, standard_error = simulated.dose, simulated.standard_error
    elif method in ("kernel", "local"):
        dose = voxel_dose(activity, density=density, method=method)
    else:
        raise InputError("unknown dose method", expected="local, kernel or montecarlo", found=method, remedy="choose one of them")
    by_name = {region.name: region for region in study.regions}
    regions = [by_name[d.name] for d in doses]
    if method == "kernel":
        means = [float(np.mean(tia.draws_mbq_h)) for tia in tias]
        histograms = tuple(fine.histogram() for fine in fine_doses(activity, regions, means, density=density))
    else:
        histograms = tuple(dose_volume_histogram(dose, region) for region in regions)
    return DoseResult(
        curves, tias, doses, activity, dose, histograms, _warnings(curves, tias, correct), density, standard_error, s_table
    )


def _warnings(curves: tuple[TimeActivity, ...], tias: tuple[TimeIntegratedActivity, ...], correct: bool) -> tuple[str, ...]:
    found = []
    if not correct:
        found.append("Partial-volume correction is off: activities and doses are too low, most of all in small regions.")
    for curve, tia in zip(curves, tias, strict=True):
        if correct and curve.recovery < RECOVERY_FLAG:
            found.append(
                f"{curve.name}: recovery {curve.recovery:.2f}; more than {100 * (1 - RECOVERY_FLAG):.0f} % of its activity comes "
                "from the partial-volume correction."
            )
        for status in tia.status:
            if status is not FitStatus.OK:
                found.append(f"{curve.name}: {status.value}. {status.sentence} {status.advice}")
    return tuple(found)
