"""Law of facts: weight, activity and time belong to a series or study, and a correction counts for what it names."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from neorlt.core.errors import InputError
from neorlt.dicom.codes import nuclide_name
from neorlt.dicom.identity import make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_pet import write_pet
from neorlt.imaging.study import Administration
from neorlt.imaging.suv import ligand_images, suv_images
from neorlt.jobs.measure import measure_command
from neorlt.jobs.nuclides import read_therapy_nuclides

T0 = datetime(2026, 3, 2, 9, 0)
DECAYED = 2.0 ** (-60.0 / 67.71)


def _item(dataset: pydicom.Dataset) -> Any:
    return dataset.RadiopharmaceuticalInformationSequence[0]


def _settings(folder: Path, text: str) -> None:
    (folder / "settings.toml").write_text(text)


def _suv_max(study: Any) -> float:
    return float(suv_images(study)[0].array.max())


def _second_pet(spoil: Any, weight_kg: float) -> None:
    """A PET of another study, four months later, of another weight."""
    later = T0 + timedelta(days=120)
    who = replace(spoil.identity, study_uid=make_uid("later study"), weight_kg=weight_kg)
    write_pet(
        replace(spoil.pet_volume, time=later + timedelta(hours=1)), spoil.folder / "later", who,
        administration=Administration("Ga-68", 150.0, later, "68Ga-DOTATATE"), acquisition_time=later + timedelta(hours=1),
        frame_duration_s=180, description="PET", series_number=20,
    )  # fmt: skip


@pytest.mark.parametrize("weight_kg", [50.0, 85.0, 120.0])
def test_each_suv_is_by_the_weight_of_its_own_study(spoil, weight_kg) -> None:  # type: ignore[no-untyped-def]
    _second_pet(spoil, weight_kg)
    study = read_study(spoil.folder)
    first, second = suv_images(study)
    peak = float(spoil.pet_volume.array.max())
    assert float(first.array.max()) == pytest.approx(peak * 70e3 / (150e6 * DECAYED), rel=1e-3)
    assert float(second.array.max()) == pytest.approx(peak * weight_kg * 1e3 / (150e6 * DECAYED), rel=1e-3)
    assert any("weight differs between studies" in w for w in study.warnings)


def test_a_weight_is_stated_for_one_study(spoil) -> None:  # type: ignore[no-untyped-def]
    truth = _suv_max(read_study(spoil.folder))
    _second_pet(spoil, 90.0)
    _settings(spoil.folder, f'[correction."{make_uid("later study")}"]\nweight_kg = 60\nreason = "weighed"\n')
    first, second = (float(v.array.max()) for v in suv_images(read_study(spoil.folder)))
    assert first == pytest.approx(truth)
    assert second == pytest.approx(truth * 60 / 70, rel=1e-3)


@pytest.mark.parametrize("head", ["[correction]", '[correction."Lu-177"]', '[correction."NM"]', '[correction."SPECT"]', "series"])
def test_an_activity_that_the_spect_lacks_does_not_reach_the_pet(spoil, edit, head) -> None:  # type: ignore[no-untyped-def]
    truth = _suv_max(read_study(spoil.folder))
    edit(spoil.spect, lambda d: delattr(_item(d), "RadionuclideTotalDose"))
    with pytest.raises(InputError, match="injected activity is missing"):
        read_study(spoil.folder)
    heads = [head]
    if head == "series":
        heads = [f'[correction."{pydicom.dcmread(p).SeriesInstanceUID}"]' for p in spoil.spect]
    _settings(spoil.folder, "".join(f'{h}\nreason = "not in the header"\ninjected_activity_mbq = 7000\n' for h in heads))
    study = read_study(spoil.folder)
    assert _suv_max(study) == pytest.approx(truth)
    assert study.therapy_administration().activity_mbq == 7000
    assert any("SPECT Lu-177" in w and "not in the header" in w for w in study.warnings)
    assert not any("PET" in w and "not in the header" in w for w in study.warnings)


def test_a_time_that_the_spect_lacks_does_not_refuse_the_pet(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    """The study of one SPECT with a PET of weeks before."""
    truth = _suv_max(read_study(spoil.folder))
    edit(spoil.spect, lambda d: delattr(_item(d), "RadiopharmaceuticalStartDateTime"))
    _settings(spoil.folder, '[correction]\nreason = "from the ward"\ninjection_time = 2026-03-02T09:00:00\n')
    study = read_study(spoil.folder)
    assert _suv_max(study) == pytest.approx(truth)
    assert study.therapy_administration().time == T0


@pytest.mark.parametrize(
    "text",
    [
        '[correction]\nreason = "?"\ninjected_activity_mbq = 7000\n',  # every series states its own
        '[correction."F-18"]\nreason = "?"\ninjected_activity_mbq = 7000\n',  # nothing of the kind
        '[correction."1.2.3"]\nreason = "?"\nweight_kg = 60\n',
        '[correction."somebody"]\nreason = "?"\nweight_kg = 60\n',
        '[correction."PT"]\nweight_kg = 60\n',  # without a reason
    ],
)
def test_a_correction_that_names_nothing_is_refused(spoil, text) -> None:  # type: ignore[no-untyped-def]
    _settings(spoil.folder, text)
    with pytest.raises(InputError, match=r"correction|reason"):
        read_study(spoil.folder)


def test_a_correction_of_the_pet_alone(spoil) -> None:  # type: ignore[no-untyped-def]
    truth = _suv_max(read_study(spoil.folder))
    _settings(spoil.folder, '[correction.PET]\nreason = "calibrator"\ninjected_activity_mbq = 100\n')
    study = read_study(spoil.folder)
    assert _suv_max(study) == pytest.approx(truth * 1.5, rel=1e-6)
    assert study.therapy_administration().activity_mbq == 7400


def test_one_person_of_two_numbers_can_be_stated(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect[1], lambda d: setattr(d, "PatientID", "SYN-2"))
    with pytest.raises(InputError, match=r"mixes patients.*\[patient\]"):
        read_study(spoil.folder)
    _settings(spoil.folder, "[patient]\ntreat_as_one = true\n")
    with pytest.raises(InputError, match="needs a reason"):
        read_study(spoil.folder)
    _settings(spoil.folder, '[patient]\ntreat_as_one = true\nreason = "the number changed in 2026"\n')
    assert any("the number changed in 2026" in w for w in read_study(spoil.folder).warnings)


def test_a_therapy_image_stored_as_pet_is_no_sstr_pet(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Four 177Lu images in the PET object beside a 68Ga PET: a curve, and one row of SUV."""
    for path in spoil.spect:
        path.unlink()
    for hours in (4, 24, 96):
        at = T0 + timedelta(hours=hours)
        write_pet(
            replace(spoil.spect_volume, time=at), spoil.folder / f"lu{hours}", spoil.identity,
            administration=Administration("Lu-177", 7400.0, T0, "177Lu-DOTATATE"), acquisition_time=at, frame_duration_s=180,
            description="SPECT", series_number=30 + hours,
        )  # fmt: skip
    study = read_study(spoil.folder)
    assert [v.time for v in study.therapy_images()] == [T0 + timedelta(hours=h) for h in (4, 24, 96)]
    assert study.therapy_images()[0].array == pytest.approx(spoil.spect_volume.array, rel=1e-3, abs=50)
    assert study.therapy_administration().activity_mbq == pytest.approx(7400)
    assert [v.nuclide for v in suv_images(study)] == ["Ga-68"]
    assert [row["id"] for row in measure_command(spoil.folder)["lesions"]] == ["primary"]
    assert any("stored as PET" in w for w in study.warnings)


