"""A map of time-integrated activity: each voxel integrated with the kinetics of the region it lies in.

The pattern inside a region comes from all images together, each weighted by the region's fitted activity at its time
(the least-squares estimate of one amplitude per voxel). It is corrected for blur voxel by voxel with the region-based
method (Thomas 2011, Eur J Nucl Med Mol Imaging 38:1104: image × s / (s ⊗ blur), s the piecewise-constant image of
corrected means) and then scaled so that the region holds exactly its time-integrated activity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neorlt.dosimetry.objects import TimeIntegratedActivity
from neorlt.dosimetry.region_dose import body_mask, rest_of_body
from neorlt.dosimetry.s_values import settled_occupancies
from neorlt.imaging.resample import resample
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Unit, Volume

Floats = NDArray[np.float64]


def tia_map(
    study: Study,
    tias: Sequence[TimeIntegratedActivity],
    *,
    psf_fwhm_mm: float | None = None,
    seed: int = 0,
    rest: TimeIntegratedActivity | None = None,
) -> Volume:
    """Time-integrated activity per volume on the grid of the first therapy image.

    Parameters
    ----------
    study
        Images and regions; the images must lie in one frame of reference.
    tias
        One per region; the median over draws is mapped.
    psf_fwhm_mm
        Blur for the voxel-wise correction; the study's own where left out, none where that is missing too.
    seed
        Seed of the fit of the rest of the body.
    rest
        Of the rest of the body, from :func:`~neorlt.dosimetry.region_dose.rest_of_body`; fitted here where left out.

    Returns
    -------
    Volume
        MBq·h/ml; the sum over a region is its time-integrated activity, and outside of all regions that of the rest.
    """
    images = study.therapy_images()
    grid = images[0].grid
    stack = [resample(image, grid).array for image in images]
    by_name = {region.name: region for region in study.regions}
    occupancies = settled_occupancies([by_name[tia.name] for tia in tias], grid)
    covered = np.clip(np.sum(occupancies, axis=0), 0.0, 1.0).astype(np.float32)
    fwhm = study.psf_fwhm_mm if psf_fwhm_mm is None else psf_fwhm_mm
    totals = [float(np.median(tia.draws_mbq_h)) for tia in tias]
    times = tias[0].curve.time_h
    rest = rest or rest_of_body(study, [tia.curve for tia in tias], seed=seed, n_draws=len(tias[0].amplitude_mbq))
    rest_total = 0.0 if rest is None else float(np.median(rest.draws_mbq_h))
    body = body_mask(study, images[0])
    outside = 1.0 - covered
    if body is not None:
        outside *= body
    outside_ml = float(outside.sum(dtype=np.float64)) * grid.voxel_ml
    piecewise = outside * np.float32(rest_total / max(outside_ml, grid.voxel_ml))
    for occupancy, total, tia in zip(occupancies, totals, tias, strict=True):
        piecewise = piecewise + occupancy * np.float32(total / tia.curve.volume_ml)
    ratio = _blur_ratio(piecewise, grid.spacing_mm, fwhm)
    result = np.zeros(grid.shape, dtype=np.float32)
    for occupancy, total, tia in zip(occupancies, totals, tias, strict=True):
        box = _box(occupancy)
        pattern = _amplitude([image[box] for image in stack], _fitted(tia, times)) * ratio[box] * occupancy[box]
        _add(result, box, pattern, total, occupancy[box], grid.voxel_ml)
    if rest is not None and outside_ml > 0:
        everything = (slice(None), slice(None), slice(None))
        pattern = _amplitude(stack, _fitted(rest, times)) * ratio * outside
        _add(result, everything, pattern, rest_total, outside, grid.voxel_ml)
    return Volume(
        result,
        grid,
        Unit.TIA_MBQ_H_PER_ML,
        "NM",
        time=images[0].time,
        nuclide=tias[0].nuclide,
        description="time-integrated activity",
        notes=("voxel-wise, with each region's own kinetics",),
    )


def _fitted(tia: TimeIntegratedActivity, times: Floats) -> Floats:
    """Median fitted activity at the image times ``(t,)``."""
    decay = np.exp(-tia.rate_per_h[:, :, None] * times)
    return np.asarray(np.median((tia.amplitude_mbq[:, :, None] * decay).sum(axis=1), axis=0))


def _amplitude(stack: Sequence[NDArray[np.float32]], weight: Floats) -> NDArray[np.float32]:
    total = np.zeros_like(stack[0])
    for image, w in zip(stack, weight, strict=True):
        total += image * np.float32(max(w, 0.0) / weight.max())
    return np.maximum(total, 0.0)


def _blur_ratio(
    piecewise: NDArray[np.float32], spacing_mm: tuple[float, float, float], fwhm: float | None
) -> NDArray[np.float32]:
    if not fwhm:
        return np.ones_like(piecewise)
    from scipy.ndimage import gaussian_filter

    sigma = [fwhm / np.sqrt(8.0 * np.log(2.0)) / s for s in spacing_mm]
    blurred = gaussian_filter(piecewise, sigma, mode="nearest", truncate=3.5)
    floor = 1e-3 * float(blurred.max())
    # A voxel far from any activity has nothing to correct; the ratio is held to what one blur can do.
    return np.clip(np.where(blurred > floor, piecewise / np.maximum(blurred, floor), 1.0), 0.0, 10.0).astype(np.float32)


def _box(occupancy: NDArray[np.float32]) -> tuple[slice, slice, slice]:
    found = []
    for axis in range(3):
        filled = np.flatnonzero(occupancy.any(axis=tuple(a for a in range(3) if a != axis)))
        found.append(slice(int(filled[0]), int(filled[-1]) + 1) if filled.size else slice(0, 1))
    return (found[0], found[1], found[2])


def _add(
    result: NDArray[np.float32],
    box: tuple[slice, slice, slice],
    pattern: NDArray[np.float32],
    total_mbq_h: float,
    occupancy: NDArray[np.float32],
    voxel_ml: float,
) -> None:
    """Add a region's pattern, scaled to its total; an empty pattern (all measured values 0) becomes uniform."""
    mass = float(pattern.sum(dtype=np.float64))
    if mass <= 0:
        pattern, mass = occupancy, float(occupancy.sum(dtype=np.float64))
    if mass > 0:
        result[box] += pattern * np.float32(total_mbq_h / (mass * voxel_ml))
