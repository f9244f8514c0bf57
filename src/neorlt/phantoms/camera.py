"""A camera that blurs unevenly: distance-dependent width averaged over the orbit, a faint long tail, counts.

The blur is deliberately *not* the single Gaussian that a partial-volume correction assumes. Each source voxel is spread
by the mean, over all projection angles, of Gaussians whose width grows with the distance to the detector at that angle
(views that tissue attenuates less count more, so blur is narrower near the skin), plus a small share with a much wider
Gaussian (scatter and septal penetration that the reconstruction left). Spreading by source position conserves activity.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from neorlt.imaging.volume import Grid

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
N_WIDTHS = 6
N_ANGLES = 72


@dataclass(frozen=True)
class Blur:
    """Width of the reconstructed point-spread function by place.

    Full width at half maximum for one angle: ``sqrt(near_mm² + (slope · d)²)`` with ``d`` the distance in mm
    between source and detector; the detector runs on an ellipse round the axis x = y = 0.

    Parameters
    ----------
    near_mm
        Width at the detector's face in mm (crystal, reconstruction and filter).
    slope
        Growth of the width with distance (mm per mm) that resolution recovery leaves.
    orbit_mm
        Half-axes of the orbit in mm, left-right and front-back.
    tail_share, tail_fwhm_mm
        Share of the activity in the long tail, and the tail's width in mm.
    attenuation_per_mm
        Broad-beam attenuation by which nearer views outweigh farther ones.

    """

    near_mm: float
    slope: float
    orbit_mm: tuple[float, float]
    tail_share: float
    tail_fwhm_mm: float
    attenuation_per_mm: float = 0.0

    def __post_init__(self) -> None:
        if self.near_mm <= 0 or self.slope < 0 or min(self.orbit_mm) <= 0 or self.tail_fwhm_mm <= 0:
            raise ValueError("a blur needs positive widths and a positive orbit")
        if not 0 <= self.tail_share < 1:
            raise ValueError(f"tail share must lie in 0…1, found {self.tail_share}")

    def widths_mm(
        self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Widths in mm and weights (sum 1), each (..., angle), at points (...) of the transverse plane."""
        angle = 2 * np.pi * np.arange(N_ANGLES) / N_ANGLES
        detector = np.hypot(self.orbit_mm[0] * np.cos(angle), self.orbit_mm[1] * np.sin(angle))
        depth = detector - x_mm[..., None] * np.cos(angle) - y_mm[..., None] * np.sin(angle)
        depth = np.maximum(depth, 0.0)
        weight = np.exp(-self.attenuation_per_mm * depth)
        return np.hypot(self.near_mm, self.slope * depth), weight / weight.sum(axis=-1, keepdims=True)

    def as_json(self) -> dict[str, Any]:
        """The blur's numbers, for ``truth.json``."""
        return {
            "near_fwhm_mm": self.near_mm,
            "growth_per_mm": self.slope,
            "orbit_half_axes_mm": list(self.orbit_mm),
            "tail_share": self.tail_share,
            "tail_fwhm_mm": self.tail_fwhm_mm,
            "attenuation_per_mm": self.attenuation_per_mm,
        }


@dataclass(frozen=True)
class Camera:
    """Blur and counting of one scanner.

    Parameters
    ----------
    blur
        See :class:`Blur`.
    sensitivity_cps_per_mbq
        Counts per second and MBq in air.
    duration_s
        Acquisition time in seconds.
    detected_share
        Share of the counts that leaves the patient (mean over the body).
    noise_variance_factor
        By how much the reconstruction's variance exceeds that of the counts detected from a voxel.

    """

    blur: Blur
    sensitivity_cps_per_mbq: float
    duration_s: float
    detected_share: float
    noise_variance_factor: float

    @property
    def counts_per_mbq(self) -> float:
        """Effective counts per MBq in a voxel: their Poisson noise is the image's."""
        detected = self.sensitivity_cps_per_mbq * self.duration_s * self.detected_share
        return detected / self.noise_variance_factor

    def as_json(self) -> dict[str, Any]:
        """The camera's numbers, for ``truth.json``."""
        return {
            "blur": self.blur.as_json(),
            "sensitivity_cps_per_mbq": self.sensitivity_cps_per_mbq,
            "duration_s": self.duration_s,
            "detected_share": self.detected_share,
            "noise_variance_factor": self.noise_variance_factor,
            "noise": "Poisson counts of each image voxel",
        }


