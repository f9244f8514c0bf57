"""Read a NIfTI label map, for example the output of TotalSegmentator, as regions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.dicom.naming import kind_from_name
from neorlt.imaging.region import Region
from neorlt.imaging.resample import crop_region, inside_fraction
from neorlt.imaging.volume import Grid

Names = Mapping[int, str] | Path | None
MOST_LABELS = 1000
"""More different values are not a label map but an image."""


def read_label_names(names: Names) -> dict[int, str]:
    """Return ``{label: name}`` from a mapping or a JSON file ``{"1": "liver", …}`` or ``{"liver": 1, …}``.

    Raises
    ------
    InputError
        If the file cannot be read or holds something else.

    """
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return {int(k): str(v) for k, v in names.items()}
    path = Path(names)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        pairs = [(k, v) if str(k).lstrip("-").isdigit() else (v, k) for k, v in found.items()]
        return {int(k): str(v) for k, v in pairs}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            "the names of the labels cannot be read",
            expected='a JSON object such as {"1": "liver"}',
            where=path.name,
            remedy="correct the file",
        ) from error


def read_labels(path: Path, names: Names, frame_of_reference: str, image: Grid) -> list[Region]:
    """Return one region per label above 0.

    A NIfTI file names no frame of reference; it is taken to be that of the study's images, and refused if it does not
    lie on them.

    Raises
    ------
    InputError
        If the file cannot be read, is no label map, or lies outside the images.

    """
    import SimpleITK  # reads NIfTI into DICOM's own directions (LPS)

    path = Path(path)
    if not path.is_file():
        raise InputError("the label map does not exist", where=path.name, remedy="give its path")
    try:
        image_itk: Any = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError("the label map cannot be read", where=path.name, remedy="give a NIfTI file") from error
    array = np.transpose(SimpleITK.GetArrayFromImage(image_itk))
    if array.ndim != 3:
        raise InputError("the label map must have three dimensions", found=f"{array.ndim}", where=path.name, remedy="split it")
    labels = np.unique(array)
    if len(labels) > MOST_LABELS or not np.array_equal(labels, np.rint(labels)):
        raise InputError(
            "the file is an image, not a label map",
            found=f"{len(labels)} different values",
            where=path.name,
            remedy="give whole numbers, one per region",
        )
    affine = np.eye(4)
    affine[:3, :3] = np.array(image_itk.GetDirection()).reshape(3, 3) * np.array(image_itk.GetSpacing())
    affine[:3, 3] = image_itk.GetOrigin()
    grid = Grid(array.shape, affine, frame_of_reference)
    named = read_label_names(names)
    regions = []
    for label in (int(v) for v in labels if v > 0):
        name = named.get(label, f"label-{label}")
        region = crop_region(Region(name, kind_from_name(name), (array == label).astype(np.float32), grid, "NIfTI"))
        if inside_fraction(region, image) < 0.5:
            raise InputError(
                f"region {name!r} lies outside the image",
                where=path.name,
                remedy="give the label map that was made on these images",
            )
        regions.append(region)
    if not regions:
        raise InputError("the label map is empty", where=path.name, remedy="give one with labels above 0")
    return regions
