"""Enhanced (multi-frame) CT and PET as the single slices that the rest of the reader knows.

Every frame becomes a slice with a header of its own: the functional groups, shared first and then the frame's, are laid flat
(PS3.3 C.7.6.16.2); what a legacy conversion left unassigned is laid flat too (C.7.6.16.2.25.1-2). The pixels stay in the file and are
read from the frame's place. An Enhanced PET (PS3.3 A.56) says with other attributes what a PET series says, and is told in its words:

- unit and slope stand in the Real World Value Mapping of each frame (mandatory there, CID 84), which applies to stored values;
- Decay Corrected (0018,9758) with Decay Correction DateTime (0018,9701) is START from that moment, or ADMIN where it is the injection;
- Attenuation Corrected (0018,9759) YES is ATTN; the Radionuclide Total Dose is in MBq (C.8.22.4), not in Bq as in a PET series (C.8.9.2);
- Frame Acquisition DateTime and Duration (C.7.6.16.2.2) are the slice's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)

from neorlt.core.errors import InputError
from neorlt.dicom.decay import comparable
from neorlt.dicom.header import number, parse_datetime, raw, text, where
from neorlt.dicom.injections import on_clock
from neorlt.dicom.part10 import PixelBytes
from neorlt.dicom.real_world import Quantity, mapping_of, unit_of
from neorlt.dicom.scan import Instance, Series

SINGLE = {
    str(EnhancedCTImageStorage): str(CTImageStorage),
    str(LegacyConvertedEnhancedCTImageStorage): str(CTImageStorage),
    str(EnhancedPETImageStorage): str(PositronEmissionTomographyImageStorage),
    str(LegacyConvertedEnhancedPETImageStorage): str(PositronEmissionTomographyImageStorage),
}
"""Multi-frame SOP classes that are read, and the class of their slices."""
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_KEPT = {"RealWorldValueMappingSequence", "RadiopharmaceuticalInformationSequence"}
"""Sequences that a slice's header holds as they are."""
_IDENTITY = {"SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID"}
_SLICE = frozenset({"AcquisitionDate", "AcquisitionTime", "ActualFrameDuration"})
_PET = frozenset({"Units", "SUVType", "RescaleSlope", "RescaleIntercept", "CorrectedImage", "DecayCorrection", "SeriesDate", "SeriesTime"})
"""What a slice is told in words that its file does not use."""
_SUV_BW = {"g/ml{suvbw}", "{suvbw}g/ml"}
_AS_ONE_S = 1.0


def slices_of(series: Series) -> Series:
    """The series with one instance a frame where it is multi-frame CT or PET; every other series as it is.

    Raises
    ------
    InputError
        If frames and functional groups do not fit, or an Enhanced PET states its scale or decay correction in a way that no slice can.
    """
    if series.sop_class not in SINGLE:
        return series
    try:
        return _slices(series)
    except InputError:
        raise
    except Exception as error:  # pydicom raises many kinds for broken bytes inside items
        raise InputError(
            "the multi-frame image cannot be read",
            found=type(error).__name__,
            where=series.where,
            remedy="export the file again; it is damaged",
        ) from error


def _slices(series: Series) -> Series:
    instances = tuple(one for instance in series.instances for one in _frames(instance, SINGLE[series.sop_class]))
    if series.sop_class == EnhancedPETImageStorage:
        instances = tuple(_pet_slice(one) for one in instances)
        times = {text(one.header, "TemporalPositionIndex", one.name) for one in instances}
        if len(times) > 1:
            for one in instances:
                one.header.SeriesType = ["DYNAMIC", "IMAGE"]
    return Series(series.uid, SINGLE[series.sop_class], instances)


def _frames(instance: Instance, sop_class: str) -> Iterator[Instance]:
    header, name = instance.header, instance.name
    shared = list(raw(header, _GROUPS[0], name) or [])
    each = list(raw(header, _GROUPS[1], name) or [])
    count = int(number(header, "NumberOfFrames", name) or 0)
    if count < 1 or len(each) != count or len(shared) > 1:
        raise InputError(
            "the multi-frame image does not describe its frames",
            expected="one item of the functional groups for each frame",
            found=f"{len(each)} items, {count} frames",
            where=where(name, _GROUPS[1]),
            remedy="export the series again",
        )
    common = Dataset()
    for element in header:
        if element.keyword not in (*_GROUPS, "NumberOfFrames", "DimensionIndexSequence", "PixelData"):
            common.add(element)
    for item in shared:
        _flatten(item, common)
    places = _places(instance, count)
    uid = text(header, "SOPInstanceUID", name)
    for n, (item, place) in enumerate(zip(each, places, strict=True), start=1):
        own = deepcopy(common)
        _flatten(item, own)
        own.SOPClassUID, own.SOPInstanceUID = sop_class, generate_uid(entropy_srcs=[uid, str(n)])
        own.file_meta = header.file_meta
        at, duration = text(own, "FrameAcquisitionDateTime", name), number(own, "FrameAcquisitionDuration", name)
        if at:
            moment = parse_datetime(at)
            if moment is None:
                raise InputError(
                    "the time of a frame cannot be read", found=at, where=where(name, "FrameAcquisitionDateTime"), remedy="export it again"
                )
            own.AcquisitionDate, own.AcquisitionTime = f"{moment:%Y%m%d}", f"{moment:%H%M%S.%f}"
            if at[-5:-4] in ("+", "-"):
                own.TimezoneOffsetFromUTC = at[-5:]
        if duration is not None and "ActualFrameDuration" not in own:
            own.ActualFrameDuration = str(round(duration))
        told = frozenset(k for k in _SLICE if at or k == "ActualFrameDuration" and duration is not None)
        yield replace(instance, name=f"{name}, frame {n}", header=own, pixels=place, frame=n - 1, told=told)


