"""Read a NIfTI-1 or NIfTI-2 label map: its two transforms are compared, and axes that are a little off right angles are straightened.

ITK-based readers take one transform by a rule of their own, nibabel, TotalSegmentator and nnU-Net the other; a file in which they
differ lies in two places. Source: NIfTI-1 specification (nifti1.h) and NIfTI-2 (nifti2.h), nifti.nimh.nih.gov.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError

Floats = NDArray[np.float64]
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
APART_VOXELS = 0.5
"""Transforms that move no corner by more than this are one; so are axes straightened by no more."""
SAID_VOXELS = 0.01
MOST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class LabelMap:
    """Labels ``(x, y, z)``, the affine to patient millimetres (LPS, right angles), names inside the file, and what to say."""

    labels: NDArray[np.generic]
    affine: Floats
    names: dict[int, str]
    warnings: tuple[str, ...]


def read_nifti_labels(path: Path) -> LabelMap:
    """Read one file.

    Raises
    ------
    InputError
        If it is no NIfTI file or cut short, has no transform or two that differ, or axes far from right angles.

    """
    content = _content(path)
    order = _order(content, path)
    two = struct.unpack_from(order + "i", content, 0)[0] == 540
    sizes = struct.unpack_from(order + "8q", content, 16) if two else struct.unpack_from(order + "8h", content, 40)
    shape = tuple(int(n) for n in sizes[1 : 1 + sizes[0]]) if 1 <= sizes[0] <= 7 else ()
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(
            "the label map must have three dimensions", found=" x ".join(map(str, shape)), where=path.name, remedy="split it"
        )
    kind = struct.unpack_from(order + "h", content, 12 if two else 70)[0]
    offset = int(struct.unpack_from(order + ("q" if two else "f"), content, 168 if two else 108)[0])
    slope, intercept = struct.unpack_from(order + ("2d" if two else "2f"), content, 176 if two else 112)
    if kind not in _TYPES:
        raise InputError("the label map holds numbers of an unknown kind", found=f"{kind}", where=path.name, remedy="write it as integers")
    dtype = np.dtype(order + _TYPES[kind])
    count = int(np.prod(shape))
    if offset < (544 if two else 348) or len(content) - offset < count * dtype.itemsize:
        raise InputError(
            "the label map is cut short",
            expected=f"{count * dtype.itemsize} bytes",
            found=f"{max(len(content) - offset, 0)}",
            where=path.name,
            remedy="copy it again",
        )
    labels = np.frombuffer(content, dtype, count, offset).reshape(shape, order="F")
    if slope not in (0.0, 1.0) and np.isfinite(slope) or (slope == 1.0 and intercept != 0.0):
        labels = labels * slope + intercept
    affine, warnings = _affine(content, order, two, shape, path)
    return LabelMap(labels, affine, _names(content[(540 if two else 348) : offset]), warnings)


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        unpacked = zlib.decompressobj(31).decompress(data, MOST_BYTES)
        return unpacked if len(unpacked) < MOST_BYTES else gzip.decompress(data)
    except (zlib.error, OSError, EOFError) as error:
        raise InputError("the label map cannot be unpacked", where=path.name, remedy="copy it again") from error


def _order(content: bytes, path: Path) -> str:
    for order in "<>":
        if len(content) > 348 and struct.unpack_from(order + "i", content, 0)[0] in (348, 540):
            return order
    raise InputError("the label map cannot be read", where=path.name, remedy="give a NIfTI file (.nii, .nii.gz)")


def _affine(content: bytes, order: str, two: bool, shape: tuple[int, ...], path: Path) -> tuple[Floats, tuple[str, ...]]:
    """The affine to LPS millimetres with right angles, and what to say.

    Raises
    ------
    InputError
        If there is none, two differ, or the axes are far from right angles.
    """
    if two:
        q_code, s_code = struct.unpack_from(order + "2i", content, 344)
        step = struct.unpack_from(order + "8d", content, 104)
        quaternion = struct.unpack_from(order + "6d", content, 352)
        rows = struct.unpack_from(order + "12d", content, 400)
    else:
        q_code, s_code = struct.unpack_from(order + "2h", content, 252)
        step = struct.unpack_from(order + "8f", content, 76)
        quaternion = struct.unpack_from(order + "6f", content, 256)
        rows = struct.unpack_from(order + "12f", content, 280)
    found = {}
    if s_code > 0:
        found["sform"] = np.vstack([np.array(rows, dtype=np.float64).reshape(3, 4), [0, 0, 0, 1]])
    if q_code > 0:
        found["qform"] = _from_quaternion(quaternion, step)
    if not found:
        raise InputError(
            "the label map does not say where it lies",
            expected="a transform (sform or qform)",
            where=path.name,
            remedy="write it with the transform of the image that it was made on",
        )
    if not all(np.all(np.isfinite(a)) and abs(np.linalg.det(a[:3, :3])) > 1e-6 for a in found.values()):
        raise InputError(
            "the label map's transform is singular", where=path.name, remedy="write it with the transform of the image that it was made on"
        )
    if len(found) == 2:
        apart = _apart(found["sform"], found["qform"], shape)
        if apart > APART_VOXELS:
            mm = float(np.linalg.norm((found["sform"] - found["qform"]) @ [*(0.5 * np.array(shape)), 1.0]))
            raise InputError(
                "the label map lies in two places: its two transforms, sform and qform, differ",
                expected="one place",
                found=f"{mm:.1f} mm apart, {apart:.1f} voxels at the worst corner",
                where=path.name,
                remedy="write it with the one that is right in both (nibabel: image.set_qform(image.get_sform()))",
            )
    affine = next(iter(found.values()))
    straight = _straightened(affine, shape)
    off = _apart(affine, straight, shape)
    if off > APART_VOXELS:
        raise InputError(
            "the axes of the label map are not at right angles",
            expected="90°",
            found=f"{_worst_angle(affine):.2f}° between two of them, {off:.1f} voxels at the worst corner",
            where=path.name,
            remedy="resample it to the image that it was made on",
        )
    said: tuple[str, ...] = ()
    if off > SAID_VOXELS:
        said = (f"Label map: axes {_worst_angle(affine):.3f}° apart were straightened; no voxel moved by more than {off:.2f} of one.",)
    return _RAS_TO_LPS @ straight, said


def _from_quaternion(values: tuple[float, ...], step: tuple[float, ...]) -> Floats:
    """Affine of method 2 of the specification: unit quaternion, offset, and the handedness in pixdim[0]."""
    b, c, d = values[:3]
    a = np.sqrt(max(1.0 - (b * b + c * c + d * d), 0.0))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array([step[1], step[2], step[3] * (-1.0 if step[0] < 0 else 1.0)])
    affine[:3, 3] = values[3:6]
    return affine


def _straightened(affine: Floats, shape: tuple[int, ...]) -> Floats:
    """The nearest affine with right angles (polar decomposition of the directions), about the middle of the volume."""
    size = np.linalg.norm(affine[:3, :3], axis=0)
    u, _, v = np.linalg.svd(affine[:3, :3] / size)
    out = np.eye(4)
    out[:3, :3] = (u @ v) * size
    middle = 0.5 * (np.array(shape) - 1)
    out[:3, 3] = affine[:3, :3] @ middle + affine[:3, 3] - out[:3, :3] @ middle
    return out


def _apart(one: Floats, other: Floats, shape: tuple[int, ...]) -> float:
    """Largest distance of a corner under two affines, in voxels of the first."""
    corners = np.array(np.meshgrid(*[[0, n - 1] for n in shape], indexing="ij")).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    moved = np.linalg.inv(one) @ other @ corners
    return float(np.abs(moved - corners)[:3].max())


def _worst_angle(affine: Floats) -> float:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = axes.T @ axes - np.eye(3)
    worst = np.unravel_index(int(np.abs(cosines).argmax()), cosines.shape)
    return float(np.degrees(np.arccos(np.clip(cosines[worst], -1.0, 1.0))))


def _names(extensions: bytes) -> dict[int, str]:
    """Names of labels that TotalSegmentator writes into the file's XML extension (``<Label Key="1">spleen</Label>``)."""
    text = extensions.decode("utf-8", "ignore")
    return {int(key): name.strip() for key, name in re.findall(r'<Label\b[^>]*\bKey="(\d+)"[^>]*>\s*(?:<!\[CDATA\[)?([^<\]]+)', text)}
