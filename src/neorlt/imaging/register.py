"""Bring images of one patient to one place: rigid, whole or in a region's box; non-rigid behind a lesion guard.

A registration carries its own estimate of error and a verdict; one that is not trusted stops the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.fitting import MOVED
from neorlt.imaging.region import Region
from neorlt.imaging.volume import Grid, Unit, Volume

Floats = NDArray[np.float64]

TRUST_MM = 5.0
"""A larger estimated error moves a tumour of 20 mm by a quarter of itself: not trusted."""
MOST_VOLUME_CHANGE = 0.10
"""A field that changes a lesion's volume by more is rejected: response is read from that volume."""
SEED = 20260302
COARSE_SAMPLES, FINE_SAMPLES = 25_000, 45_000
MASKS = 3
"""Registrations from different samples and starts; their spread is the estimate of error."""


class RegistrationStatus(StrEnum):
    """Outcome of a registration."""

    OK = "ok"
    NOT_TRUSTED = "not trusted"
    LESION_CHANGED = "lesion changed"
    FOLDED = "folded"
    NOT_MOVED = "not moved"

    @property
    def sentence(self) -> str:
        """What it means and what to do."""
        return _SENTENCES[self]


_SENTENCES = {
    RegistrationStatus.OK: "The registration agrees with itself.",
    RegistrationStatus.NOT_TRUSTED: "Repeated registrations disagree by more than 5 mm: register by hand, or draw regions on each image.",
    RegistrationStatus.LESION_CHANGED: "The field changes a lesion's volume by more than 10 %: use the rigid registration.",
    RegistrationStatus.NOT_MOVED: "The B-spline never left its start values: nothing but the rigid registration was done.",
    RegistrationStatus.FOLDED: "The field folds the anatomy over itself: use the rigid registration.",
}


@dataclass(frozen=True)
class RigidRegistration:
    """Map from the fixed image's patient millimetres to the moving image's: ``moving = matrix @ fixed + offset``.

    ``error_mm`` is the largest spread of mapped points over repeated registrations; ``metric`` the final mutual
    information (negative is better).
    """

    matrix: Floats
    offset_mm: Floats
    error_mm: float
    metric: float
    status: RegistrationStatus

    def require_trusted(self) -> RigidRegistration:
        """Return itself, or stop the chain.

        Raises
        ------
        InputError
            If the registration is not trusted.
        """
        if self.status is not RegistrationStatus.OK:
            raise InputError(
                "the registration is not trusted", found=f"an estimated error of {self.error_mm:.1f} mm", remedy=self.status.sentence
            )
        return self

    def apply(self, moving: Volume, fixed: Grid) -> Volume:
        """Return the moving image on the fixed grid, in the fixed frame of reference."""
        from scipy.ndimage import affine_transform

        full = np.eye(4)
        full[:3, :3], full[:3, 3] = self.matrix, self.offset_mm
        both = np.linalg.inv(moving.grid.affine) @ full @ fixed.affine
        out = np.empty(fixed.shape, np.float32)
        fill = -1000.0 if moving.unit is Unit.HU else 0.0
        affine_transform(
            moving.array, both[:3, :3], offset=both[:3, 3], output_shape=fixed.shape, output=out, order=1, mode="constant", cval=fill
        )
        note = f"registered rigidly, estimated error {self.error_mm:.1f} mm"
        return replace(moving, array=out, grid=fixed, notes=(*moving.notes, note))

    def carry_region(self, region: Region, frame_of_reference: str) -> Region:
        """Carry a region of the fixed image to where it lies in the moving one."""
        full = np.eye(4)
        full[:3, :3], full[:3, 3] = self.matrix, self.offset_mm
        return replace(region, grid=Grid(region.grid.shape, full @ region.grid.affine, frame_of_reference))

    def shift_mm(self, points_mm: Floats) -> float:
        """Largest distance by which points ``(n, 3)`` of the fixed image are moved."""
        moved = points_mm @ self.matrix.T + self.offset_mm
        return float(np.linalg.norm(moved - points_mm, axis=-1).max())

    def move_region(self, region: Region, frame_of_reference: str) -> Region:
        """Carry a region of the moving image into the fixed frame: its grid turns, its voxels stay."""
        full = np.eye(4)
        full[:3, :3], full[:3, 3] = self.matrix, self.offset_mm
        affine = np.linalg.inv(full) @ region.grid.affine
        return replace(region, grid=Grid(region.grid.shape, affine, frame_of_reference))


