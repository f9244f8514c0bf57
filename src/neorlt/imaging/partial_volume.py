"""Region-based partial-volume correction by the geometric transfer matrix.

The image is taken to be the sum of regions of even concentration, each spread by the scanner's blur. Element
``transfer[j, i]`` is the mean that a concentration of 1 in region ``i`` alone leaves in region ``j``; the observed means
are the product of the matrix and the true ones, which follow by solving (Rousset, Ma and Evans 1998, J Nucl Med 39:904).
Masks are spread on a grid finer than the image and averaged over the image's voxels, so that the matrix holds for what
the image shows. Source and sampling masks may overlap at edges in parts of a voxel.

What is not known, the blur's width and where a contour truly lies, is carried as draws of the matrix. The drawn masks
sample the image as it is; the true ones, which spread, may lie elsewhere, so a shift moves columns and leaves rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.blur import Blur, check_fwhm, widened
from neorlt.imaging.blur import BlurMap as BlurMap
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.spreading import (
    Mask,
    Source,
    body_on,
    fine_grid,
    near,
    settle_overlaps,
    source_of,
    spread,
    spread_body,
    to_image,
)
from neorlt.imaging.volume import Grid, Unit, Volume

Floats = NDArray[np.float64]

BACKGROUND = "background"
MOST_CONDITION = 100.0
"""Beyond it noise of 1 % becomes 100 %: the regions cannot be told apart at this blur."""
SHIFT_STEP_MM = 1.5
"""Step of the differences from which a contour's shift is interpolated; a quarter of the usual blur's sigma."""


@dataclass(frozen=True)
class RegionActivities:
    """Activities per region at the image's time.

    ``names`` in the order of the regions given (without body regions), then ``"background"`` where it was made.
    ``corrected_mbq``, ``uncorrected_mbq`` ``(region,)``; ``recovery`` their ratio, uncorrected over corrected;
    ``transfer`` ``(region, region)``: row sees column; ``condition`` of that matrix; ``volume_ml`` what each region
    keeps after overlaps are settled. ``draws_mbq`` ``(draw, region)`` are the corrected ones with blur and contours as
    they may be, where draws were asked for.
    """

    names: tuple[str, ...]
    corrected_mbq: Floats
    uncorrected_mbq: Floats
    recovery: Floats
    transfer: Floats
    condition: float
    volume_ml: Floats
    draws_mbq: Floats | None = None

    def of(self, name: str) -> int:
        """Index of a region."""
        return self.names.index(name)


@dataclass(frozen=True)
class Transfer:
    """The matrix of one grid and set of regions: made once, it corrects every image on that grid.

    ``weights`` holds, per region, the image voxels that it fills and by how much; ``matrix`` ``(region, region)``;
    ``draws`` ``(draw, region, region)`` or None.
    """

    names: tuple[str, ...]
    volume_ml: Floats
    weights: tuple[tuple[tuple[NDArray[np.intp], ...], Floats], ...]
    matrix: Floats
    condition: float
    grid: Grid
    draws: Floats | None = None

    def correct(self, volume_bq_per_ml: Volume) -> RegionActivities:
        """Return activities of the regions with and without correction.

        Raises
        ------
        InputError
            If the volume is not in Bq/ml or lies on another grid.
        """
        _check_unit(volume_bq_per_ml)
        if not volume_bq_per_ml.grid.same_as(self.grid):
            raise InputError("the image lies on another grid than the matrix was made for", remedy="make one for its grid")
        observed = np.array([np.average(volume_bq_per_ml.array[where].astype(np.float64), weights=w) for where, w in self.weights])
        true = np.linalg.solve(self.matrix, observed)
        corrected, uncorrected = true * self.volume_ml / 1e6, observed * self.volume_ml / 1e6
        recovery = np.divide(uncorrected, corrected, out=np.full(len(self.names), np.nan), where=corrected > 0)
        drawn = None
        if self.draws is not None:
            drawn = np.linalg.solve(self.draws, np.broadcast_to(observed[:, None], (len(self.draws), len(observed), 1)))[..., 0]
            drawn = drawn * self.volume_ml / 1e6
        return RegionActivities(self.names, corrected, uncorrected, recovery, self.matrix, self.condition, self.volume_ml, drawn)


@dataclass(frozen=True)
class MatrixUncertainty:
    """What the matrix may be wrong by: width of the blur and place of every contour (each axis), standard deviations in mm."""

    fwhm_sd_mm: float
    shift_sd_mm: float
    n_draws: int = 400

    def __post_init__(self) -> None:
        if self.fwhm_sd_mm < 0 or self.shift_sd_mm < 0 or self.n_draws < 1:
            raise ValueError("standard deviations must be 0 mm or more, and there must be at least one draw")


def correct_regions(
    volume_bq_per_ml: Volume, regions: Sequence[Region], psf_fwhm_mm: Blur, *, background: bool = True
) -> RegionActivities:
    """Return activities of regions of one image with and without correction; see :func:`build_transfer`.

    Raises
    ------
    InputError
        If the volume is not in Bq/ml, a region lies outside it, or the regions cannot be told apart.
    """
    _check_unit(volume_bq_per_ml)
    return build_transfer(volume_bq_per_ml.grid, regions, psf_fwhm_mm, background=background).correct(volume_bq_per_ml)


def _check_unit(volume: Volume) -> None:
    if volume.unit is not Unit.BQ_PER_ML:
        raise InputError(
            "partial-volume correction needs an activity concentration",
            expected=str(Unit.BQ_PER_ML),
            found=str(volume.unit),
            remedy="give the quantitative SPECT or PET",
        )


def build_transfer(
    grid: Grid,
    regions: Sequence[Region],
    psf_fwhm_mm: Blur,
    *,
    background: bool = True,
    uncertainty: MatrixUncertainty | None = None,
    rng: np.random.Generator | None = None,
) -> Transfer:
    """Make the matrix of regions on an image's grid.

    Lesions take precedence: what a lesion fills is taken from the organ around it. With ``background``, everything
    else — inside the body where a region of kind BODY is among ``regions`` — is one more region, sampled near the
    others; without it the rest is taken to hold no activity.

    Parameters
    ----------
    psf_fwhm_mm
        Full width at half maximum of the blur, mm: one number, along the three voxel axes, or by place
        (:class:`~neorlt.imaging.blur.BlurMap`). It describes the reconstruction before its values are averaged over
        voxels.
    uncertainty, rng
        Draw matrices too: the width moves everywhere alike, each contour on its own along the three axes, both normal.

    Raises
    ------
    InputError
        If a region lies outside the grid, the blur is none, or the regions cannot be told apart.
    """
    if not isinstance(psf_fwhm_mm, BlurMap):
        check_fwhm(psf_fwhm_mm)
    wanted = [r for r in regions if r.kind is not RegionKind.BODY]
    if not wanted:
        raise InputError("there is no region to correct", remedy="give organs and lesions")
    fine, parts = fine_grid(grid)
    sources = settle_overlaps(wanted, [source_of(r, fine) for r in wanted])
    sampled = [to_image(m, parts, grid.shape) for m in sources]
    names = [r.name for r in wanted]
    volumes = [float(m.mask.sum(dtype=np.float64)) * fine.voxel_ml for m in sources]
    taken = np.clip(np.sum(sampled, axis=0), 0.0, 1.0)
    body, bounded = body_on(regions, taken, grid)
    rest: Mask | None = (body - taken).astype(np.float32) if background else None
    weights = list(sampled)
    if rest is not None:
        shell = near(taken, grid, psf_fwhm_mm) * rest
        if shell.sum() > 0:
            names.append(BACKGROUND)
            volumes.append(float(rest.sum(dtype=np.float64)) * grid.voxel_ml)
            weights.append(shell.astype(np.float32))
        else:
            rest = None
    rows = tuple((np.nonzero(w), w[np.nonzero(w)].astype(np.float64)) for w in weights)
    scene = _Scene(grid, fine, parts, sources, None if rest is None else body, bounded, rows)
    images = scene.spread_sources(psf_fwhm_mm)
    matrix = scene.matrix(images, psf_fwhm_mm)
    condition = _check_condition(matrix, names)
    draws = None
    if uncertainty is not None:
        draws = _draw(scene, images, matrix, psf_fwhm_mm, uncertainty, rng or np.random.default_rng(0))
    return Transfer(tuple(names), np.array(volumes), rows, matrix, condition, grid, draws)


@dataclass(frozen=True)
class _Scene:
    """Masks and grids from which matrices are made; ``body`` is None where there is no background."""

    grid: Grid
    fine: Grid
    parts: tuple[int, int, int]
    sources: list[Source]
    body: Mask | None
    bounded: bool
    rows: tuple[tuple[tuple[NDArray[np.intp], ...], Floats], ...]

    def spread_sources(self, blur: Blur) -> list[Mask]:
        """Every region alone, spread, on the image's grid."""
        return [to_image(spread(source, blur, self.fine), self.parts, self.grid.shape) for source in self.sources]

    def see(self, image: Mask) -> Floats:
        """Mean of an image over every region ``(region,)``."""
        return np.array([np.average(image[where].astype(np.float64), weights=w) for where, w in self.rows])

    def matrix(self, images: list[Mask], blur: Blur) -> Floats:
        """The transfer matrix; the background spreads as the body less the regions, since spreading is linear."""
        columns = [self.see(image) for image in images]
        if self.body is not None:
            rest = spread_body(self.body, self.bounded, blur, self.grid) - np.sum(images, axis=0)
            columns.append(self.see(np.clip(rest, 0.0, None)))
        return np.column_stack(columns)


