"""Read PET series in Bq/ml or SUVbw (PS3.3 A.21)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.codes import nuclide_of_item
from neorlt.dicom.decay import decay_factor, table_half_life_s
from neorlt.dicom.header import moment, number, parse_datetime, parse_seconds, raw, text, where
from neorlt.dicom.pet_scale import PetHeader, PetScale, PetSlice, check_weight, quantify
from neorlt.dicom.pixels import check_same, read_stack, rescale, slice_stack
from neorlt.dicom.scan import Instance, Series
from neorlt.dicom.settings import Settings
from neorlt.imaging.suv import suv_factor_of
from neorlt.imaging.volume import Grid, Unit, Volume

_SAME = (
    "Units",
    "SUVType",
    "DecayCorrection",
    "CorrectedImage",
    "PatientWeight",
    "SeriesDate",
    "SeriesTime",
    "RadiopharmaceuticalInformationSequence",
)


@dataclass(frozen=True)
class PetSeries:
    """A PET series whose header has been judged; pixels are not read yet."""

    series: Series
    header: PetHeader
    scale: PetScale


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


def read_pet_header(series: Series, settings: Settings | None = None) -> PetHeader:
    """Return what the files of a PET series say, after a user's corrections.

    Raises
    ------
    InputError
        If the files disagree, or a value cannot be read.

    """
    settings = settings or Settings()
    first = series.first
    if not text(first.header, "Units", first.name):
        raise InputError(
            "the PET has no unit",
            expected="BQML, GML or CNTS with a scale factor",
            found="no value",
            where=where(first.name, "Units"),
            remedy="export the original series in Bq/ml",
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
        corrected=(corrected,) if isinstance(corrected, str) else tuple(str(c) for c in corrected),
        series_time=moment(header, "Series", name),
        slices=tuple(_slice(i) for i in series.instances),
        nuclide=nuclide_of_item(item, name),
        half_life_s=number(item, "RadionuclideHalfLife", name),
        dose_bq=number(item, "RadionuclideTotalDose", name),
        injection=injection,
        injection_time_only_s=seconds,
        agent=text(item, "Radiopharmaceutical", name),
        weight_kg=number(header, "PatientWeight", name),
        philips_suv=_private(header, "Philips PET Private Group", 0x7053, 0x00),
        philips_bq_per_ml=_private(header, "Philips PET Private Group", 0x7053, 0x09),
        ge_scan_time=_ge_scan_time(header),
    )
    return correct(found, settings)


def correct(header: PetHeader, settings: Settings) -> PetHeader:
    """Replace header values by a user's corrections."""
    if settings.weight_kg is not None:
        header = replace(header, weight_kg=settings.weight_kg)
    if settings.injected_activity_mbq is not None:
        header = replace(header, dose_bq=settings.injected_activity_mbq * 1e6)
    if settings.injection_time is not None:
        header = replace(header, injection=settings.injection_time, injection_time_only_s=None)
    return header


def judge_pet(series: Series, settings: Settings) -> PetSeries:
    """Judge a series by its headers alone.

    Raises
    ------
    InputError
        As :func:`neorlt.dicom.pet_scale.quantify`.

    """
    header = read_pet_header(series, settings)
    scale = quantify(header)
    if scale.unit is Unit.BQ_PER_ML:
        check_weight(header)
    return PetSeries(series, header, scale)


def read_pet(pet: PetSeries) -> Volume:
    """Return the PET volume in Bq/ml, valid for its decay reference, or in SUVbw.

    Raises
    ------
    InputError
        If the planes make no stack or the pixels cannot be read.

    """
    grid, instances = slice_stack(pet.series)
    factor_of = dict(zip((i.name for i in pet.series.instances), pet.scale.factors, strict=True))
    rescales = [rescale(i) for i in instances]

    def scale(k: int, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        slope, intercept = rescales[k]
        factor = factor_of[instances[k].name]
        return (np.asarray(stored, np.float64) * (slope * factor) + intercept * factor).astype(np.float32)

    array = read_stack(instances, grid, scale, "PET")
    if pet.scale.unit is Unit.BQ_PER_ML and table_half_life_s(pet.scale.nuclide) is None:
        return _suv_by_header(pet, array, grid)
    return Volume(array, grid, pet.scale.unit, "PT", pet.scale.reference, pet.scale.nuclide, "PET", pet.scale.notes)


def _suv_by_header(pet: PetSeries, array: NDArray[np.float32], grid: Grid) -> Volume:
    """SUVbw with the header's half-life, for a nuclide that the tables do not hold."""
    administration, scale = pet.scale.administration, pet.scale
    if administration is None or pet.header.weight_kg is None:  # judged before
        raise InputError("SUV needs injection and weight", where=pet.header.file, remedy="export the series with both")
    decay = decay_factor(scale.half_life_s, administration.time, scale.reference)
    factor = suv_factor_of(administration, pet.header.weight_kg, scale.reference, decay)
    note = f"{factor.formula}, half-life {scale.half_life_s:g} s from the header (0018,1075)"
    return Volume(array * np.float32(factor.factor), grid, Unit.SUV_BW, "PT", scale.reference, scale.nuclide, "PET", (*scale.notes, note))
