"""Law of scale: whatever stands between a stored number and activity at a moment is used, named as unused, or refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from neorlt.core.errors import InputError
from neorlt.dicom.read import read_study
from neorlt.dicom.write_nm import SCALE

CPS, SECONDS, HALF_LIFE_H = 10.0, 1200.0, 6.6443 * 24.0
Edit = Callable[[pydicom.Dataset], object]


def calibrate(folder: Path, extra: str = "") -> None:
    (folder / "calibration.toml").write_text(
        f'cps_per_mbq = {CPS}\nrelative_sd = 0.05\nnuclide = "Lu-177"\nsource = "a phantom"\n{extra}'
    )


def unit_map(slope: float, code: str, intercept: float = 0.0) -> Dataset:
    item, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = code, "UCUM", code
    item.MeasurementUnitsCodeSequence = Sequence([unit])
    item.add_new(0x00409216, "US", 0)
    item.add_new(0x00409211, "US", 65535)
    item.RealWorldValueIntercept, item.RealWorldValueSlope = intercept, slope
    return item


def counts(change: Edit | None = None) -> Edit:
    """Turn an object into counts, then change it."""

    def edit(dataset: pydicom.Dataset) -> None:
        for name in SCALE:
            delattr(dataset, name)
        if change is not None:
            change(dataset)

    return edit


def rescaled(slope: str, intercept: str = "0") -> Edit:
    def edit(dataset: pydicom.Dataset) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept

    return edit


def mapped(*items: Dataset) -> Edit:
    return lambda d: setattr(d, "RealWorldValueMappingSequence", Sequence(items))


def second_bed(traverse: str | None, factor: float = 1.0) -> Edit:
    def edit(dataset: pydicom.Dataset) -> None:
        first = dataset.RotationInformationSequence[0]
        second = copy.deepcopy(first)
        if traverse is not None:
            first.TableTraverse, second.TableTraverse = "0", traverse
        second.ActualFrameDuration = int(second.ActualFrameDuration * factor)
        dataset.RotationInformationSequence.append(second)

    return edit


def _values(made: Any) -> np.ndarray[Any, Any]:
    return read_study(made.folder).therapy_images()[0].array


def _stored(path: Path) -> np.ndarray[Any, Any]:
    return np.transpose(pydicom.dcmread(path).pixel_array.astype(float), (2, 1, 0))


PER_COUNT = 1e6 / (CPS * SECONDS * 0.09)  # Bq/ml of one count in a voxel of 4 x 4.5 x 5 mm


@pytest.mark.parametrize(
    ("change", "counts_of", "seconds"),
    [
        (lambda d: None, lambda s: s, SECONDS),
        (rescaled("0.05"), lambda s: 0.05 * s, SECONDS),
        (rescaled("0.5", "3"), lambda s: 0.5 * s + 3, SECONDS),
        (mapped(unit_map(0.05, "{counts}")), lambda s: 0.05 * s, SECONDS),
        (mapped(unit_map(2.0, "{counts}", 1.0)), lambda s: 2.0 * s + 1.0, SECONDS),
        (mapped(unit_map(0.001, "{counts}/s")), lambda s: 0.001 * s, 1.0),
        (lambda d: (rescaled("0.05")(d), mapped(unit_map(0.05, "{counts}"))(d)), lambda s: 0.05 * s, SECONDS),
        (second_bed("390"), lambda s: s, SECONDS),
        (second_bed("0"), lambda s: s, 2 * SECONDS),  # the same bed twice: every voxel was seen for twice the time
    ],
)
def test_the_scale_to_counts_stands_before_the_calibration(spoil, edit, change, counts_of, seconds) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, counts(change))
    calibrate(spoil.folder)
    truth = counts_of(_stored(spoil.spect[0])) * PER_COUNT * SECONDS / seconds
    assert _values(spoil) == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: (rescaled("0.05")(d), mapped(unit_map(0.1, "{counts}"))(d)), "contradict"),
        (mapped(unit_map(0.05, "1")), "no activity"),
        (mapped(unit_map(0.05, "g/ml{SUVbw}")), "no activity"),
        (rescaled("-1"), "slope must be above 0"),
        (lambda d: setattr(d, "Units", "GML"), "no scale to activity"),
        (second_bed(None), "do not say which bed"),
        (second_bed("390", 2.0), "different times"),
        (lambda d: delattr(d, "RotationInformationSequence"), "duration of the acquisition"),
    ],
)
def test_a_scale_that_cannot_be_followed_is_refused(spoil, edit, change, problem) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, counts(change))
    calibrate(spoil.folder)
    with pytest.raises(InputError, match=problem):
        read_study(spoil.folder)


def yttrium(dataset: pydicom.Dataset) -> None:
    """A bremsstrahlung SPECT of 90Y (SNOMED 14691008)."""
    item = dataset.RadiopharmaceuticalInformationSequence[0]
    code = item.RadionuclideCodeSequence[0]
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "14691008", "SCT", "^90^Yttrium"
    item.Radiopharmaceutical = "90Y-DOTATATE"


def test_bremsstrahlung_with_a_scale_is_read_and_named(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    before = _values(spoil)
    edit(spoil.spect[0], yttrium)
    spoil.spect[1].unlink()
    study = read_study(spoil.folder)
    assert [v.nuclide for v in study.therapy_images()] == ["Y-90"]
    assert study.therapy_images()[0].array == pytest.approx(before)
    assert any("bremsstrahlung" in w and "measured with Y-90" in w for w in study.warnings)


def test_bremsstrahlung_in_counts_needs_its_own_calibration(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    spoil.spect[1].unlink()
    edit(spoil.spect[0], counts(yttrium))
    with pytest.raises(InputError, match="no scale to activity"):
        read_study(spoil.folder)
    calibrate(spoil.folder)
    with pytest.raises(InputError, match="for another nuclide"):
        read_study(spoil.folder)
    (spoil.folder / "calibration.toml").write_text(f'cps_per_mbq = {CPS}\nrelative_sd = 0.1\nnuclide = "Y-90"\nsource = "a 90Y phantom"\n')
    study = read_study(spoil.folder)
    assert study.therapy_images()[0].array == pytest.approx(_stored(spoil.spect[0]) * PER_COUNT, rel=1e-5)
    assert any("bremsstrahlung" in w for w in study.warnings)


def test_a_lutetium_spect_is_no_bremsstrahlung(made) -> None:  # type: ignore[no-untyped-def]
    assert not any("bremsstrahlung" in w for w in read_study(made.folder).warnings)


def private(creator: str, group: int, **values: tuple[int, str, object]) -> Edit:
    def edit(dataset: pydicom.Dataset) -> None:
        block = dataset.private_block(group, creator, create=True)
        for element, kind, value in values.values():
            block.add_new(element, kind, value)

    return edit


GE = private("GEMS_GENIE_1", 0x0011, scale=(0x3B, "FD", 4.0))
CAMERAS = [
    (GE, lambda s: 4.0 * s),
    (private("GEMS_GENIE_1", 0x0011, scale=(0x3B, "FD", 0.25), offset=(0x3C, "FD", 2.0)), lambda s: 0.25 * s + 2.0),
    (private("GEMS_GENIE_1", 0x0011, scale=(0x3B, "DS", "4.0")), lambda s: 4.0 * s),
    (private("GEMS_GENIE_1", 0x0011, scale=(0x3B, "UN", np.float64(2.5).tobytes())), lambda s: 2.5 * s),
    (private("SIEMENS MED NM", 0x0033, scale=(0x38, "FL", 8.0)), lambda s: s / 8.0),
]


@pytest.mark.parametrize(("change", "counts_of"), CAMERAS)
def test_a_cameras_private_factor_is_asked_for_and_then_counts(spoil, edit, change, counts_of) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, counts(change))
    calibrate(spoil.folder)
    with pytest.raises(InputError, match="private attribute") as refused:
        read_study(spoil.folder)
    assert 'pixel_scale = "apply"' in str(refused.value)
    calibrate(spoil.folder, 'pixel_scale = "apply"\n')
    assert _values(spoil) == pytest.approx(counts_of(_stored(spoil.spect[0])) * PER_COUNT, rel=1e-5)
    assert any(row.step == "private scale" and row.source == "header" for row in read_study(spoil.folder).ledger)
    calibrate(spoil.folder, 'pixel_scale = "ignore"\n')
    assert _values(spoil) == pytest.approx(_stored(spoil.spect[0]) * PER_COUNT, rel=1e-5)
    assert any(row.step == "private scale" and row.source == "header, not used" for row in read_study(spoil.folder).ledger)


@pytest.mark.parametrize(
    "change",
    [
        private("GEMS_GENIE_1", 0x0011, scale=(0x3B, "FD", 1.0)),
        private("SIEMENS MED NM", 0x0033, scale=(0x38, "FL", 1.0)),
        lambda d: (GE(d), mapped(unit_map(0.05, "{counts}"))(d)),  # a standard scale leads
    ],
)
def test_a_private_factor_that_changes_nothing_is_not_asked_for(spoil, edit, change) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, counts(change))
    calibrate(spoil.folder)
    assert _values(spoil).max() > 0


@pytest.mark.parametrize("value", ["nan", "-2", "0", "abc"])
def test_a_private_factor_that_is_none_is_refused(spoil, edit, value) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, counts(private("GEMS_GENIE_1", 0x0011, scale=(0x3B, "LO", value))))
    calibrate(spoil.folder, 'pixel_scale = "apply"\n')
    with pytest.raises(InputError, match="no number above 0"):
        read_study(spoil.folder)


@pytest.mark.parametrize("change", [lambda d: delattr(d, "RotationInformationSequence"), second_bed(None), second_bed("390", 2.0)])
def test_seconds_can_be_stated(spoil, edit, change) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, counts(change))
    calibrate(spoil.folder, "seconds = 600\n")
    assert _values(spoil) == pytest.approx(_stored(spoil.spect[0]) * PER_COUNT * SECONDS / 600.0, rel=1e-5)


def test_seconds_that_differ_from_the_header_are_said(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, counts())
    calibrate(spoil.folder, "seconds = 600\n")
    assert any("600 s" in w and "1200 s" in w for w in read_study(spoil.folder).warnings)


def test_a_rescale_beside_a_map_to_activity_is_said(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    truth = _values(spoil)
    edit(spoil.spect, rescaled("0.05"))
    study = read_study(spoil.folder)
    assert np.array_equal(study.therapy_images()[0].array, truth)
    assert any("Rescale Slope 0.05" in w for w in study.warnings)


@pytest.mark.parametrize(
    ("kind", "corrected", "hours"),
    [("START", ["ATTN", "DECY"], 4.0), ("ADMIN", ["ATTN", "DECY"], 0.0), ("", ["ATTN", "DECY"], 4.0)],
)
def test_values_hold_for_the_moment_that_the_decay_correction_names(spoil, edit, kind, corrected, hours) -> None:  # type: ignore[no-untyped-def]
    """Values of the injection are brought to the acquisition: a curve needs what was there."""
    truth = _values(spoil) * 2.0 ** (-(4.0 - hours) / HALF_LIFE_H)

    def change(dataset: pydicom.Dataset) -> None:
        dataset.CorrectedImage = corrected
        if kind:
            dataset.DecayCorrection = kind

    edit(spoil.spect, change)
    study = read_study(spoil.folder)
    assert study.therapy_images()[0].array == pytest.approx(truth, rel=1e-4)
    assert study.therapy_images()[0].time == study.therapy_administration().time + timedelta(hours=4)


@pytest.mark.parametrize("kind", ["", "ADMIN"])
@pytest.mark.parametrize("zone", ["", "+0100"])
@pytest.mark.parametrize("before_h", [4.0, 1.5, 0.0, -20.0])
def test_values_that_hold_for_a_stated_moment_are_brought_to_the_start(spoil, edit, kind, zone, before_h) -> None:  # type: ignore[no-untyped-def]
    """As where all images of a cycle are decayed to the injection (4 h before), or to the first or the last of them (0018,9701)."""
    image = read_study(spoil.folder).therapy_images()[0]
    first, truth = image.time, image.array * 2.0 ** (-before_h / HALF_LIFE_H)

    def change(dataset: pydicom.Dataset) -> None:
        dataset.CorrectedImage = ["ATTN", "DECY"]
        dataset.DecayCorrectionDateTime = f"{first - timedelta(hours=before_h):%Y%m%d%H%M%S}"
        if zone:
            dataset.TimezoneOffsetFromUTC = zone
        if kind:
            dataset.DecayCorrection = kind

    edit(spoil.spect, change)
    if kind and before_h != 4.0:
        with pytest.raises(InputError, match=r"contradicts itself about decay correction.*0018,9701"):
            read_study(spoil.folder)
        return
    image = read_study(spoil.folder).therapy_images()[0]
    assert image.array == pytest.approx(truth, rel=1e-4)
    assert any(row.tag.endswith("(0018,9701)") for row in image.ledger)


def test_a_start_that_is_another_moment_is_refused(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        dataset.CorrectedImage, dataset.DecayCorrection = ["ATTN", "DECY"], "START"
        dataset.DecayCorrectionDateTime = "20200101120000"

    edit(spoil.spect[0], change)
    with pytest.raises(InputError, match=r"contradicts itself about decay correction.*0018,9701"):
        read_study(spoil.folder)


@pytest.mark.parametrize(("hours", "fits"), [(0.3, True), (24.0, False), (96.0, False)])
def test_a_decay_factor_too_large_for_the_start_is_refused(spoil, edit, hours, fits) -> None:  # type: ignore[no-untyped-def]
    """DECY alone means the start; a factor of a day or more shows values that were decayed to the injection."""
    truth = _values(spoil)

    def change(dataset: pydicom.Dataset) -> None:
        dataset.CorrectedImage, dataset.DecayFactor = ["ATTN", "DECY"], f"{2.0 ** (hours / HALF_LIFE_H):.8f}"

    edit(spoil.spect, change)
    if fits:
        assert np.array_equal(_values(spoil), truth)
    else:
        with pytest.raises(InputError, match=r"decay factor does not fit.*0054,1321"):
            read_study(spoil.folder)


def test_a_moment_of_decay_correction_without_one_is_said(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        dataset.CorrectedImage, dataset.DecayCorrectionDateTime = ["ATTN"], "20200101120000"

    edit(spoil.spect, change)
    assert any("(0018,9701)" in w and "not used" in w for w in read_study(spoil.folder).warnings)


@pytest.mark.parametrize("keyword", ["LUTExplanation", "LUTLabel"])
@pytest.mark.parametrize(
    ("words", "kind", "outcome"),
    [
        ("decay to inject.", "ADMIN", ""),
        ("decay to inject.", "START", "refused"),
        ("decay to inject.", "", "refused"),
        ("decay to start", "START", ""),
        ("decay to start", "ADMIN", "refused"),
        ("decay to start", "", "said"),
        ("no decay corr.", "", ""),
        ("no decay corr.", "START", "said"),
        ("act. at start", "ADMIN", ""),  # no word of decay
    ],
)
def test_words_about_decay_that_contradict_the_header(spoil, edit, keyword, words, kind, outcome) -> None:  # type: ignore[no-untyped-def]
    """Some exports tell the moment of decay correction in the map's words alone; a cycle lasts days, the injection counts double."""

    def change(dataset: pydicom.Dataset) -> None:
        setattr(dataset.RealWorldValueMappingSequence[0], keyword, words)
        dataset.CorrectedImage = ["ATTN", "DECY"] if kind else ["ATTN"]
        if kind:
            dataset.DecayCorrection = kind

    edit(spoil.spect, change)
    if outcome == "refused":
        with pytest.raises(InputError, match=rf"words beside the scale and the header differ.*{words}.*0054,1102"):
            read_study(spoil.folder)
        return
    assert any("words beside the scale" in w and words in w for w in read_study(spoil.folder).warnings) == (outcome == "said")


