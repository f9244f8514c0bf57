"""Law of role: what a file states outranks a word inside a name; nothing is dropped without its name and reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pydicom
import pytest

from neorlt.core.anatomy import Organ, is_kidney, organ_of, side_of
from neorlt.core.errors import InputError
from neorlt.dicom.naming import role_from_name, role_of_roi, role_of_segment
from neorlt.dicom.read import read_study
from neorlt.dosimetry.population import region_kind
from neorlt.imaging.nifti import write_nifti
from neorlt.imaging.region import RegionKind
from neorlt.imaging.volume import Unit, Volume
from neorlt.jobs.measure import measure_command

SEVEN = {  # liver, kidney left, kidney right, spleen, lesion
    "English": ("Liver", "Left kidney", "Kidney_R", "Spleen", "Primary tumour"),
    "German": ("Leber", "Niere links", "rechte Niere", "Milz", "Lebermetastase 2"),
    "French": ("Foie", "Rein gauche", "rein droit", "Rate", "Tumeur primitive"),
    "Italian": ("Fegato", "Rene sinistro", "rene dx", "Milza", "Metastasi epatica"),
    "Spanish": ("Hígado", "Riñón izquierdo", "riñon derecho", "Bazo", "Lesión 1"),
    "Dutch": ("Lever", "Linker nier", "nier rechts", "Milt", "Lymfeklier 3"),
    "Polish": ("Wątroba", "Nerka lewa", "nerka prawa", "Śledziona", "Przerzut 1"),
}


@pytest.mark.parametrize("language", SEVEN)
def test_organs_and_lesions_in_seven_languages(language: str) -> None:
    liver, left, right, spleen, lesion = SEVEN[language]
    assert organ_of(liver) is Organ.LIVER
    assert organ_of(spleen) is Organ.SPLEEN
    assert is_kidney(left)
    assert is_kidney(right)
    assert (side_of(left), side_of(right)) == ("left", "right")
    assert all(role_from_name(n).kind is RegionKind.ORGAN for n in (liver, left, right, spleen))
    assert role_from_name(lesion).kind is RegionKind.LESION
    assert [region_kind(n, False) for n in (liver, left, right, spleen)] == ["liver", "kidney", "kidney", "spleen"]


@pytest.mark.parametrize(
    "name", ["LN para-aortic", "nodule 2", "PNET", "insulinoma", "GTVp", "GTVn2", "liver met 3", "mets", "LK", "PanNET-1", "guz", "mass"]
)
def test_words_that_mean_a_lesion(name: str) -> None:
    assert role_from_name(name).kind is RegionKind.LESION


@pytest.mark.parametrize(
    "name",
    [
        "Pankreaskarzinom", "pancreatic cancer", "Pankreaskopf-Ca", "Leberherd", "Knochenherd BWK 5", "Rundherd Lunge",
        "masse pancréatique", "massa pancreatica", "masa pancreática", "leverhaard 2",
        "ognisko w wątrobie", "focus liver 1", "foyer hépatique", "foco hepático",
        "ripetizione epatica", "Tumorthrombus", "metastasi rene sin", "liver_met_2_left",
    ],
)  # fmt: skip
def test_a_lesion_named_with_its_organ_is_a_lesion(name: str) -> None:
    """Each was the organ that its name holds, and left the list of lesions in silence."""
    assert role_from_name(name).kind is RegionKind.LESION


@pytest.mark.parametrize(
    "name",
    [
        "Liver-GTV", "Lungs-GTV", "Leber-PTV", "liver minus tumour", "foie sans tumeur", "normal liver", "Liver_minus_GTV",
        "Leber_ohne_Tumor",
        "tumour-free liver", "Leber tumorfrei", "foie non tumoral", "liver (no tumor)", "liver w/o lesions", "Liver_ex_GTV",
        "Leber exkl. Metastasen", "hígado sin tumor",
    ],
)  # fmt: skip
def test_an_organ_without_its_tumour_is_an_organ(name: str) -> None:
    assert role_from_name(name).kind is RegionKind.ORGAN


@pytest.mark.parametrize(
    "name",
    [
        "Nierenzyste links", "niercyste", "Leberzyste", "kyste rénal gauche", "Nierenbecken links", "renal pelvis left", "Kidney_L_Pelvis",
        "nierbekken", "Nierenstein", "kidney stone", "Kidney_L_PRV05", "z_Kidney_L", "zKidney_L", "ring liver", "Kidney_L+5mm",
    ],
)  # fmt: skip
def test_what_lies_in_or_round_an_organ_is_not_the_organ(name: str) -> None:
    """Cyst, stone, urine, a margin or a planner's help shape counted as one kidney more; without a role it is said by name."""
    assert organ_of(name) is None
    assert role_from_name(name).kind is RegionKind.OTHER


