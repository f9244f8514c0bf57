"""A file is parsed to its last byte: a damaged length never loses what stands behind it in silence."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from neorlt.core.errors import InputError
from neorlt.dicom.part10 import read_part10
from neorlt.dicom.read import read_study


def _offsets(content: bytes, tag: bytes) -> list[int]:
    found, at = [], content.find(tag)
    while at >= 0:
        found.append(at)
        at = content.find(tag, at + 1)
    return found


@pytest.mark.parametrize("tag", ["3006,0039", "3006,0040", "3006,0050", "3006,0020", "FFFE,E000"])
@pytest.mark.parametrize("change", [-2, 2, 8, 1 << 20])
def test_a_damaged_length_in_a_structure_set(spoil, tag, change) -> None:  # type: ignore[no-untyped-def]
    """Contours would be lost from there on; each of the lengths is either refused or leaves all regions as they were."""
    dataset = pydicom.dcmread(spoil.rtstruct)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    pydicom.dcmwrite(spoil.rtstruct, dataset, implicit_vr=True, little_endian=True)
    group, element = (int(v, 16) for v in tag.split(","))
    content = bytearray(spoil.rtstruct.read_bytes())
    places = [at for at in _offsets(bytes(content), struct.pack("<HH", group, element)) if at > 132]
    assert places
    at = places[len(places) // 2]
    length = struct.unpack_from("<I", content, at + 4)[0]
    if length == 0xFFFFFFFF:
        length = 0
    struct.pack_into("<I", content, at + 4, max(length + change, 0))
    spoil.rtstruct.write_bytes(bytes(content))
    with pytest.raises(InputError):
        read_study(spoil.folder)


def test_bytes_that_are_left_over(spoil) -> None:  # type: ignore[no-untyped-def]
    path: Path = spoil.rtstruct
    content = path.read_bytes()
    for tail in (b"\1\2\3", b"\x06\x30\x99\x00junk....."):
        path.write_bytes(content + tail)
        with pytest.raises(InputError, match="damaged or cut short"):
            read_study(spoil.folder)
    path.write_bytes(content + bytes(512))  # zeros that fill a block are no damage
    assert len(read_study(spoil.folder).regions) == 3


def test_every_cut_of_a_structure_set_is_found(spoil) -> None:  # type: ignore[no-untyped-def]
    """Property: a prefix of the file is refused, or (cut between two elements of the top) lacks a list that the reader compares."""
    content = spoil.rtstruct.read_bytes()
    rng = random.Random(1)
    for keep in [rng.randrange(140, len(content)) for _ in range(200)]:
        spoil.rtstruct.write_bytes(content[:keep])
        try:
            header, _ = read_part10(spoil.rtstruct, "rs")
        except InputError:
            continue
        assert "RTROIObservationsSequence" not in header or "ApprovalStatus" not in header


@pytest.mark.parametrize("which", ["ct", "pet", "spect"])
def test_pixels_are_read_from_where_the_header_found_them(made, which) -> None:  # type: ignore[no-untyped-def]
    from neorlt.dicom.pixels import decode

    for path in getattr(made, which)[:2]:
        assert (decode(path, path.name) == pydicom.dcmread(path).pixel_array).all()
