"""Read label maps as regions: one NIfTI file of all labels, or a folder with one file an organ, as TotalSegmentator writes both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.tables import read_json as read_table
from neorlt.core.written import read_json
from neorlt.dicom.naming import Role, role_from_name
from neorlt.dicom.nifti_labels import read_nifti_labels
from neorlt.dicom.plausible import check_grid
from neorlt.dicom.settings import KINDS
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import crop_region, inside_fraction
from neorlt.imaging.volume import Grid

Names = Mapping[int, str] | Path | None
MOST_LABELS = 1000
"""More different values are not a label map but an image."""
OFF_VOXELS = 0.1
"""A map of the image's shape that lies further beside it is said: rounding of a header stays far below."""
_NIFTI = (".nii", ".nii.gz")
LISTS = ("totalsegmentator-v1", "totalsegmentator-v2", "totalsegmentator-mr")
"""Lists of labels that stand for a names file: maps of these programs often hold numbers alone."""
_LOOK = 'a JSON object such as {"1": "liver", "19000": {"name": "LN", "kind": "lesion"}}'


@dataclass(frozen=True)
class Named:
    """Name of a label, and its kind where the names file states one."""

    name: str
    kind: str = ""


def read_label_names(names: Names) -> dict[int, Named]:
    """Return ``{label: name}`` from a mapping or a JSON file.

    The file holds ``{"1": "liver", …}``, ``{"liver": 1, …}`` or ``{"1": {"name": "LN", "kind": "lesion"}, …}``. A word of
    :data:`LISTS` in its place stands for the labels of that program.

    Raises
    ------
    InputError
        If the file cannot be read or holds something else, or two labels carry one name.

    """
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return {int(k): Named(str(v)) for k, v in names.items()}
    path = Path(names)
    if str(names) in LISTS and not path.exists():
        return {label: Named(name) for label, name in enumerate(read_table("dicom", "label_lists.json")[str(names)], start=1)}
    found = read_json(path, "the file of the labels' names", f"give {_LOOK}")
    try:
        pairs = [(k, v) if str(k).lstrip("-").isdigit() else (v, k) for k, v in found.items()]
        made = {int(k): _named(v) for k, v in pairs}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise InputError("the names of the labels cannot be read", expected=_LOOK, where=path.name, remedy="correct the file") from error
    if len(made) < len(pairs):
        raise InputError("one label has two names", where=path.name, remedy="give each label one name")
    return made


def _named(value: Any) -> Named:
    if isinstance(value, Mapping):
        kind = str(value.get("kind", ""))
        if kind not in ("", *KINDS) or set(value) - {"name", "kind"}:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        return Named(str(value["name"]), kind)
    return Named(str(value))


def read_labels(path: Path, names: Names, frame_of_reference: str, image: Grid) -> tuple[list[Region], list[str]]:
    """Return one region per label above 0, and what a reader should know.

    A NIfTI file names no frame of reference; it is taken to be that of the study's images, and refused if it does not
    lie on them.

    Parameters
    ----------
    path
        A label map, or a folder of masks whose file names are the regions' names.

    Raises
    ------
    InputError
        If a file cannot be read, is no label map, lies outside the images, or two transforms of one differ.

    """
    path = Path(path)
    if path.is_dir():
        return _folder(path, frame_of_reference, image)
    if not path.is_file():
        raise InputError("the label map does not exist", where=path.name, remedy="give its path")
    array, affine, inside, warnings = _file(path)
    grid = _grid(array, affine, frame_of_reference, path)
    warnings = [*warnings, *_off_the_image(grid, image)]
    labels = np.unique(array)
    if len(labels) > MOST_LABELS or not np.array_equal(labels, np.rint(labels)):
        raise InputError(
            "the file is an image, not a label map",
            found=f"{len(labels)} different values",
            where=path.name,
            remedy="give whole numbers, one per region",
        )
    if labels.min() < 0:
        raise InputError("a label is below 0", found=f"{int(labels.min())}", where=path.name, remedy="give numbers above 0")
    named = {**{k: Named(v) for k, v in inside.items()}, **read_label_names(names)}
    regions = []
    for label in (int(v) for v in labels if v > 0):
        one = named.get(label, Named(f"label-{label}"))
        role = Role(RegionKind(one.kind), "names file") if one.kind else role_from_name(one.name)
        regions.append(_region(one.name, role, array == label, grid, image, path))
    if not regions:
        raise InputError("the label map is empty", where=path.name, remedy="give one with labels above 0")
    listed = isinstance(names, Path) and str(names) in LISTS
    nameless = [r.name for r in regions if r.name.startswith("label-")]
    if nameless and listed:
        raise InputError(
            f"the map holds labels that {names} does not", expected=f"1 to {len(read_label_names(names))}", found=", ".join(nameless[:5]),
            where=path.name, remedy=f"give the list that the map was made with ({', '.join(LISTS)}), or a names file",
        )  # fmt: skip
    if nameless:
        warnings.append(
            f"Labels without a name: {', '.join(nameless)}; name them with --names (a file, or {LISTS[1]} and the like for a map of that"
            " program)."
        )
    absent = [f"{one.name} ({label})" for label, one in read_label_names(names).items() if label not in labels and label > 0 and not listed]
    if absent and len(absent) < len(named):
        shown = ", ".join(absent[:5]) + (" …" if len(absent) > 5 else "")
        warnings.append(f"The names file names labels that the map does not hold: {shown}.")
    return regions, warnings


