"""Volumes for a viewer: small NIfTI files of every image and the dose, and what a page needs to know about them.

The files are for looking, not for measuring: at most 128³ voxels, 16 bits. Measurements come from the images themselves. An image with
more voxels is kept whole beside its small file, in blocks (:mod:`neorlt.imaging.blocks`), so that a box of it is shown as it was taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.anatomy import is_vessel
from neorlt.core.errors import InputError
from neorlt.imaging.blocks import open_blocks, write_blocks
from neorlt.imaging.nifti import LPS_TO_RAS, small_nifti, small_slope, write_small_nifti
from neorlt.imaging.planes import centre_of
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_part, sub_grid
from neorlt.imaging.study import Study
from neorlt.imaging.suv import administration_of, suv_factor
from neorlt.imaging.volume import Grid, Unit, Volume

MAX_VOXELS = 128**3
VIEW_FILE = "view.json"
CONTOURS = "contours"
DETAIL_VOXELS = 128
"""Voxels along each side of a box of full resolution."""
_KINDS = {"CT": "ct", "PT": "pet", "NM": "spect", "DOSE": "dose"}
_WEEK_H = 168.0


def shrink(volume: Volume, max_voxels: int = MAX_VOXELS) -> Volume:
    """Average blocks of whole voxels until at most ``max_voxels`` are left; the finest axis is merged first."""
    factor = np.ones(3, dtype=int)
    shape, spacing = np.array(volume.grid.shape), np.array(volume.grid.spacing_mm)
    while np.prod(-(-shape // factor)) > max_voxels:
        free = np.where(factor < shape, spacing * factor, np.inf)
        factor[int(np.argmin(free))] += 1
    if np.all(factor == 1):
        return volume
    padding = [(0, int(-n % f)) for n, f in zip(shape, factor, strict=True)]
    padded = np.pad(volume.array, padding, mode="edge")
    a, b, c = (n // f for n, f in zip(padded.shape, factor, strict=True))
    blocks = padded.reshape(a, factor[0], b, factor[1], c, factor[2]).mean(axis=(1, 3, 5), dtype=np.float64)
    step = np.eye(4)
    step[:3, :3] = np.diag(factor)
    step[:3, 3] = (factor - 1) / 2.0
    grid = Grid((int(a), int(b), int(c)), volume.grid.affine @ step, volume.grid.frame_of_reference)
    return Volume(blocks.astype(np.float32), grid, volume.unit, volume.modality, volume.time, volume.nuclide, volume.description)


def _write_full(
    grid: Grid, values: NDArray[np.float32] | NDArray[np.int16], slope: float, shown: Grid, path: Path
) -> dict[str, Any] | None:
    """Keep an image whole beside its small file; None where the small one is the image itself."""
    if grid.shape == shown.shape:
        return None
    size = write_blocks(values, slope, path)
    affine = [[float(v) for v in row] for row in grid.affine]
    return {"shape": list(grid.shape), "affine": affine, "spacing_mm": [round(v, 3) for v in grid.spacing_mm], "bytes": size}


def detail(folder: Path, row: Mapping[str, Any], centre_mm: NDArray[np.float64], *, labels: bool = False) -> bytes:
    """A box of at most :data:`DETAIL_VOXELS` voxels a side of the whole image round a place, as NIfTI.

    Parameters
    ----------
    folder, row
        The view's folder, and the image's row of ``view.json`` with its ``full`` block.
    centre_mm
        ``(3,)`` place in right-anterior-superior millimetres, as the viewer has it; a place outside is brought to the image's edge.
    labels
        Values are labels.

    Raises
    ------
    ValueError
        If the image was not kept whole, or its file is damaged.
    """
    full = row.get("full")
    if not isinstance(full, Mapping):
        raise ValueError("the image has no more voxels than are shown")
    blocks = open_blocks(folder / f"{row['name']}.blocks")
    grid = Grid(blocks.shape, np.array(full["affine"], float), "view")
    at = grid.mm_to_index(LPS_TO_RAS[:3, :3] @ np.asarray(centre_mm, float))
    shape = np.array(blocks.shape)
    side = np.minimum(shape, DETAIL_VOXELS)
    low = np.clip(np.rint(at).astype(int) - side // 2, 0, shape - side)
    array = blocks.read(tuple(low.tolist()), tuple((low + side).tolist()))
    box = sub_grid(grid, low, low + side)
    # Hounsfield units and labels are whole numbers; what else is shown here is scaled by the box's own highest value.
    return small_nifti(Volume(array, box, Unit.HU if blocks.slope == 1.0 else Unit.GY, "DOSE"), labels=labels)


def write_view(study: Study, folder: Path, dose: Volume | None = None, max_voxels: int = MAX_VOXELS) -> dict[str, Any]:
    """Write every image of a study and the dose into a new folder, with ``view.json``; returns its content.

    ``view.json`` lists the volumes (file, kind, title, unit, other units with their factor, week, frame, highest value, bytes, and under
    ``full`` the whole image where the file holds fewer voxels),
    the contours (see :func:`write_contours`; None without regions), the centre of each lesion in right-anterior-superior
    millimetres, and what happened in which week. Weeks count from the first therapy, else from the first image; no date is written.
    """
    folder.mkdir(parents=True)
    zero = _start(study)
    frames: list[str] = []
    listed: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    contours: dict[str, Any] | None = None
    region_frames = {region.grid.frame_of_reference for region in _drawn(study)}
    images = [*study.ct_images(), *study.pet_images(), *study.therapy_images()]
    for volume in [*images, *([] if dose is None else [dose])]:
        kind = _KINDS[volume.modality]
        counts[kind] = counts.get(kind, 0) + 1
        name = kind if kind == "dose" else f"{kind}-{counts[kind]}"
        small = shrink(volume, max_voxels)
        frame = volume.grid.frame_of_reference
        if frame not in frames:
            frames.append(frame)
        # Contours lie on the voxels of the first image of their frame: the CT where there is one.
        if contours is None and frame in region_frames:
            contours = write_contours(study, small, folder, volume) | {"frame": frames.index(frame)}
        listed.append(
            {
                "name": name, "kind": kind, "title": _title(volume, zero), "unit": _unit_word(volume.unit),
                "other_units": _other_units(study, volume), "week": _week(volume.time, zero), "frame": frames.index(frame),
                "highest": float(small.array.max()), "spacing_mm": [round(v, 3) for v in small.grid.spacing_mm],
                "shape": list(small.grid.shape), "bytes": write_small_nifti(small, folder / f"{name}.nii.gz"),
                "full": _write_full(volume.grid, volume.array, small_slope(volume), small.grid, folder / f"{name}.blocks"),
            }  # fmt: skip
        )
    document = {
        "volumes": listed,
        "contours": contours,
        "lesions": {lesion.name: [round(v, 2) for v in (LPS_TO_RAS[:3, :3] @ centre_of(lesion))] for lesion in study.lesions()},
        "events": _events(study, zero),
    }
    (folder / VIEW_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return document


def write_contours(study: Study, image: Volume, folder: Path, whole: Volume | None = None) -> dict[str, Any]:
    """Write the regions of an image's frame as one volume of labels on its voxels, ``contours.nii.gz``; returns what it holds.

    A voxel belongs to a region that fills half of it or more; a region smaller than that keeps the voxels that it fills most.
    Where regions overlap a lesion lies over an organ. ``left_out`` names regions of another frame of reference, or outside the image.
    On the voxels of ``whole``, where the image was made smaller, they are kept as well.
    """
    labels = np.zeros(image.grid.shape, np.float32)
    fine = None if whole is None or whole.grid.shape == image.grid.shape else np.zeros(whole.grid.shape, np.int16)
    shown: list[dict[str, Any]] = []
    left_out: list[str] = []
    for region in _drawn(study):
        if region.grid.frame_of_reference != image.grid.frame_of_reference:
            left_out.append(region.name)
            continue
        box, part = region_part(region, image.grid)
        most = float(part.max(initial=0.0))
        if most <= 0.0:
            left_out.append(region.name)
            continue
        shown.append({"label": len(shown) + 1, "name": region.name, "kind": outline_kind(region)})
        labels[box][part >= min(0.5, most)] = len(shown)
        if fine is not None and whole is not None:
            box, part = region_part(region, whole.grid)
            fine[box][part >= min(0.5, float(part.max(initial=0.0)) or 1.0)] = len(shown)
    size = write_small_nifti(image.with_array(labels), folder / f"{CONTOURS}.nii.gz", labels=True)
    full = None
    if fine is not None and whole is not None:
        full = _write_full(whole.grid, fine, 1.0, image.grid, folder / f"{CONTOURS}.blocks")
    return {"name": CONTOURS, "regions": shown, "left_out": left_out, "bytes": size, "full": full}


def outline_kind(region: Region) -> str:
    """What the border of a region is drawn as: its kind, or ``vessel``."""
    return "vessel" if region.kind is not RegionKind.LESION and is_vessel(region.name) else str(region.kind)


def _drawn(study: Study) -> list[Region]:
    """Regions whose outline is shown, lesions last."""
    kept = [region for region in study.regions if region.kind is not RegionKind.BODY]
    return sorted(kept, key=lambda region: region.kind is RegionKind.LESION)


def _start(study: Study) -> datetime | None:
    nuclides = {volume.nuclide for volume in study.therapy_images()}
    therapy = [a.time for a in study.administrations if a.nuclide in nuclides]
    times = therapy or [volume.time for volume in study.volumes if volume.time is not None]
    return min(times) if times else None


def _week(time: datetime | None, zero: datetime | None) -> float | None:
    return None if time is None or zero is None else round((time - zero).total_seconds() / 3600.0 / _WEEK_H, 3)


def _title(volume: Volume, zero: datetime | None) -> str:
    if volume.modality == "DOSE":
        return "Absorbed dose"
    if volume.modality == "CT":
        return "CT"
    word = "PET" if volume.modality == "PT" else "SPECT"
    week = _week(volume.time, zero)
    when = "" if week is None else f", {week * _WEEK_H:.0f} h" if 0 <= week < 2 else f", week {week:.0f}".replace("-", "\u2212")
    return f"{word} {volume.nuclide or ''}".strip() + when


def _unit_word(unit: Unit) -> str:
    return {Unit.SUV_BW: "SUV"}.get(unit, str(unit))


def _other_units(study: Study, volume: Volume) -> list[dict[str, Any]]:
    """Units that an activity image may be shown in as well: SUV where weight and injection are known."""
    if volume.time is None or volume.unit not in (Unit.BQ_PER_ML, Unit.SUV_BW):
        return []
    administration = administration_of(study, volume)
    if administration is None:
        return []
    try:
        factor = suv_factor(administration, volume.weight_kg or study.weight_kg, volume.time).factor
    except InputError:
        return []
    if volume.unit is Unit.SUV_BW:
        return [{"unit": "Bq/ml", "factor": 1.0 / factor}]
    return [{"unit": "SUV", "factor": factor}]


def _events(study: Study, zero: datetime | None) -> list[dict[str, Any]]:
    """Injections for therapy and images in order of time, each with its week."""
    nuclides = {volume.nuclide for volume in study.therapy_images()}
    found = [
        {"week": _week(a.time, zero), "kind": "therapy", "text": f"{a.activity_mbq / 1000.0:.2g} GBq {a.nuclide}"}
        for a in study.administrations if a.nuclide in nuclides
    ]  # fmt: skip
    found += [
        {"week": _week(volume.time, zero), "kind": "imaging", "text": _title(volume, zero)}
        for volume in (*study.pet_images(), *study.therapy_images())
    ]
    return sorted((event for event in found if event["week"] is not None), key=lambda event: float(str(event["week"])))
