"""Sort a study's series by kind and judge every header: what can be used, what is left out by name, what is refused.

Facts have an address: weight, activity and time of injection belong to a series or its study, and a correction counts for what it
names. One that names nothing counts where it is the only way to read a series, or where there is no choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TypeVar

import numpy as np
from pydicom.uid import (
    UID,
    CTImageStorage,
    EncapsulatedPDFStorage,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

from neorlt.core.errors import InputError
from neorlt.dicom.corrections import Corrections, address_of
from neorlt.dicom.enhanced import SINGLE, slices_of
from neorlt.dicom.header import moment, text, where
from neorlt.dicom.injections import administrations_of, date_injections, stated_moments
from neorlt.dicom.judged import Judged, Stack
from neorlt.dicom.pet_scale import NotUsableError
from neorlt.dicom.read_ct import check_ct, without_localizers
from neorlt.dicom.read_nm import SpectObject, in_zone, judge_nm, kind_of
from neorlt.dicom.read_pet import age_of, judge_pet
from neorlt.dicom.scan import Instance, Scan, Series
from neorlt.dicom.settings import NONE, Address, Correction, Settings
from neorlt.dicom.stack import slice_stack
from neorlt.dicom.whole_series import lossy, of_whole_series
from neorlt.imaging.study import Administration
from neorlt.nuclides.imaged import joins_a_curve

Moment = TypeVar("Moment", datetime, datetime | None)
LABELMAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage."""
SAME_TIME_S = 1.0


def judge(files: Scan, settings: Settings, injected_at: Sequence[datetime] = ()) -> Judged:
    """Judge every header of a study; no pixel is decoded.

    Parameters
    ----------
    injected_at
        Moments of injection that the user states: each therapy image belongs to the last one before it.

    Raises
    ------
    InputError
        For the first fault that would make a number wrong.

    """
    everything = [i for series in files.series for i in series.instances]
    uids = frozenset(text(i.header, "SOPInstanceUID", i.name) for i in everything)
    found = Judged(warnings=list(files.notes), uids=uids)
    left_out: Counter[str] = Counter()
    refused: list[tuple[str, InputError]] = []
    files = _as_slices(files, refused)
    corrections = Corrections(files, settings)
    for series in files.series:
        kind = series.sop_class
        if kind == CTImageStorage:
            kept = without_localizers(series)
            if kept is not None:
                _ct(kept, found, refused)
            else:
                left_out["CT localizer"] += len(series.instances)
        elif kind == PositronEmissionTomographyImageStorage:
            _pet(series, found, refused, corrections, injected_at)
        elif kind == NuclearMedicineImageStorage:
            for instance in series.instances:
                what = kind_of(instance)
                if what == "RECON TOMO":
                    address = address_of(series, instance, "NM")
                    found.spect.append(_spect(instance, address, settings, corrections))
                else:
                    left_out[f"NM that is not reconstructed slices (RECON TOMO) but {what}"] += 1
        elif kind == RTStructureSetStorage:
            found.structures.append(series)
        elif kind in (SegmentationStorage, LABELMAP_SEG):
            found.segmentations.append(series)
        else:
            left_out["PDF" if kind == EncapsulatedPDFStorage else UID(kind).name] += len(series.instances)
    _leave_out_or_refuse(found, refused)
    for what, count in sorted(left_out.items()):
        found.warnings.append(f"{count} object{'s' if count > 1 else ''} left out: {what}.")
    found.ct = _without_strays(found)
    if not (found.ct or found.pet or found.spect):
        raise InputError(
            "the study holds no image that can be used",
            expected="CT, PET or reconstructed SPECT",
            found=", ".join(f"{n} x {what}" for what, n in sorted(left_out.items())) or "regions only",
            where=files.series[0].where,
            remedy="point to the folder with the images",
        )
    found.warnings += corrections.sentences()
    _administrations(found, files, injected_at, _one_time_zone(found))
    found.weight_kg = corrections.weight(found)
    found.warnings += of_whole_series(found)
    found.warnings += lossy(found)
    return found


def _as_slices(files: Scan, refused: list[tuple[str, InputError]]) -> Scan:
    """The study with multi-frame CT and PET as single slices; one that cannot be told so is set aside with its error."""
    kept = []
    for series in files.series:
        try:
            kept.append(slices_of(series))
        except InputError as error:
            refused.append(("CT" if SINGLE[series.sop_class] == CTImageStorage else "PET", error))
    return replace(files, series=tuple(kept))


def _spect(instance: Instance, address: Address, settings: Settings, corrections: Corrections) -> SpectObject:
    return corrections.judge(address, lambda c: judge_nm(instance, settings, c), lambda made: made.injection.time is None)


def _ct(series: Series, found: Judged, refused: list[tuple[str, InputError]]) -> None:
    try:
        check_ct(series)
        found.ct.append((series, slice_stack(series)))
    except InputError as error:
        refused.append(("CT", error))


