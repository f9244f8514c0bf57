"""Law of time: the day of an injection is stated or proven, never guessed, and images of two injections are never one curve."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pydicom
import pytest

from neorlt.core.errors import InputError
from neorlt.dicom.identity import make_uid
from neorlt.dicom.read import read_study

T0 = datetime(2026, 3, 2, 9, 0)


def _item(dataset: pydicom.Dataset) -> Any:
    return dataset.RadiopharmaceuticalInformationSequence[0]


def _bare(dataset: pydicom.Dataset) -> None:
    del _item(dataset).RadiopharmaceuticalStartDateTime


def _moved(days: int, hours: int = 0) -> Any:
    """Move the acquisition, not the injection."""

    def edit(dataset: pydicom.Dataset) -> None:
        for stem in ("Acquisition", "Series", "Content", "Study"):
            if f"{stem}Date" in dataset:
                time = datetime.strptime(dataset[f"{stem}Date"].value + dataset[f"{stem}Time"].value[:6], "%Y%m%d%H%M%S")
                time += timedelta(days=days, hours=hours)
                setattr(dataset, f"{stem}Date", time.strftime("%Y%m%d"))
                setattr(dataset, f"{stem}Time", time.strftime("%H%M%S"))

    return edit


def test_a_bare_time_of_day_is_not_dated(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, _bare)
    with pytest.raises(InputError, match=r"day of the injection is not known.*--injected-at"):
        read_study(spoil.folder)


@pytest.mark.parametrize("days", [0, 1, 2])
def test_a_first_spect_on_a_later_day_takes_the_stated_injection(spoil, edit, days) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, _bare)
    edit(spoil.spect, _moved(days))
    study = read_study(spoil.folder, injected_at=[T0])
    assert study.therapy_administration().time == T0
    assert study.therapy_images()[0].time == T0 + timedelta(days=days, hours=4)


def test_another_object_proves_the_day(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect[1], _bare)
    study = read_study(spoil.folder)
    assert study.therapy_administration().time == T0
    assert any("proven by another object" in w for w in study.warnings)


@pytest.mark.parametrize(("keyword", "value"), [("PatientIdentityRemoved", "YES"), ("LongitudinalTemporalInformationModified", "MODIFIED")])
def test_a_moved_file_with_a_bare_time_proves_nothing(spoil, edit, keyword, value) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        _bare(dataset)
        setattr(dataset, keyword, value)

    edit(spoil.spect[1], change)
    with pytest.raises(InputError, match="de-identified"):
        read_study(spoil.folder)
    assert read_study(spoil.folder, injected_at=[T0]).therapy_administration().time == T0


def test_dates_that_moved_without_the_bare_time(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, lambda d: setattr(_item(d), "RadiopharmaceuticalStartTime", "140000"))
    with pytest.raises(InputError, match="two times of injection contradict"):
        read_study(spoil.folder)


@pytest.mark.parametrize("which", ["pet", "spect"])
@pytest.mark.parametrize(
    ("zone", "full", "bare", "refused"),
    [
        ("+0100", "20260302080000+0000", "090000", ""),
        ("+0100", "20260302090000+0100", "090000", ""),
        ("-0500", "20260302140000+0000", "090000", ""),
        ("+0100", "20260302090000+0000", "090000", "contradict"),
        ("", "20260302090000+0100", "090000", ""),
        ("", "20260302080000+0000", "090000", "contradict"),
    ],
)
def test_a_time_of_injection_that_states_its_zone(spoil, edit, which, zone, full, bare, refused) -> None:  # type: ignore[no-untyped-def]
    """The bare time is on the clock of the file; an hour's difference is nearly twice the SUV of 68Ga."""
    truth = [v.array for v in read_study(spoil.folder).volumes]

    def change(dataset: pydicom.Dataset) -> None:
        _item(dataset).RadiopharmaceuticalStartTime, _item(dataset).RadiopharmaceuticalStartDateTime = bare, full
        if zone:
            dataset.TimezoneOffsetFromUTC = zone

    edit(getattr(spoil, which), change)
    if refused:
        with pytest.raises(InputError, match=refused):
            read_study(spoil.folder)
        return
    study = read_study(spoil.folder)
    assert [a.time for a in study.administrations] == [T0, T0]
    assert all((v.array == t).all() for v, t in zip(study.volumes, truth, strict=True))


