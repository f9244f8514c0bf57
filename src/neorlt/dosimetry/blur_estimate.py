"""How blurred the images are, read from the edges of their own organs, beside the blur that is stated.

Each organ is modelled as even activity in its contour over an even surrounding, both spread by a Gaussian; other regions near by are
regressors of their own. The width that leaves the least residual in a band about the organ's edge is that organ's estimate. Organs and
time points differ by texture, contour and breathing, and their spread is the uncertainty. A contour that lies wrong, breathing and a
blur that is not Gaussian all widen an edge: the estimate is of what images *show* at their edges, which is what a correction needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.region import RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume

Floats = NDArray[np.float64]
COARSE_MM = (4.0, 7.0, 10.0, 13.0, 16.0, 19.0, 22.0, 25.0)
STEP_MM = 1.0
"""Widths tried first; the best is refined by a parabola through it and its neighbours one step away."""
LEAST_ML = 60.0
"""Smaller regions are mostly edge: they say little that their own unevenness does not."""
LEAST_CONTRAST = 0.5
"""An organ whose activity is not this part above its surroundings has no edge to read."""
BAND_MM = 16.0
PER_ORGAN_SD_MM = 1.2
"""What one organ's estimate is uncertain by, at least (texture, contour, breathing): seen on the synthetic studies of the tests."""
ALARM_SD = 2.2
"""Apart by so many standard deviations of both: said."""


@dataclass(frozen=True)
class BlurEstimate:
    """``fwhm_mm`` with its standard deviation, from ``organs`` (one estimate each)."""

    fwhm_mm: float
    sd_mm: float
    organs: tuple[tuple[str, float], ...]

    def as_json(self, stated_mm: float | None, stated_sd_mm: float) -> dict[str, Any]:
        """Plain numbers, with the stated blur beside."""
        return {
            "fwhm_mm": self.fwhm_mm, "sd_mm": self.sd_mm, "stated_mm": stated_mm, "apart": self.apart(stated_mm, stated_sd_mm),
            "organs": [{"name": name, "fwhm_mm": width} for name, width in self.organs],
        }  # fmt: skip

    def apart(self, stated_mm: float | None, stated_sd_mm: float) -> bool:
        """Whether the stated blur and the edges disagree by more than both their uncertainties allow."""
        return stated_mm is not None and abs(self.fwhm_mm - stated_mm) > ALARM_SD * float(np.hypot(self.sd_mm, stated_sd_mm))

    def sentence(self, stated_mm: float | None, stated_sd_mm: float) -> str | None:
        """What a reader should know, or None where both agree."""
        if not self.apart(stated_mm, stated_sd_mm):
            return None
        return (
            f"The edges of the organs look blurred by {self.fwhm_mm:.1f} ± {self.sd_mm:.1f} mm, the stated blur is {stated_mm:.1f} mm: "
            "check it with `neorlt recovery`; small lesions move by several per cent a millimetre."
        )


def estimate_blur(study: Study) -> BlurEstimate | None:
    """Blur of a study's SPECT from the edges of its organs; None where no organ has an edge that can be read.

    Parameters
    ----------
    study
        With SPECT and regions in place; organs of 60 ml or more are read.
    """
    everything = (*study.organs(), *study.lesions())
    organs = [region for region in everything if region.kind is RegionKind.ORGAN and region.volume_ml >= LEAST_ML]
    spect = study.therapy_images()
    if not study.moved and all(image.grid.same_as(spect[0].grid) for image in spect):
        # one place for all: their sum has the same edges and less noise
        spect = (spect[0].with_array(np.sum([image.array for image in spect], axis=0)),)
    images = []
    if organs:
        images = [(image, [region_on(r, image.grid) for r in study.regions_at(k, everything)]) for k, image in enumerate(spect)]
    found = []
    for organ in organs:
        widths = []
        for image, here in images:
            n = [region.name for region in everything].index(organ.name)
            width = _width(image, here[n], [part for k, part in enumerate(here) if k != n])
            if width is not None:
                widths.append(width)
        if widths:
            found.append((organ.name, float(np.median(widths))))
    if not found:
        return None
    values = np.array([width for _, width in found])
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) > 2 else 0.0
    sd = max(spread, PER_ORGAN_SD_MM) / float(np.sqrt(len(values)))
    return BlurEstimate(float(np.median(values)), sd, tuple(found))


