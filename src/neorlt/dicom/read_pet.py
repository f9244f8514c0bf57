"""Read PET series in Bq/ml or SUVbw (PS3.3 A.21)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.attributes import stated_rows
from neorlt.dicom.codes import agent_of_item, check_nuclide, nuclide_of_item
from neorlt.dicom.cut_peaks import at_the_top, cut_peaks
from neorlt.dicom.decay import decay_factor, table_half_life_s
from neorlt.dicom.header import moment, number, parse_date, parse_datetime, parse_seconds, raw, text, where
from neorlt.dicom.pet_scale import NotUsableError, PetHeader, PetScale, PetSlice, check_weight, quantify
from neorlt.dicom.pixels import check_depth
from neorlt.dicom.plausible import check, odd_weight
from neorlt.dicom.scan import Instance, Series
from neorlt.dicom.settings import NONE, SETTINGS, Correction
from neorlt.dicom.stack import check_same, read_stack, rescale, slice_stack
from neorlt.imaging.ledger import USED, LedgerRow
from neorlt.imaging.suv import suv_factor_of
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.nuclides.imaged import joins_a_curve, seen_by_single_photons

_SAME = (
    "Units",
    "SUVType",
    "DecayCorrection",
    "CorrectedImage",
    "PatientWeight",
    "SeriesDate",
    "SeriesTime",
    "SeriesType",
    "CountsSource",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "RadiopharmaceuticalInformationSequence",
)


@dataclass(frozen=True)
class PetSeries:
    """A PET series whose header has been judged; pixels are not read yet."""

    series: Series
    header: PetHeader
    scale: PetScale
    correction: Correction = NONE


def _private(dataset: Dataset, creator: str, group: int, element: int) -> float | None:
    """One number of a private block (PS3.5 7.8), or None."""
    try:
        return float(dataset.private_block(group, creator)[element].value) or None
    except (KeyError, TypeError, ValueError):
        return None


def _ge_scan_time(dataset: Dataset) -> datetime | None:
    try:
        value = dataset.private_block(0x0009, "GEMS_PETD_01")[0x0D].value
    except KeyError:
        return None
    return parse_datetime(str(value))


def _slice(instance: Instance) -> PetSlice:
    header, name = instance.header, instance.name
    acquisition = moment(header, "Acquisition", name) or moment(header, "Series", name)
    if acquisition is None:
        raise InputError(
            "the time of acquisition is missing", where=where(name, "AcquisitionTime"), remedy="export the series with its times"
        )
    reference, duration = number(header, "FrameReferenceTime", name), number(header, "ActualFrameDuration", name)
    return PetSlice(acquisition, None if reference is None else reference / 1000.0, None if duration is None else duration / 1000.0)


def _item(instance: Instance) -> Dataset:
    items = raw(instance.header, "RadiopharmaceuticalInformationSequence", instance.name)
    if not items:
        raise InputError(
            "the PET says nothing about the radiopharmaceutical",
            where=where(instance.name, "RadiopharmaceuticalInformationSequence"),
            remedy="export the original series with it",
        )
    if len(items) > 1:
        raise InputError(
            "the PET names more than one radiopharmaceutical",
            where=where(instance.name, "RadiopharmaceuticalInformationSequence"),
            remedy="give images of one radiopharmaceutical",
        )
    return items[0]  # type: ignore[no-any-return]


def read_pet_header(series: Series, correction: Correction = NONE) -> PetHeader:
    """Return what the files of a PET series say, after a user's corrections.

    Raises
    ------
    InputError
        If the files disagree, or a value cannot be read.

    """
    first = series.first
    if not text(first.header, "Units", first.name):
        raise NotUsableError(
            "the PET has no unit",
            expected="BQML, GML or CNTS with a scale factor",
            found="no value",
            where=where(first.name, "Units"),
            remedy="export the original series in Bq/ml",
        )
    # before slices are compared: projections turn round the patient, and their orientations differ
    if "MIP" in {kind.strip().upper() for kind in _listed(first.header, "ImageType", first.name)}:
        raise NotUsableError(
            "the PET holds projections of a volume",
            found="MIP",
            where=where(first.name, "ImageType"),
            remedy="give the static, corrected series",
        )
    check_same(series, _SAME)
    header, name = first.header, first.name
    units = text(header, "Units", name).upper()
    # the unit is judged before anything else: without it the rest has no meaning
    item = _item(first) if units in ("BQML", "GML", "CNTS") else Dataset()
    start_text = text(item, "RadiopharmaceuticalStartTime", name)
    seconds = parse_seconds(start_text) if start_text else None
    when = text(item, "RadiopharmaceuticalStartDateTime", name)
    zone = text(header, "TimezoneOffsetFromUTC", name)
    injection = parse_datetime(when, zone) if when else None
    if (start_text and seconds is None) or (when and injection is None):
        raise InputError(
            "the time of injection cannot be read",
            where=where(name, "RadiopharmaceuticalStartTime"),
            remedy="state injection_time with a reason under [correction] in settings.toml",
        )
    corrected = raw(header, "CorrectedImage", name) or []
    found = PetHeader(
        file=name,
        units=units,
        suv_type=text(header, "SUVType", name).upper(),
        decay_correction=text(header, "DecayCorrection", name).upper(),
        decayed_to=parse_datetime(text(header, "DecayCorrectionDateTime", name), zone),
        corrected=(corrected,) if isinstance(corrected, str) else tuple(str(c) for c in corrected),
        series_time=moment(header, "Series", name),
        slices=tuple(_slice(i) for i in series.instances),
        nuclide=nuclide_of_item(item, name),
        half_life_s=number(item, "RadionuclideHalfLife", name),
        dose_bq=number(item, "RadionuclideTotalDose", name),
        injection=injection,
        injection_time_only_s=seconds,
        agent=text(item, "Radiopharmaceutical", name) or agent_of_item(item, name),
        weight_kg=number(header, "PatientWeight", name),
        philips_suv=_private(header, "Philips PET Private Group", 0x7053, 0x00),
        philips_bq_per_ml=_private(header, "Philips PET Private Group", 0x7053, 0x09),
        ge_scan_time=_ge_scan_time(header),
        image_kind=(*_listed(header, "SeriesType", name), *_listed(header, "CountsSource", name)),
        age_y=age_of(first),
        size_m=number(header, "PatientSize", name),
        is_test=text(header, "QualityControlImage", name).upper() == "YES",
    )
    return correct(found, correction)


def _listed(header: Dataset, keyword: str, name: str) -> list[str]:
    values = raw(header, keyword, name) or []
    return [values] if isinstance(values, str) else [str(v) for v in values]


def age_of(instance: Instance) -> float | None:
    """Age in years from (0010,1010), ``nnnD``, ``nnnW``, ``nnnM`` or ``nnnY``; else from the dates of birth and study."""
    per_year = {"D": 365.25, "W": 365.25 / 7.0, "M": 12.0, "Y": 1.0}
    value = text(instance.header, "PatientAge", instance.name).upper()
    if len(value) == 4 and value[:3].isdigit() and value[3] in per_year:
        return int(value[:3]) / per_year[value[3]]
    born = parse_date(text(instance.header, "PatientBirthDate", instance.name))
    day = parse_date(text(instance.header, "StudyDate", instance.name))
    if born is None or day is None or not 0 <= (day - born).days < 45_000:
        return None
    return (day - born).days / 365.25


def correct(header: PetHeader, correction: Correction) -> PetHeader:
    """Replace header values by a user's corrections."""
    if correction.weight_kg is not None:
        header = replace(header, weight_kg=correction.weight_kg)
    if correction.injected_activity_mbq is not None:
        header = replace(header, dose_bq=correction.injected_activity_mbq * 1e6)
    if correction.injection_time is not None:
        header = replace(header, injection=correction.injection_time, injection_time_only_s=None)
    return header


