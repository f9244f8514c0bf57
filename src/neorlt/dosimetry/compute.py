"""From a study to doses: the steps of the road in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.citations import Citation, cite
from neorlt.dosimetry.blur_estimate import UsedBlur, combine_blur, estimate_blur
from neorlt.dosimetry.conservation import ActivityBalance, balance_worlds, held_activity, refuse_few, take_dose, take_tia
from neorlt.dosimetry.curves import activity_curves
from neorlt.dosimetry.dvh import DoseVolumeHistogram
from neorlt.dosimetry.engines import (
    DoseMethod,
    RegionRatio,
    check_method,
    difference_warnings,
    local_difference,
    region_ratio,
    scaled_to_regions,
    with_ratio,
)
from neorlt.dosimetry.fine_dose import fine_doses
from neorlt.dosimetry.fit import fit_curves, physical_half_life_h
from neorlt.dosimetry.objects import Dose, FitStatus, TimeActivity, TimeIntegratedActivity
from neorlt.dosimetry.population import LastCycle, curve_priors
from neorlt.dosimetry.priors import CurvePrior
from neorlt.dosimetry.region_dose import density_map, region_doses, rest_of_body
from neorlt.dosimetry.s_table import SValueTable
from neorlt.dosimetry.s_values import METHOD, settled_occupancies
from neorlt.dosimetry.tia_map import tia_map
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings
from neorlt.dosimetry.voxel_dose import voxel_dose
from neorlt.imaging.hot import HotRegion, hot_without_role
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume
from neorlt.nuclides.therapy import therapy_nuclides

POOL = 8
"""So many times as many worlds are drawn where the activity law leaves too few."""
ENOUGH = 0.8
"""Part of the wanted draws that must stay under the law before more are drawn."""
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
    balance: ActivityBalance | None = None
    """What the activity law found."""
    rest: TimeIntegratedActivity | None = None
    """Time-integrated activity of the rest of the body."""
    local_difference: Mapping[str, float] = field(default_factory=dict)
    """By region, what local deposition would give against the kernel, relative."""
    priors: tuple[CurvePrior, ...] = ()
    """Prior of each region's curve."""
    settings: UncertaintySettings = DEFAULT
    """Sizes of doubt as used."""
    blur: UsedBlur | None = None
    """Blur of the correction: stated, of the edges, and used."""
    engine_ratio: RegionRatio | None = None
    """Monte Carlo over kernel in each region."""
    s_table: SValueTable | None = None
    """The user's S-values, where they were used."""

    @property
    def outside_validity(self) -> tuple[str, ...]:
        """Sentences on results outside a stated validity window."""
        found = {status: [tia.name for tia in self.tias if status in tia.status] for status in FitStatus if status.outside_window}
        return tuple(f"{', '.join(names)}: {s.value}. {s.sentence} {s.advice}" for s, names in found.items() if names)

    def citations(self) -> tuple[Citation, ...]:
        """The papers that the result stands on."""
        keys = ["gear2018"]
        if any(not np.array_equal(c.activity_mbq, c.uncorrected_mbq) for c in self.curves):
            keys.append("rousset1998")
        return cite(*keys)


@dataclass(frozen=True)
class FittedActivity:
    """Curves, their fits and the rest of the body in every world of the pool, with what the activity law says of them."""

    curves: tuple[TimeActivity, ...]
    priors: tuple[CurvePrior, ...]
    tias: tuple[TimeIntegratedActivity, ...]
    rest: TimeIntegratedActivity | None
    balance: ActivityBalance
    settings: UncertaintySettings
    """Sizes of doubt as used: that of the blur is the combined one."""
    blur: UsedBlur | None
    """Blur of the correction where one number states it; None without correction or with a blur by place."""
    beside: tuple[HotRegion, ...] = ()
    """Hot regions without a role, whose spill was counted or whose activity lies in another region."""


