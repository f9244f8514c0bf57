"""Write regions as a NIfTI label map with its names, for programs that cannot tell the segments of a SEG apart."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path

import numpy as np

from neorlt.core.manifest import to_json
from neorlt.core.output import write_atomic
from neorlt.dicom.reference import read_reference
from neorlt.imaging.nifti import write_array
from neorlt.imaging.region import Region
from neorlt.imaging.resample import region_on


def write_label_map(regions: Seq[Region], reference_paths: Seq[Path], path: Path) -> Path:
    """Write ``path`` (``.nii.gz``) on the grid of a reference series, and its names beside it (``NAME_names.json``, number
    to name and kind), which ``--regions`` and ``--names`` read back.

    Label *n* is segment *n* of the SEG of the same regions: the voxels that are at least half filled. A voxel holds one label: where
    regions overlap it is that of the smaller one, so that a lesion stays whole in its organ.

    Raises
    ------
    ValueError
        If there is no region.
    """
    if not regions:
        raise ValueError("a label map needs at least one region")
    grid = read_reference(reference_paths).grid
    masks = [region_on(region, grid) >= 0.5 for region in regions]
    sizes = [int(mask.sum()) for mask in masks]
    labels = np.zeros(grid.shape, np.uint8 if len(regions) < 256 else np.uint16)
    for n in sorted(range(len(regions)), key=lambda n: -sizes[n]):
        labels[masks[n]] = n + 1
    write_array(labels, grid, path, "label map")
    names = {str(n): {"name": region.name, "kind": region.kind.value} for n, region in enumerate(regions, start=1)}
    write_atomic(path.with_name(path.name.removesuffix(".nii.gz") + "_names.json"), to_json(names))
    return path
