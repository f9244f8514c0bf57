"""Dose reports hold the rows of their templates (dciodvfy does not check templates) and the numbers given.

The rows below are a table of their own: row, path of concept codes from the root, value type, relationship, how many.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts

from neorlt.core.errors import InputError
from neorlt.dicom.write_dose import write_dose_parametric_map
from neorlt.dicom.write_dose_sr import RegionDoseRow, write_patient_dose_sr, write_radiopharmaceutical_dose_sr
from neorlt.imaging.region import RegionKind
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Unit, Volume

from .conftest import LUTETIUM, T0

ROWS = [
    RegionDoseRow("kidney-left", RegionKind.ORGAN, 150.0, 4.25, 0.4),
    RegionDoseRow("liver", RegionKind.ORGAN, 1500.0, 2.5, 0.2),
    RegionDoseRow("primary", RegionKind.LESION, 20.0, 31.5, 5.0),
]
ADMINISTRATION = ("113500", "113502")
AGENT = (*ADMINISTRATION, "349358000")
ORGAN = (*ADMINISTRATION, "113517")
TID_10021 = [
    # TID 10021, with TID 1204
    (("113500", "121049"), "CODE", "HAS CONCEPT MOD", 1),
    (("113500", "121058"), "CODE", "HAS CONCEPT MOD", 1),
    (("113500", "121058", "363703001"), "CODE", "HAS CONCEPT MOD", 1),
    (ADMINISTRATION, "CONTAINER", "CONTAINS", 1),
    # TID 10022
    (AGENT, "CODE", "CONTAINS", 1),
    ((*AGENT, "89457008"), "CODE", "HAS PROPERTIES", 1),
    ((*AGENT, "304283002"), "NUM", "HAS PROPERTIES", 1),
    ((*ADMINISTRATION, "113503"), "UIDREF", "CONTAINS", 1),
    ((*ADMINISTRATION, "123003"), "DATETIME", "CONTAINS", 1),
    ((*ADMINISTRATION, "113507"), "NUM", "CONTAINS", 1),
    ((*ADMINISTRATION, "410675002"), "CODE", "CONTAINS", 1),
    # TID 10023
    (ORGAN, "CONTAINER", "CONTAINS", 2),
    ((*ORGAN, "363698007"), "CODE", "CONTAINS", 2),
    ((*ORGAN, "363698007", "272741003"), "CODE", "HAS CONCEPT MOD", 1),
    ((*ORGAN, "113518"), "NUM", "CONTAINS", 2),
    ((*ORGAN, "118538004"), "NUM", "CONTAINS", 2),
    ((*ORGAN, "121406"), "CODE", "CONTAINS", 2),
]
ESTIMATE = ("128401", "128402")
METHOD = (*ESTIMATE, "128415")
TID_10030 = [
    (("128401", "121049"), "CODE", "HAS CONCEPT MOD", 1),
    (("128401", "121005"), "CODE", "HAS OBS CONTEXT", 1),
    (ESTIMATE, "CONTAINER", "CONTAINS", 1),
    (("128401", "121012"), "UIDREF", "HAS OBS CONTEXT", 1),
    # TID 10031 and its parts
    ((*ESTIMATE, "128403"), "TEXT", "CONTAINS", 1),
    ((*ESTIMATE, "128533"), "NUM", "CONTAINS", 3),
    ((*ESTIMATE, "128533", "363698007"), "CODE", "HAS CONCEPT MOD", 3),
    ((*ESTIMATE, "128533", "128533"), "NUM", "HAS PROPERTIES", 3),
    ((*ESTIMATE, "128412", "128413"), "CODE", "CONTAINS", 1),
    ((*ESTIMATE, "128412", "128414"), "IMAGE", "CONTAINS", 1),
    ((*METHOD, "128416"), "COMPOSITE", "CONTAINS", 1),
    ((*METHOD, "128500", "128417"), "CODE", "CONTAINS", 1),
    ((*METHOD, "128500", "128420"), "CODE", "CONTAINS", 1),
    ((*METHOD, "128500", "128427"), "CONTAINER", "CONTAINS", 1),
    ((*METHOD, "128476", "128477"), "CODE", "CONTAINS", 1),
    ((*METHOD, "128476", "128482"), "TEXT", "CONTAINS", 1),
]


@pytest.fixture(scope="module")
def reports(made, tmp_path_factory) -> tuple[Path, Path, Path]:  # type: ignore[no-untyped-def]
    """Dose map, Radiopharmaceutical Radiation Dose SR and Patient Radiation Dose SR."""
    folder = tmp_path_factory.mktemp("reports")
    dose = Volume(np.full((20, 16, 8), 2.0), made.ct_volume.grid, Unit.GY, "DOSE")
    dose_map = write_dose_parametric_map(dose, made.ct, folder / "pm.dcm", made.identity)
    first = write_radiopharmaceutical_dose_sr(LUTETIUM, ROWS, folder / "rrdsr.dcm", made.identity, series_number=31)
    second = write_patient_dose_sr(
        ROWS, dose_map, first, folder / "prdsr.dcm", made.identity, nuclide="Lu-177", method="voxel kernels", series_number=32
    )
    return dose_map, first, second


@pytest.fixture(scope="module")
def made(_made_once):  # type: ignore[no-untyped-def]
    return _made_once


def _code(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def find(item: Dataset, path: tuple[str, ...]) -> list[Dataset]:
    """Items at the end of a path of concept codes that starts with the root's."""
    if _code(item) != path[0]:
        return []
    if len(path) == 1:
        return [item]
    return [hit for child in item.get("ContentSequence", []) for hit in find(child, path[1:])]


