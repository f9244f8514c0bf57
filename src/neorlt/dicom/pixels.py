"""Stored pixel values of image objects, checked against what the header announces."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.header import number, raw, required, where
from neorlt.dicom.part10 import PixelBytes, read_part10
from neorlt.dicom.scan import Instance

SMOOTHER = 0.5
"""Swapped bytes that make an image this much smoother are the right ones: the other way round an image becomes rougher."""


def size(instance: Instance) -> tuple[int, int]:
    """Rows and columns (0028,0010), (0028,0011)."""
    values = []
    for keyword in ("Rows", "Columns"):
        found = required(number(instance.header, keyword, instance.name), keyword, instance.name, "export the file again")
        if found < 1 or found != int(found):
            raise InputError(
                f"{keyword} must be a whole number above 0", where=where(instance.name, keyword), remedy="export the file again"
            )
        values.append(int(found))
    return values[0], values[1]


def decode(path: Path, name: str) -> NDArray[np.generic]:
    """Return stored values ``(rows, columns)`` or ``(frames, rows, columns)`` of a file, without any scaling.

    Raises
    ------
    InputError
        As :func:`decode_instance`, and for a file that is damaged.

    """
    header, at = read_part10(path, name)
    return decode_instance(Instance(path, name, header, at))


def decode_instance(instance: Instance) -> NDArray[np.generic]:
    """Return stored values of an object whose header has been read: its pixels are read from where the header found them.

    Raises
    ------
    InputError
        If the pixel data are missing, shorter or longer than the header says, in colour, above Bits Stored (0028,0101), or
        cannot be decoded.

    """
    header, name, at = instance.header, instance.name, instance.pixels
    if instance.frame is not None and (at is None or at.length is None or _by_library(header)):
        return _frame_of(instance.path, name.rpartition(", frame")[0], instance.frame)
    if at is None and not any(keyword in header for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise InputError("the file has no pixel data", where=where(name, "PixelData"), remedy="copy the file again")
    if number(header, "SamplesPerPixel", name) not in (None, 1.0):
        raise InputError("the image is in colour", where=where(name, "SamplesPerPixel"), remedy="give the original grey images")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if at is None or at.length is None or _by_library(header):
                array = _by_codec(instance)
            else:
                array = _native(instance, at)
    except InputError:
        raise
    except Exception as error:  # every decoder has its own kinds
        raise InputError(
            "the pixel data cannot be decoded",
            found=f"{type(error).__name__}",
            where=where(name, "PixelData"),
            remedy="copy the file again; it is damaged or cut short",
        ) from error
    _check_bits(array, instance)
    return array


def _frame_of(path: Path, name: str, frame: int) -> NDArray[np.generic]:
    """One frame of a file that is decoded as a whole: once, and let go after its last frame."""
    whole = _frames(path, name)
    found = whole[frame] if whole.ndim == 3 else whole
    if whole.ndim == 2 or frame == len(whole) - 1:
        found = found.copy()
        _frames.cache_clear()
    return found


@lru_cache(maxsize=1)
def _frames(path: Path, name: str) -> NDArray[np.generic]:
    return decode(path, name)


def _by_library(header: Dataset) -> bool:
    return not header.file_meta.TransferSyntaxUID.is_little_endian


def _by_codec(instance: Instance) -> NDArray[np.generic]:
    """Compressed, big-endian and deflated pixels, by pydicom's decoders."""
    header, at = instance.header, instance.pixels
    if at is None:
        return np.asarray(header.pixel_array)
    length = at.end - at.start - (8 if at.length is None else 0)  # without the delimiter
    with instance.path.open("rb") as stream:
        stream.seek(at.start)
        value = stream.read(length)
    if at.length is not None:
        _check_length(instance, len(value))
    try:
        header.add_new(at.keyword, "OB" if at.length is None else "OW", value)
        header[at.keyword].is_undefined_length = at.length is None
        return np.array(header.pixel_array)
    finally:
        del header[at.keyword]  # a study of a thousand slices must not hold their bytes
        header._pixel_array = None