@pytest.mark.parametrize("name", ["Kidney_L_PRV05", "z_Kidney_L", "Kidney_L+5mm", "Ring_Liver"])
def test_a_planners_help_is_no_organ_though_its_type_says_so(name: str) -> None:
    assert role_of_roi("ORGAN", name).kind is RegionKind.OTHER
    assert role_of_roi("ORGAN", "Kidney_L").kind is RegionKind.ORGAN


@pytest.mark.parametrize(
    ("name", "organ"),
    [("Kidney (left)", Organ.KIDNEY), ("LKidney", Organ.KIDNEY), ("rein G", Organ.KIDNEY), ("liver segment 4", Organ.LIVER),
     ("pelvis", None), ("Pankreasschwanz", Organ.PANCREAS), ("CA", None)],
)  # fmt: skip
def test_plain_names_of_organs_stay(name: str, organ: Organ | None) -> None:
    assert organ_of(name) is organ
    assert role_from_name(name).kind is (RegionKind.OTHER if organ is None else RegionKind.ORGAN)


@pytest.mark.parametrize(
    ("name", "organ"),
    [
        ("adrenal_gland_left", Organ.ADRENAL), ("Nebenniere", Organ.ADRENAL), ("bijnier", Organ.ADRENAL), ("surrénale", Organ.ADRENAL),
        ("kidney_cyst_left", None), ("renal vein", Organ.VESSEL), ("portal_vein_and_splenic_vein", Organ.VESSEL),
        ("gallbladder", Organ.GALLBLADDER), ("urinary_bladder", Organ.BLADDER), ("perirenal fat", None), ("spinal_cord", Organ.SPINAL_CORD),
        ("kidney_left", Organ.KIDNEY), ("Kidney_Cortex_L", Organ.KIDNEY), ("planet", None), ("reinforced", None),
    ],
)  # fmt: skip
def test_names_that_hold_another_name(name: str, organ: Organ | None) -> None:
    assert organ_of(name) is organ


@pytest.mark.parametrize(
    ("type_", "name", "kind"),
    [
        ("ORGAN", "Liver-GTV", RegionKind.ORGAN),
        ("ORGAN", "liver met 3", RegionKind.ORGAN),
        ("GTV", "Liver", RegionKind.LESION),
        ("EXTERNAL", "outer", RegionKind.BODY),
        ("CONTROL", "kidney ring", RegionKind.OTHER),
        ("", "kidney", RegionKind.ORGAN),
    ],
)
def test_a_type_outranks_a_word(type_: str, name: str, kind: RegionKind) -> None:
    role = role_of_roi(type_, name)
    assert role.kind is kind
    assert role.why


@pytest.mark.parametrize(
    "spellings",
    [
        ("SMA", "superior_mesenteric_artery", "A. mesenterica superior", "tętnica krezkowa górna"),
        ("SMV", "superior mesenteric vein", "veine mésentérique supérieure"),
        ("PV", "portal_vein", "Pfortader", "portal_vein_and_splenic_vein"),
        ("IVC", "inferior_vena_cava", "untere Hohlvene"),
        ("CHA", "common hepatic artery"),
        ("GDA", "gastroduodenal artery"),
        ("SV", "splenic vein", "Milzvene"),
        ("Truncus coeliacus", "celiac artery"),
        ("aorta", "Aorta abdominalis"),
    ],
)
def test_every_spelling_of_a_vessel_is_for_contact_only(spellings: tuple[str, ...]) -> None:
    """In full it was an organ with a dose, abbreviated it was none; a file's word for anatomy says no more than its name does."""
    anatomy = pydicom.Dataset()
    anatomy.SegmentedPropertyCategoryCodeSequence = [pydicom.Dataset()]
    anatomy.SegmentedPropertyCategoryCodeSequence[0].CodeValue = "123037004"
    for name in spellings:
        for role in (role_from_name(name), role_of_roi("ORGAN", name), role_of_segment(anatomy, name)):
            assert (role.kind, "for contact only" in role.why) == (RegionKind.OTHER, True), name
    assert role_from_name("renal vein").kind is RegionKind.ORGAN
    assert role_of_roi("GTV", spellings[0]).kind is RegionKind.LESION


def _rename(spoil: Any, edit: Any, names: list[str], types: list[str]) -> None:
    def change(dataset: pydicom.Dataset) -> None:
        for n, (name, type_) in enumerate(zip(names, types, strict=True)):
            dataset.StructureSetROISequence[n].ROIName = name
            dataset.RTROIObservationsSequence[n].RTROIInterpretedType = type_

    edit(spoil.rtstruct, change)