def _width(image: Volume, own: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> float | None:
    """Gaussian width that explains one image about one organ's edge best; None where there is no contrast or no minimum."""
    from scipy.ndimage import gaussian_filter

    grid = image.grid
    margin = [int(np.ceil(2.0 * BAND_MM / s)) for s in grid.spacing_mm]
    filled = [np.flatnonzero(own.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    if any(f.size == 0 for f in filled):
        return None
    box = tuple(slice(max(int(f[0]) - m, 0), int(f[-1]) + m + 1) for f, m in zip(filled, margin, strict=True))
    near: list[NDArray[np.float32]] = [own[box].astype(np.float32)]
    for other in others:
        part = other[box]
        if part.any():
            near.append(np.minimum(part, 1.0 - np.clip(np.sum(near, axis=0), 0.0, 1.0)).astype(np.float32))
    y = np.asarray(image.array[box], dtype=np.float64)
    sigma_band = [BAND_MM / 2.0 / s for s in grid.spacing_mm]
    edge = gaussian_filter(near[0], sigma_band)
    band = (edge > 0.03) & (edge < 0.97)
    if band.sum() < 100:
        return None
    wanted = y[band]

    def misfit(width: float) -> tuple[float, float]:
        sigma = [width / np.sqrt(8.0 * np.log(2.0)) / s for s in grid.spacing_mm]
        columns = [gaussian_filter(part, sigma, mode="nearest", truncate=3.0)[band].astype(np.float64) for part in near]
        design = np.stack([*columns, np.ones(int(band.sum()))], axis=1)
        beta = np.linalg.lstsq(design, wanted, rcond=None)[0]
        return float(((wanted - design @ beta) ** 2).sum()), float(beta[0] / max(abs(beta[-1]), 1e-12))

    coarse = [misfit(width) for width in COARSE_MM]
    best = int(np.argmin([residual for residual, _ in coarse]))
    if coarse[best][1] < LEAST_CONTRAST or best in (0, len(COARSE_MM) - 1):
        return None
    centre = _vertex(COARSE_MM[best], COARSE_MM[1] - COARSE_MM[0], [coarse[n][0] for n in (best - 1, best, best + 1)])
    return _vertex(centre, STEP_MM, [misfit(centre + shift)[0] for shift in (-STEP_MM, 0.0, STEP_MM)])


def _vertex(middle: float, step: float, values: Sequence[float]) -> float:
    """Where the parabola through three equally spaced values has its least, at most one step from the middle."""
    a, b, c = values
    bend = a - 2.0 * b + c
    return middle if bend <= 0 else middle + float(np.clip(0.5 * (a - c) / bend, -1.0, 1.0)) * step


@dataclass(frozen=True)
class UsedBlur:
    """Blur that the correction took, with its standard deviation, from the stated one and that of the edges."""

    fwhm_mm: float
    sd_mm: float
    stated_mm: float
    stated_sd_mm: float
    estimate: BlurEstimate | None

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        edges = None if self.estimate is None else self.estimate.as_json(self.stated_mm, self.stated_sd_mm)
        return {
            "used_mm": self.fwhm_mm, "sd_mm": self.sd_mm, "stated_mm": self.stated_mm, "stated_sd_mm": self.stated_sd_mm, "edges": edges,
        }  # fmt: skip


def combine_blur(stated_mm: float, stated_sd_mm: float, estimate: BlurEstimate | None) -> UsedBlur:
    """The stated blur and that of the edges, weighted by precision; where they disagree, the uncertainty grows by Birge's ratio.

    Parameters
    ----------
    stated_mm, stated_sd_mm
        From the settings or the command.
    estimate
        Of the images; the stated one alone where it is None.
    """
    if estimate is None or stated_sd_mm <= 0 or stated_mm <= 0:
        return UsedBlur(stated_mm, stated_sd_mm, stated_mm, stated_sd_mm, estimate)
    weights = np.array([stated_sd_mm**-2.0, estimate.sd_mm**-2.0])
    values = np.array([stated_mm, estimate.fwhm_mm])
    mean = float(weights @ values / weights.sum())
    birge = max(1.0, float(np.sqrt(weights @ (values - mean) ** 2)))
    return UsedBlur(mean, birge * float(weights.sum() ** -0.5), stated_mm, stated_sd_mm, estimate)
