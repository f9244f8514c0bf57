"""Factors between stored numbers and counts that gamma cameras keep in private attributes.

Where the numbers of a reconstruction do not fit 16 bits, vendors scale them and write the factor beside them, where no standard reader
looks. Names and places are those of the vendors' private dictionaries (as pydicom's ``_private_dict`` lists them); what is done with the
value is taken from public readers of such files, which agree, and was not found in a conformance statement:

- GE, ``GEMS_GENIE_1`` (0011,xx3B) Pixel Scale and (0011,xx3C) Pixel Offset: counts = stored x scale + offset
  (github.com/PyTomography/PyTomography, StarGuide projections; github.com/qurit/PyTheranostics);
- Siemens, ``SIEMENS MED NM`` (0033,xx38) Pixel scale factor: counts = stored / factor (public loaders of reconstructed SPECT,
  which name the attribute PixelScaleFactor).

So such a factor other than 1 is applied only where ``calibration.toml`` says that its value was measured so.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from pydicom.dataset import Dataset

from neorlt.core.errors import InputError


@dataclass(frozen=True)
class PrivateScale:
    """counts = stored x ``slope`` + ``intercept``, and the attribute that says so."""

    slope: float
    intercept: float
    tag: str
    value: str


def private_scale(header: Dataset, name: str) -> PrivateScale | None:
    """The private factor of an object, or None where it has none or one that changes nothing.

    Raises
    ------
    InputError
        If it is there and is no finite number above 0.
    """
    scale = _number(header, 0x0011, "GEMS_GENIE_1", 0x3B, name)
    if scale is not None:
        offset = _number(header, 0x0011, "GEMS_GENIE_1", 0x3C, name) or 0.0
        _check(scale, "Pixel Scale (0011,xx3B), GEMS_GENIE_1", name)
        if (scale, offset) != (1.0, 0.0):
            shown = f"{scale:g}" + (f" and offset {offset:g}" if offset else "")
            return PrivateScale(scale, offset, "Pixel Scale (0011,xx3B), GEMS_GENIE_1", shown)
        return None
    factor = _number(header, 0x0033, "SIEMENS MED NM", 0x38, name)
    if factor is not None:
        _check(factor, "Pixel scale factor (0033,xx38), SIEMENS MED NM", name)
        if factor != 1.0:
            return PrivateScale(1.0 / factor, 0.0, "Pixel scale factor (0033,xx38), SIEMENS MED NM", f"{factor:g}")
    return None


def _check(value: float, tag: str, name: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InputError(
            "the camera's private scale is no number above 0", found=f"{value:g}", where=f"{name}, {tag}", remedy="export the series again"
        )


def _number(header: Dataset, group: int, creator: str, element: int, name: str) -> float | None:
    """One number of a private block, also where its kind was lost on the way (UN); None where the block or the value is absent."""
    try:
        value = header.private_block(group, creator)[element].value
    except KeyError:
        return None
    except Exception as error:  # broken bytes raise many kinds
        raise InputError(
            "the camera's private scale cannot be read", found=type(error).__name__, where=f"{name}, {creator}",
            remedy="export the file again; it is damaged",
        ) from error  # fmt: skip
    if isinstance(value, bytes) and len(value) in (4, 8):
        try:
            return float(value.decode("ascii").strip("\0 "))
        except (UnicodeDecodeError, ValueError):
            return float(struct.unpack("<d" if len(value) == 8 else "<f", value)[0])
    if value is None or value == "" or value == b"":
        return None
    try:
        return float(value.decode("ascii").strip("\0 ") if isinstance(value, bytes) else value)
    except (TypeError, ValueError, UnicodeDecodeError):
        return float("nan")
