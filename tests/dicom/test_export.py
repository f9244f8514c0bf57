"""Every object of a result, filed under the study's patient and readable again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from neorlt.dicom.export import SERIES, write_results
from neorlt.dicom.owner import find_owner
from neorlt.dicom.read import read_study
from neorlt.dicom.write_dose_sr import RegionDoseRow
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.jobs.measure import measure_study


@pytest.fixture
def written(made, tmp_path):  # type: ignore[no-untyped-def]
    """Folder with the objects, the study, and the notes."""
    study = read_study(made.folder)
    grid = made.ct_volume.grid
    speck = np.zeros((3, 3, 3), np.float32)
    speck[1, 1, 1] = 0.3
    small = Region("speck", RegionKind.LESION, speck, Grid((3, 3, 3), np.array(grid.affine), study.regions[0].grid.frame_of_reference))
    study = replace(study, regions=(*study.regions, small))
    rows = [RegionDoseRow(r.name, r.kind, 10.0, 2.0 + n, 0.2) for n, r in enumerate(study.regions)]
    owner = find_owner(made.folder, grid.frame_of_reference)
    assert owner is not None
    dose = Volume(np.full(grid.shape, 3.0), grid, Unit.GY, "DOSE")
    notes = write_results(study, dose, rows, measure_study(replace(study, regions=study.regions[:-1]))["lesions"], tmp_path, owner, "m")
    return tmp_path, study, notes


def test_every_object_is_there_and_is_the_patients(written, made) -> None:  # type: ignore[no-untyped-def]
    folder, _, notes = written
    files = {p.stem for p in folder.glob("*.dcm")}
    assert files == {"absorbed_dose_parametric_map", "absorbed_dose_rtdose", *(set(SERIES) - {"parametric_map", "rtdose"})}
    for path in folder.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        assert dataset.PatientID == made.identity.patient_id
        assert dataset.StudyInstanceUID == made.identity.study_uid
    assert any("'speck'" in note for note in notes)


def test_regions_come_back_with_their_volume(written, made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder, study, _ = written
    for name in ("regions_seg.dcm", "regions_rtstruct.dcm"):
        again = tmp_path / name.removesuffix(".dcm")
        again.mkdir()
        for path in (*made.ct, folder / name):
            (again / path.name).write_bytes(path.read_bytes())
        found = {r.name: r for r in read_study(again).regions}
        for region in study.regions[:-1]:
            drawn = float((region_on(region, made.ct_volume.grid) >= 0.5).sum()) * made.ct_volume.grid.voxel_ml
            assert found[region.name].volume_ml == pytest.approx(drawn, rel=0.05)
            assert found[region.name].kind is region.kind


def test_the_measurement_report_holds_the_dose(written) -> None:  # type: ignore[no-untyped-def]
    folder, study, _ = written
    text = str(pydicom.dcmread(folder / "measurements_sr.dcm"))
    assert "Absorbed Dose" in text
    number = [r.name for r in study.regions].index("primary") + 2.0
    assert f"'{number:g}'" in text or f"'{number}'" in text or f'"{number}"' in text


def test_the_same_result_gives_the_same_files(written, made, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    folder, study, _ = written
    again = tmp_path_factory.mktemp("again")
    rows = [RegionDoseRow(r.name, r.kind, 10.0, 2.0 + n, 0.2) for n, r in enumerate(study.regions)]
    owner = find_owner(made.folder, made.ct_volume.grid.frame_of_reference)
    assert owner is not None
    dose = Volume(np.full(made.ct_volume.grid.shape, 3.0), made.ct_volume.grid, Unit.GY, "DOSE")
    lesions = measure_study(replace(study, regions=study.regions[:-1]))["lesions"]
    write_results(study, dose, rows, lesions, again, owner, "m")
    for path in folder.glob("*.dcm"):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