@pytest.mark.parametrize(("kind", "corrected"), [("NONE", ["ATTN", "DECY"]), ("START", ["ATTN"]), ("ADMIN", ["SCAT"]), ("SOME", ["ATTN"])])
def test_two_statements_of_decay_correction_that_contradict(spoil, edit, kind, corrected) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        dataset.CorrectedImage, dataset.DecayCorrection = corrected, kind

    edit(spoil.spect[0], change)
    with pytest.raises(InputError, match=r"contradicts itself.*0054,1102"):
        read_study(spoil.folder)


def test_missing_attenuation_correction_of_a_spect_is_said(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect, lambda d: setattr(d, "CorrectedImage", ["SCAT", "DECY"]))
    assert any("attenuation" in w for w in read_study(spoil.folder).warnings)


@pytest.mark.parametrize(
    ("which", "keyword", "value", "problem"),
    [
        ("pet", "BitsStored", 12, "High Bit"),
        ("pet", "HighBit", 7, "High Bit"),
        ("spect", "BitsStored", 8, "High Bit"),
        ("pet", "RescaleSlope", "-1", "rescale slope"),
        ("pet", "RescaleIntercept", "1e9", "intercept of a PET"),
        ("ct", "RescaleSlope", "-1", "rescale slope"),
        ("pet", "PixelSpacing", [80, 80], "size of a pixel"),
        ("spect", "SpacingBetweenSlices", "700", "distance of two slices"),
        ("spect", "SpacingBetweenSlices", "1e308", "distance of two slices"),
        ("spect", "PixelSpacing", [1e-9, 1e-9], "size of a pixel"),
        ("pet", "PixelSpacing", [1e-9, 1e-9], "size of a pixel"),
        ("pet", "CountsSource", "TRANSMISSION", "transmission"),
        ("pet", "SeriesType", ["WHOLE BODY", "REPROJECTION"], "projections of a volume"),
        ("pet", "SeriesType", ["GATED", "IMAGE"], "gates"),
        ("pet", "QualityControlImage", "YES", "quality control"),
    ],
)
def test_what_no_scanner_states_is_refused(spoil, edit, which, keyword, value, problem) -> None:  # type: ignore[no-untyped-def]
    edit(getattr(spoil, which), lambda d: setattr(d, keyword, value))
    with pytest.raises(InputError, match=problem):
        read_study(spoil.folder)