OWN = {
    "Er-169": ("^169^Erbium", 225.4, "gamma = []", 0.351, 69, "PT"),  # betas alone: what is stored as PET stays one
    "Sc-47": ("^47^Scandium", 80.38, "gamma = [[0.159381, 0.683]]", 0.5, 22, "NM"),
}
"""Rounded: code meaning, half-life in hours, gammas, endpoint, daughter, what the image then is."""


@pytest.mark.parametrize("name", OWN)
def test_images_of_a_nuclide_of_the_users_own_are_those_of_a_therapy(name, spoil, edit, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """By the file alone, which no list of the reader names; without it the image is none of a therapy."""
    meaning, half_life_h, gamma, endpoint, daughter, modality = OWN[name]
    for path in spoil.spect:
        path.unlink()
    at = T0 + timedelta(hours=24)
    write_pet(
        replace(spoil.spect_volume, time=at), spoil.folder / "own", spoil.identity,
        administration=Administration("Lu-177", 7400.0, T0, "177Lu-DOTATATE"), acquisition_time=at, frame_duration_s=180,
        description="SPECT", series_number=31,
    )  # fmt: skip

    def own(dataset: pydicom.Dataset) -> None:
        item = _item(dataset)
        code = item.RadionuclideCodeSequence[0]
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = name, "99OWN", meaning
        item.RadionuclideHalfLife = f"{half_life_h * 3600:.0f}"
        item.Radiopharmaceutical = f"{name}-DOTATATE"
        item.pop("RadiopharmaceuticalCodeSequence", None)

    edit(sorted((spoil.folder / "own").rglob("*.dcm")), own)
    with contextlib.suppress(InputError):
        assert read_study(spoil.folder).therapy_images() == ()
    path = tmp_path / "own.toml"
    path.write_text(
        f'name = "{name}"\nhalf_life_h = {half_life_h}\nsource = "a test"\nbeta_per_decay = 1.0\n{gamma}\n[[beta_minus]]\n'
        f'endpoint_mev = {endpoint}\nper_decay = 1.0\ndaughter_z = {daughter}\n[therapy]\nactivity_gbq = 5.0\nsource = "a test"\n'
    )
    read_therapy_nuclides([path])
    study = read_study(spoil.folder)
    assert [(v.time, v.nuclide, v.modality) for v in study.therapy_images()] == [(at, name, modality)]
    assert study.therapy_administration().nuclide == name
    assert [v.nuclide for v in ligand_images(study)] == ["Ga-68"]


@pytest.mark.parametrize("hours", [(24,), (4, 96), (4, 24, 96, 168)])
@pytest.mark.parametrize("kind", ["START", "ADMIN"])
def test_a_spect_stored_as_pet_beside_a_pet(spoil, edit, kind, hours) -> None:  # type: ignore[no-untyped-def]
    """One image, two or four; decayed to their start, or all to the injection: 6.6443 d bring them back."""
    for path in spoil.spect:
        path.unlink()
    for h in hours:
        at = T0 + timedelta(hours=h)
        paths = write_pet(
            replace(spoil.spect_volume, time=at), spoil.folder / f"lu{h}", spoil.identity,
            administration=Administration("Lu-177", 7400.0, T0, "177Lu-DOTATATE"), acquisition_time=at, frame_duration_s=180,
            description="SPECT", series_number=30 + h,
        )  # fmt: skip
        edit(paths, lambda d: setattr(d, "DecayCorrection", kind))
    study = read_study(spoil.folder)
    assert [v.time for v in study.therapy_images()] == [T0 + timedelta(hours=h) for h in hours]
    for h, image in zip(hours, study.therapy_images(), strict=True):
        left = 2.0 ** (-h / (6.6443 * 24.0)) if kind == "ADMIN" else 1.0
        assert image.array == pytest.approx(spoil.spect_volume.array * left, rel=2e-3, abs=50)
    assert [v.nuclide for v in suv_images(study)] == ["Ga-68"]


def test_fdg_is_no_sstr_pet(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    """Its SUV is measured, and is not taken for the uptake of the receptors."""

    def fdg(dataset: pydicom.Dataset) -> None:
        item = _item(dataset)
        code = item.RadionuclideCodeSequence[0]
        code.CodeValue, code.CodeMeaning, item.RadionuclideHalfLife = "77004003", "^18^Fluorine", "6586.2"
        item.Radiopharmaceutical = "18F-FDG"
        item.pop("RadiopharmaceuticalCodeSequence", None)

    assert len(ligand_images(read_study(spoil.folder))) == 1
    edit(spoil.pet, fdg)
    study = read_study(spoil.folder)
    assert len(suv_images(study)) == 1
    assert ligand_images(study) == ()
    assert any("no SSTR ligand" in w for w in study.warnings)


@pytest.mark.parametrize("which", ["pet", "spect"])
@pytest.mark.parametrize(
    ("value", "meaning", "agent", "outcome"),
    [
        ("", "", "", ""),  # as it is
        ("C-999999", "", "", "is not known"),
        ("C-999999", "isotope 4", "", "is not known"),
        ("C-999999", "own", "", ""),  # the meaning says it
        ("", "other", "", "refused"),
        ("", "", "111In-pentetreotide", "by its code"),
    ],
)
def test_code_meaning_and_agent_of_one_nuclide(spoil, edit, which, value, meaning, agent, outcome) -> None:  # type: ignore[no-untyped-def]
    """An unknown code fell back on the agent's text without a word; two nuclides in one item were one of them."""
    own, other = {"pet": ("Ga-68", "Lu-177"), "spect": ("Lu-177", "Ga-68")}[which]

    def change(dataset: pydicom.Dataset) -> None:
        code = _item(dataset).RadionuclideCodeSequence[0]
        code.CodeValue = value or code.CodeValue
        if meaning or value:
            code.CodeMeaning = {"own": own, "other": other}.get(meaning, meaning)
        if agent:
            _item(dataset).Radiopharmaceutical = agent

    edit(getattr(spoil, which), change)
    if outcome == "refused":
        with pytest.raises(InputError, match=rf"code and its meaning are two nuclides.*{own}.*{other}.*0054,0300"):
            read_study(spoil.folder)
        return
    study = read_study(spoil.folder)
    assert {v.nuclide for v in study.volumes if v.modality == ("PT" if which == "pet" else "NM")} == {own}
    said = [w for w in study.warnings if "radionuclide" in w]
    assert len(said) == bool(outcome)
    assert not outcome or (outcome in said[0] and own in said[0] and (value or agent) in said[0])


@pytest.mark.parametrize(
    ("text", "nuclide"),
    [
        ("I-131 mIBG", "I-131"), ("Y-90 microspheres", "Y-90"), ("131I-MIBG", "I-131"), ("^99m^Technetium", "Tc-99m"), ("Tc-99m", "Tc-99m"),
        ("[18F]AlF-NOTATATE", "F-18"), ("18FDG", "F-18"), ("[177Lu]Lu-DOTA-TATE", "Lu-177"), ("Lutetium^177^ DOTATATE", "Lu-177"),
        ("F-18 PSMA-1007", "F-18"), ("Lu-PSMA-617", None), ("DOTATATE", None), ("Cu64 SARTATE", "Cu-64"), ("DOTATATE 68Ga", "Ga-68"),
        ("PSMA-617 Lu-177", "Lu-177"), ("177Lu 7400 MBq", "Lu-177"), ("Octreotide 1 Tc-99m", "Tc-99m"),
    ],
)  # fmt: skip
def test_a_nuclide_in_words(text, nuclide) -> None:  # type: ignore[no-untyped-def]
    """The m of a word after the number is no metastable state."""
    assert nuclide_name(text) == nuclide


@pytest.mark.parametrize(
    ("agent", "says"),
    [("LUTATHERA", "Lu-177"), ("Pluvicto", "Lu-177"), ("Lu DOTATATE", "says Lu"), ("Octreoscan", ""), ("pentetreotide", "")],
)
def test_a_preset_of_another_nuclide_is_told_by_the_agents_name(spoil, edit, agent, says) -> None:  # type: ignore[no-untyped-def]
    """The camera's preset was left at 111In: half-life and dose were those of 111In without a word."""

    def preset(dataset: pydicom.Dataset) -> None:
        item = _item(dataset)
        item.RadionuclideCodeSequence[0].CodeValue, item.RadionuclideCodeSequence[0].CodeMeaning = "21576001", "^111^Indium"
        item.Radiopharmaceutical = agent
        item.pop("RadionuclideHalfLife", None)
        item.pop("RadiopharmaceuticalCodeSequence", None)

    edit(spoil.spect, preset)
    said = [w for w in read_study(spoil.folder).warnings if "agent's name" in w]
    assert len(said) == bool(says)
    assert not says or ("In-111 by its code" in said[0] and says in said[0])


@pytest.mark.parametrize(
    ("windows", "told"),
    [([(187.2, 228.8)], False), ([(101.7, 124.3)], False), ([(150.0, 180.0), (187.2, 228.8)], False), ([(126.0, 154.0)], True),
     ([(154.0, 188.0), (220.0, 270.0)], True), ([], False)],
)  # fmt: skip
def test_energy_windows_that_hold_no_line_of_the_nuclide_are_said(spoil, edit, windows, told) -> None:  # type: ignore[no-untyped-def]
    """177Lu shines at 113 and 208 keV (ENSDF); the last two are the windows of 99mTc and of 111In."""

    def change(dataset: pydicom.Dataset) -> None:
        items = []
        for low, high in windows:
            window, limits = Dataset(), Dataset()
            limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = f"{low}", f"{high}"
            window.EnergyWindowRangeSequence = Sequence([limits])
            items.append(window)
        dataset.EnergyWindowInformationSequence = Sequence(items)

    edit(spoil.spect, change)
    assert any("no gamma line of Lu-177" in w and "113" in w and "208" in w for w in read_study(spoil.folder).warnings) == told
