"""Real files of real scanners: headers of three vendors, and a sarcoma's PET/CT with its structure sets."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from matplotlib.path import Path as Outline
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from neorlt.core.errors import InputError
from neorlt.dicom.pet_scale import check_weight, quantify
from neorlt.dicom.read import read_study
from neorlt.dicom.read_pet import read_pet_header
from neorlt.dicom.scan import Instance, Series
from neorlt.imaging.suv import suv_factor_of
from neorlt.imaging.volume import Unit
from neorlt.jobs.measure import measure_command

DATA = Path(__file__).parent.parent / "data" / "dicom"
STS = DATA / "sts_001"


def _dataset(values: dict[str, Any]) -> Dataset:
    """A header of the JSON files as the DICOM it came from (18F, since the half-lives are 109.8 min)."""
    dataset, item = Dataset(), Dataset()
    private = values["PhilipsPETPrivateGroup"]
    for key, value in values.items():
        if key == "PhilipsPETPrivateGroup":
            continue
        text = value.strip() if isinstance(value, str) else value
        setattr(item if key.startswith("Radio") else dataset, key, text)
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "C-111A1", "SRT", "^18^Fluorine"
    item.RadionuclideCodeSequence = Sequence([code])
    dataset.RadiopharmaceuticalInformationSequence = Sequence([item])
    if private:
        block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        if "SUVScaleFactor" in private:
            block.add_new(0x00, "DS", private["SUVScaleFactor"])
        if "ActivityConcentrationScaleFactor" in private:
            block.add_new(0x09, "DS", private["ActivityConcentrationScaleFactor"])
    return dataset


def _series(name: str, **changes: Any) -> Series:
    values = [{**v, **changes} for v in json.loads((DATA / "pet_headers" / f"{name}-instances.json").read_text())]
    return Series("1", "1", tuple(Instance(Path(f"{n}.dcm"), f"{n}.dcm", _dataset(v)) for n, v in enumerate(values)))


def _by_hand(weight_kg: float, dose_bq: float, seconds: float, half_life_s: float) -> float:
    return weight_kg * 1000 / (dose_bq * 2 ** (-seconds / half_life_s))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # scan start minus injection, from the times that the QIBA rules choose, worked out on paper
        ("GE_MEDICAL_AND_BQML", _by_hand(52, 152022720, 71 * 60 + 21, 6586.2001953125)),
        ("PHILIPS_BQML", _by_hand(64, 126e6, 60 * 60 + 57, 6586.199707)),
        ("SIEMENS", _by_hand(67, 374e6, 2 * 3600 + 17 * 60 + 44, 6586.2)),
        ("RADIOPHARM_DATETIME_UNDEFINED", _by_hand(102, 412e6, 3600 + 4 * 60 + 31.843, 6586.2)),
    ],
)
def test_suv_factor_of_vendor_headers(name: str, expected: float) -> None:
    header = read_pet_header(_series(name))
    scale = quantify(header)
    assert scale.unit is Unit.BQ_PER_ML
    assert set(scale.factors) == {1.0}
    check_weight(header)
    assert scale.administration is not None
    assert header.weight_kg is not None
    elapsed = (scale.reference - scale.administration.time).total_seconds()
    made = suv_factor_of(scale.administration, header.weight_kg, scale.reference, 2 ** (-elapsed / scale.half_life_s))
    assert made.factor == pytest.approx(expected, rel=1e-6)
    for number in (f"{header.weight_kg:g} kg", f"{scale.administration.activity_mbq:g} MBq"):
        assert number in made.formula


def test_philips_counts_take_the_private_suv_factor() -> None:
    scale = quantify(read_pet_header(_series("PHILIPS_CNTS_AND_SUV")))
    assert scale.unit is Unit.SUV_BW
    assert scale.factors[0] == pytest.approx(0.000728)
    assert "(7053,1000)" in scale.notes[0]


def test_philips_counts_prefer_the_activity_factor() -> None:
    private = {"SUVScaleFactor": "0.000728", "ActivityConcentrationScaleFactor": "4.7"}
    scale = quantify(read_pet_header(_series("PHILIPS_CNTS_AND_SUV", PhilipsPETPrivateGroup=private)))
    assert scale.unit is Unit.BQ_PER_ML
    assert scale.factors[0] == pytest.approx(4.7)


def test_counts_without_any_factor_are_refused() -> None:
    with pytest.raises(InputError, match="no scale to activity"):
        quantify(read_pet_header(_series("PHILIPS_CNTS_AND_SUV", PhilipsPETPrivateGroup={})))


def test_a_series_time_after_the_acquisition_is_not_trusted() -> None:
    """Post-processing rewrites Series Time: then acquisition and frame reference time give the start of the scan."""
    scale = quantify(read_pet_header(_series("RADIOPHARM_DATETIME_UNDEFINED", SeriesTime="181500")))
    average = 6586.2 / math.log(2) * math.log((x := math.log(2) * 180 / 6586.2) / -math.expm1(-x))
    start = datetime(2020, 12, 17, 14, 15, 55, 687000) + timedelta(seconds=average - 1372.8579232493)
    assert abs((scale.reference - start).total_seconds()) < 0.1
    assert abs((scale.reference - datetime(2020, 12, 17, 13, 54, 31, 843000)).total_seconds()) < 3  # the true series time


def test_dose_in_mbq_is_found_by_name() -> None:
    with pytest.raises(InputError, match="not in Bq"):
        quantify(read_pet_header(_series("SIEMENS", RadionuclideTotalDose=374)))


def _polygons() -> list[np.ndarray[Any, Any]]:
    dataset = pydicom.dcmread(STS / "PET" / "mask" / "RS.dcm")
    return [np.array([float(v) for v in c.ContourData]).reshape(-1, 3) for c in dataset.ROIContourSequence[0].ContourSequence]


def _even_odd(points: np.ndarray[Any, Any], at: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    inside = np.zeros(len(points), bool)
    for polygon in at:
        inside ^= Outline(np.vstack([polygon[:, :2], polygon[:1, :2]])).contains_points(points)
    return inside


def test_sarcoma_agrees_with_two_other_conventions() -> None:
    """Volume by polygon area and by voxel centres, SUVmax by voxel centres, each without our reader."""
    result = measure_command(STS)
    ours = next(row for row in result["lesions"] if row["id"] == "GTV_Mass_PET")
    polygons = _polygons()
    by_plane: dict[float, list[np.ndarray[Any, Any]]] = {}
    for polygon in polygons:
        by_plane.setdefault(round(float(polygon[0, 2]), 2), []).append(polygon)
    area = 0.0
    for at in by_plane.values():
        for polygon in at:
            others = [q for q in at if q is not polygon]
            hole = bool(others) and bool(_even_odd(polygon[:1, :2], others)[0])
            area += -_shoelace(polygon) if hole else _shoelace(polygon)
    assert ours["volume_ml"] == pytest.approx(area * 3.27 / 1000, rel=0.005)
    voxels, highest = 0, 0.0
    for path in (STS / "PET" / "image").iterdir():
        dataset = pydicom.dcmread(path)
        at_plane = by_plane.get(round(float(dataset.ImagePositionPatient[2]), 2))
        if at_plane is None:
            continue
        j, i = np.indices((dataset.Rows, dataset.Columns))
        points = np.column_stack([float(dataset.ImagePositionPatient[0]) + 4.6875 * i.ravel(),
                                  float(dataset.ImagePositionPatient[1]) + 4.6875 * j.ravel()])  # fmt: skip
        inside = _even_odd(points, at_plane)
        voxels += int(inside.sum())
        values = dataset.pixel_array.ravel() * float(dataset.RescaleSlope)
        highest = max(highest, float(values[inside].max(initial=0.0)))
    assert ours["volume_ml"] == pytest.approx(voxels * 4.6875**2 * 3.27 / 1000, rel=0.03)
    assert ours["suv_max"] == pytest.approx(highest, rel=1e-4)
    assert ours["suv_mean"] < ours["suv_peak"] < ours["suv_max"]


def _shoelace(p: np.ndarray[Any, Any]) -> float:
    return abs(0.5 * float(np.sum(p[:, 0] * np.roll(p[:, 1], -1) - np.roll(p[:, 0], -1) * p[:, 1])))


def test_sarcoma_longest_diameter_is_that_of_the_drawn_points() -> None:
    row = next(r for r in measure_command(STS)["lesions"] if r["id"] == "GTV_Mass_PET")
    planes: dict[float, list[np.ndarray[Any, Any]]] = {}
    for p in _polygons():
        planes.setdefault(round(float(p[0, 2]), 2), []).append(p[:, :2])
    longest = max(
        float(np.linalg.norm(points[:, None] - points[None, :], axis=-1).max()) for points in (np.vstack(v)[::3] for v in planes.values())
    )
    assert row["longest_diameter_mm"] == pytest.approx(longest, abs=1.0)
    assert row["perpendicular_diameter_mm"] <= row["longest_diameter_mm"]


def test_sarcoma_study() -> None:
    study = read_study(STS)
    (pet,), (ct,) = study.pet_images(), study.ct_images()
    assert pet.unit is Unit.SUV_BW
    assert pet.nuclide == "F-18"
    assert pet.grid.spacing_mm == pytest.approx((4.6875, 4.6875, 3.27), abs=1e-3)
    assert ct.grid.spacing_mm == pytest.approx((0.976562, 0.976562, 3.27), abs=1e-3)
    assert len(study.lesions()) == 2
    assert any("drawn twice" in w for w in study.warnings)
    assert study.administrations[0].activity_mbq == pytest.approx(388.777472)
