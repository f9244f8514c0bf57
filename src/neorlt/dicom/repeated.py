"""Activity images that came twice, images that hold one value everywhere, and slices that do not fit their neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neorlt.imaging.volume import Volume

ODD, ALIKE, THIN_MM = 2.0, 1.5, 6.0
"""A slice of twice or half its neighbours, which are alike within a half, is odd where slices are no thicker than a scanner's blur."""


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


def of_odd_slices(volumes: Sequence[Volume]) -> list[str]:
    """Return a sentence for every PET or SPECT with a slice that holds a multiple of both its neighbours, or a part: its scale was changed.

    A scanner's blur is as wide as slices are thick, so that what one slice holds its neighbours share.
    """
    said = []
    for volume in volumes:
        if volume.modality not in ("PT", "NM") or volume.grid.shape[2] < 3 or volume.grid.spacing_mm[2] > THIN_MM:
            continue
        total = volume.array.sum(axis=(0, 1), dtype=np.float64)
        floor = 1e-3 * float(total.max())
        low, middle, high = total[:-2], total[1:-1], total[2:]
        seen = (np.minimum(low, high) > floor) & (middle > 0)
        ratio = np.divide(middle, np.sqrt(np.abs(low * high)), out=np.ones_like(middle), where=seen)
        alike = np.abs(np.log(np.divide(high, low, out=np.ones_like(low), where=seen))) < np.log(ALIKE)
        odd = np.flatnonzero(alike & (np.abs(np.log(ratio)) > np.log(ODD)))
        if odd.size:
            worst = int(odd[np.abs(np.log(ratio[odd])).argmax()])
            z = volume.grid.index_to_mm(np.array([0, 0, worst + 1]))[2]
            when = f" of {volume.time:%Y-%m-%d %H:%M}" if volume.time is not None else ""
            said.append(
                f"The {_word(volume)} image{when}: {odd.size} slice{'s' if odd.size > 1 else ''} hold{'s' if odd.size == 1 else ''} up to"
                f" {ratio[worst]:.3g} times what both neighbours hold (at z {z:.0f} mm): was the slice's scale (0028,1053) changed?"
            )
    return said


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
