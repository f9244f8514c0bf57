"""The image series that a written object is drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from neorlt.dicom.geometry import stack_grid
from neorlt.imaging.volume import Grid


@dataclass(frozen=True)
class ReferenceSeries:
    """Datasets in order of position along the slice normal, and the grid they make."""

    datasets: list[Dataset]
    grid: Grid


_KEPT: ContextVar[dict[tuple[Path, ...], ReferenceSeries] | None] = ContextVar("kept reference", default=None)


@contextmanager
def headers_kept() -> Iterator[None]:
    """Within the block the headers of a series are read once, however many objects are drawn on it; nothing is kept after it."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def read_reference(paths: Sequence[Path], *, pixels: bool = False) -> ReferenceSeries:
    """Read a single-frame series (CT or PET) and sort it by position.

    Raises
    ------
    ValueError
        If no path is given or the files belong to more than one series.

    """
    kept, key = _KEPT.get(), tuple(paths)
    if kept is not None and not pixels and key in kept:
        return kept[key]
    datasets: list[Dataset] = [dcmread(p, stop_before_pixels=not pixels) for p in paths]
    if not datasets or len({d.SeriesInstanceUID for d in datasets}) != 1:
        raise ValueError("the reference images must be the files of one series")
    first = datasets[0]
    grid, order = stack_grid(
        np.array([[float(v) for v in d.ImagePositionPatient] for d in datasets]),
        [float(v) for v in first.ImageOrientationPatient],
        [float(v) for v in first.PixelSpacing],
        int(first.Columns),
        int(first.Rows),
        str(first.FrameOfReferenceUID),
        "the reference series",
        float(first.SliceThickness) if first.get("SliceThickness") else None,
    )
    found = ReferenceSeries([datasets[i] for i in order], grid)
    if kept is not None and not pixels:
        kept[key] = found
    return found