@pytest.mark.parametrize(("which", "rows"), [(1, TID_10021), (2, TID_10030)], ids=["TID 10021", "TID 10030"])
def test_template_rows(reports, which, rows) -> None:  # type: ignore[no-untyped-def]
    document = pydicom.dcmread(reports[which])
    assert document.ContentTemplateSequence[0].TemplateIdentifier == ("10021" if which == 1 else "10030")
    assert document.ContentTemplateSequence[0].MappingResource == "DCMR"
    for path, kind, relation, count in rows:
        found = find(document, path)
        assert len(found) == count, path
        assert {item.ValueType for item in found} == {kind}, path
        assert {item.RelationshipType for item in found} == {relation}, path


def test_every_dicom_concept_has_its_standard_meaning(reports) -> None:  # type: ignore[no-untyped-def]
    """Codes of the scheme DCM against pydicom's copy of PS3.16 Annex D: the same number, the same words."""
    known = {code: meaning for words in concepts["DCM"].values() for code, (meaning, _) in words.items()}
    seen = 0
    for path in reports[1:]:
        for item in _codes(pydicom.dcmread(path)):
            if item.CodingSchemeDesignator == "DCM":
                seen += 1
                assert known[item.CodeValue].lower() == item.CodeMeaning.lower()
    assert seen > 30


def _codes(dataset: Dataset) -> list[Dataset]:
    found = []
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                found += [item] if "CodeValue" in item else []
                found += _codes(item)
    return found


def _value(item: Dataset) -> tuple[float, str]:
    measured = item.MeasuredValueSequence[0]
    return float(measured.NumericValue), str(measured.MeasurementUnitsCodeSequence[0].CodeValue)


def test_numbers_round_trip(reports, made) -> None:  # type: ignore[no-untyped-def]
    first, second = pydicom.dcmread(reports[1]), pydicom.dcmread(reports[2])
    assert _value(find(first, (*ADMINISTRATION, "113507"))[0]) == (7400.0, "MBq")
    half_life, unit = _value(find(first, (*AGENT, "304283002"))[0])
    assert unit == "s"
    assert half_life == pytest.approx(6.647 * 86400, rel=1e-3)  # ICRP Publication 107
    assert find(first, (*ADMINISTRATION, "123003"))[0].DateTime == T0.strftime("%Y%m%d%H%M%S")
    assert sorted(_value(i) for i in find(first, (*ORGAN, "113518"))) == [(2500.0, "mGy"), (4250.0, "mGy")]
    assert find(first, (*ORGAN, "363698007"))[0].ConceptCodeSequence[0].CodeMeaning == "Kidney"
    means = find(second, (*ESTIMATE, "128533"))
    assert [_value(i) for i in means] == [(r.dose_gy, "Gy") for r in ROWS]
    assert [_value(i) for i in find(second, (*ESTIMATE, "128533", "128533"))] == [(r.sd_gy, "Gy") for r in ROWS]
    assert [i.TextValue for i in find(second, (*ESTIMATE, "128533", "112039"))] == [r.name for r in ROWS]


def test_references_point_to_the_other_objects(reports, made) -> None:  # type: ignore[no-untyped-def]
    dose_map, first, second = (pydicom.dcmread(p) for p in reports)
    image = find(second, (*ESTIMATE, "128412", "128414"))[0].ReferencedSOPSequence[0]
    assert image.ReferencedSOPInstanceUID == dose_map.SOPInstanceUID
    assert find(second, (*METHOD, "128416"))[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    listed = {
        r.ReferencedSOPInstanceUID
        for study in second.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for r in series.ReferencedSOPSequence
    }
    assert listed == {dose_map.SOPInstanceUID, first.SOPInstanceUID}
    assert first.PatientID == second.PatientID == made.identity.patient_id


def test_an_injection_without_codes_and_no_dose_are_refused(reports, made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    unknown = Administration("Lu-177", 7400.0, T0, "177Lu-SOMETHING")
    with pytest.raises(InputError, match="cannot be coded"):
        write_radiopharmaceutical_dose_sr(unknown, ROWS, tmp_path / "x.dcm", made.identity)
    with pytest.raises(InputError, match="no dose"):
        write_patient_dose_sr([], reports[0], reports[1], tmp_path / "x.dcm", made.identity, nuclide="Lu-177", method="m")
    assert not (tmp_path / "x.dcm").exists()


@pytest.mark.needs_dciodvfy
def test_the_radiopharmaceutical_report_is_clean_under_dciodvfy(reports, dciodvfy) -> None:  # type: ignore[no-untyped-def]
    assert dciodvfy(reports[1]) == []


@pytest.mark.needs_dciodvfy
def test_the_patient_report_is_clean_under_dciodvfy(reports, dciodvfy, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Debian's dciodvfy has no Patient Radiation Dose SR: its modules are checked as those of Comprehensive SR, which it knows.

    Both are made of the same modules (PS3.3 A.35.3 and A.35.18), but for Enhanced General Equipment.
    """
    found = dciodvfy(reports[2])
    if found == ["Error - Information Object Not found"]:
        document = pydicom.dcmread(reports[2])
        document.SOPClassUID = document.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
        document.save_as(tmp_path / "comprehensive.dcm")
        found = dciodvfy(tmp_path / "comprehensive.dcm")
    assert found == []


@pytest.mark.needs_dcmtk
@pytest.mark.parametrize("which", [1, 2], ids=["Radiopharmaceutical", "Patient"])
def test_dcmtk_reads_the_whole_tree(reports, which) -> None:  # type: ignore[no-untyped-def]
    program = shutil.which("dsrdump")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("dsrdump is missing")
        pytest.skip("dsrdump is missing (Debian package dcmtk)")
    done = subprocess.run([program, "-Ee", str(reports[which])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr.lower(), done.stderr
    assert ("Administered activity" if which == 1 else "Mean Absorbed Radiation Dose") in done.stdout
