"""Images and patient file become one patient: images win, both values are kept, nobody is dropped."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.imaging.study import Study
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.planning.merge import ImageLesion, merge_patient
from neorlt.planning.patient import patient_from

CT = Volume(np.zeros((2, 2, 2), np.float32), Grid((2, 2, 2), np.eye(4), "frame"), Unit.HU, "CT")
FILE = {
    "id": "p",
    "baseline": {"weight_kg": 70, "age_y": 58, "sex": "F", "prior_chemotherapy": True},
    "lesion": [{"id": "primary", "site": "pancreas-head", "longest_diameter_mm": 45, "suv_max": 30, "ki67_pct": 8},
               {"id": "liver-1", "site": "liver", "longest_diameter_mm": 22}],
}


def merged(lesions, **study):
    return merge_patient(patient_from(FILE, "test"), Study("hash", (CT,), (), **study), lesions)


def test_images_win_and_the_contradiction_is_kept():
    found = merged([ImageLesion("primary", 20.0, 34.0, 12.0)], weight_kg=80.0, age_y=58.0, sex="F")
    primary = found.patient.lesions[0]
    assert (primary.longest_diameter_mm, primary.volume_ml, primary.suv_max) == (34.0, 20.0, 12.0)
    assert found.patient.weight_kg == 80.0
    said = {row["field"]: (row["file"], row["image"], row["used"]) for row in found.conflicts}
    assert said == {"primary: longest_diameter_mm": (45.0, 34.0, "image"), "primary: suv_max": (30.0, 12.0, "image"),
                    "weight_kg": (70.0, 80.0, "image")}


def test_what_images_do_not_hold_stays():
    found = merged([ImageLesion("primary", 47.0, 45.0)])
    assert found.patient.lesions[0].suv_max == 30
    assert found.patient.lesions[0].ki67_pct == 8
    assert found.patient.weight_kg == 70
    assert found.patient.prior_chemotherapy is True
    assert found.conflicts == ()


def test_a_lesion_that_one_side_lacks_is_kept_and_named():
    found = merged([ImageLesion("primary", 47.0, 45.0), ImageLesion("liver-9", 5.0, 21.0)])
    assert [lesion.id for lesion in found.patient.lesions] == ["primary", "liver-1", "liver-9"]
    assert found.patient.lesions[2].site == "liver"
    assert any("liver-1" in text for text in found.warnings)
    assert any("liver-9" in text for text in found.warnings)


def test_images_alone_make_a_patient_whose_laboratory_is_unknown():
    found = merge_patient(None, Study("hash", (CT,), (), weight_kg=61.0), [ImageLesion("primary", 47.0, 45.0, 20.0)])
    assert (found.patient.id, found.patient.weight_kg, found.patient.platelets_e9_per_l) == ("hash", 61.0, None)
    assert found.patient.lesions[0].volume_ml == pytest.approx(47.0)
    assert found.patient.functioning is None and found.patient.prior_chemotherapy is None


@pytest.mark.parametrize(("name", "site"), [
    ("METLIVER1", "liver"), ("Lebermetastase 2", "liver"), ("tumour of the pancreas", "pancreas"), ("primary", "pancreas"),
    ("pancreatic lymph node", "node"), ("tumour 3", "unknown"),
])
def test_the_site_of_a_lesion_that_only_images_know_is_read_from_its_name(name, site):
    assert merge_patient(None, Study("hash", (CT,), ()), [ImageLesion(name, 5.0, 21.0)]).patient.lesions[0].site == site
