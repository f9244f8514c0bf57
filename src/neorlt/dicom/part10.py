"""The structure of a DICOM file (PS3.10 7, PS3.5 7): every element walked to the last byte before a value is believed.

A parser that reads on after a damaged length finds fewer elements and says nothing: a structure set loses its contours. The walk
checks that each element, item and sequence ends where its length says, inside what holds it, and that nothing is left over.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from neorlt.core.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

UNDEFINED = 0xFFFFFFFF
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""Value representations with two reserved bytes and a length of four (PS3.5 7.1.2)."""
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
_PADDING = 0xFFFCFFFC
_IMPLICIT, _BIG, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
MOST_DEPTH = 32
"""Sequences inside sequences; structured reports go about ten deep."""

Bytes = mmap.mmap | bytes


@dataclass(frozen=True)
class PixelBytes:
    """Where the pixel data of a file lie: keyword, offset of the value, its length (None: encapsulated fragments up to ``end``)."""

    keyword: str
    start: int
    length: int | None
    end: int


class _DamagedError(Exception):
    """The structure breaks at a byte."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at


@dataclass
class _Walk:
    data: Bytes
    explicit: bool
    order: str
    pixels: PixelBytes | None = None
    top: int = 0
    """End of the last whole element of the data set."""

    def dataset(self, start: int, end: int, depth: int, in_item: bool = False) -> int:
        """Walk elements from ``start``; return where they end: at ``end``, or after the delimiter of an item of undefined length."""
        if depth > MOST_DEPTH:
            raise _DamagedError(start, "sequences lie too deep in one another")
        at, last = start, -1
        while at < end:
            if end - at < 8:
                raise _DamagedError(at, f"{end - at} bytes are left over")
            group, number = struct.unpack_from(self.order + "HH", self.data, at)
            tag = group << 16 | number
            if tag == _ITEM_END and in_item:
                return at + 8
            if group == 0xFFFE:
                raise _DamagedError(at, "a delimiter stands where an element is due")
            if tag <= last and depth == 0:
                raise _DamagedError(at, "the elements are not in order")
            if tag == 0 and depth == 0:
                raise _DamagedError(at, "an element of group 0 stands in the data set")
            last = tag
            kind, length, value = self._head(at, end)
            at = self._value(tag, kind, length, value, end, depth)
            if depth == 0:
                self.top = at
        if in_item and end != at:
            raise _DamagedError(at, "an item ends in the middle of an element")
        return at

    def _head(self, at: int, end: int) -> tuple[bytes, int, int]:
        """VR, length and offset of the value of the element at ``at``."""
        kind = bytes(self.data[at + 4 : at + 6]) if self.explicit else b""
        if not kind.isalpha() or not kind.isupper():  # implicit, or an element that was copied in as it was
            return b"", struct.unpack_from(self.order + "I", self.data, at + 4)[0], at + 8
        if kind in _LONG:
            if end - at < 12:
                raise _DamagedError(at, "an element is cut short")
            return kind, struct.unpack_from(self.order + "I", self.data, at + 8)[0], at + 12
        return kind, struct.unpack_from(self.order + "H", self.data, at + 6)[0], at + 8

    def _value(self, tag: int, kind: bytes, length: int, value: int, end: int, depth: int) -> int:
        """Pass over one value, into sequences; return where it ends."""
        if length == UNDEFINED:
            if depth == 0 and tag in _PIXELS:
                stop = self._fragments(value, end)
                self.pixels = PixelBytes(_keyword(tag), value, None, stop)
                return stop
            if kind == b"UN":  # its content is implicit little endian (PS3.5 6.2.2)
                return _Walk(self.data, False, "<").sequence(value, end, depth + 1, None)
            return self.sequence(value, end, depth + 1, None)
        stop = value + length
        if stop > end:
            raise _DamagedError(value, f"an element says that it holds {length} bytes and {end - value} are left")
        if depth == 0 and tag in _PIXELS:
            self.pixels = PixelBytes(_keyword(tag), value, length, stop)
        elif kind == b"SQ" or (kind == b"" and self._looks_like_items(tag, value, stop)):
            self.sequence(value, stop, depth + 1, stop)
        return stop

    def _looks_like_items(self, tag: int, value: int, stop: int) -> bool:
        """Whether a value without VR is a sequence: known as one, or filled by items exactly as long as they say."""
        from pydicom.datadict import dictionary_VR

        try:
            return dictionary_VR(tag) == "SQ"
        except KeyError:  # private: a sequence only if it begins with an item
            return stop - value >= 8 and struct.unpack_from(self.order + "HH", self.data, value) == (0xFFFE, 0xE000)

    def sequence(self, start: int, end: int, depth: int, stop: int | None) -> int:
        """Walk the items of a sequence up to ``stop``, or to its delimiter where its length is undefined."""
        at = start
        while at < (end if stop is None else stop):
            if end - at < 8:
                raise _DamagedError(at, "a sequence is cut short")
            group, number, length = struct.unpack_from(self.order + "HHI", self.data, at)
            tag = group << 16 | number
            if tag == _SEQUENCE_END and stop is None:
                return at + 8
            if tag != _ITEM:
                raise _DamagedError(at, "something else stands where an item is due")
            if length == UNDEFINED:
                at = self.dataset(at + 8, end, depth, in_item=True)
            else:
                if at + 8 + length > end:
                    raise _DamagedError(at, f"an item says that it holds {length} bytes and {end - at - 8} are left")
                self.dataset(at + 8, at + 8 + length, depth)
                at += 8 + length
        if stop is None:
            raise _DamagedError(at, "a sequence has no end")
        return at

    def _fragments(self, start: int, end: int) -> int:
        """Walk encapsulated pixel data (PS3.5 A.4)."""
        at = start
        while end - at >= 8:
            group, number, length = struct.unpack_from(self.order + "HHI", self.data, at)
            tag = group << 16 | number
            if tag == _SEQUENCE_END:
                return at + 8
            if tag != _ITEM or length == UNDEFINED or at + 8 + length > end:
                raise _DamagedError(at, "a fragment of the compressed pixel data is damaged")
            at += 8 + length
        raise _DamagedError(at, "the compressed pixel data have no end")


def _keyword(tag: int) -> str:
    return {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}.get(tag, "PixelData")


def read_part10(path: Path, name: str) -> tuple[FileDataset, PixelBytes | None]:
    """Return the header of a DICOM file without its pixel data, and where those lie (None: no pixels, or a deflated file).

    Raises
    ------
    InputError
        If an element, item or sequence does not end where its length says, or bytes are left over at the end.

    """
    from pydicom import dcmread

    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start, syntax = _meta(data, name)
        if syntax == _DEFLATED:
            content: Bytes = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:])
            _walk(content, 0, True, "<", name)
            return dcmread(BytesIO(data[:])), None  # pixels stay with the header: the file cannot be entered in the middle
        walk = _walk(data, start, syntax != _IMPLICIT, ">" if syntax == _BIG else "<", name)
        found = walk.pixels
        head = data[: len(data) if found is None else found.start]
        return dcmread(BytesIO(head), stop_before_pixels=True), found


def _meta(data: Bytes, name: str) -> tuple[int, str]:
    """Return where the data set starts and its transfer syntax (0002,0010)."""
    at, syntax = 132, ""
    walk = _Walk(data, True, "<")
    try:
        while len(data) - at >= 8 and struct.unpack_from("<H", data, at)[0] == 2:
            number = struct.unpack_from("<H", data, at + 2)[0]
            _, length, value = walk._head(at, len(data))
            if length == UNDEFINED or value + length > len(data):
                raise _DamagedError(at, "the file's first group is cut short")
            if number == 0x10:
                syntax = bytes(data[value : value + length]).decode("ascii", "replace").strip(" \0")
            at = value + length
    except (_DamagedError, struct.error) as error:
        raise _refusal(name, at, str(error)) from error
    return at, syntax


def _walk(data: Bytes, start: int, explicit: bool, order: str, name: str) -> _Walk:
    walk = _Walk(data, explicit, order)
    try:
        walk.dataset(start, len(data), 0)
    except (_DamagedError, struct.error) as error:
        at = error.at if isinstance(error, _DamagedError) else start
        if walk.top > start and not bytes(data[walk.top :]).strip(b"\0"):
            return walk  # zeros behind the last element: a tape or a transfer filled its block
        raise _refusal(name, at, str(error)) from error
    return walk




def _refusal(name: str, at: int, why: str) -> InputError:
    return InputError(
        "the file is damaged or cut short",
        found=f"at byte {at}: {why}",
        where=name,
        remedy="copy the file again, or take it out",
    )