def test_a_zone_of_the_injection_alone_dates_no_pet(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        del _item(dataset).RadiopharmaceuticalStartTime
        _item(dataset).RadiopharmaceuticalStartDateTime = "20260302080000+0000"

    edit(spoil.pet, change)
    with pytest.raises(InputError, match=r"states its time zone and the image does not.*08:00\+0000.*0018,1078.*injection_time"):
        read_study(spoil.folder)


@pytest.mark.parametrize("full", ["20260302080000+0000", "20260302090000+0100"])
def test_a_zone_of_the_injection_alone_dates_no_spect(spoil, edit, full) -> None:  # type: ignore[no-untyped-def]
    """An explicit offset is no local time; a zone anywhere in the study, or a moment that the user states, settles it."""

    def change(dataset: pydicom.Dataset) -> None:
        del _item(dataset).RadiopharmaceuticalStartTime
        _item(dataset).RadiopharmaceuticalStartDateTime = full

    edit(spoil.spect, change)
    with pytest.raises(InputError, match=r"states its time zone and the image does not.*\+0[01]00.*0018,1078.*--injected-at"):
        read_study(spoil.folder)
    assert read_study(spoil.folder, injected_at=[T0]).therapy_administration().time == T0
    edit(spoil.pet, lambda d: setattr(d, "TimezoneOffsetFromUTC", "+0100"))
    assert read_study(spoil.folder).therapy_administration().time == T0


@pytest.mark.parametrize("stated", ["20260302090000", "20260302070000+0000", "20260302090000+0200"])
def test_a_day_is_proven_across_time_zones(spoil, edit, stated) -> None:  # type: ignore[no-untyped-def]
    """The baseline PET was in winter (+0100), the therapy in summer (+0200): its bare time is on the clock of summer."""

    def change(dataset: pydicom.Dataset) -> None:
        dataset.TimezoneOffsetFromUTC = "+0200"
        _item(dataset).RadiopharmaceuticalStartDateTime = stated

    edit(spoil.pet, lambda d: setattr(d, "TimezoneOffsetFromUTC", "+0100"))
    edit(spoil.spect, change)
    edit(spoil.spect[1], _bare)
    study = read_study(spoil.folder)
    hours = [(v.time - study.therapy_administration().time) / timedelta(hours=1) for v in study.therapy_images()]
    assert hours == [4.0, 96.0]
    assert len([a for a in study.administrations if a.nuclide == "Lu-177"]) == 1


@pytest.mark.parametrize(
    ("kind", "at", "fits"),
    [
        ("START", "20260302100000", True),
        ("START", "20260302090000", False),
        ("ADMIN", "20260302090000", True),
        ("ADMIN", "20260302100000", False),
        # the file's clock is an hour ahead of UTC
        ("START", "20260302090000+0000", True),
        ("START", "20260302100000+0100", True),
        ("START", "20260302100000+0000", False),
        ("ADMIN", "20260302080000+0000", True),
        ("ADMIN", "20260302090000+0000", False),
    ],
)
def test_a_pet_whose_moment_of_decay_correction_is_stated_twice(spoil, edit, kind, at, fits) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        dataset.DecayCorrection, dataset.DecayCorrectionDateTime = kind, at
        if "+" in at:
            dataset.TimezoneOffsetFromUTC = "+0100"

    edit(spoil.pet, change)
    if fits:
        assert read_study(spoil.folder).pet_images()
        return
    with pytest.raises(InputError, match=r"contradicts itself about decay correction.*0018,9701"):
        read_study(spoil.folder)


@pytest.mark.parametrize("brighter", [1.0, 1.2])
def test_two_reconstructions_of_one_pet_are_said(spoil, edit, brighter) -> None:  # type: ignore[no-untyped-def]
    """Rows of one time and two values; the same image again is a copy and is counted once."""
    for path in spoil.pet:
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = make_uid("again"), make_uid("again", path.name)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * brighter:.14g}"
        dataset.save_as(path.with_name(f"again_{path.name}"))
    study = read_study(spoil.folder)
    said = [w for w in study.warnings if w.startswith("2 PET images of Ga-68 show one moment, 2026-03-02 10:00")]
    assert (len(study.pet_images()), len(said)) == ((1, 0) if brighter == 1.0 else (2, 1))


@pytest.mark.parametrize("minutes", [3, 60, 600])
def test_two_times_of_one_injection_are_no_cycles(spoil, edit, minutes) -> None:  # type: ignore[no-untyped-def]
    """--cycle or --cumulate would halve or double the dose of one injection that was typed in twice."""
    later = T0 + timedelta(minutes=minutes)

    def change(dataset: pydicom.Dataset) -> None:
        _item(dataset).RadiopharmaceuticalStartTime = later.strftime("%H%M%S")
        _item(dataset).RadiopharmaceuticalStartDateTime = later.strftime("%Y%m%d%H%M%S")

    edit(spoil.spect[1], change)
    with pytest.raises(InputError, match="less than a day apart") as refused:
        read_study(spoil.folder).therapy_administration()
    assert "--injected-at" in str(refused.value) and "--cycle" not in str(refused.value)
    assert read_study(spoil.folder, injected_at=[T0]).therapy_administration().time == T0


def _second_cycle(spoil: Any, edit: Any, *, stated: bool, days: int = 56) -> None:
    """The second SPECT becomes one of a later cycle."""

    def change(dataset: pydicom.Dataset) -> None:
        _moved(days - 4, 4)(dataset)
        if stated:
            _item(dataset).RadiopharmaceuticalStartDateTime = (T0 + timedelta(days=days)).strftime("%Y%m%d%H%M%S")

    edit(spoil.spect[1], change)


