"""Export, edit in another program, return: corrected regions replace those of the study by name, whatever object they come back in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK

from neorlt.core.errors import InputError
from neorlt.dicom.read import read_study
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region
from neorlt.imaging.resample import region_on
from neorlt.jobs.lesions import lesions_command
from neorlt.jobs.measure import measure_command


def _grown(spoil: Any) -> np.ndarray[Any, Any]:
    """The primary with one more voxel on one side, as a reader would correct it."""
    mask = spoil.regions[2].occupancy > 0
    return mask | np.roll(mask, -1, axis=0)


def _by_itk(spoil: Any, path: Path) -> Path:
    """SimpleITK as the other program: it reads the CT's geometry by itself and writes a label map."""
    series = SimpleITK.ImageSeriesReader()
    series.SetFileNames(series.GetGDCMSeriesFileNames(str(spoil.folder / "ct")))
    ct = series.Execute()
    labels = SimpleITK.GetImageFromArray(np.transpose(_grown(spoil)).astype(np.uint8) * 7)
    labels.CopyInformation(ct)
    SimpleITK.WriteImage(labels, str(path))
    return path


def _by_seg(spoil: Any, path: Path) -> Path:
    """pydicom as the other program: bits of the exported SEG are set by hand."""
    write_seg([spoil.regions[2]], spoil.ct, path, spoil.identity, description="SEG", series_number=9)
    dataset = pydicom.dcmread(path)
    rows, columns = dataset.Rows, dataset.Columns
    frames = []
    for item in dataset.PerFrameFunctionalGroupsSequence:
        z = float(item.PlanePositionSequence[0].ImagePositionPatient[2])
        frames.append(_grown(spoil)[:, :, round((z - 100.0) / 5.0)].T)
    bits = np.packbits(np.stack(frames).reshape(-1, rows, columns).astype(np.uint8).ravel(), bitorder="little").tobytes()
    dataset.PixelData = bits + b"\0" * (len(bits) % 2)
    dataset.save_as(path)
    return path


def _by_contours(spoil: Any, path: Path) -> Path:
    region = Region("primary", spoil.regions[2].kind, _grown(spoil).astype(np.float32), spoil.regions[2].grid)
    return write_rtstruct([region], spoil.ct, path, spoil.identity, series_number=9)


@pytest.mark.parametrize("how", [_by_itk, _by_seg, _by_contours])
def test_a_corrected_region_replaces_the_old_one(spoil, tmp_path, how) -> None:  # type: ignore[no-untyped-def]
    before = measure_command(spoil.folder)["lesions"]
    names = {7: "Primary"} if how is _by_itk else None
    path = how(spoil, tmp_path / ("labels.nii.gz" if how is _by_itk else "corrected.dcm"))
    document = measure_command(spoil.folder, labels=path, label_names=names)
    assert len(document["lesions"]) == len(before) == 1
    assert document["lesions"][0]["volume_ml"] == pytest.approx(_grown(spoil).sum() * 0.09, rel=5e-3)
    assert document["lesions"][0]["volume_ml"] == pytest.approx(before[0]["volume_ml"] * 6 / 5, rel=5e-3)
    assert any("take the place" in w for w in document["warnings"])
    assert {r["name"] for r in document["roles"]} >= {"liver", "kidney-left"}
    study = read_study(spoil.folder, labels=path, label_names=names)
    back = next(r for r in study.regions if r.name.lower() == "primary")
    assert region_on(back, spoil.regions[2].grid) == pytest.approx(_grown(spoil).astype(float), abs=0.15)  # a contour rounds corners


def test_candidates_go_out_and_come_back(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """`lesions` writes a SEG; given back, its regions are the study's lesions."""
    out = tmp_path / "out"
    made = lesions_command(spoil.folder, out, suv=1.0, least_ml=0.2)
    study = read_study(spoil.folder, labels=out / "lesions_seg.dcm")
    assert {r.name for r in study.lesions()} >= {row["id"] for row in made["lesions"]}


def test_a_file_without_regions_is_refused(spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="holds no regions"):
        read_study(spoil.folder, labels=spoil.ct[0])
