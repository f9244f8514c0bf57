"""The series that objects are drawn on: its headers are read once for all of them, and what is written does not tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from neorlt.dicom import reference
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg


def test_headers_are_read_once_within_the_block_and_forgotten_after(made, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path, **options):
        read.append(path)
        return original(path, **options)

    original = reference.dcmread
    monkeypatch.setattr(reference, "dcmread", counted)
    with reference.headers_kept():
        first = reference.read_reference(made.ct)
        assert reference.read_reference(made.ct) is first and len(read) == len(made.ct)
        assert "PixelData" in reference.read_reference(made.ct, pixels=True).datasets[0], "pixels are asked for: headers will not do"
        assert reference.read_reference(made.pet).datasets[0].Modality == "PT" != first.datasets[0].Modality
    read.clear()
    assert reference.read_reference(made.ct) is not first and len(read) == len(made.ct)


def test_objects_are_the_same_bytes_with_and_without(made, tmp_path: Path) -> None:
    def write(folder: Path) -> dict[str, bytes]:
        write_seg(made.regions, made.ct, folder / "seg.dcm", made.identity, description="x", series_number=8)
        write_rtstruct(made.regions, made.ct, folder / "rt.dcm", made.identity, description="x", series_number=9)
        write_rtstruct(made.regions, made.ct, folder / "rt2.dcm", made.identity, description="x", series_number=10)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    apart = write(tmp_path / "a")
    with reference.headers_kept():
        assert write(tmp_path / "b") == apart
