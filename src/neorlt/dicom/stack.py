"""Single-frame slices as one volume: files that agree, sorted by position, decoded and scaled."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

from neorlt.core.errors import InputError
from neorlt.core.progress import track
from neorlt.dicom.geometry import stack_grid
from neorlt.dicom.header import number, numbers, required, text, where
from neorlt.dicom.pixels import check_byte_order, decode_instance, size
from neorlt.dicom.plausible import check, check_grid
from neorlt.dicom.scan import Instance, Series
from neorlt.imaging.volume import Grid

BLOCK = 16
"""Slices gathered before they are turned into the volume's axis order: bounds memory and keeps writes long."""
_SAME_PLANE = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "FrameOfReferenceUID")


def check_same(series: Series, keywords: tuple[str, ...]) -> None:
    """Refuse a series whose files disagree about what must hold for all of them.

    Raises
    ------
    InputError
        Naming the first file and attribute that differ.

    """
    first = series.first
    for keyword in keywords:
        same = _raw_bytes(first, keyword)
        wanted: str | None = None
        for other in series.instances[1:]:
            there = _raw_bytes(other, keyword)
            if there is not None and there == same:
                continue  # the same bytes are the same value, and need not be turned into one
            wanted = text(first.header, keyword, first.name) if wanted is None else wanted
            found = text(other.header, keyword, other.name)
            if found != wanted and not _close(wanted, found):
                raise InputError(
                    f"the files of one series disagree about {keyword}",
                    expected=wanted or "no value",
                    found=found or "no value",
                    where=where(other.name, keyword),
                    remedy="give the series as the scanner made it; a file was changed or does not belong to it",
                )
            same = there if same is None else same


def _raw_bytes(instance: Instance, keyword: str) -> bytes | None:
    """Value of an element as it stands in the file; None where it is absent or has been turned into a value already."""
    tag = tag_for_keyword(keyword)
    element = instance.header.get_item(tag) if tag is not None and tag in instance.header else None
    return element.value if isinstance(element, RawDataElement) and isinstance(element.value, bytes) else None


def _close(one: str, other: str) -> bool:
    """Whether two texts of numbers mean the same numbers (``-0`` and ``0``, or rounding in the last digits)."""
    try:
        a = np.array([float(v) for v in one.strip("[]").replace("'", "").split(",")])
        b = np.array([float(v) for v in other.strip("[]").replace("'", "").split(",")])
    except ValueError:
        return False
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-6, atol=1e-6))


def slice_stack(series: Series) -> tuple[Grid, tuple[Instance, ...]]:
    """Return grid and instances of a single-frame series, sorted by position (never by name or number).

    Raises
    ------
    InputError
        If plane attributes are missing, differ between files, or make no even stack.

    """
    check_same(series, _SAME_PLANE)
    first = series.first
    remedy = "give a series of slices in patient coordinates"
    orientation = required(numbers(first.header, "ImageOrientationPatient", 6, first.name), "ImageOrientationPatient", first.name, remedy)
    spacing = required(numbers(first.header, "PixelSpacing", 2, first.name), "PixelSpacing", first.name, remedy)
    for value in spacing:
        check("PixelSpacing", value, first.name, remedy)
    frame = required(text(first.header, "FrameOfReferenceUID", first.name), "FrameOfReferenceUID", first.name, remedy)
    positions = []
    for instance in series.instances:
        at = numbers(instance.header, "ImagePositionPatient", 3, instance.name)
        positions.append(required(at, "ImagePositionPatient", instance.name, remedy))
    rows, columns = size(first)
    grid, order = stack_grid(
        np.array(positions),
        orientation,
        spacing,
        columns,
        rows,
        frame,
        series.where,
        number(first.header, "SliceThickness", first.name),
    )
    check_grid(grid.spacing_mm, grid.shape, series.where)
    return grid, tuple(series.instances[i] for i in order)


def read_stack(
    instances: tuple[Instance, ...], grid: Grid, scale: Callable[[int, NDArray[np.generic]], NDArray[np.float32]], what: str
) -> NDArray[np.float32]:
    """Return the volume ``(x, y, z)`` of sorted slices; ``scale(k, stored)`` turns stored values into the unit.

    Raises
    ------
    InputError
        If a slice cannot be decoded or has another size than announced.

    """
    nx, ny, nz = grid.shape
    out = np.empty((nx, ny, nz), np.float32)
    for start, block in _blocks(instances, what):
        planes = np.empty((len(block), ny, nx), np.float32)
        for n, instance in enumerate(block):
            stored = decode_instance(instance)
            if stored.shape != (ny, nx):
                raise InputError(
                    "a slice has another size than its header says",
                    expected=f"{ny} x {nx}",
                    found=" x ".join(str(v) for v in stored.shape),
                    where=instance.name,
                    remedy="give single-frame images",
                )
            if start + n == nz // 2:
                check_byte_order(stored, instance.name)
            with np.errstate(over="ignore", invalid="ignore"):
                planes[n] = scale(start + n, stored)
            check_finite(planes[n], instance.name)
        out[:, :, start : start + len(block)] = planes.transpose(2, 1, 0)
    return out


def check_finite(values: NDArray[np.float32], name: str) -> None:
    """Refuse values that scaling has driven out of range.

    Raises
    ------
    InputError
        If one is not finite.

    """
    if not np.all(np.isfinite(values)):
        raise InputError(
            "the scaled values are not finite",
            where=where(name, "RescaleSlope"),
            remedy="export the series again; its scale factors are damaged",
        )


def _blocks(instances: tuple[Instance, ...], what: str) -> Iterator[tuple[int, list[Instance]]]:
    block: list[Instance] = []
    start = 0
    for n, instance in enumerate(track(instances, f"reading {what}", total=len(instances))):
        block.append(instance)
        if len(block) == BLOCK or n == len(instances) - 1:
            yield start, block
            start, block = n + 1, []


def rescale(instance: Instance) -> tuple[float, float]:
    """Rescale Slope (0028,1053) and Intercept (0028,1052).

    Raises
    ------
    InputError
        If one is missing, or the slope is zero.

    """
    slope = number(instance.header, "RescaleSlope", instance.name)
    intercept = number(instance.header, "RescaleIntercept", instance.name)
    remedy = "export the series with its rescale values"
    slope = required(slope, "RescaleSlope", instance.name, remedy)
    intercept = required(intercept, "RescaleIntercept", instance.name, remedy)
    if slope == 0:
        raise InputError("the rescale slope is zero", where=where(instance.name, "RescaleSlope"), remedy=remedy)
    return float(slope), float(intercept)
