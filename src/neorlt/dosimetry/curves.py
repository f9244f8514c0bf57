"""Region activity over time from the therapy images, corrected for partial volume, with a standard deviation per point."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import generator
from neorlt.core.errors import InputError
from neorlt.dosimetry.body import body_region_of
from neorlt.dosimetry.objects import TimeActivity
from neorlt.dosimetry.s_values import surface_mm2
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings, contour_power, volume_cv
from neorlt.imaging.blur import Blur, BlurMap
from neorlt.imaging.region import Region
from neorlt.imaging.resample import resample, shared_field
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume

Floats = NDArray[np.float64]
BODY_LESS_REGIONS = "rest of body"
ONE_MOMENT_H = 1.0 / 60.0
"""Images that start closer than this are of one acquisition: reconstructions of it."""
ONE_SESSION_H = 2.0
"""Bed positions follow one another within this (half an hour each)."""
SAME_FIELD = 0.5
"""Two images of one session that share less of their field of view show two parts of the body."""


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
    gaps = np.diff(times)
    _refuse_beds(images, times)
    if np.any((gaps >= 0) & (gaps <= ONE_MOMENT_H)):
        twice = sorted({f"{t:.2f} h" for t, gap in zip(times, gaps, strict=False) if 0 <= gap <= ONE_MOMENT_H})
        raise InputError(
            "two therapy images show one moment: two reconstructions of one acquisition, or one with and one without a correction",
            expected="one image a time point",
            found=f"two at {', '.join(twice)} after the injection",
            remedy="take one of them out of the folder (their SeriesDescription (0008,103E) says which is which)",
        )
    if np.any(times < 0) or np.any(gaps < 0):
        raise InputError(
            "times run backwards",
            expected="images after the injection, each later than the one before",
            found=", ".join(f"{t:.2f} h" for t in times),
            remedy="check the start of the radiopharmaceutical (0018,1072) and the acquisition times",
        )
    return times


def _refuse_beds(images: Sequence[Volume], times: Floats) -> None:
    """Refuse images of one session that show two parts of the body: as two points of a curve each is empty where the other one is not.

    Raises
    ------
    InputError
        Naming both times.
    """
    for one, other, at, then in zip(images[:-1], images[1:], times[:-1], times[1:], strict=True):
        same_frame = one.grid.frame_of_reference == other.grid.frame_of_reference
        shared = shared_field(one.grid, other.grid)
        if 0 <= then - at < ONE_SESSION_H and same_frame and shared < SAME_FIELD:
            raise InputError(
                "two therapy images of one session show two parts of the body: bed positions kept as images of their own",
                expected="one image a time point",
                found=f"{at:.2f} h and {then:.2f} h after the injection, {100 * shared:.0f} % of the smaller in both",
                remedy="stitch the bed positions on the camera's workstation, or take out those that do not hold the regions",
            )


def activity_curves(
    study: Study,
    *,
    psf_fwhm_mm: float | None = None,
    correct: bool = True,
    settings: UncertaintySettings = DEFAULT,
    seed: int = 0,
    beside: Sequence[Region] | None = None,
) -> tuple[TimeActivity, ...]:
    """Time–activity curve of every organ and lesion of the study.

    Parameters
    ----------
    study
        With SPECT in Bq/ml, one administration and regions.
    psf_fwhm_mm
        Blur (full width at half maximum) for the correction; the study's own where left out (by place where it states one).
    correct
        Correct for partial volume by the region-based geometric transfer matrix (Rousset 1998). Without it the sums
        over the contours are taken as they are.
    settings
        What each step may be wrong by. A blur that states its own standard deviation counts instead of the setting.
    seed
        Of the draws of blur and contours.
    beside
        Regions without a role that spill into the others (:func:`~neorlt.imaging.hot.hot_without_role`); looked for where left out.

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
    blur: Blur | None = study.psf_map if psf_fwhm_mm is None and study.psf_map is not None else fwhm
    if not correct or blur is None:
        beside = ()
    elif beside is None:
        from neorlt.imaging.hot import hot_without_role

        beside = [one.region for one in hot_without_role(study, blur) if not one.inside]
    corrected, measured, volume_ml, worlds = _activities(study, images, regions, beside, blur if correct else None, settings, seed)
    noise = np.stack([_noise_mbq(image, regions, measured[:, t], float(fwhm or 0.0)) for t, image in enumerate(images)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        recovery = np.where(corrected > 0, measured / corrected, 1.0)
    recovery = np.clip(np.median(recovery, axis=1), 0.05, 1.0)
    nuclide = str(images[0].nuclide)
    curves = []
    for i, region in enumerate(regions):
        scale = float(np.max(corrected[i]))
        if not scale > 0 and np.max(measured[i]) > 0:
            raise InputError(
                "a region holds no activity of its own: regions that share voxels with it, or lie beside it, explain all of it",
                found=f"{np.max(measured[i]):.3g} MBq before the correction for blur",
                where=f"region {region.name}",
                remedy='draw it without the voxels of others (a tumour and its margin are one lesion), or say "other" for one of them under'
                " [roles] in settings.toml",
            )
        if not scale > 0:
            raise InputError(
                "a region holds no activity", where=f"region {region.name}", remedy="check the contour and the scaling"
            )
        sd = np.hypot(settings.per_image_cv * np.maximum(corrected[i], 0.05 * scale), noise[i] / recovery[i])
        radius = 3.0 * region.volume_ml * 1000.0 / surface_mm2(region)
        curves.append(
            TimeActivity(
                name=region.name,
                nuclide=nuclide,
                volume_ml=float(volume_ml[i]),
                time_h=times,
                activity_mbq=corrected[i],
                sd_mbq=sd,
                uncorrected_mbq=measured[i],
                shared_cv=settings.calibration_cv if study.calibration_cv is None else study.calibration_cv,
                own_draws=None if worlds is None else worlds[:, i],
                volume_cv=volume_cv(radius, settings.contour_sd_mm),
                contour_power=contour_power(radius, float(fwhm or 0.0), settings.contour_sd_mm, corrected=correct),
            )
        )
    return tuple(curves)


def _activities(
    study: Study,
    images: tuple[Volume, ...],
    regions: tuple[Region, ...],
    beside: Sequence[Region],
    blur: Blur | None,
    settings: UncertaintySettings,
    seed: int,
) -> tuple[Floats, Floats, Floats, Floats | None]:
    """Corrected and measured activity ``(region, time)`` in MBq, volumes less overlaps in ml, and worlds ``(draw, region)``.

    ``beside`` are sources too, and give no curve.

    A world is a factor on a region's corrected activity for a blur and contours that may be: the draws' activity over that
    of the matrix as stated, summed over time. Without a blur nothing is corrected and there are no worlds.
    """
    from neorlt.dosimetry.s_values import settled_occupancies
    from neorlt.imaging.partial_volume import MatrixUncertainty, Transfer, build_transfer

    n = len(regions)
    if blur is None:
        grid = images[0].grid
        occupancies = settled_occupancies(regions, grid)
        volume = np.array([float(o.sum(dtype=np.float64)) * grid.voxel_ml for o in occupancies])
        measured = np.array(
            [
                [float((o * resample(v, grid).array).sum(dtype=np.float64)) * grid.voxel_ml / 1e6 for v in images]
                for o in occupancies
            ]
        )
        return measured, measured, volume, None
    body = body_region_of(study, images[0].grid.frame_of_reference)
    own_sd = blur.sd_mm if isinstance(blur, BlurMap) else None
    doubt = MatrixUncertainty(settings.psf_fwhm_sd_mm if own_sd is None else own_sd, settings.contour_shift_sd_mm)
    transfers: list[Transfer] = []
    found = []
    for k, image in enumerate(images):
        given = (*study.regions_at(k, [*regions, *beside]), *(() if body is None else (body,)))
        known = next((t for t in transfers if not study.moved and t.grid.same_as(image.grid)), None)
        if known is None:
            known = build_transfer(image.grid, given, blur, uncertainty=doubt, rng=generator(seed, "transfer matrix"))
            transfers.append(known)
        found.append(known.correct(image))
    corrected = np.stack([f.corrected_mbq[:n] for f in found], axis=1)
    measured = np.stack([f.uncorrected_mbq[:n] for f in found], axis=1)
    drawn = np.sum([f.draws_mbq[:, :n] for f in found if f.draws_mbq is not None], axis=0)
    total = corrected.sum(axis=1)
    # a factor that a draw turns negative or doubles says only that the matrix is near its limit: it stays a factor
    worlds = np.clip(drawn / np.where(total > 0, total, 1.0), 0.05, 20.0)
    return corrected, measured, found[0].volume_ml[:n], worlds


def _noise_mbq(image: Volume, regions: tuple[Region, ...], measured: Floats, fwhm: float) -> Floats:
    """Standard deviation from counting noise of each region's measured activity ``(region,)`` in MBq.

    In the largest region, half the variance of differences between voxels one blur width apart is the variance of one
    voxel, and that of neighbours tells how far noise is correlated; elsewhere the variance scales with the concentration.
    A region's mean averages over its number of independent elements.
    """
    from neorlt.imaging.resample import region_on

    reference = max(regions, key=lambda region: region.volume_ml)
    occupancy = region_on(reference, image.grid) > 0.99
    lags = [max(1, round(fwhm / spacing)) if fwhm else 2 for spacing in image.grid.spacing_mm]
    far = [_differences(image, occupancy, axis, lag) for axis, lag in enumerate(lags)]
    if sum(d.size for d in far) < 30:
        return np.zeros(len(regions))
    sd_voxel = _spread_of(np.concatenate(far)) / np.sqrt(2.0)
    element_ml = 1.0
    for axis, spacing in enumerate(image.grid.spacing_mm):
        near = _differences(image, occupancy, axis, 1)
        correlation = 1.0 - 0.5 * (_spread_of(near) / sd_voxel) ** 2 if near.size >= 30 and sd_voxel > 0 else 0.0
        element_ml *= _element_mm(correlation, spacing, fwhm) / 10.0
    mean_reference = float(image.array[occupancy].mean())
    noise = np.zeros(len(regions))
    for i, region in enumerate(regions):
        concentration = max(measured[i], 0.0) * 1e6 / region.volume_ml
        sd = sd_voxel * np.sqrt(concentration / max(mean_reference, 1e-12))
        noise[i] = sd * region.volume_ml / 1e6 / np.sqrt(max(region.volume_ml / element_ml, 1.0))
    return noise


def _differences(image: Volume, occupancy: NDArray[np.bool_], axis: int, lag: int) -> Floats:
    """Differences between voxels of a mask that lie ``lag`` apart along an axis."""
    if image.grid.shape[axis] <= lag:
        return np.zeros(0)
    first, second = [slice(None)] * 3, [slice(None)] * 3
    first[axis], second[axis] = slice(None, -lag), slice(lag, None)
    both = occupancy[tuple(first)] & occupancy[tuple(second)]
    return np.asarray(image.array[tuple(first)][both] - image.array[tuple(second)][both], dtype=np.float64)


def _spread_of(sample: Floats) -> float:
    """Standard deviation from the median absolute deviation, which leaves out edges and texture (factor 1.4826)."""
    return 1.4826 * float(np.median(np.abs(sample - np.median(sample))))


def _element_mm(correlation: float, spacing_mm: float, fwhm_mm: float) -> float:
    """Length over which noise is one, from the correlation of neighbours: that of noise smoothed by a Gaussian.

    Smoothing by s gives the correlation exp(−d²/4s²) at distance d and an element of √(4π)·s. It is at least a voxel and
    at most that of the blur itself.
    """
    most = max(np.sqrt(np.pi / (2.0 * np.log(2.0))) * fwhm_mm, spacing_mm)
    if correlation <= 0.0:
        return spacing_mm
    if correlation >= 1.0:
        return float(most)
    smoothed = spacing_mm / (2.0 * np.sqrt(-np.log(correlation)))
    return float(np.clip(np.sqrt(4.0 * np.pi) * smoothed, spacing_mm, most))
