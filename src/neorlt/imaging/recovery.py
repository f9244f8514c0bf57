"""Recovery of spheres: in closed form for a Gaussian blur, and measured on the NEMA image-quality phantom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.fitting import require_moved
from neorlt.imaging.blur import SIGMA_PER_FWHM
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]

NEMA_DIAMETERS_MM = (37.0, 28.0, 22.0, 17.0, 13.0, 10.0)
"""Inner diameters of the six spheres, in the order in which they follow on their circle (NEMA NU 2-2018, section 7)."""
NEMA_CIRCLE_MM = 57.2
"""Radius of the circle of the spheres' centres (NEMA NU 2-2018, section 7: 114.4 mm across)."""
BACKGROUND_MM = (12.0, 8.0)
"""Background of a sphere is read in a shell that starts this far outside it and is this thick."""


def sphere_profile(r_mm: Floats, radius_mm: float, fwhm_mm: float) -> Floats:
    """Value at distance ``r_mm`` from the centre of a ball of concentration 1 after a Gaussian blur.

    ``½(erf a + erf b) − σ/(r√2π)(exp(−a²) − exp(−b²))`` with ``a = (R − r)/(σ√2)``, ``b = (R + r)/(σ√2)``.
    """
    from scipy.special import erf

    sigma = fwhm_mm * SIGMA_PER_FWHM
    r = np.maximum(np.asarray(r_mm, dtype=np.float64), 1e-6 * sigma)
    a, b = (radius_mm - r) / (sigma * np.sqrt(2.0)), (radius_mm + r) / (sigma * np.sqrt(2.0))
    tail = sigma / (r * np.sqrt(2.0 * np.pi)) * (np.exp(-(a**2)) - np.exp(-(b**2)))
    return np.asarray(0.5 * (erf(a) + erf(b)) - tail)


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Gauss–Legendre nodes and weights; they take longer to make than to use."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return nodes, weights


def sphere_recovery(radius_mm: float, fwhm_mm: float) -> float:
    """Mean, inside a ball of concentration 1 in a cold surrounding, after a Gaussian blur (0…1)."""
    nodes, weights = _nodes()
    r = 0.5 * radius_mm * (nodes + 1.0)
    return float(np.sum(1.5 * weights * r**2 * sphere_profile(r, radius_mm, fwhm_mm)) / radius_mm**2)


def without_voxels(fwhm_mm: float, voxel_mm: tuple[float, float, float]) -> float:
    """Take out of a sphere's apparent width what voxels add: the image's average over them, and the sphere's own mask's.

    Each adds w²/12 to the variance of an axis.
    """
    added = 2.0 * float(np.mean(np.square(voxel_mm))) / 12.0 / SIGMA_PER_FWHM**2
    return float(np.sqrt(max(fwhm_mm**2 - added, 0.01)))


@dataclass(frozen=True)
class PhantomScan:
    """Values of a phantom scan in any unit, ``(x, y, z)``, and where they lie: recovery is a ratio."""

    array: NDArray[np.float32]
    grid: Grid


@dataclass(frozen=True)
class SphereMeasure:
    """One sphere: mean and maximum contrast over its background, as parts of the largest sphere's mean contrast."""

    diameter_mm: float
    centre_mm: tuple[float, float, float]
    mean: float
    maximum: float
    background: float
    relative_mean: float
    relative_maximum: float


@dataclass(frozen=True)
class RecoveryFit:
    """Measured spheres and the blur that explains them.

    ``fwhm_mm`` is the full width at half maximum whose closed-form recoveries fit the relative means best, ``sd_mm``
    its standard deviation by leaving one sphere out at a time. ``recovery`` ``(sphere,)`` the measured relative means
    times the fitted recovery of the largest sphere, so that they are parts of the true contrast.
    """

    spheres: tuple[SphereMeasure, ...]
    fwhm_mm: float
    sd_mm: float
    recovery: tuple[float, ...]
    voxel_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def reconstruction_fwhm_mm(self) -> float:
        """The blur before values were averaged over voxels: what ``psf_fwhm_mm`` states."""
        return without_voxels(self.fwhm_mm, self.voxel_mm)

    def predict(self, diameter_mm: float) -> float:
        """Recovery of the mean of a sphere of this diameter."""
        return sphere_recovery(diameter_mm / 2.0, self.fwhm_mm)


@dataclass(frozen=True)
class Phantom:
    """Six spheres at equal angles on a circle: inner diameters as they follow on it, the largest first, and its radius."""

    diameters_mm: tuple[float, ...]
    circle_mm: float


PHANTOMS = {
    "nema": Phantom(NEMA_DIAMETERS_MM, NEMA_CIRCLE_MM),
    # nominal sphere sizes of the Jaszczak phantom, 1 1/4 to 3/8 inch; on NEMA's circle, as in the simulated one
    "jaszczak": Phantom((31.8, 25.4, 19.1, 15.9, 12.7, 9.5), NEMA_CIRCLE_MM),
}


