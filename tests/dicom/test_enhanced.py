"""Enhanced (multi-frame) CT and PET give the numbers of their single slices, or are refused by name.

Legacy conversions are made by highdicom; Enhanced PET (PS3.3 A.56) is written here from the standard's modules. The truth is the
same study in single slices, and the volume that both were made of.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedPETImage
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedPETImageStorage,
    ExplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

from neorlt.core.errors import InputError
from neorlt.dicom.read import read_study
from neorlt.imaging.study import Study
from neorlt.imaging.suv import suv_images

T0 = datetime(2026, 3, 2, 9, 0)
GIVEN_MBQ = 150.0
HALF_LIFE_S = 67.71 * 60.0
TAKEN = T0 + timedelta(hours=1)
FRAME_S = 180.0


def converted(paths: list[Path], to: Path, maker: type, syntax: str | None = None) -> None:
    """Put one multi-frame file in the place of single slices."""
    slices = [pydicom.dcmread(p) for p in paths]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = maker(slices, generate_uid(), 40, generate_uid(), 1, transfer_syntax_uid=syntax or ExplicitVRLittleEndian)
    for path in paths:
        path.unlink()
    made.save_as(to)


def same(one: Study, other: Study) -> None:
    """Images, times, injections and weights agree; SUV to a part in a million."""
    for a, b in zip(one.volumes, other.volumes, strict=True):
        assert (a.modality, a.unit, a.nuclide, a.time) == (b.modality, b.unit, b.nuclide, b.time)
        np.testing.assert_allclose(a.grid.affine, b.grid.affine, atol=1e-6)
        np.testing.assert_allclose(a.array, b.array, rtol=1e-6, atol=1e-6)
    assert [(a.nuclide, a.time) for a in one.administrations] == [(a.nuclide, a.time) for a in other.administrations]
    assert one.weight_kg == other.weight_kg
    for a, b in zip(suv_images(one), suv_images(other), strict=True):
        np.testing.assert_allclose(a.array, b.array, rtol=1e-6)


@pytest.mark.parametrize("syntax", [None, RLELossless])
def test_a_legacy_converted_pet_is_the_pet(made: Any, spoil: Any, syntax: str | None) -> None:
    converted(spoil.pet, spoil.folder / "pet.dcm", LegacyConvertedEnhancedPETImage, syntax)
    found = read_study(spoil.folder)
    same(read_study(made.folder), found)
    assert not any("left out" in w for w in found.warnings)


@pytest.mark.parametrize("syntax", [None, RLELossless])
def test_a_legacy_converted_ct_is_the_ct(made: Any, spoil: Any, syntax: str | None) -> None:
    converted(spoil.ct, spoil.folder / "ct.dcm", LegacyConvertedEnhancedCTImage, syntax)
    same(read_study(made.folder), read_study(spoil.folder))


# ---- Enhanced PET by the standard's modules


def unit(code: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "UCUM", meaning
    return Sequence([item])


def group(**values: object) -> Sequence:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])


def enhanced(paths: list[Path], to: Path, change: Callable[[Dataset], object] = lambda _: None, *, factor: float = 1.0,
             units: tuple[str, str] = ("Bq/ml", "Becquerels/milliliter"), remove: bool = True) -> Dataset:  # fmt: skip
    """Write the slices as one Enhanced PET, frames from last to first, each with its own slope; ``factor`` scales the values."""
    slices = [pydicom.dcmread(p) for p in reversed(paths)]
    first = slices[0]
    made = Dataset()
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight", "PatientSize",
                    "StudyInstanceUID", "StudyDate", "StudyTime", "FrameOfReferenceUID", "Rows", "Columns", "BitsAllocated", "BitsStored",
                    "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "Manufacturer"):  # fmt: skip
        if keyword in first:
            setattr(made, keyword, first[keyword].value)
    made.SOPClassUID, made.SOPInstanceUID, made.SeriesInstanceUID = EnhancedPETImageStorage, generate_uid(), generate_uid()
    made.Modality, made.ImageType = "PT", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.NumberOfFrames = len(slices)
    made.AcquisitionDateTime = f"{TAKEN:%Y%m%d%H%M%S}"
    made.DecayCorrected, made.AttenuationCorrected, made.ScatterCorrected = "YES", "YES", "YES"
    made.DecayCorrectionDateTime = f"{TAKEN:%Y%m%d%H%M%S}"
    made.CountsSource = "EMISSION"
    isotope = copy.deepcopy(first.RadiopharmaceuticalInformationSequence[0])
    isotope.RadiopharmaceuticalAgentNumber = 1
    isotope.RadionuclideTotalDose = "150"  # MBq (C.8.22.4)
    del isotope.RadiopharmaceuticalStartTime
    made.RadiopharmaceuticalInformationSequence = Sequence([isotope])
    shared = Dataset()
    shared.PixelMeasuresSequence = group(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=first.ImageOrientationPatient)
    shared.RadiopharmaceuticalUsageSequence = group(RadiopharmaceuticalAgentNumber=1)
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for n, one in enumerate(slices, start=1):
        frame = Dataset()
        frame.PlanePositionSequence = group(ImagePositionPatient=one.ImagePositionPatient)
        frame.FrameContentSequence = group(FrameAcquisitionDateTime=f"{TAKEN:%Y%m%d%H%M%S}", FrameAcquisitionDuration=FRAME_S * 1000.0,
                                           DimensionIndexValues=[1, n])  # fmt: skip
        frame.PixelValueTransformationSequence = group(RescaleSlope="1", RescaleIntercept="0", RescaleType="US")
        frame.RealWorldValueMappingSequence = group(
            RealWorldValueFirstValueMapped=0, RealWorldValueLastValueMapped=32767, RealWorldValueIntercept=0.0,
            RealWorldValueSlope=float(one.RescaleSlope) * factor, LUTLabel="PET", MeasurementUnitsCodeSequence=unit(*units),
        )  # fmt: skip
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    made.PixelData = b"".join(one.PixelData for one in slices)
    made.file_meta = copy.deepcopy(first.file_meta)
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    change(made)
    if remove:
        for path in paths:
            path.unlink()
    made.save_as(to, enforce_file_format=True)
    return made


def frames(made: Dataset) -> Sequence:
    return made.PerFrameFunctionalGroupsSequence


def test_an_enhanced_pet_is_the_pet(made: Any, spoil: Any) -> None:
    enhanced(spoil.pet, spoil.folder / "pet.dcm")
    found = read_study(spoil.folder)
    same(read_study(made.folder), found)
    assert [a.activity_mbq for a in found.administrations if a.nuclide == "Ga-68"] == [pytest.approx(GIVEN_MBQ)]
    pet = [row for row in found.ledger if row.image.startswith("PET")]
    assert {row.tag for row in pet if row.step in ("rescale", "unit")} == {"RealWorldValueMappingSequence (0040,9096)"}
    assert {row.tag for row in pet if row.step == "decay"} == {"DecayCorrectionDateTime (0018,9701)"}
    assert not any(row.step == "stated" and row.tag.startswith("RescaleSlope") for row in pet)  # the file states none that counts


def test_one_corrected_to_the_injection_gives_the_same_suv(made: Any, spoil: Any) -> None:
    enhanced(spoil.pet, spoil.folder / "pet.dcm", lambda d: setattr(d, "DecayCorrectionDateTime", f"{T0:%Y%m%d%H%M%S}"),
             factor=2.0 ** (3600.0 / HALF_LIFE_S))  # fmt: skip
    one, other = suv_images(read_study(made.folder))[0], suv_images(read_study(spoil.folder))[0]
    np.testing.assert_allclose(other.array, one.array, rtol=1e-5)


def test_one_without_decay_correction_gives_the_same_suv(made: Any, spoil: Any) -> None:
    def change(dataset: Dataset) -> None:
        dataset.DecayCorrected = "NO"
        del dataset.DecayCorrectionDateTime

    decay = np.log(2.0) / HALF_LIFE_S
    enhanced(spoil.pet, spoil.folder / "pet.dcm", change, factor=(1.0 - np.exp(-decay * FRAME_S)) / (decay * FRAME_S))
    one, other = suv_images(read_study(made.folder))[0], suv_images(read_study(spoil.folder))[0]
    np.testing.assert_allclose(other.array, one.array, rtol=1e-5)


def test_one_in_kilobecquerels_and_one_in_suv(made: Any, spoil: Any, tmp_path: Path) -> None:
    truth = suv_images(read_study(made.folder))[0].array
    enhanced(spoil.pet, spoil.folder / "pet.dcm", factor=1e-3, units=("kBq/ml", "kilobecquerel/milliliter"))
    np.testing.assert_allclose(suv_images(read_study(spoil.folder))[0].array, truth, rtol=1e-6)
    bq = made.pet_volume.array
    enhanced(made.pet, spoil.folder / "pet.dcm", factor=float(truth.sum() / bq.sum()), units=("g/ml{SUVbw}", "SUVbw"), remove=False)
    found = suv_images(read_study(spoil.folder))[0]
    np.testing.assert_allclose(found.array, truth, rtol=1e-4, atol=1e-4)


def two_times(dataset: Dataset) -> None:
    for n, frame in enumerate(frames(dataset)):
        frame.FrameContentSequence[0].TemporalPositionIndex = 1 + n % 2


def table(dataset: Dataset) -> None:
    for frame in frames(dataset):
        item = frame.RealWorldValueMappingSequence[0]
        item.RealWorldValueLastValueMapped = 3
        item.RealWorldValueLUTData = [0.0, 1.0, 4.0, 9.0]


def counts(dataset: Dataset) -> None:
    for frame in frames(dataset):
        frame.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence = unit("{propcounts}", "Proportional to counts")


REFUSED = [
    (two_times, "several time frames"),
    (table, "scaled by a table"),
    (counts, "no scale to activity"),
    (lambda d: [f.__delattr__("RealWorldValueMappingSequence") for f in frames(d)], "no real-world-value map"),
    (lambda d: setattr(d, "AttenuationCorrected", "NO"), "not attenuation corrected"),
    (lambda d: setattr(d, "CountsSource", "TRANSMISSION"), "transmission, not emission"),
    (lambda d: d.__delattr__("DecayCorrectionDateTime"), "does not say to when"),
    (lambda d: setattr(d, "DecayCorrectionDateTime", f"{TAKEN + timedelta(minutes=5):%Y%m%d%H%M%S}"), "after its acquisition began"),
    (lambda d: setattr(d, "NumberOfFrames", 3), "does not describe its frames"),
    (lambda d: d.__delattr__("PerFrameFunctionalGroupsSequence"), "does not describe its frames"),
    (lambda d: setattr(d.RadiopharmaceuticalInformationSequence[0], "RadionuclideTotalDose", "150000000"), "injected activity"),
    (lambda d: d.__delattr__("PatientWeight"), "weight"),
    (lambda d: setattr(frames(d)[2].PlanePositionSequence[0], "ImagePositionPatient", [0, 0, 900]), "evenly|missing"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_cannot_be_read_is_refused_by_name(spoil: Any, change: Callable[[Dataset], object], words: str) -> None:
    enhanced(spoil.pet, spoil.folder / "pet.dcm", change)
    with pytest.raises(InputError, match=words):
        read_study(spoil.folder)


def test_an_enhanced_pet_in_counts_beside_a_good_one_is_left_out_by_name(made: Any, spoil: Any) -> None:
    enhanced(spoil.pet, spoil.folder / "counts.dcm", counts, remove=False)
    found = read_study(spoil.folder)
    same(read_study(made.folder), found)
    assert any("PET series was left out" in w and "counts.dcm" in w for w in found.warnings)


def test_a_multi_frame_file_cut_short_is_refused(spoil: Any) -> None:
    enhanced(spoil.pet, spoil.folder / "pet.dcm")
    whole = (spoil.folder / "pet.dcm").read_bytes()
    (spoil.folder / "pet.dcm").write_bytes(whole[:-500])
    with pytest.raises(InputError, match="damaged|cut short|bytes"):
        read_study(spoil.folder)


def test_damaged_headers_end_in_a_sentence_or_in_the_same_numbers(made: Any, spoil: Any) -> None:
    """A byte flipped, cut out or doubled among the functional groups, 120 times: refused by name, or unit, scale and times stay."""
    enhanced(spoil.pet, spoil.folder / "pet.dcm")
    whole = (spoil.folder / "pet.dcm").read_bytes()
    before, rng, refused = read_study(spoil.folder), np.random.default_rng(5), 0
    end = whole.index(b"\xe0\x7f\x10\x00")
    for _ in range(120):
        at = int(rng.integers(132, end))
        kind = rng.integers(3)
        part = {0: bytes([whole[at] ^ int(rng.integers(1, 256))]), 1: b"", 2: whole[at : at + 1] * 2}[int(kind)]
        (spoil.folder / "pet.dcm").write_bytes(whole[:at] + part + whole[at + 1 :])
        try:
            found = read_study(spoil.folder)
        except InputError:
            refused += 1
            continue
        rows = {(row.step, row.tag, row.value) for row in found.ledger} ^ {(row.step, row.tag, row.value) for row in before.ledger}
        changed = len(found.volumes) != len(before.volumes) or any(
            not np.allclose(a.array, b.array, rtol=1e-6) or a.time != b.time for a, b in zip(found.volumes, before.volumes, strict=True)
        )
        assert not changed or rows or set(found.warnings) - set(before.warnings)
    assert refused > 30
