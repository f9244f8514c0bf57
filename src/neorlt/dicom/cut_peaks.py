"""Images whose highest values were cut: many voxels hold the largest number that the file's bits can hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neorlt.dicom.header import number
from neorlt.dicom.scan import Instance

LEAST = 4
"""So many voxels of one slice at the end of the range are a cut: a scale made for an image puts its one highest voxel there, or a tie."""


BELOW, LEAST_BELOW = 0.9, 0.05
"""Round a cut peak values fall off gently: from this part of the range on lie voxels too, this part of those at its end at the least. A
flat region of a phantom ends at once."""


def at_the_top(stored: NDArray[np.generic], instance: Instance) -> tuple[int, int]:
    """Voxels of a slice ``(rows, columns)`` that hold the largest number of Bits Stored (0028,0101), and those a tenth below it or less."""
    bits = number(instance.header, "BitsStored", instance.name)
    if bits is None or stored.dtype.kind not in "iu":
        return 0, 0
    top = (1 << (int(bits) - (stored.dtype.kind == "i"))) - 1
    count = int(np.count_nonzero(stored == top))
    return count, int(np.count_nonzero(np.asarray(stored, np.int64) >= BELOW * top)) - count if count else 0


def cut_peaks(what: str, counts: Sequence[tuple[int, int]], slopes: Sequence[float] = ()) -> tuple[str, ...]:
    """A sentence where slices were cut.

    A scale that was made for each slice puts every slice's maximum at the end of the range, and cuts nothing; so only slices count
    whose slope another slice shares that stays below.

    Parameters
    ----------
    counts
        Of :func:`at_the_top`, by slice.
    slopes
        Of each slice; empty where all share one.
    """
    slopes = slopes or [1.0] * len(counts)
    shared = {slope for slope, (count, _) in zip(slopes, counts, strict=True) if count == 0}
    cut = [count for slope, (count, _) in zip(slopes, counts, strict=True) if count >= LEAST and slope in shared]
    if not cut or sum(near for _, near in counts) < LEAST_BELOW * sum(cut):
        return ()
    return (
        f"{what}: {sum(cut)} voxels in {len(cut)} slice{'s' if len(cut) > 1 else ''} hold the largest number that the file's bits can hold"
        " (0028,0101): higher values were cut, and maximum and mean there are too low. Export the series again with a scale that"
        " holds them.",
    )