def _native(instance: Instance, at: PixelBytes) -> NDArray[np.generic]:
    header, name = instance.header, instance.name
    _check_length(instance, at.end - at.start)
    rows, columns = size(instance)
    frames = int(number(header, "NumberOfFrames", name) or 1)
    shape = (frames, rows, columns) if frames > 1 else (rows, columns)
    count = frames * rows * columns
    bits = _whole(header, "BitsAllocated", name)
    if at.keyword != "PixelData":
        kind: np.dtype[Any] = np.dtype("<f4" if at.keyword == "FloatPixelData" else "<f8")
    elif bits == 1:
        packed = np.fromfile(instance.path, np.uint8, count=(count + 7) // 8, offset=at.start)
        return np.unpackbits(packed, count=count, bitorder="little").reshape(shape)
    else:
        signed = _whole(header, "PixelRepresentation", name) if header.get("PixelRepresentation") is not None else 0
        kind = np.dtype(f"<{'i' if signed else 'u'}{bits // 8}")
    return np.fromfile(instance.path, kind, count=count, offset=at.start).reshape(shape)


def _whole(header: Dataset, keyword: str, name: str) -> int:
    return int(required(number(header, keyword, name), keyword, name, "export the file again"))


def _check_length(instance: Instance, found: int) -> None:
    header, name = instance.header, instance.name
    rows, columns = size(instance)
    frames = int(number(header, "NumberOfFrames", name) or 1)
    bits = rows * columns * frames * _whole(header, "BitsAllocated", name)
    expected = (bits + 7) // 8
    if found not in (expected, expected + expected % 2):
        raise InputError(
            "the pixel data do not fit the header",
            expected=f"{expected} bytes",
            found=f"{found} bytes",
            where=where(name, "PixelData"),
            remedy="copy the file again; it is cut short or damaged",
        )


def check_depth(instance: Instance) -> None:
    """Check Bits Allocated, Bits Stored, High Bit and Pixel Representation against one another (PS3.3 C.7.6.3.1, PS3.5 8.1.1).

    Raises
    ------
    InputError
        If they contradict one another: a number would be cut or shifted.

    """
    header, name = instance.header, instance.name
    if raw(header, "BitsAllocated", name) is None:
        return  # floating point pixels; refused where they are decoded if there are none
    allocated = _whole(header, "BitsAllocated", name)
    stored = number(header, "BitsStored", name)
    high, sign = number(header, "HighBit", name), number(header, "PixelRepresentation", name)
    if allocated not in (1, 8, 16, 32, 64):
        _refuse_depth("the bits of a pixel are not 1, 8, 16, 32 or 64", f"{allocated}", name, "BitsAllocated")
    if stored is None or not 1 <= stored <= allocated:
        _refuse_depth("Bits Stored does not fit Bits Allocated", "no value" if stored is None else f"{stored:g}", name, "BitsStored")
    if high is not None and stored is not None and high != stored - 1:
        _refuse_depth("High Bit is not Bits Stored less one", f"{high:g}", name, "HighBit")
    if sign not in (None, 0.0, 1.0):
        _refuse_depth("Pixel Representation is neither 0 nor 1", f"{sign}", name, "PixelRepresentation")


def _refuse_depth(problem: str, found: str, name: str, keyword: str) -> None:
    raise InputError(problem, found=found, where=where(name, keyword), remedy="export the series again; its pixels would be misread")


def _check_bits(array: NDArray[np.generic], instance: Instance) -> None:
    """Refuse stored values that need more bits than Bits Stored says: the header or the pixels are not what was written."""
    if array.dtype.kind not in "iu" or array.size == 0:
        return
    check_depth(instance)
    stored = _whole(instance.header, "BitsStored", instance.name)
    low, high = int(array.min()), int(array.max())
    least, most = (-(1 << (stored - 1)), (1 << (stored - 1)) - 1) if array.dtype.kind == "i" else (0, (1 << stored) - 1)
    if low < least or high > most:
        raise InputError(
            "stored values need more bits than the header says",
            expected=f"{stored} bits ({least}…{most})",
            found=f"{low}…{high}",
            where=where(instance.name, "BitsStored"),
            remedy="export the series again; its header or its pixels were changed",
        )


def check_byte_order(stored: NDArray[np.generic], name: str) -> None:
    """Refuse a slice of 16 bits ``(rows, columns)`` that is much smoother with its bytes swapped: the two were exchanged on the way.

    Raises
    ------
    InputError
        If so. Numbers in the wrong byte order look like noise and have a plausible mean.

    """
    if stored.dtype.itemsize != 2 or stored.dtype.kind not in "iu" or min(stored.shape) < 2:
        return
    here, swapped = _roughness(stored), _roughness(stored.byteswap())
    if here is not None and swapped is not None and swapped < SMOOTHER * here:
        raise InputError(
            "the bytes of the pixels are swapped: the image is noise as it stands, and smooth the other way round",
            expected="the byte order that the transfer syntax (0002,0010) says",
            found=f"neighbours that differ by {here:.2f} standard deviations, and by {swapped:.2f} once swapped",
            where=where(name, "PixelData"),
            remedy="export the series again; a program on the way exchanged the bytes or named another transfer syntax",
        )


def _roughness(stored: NDArray[np.generic]) -> float | None:
    """Mean step between neighbours in a row over the standard deviation; 1.1 in noise, near 0 in a smooth image, None in a flat one."""
    values = np.asarray(stored, np.float64)
    spread = float(values.std())
    return float(np.abs(np.diff(values, axis=1)).mean()) / spread if spread > 0 else None