def _folder(path: Path, frame_of_reference: str, image: Grid) -> tuple[list[Region], list[str]]:
    """One mask a file; empty masks (organs outside the field of view) are left out by name."""
    files = sorted(p for p in path.iterdir() if p.name.lower().endswith(_NIFTI))
    if not files:
        raise InputError(
            "the folder holds no label map", expected=".nii or .nii.gz files", where=path.name, remedy="give the folder of the masks"
        )
    regions: list[Region] = []
    warnings: list[str] = []
    empty = []
    for file in files:
        array, affine, _, said = _file(file)
        warnings += said
        name = file.name[: -len(".nii.gz")] if file.name.lower().endswith(".nii.gz") else file.stem
        values = np.unique(array)
        if len(values) > 2 or values.min() < 0:
            raise InputError(
                "a file of the folder is no mask", expected="0 and one other number", found=f"{len(values)} values", where=file.name,
                remedy="give one mask a file, or the map of all labels alone",
            )  # fmt: skip
        if values.max() == 0:
            empty.append(name)
            continue
        grid = _grid(array, affine, frame_of_reference, file)
        warnings += [said for said in _off_the_image(grid, image) if said not in warnings]
        regions.append(_region(name, role_from_name(name), array > 0, grid, image, file))
    if not regions:
        raise InputError("every mask of the folder is empty", where=path.name, remedy="give the masks that were made on these images")
    if empty:
        warnings.append(f"Empty masks were left out: {', '.join(empty[:8])}{f' and {len(empty) - 8} more' if len(empty) > 8 else ''}.")
    return regions, warnings


def _file(path: Path) -> tuple[NDArray[Any], NDArray[np.float64], dict[int, str], list[str]]:
    if path.name.lower().endswith(_NIFTI):
        found = read_nifti_labels(path)
        return found.labels, found.affine, found.names, list(found.warnings)
    import SimpleITK  # other formats (.mha, .nrrd), in DICOM's own directions (LPS)

    try:
        image: Any = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError("the label map cannot be read", where=path.name, remedy="give a NIfTI file (.nii, .nii.gz)") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError("the label map must have three dimensions", found=f"{image.GetDimension()}", where=path.name, remedy="split it")
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.transpose(SimpleITK.GetArrayFromImage(image)), affine, {}, []


def _grid(array: NDArray[Any], affine: NDArray[np.float64], frame_of_reference: str, path: Path) -> Grid:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    check_grid((float(spacing[0]), float(spacing[1]), float(spacing[2])), array.shape, path.name)
    return Grid(array.shape, affine, frame_of_reference)


def _off_the_image(grid: Grid, image: Grid) -> list[str]:
    """Say that a map with the image's own number of voxels along every axis of the patient does not lie on the image's voxels.

    Half a voxel is the difference between programs that count from a voxel's edge and those that count from its centre.
    """
    (count, low, high), (image_count, image_low, image_high) = _box(grid), _box(image)
    if count != image_count:
        return []
    off = float(max(np.abs(low - image_low).max(), np.abs(high - image_high).max()))
    if off <= OFF_VOXELS * min(image.spacing_mm):
        return []
    return [
        f"The label map has the image's {' x '.join(map(str, image.shape))} voxels and lies up to {off:.1f} mm beside them: it was made on"
        " another image, or its affine was changed; compare it with the image."
    ]


def _box(grid: Grid) -> tuple[tuple[int, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Number of voxels along the patient's axes, and the least and greatest place of a voxel's centre there (mm)."""
    axes = np.abs(grid.affine[:3, :3] / np.array(grid.spacing_mm)).argmax(axis=1)
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in grid.shape), indexing="ij"), -1).reshape(-1, 3)
    places = grid.index_to_mm(corners)
    return tuple(grid.shape[int(a)] for a in axes), places.min(axis=0), places.max(axis=0)


def _region(name: str, role: Role, mask: NDArray[np.bool_], grid: Grid, image: Grid, path: Path) -> Region:
    region = crop_region(Region(name, role.kind, mask.astype(np.float32), grid, "NIfTI", role.why))
    if inside_fraction(region, image) < 0.5:
        raise InputError(
            f"region {name!r} lies outside the image",
            where=path.name,
            remedy="give the label map that was made on these images",
        )
    return region