def _layout(parameters: Floats, direction: int, circle_mm: float = NEMA_CIRCLE_MM) -> Floats:
    """Centres ``(6, 3)`` for centre, phase and two tilts of the plane of the spheres."""
    cx, cy, cz, phase, tilt_x, tilt_y = parameters
    angles = phase + direction * np.deg2rad(60.0) * np.arange(6)
    x, y = circle_mm * np.cos(angles), circle_mm * np.sin(angles)
    return np.column_stack([cx + x, cy + y, cz + tilt_x * x + tilt_y * y])


def _ball_points(radius_mm: float, step_mm: float = 1.0) -> Floats:
    n = int(np.ceil(radius_mm / step_mm))
    axis = np.arange(-n, n + 1) * step_mm
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return np.asarray(points[np.linalg.norm(points, axis=1) <= radius_mm])


def locate_nema_spheres(scan: PhantomScan, phantom: Phantom = PHANTOMS["nema"]) -> Floats:
    """Return the centres ``(6, 3)`` in patient millimetres, the largest sphere first.

    The six centres lie on a circle at equal angles; its place, phase, direction and tilt are fitted together, so that
    noise in one small sphere does not move it.

    Raises
    ------
    InputError
        If no such layout with contrast is found.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    smooth = gaussian_filter(scan.array.astype(np.float32), 3.0 / np.array(scan.grid.spacing_mm))
    inner = smooth.copy()
    edge = max(3, int(round(20.0 / scan.grid.spacing_mm[2])))
    inner[:, :, :edge] = inner[:, :, -edge:] = 0.0  # the outermost planes of a scan are noise
    # a few points of each ball count, and points all round just outside it count against them
    sizes, circle = phantom.diameters_mm, phantom.circle_mm
    balls = [_ball_points(d / 2.0, d / 5.0) for d in sizes]
    around = _directions(40)
    shells = [around * (d / 2.0 + 9.0) for d in sizes]
    template = np.concatenate([*balls, *shells])
    owner = np.concatenate([np.full(len(part), n) for parts in (balls, shells) for n, part in enumerate(parts)])
    weight = np.concatenate([np.full(len(b), 1.0 / len(b)) for b in balls] + [np.full(len(s), -1.0 / len(s)) for s in shells])

    def contrast(centres: Floats) -> float:
        at = scan.grid.mm_to_index(centres[owner] + template)
        return float(weight @ map_coordinates(smooth, at.T, order=1, mode="constant"))

    def order(centres: Floats) -> float:
        """How much hotter larger spheres look: the wrong way round puts small balls into large spheres, which score high."""
        at = scan.grid.mm_to_index(centres[owner] + template)
        seen = np.bincount(owner, weight * map_coordinates(smooth, at.T, order=1, mode="constant"))
        return float(np.sum(seen * (np.array(sizes) - np.mean(sizes))))

    largest = scan.grid.index_to_mm(np.array(np.unravel_index(int(_ball_mean(inner, scan.grid).argmax()), inner.shape)))
    best, score = None, -np.inf
    for direction in (1, -1):
        starts = []
        for phase in np.deg2rad(np.arange(0, 360, 6)):
            centre = largest[:2] - circle * np.array([np.cos(phase), np.sin(phase)])
            starts.append(np.array([*centre, largest[2], phase, 0.0, 0.0]))
        start = max(starts, key=lambda p: contrast(_layout(p, direction, circle)))
        centres, found = _refine(contrast, start, direction, circle)
        if found > 0 and order(centres) > score:
            best, score = centres, order(centres)
    if best is None:
        raise InputError("no NEMA spheres are found", remedy="give a scan of the NEMA image-quality phantom with hot spheres")
    return best


def _refine(contrast: Callable[[Floats], float], start: Floats, direction: int, circle_mm: float) -> tuple[Floats, float]:
    """Improve a layout; return its centres and contrast."""
    from scipy.optimize import minimize

    run: Any = minimize
    simplex = start + np.vstack([np.zeros(6), np.diag([4.0, 4.0, 4.0, 0.08, 0.03, 0.03])])
    fitted = run(
        lambda p: -contrast(_layout(p, direction, circle_mm)),
        start,
        method="Nelder-Mead",
        options={
            "initial_simplex": simplex,
            "xatol": 1e-2,
            "fatol": 1e-4 * abs(contrast(_layout(start, direction, circle_mm))),
            "maxiter": 400,
        },
    )
    found = -float(fitted.fun)
    if found > 0:
        require_moved(start, fitted.x, lambda p: -contrast(_layout(p, direction, circle_mm)), what="the search for the phantom's place",
                      remedy="check that the scan is the stated phantom, whole and unrotated", worth=0.01)
    return _layout(np.asarray(fitted.x), direction, circle_mm), found


def _directions(n: int) -> Floats:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice)."""
    k = np.arange(n) + 0.5
    polar, turn = np.arccos(1.0 - 2.0 * k / n), np.pi * (1.0 + 5.0**0.5) * k
    return np.column_stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)])