def _axis(grid: Grid, axis: int) -> tuple[int, float, float]:
    return grid.shape[axis], float(grid.affine[axis, axis]), float(grid.affine[axis, 3])


@functools.lru_cache(maxsize=64)
def _spread(source: tuple[int, float, float], image: tuple[int, float, float], sigma_mm: float) -> NDArray[np.float32]:
    """Matrix (image, source) of the share of a source voxel's activity that lands in an image voxel.

    A Gaussian is applied on the source grid (integrated over each voxel), then blocks are summed into the image's voxels
    by overlap of their edges. Axes are (number of voxels, edge in mm, first centre in mm).
    """
    (count_in, step_in, first_in), (count_out, step_out, first_out) = source, image
    centre_in = first_in + step_in * np.arange(count_in)
    centre_out = first_out + step_out * np.arange(count_out)
    margin = int(math.ceil(5 * sigma_mm / step_in))
    padded = centre_in[0] + step_in * np.arange(-margin, centre_in.size + margin)
    edges = np.concatenate([padded - step_in / 2, [padded[-1] + step_in / 2]])
    cumulative = 0.5 * (1 + erf((edges[:, None] - centre_in[None, :]) / (sigma_mm * math.sqrt(2))))
    gauss = np.diff(cumulative, axis=0)
    low = np.maximum((centre_out - step_out / 2)[:, None], (padded - step_in / 2)[None, :])
    high = np.minimum((centre_out + step_out / 2)[:, None], (padded + step_in / 2)[None, :])
    overlap = np.maximum(high - low, 0.0) / step_in
    return np.asarray(overlap @ gauss, dtype=np.float32)


def _apply(array: NDArray[np.float32], source: Grid, image: Grid, sigma_mm: float) -> NDArray[np.float32]:
    """Blur by a Gaussian and sum into image voxels, axis by axis."""
    matrices = [_spread(_axis(source, axis), _axis(image, axis), sigma_mm) for axis in range(3)]
    out = np.tensordot(matrices[0], array, axes=(1, 0))
    out = np.tensordot(out, matrices[2], axes=(2, 1))
    return np.ascontiguousarray(np.einsum("xyz,jy->xjz", out, matrices[1], optimize=True))


def blurred(activity_mbq: NDArray[np.float32], source: Grid, image: Grid, blur: Blur) -> NDArray[np.float32]:
    """Activity in MBq of each image voxel after the blur.

    Parameters
    ----------
    activity_mbq
        ``(nx, ny, nz)`` activity in MBq of each voxel of ``source``.
    source, image
        Grids with axes along the patient's (no rotation); the image's voxels are the larger ones.
    blur
        Widths by place and the tail.

    """
    x = source.affine[0, 3] + source.affine[0, 0] * np.arange(source.shape[0])
    y = source.affine[1, 3] + source.affine[1, 1] * np.arange(source.shape[1])
    widths, share = blur.widths_mm(x[:, None], y[None, :])
    nodes = np.linspace(widths.min(), widths.max() + 1e-9, N_WIDTHS)
    # mixture weights of the nodes at every (x, y): the weighted mean over angles of linear interpolation between nodes
    place = (widths - nodes[0]) / (nodes[1] - nodes[0])
    total = np.zeros(image.shape, dtype=np.float32)
    for number, node in enumerate(nodes):
        weight = (np.maximum(0.0, 1.0 - np.abs(place - number)) * share).sum(axis=2)
        part = activity_mbq * ((1 - blur.tail_share) * weight[:, :, None]).astype(np.float32)
        total += _apply(part, source, image, node / FWHM_PER_SIGMA)
    if blur.tail_share > 0:
        total += np.float32(blur.tail_share) * _apply(activity_mbq, source, image, blur.tail_fwhm_mm / FWHM_PER_SIGMA)
    return np.maximum(total, 0.0)


def counted(activity_mbq: NDArray[np.float32], camera: Camera, rng: np.random.Generator) -> NDArray[np.float32]:
    """Image voxels' activity in MBq with counting noise: Poisson of the effective counts."""
    counts = rng.poisson(activity_mbq.astype(np.float64) * camera.counts_per_mbq)
    return (counts / camera.counts_per_mbq).astype(np.float32)
