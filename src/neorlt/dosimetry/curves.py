"""Region activity over time from the therapy images, corrected for partial volume, with a standard deviation per point."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.dosimetry.objects import TimeActivity
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings, recovery_cv, volume_cv
from neorlt.imaging.region import Region
from neorlt.imaging.resample import resample
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume

Floats = NDArray[np.float64]
BODY_LESS_REGIONS = "rest of body"


def hours_after(start: datetime, moment: datetime | None) -> float:
    """Hours from an injection to an image."""
    if moment is None:
        raise InputError("an activity image has no time", remedy="give the acquisition date and time (0008,0022), (0008,0032)")
    return (moment - start).total_seconds() / 3600.0


def therapy_times_h(study: Study) -> Floats:
    """Hours after injection of every therapy image.

    Raises
    ------
    InputError
        If there is no therapy image, or one was taken before the injection.
    """
    images = study.therapy_images()
    if not images:
        raise InputError(
            "the study holds no quantitative SPECT", remedy="give reconstructed SPECT in Bq/ml, or plan without images"
        )
    injection = study.therapy_administration()
    times = np.array([hours_after(injection.time, v.time) for v in images])
    if np.any(times < 0) or np.any(np.diff(times) <= 0):
        raise InputError(
            "times run backwards",
            expected="images after the injection, each later than the one before",
            found=", ".join(f"{t:.2f} h" for t in times),
            remedy="check the start of the radiopharmaceutical (0018,1072) and the acquisition times",
        )
    return times


def activity_curves(
    study: Study,
    *,
    psf_fwhm_mm: float | None = None,
    correct: bool = True,
    settings: UncertaintySettings = DEFAULT,
) -> tuple[TimeActivity, ...]:
    """Time–activity curve of every organ and lesion of the study.

    Parameters
    ----------
    study
        With SPECT in Bq/ml, one administration and regions.
    psf_fwhm_mm
        Blur (full width at half maximum) for the correction; the study's own where left out.
    correct
        Correct for partial volume by the region-based geometric transfer matrix (Rousset 1998). Without it the sums
        over the contours are taken as they are.
    settings
        What each step may be wrong by.

    Raises
    ------
    InputError
        If the study has no SPECT, no region, or no blur is stated while a correction is asked for.
    """
    times = therapy_times_h(study)
    regions = (*study.organs(), *study.lesions())
    if not regions:
        raise InputError(
            "the study has no region",
            remedy="add a SEG or RTSTRUCT to the folder, or give a label map with --regions LABELS.nii.gz",
        )
    fwhm = study.psf_fwhm_mm if psf_fwhm_mm is None else psf_fwhm_mm
    if correct and fwhm is None:
        raise InputError(
            "the blur of the SPECT is not stated",
            remedy="give --psf-fwhm-mm (measure it with `neorlt recovery`), or switch the correction off by name",
        )
    images = study.therapy_images()
    corrected, measured, volume_ml = _activities(study, images, regions, float(fwhm or 0.0), correct)
    noise = np.stack([_noise_mbq(image, regions, measured[:, t], float(fwhm or 0.0)) for t, image in enumerate(images)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        recovery = np.where(corrected > 0, measured / corrected, 1.0)
    recovery = np.clip(np.median(recovery, axis=1), 0.05, 1.0)
    nuclide = str(images[0].nuclide)
    curves = []
    for i, region in enumerate(regions):
        scale = float(np.max(corrected[i]))
        if not scale > 0:
            raise InputError(
                "a region holds no activity", where=f"region {region.name}", remedy="check the contour and the scaling"
            )
        sd = np.hypot(settings.per_image_cv * np.maximum(corrected[i], 0.05 * scale), noise[i] / recovery[i])
        own = np.hypot(
            recovery_cv(region.volume_ml, float(fwhm or 0.0), settings.psf_fwhm_sd_mm) if correct else 0.0,
            # The activity that a corrected region is given moves with its contour by what blur leaves at its edge.
            0.5 * volume_cv(region.volume_ml, settings.contour_sd_mm),
        )
        curves.append(
            TimeActivity(
                name=region.name,
                nuclide=nuclide,
                volume_ml=float(volume_ml[i]),
                time_h=times,
                activity_mbq=corrected[i],
                sd_mbq=sd,
                uncorrected_mbq=measured[i],
                shared_cv=settings.calibration_cv,
                own_cv=float(own),
            )
        )
    return tuple(curves)


def _activities(
    study: Study, images: tuple[Volume, ...], regions: tuple[Region, ...], fwhm: float, correct: bool
) -> tuple[Floats, Floats, Floats]:
    """Corrected and measured activity ``(region, time)`` in MBq, and the regions' volumes less overlaps, ml."""
    from neorlt.dosimetry.region_dose import body_region_of
    from neorlt.dosimetry.s_values import settled_occupancies
    from neorlt.imaging.partial_volume import correct_regions

    n = len(regions)
    if not correct:
        grid = images[0].grid
        occupancies = settled_occupancies(regions, grid)
        volume = np.array([float(o.sum(dtype=np.float64)) * grid.voxel_ml for o in occupancies])
        measured = np.array(
            [
                [float((o * resample(v, grid).array).sum(dtype=np.float64)) * grid.voxel_ml / 1e6 for v in images]
                for o in occupancies
            ]
        )
        return measured, measured, volume
    body = body_region_of(study, images[0].grid.frame_of_reference)
    given = regions if body is None else (*regions, body)
    found = [correct_regions(image, given, fwhm) for image in images]
    corrected = np.stack([np.asarray(f.corrected_mbq)[:n] for f in found], axis=1)
    measured = np.stack([np.asarray(f.uncorrected_mbq)[:n] for f in found], axis=1)
    return corrected, measured, np.asarray(found[0].volume_ml)[:n]