def judge_pet(series: Series, correction: Correction = NONE) -> PetSeries:
    """Judge a series by its headers alone.

    Raises
    ------
    NotUsableError
        If it is another kind of image: uncorrected, in another unit, gated.
    InputError
        As :func:`neorlt.dicom.pet_scale.quantify`.

    """
    header = read_pet_header(series, correction)
    scale = quantify(header)
    scale = replace(scale, warnings=(*scale.warnings, *check_nuclide(_item(series.first), header.file, "PET")))
    check_depth(series.first)
    for instance in series.instances:
        slope, intercept = rescale(instance)
        remedy = "export the series again; its scale was changed"
        check("RescaleSlope", slope, instance.name, remedy)
        if intercept != 0:
            raise InputError(
                "the rescale intercept of a PET must be 0 (PS3.3 C.8.9.4)",
                found=f"{intercept:g}",
                where=where(instance.name, "RescaleIntercept"),
                remedy=remedy,
            )
    if scale.unit is Unit.BQ_PER_ML and not is_therapy(scale):
        check_weight(header)
        scale = replace(scale, warnings=(*scale.warnings, *odd_weight(header.weight_kg, header.size_m, "PET")))
    return PetSeries(series, header, scale, correction)


def is_therapy(scale: PetScale) -> bool:
    """Whether the image shows a therapy or a single-photon nuclide: a SPECT stored as PET, or a PET of 90Y."""
    return joins_a_curve(scale.nuclide)