def _flatten(groups: Dataset, into: Dataset) -> None:
    """Lay the one item of every functional group flat; what a group holds is not opened further."""
    for group in groups:
        if group.VR != "SQ" or group.keyword in _KEPT:
            into.add(group)
            continue
        for item in group.value[:1]:
            for element in item:
                if element.keyword not in _IDENTITY:
                    into.add(element)


def _places(instance: Instance, count: int) -> list[PixelBytes | None]:
    """Where each frame's bytes lie; the whole value where it is encapsulated (frames are cut out after decoding)."""
    at = instance.pixels
    if at is None or at.length is None or not instance.header.file_meta.TransferSyntaxUID.is_little_endian:
        return [at] * count
    size = at.length // count
    return [PixelBytes(at.keyword, at.start + n * size, size, at.start + (n + 1) * size) for n in range(count)]


def _pet_slice(instance: Instance) -> Instance:
    """Say in the words of a PET slice (PS3.3 C.8.9) what an Enhanced PET frame says."""
    header, name = instance.header, instance.name
    _scale(header, name)
    corrected = [
        word for keyword, word in (("DecayCorrected", "DECY"), ("AttenuationCorrected", "ATTN"), ("ScatterCorrected", "SCAT"))
        if text(header, keyword, name).upper() == "YES"
    ]  # fmt: skip
    header.CorrectedImage = corrected
    for item in raw(header, "RadiopharmaceuticalInformationSequence", name) or []:
        dose = number(item, "RadionuclideTotalDose", name)
        if dose is not None:
            item.RadionuclideTotalDose = f"{dose * 1e6:.10g}"
    header.DecayCorrection = "NONE"
    if "DECY" in corrected:
        _decay(header, name)
    return replace(instance, told=instance.told | _PET)


def _scale(header: Dataset, name: str) -> None:
    """Units, slope and intercept from the frame's one map to Bq/ml or SUVbw; the unit alone where it leads to another quantity."""
    tag = where(name, "RealWorldValueMappingSequence")
    items = list(raw(header, "RealWorldValueMappingSequence", name) or [])
    if not items:
        raise InputError(
            "the enhanced PET has no real-world-value map, which gives its unit", where=tag, remedy="export the series in Bq/ml"
        )
    for item in items:
        units = list(raw(item, "MeasurementUnitsCodeSequence", name) or [])
        code = unit_of(units[0], name) if units else ""
        if code.lower().replace(" ", "") not in _SUV_BW and not (units and mapping_of(item, units[0], name).quantity is Quantity.ACTIVITY):
            continue
        found = mapping_of(item, units[0], name)
        if found.table is not None:
            raise InputError(
                "the enhanced PET is scaled by a table", expected="a slope", where=tag, remedy="export the series with a linear scale"
            )
        header.Units = "BQML" if found.quantity is Quantity.ACTIVITY else "GML"
        if header.Units == "GML":
            header.SUVType = "BW"
        header.RescaleSlope, header.RescaleIntercept = f"{found.slope * found.factor:.10g}", f"{found.intercept * found.factor:.10g}"
        return
    units = list(raw(items[0], "MeasurementUnitsCodeSequence", name) or [])
    header.Units = re.sub(r"[^A-Z0-9 _]", "", unit_of(units[0], name).upper() if units else "")[:16] or "NO UNIT"


def _decay(header: Dataset, name: str) -> None:
    tag = where(name, "DecayCorrectionDateTime")
    zone = text(header, "TimezoneOffsetFromUTC", name)
    at = parse_datetime(text(header, "DecayCorrectionDateTime", name), zone)
    if at is None:
        raise InputError(
            "the enhanced PET is decay-corrected and does not say to when",
            where=tag,
            remedy="export the series with it, or as single slices",
        )
    items = raw(header, "RadiopharmaceuticalInformationSequence", name) or []
    injected = parse_datetime(text(items[0], "RadiopharmaceuticalStartDateTime", name), zone) if items else None
    if injected is not None:
        one, other = comparable(at, injected)
        if abs((one - other).total_seconds()) <= _AS_ONE_S:
            header.DecayCorrection = "ADMIN"
            return
    taken = parse_datetime(text(header, "FrameAcquisitionDateTime", name), zone)
    if taken is not None:
        at, taken = comparable(at, taken)
        at = on_clock(at, taken.tzinfo)
    if taken is not None and at > taken:
        raise InputError(
            "the enhanced PET is decay-corrected to a moment after its acquisition began",
            expected=f"{taken:%Y-%m-%d %H:%M:%S} or before",
            found=f"{at:%Y-%m-%d %H:%M:%S}",
            where=tag,
            remedy="export the series corrected to its start",
        )
    header.DecayCorrection = "START"
    header.SeriesDate, header.SeriesTime = f"{at:%Y%m%d}", f"{at:%H%M%S.%f}"
