"""A volume as packed blocks in one file, of which a box is read without the rest: full resolution for a viewer, on demand.

Layout: eight bytes with the length of the head, the head (JSON: shape, slope, offsets of the blocks in the order of their places, x last),
then each block as zlib-packed 16-bit values. A file is written once, whole, and never changed.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

EDGE = 32
"""Voxels along the edge of a block: a box of 128³ touches 125 of them at most."""
_MAGIC = "neorlt blocks 1"
_LEVEL = 1


@dataclass(frozen=True)
class Blocks:
    """The head of a file of blocks: ``shape`` of the volume, ``slope`` from stored values to its unit."""

    path: Path
    shape: tuple[int, int, int]
    slope: float
    offsets: tuple[int, ...]
    start: int

    def read(self, low: tuple[int, int, int], high: tuple[int, int, int]) -> NDArray[np.float32]:
        """Values of the box from voxel ``low`` up to, not including, ``high``, cut to the volume.

        Raises
        ------
        ValueError
            If nothing of the box lies in the volume, or the file is damaged.
        """
        first = [max(0, a) for a in low]
        last = [min(n, b) for n, b in zip(self.shape, high, strict=True)]
        if any(a >= b for a, b in zip(first, last, strict=True)):
            raise ValueError("the box lies outside the volume")
        out = np.empty([b - a for a, b in zip(first, last, strict=True)], np.int16)
        counts = _counts(self.shape)
        with self.path.open("rb") as stream:
            for place in product(*(range(a // EDGE, (b - 1) // EDGE + 1) for a, b in zip(first, last, strict=True))):
                number = (place[0] * counts[1] + place[1]) * counts[2] + place[2]
                stream.seek(self.start + self.offsets[number])
                packed = stream.read(self.offsets[number + 1] - self.offsets[number])
                try:
                    values = np.frombuffer(zlib.decompress(packed), "<i2")
                    block = values.reshape([min(EDGE, n - EDGE * p) for n, p in zip(self.shape, place, strict=True)])
                except (zlib.error, ValueError) as error:
                    raise ValueError(f"{self.path.name} is damaged") from error
                inside = [(max(a, EDGE * p), min(b, EDGE * (p + 1))) for a, b, p in zip(first, last, place, strict=True)]
                target = tuple(slice(a - f, b - f) for (a, b), f in zip(inside, first, strict=True))
                source = tuple(slice(a - EDGE * p, b - EDGE * p) for (a, b), p in zip(inside, place, strict=True))
                out[target] = block[source]
        return np.asarray(out * np.float32(self.slope), np.float32)


def _counts(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return -(-shape[0] // EDGE), -(-shape[1] // EDGE), -(-shape[2] // EDGE)


def write_blocks(values: NDArray[np.float32] | NDArray[np.int16], slope: float, path: Path) -> int:
    """Write values ``(x, y, z)`` as 16-bit multiples of ``slope``; returns the bytes on disk."""
    shape = (int(values.shape[0]), int(values.shape[1]), int(values.shape[2]))
    packed = []
    for place in product(*(range(n) for n in _counts(shape))):
        # Block by block: a whole CT of other type beside the first would double the memory.
        block = values[tuple(slice(EDGE * p, EDGE * (p + 1)) for p in place)]
        whole = np.clip(np.rint(block / slope), -32_768, 32_767).astype("<i2")
        packed.append(zlib.compress(np.ascontiguousarray(whole).tobytes(), _LEVEL))
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in packed])]).tolist()
    head = json.dumps({"is": _MAGIC, "shape": shape, "slope": slope, "offsets": offsets}).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(head)) + head)
        stream.writelines(packed)
    return path.stat().st_size


def open_blocks(path: Path) -> Blocks:
    """Read the head of a file of blocks.

    Raises
    ------
    ValueError
        If it is none.
    """
    with path.open("rb") as stream:
        size = struct.unpack("<Q", stream.read(8).ljust(8, b"\0"))[0]
        if size > path.stat().st_size:
            raise ValueError(f"{path.name} is no file of blocks")
        try:
            head = json.loads(stream.read(size))
        except ValueError as error:
            raise ValueError(f"{path.name} is no file of blocks") from error
    if not isinstance(head, dict) or head.get("is") != _MAGIC:
        raise ValueError(f"{path.name} is no file of blocks")
    return Blocks(path, tuple(head["shape"]), float(head["slope"]), tuple(head["offsets"]), 8 + size)