def read_pet(pet: PetSeries) -> tuple[Volume, tuple[str, ...]]:
    """Return the PET volume in Bq/ml, valid for its decay reference, or in SUVbw, and what its pixels say; a SPECT stored as PET as such.

    Raises
    ------
    InputError
        If the planes make no stack or the pixels cannot be read.

    """
    grid, instances = slice_stack(pet.series)
    factor_of = dict(zip((i.name for i in pet.series.instances), pet.scale.factors, strict=True))
    rescales = [rescale(i) for i in instances]
    cut = [(0, 0)] * len(instances)

    def scale(k: int, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        cut[k] = at_the_top(stored, instances[k])
        slope, intercept = rescales[k]
        factor = factor_of[instances[k].name]
        return (np.asarray(stored, np.float64) * (slope * factor) + intercept * factor).astype(np.float32)

    array = read_stack(instances, grid, scale, "PET")
    unit = "SUV" if pet.scale.unit is Unit.SUV_BW else "Bq/ml"
    for edge in (float(array.min()), float(array.max())):
        check(unit, edge, pet.series.where, "export the series again; its scale was changed", tag="RescaleSlope")
    modality = "NM" if seen_by_single_photons(pet.scale.nuclide) else "PT"
    said = cut_peaks("SPECT stored as PET" if modality == "NM" else "PET", cut, [slope for slope, _ in rescales])
    if pet.scale.unit is Unit.BQ_PER_ML and modality == "PT" and table_half_life_s(pet.scale.nuclide) is None:
        return _suv_by_header(pet, array, grid), said
    volume = Volume(
        array, grid, pet.scale.unit, modality, pet.scale.reference, pet.scale.nuclide, "PET", pet.scale.notes, pet.header.weight_kg,
        _ledger(pet),
    )  # fmt: skip
    return volume, said


def _ledger(pet: PetSeries) -> tuple[LedgerRow, ...]:
    """Every step from stored numbers to the unit, and what else the files state."""
    scale, header, said = pet.scale, pet.header, pet.correction
    word = "SPECT (stored as PET)" if seen_by_single_photons(scale.nuclide) else "PET"
    image = f"{word} {scale.nuclide} {scale.reference:%Y-%m-%d %H:%M}"
    slopes = [rescale(i)[0] for i in pet.series.instances]
    settings = f"{SETTINGS}: {said.reason}"
    first = pet.series.first
    mapped = "Units" in first.told
    held_by = "DecayCorrectionDateTime (0018,9701)" if "DecayCorrectionDateTime" in first.header else "DecayCorrection (0054,1102)"
    scaled_by = "RealWorldValueMappingSequence (0040,9096)" if mapped else "RescaleSlope (0028,1053)"
    factors = sorted(set(scale.factors))
    rows = [
        LedgerRow(image, "rescale", scaled_by, _span(slopes), f"{header.units} per stored value", USED),
        LedgerRow(image, "unit", scaled_by if mapped else "Units (0054,1001)", _span(factors), f"{scale.unit} per {header.units}", USED),
        LedgerRow(image, "decay", held_by, scale.reference.isoformat(), "holds for", USED),
        LedgerRow(image, "half-life", "", f"{scale.half_life_s:.6g}", "s", "nuclide table, or header where it has none"),
    ]
    if scale.administration is not None:
        one = scale.administration
        rows += [
            LedgerRow(image, "injection", "RadionuclideTotalDose (0018,1074)", f"{one.activity_mbq:g}", "MBq",
                      USED if said.injected_activity_mbq is None else settings),
            LedgerRow(image, "injection", "RadiopharmaceuticalStartDateTime (0018,1078)", one.time.isoformat(), "injected at",
                      USED if said.injection_time is None else settings),
        ]  # fmt: skip
    if header.weight_kg is not None:
        rows.append(LedgerRow(image, "weight", "PatientWeight (0010,1030)", f"{header.weight_kg:g}", "kg",
                              USED if said.weight_kg is None else settings))  # fmt: skip
    return (*rows, *stated_rows(pet.series.instances, image))


def _span(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.8g}" if low == high else f"{low:.8g}…{high:.8g} (mean {sum(values) / len(values):.10g})"


def _suv_by_header(pet: PetSeries, array: NDArray[np.float32], grid: Grid) -> Volume:
    """SUVbw with the header's half-life, for a nuclide that the tables do not hold."""
    administration, scale = pet.scale.administration, pet.scale
    if administration is None or pet.header.weight_kg is None:  # judged before
        raise InputError("SUV needs injection and weight", where=pet.header.file, remedy="export the series with both")
    decay = decay_factor(scale.half_life_s, administration.time, scale.reference)
    factor = suv_factor_of(administration, pet.header.weight_kg, scale.reference, decay)
    note = f"{factor.formula}, half-life {scale.half_life_s:g} s from the header (0018,1075)"
    return Volume(array * np.float32(factor.factor), grid, Unit.SUV_BW, "PT", scale.reference, scale.nuclide, "PET", (*scale.notes, note),
                  pet.header.weight_kg, _ledger(pet))  # fmt: skip
