"""Stated and drawn vessel contact side by side: nobody's statement is lost, and a contradiction of class is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neorlt.documents.plan import read_plan
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.planning.contacts import NO_LESION, NO_REGION, OTHER_FRAME, contact_warnings, vessel_contacts
from neorlt.planning.document import plan_document
from neorlt.planning.patient import patient_from
from neorlt.planning.published import load_scheme

SHAPE, VOXEL = (48, 48, 20), 1.5


def _grid(frame: str = "1.2.3") -> Grid:
    affine = np.diag([VOXEL, VOXEL, VOXEL, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * VOXEL for n in SHAPE]
    return Grid(SHAPE, affine, frame)


def _tube(name: str, x: float, y: float, radius: float, kind: RegionKind = RegionKind.OTHER, frame: str = "1.2.3") -> Region:
    grid = _grid(frame)
    place = grid.index_to_mm(np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1))
    return Region(name, kind, (np.hypot(place[..., 0] - x, place[..., 1] - y) < radius).astype(np.float32), grid)


TUMOUR = _tube("primary", -6.0, 0.0, 14.0, RegionKind.LESION)
VEIN = _tube("superior_mesenteric_vein", 10.0, 0.0, 5.0)  # about a third of it inside the tumour
ARTERY = _tube("SMA", 22.0, 0.0, 3.5)  # 10 mm apart


def _patient(*vessels: dict[str, Any]) -> Any:
    lesion = {"id": "primary", "site": "pancreas-head", "longest_diameter_mm": 28, "ki67_pct": 5, "vessels": list(vessels)}
    return patient_from({"id": "p", "baseline": {"age_y": 60, "weight_kg": 70}, "lesion": [lesion]}, "test")


def _study(*regions: Region) -> Study:
    return Study("key", (Volume(np.zeros(SHAPE, np.float32), _grid(), Unit.HU, "CT"),), regions)


def test_a_stated_vessel_finds_its_region_in_other_words() -> None:
    (row,) = vessel_contacts(_patient({"name": "SMV", "contact_deg": 150}), _study(TUMOUR, VEIN))
    assert (row.vessel, row.stated_deg) == ("SMV", 150)
    assert row.measured is not None
    assert row.measured.vessel == "superior_mesenteric_vein"
    # Two circles of 14 and 5 mm, 16 mm apart: cos(half) = (16² + 5² - 14²) / (2 · 16 · 5).
    wanted = 2 * np.degrees(np.arccos((16**2 + 5**2 - 14**2) / (2 * 16 * 5)))
    assert row.measured.degrees == pytest.approx(wanted, abs=row.measured.doubt_deg)
    assert contact_warnings([row], "primary") == []


def test_a_drawn_vessel_that_the_file_does_not_name_is_asked_about() -> None:
    rows = vessel_contacts(_patient(), _study(TUMOUR, VEIN, ARTERY))
    assert [(row.vessel, row.stated_deg) for row in rows] == [("superior_mesenteric_vein", None), ("SMA", None)]
    (said,) = contact_warnings(rows, "primary")
    assert "superior_mesenteric_vein touches primary" in said
    assert "does not name this vessel" in said


@pytest.mark.parametrize(("stated", "warned"), [(150, False), (230, True), (0, True)])
def test_another_class_of_contact_is_said_and_another_degree_is_not(stated: float, warned: bool) -> None:
    said = contact_warnings(vessel_contacts(_patient({"name": "SMV", "contact_deg": stated}), _study(TUMOUR, VEIN)), "primary")
    assert bool(said) == warned
    assert all("starts from the file" in text for text in said)


def test_what_cannot_be_measured_has_its_reason() -> None:
    stated = {"name": "SMV", "contact_deg": 100}
    cases = {NO_REGION: _study(TUMOUR), NO_LESION: _study(VEIN), OTHER_FRAME: _study(TUMOUR, _tube("SMV", 9.0, 0.0, 5.0, frame="9"))}
    for reason, study in cases.items():
        (row,) = vessel_contacts(_patient(stated), study)
        assert row.measured is None
        assert row.reason == reason


def test_the_rows_stand_in_the_plan_and_come_back() -> None:
    patient = _patient({"name": "SMV", "contact_deg": 150})
    rows = [row.as_json() for row in vessel_contacts(patient, _study(TUMOUR, VEIN, ARTERY))]
    plan = plan_document(patient, (load_scheme("4 x 7.4 GBq Lu-177 every 8 weeks", patient),), n_draws=50, images={"vessel_contacts": rows})
    again = read_plan(plan.text)
    assert again == plan
    vein, artery = again.vessel_contacts
    assert vein.measured is not None
    assert artery.measured is not None
    assert artery.measured.degrees == 0.0
    assert artery.measured.gap_mm == pytest.approx(28.0 - 14.0 - 3.5, abs=1.5)
