"""What an image of a nuclide shows, held against how each is imaged in the clinic and against the emissions."""

import pytest

from neorlt.dicom.codes import nuclide_name
from neorlt.nuclides.imaged import given_to_treat, imaged_nuclides, joins_a_curve, seen_by_single_photons
from neorlt.nuclides.therapy import therapy_nuclides

SPECT = ("Lu-177", "Tb-161", "I-131", "I-123", "In-111", "Tc-99m", "Ho-166", "Re-188", "Sm-153", "Cu-67", "Ga-67", "Tl-201", "Ac-225",
         "Pb-212", "Bi-213")  # fmt: skip
PET = ("Ga-68", "F-18", "Cu-64", "Zr-89", "Y-90", "C-11")
DIAGNOSTIC = ("I-123", "In-111", "Tc-99m", "Ga-67", "Tl-201", "Ga-68", "F-18", "Cu-64", "Zr-89")


def test_the_camera_of_each_nuclide() -> None:
    assert [name for name in SPECT if not seen_by_single_photons(name)] == []
    assert [name for name in (*PET, None, "") if seen_by_single_photons(name)] == []


def test_what_treats_and_what_only_shows() -> None:
    assert [name for name in (*DIAGNOSTIC, None) if given_to_treat(name)] == []
    assert all(given_to_treat(name) for name in {*SPECT, *PET, *therapy_nuclides()} - {*DIAGNOSTIC, "C-11"})
    assert joins_a_curve("Y-90") and joins_a_curve("In-111") and not joins_a_curve("Ga-68")


@pytest.mark.parametrize(
    ("text", "name"),
    [("^188^Rhenium", "Re-188"), ("153Sm-EDTMP", "Sm-153"), ("I-131 MIBG", "I-131"), ("99mTc", "Tc-99m"), ("Tc99m", "Tc-99m"),
     ("10 small", None), ("^169^Erbium", None), ("177Lu-DOTATATE", "Lu-177"), ("terbium-161", "Tb-161")],
)  # fmt: skip
def test_names_that_a_header_may_hold(text: str, name: str | None) -> None:
    assert nuclide_name(text) == name


def test_every_name_of_the_table_is_read_from_a_header() -> None:
    assert {nuclide_name(name) for name in imaged_nuclides()} == imaged_nuclides()