@pytest.mark.parametrize(("stored", "high"), [(12, 11), (8, 7)])
@pytest.mark.parametrize("which", ["pet", "spect"])
def test_values_above_bits_stored_are_refused(spoil, edit, which, stored, high) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        dataset.BitsStored, dataset.HighBit = stored, high

    edit(getattr(spoil, which), change)
    with pytest.raises(InputError, match="more bits than the header says"):
        read_study(spoil.folder)


@pytest.mark.parametrize(("age", "size", "weight"), [("066Y", "1.7", "7"), ("066Y", None, "7"), (None, "1.7", "7"), ("030Y", "1.8", "500")])
def test_a_weight_that_does_not_fit_the_person(spoil, edit, age, size, weight) -> None:  # type: ignore[no-untyped-def]
    def change(dataset: pydicom.Dataset) -> None:
        dataset.PatientWeight = weight
        for keyword, value in (("PatientAge", age), ("PatientSize", size)):
            if value is None:
                dataset.pop(keyword, None)
            else:
                setattr(dataset, keyword, value)

    edit([*spoil.pet, *spoil.ct, *spoil.spect, spoil.rtstruct], change)
    with pytest.raises(InputError, match="weight"):
        read_study(spoil.folder)


def test_missing_scatter_correction_of_a_spect_is_said(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    assert not any("scatter" in w for w in read_study(spoil.folder).warnings)
    edit(spoil.spect, lambda d: setattr(d, "CorrectedImage", ["ATTN", "DECY"]))
    assert any("scatter" in w and "(0028,0051)" in w for w in read_study(spoil.folder).warnings)