def fit_activity(
    study: Study,
    *,
    psf_fwhm_mm: float | None = None,
    correct: bool = True,
    seed: int = 0,
    n_draws: int = core_draws.N_DRAWS,
    settings: UncertaintySettings = DEFAULT,
    population: Mapping[str, CurvePrior] | None = None,
    previous: Mapping[str, LastCycle] | None = None,
    occasion: str = "",
    pool: int | None = None,
) -> FittedActivity:
    """The first half of :func:`compute_doses`: activities, curves, and the worlds that the activity law keeps.

    Parameters are those of :func:`compute_doses`; ``pool`` fixes the number of worlds that are drawn, which else grows where the law
    leaves too few.
    """
    blur = None
    stated = study.psf_fwhm_mm if psf_fwhm_mm is None else psf_fwhm_mm
    if correct and stated and (psf_fwhm_mm is not None or study.psf_map is None):
        blur = combine_blur(stated, settings.psf_fwhm_sd_mm, estimate_blur(study))
        settings, psf_fwhm_mm = replace(settings, psf_fwhm_sd_mm=blur.sd_mm), blur.fwhm_mm
    width = psf_fwhm_mm or study.psf_map or study.psf_fwhm_mm
    beside = hot_without_role(study, width) if correct and width else ()
    joined = [one.region for one in beside if not one.inside]
    curves = activity_curves(study, psf_fwhm_mm=psf_fwhm_mm, correct=correct, settings=settings, seed=seed, beside=joined)
    held = held_activity(study, curves, settings=settings)
    lesions = {region.name for region in study.lesions()}
    priors = curve_priors([c.name for c in curves], lesions, len(curves[0].time_h), own=population, previous=previous)
    injection = study.therapy_administration()

    def drawn(size: int) -> FittedActivity:
        tias = fit_curves(curves, n_draws=size, seed=seed, priors=priors, occasion=occasion)
        rest = rest_of_body(study, curves, seed=seed, n_draws=size, occasion=occasion)
        balance = balance_worlds(
            held, [*tias, *([rest] if rest is not None else [])], injected_mbq=injection.activity_mbq,
            half_life_h=physical_half_life_h(injection.nuclide), n_draws=n_draws, seed=seed, settings=settings,
            calibration_cv=study.calibration_cv,
        )  # fmt: skip
        return FittedActivity(curves, tuple(priors), tias, rest, balance, settings, blur, beside)

    fitted = drawn(n_draws if pool is None else pool)
    if pool is None and fitted.balance.effective_draws < ENOUGH * n_draws:
        # few points leave the early curve open: draw more worlds, so that enough stay under the law
        fitted = drawn(POOL * n_draws)
    return fitted


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
    population: Mapping[str, CurvePrior] | None = None,
    previous: Mapping[str, LastCycle] | None = None,
    occasion: str = "",
    fitted: FittedActivity | None = None,
) -> DoseResult:
    """Curves, time-integrated activity, region and voxel dose of a study.

    Parameters
    ----------
    study
        One cycle: SPECT in Bq/ml, regions, one injection.
    method
        Engine of region doses, histograms and the voxel map alike.
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
    population, previous
        A centre's own population by kind of region, and what the last cycle says by region: see
        :func:`~neorlt.dosimetry.population.curve_priors`.
    occasion
        Name of the cycle where several are cumulated: each has its own noise, and shares calibration and S-values.
    fitted
        Curves and kept worlds from :func:`fit_activity` with the same arguments; fitted here where left out.

    Raises
    ------
    InputError
        As each step raises; by the activity law where images and injected activity contradict each other.
    """
    check_method(method)
    if fitted is None:
        fitted = fit_activity(
            study, psf_fwhm_mm=psf_fwhm_mm, correct=correct, seed=seed, n_draws=n_draws, settings=settings, population=population,
            previous=previous, occasion=occasion,
        )  # fmt: skip
        refuse_few(fitted.balance, n_draws)
    curves, pool_tias, pool_rest, balance = fitted.curves, fitted.tias, fitted.rest, fitted.balance
    settings = fitted.settings
    also = [name for name in therapy_nuclides() if name != pool_tias[0].nuclide]
    pool_doses = region_doses(study, pool_tias, seed=seed, settings=settings, s_table=s_table, rest=pool_rest, also=also, local=True)
    doses = tuple(take_dose(dose, balance.kept) for dose in pool_doses)
    tias = tuple(dose.tia for dose in doses)
    rest = None if pool_rest is None else take_tia(pool_rest, balance.kept)
    simple = tuple(dose.local for dose in doses if dose.local is not None)
    differences = local_difference(doses, simple)
    fwhm = psf_fwhm_mm if psf_fwhm_mm is not None else study.psf_fwhm_mm
    if fitted.blur is not None:
        fwhm = fitted.blur.fwhm_mm
    activity = tia_map(study, tias, psf_fwhm_mm=fwhm if correct else 0.0, seed=seed, rest=rest)
    density = density_map(study, study.therapy_images()[0])
    by_name = {region.name: region for region in study.regions}
    regions = [by_name[d.name] for d in doses]
    occupancies = settled_occupancies(regions, activity.grid)
    dose = voxel_dose(activity, density=density, method="local" if method == "local" else "kernel")
    standard_error, ratio, relative = None, None, None
    if method == "local":
        doses = simple
    elif method == "montecarlo":
        from neorlt.dosimetry.monte_carlo import monte_carlo_dose

        options = monte_carlo or MonteCarloOptions()
        simulated = monte_carlo_dose(
            activity, density=density, seed=seed, n_histories=options.n_histories, checkpoint=options.checkpoint, device=options.device
        )
        ratio = region_ratio(simulated.dose, simulated.standard_error, dose, occupancies)
        doses = with_ratio(doses, ratio, method=f"Monte Carlo over kernel on the same map; {METHOD}", seed=seed)
        relative = _smooth_ratio(simulated.dose, dose)
        dose, standard_error = simulated.dose, simulated.standard_error
    medians = [float(np.median(d.draws_gy)) for d in doses]
    dose = scaled_to_regions(dose, occupancies, medians)
    totals = [float(np.median(tia.draws_mbq_h)) for tia in tias]
    fine = fine_doses(activity, regions, totals, density=density, local=method == "local", relative=relative)
    histograms = tuple(one.histogram(median) for one, median in zip(fine, medians, strict=True))
    warnings = [*balance.sentences, *(one.sentence for one in fitted.beside), *_warnings(curves, tias, correct)]
    if fitted.blur is not None and fitted.blur.estimate is not None:
        said = fitted.blur.estimate.sentence(fitted.blur.stated_mm, fitted.blur.stated_sd_mm)
        warnings += [] if said is None else [said]
    if method == "local":
        warnings += difference_warnings(differences)
    return DoseResult(
        curves=curves, tias=tias, doses=doses, tia=activity, dose=dose, histograms=histograms, warnings=tuple(warnings), density=density,
        standard_error=standard_error, balance=balance, rest=rest, local_difference=differences, priors=fitted.priors,
        settings=settings, blur=fitted.blur, engine_ratio=ratio, s_table=s_table,
    )  # fmt: skip