def _draw(
    scene: _Scene, images: list[Mask], matrix: Floats, blur: Blur, uncertainty: MatrixUncertainty, rng: np.random.Generator
) -> Floats:
    """Matrices ``(draw, region, region)`` for normal draws of the blur's width and of every contour's place.

    The matrix is taken as a second-order function of the width and of each contour's shift along each axis, from
    differences; a column moves with its own contour, and the background's opposite to it.
    """
    n, count = uncertainty.n_draws, len(scene.sources)
    # the same numbers whatever is asked for, so that one part can be switched off and the rest compared
    width, place = rng.standard_normal(n), rng.standard_normal((n, count, 3))
    draws = np.broadcast_to(matrix, (n, *matrix.shape)).copy()
    if uncertainty.fwhm_sd_mm > 0:
        step = uncertainty.fwhm_sd_mm
        low, high = (scene.matrix(scene.spread_sources(b), b) for b in (widened(blur, -step), widened(blur, step)))
        z = width[:, None, None]
        draws += 0.5 * (high - low) * z + 0.5 * (high + low - 2.0 * matrix) * z**2
    if uncertainty.shift_sd_mm > 0:
        shift_mm = uncertainty.shift_sd_mm * place
        for i, image in enumerate(images):
            slope, bend = _shift_terms(scene, image)
            change = shift_mm[:, i] @ slope + 0.5 * shift_mm[:, i] ** 2 @ bend
            draws[:, :, i] += change
            if scene.body is not None:
                draws[:, :, -1] -= change
    return draws


