"""The image series that a written object is drawn on."""

from __future__ import annotations

from collections.abc import Sequence
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


def read_reference(paths: Sequence[Path], *, pixels: bool = False) -> ReferenceSeries:
    """Read a single-frame series (CT or PET) and sort it by position.

    Raises
    ------
    ValueError
        If no path is given or the files belong to more than one series.

    """
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
    return ReferenceSeries([datasets[i] for i in order], grid)