def _smooth_ratio(simulated: Volume, kernel: Volume) -> NDArray[np.float32]:
    """Monte Carlo over kernel by voxel, each averaged over its neighbours so that a histogram is not widened by noise."""
    from scipy.ndimage import uniform_filter

    below = np.maximum(uniform_filter(kernel.array, 3, mode="nearest"), 1e-6 * float(kernel.array.max()))
    return np.asarray(np.clip(uniform_filter(simulated.array, 3, mode="nearest") / below, 0.0, 5.0), dtype=np.float32)


def _warnings(curves: tuple[TimeActivity, ...], tias: tuple[TimeIntegratedActivity, ...], correct: bool) -> tuple[str, ...]:
    found = []
    if not correct:
        found.append("Partial-volume correction is off: activities and doses are too low, most of all in small regions.")
    for curve in curves:
        if correct and curve.recovery < RECOVERY_FLAG:
            found.append(
                f"{curve.name}: recovery {curve.recovery:.2f}; more than {100 * (1 - RECOVERY_FLAG):.0f} % of its activity comes "
                "from the partial-volume correction."
            )
    for status in FitStatus:
        names = [tia.name for tia in tias if status in tia.status]
        if names and status is not FitStatus.OK:
            found.append(f"{', '.join(names)}: {status.value}. {status.sentence} {status.advice}")
    return tuple(found)