def _ball_mean(array: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """Mean over a box about as large as the largest sphere: its middle has the highest."""
    from scipy.ndimage import uniform_filter

    size = [max(1, int(round(24.0 / s))) for s in grid.spacing_mm]
    return np.asarray(uniform_filter(array, size), dtype=np.float32)


def measure_spheres(
    scan: PhantomScan, centres_mm: Floats, diameters_mm: tuple[float, ...] = NEMA_DIAMETERS_MM
) -> tuple[SphereMeasure, ...]:
    """Return mean, maximum and background of spheres of known size and place."""
    index = np.moveaxis(np.indices(scan.grid.shape), 0, -1)
    rows = []
    for centre, diameter in zip(centres_mm, diameters_mm, strict=True):
        radius = diameter / 2.0
        reach = radius + sum(BACKGROUND_MM) + 2 * max(scan.grid.spacing_mm)
        at = scan.grid.mm_to_index(np.asarray(centre))
        if np.any(at < 0) or np.any(at > np.array(scan.grid.shape) - 1):
            raise InputError(
                f"the sphere of {diameter:g} mm lies outside the scan",
                remedy="give a scan of the NEMA image-quality phantom with hot spheres, not cut off",
            )
        half = np.ceil(reach / np.array(scan.grid.spacing_mm)).astype(int)
        box = tuple(slice(max(int(round(c)) - h, 0), int(round(c)) + h + 1) for c, h in zip(at, half, strict=True))
        values = scan.array[box].astype(np.float64)
        filled, distance = _filled(scan.grid, index[box], np.asarray(centre), radius)
        shell = (distance > radius + BACKGROUND_MM[0]) & (distance <= radius + sum(BACKGROUND_MM))
        background = float(np.median(values[shell]))
        rows.append((diameter, centre, float((values * filled).sum() / filled.sum()), float(values[filled > 0.5].max()), background))
    top = rows[0][2] - rows[0][4]
    if not top > 0:
        raise InputError("the largest sphere is not hotter than its surrounding", remedy="give a scan with hot spheres")
    return tuple(
        SphereMeasure(d, tuple(float(v) for v in c), m, x, b, (m - b) / top, (x - b) / top)  # type: ignore[arg-type]
        for d, c, m, x, b in rows
    )


def _filled(grid: Grid, index: NDArray[np.int_], centre: Floats, radius: float, parts: int = 4) -> tuple[Floats, Floats]:
    """Part of each voxel inside a ball, and distance of the voxel's centre from the ball's."""
    steps = (np.arange(parts) + 0.5) / parts - 0.5
    filled = np.zeros(index.shape[:-1])
    for a in steps:
        for b in steps:
            for c in steps:
                apart = np.linalg.norm(grid.index_to_mm(index + np.array([a, b, c])) - centre, axis=-1)
                filled += apart <= radius
    return filled / parts**3, np.linalg.norm(grid.index_to_mm(index) - centre, axis=-1)


def fit_blur(diameters_mm: Floats, relative_mean: Floats, reference_mm: float = NEMA_DIAMETERS_MM[0]) -> float:
    """Full width at half maximum whose closed-form recoveries, relative to the reference sphere's, fit best.

    Raises
    ------
    InputError
        If no blur between 1 and 40 mm explains the spheres.
    """
    from scipy.optimize import minimize_scalar

    def misfit(fwhm: float) -> float:
        top = sphere_recovery(reference_mm / 2.0, fwhm)
        model = np.array([sphere_recovery(d / 2.0, fwhm) / top for d in diameters_mm])
        return float(np.sum((model - relative_mean) ** 2))

    found = minimize_scalar(misfit, bounds=(1.0, 40.0), method="bounded", options={"xatol": 1e-3})
    if not 1.05 < found.x < 39.5:
        raise InputError("no blur explains the spheres", found=f"best fit at {found.x:.1f} mm", remedy="check the scan and its phantom")
    return float(found.x)


def measure_nema(scan: PhantomScan, phantom: Phantom = PHANTOMS["nema"]) -> RecoveryFit:
    """Locate and measure the six spheres and fit the blur.

    Raises
    ------
    InputError
        If the spheres are not found or no blur explains them.
    """
    spheres = measure_spheres(scan, locate_nema_spheres(scan, phantom), phantom.diameters_mm)
    diameters = np.array([s.diameter_mm for s in spheres])
    relative = np.array([s.relative_mean for s in spheres])
    top_mm = float(diameters[0])
    fwhm = fit_blur(diameters, relative, top_mm)
    others = np.array([fit_blur(np.delete(diameters, n), np.delete(relative, n), top_mm) for n in range(1, len(diameters))])
    n = len(others)
    sd = float(np.sqrt((n - 1) / n * np.sum((others - others.mean()) ** 2)))  # jackknife
    top = sphere_recovery(diameters[0] / 2.0, fwhm)
    return RecoveryFit(spheres, fwhm, sd, tuple(float(r * top) for r in relative), scan.grid.spacing_mm)