def test_two_stated_cycles_are_two_injections(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    _second_cycle(spoil, edit, stated=True)
    study = read_study(spoil.folder)
    assert [a.time for a in study.administrations if a.nuclide == "Lu-177"] == [T0, T0 + timedelta(days=56)]
    with pytest.raises(InputError, match="two cycles|2 injections"):
        study.therapy_administration()
    one, two = study.cycles()
    assert one.therapy_administration().time == T0
    assert two.therapy_administration().time == T0 + timedelta(days=56)
    assert [len(s.therapy_images()) for s in (one, two)] == [1, 1]


@pytest.mark.parametrize("days", [35, 56, 84])
def test_a_spect_of_a_later_cycle_under_one_stated_injection_is_refused(spoil, edit, days) -> None:  # type: ignore[no-untyped-def]
    _second_cycle(spoil, edit, stated=False, days=days)
    with pytest.raises(InputError, match="another cycle"):
        read_study(spoil.folder)
    edit(spoil.spect, _bare)
    with pytest.raises(InputError, match="another cycle"):
        read_study(spoil.folder, injected_at=[T0])
    study = read_study(spoil.folder, injected_at=[T0, T0 + timedelta(days=days)])
    assert len(study.cycles()) == 2


def test_two_activities_of_one_injection(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect[1], lambda d: setattr(_item(d), "RadionuclideTotalDose", "7000"))
    with pytest.raises(InputError, match="different activities"):
        read_study(spoil.folder)


@pytest.mark.parametrize(
    ("code", "meaning", "half_life"),
    [("14691008", "^90^Yttrium", "230796"), ("3932008", "^64^Copper", "45720"), ("", "^89^Zirconium", "282276")],
)
def test_a_pet_of_a_nuclide_of_days_needs_the_day(spoil, edit, code, meaning, half_life) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        item = _item(dataset)
        item.RadionuclideCodeSequence[0].CodeValue, item.RadionuclideCodeSequence[0].CodeMeaning = code, meaning
        item.RadionuclideHalfLife, item.Radiopharmaceutical = half_life, "DOTATATE"
        item.pop("RadiopharmaceuticalCodeSequence", None)
        _bare(dataset)

    edit(spoil.pet, change)
    with pytest.raises(InputError, match="day of the injection is not known"):
        read_study(spoil.folder)


def test_a_suv_in_the_file_needs_no_injection(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    truth = read_study(spoil.folder).pet_images()[0].array
    for when in ("20260303090000", "20250302090000", "20260302101500"):

        def change(dataset: pydicom.Dataset, when: str = when) -> None:
            dataset.Units, dataset.SUVType = "GML", "BW"
            _item(dataset).RadiopharmaceuticalStartDateTime = when

        edit(spoil.pet, change)
        study = read_study(spoil.folder)
        assert study.pet_images()[0].array == pytest.approx(truth)
        assert any("not needed, the file holds SUV" in w for w in study.warnings)


@pytest.mark.parametrize("years", [-1, 1, -100])
@pytest.mark.parametrize("which", ["pet", "spect", "ct"])
@pytest.mark.parametrize("keyword", ["AcquisitionDate", "SeriesDate", "StudyDate"])
def test_a_date_a_year_off_is_a_sentence(spoil, edit, which, keyword, years) -> None:  # type: ignore[no-untyped-def]
    """7a47d7c: a traceback, or a curve that began a year off without a word."""

    def change(dataset) -> None:  # type: ignore[no-untyped-def]
        if value := dataset.get(keyword):
            setattr(dataset, keyword, f"{int(value[:4]) + years:04d}{value[4:]}")

    try:
        before = read_study(spoil.folder)
        edit(getattr(spoil, which), change)
        after = read_study(spoil.folder)
    except InputError as error:
        assert error.remedy
        return
    therapy = [(v.time - after.therapy_administration().time).total_seconds() / 3600 for v in after.therapy_images() if v.time is not None]
    truth = [(v.time - before.therapy_administration().time).total_seconds() / 3600 for v in before.therapy_images() if v.time is not None]
    assert therapy == truth or set(after.warnings) - set(before.warnings)


@pytest.mark.parametrize("apart_s", [0, 30, 600])
def test_the_time_of_the_scan_in_the_place_of_the_injections(spoil, edit, apart_s) -> None:  # type: ignore[no-untyped-def]
    """Typed in at the camera when the scan began, as the camera proposes it: the images would lie at 0 h."""

    def change(dataset: pydicom.Dataset) -> None:
        start = datetime.strptime(dataset.AcquisitionDate + dataset.AcquisitionTime[:6], "%Y%m%d%H%M%S") - timedelta(seconds=apart_s)
        item = _item(dataset)
        item.RadiopharmaceuticalStartTime, item.RadiopharmaceuticalStartDateTime = f"{start:%H%M%S}", f"{start:%Y%m%d%H%M%S}"

    edit(spoil.spect[0], change)
    if apart_s < 60:
        with pytest.raises(InputError, match=r"time of injection is that of the scan.*--injected-at"):
            read_study(spoil.folder)
    else:
        assert read_study(spoil.folder).therapy_images()
    assert read_study(spoil.folder, injected_at=[T0]).therapy_administration().time == T0