def _noise_mbq(image: Volume, regions: tuple[Region, ...], measured: Floats, fwhm: float) -> Floats:
    """Standard deviation from counting noise of each region's measured activity ``(region,)`` in MBq.

    Reconstructed noise is correlated over about one blur width. In the largest region, half the variance of
    differences between voxels one width apart is the variance of one resolution element; elsewhere it scales with the
    concentration. A region's mean averages over its number of elements, (π/4 ln 2)^1.5 · FWHM³ each.
    """
    from neorlt.imaging.resample import region_on

    reference = max(regions, key=lambda region: region.volume_ml)
    occupancy = region_on(reference, image.grid) > 0.99
    differences = []
    for axis, spacing in enumerate(image.grid.spacing_mm):
        lag = max(1, round(fwhm / spacing)) if fwhm else 2
        if image.grid.shape[axis] <= lag:
            continue
        first = [slice(None)] * 3
        second = [slice(None)] * 3
        first[axis], second[axis] = slice(None, -lag), slice(lag, None)
        both = occupancy[tuple(first)] & occupancy[tuple(second)]
        differences.append((image.array[tuple(first)][both] - image.array[tuple(second)][both]).astype(np.float64))
    sample = np.concatenate(differences) if differences else np.zeros(0)
    if sample.size < 30:
        return np.zeros(len(regions))
    # The median absolute deviation leaves out edges and texture; 1.4826 makes it a standard deviation.
    sd_element = 1.4826 * float(np.median(np.abs(sample - np.median(sample)))) / np.sqrt(2.0)
    mean_reference = float(image.array[occupancy].mean())
    element_ml = max((np.pi / (4 * np.log(2.0))) ** 1.5 * fwhm**3 / 1000.0, image.grid.voxel_ml)
    noise = np.zeros(len(regions))
    for i, region in enumerate(regions):
        concentration = max(measured[i], 0.0) * 1e6 / region.volume_ml
        sd = sd_element * np.sqrt(concentration / max(mean_reference, 1e-12))
        noise[i] = sd * region.volume_ml / 1e6 / np.sqrt(max(region.volume_ml / element_ml, 1.0))
    return noise
