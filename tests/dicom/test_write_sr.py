"""The measurement report holds the rows of its template (dciodvfy does not check templates) and the numbers given."""

from __future__ import annotations

import pydicom
import pytest

from neorlt.core.errors import InputError
from neorlt.dicom.write_sr import write_measurement_sr
from neorlt.jobs.measure import measure_command


@pytest.fixture
def report(spoil, seg, tmp_path):  # type: ignore[no-untyped-def]
    rows = measure_command(spoil.folder)["lesions"]
    return rows, write_measurement_sr(rows, seg, spoil.ct, tmp_path / "sr.dcm", spoil.identity, series_number=9)


def _code(item: pydicom.Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def _children(item: pydicom.Dataset, code: str) -> list[pydicom.Dataset]:
    return [c for c in item.get("ContentSequence", []) if _code(c) == code]


def test_template_rows(report) -> None:  # type: ignore[no-untyped-def]
    """TID 1500 rows 1, 2, 3, 4, 5, 6; TID 1411 rows 1, 2, 3, 7 and measurements with unit and derivation."""
    rows, path = report
    document = pydicom.dcmread(path)
    assert document.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert document.ContentTemplateSequence[0].MappingResource == "DCMR"
    assert _code(document) == "126000"
    assert len(_children(document, "121049")) == 1  # language
    assert len(_children(document, "121005")) == 1  # observer type
    assert len(_children(document, "121012")) == 1  # device observer UID
    assert len(_children(document, "121058")) == 1  # procedure reported
    (measurements,) = _children(document, "126010")
    groups = _children(measurements, "125007")
    assert len(groups) == len(rows) == 1
    (group,) = groups
    assert _children(group, "112039")[0].TextValue == "primary"
    assert _children(group, "112040")[0].UID
    assert len(_children(group, "121191")) == 1  # referenced segment
    numbers = [c for c in group.ContentSequence if c.ValueType == "NUM"]
    assert len(numbers) == 6
    for number in numbers:
        assert number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodingSchemeDesignator == "UCUM"


def test_numbers_round_trip(report) -> None:  # type: ignore[no-untyped-def]
    (row,), path = report
    (measurements,) = _children(pydicom.dcmread(path), "126010")
    group = _children(measurements, "125007")[0]

    def value(code: str, derivation: str | None = None) -> float:
        for item in _children(group, code):
            found = [c.ConceptCodeSequence[0].CodeValue for c in _children(item, "121401")]
            if derivation is None or derivation in found:
                return float(item.MeasuredValueSequence[0].NumericValue)
        raise AssertionError(code)

    assert value("118565006") == pytest.approx(row["volume_ml"], rel=1e-6)
    assert value("103339001") == pytest.approx(row["longest_diameter_mm"], rel=1e-6)
    assert value("126401", "56851009") == pytest.approx(row["suv_max"], rel=1e-6)
    assert value("126401", "373098007") == pytest.approx(row["suv_mean"], rel=1e-6)
    assert value("126401", "126031") == pytest.approx(row["suv_peak"], rel=1e-6)


def test_a_lesion_without_segment_is_refused(spoil, seg, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no segment"):
        write_measurement_sr([{"id": "elsewhere", "volume_ml": 1.0}], seg, spoil.ct, tmp_path / "sr.dcm", spoil.identity)
    with pytest.raises(InputError, match="no measurement"):
        write_measurement_sr([], seg, spoil.ct, tmp_path / "sr.dcm", spoil.identity)


@pytest.mark.needs_dciodvfy
def test_clean_under_dciodvfy(report, dciodvfy) -> None:  # type: ignore[no-untyped-def]
    assert dciodvfy(report[1]) == []