def _pet(
    series: Series, found: Judged, refused: list[tuple[str, InputError]], corrections: Corrections, injected_at: Sequence[datetime]
) -> None:
    address = address_of(series, series.first, "PT")
    stated = NONE
    if injected_at and joins_a_curve(address.nuclide):
        start = moment(series.first.header, "Acquisition", series.first.name) or moment(series.first.header, "Series", series.first.name)
        before = [t for t in injected_at if start is not None and t <= start.replace(tzinfo=t.tzinfo)]
        stated = Correction("", "stated with --injected-at", injection_time=max(before)) if before else NONE
    try:
        found.pet.append(corrections.judge(address, lambda c: judge_pet(series, stated.over(c))))
    except NotUsableError as error:
        refused.append(("PET", error))


def _leave_out_or_refuse(found: Judged, refused: Sequence[tuple[str, InputError]]) -> None:
    """Leave out by name what cannot be used beside others of its kind; refuse where nothing of its kind is left."""
    for kind, error in refused:
        if kind == "CT" and not found.ct or kind == "PET" and not found.pet:
            raise error
        why = error.problem + (f" ({error.found})" if error.found else "")
        found.warnings.append(f"A {kind} series was left out: {why}, in {error.where}.")


def _without_strays(found: Judged) -> list[tuple[Series, Stack]]:
    """Leave out lone slices by name (bolus tracking, a planning slice); refuse one that continues another series."""
    alone = [(s, stack) for s, stack in found.ct if len(s.instances) == 1]
    if len(found.ct) < 2 or not alone:
        _refuse_lone_pet(found)
        return found.ct
    for series, stack in alone:
        for _, (grid, _) in ((s, st) for s, st in found.ct if s is not series):
            at = grid.mm_to_index(stack[0].affine[:3, 3])
            ends = min(abs(at[2] + 1.0), abs(at[2] - grid.shape[2]))
            if stack[0].shape[:2] == grid.shape[:2] and ends < 0.1 and float(np.abs(at[:2]).max()) < 0.1:
                raise InputError(
                    "one slice belongs to no series of the study, and lies where another series ends",
                    where=where(series.first.name, "SeriesInstanceUID"),
                    remedy="take the file out, or export its series again",
                )
    kept = [pair for pair in found.ct if len(pair[0].instances) > 1] or found.ct
    if len(kept) < len(found.ct):
        found.warnings += [f"A CT of one slice was left out: {series.where}." for series, _ in alone]
    _refuse_lone_pet(found)
    return kept


def _refuse_lone_pet(found: Judged) -> None:
    alone = [p for p in found.pet if len(p.series.instances) == 1]
    if len(found.pet) > 1 and alone:
        raise InputError(
            "one slice belongs to no series of the study",
            where=where(alone[0].series.first.name, "SeriesInstanceUID"),
            remedy="take the file out, or export its series again",
        )


def _one_time_zone(found: Judged) -> tzinfo | None:
    """Bring all times to the zone of the first series that states one, and return it; keep them as they are where none does."""
    times = [p.scale.reference for p in found.pet] + [s.start for s in found.spect]
    zones = [t.tzinfo for t in times if t.tzinfo is not None]
    if not zones:
        return None
    if len(zones) < len(times):
        found.warnings.append("Some series state their time zone and some do not; those were taken to be in the same zone.")
    zone = zones[0]
    found.spect = [in_zone(s, zone) for s in found.spect]
    found.pet = [
        replace(p, scale=replace(p.scale, reference=_in(p.scale.reference, zone), administration=_shift(p.scale.administration, zone)))
        for p in found.pet
    ]
    return zone


def _in(time: Moment, zone: tzinfo | None) -> Moment:
    if time is None or zone is None or time.tzinfo is None:
        return time
    return time.astimezone(zone).replace(tzinfo=None)


def _shift(administration: Administration | None, zone: tzinfo | None) -> Administration | None:
    return None if administration is None else replace(administration, time=_in(administration.time, zone))


def _administrations(found: Judged, files: Scan, injected_at: Sequence[datetime], zone: tzinfo | None) -> None:
    """Every injection once: series of one injection repeat it, rounded as the vendor likes."""
    objects = [i for s in files.series for i in s.instances if s.sop_class == NuclearMedicineImageStorage]
    objects += [s.first for s in files.series if s.sop_class == PositronEmissionTomographyImageStorage]
    bare = any(s.injection.time is None for s in found.spect) and not injected_at
    found.injected, notes = date_injections(found.spect, stated_moments(objects, zone) if bare else {}, injected_at)
    found.warnings += notes
    unique: list[Administration] = []
    for one in [a for a in (p.scale.administration for p in found.pet) if a is not None] + administrations_of(found.spect, found.injected):
        if not any(_same_injection(one, other) for other in unique):
            unique.append(one)
    found.administrations = sorted(unique, key=lambda a: a.time)


def _same_injection(one: Administration, other: Administration) -> bool:
    near = abs((one.time - other.time).total_seconds()) <= SAME_TIME_S and abs(one.activity_mbq / other.activity_mbq - 1) < 1e-4
    return one.nuclide == other.nuclide and near


def sex_of(files: Scan) -> str | None:
    """Sex (0010,0040) where the series agree."""
    values = {text(s.first.header, "PatientSex", s.first.name).upper() for s in files.series} & {"F", "M", "O"}
    return values.pop() if len(values) == 1 else None


def stated_age(files: Scan) -> float | None:
    """Age in years from the first series that states one (0010,1010)."""
    for series in files.series:
        if text(series.first.header, "PatientAge", series.first.name) and (age := age_of(series.first)) is not None:
            return age
    return None