def test_the_liver_without_the_tumour_is_normal_liver(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    _rename(spoil, edit, ["Liver-GTV", "Kidney_L", "GTVp"], ["ORGAN", "ORGAN", "GTV"])
    document = measure_command(spoil.folder)
    assert [row["id"] for row in document["lesions"]] == ["GTVp"]
    assert document["lesions"][0]["tumour_to_liver"] is not None
    assert {r["name"]: r["role"] for r in document["roles"]} == {"Liver-GTV": "organ", "Kidney_L": "organ", "GTVp": "lesion"}
    assert all(r["why"] for r in document["roles"])


@pytest.mark.parametrize("language", SEVEN)
def test_a_study_renamed_into_seven_languages_measures_the_same(spoil, edit, language) -> None:  # type: ignore[no-untyped-def]
    truth = measure_command(spoil.folder)["lesions"][0]
    liver, left, _, _, lesion = SEVEN[language]
    _rename(spoil, edit, [liver, left, lesion], ["", "", ""])
    row = measure_command(spoil.folder)["lesions"][0]
    assert row["id"] == lesion
    for key in ("suv_max", "volume_ml", "tumour_to_liver"):
        assert row[key] == pytest.approx(truth[key])


def test_what_plays_no_part_is_named_and_can_be_stated(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    _rename(spoil, edit, ["liver", "kidney-left", "X7"], ["", "", ""])
    study = read_study(spoil.folder)
    assert study.lesions() == ()
    assert any("'X7'" in w and "[roles]" in w for w in study.warnings)
    (spoil.folder / "settings.toml").write_text('[roles]\n"x7" = "lesion"\n"nobody" = "organ"\n')
    study = read_study(spoil.folder)
    assert [r.name for r in study.lesions()] == ["X7"]
    assert any("nobody" in w for w in study.warnings)
    (spoil.folder / "settings.toml").write_text('[roles]\nX7 = "tumour"\n')
    with pytest.raises(InputError, match="roles"):
        read_study(spoil.folder)


def test_an_organ_that_sounds_like_a_lesion_is_said(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    _rename(spoil, edit, ["liver", "kidney-left", "liver met 3"], ["ORGAN", "ORGAN", "ORGAN"])
    assert any("sounds like a lesion" in w and "liver met 3" in w for w in read_study(spoil.folder).warnings)


def test_a_target_volume_beside_its_tumour_is_no_second_lesion(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    _rename(spoil, edit, ["liver", "PTV", "GTV"], ["ORGAN", "PTV", "GTV"])
    study = read_study(spoil.folder)
    assert [r.name for r in study.lesions()] == ["GTV"]
    assert any("'PTV'" in w and "margin" in w for w in study.warnings)
    _rename(spoil, edit, ["liver", "kidney", "CTV"], ["ORGAN", "ORGAN", "CTV"])
    assert [r.name for r in read_study(spoil.folder).lesions()] == ["CTV"]


def test_the_names_file_states_kinds(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    spoil.rtstruct.unlink()
    labels = np.zeros(spoil.ct_volume.grid.shape, np.float32)
    for number, region in zip((19000, 17000), spoil.regions[1:], strict=True):
        labels[region.occupancy > 0] = number
    path = tmp_path / "labels.nii.gz"
    write_nifti(Volume(labels, spoil.ct_volume.grid, Unit.HU, "CT"), path)
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"19000": {"name": "spot", "kind": "lesion"}, "17000": "kidney"}))
    study = read_study(spoil.folder, labels=path, label_names=names)
    assert [(r.name, r.kind) for r in study.regions] == [("kidney", RegionKind.ORGAN), ("spot", RegionKind.LESION)]
    for wrong in ('{"name": "x", "kind": "metastasis"}', '{"kind": "lesion"}', '{"name": "x", "colour": 1}'):
        names.write_text(f'{{"19000": {wrong}}}')
        with pytest.raises(InputError, match="names of the labels cannot be read"):
            read_study(spoil.folder, labels=path, label_names=names)


def test_an_organ_beside_its_two_halves_counts_once(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """``Kidneys`` of TG-263 beside ``Kidney_L`` and ``Kidney_R``."""
    spoil.rtstruct.unlink()
    left, right, both = (np.zeros(spoil.ct_volume.grid.shape, np.float32) for _ in range(3))
    left[12:16, 3:8, 2:6] = right[3:7, 3:8, 2:6] = 1.0
    both[:] = left + right
    folder = tmp_path / "masks"
    folder.mkdir()
    for name, mask in (("Kidney_L", left), ("Kidney_R", right), ("Kidneys", both)):
        write_nifti(Volume(mask, spoil.ct_volume.grid, Unit.HU, "CT"), folder / f"{name}.nii.gz")
    study = read_study(spoil.folder, labels=folder)
    assert [r.name for r in study.organs()] == ["Kidney_L", "Kidney_R"]
    assert any("'Kidneys' is 'Kidney_L', 'Kidney_R' together" in w for w in study.warnings)
    (folder / "Kidney_R.nii.gz").unlink()
    assert {r.name for r in read_study(spoil.folder, labels=folder).organs()} == {"Kidney_L", "Kidneys"}