def _itk(volume: Volume, box: tuple[slice, ...] | None = None) -> Any:
    import SimpleITK

    itk: Any = SimpleITK

    array = volume.array if box is None else volume.array[box]
    image: Any = itk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    spacing = np.array(volume.grid.spacing_mm)
    low = np.zeros(3) if box is None else np.array([s.start for s in box])
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.grid.index_to_mm(low).tolist())
    image.SetDirection((volume.grid.affine[:3, :3] / spacing).ravel().tolist())
    return image


def _box_of(grid: Grid, region: Region, margin_mm: float) -> tuple[slice, ...]:
    filled = np.argwhere(region.occupancy > 0)
    corners = np.array(np.meshgrid(*zip(filled.min(0) - 0.5, filled.max(0) + 0.5, strict=True), indexing="ij")).reshape(3, -1).T
    reach = grid.mm_to_index(region.grid.index_to_mm(corners))
    margin = margin_mm / np.array(grid.spacing_mm)
    low = np.clip(np.floor(reach.min(0) - margin).astype(int), 0, None)
    high = np.minimum(np.ceil(reach.max(0) + margin).astype(int) + 1, grid.shape)
    if np.any(high - low < 4):
        raise InputError(f"region {region.name!r} lies outside the image", remedy="give an image that holds it")
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def register_rigid(
    fixed: Volume, moving: Volume, *, region: Region | None = None, margin_mm: float = 25.0, coarse: bool = False
) -> RigidRegistration:
    """Register ``moving`` to ``fixed`` by mutual information, whole or in the box round a region.

    Parameters
    ----------
    fixed, moving
        Two images of one patient, of any modality.
    region
        On the fixed image; its box alone counts (for kidneys and lesions, which move against the spine).
    margin_mm
        Margin of the box.
    coarse
        On every second voxel only: a fifth of the time, to see how far apart images lie.

    Raises
    ------
    InputError
        If the region lies outside the image.
    """
    import SimpleITK

    itk: Any = SimpleITK

    still = _itk(fixed, None if region is None else _box_of(fixed.grid, region, margin_mm))
    other = _itk(moving)
    centre = still.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2.0 for n in still.GetSize()])
    transforms, metrics = [], []
    for repeat in range(MASKS):
        start: Any = itk.Euler3DTransform()
        start.SetCenter(centre)
        start.SetTranslation([3.0 * ((repeat + axis) % 3 - 1) * (repeat > 0) for axis in range(3)])
        method: Any = itk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(40)
        method.SetMetricSamplingStrategy(method.RANDOM)
        count = float(still.GetNumberOfPixels())
        # of every second voxel on each axis, then of all: more samples than these cost time and tell no more
        first = min(0.9, COARSE_SAMPLES * 8.0 / count)
        parts = [first] if coarse else [max(first, 0.2), min(0.5, max(FINE_SAMPLES / count, 0.02))]
        method.SetMetricSamplingPercentagePerLevel(parts, SEED + repeat)
        method.SetInterpolator(itk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, 80, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([2] if coarse else [2, 1])
        method.SetSmoothingSigmasPerLevel([2.0] if coarse else [2.0, 0.0])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        method.SetInitialTransform(start, inPlace=True)
        try:
            method.Execute(still, other)
        except RuntimeError as failure:
            raise InputError(
                "the images cannot be registered", found="no common part", remedy="check that they show the same part"
            ) from failure
        transforms.append(_as_matrix(start))
        metrics.append(float(method.GetMetricValue()))
    best = int(np.argmin(metrics))
    error = _spread(transforms, still)
    status = RegistrationStatus.OK if error <= TRUST_MM else RegistrationStatus.NOT_TRUSTED
    return RigidRegistration(transforms[best][0], transforms[best][1], error, metrics[best], status)


def _as_matrix(transform: Any) -> tuple[Floats, Floats]:
    matrix = np.array(transform.GetMatrix()).reshape(3, 3)
    centre, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    return matrix, centre + shift - matrix @ centre


def _spread(transforms: list[tuple[Floats, Floats]], image: Any) -> float:
    """Largest distance between the places that two registrations give to points of the central half of the image."""
    size = np.array(image.GetSize()) - 1.0
    points = np.array(
        [
            image.TransformContinuousIndexToPhysicalPoint((size * np.array(part)).tolist())
            for part in np.array(np.meshgrid([0.25, 0.75], [0.25, 0.75], [0.25, 0.75])).reshape(3, -1).T
        ]
    )
    mapped = np.array([points @ m.T + o for m, o in transforms])
    return float(np.linalg.norm(mapped[:, None] - mapped[None, :], axis=-1).max())


@dataclass(frozen=True)
class FieldVerdict:
    """What a displacement field does to lesions: the change of each one's volume, and the smallest Jacobian."""

    status: RegistrationStatus
    volume_change: dict[str, float]
    least_jacobian: float


def guard_field(displacement_mm: Floats, grid: Grid, lesions: Sequence[Region]) -> FieldVerdict:
    """Judge a non-rigid field before it is used.

    Parameters
    ----------
    displacement_mm
        ``(nx, ny, nz, 3)`` displacement in patient millimetres on ``grid``: where a point of the fixed image comes from.
    grid
        Grid of the field.
    lesions
        Lesions in the fixed image; the mean Jacobian over each is the change of its volume.
    """
    from neorlt.imaging.resample import region_on

    into_index = np.linalg.inv(grid.affine[:3, :3])
    moved = displacement_mm @ into_index.T
    jacobian = np.empty((*grid.shape, 3, 3))
    for axis in range(3):
        jacobian[..., :, axis] = np.gradient(moved, axis=axis)
    determinant = np.linalg.det(jacobian + np.eye(3))
    least = float(determinant.min())
    change = {}
    for lesion in lesions:
        weight = region_on(lesion, grid)
        if weight.sum() > 0:
            change[lesion.name] = float((determinant * weight).sum() / weight.sum() - 1.0)
    status = RegistrationStatus.OK
    if any(abs(v) > MOST_VOLUME_CHANGE for v in change.values()):
        status = RegistrationStatus.LESION_CHANGED
    if least <= 0:
        status = RegistrationStatus.FOLDED
    return FieldVerdict(status, change, least)


def register_non_rigid(
    fixed: Volume, moving: Volume, lesions: Sequence[Region], *, spacing_mm: float = 50.0
) -> tuple[Volume, FieldVerdict]:
    """Register by a B-spline after a rigid start and judge the field; a rejected field is not applied.

    Returns
    -------
    tuple
        The moving image on the fixed grid (rigid only where the field was rejected), and the verdict.

    Raises
    ------
    InputError
        If even the rigid registration is not trusted.
    """
    import SimpleITK

    itk: Any = SimpleITK

    rigid = register_rigid(fixed, moving).require_trusted()
    started = rigid.apply(moving, fixed.grid)
    still, other = _itk(fixed), _itk(started)
    size = np.array(fixed.grid.shape) * np.array(fixed.grid.spacing_mm)
    mesh = np.maximum(np.ceil(size / spacing_mm).astype(int), 1).tolist()
    spline: Any = itk.BSplineTransformInitializer(still, mesh, 3)
    method: Any = itk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(40)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, SEED)
    method.SetInterpolator(itk.sitkLinear)
    method.SetOptimizerAsLBFGSB(numberOfIterations=30, maximumNumberOfCorrections=5)
    method.SetInitialTransform(spline, inPlace=True)
    method.Execute(still, other)
    if not np.any(np.abs(spline.GetParameters()) > MOVED):
        return started, FieldVerdict(RegistrationStatus.NOT_MOVED, {}, 1.0)
    to_field: Any = itk.TransformToDisplacementField
    field: Any = to_field(spline, itk.sitkVectorFloat64, still.GetSize(), still.GetOrigin(), still.GetSpacing(), still.GetDirection())
    displacement = np.transpose(itk.GetArrayFromImage(field), (2, 1, 0, 3))
    verdict = guard_field(displacement, fixed.grid, lesions)
    if verdict.status is not RegistrationStatus.OK:
        return started, verdict
    warped: Any = itk.Resample(other, still, spline, itk.sitkLinear, -1000.0 if moving.unit is Unit.HU else 0.0)
    array = np.transpose(itk.GetArrayFromImage(warped), (2, 1, 0))
    return replace(started, array=array, notes=(*started.notes, "registered by a B-spline; lesions kept their volume")), verdict
