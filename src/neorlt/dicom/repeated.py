"""Activity images that came twice, and images that hold one value everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neorlt.imaging.volume import Volume


def without_copies(volumes: Sequence[Volume]) -> tuple[list[Volume], list[str]]:
    """Return the volumes with each image once, and a sentence for every copy left out.

    A copy has the same modality, moment, grid and numbers as an image before it: archives and post-processing send one scan again
    under new identifiers, and it would weigh twice in a curve.
    """
    kept: list[Volume] = []
    said = []
    for volume in volumes:
        if any(_same(volume, other) for other in kept):
            when = f" of {volume.time:%Y-%m-%d %H:%M}" if volume.time is not None else ""
            said.append(f"One {_word(volume)} image{when} is there twice, under two identifiers: it was counted once.")
        else:
            kept.append(volume)
    return kept, said


def of_one_value(volumes: Sequence[Volume]) -> list[str]:
    """Return a sentence for every image whose slices each hold one value (slices may have a scale of their own)."""
    return [
        f"The {_word(v)} image{f' of {v.time:%Y-%m-%d %H:%M}' if v.time is not None else ''} holds one value in every voxel of a slice"
        f" ({float(v.array.flat[0]):g} {v.unit} in the first): it shows nothing; were its pixels lost?"
        for v in volumes
        if v.array[..., 0].size > 1 and np.array_equal(v.array.min(axis=(0, 1)), v.array.max(axis=(0, 1)))
    ]


def of_one_moment(volumes: Sequence[Volume]) -> list[str]:
    """Return a sentence for every PET scan that is there as several images: their rows bear the same time and cannot be told apart."""
    scans: dict[tuple[str, str], int] = {}
    for volume in volumes:
        if volume.modality == "PT" and volume.time is not None:
            scan = (str(volume.nuclide), f"{volume.time:%Y-%m-%d %H:%M}")
            scans[scan] = scans.get(scan, 0) + 1
    return [
        f"{count} PET images of {nuclide} show one moment, {when}, and differ: reconstructions of one scan? Each has its own values; take"
        " all but the one that is meant out of the folder."
        for (nuclide, when), count in scans.items()
        if count > 1
    ]


def _same(one: Volume, other: Volume) -> bool:
    if (one.modality, one.time, one.nuclide, one.unit) != (other.modality, other.time, other.nuclide, other.unit):
        return False
    return one.grid.same_as(other.grid) and bool(np.array_equal(one.array, other.array))


def _word(volume: Volume) -> str:
    return {"NM": "SPECT", "PT": "PET"}.get(volume.modality, volume.modality)
