"""What a phantom's spheres say beyond one blur: recovery by volume and shape, and the blur by distance from the axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.blur import BlurMap
from neorlt.imaging.recovery import RecoveryFit, sphere_recovery, without_voxels

Floats = NDArray[np.float64]

KNOTS = 6
"""Distances at which the fitted blur by distance is stated."""


@dataclass(frozen=True)
class VolumeRecovery:
    """Recovery by volume, ``1/(1 + (half_ml/V)^power)``: the empirical alternative to the transfer matrix.

    It was fitted to spheres; a region that is not round recovers less (see ``of``).
    """

    half_ml: float
    power: float
    log_half_sd: float

    def of(self, volume_ml: float, sphericity: float = 1.0) -> float:
        """Recovery of a region; ``sphericity`` (0…1) is the surface of a ball of its volume over the region's.

        The volume is shrunk by ``sphericity³``: a region recovers like the ball of its own volume-to-surface ratio.
        """
        if not volume_ml > 0 or not 0 < sphericity <= 1:
            raise ValueError("volume must be above 0 and sphericity in 0…1")
        return float(1.0 / (1.0 + (self.half_ml / (volume_ml * sphericity**3)) ** self.power))

    def draws(self, volume_ml: float, normal: Floats) -> Floats:
        """Recovery ``(draw,)`` for standard normal draws of the curve's position."""
        half = self.half_ml * np.exp(self.log_half_sd * np.asarray(normal))
        return np.asarray(1.0 / (1.0 + (half / volume_ml) ** self.power))


def fit_volume_recovery(volume_ml: Floats, recovery: Floats) -> VolumeRecovery:
    """Fit the curve to spheres: a straight line of ``logit(recovery)`` on ``log(volume)``.

    Raises
    ------
    InputError
        If there are fewer than three spheres with recoveries between 0 and 1, or recovery falls with size.
    """
    v, r = np.asarray(volume_ml, dtype=np.float64), np.asarray(recovery, dtype=np.float64)
    kept = (r > 0.01) & (r < 0.995)
    if kept.sum() < 3:
        raise InputError(
            "a recovery curve needs three spheres between 1 % and 99 %", found=f"{int(kept.sum())}", remedy="measure more spheres"
        )
    x, y = np.log(v[kept]), np.log(r[kept] / (1.0 - r[kept]))
    power, offset = np.polyfit(x, y, 1)
    if not power > 0:
        raise InputError("recovery falls with size", remedy="check the spheres' order and the scan")
    residual = y - (power * x + offset)
    sd = float(np.sqrt(np.sum(residual**2) / max(1, int(kept.sum()) - 2)) / power)
    return VolumeRecovery(float(np.exp(-offset / power)), float(power), sd)


def sphere_fwhm(diameter_mm: float, recovery: float) -> float:
    """Width of the Gaussian that lets a sphere in a cold surrounding recover this part of its mean.

    Raises
    ------
    InputError
        If no width between 1 and 40 mm does.
    """
    from scipy.optimize import brentq

    low, high = sphere_recovery(diameter_mm / 2.0, 40.0), sphere_recovery(diameter_mm / 2.0, 1.0)
    if not low < recovery < high:
        raise InputError(
            f"no blur explains the sphere of {diameter_mm:g} mm",
            expected=f"a recovery between {low:.2f} and {high:.2f}",
            found=f"{recovery:.2f}",
            remedy="check the concentration that was filled in, and the scan",
        )
    return float(brentq(lambda fwhm: sphere_recovery(diameter_mm / 2.0, fwhm) - recovery, 1.0, 40.0, xtol=1e-4))


def fit_blur_map(
    fits: Sequence[RecoveryFit], concentration: float, axis_mm: tuple[float, float] = (0.0, 0.0)
) -> BlurMap:
    """Blur by distance from the axis of rotation, from spheres of known concentration at two or more places.

    Each sphere gives the width that explains its recovery, less what voxels add. Widths are fitted by ``a + b·r²``: they
    are smooth and alike on all sides of the axis. Spheres count by how well they tell the width. ``sd_mm`` holds the
    error of that curve and the scatter of spheres round it that counts do not explain.

    Parameters
    ----------
    fits
        Measured spheres of every scan of the phantom.
    concentration
        What was filled in, in the scans' unit at their time.
    axis_mm
        Axis of rotation in patient millimetres.

    Raises
    ------
    InputError
        If there are fewer than four spheres, they all lie at one distance, or one cannot be explained.
    """
    spheres = [sphere for fit in fits for sphere in fit.spheres]
    centres = np.array([s.centre_mm for s in spheres])
    radius = np.hypot(centres[:, 0] - axis_mm[0], centres[:, 1] - axis_mm[1])
    if len(spheres) < 4 or np.ptp(radius) < 20.0:
        raise InputError(
            "the spheres do not show how the blur changes with place",
            expected="four spheres or more, at distances from the axis that span 20 mm",
            found=f"{len(spheres)} spheres over {np.ptp(radius):.0f} mm",
            remedy="scan the phantom a second time, moved aside by about 70 mm, and give both scans",
        )
    if not concentration > 0:
        raise InputError("the concentration must be above 0", found=f"{concentration:g}", remedy="give what was filled in")
    width = np.array([
        without_voxels(sphere_fwhm(s.diameter_mm, (s.mean - s.background) / concentration), fit.voxel_mm)
        for fit in fits
        for s in fit.spheres
    ])
    precision = np.array([_precision(s.diameter_mm, w) for s, w in zip(spheres, width, strict=True)])
    design = np.column_stack([np.ones(len(radius)), radius**2])
    covariance = np.linalg.inv(design.T @ (precision[:, None] * design))
    fitted = covariance @ design.T @ (precision * width)
    knots = np.linspace(0.0, float(radius.max()), KNOTS)
    sd = _curve_sd(width - design @ fitted, precision, covariance, knots)
    return BlurMap(tuple(float(r) for r in knots), tuple(float(fitted[0] + fitted[1] * r**2) for r in knots), axis_mm, sd)


def _precision(diameter_mm: float, fwhm_mm: float) -> float:
    """How well a sphere tells the width, up to a constant: its counts, and how fast its recovery falls with the width.

    The variance of a sphere's mean goes with its recovery over its volume.
    """
    radius, step = diameter_mm / 2.0, 0.05
    slope = (sphere_recovery(radius, fwhm_mm + step) - sphere_recovery(radius, fwhm_mm - step)) / (2.0 * step)
    return float(slope**2 * diameter_mm**3 / sphere_recovery(radius, fwhm_mm))


def _curve_sd(residual: Floats, precision: Floats, covariance: Floats, knots: Floats) -> float:
    """Standard deviation of the width that a region meets: of the fitted curve, and of places and sizes round it.

    Squared residuals are split into counting noise, which goes with one over the precision and tells nothing of the blur,
    and what is left alike for all spheres: directions and sizes for which one Gaussian a place does not hold.
    """
    from scipy.optimize import nnls

    squared = residual**2 * len(residual) / (len(residual) - 2)
    (noise, apart), _ = nnls(np.column_stack([1.0 / precision, np.ones(len(precision))]), squared)
    at = np.column_stack([np.ones(len(knots)), knots**2])
    # what is apart between spheres moves the curve too, as one over their number
    curve = noise * np.mean(np.einsum("ij,jk,ik->i", at, covariance, at)) + apart / len(residual)
    return float(np.sqrt(curve + apart))