def _shift_terms(scene: _Scene, image: Mask) -> tuple[Floats, Floats]:
    """First and second derivative ``(axis, region)`` of what every region sees when this source moves along an axis, per mm."""
    from scipy.ndimage import shift, spline_filter

    filled = np.argwhere(image > 1e-6)
    low = np.maximum(filled.min(0) - 2, 0)
    high = np.minimum(filled.max(0) + 3, image.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    coefficients = spline_filter(image[box].astype(np.float64), order=3)
    here = scene.see(image)
    into_index = np.linalg.inv(scene.grid.affine[:3, :3])
    slope, bend = np.empty((3, len(here))), np.empty((3, len(here)))
    for axis in range(3):
        seen = []
        for sign in (-1.0, 1.0):
            moved = np.zeros_like(image)
            by = into_index[:, axis] * sign * SHIFT_STEP_MM
            moved[box] = shift(coefficients, by, order=3, mode="constant", prefilter=False)
            seen.append(scene.see(moved))
        slope[axis] = (seen[1] - seen[0]) / (2.0 * SHIFT_STEP_MM)
        bend[axis] = (seen[1] + seen[0] - 2.0 * here) / SHIFT_STEP_MM**2
    return slope, bend


def _check_condition(transfer: Floats, names: Sequence[str]) -> float:
    condition = float(np.linalg.cond(transfer))
    if not np.isfinite(condition) or condition > MOST_CONDITION:
        off = transfer / np.diag(transfer)[:, None]
        np.fill_diagonal(off, 0.0)
        j, i = np.unravel_index(int(off.argmax()), off.shape)
        raise InputError(
            f"regions {names[int(j)]!r} and {names[int(i)]!r} cannot be told apart at this blur",
            expected=f"a transfer matrix of condition below {MOST_CONDITION:g}",
            found=f"{condition:.0f}",
            remedy="join them into one region, leave one out, or state a smaller blur if it is known",
        )
    return condition
