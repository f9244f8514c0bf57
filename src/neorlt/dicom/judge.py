"""Sort a study's series by kind and judge every header: what can be used, what is left out by name, what is refused.

Facts have an address: weight, activity and time of injection belong to a series or its study, and a correction counts for what it
names. One that names nothing counts where it is the only way to read a series, or where there is no choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
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
from neorlt.dicom.absent import corrected_by_absent_ct
from neorlt.dicom.codes import nuclide_of_item
from neorlt.dicom.enhanced import SINGLE, slices_of
from neorlt.dicom.header import moment, number, numbers, text, where
from neorlt.dicom.injections import administrations_of, date_injections, stated_moments
from neorlt.dicom.pet_scale import NotUsableError
from neorlt.dicom.pixels import slice_stack
from neorlt.dicom.read_ct import check_ct, without_localizers
from neorlt.dicom.read_nm import SpectObject, in_zone, judge_nm, kind_of
from neorlt.dicom.read_pet import PetSeries, age_of, is_therapy, judge_pet
from neorlt.dicom.scan import Instance, Scan, Series
from neorlt.dicom.settings import NONE, SETTINGS, Address, Correction, Settings
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid
from neorlt.nuclides.imaged import joins_a_curve

T = TypeVar("T")
Moment = TypeVar("Moment", datetime, datetime | None)
Stack = tuple[Grid, tuple[Instance, ...]]
LABELMAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage."""
SAME_TIME_S = 1.0
MOST_APART = 1.5
"""Slices that lie this many thicknesses apart leave gaps: some may be missing evenly."""


@dataclass
class Judged:
    """Series that can be used, by kind, and what a reader should know."""

    ct: list[tuple[Series, Stack]] = field(default_factory=list)
    pet: list[PetSeries] = field(default_factory=list)
    spect: list[SpectObject] = field(default_factory=list)
    injected: list[datetime] = field(default_factory=list)
    """Moment of injection of each SPECT."""
    structures: list[Series] = field(default_factory=list)
    segmentations: list[Series] = field(default_factory=list)
    administrations: list[Administration] = field(default_factory=list)
    weight_kg: float | None = None
    warnings: list[str] = field(default_factory=list)
    uids: frozenset[str] = frozenset()
    """SOP Instance UIDs of all objects, also of those left out."""


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
    corrections = _Corrections(files, settings)
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
                    address = _address(series, instance, "NM")
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
    found.warnings += _of_whole_series(found)
    found.warnings += _lossy(found)
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


def _spect(instance: Instance, address: Address, settings: Settings, corrections: _Corrections) -> SpectObject:
    return corrections.judge(address, lambda c: judge_nm(instance, settings, c), lambda made: made.injection.time is None)


def _ct(series: Series, found: Judged, refused: list[tuple[str, InputError]]) -> None:
    try:
        check_ct(series)
        found.ct.append((series, slice_stack(series)))
    except InputError as error:
        refused.append(("CT", error))


def _pet(
    series: Series, found: Judged, refused: list[tuple[str, InputError]], corrections: _Corrections, injected_at: Sequence[datetime]
) -> None:
    address = _address(series, series.first, "PT")
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


def _address(series: Series, instance: Instance, modality: str) -> Address:
    header, name = instance.header, instance.name
    items = header.get("RadiopharmaceuticalInformationSequence")
    try:
        nuclide = nuclide_of_item(items[0], name) if items else None
    except InputError:  # judged later
        nuclide = None
    return Address(series.uid, text(header, "StudyInstanceUID", name), modality, nuclide)


class _Corrections:
    """The user's corrections, and which of them were used for what."""

    def __init__(self, files: Scan, settings: Settings) -> None:
        self._settings = settings
        self._files = files
        self._used: dict[Correction, list[str]] = {}
        addresses = [_address(s, i, m) for s, i, m in _activity_objects(files)]
        self._one_injection = len({a.nuclide for a in addresses}) <= 1
        self._weights, self._disagree = _weights(files)
        self._one_weight = len({round(w, 3) for w, _ in self._weights.values()}) <= 1

    def judge(self, address: Address, judge: Callable[[Correction], T], lacks: Callable[[T], bool] = lambda _: False) -> T:
        """Judge a series with what was stated for it; with the bare correction where it fails without, or ``lacks`` a time."""
        specific, bare = self._settings.correction_of(address), self._settings.bare
        wide = specific.over(bare)
        narrow = specific.over(
            replace(
                bare,
                weight_kg=bare.weight_kg if self._one_weight else None,
                injected_activity_mbq=bare.injected_activity_mbq if self._one_injection else None,
                injection_time=bare.injection_time if self._one_injection else None,
            )
        )
        narrow = replace(narrow, reason=wide.reason)
        name = f"{'SPECT' if address.modality == 'NM' else 'PET'} {address.nuclide or ''}".strip()
        for one in self._settings.addressed:
            if one.address in address.keys:
                self._note(one, name)
        if narrow == wide:
            if bare != NONE:
                self._note(bare, name)
            return judge(wide)
        if bare.weight_kg is not None and self._one_weight:
            self._note(bare, name)
        try:
            made = judge(narrow)
            if bare.injection_time is None or not lacks(made):
                return made
        except NotUsableError:
            raise
        except InputError:
            pass
        made = judge(wide)
        self._note(bare, name)
        return made

    def _note(self, correction: Correction, name: str) -> None:
        names = self._used.setdefault(correction, [])
        if name not in names:
            names.append(name)

    def sentences(self) -> list[str]:
        """What was corrected, and why.

        Raises
        ------
        InputError
            If a correction was used for nothing.
        """
        unused = [c for c in (self._settings.bare, *self._settings.addressed) if c not in self._used and c != NONE]
        if unused and not unused[0].address and unused[0].weight_kg is not None and not unused[0].of_injection:
            unused = unused[1:]  # a weight counts for the study as a whole
        if unused:
            one = unused[0]
            raise InputError(
                "a correction corrects nothing" if one.address else "a correction does not say what it corrects",
                expected='[correction."<Series or Study Instance UID, PT, NM or a nuclide>"]',
                found=f"[correction.{one.address!r}]" if one.address else "every series states its own values, and there are several",
                where=SETTINGS,
                remedy="name the series, the modality or the nuclide that it is meant for, or take it out",
            )
        said = [f"Header values of {', '.join(n)} were corrected by settings.toml: {c.reason}" for c, n in self._used.items() if c.reason]
        if self._settings.bare.weight_kg is not None and self._settings.bare not in self._used:
            said.append(f"Header values were corrected by settings.toml: {self._settings.bare.reason}")
        return said

    def weight(self, found: Judged) -> float | None:
        """The patient's weight at the therapy, else at the last PET; named where studies differ.

        Raises
        ------
        InputError
            If the files of one study disagree and nothing corrects it.
        """
        by_study = {study: w for study, (w, _) in self._weights.items()}
        for study in by_study:
            stated = self._settings.correction_of(Address("", study, "")).weight_kg
            by_study[study] = by_study[study] if stated is None else stated
        bare = self._settings.bare.weight_kg
        if bare is not None and self._one_weight:
            return bare
        if self._disagree is not None:
            raise self._disagree
        if len({round(w, 3) for w in by_study.values()}) > 1:
            values = ", ".join(f"{w:g} kg" for w in by_study.values())
            found.warnings.append(f"The patient's weight differs between studies ({values}): each SUV is by that of its own study.")
        for spect in reversed(found.spect):
            study = text(spect.instance.header, "StudyInstanceUID", spect.instance.name)
            if study in by_study:
                return by_study[study]
        last = max((p for p in found.pet if p.header.weight_kg), key=lambda p: p.scale.reference.replace(tzinfo=None), default=None)
        if last is not None:
            return last.header.weight_kg
        return next(iter(by_study.values()), bare)


def _activity_objects(files: Scan) -> Iterator[tuple[Series, Instance, str]]:
    for series in files.series:
        if series.sop_class == PositronEmissionTomographyImageStorage:
            yield series, series.first, "PT"
        elif series.sop_class == NuclearMedicineImageStorage:
            for instance in series.instances:
                if kind_of(instance) == "RECON TOMO":
                    yield series, instance, "NM"


def _weights(files: Scan) -> tuple[dict[str, tuple[float, str]], InputError | None]:
    """Weight (0010,1030) of each study (0020,000D) with a file that states it, and the refusal where its files disagree."""
    by_study: dict[str, tuple[float, str]] = {}
    disagree: InputError | None = None
    for series in files.series:
        for instance in series.instances:
            value = number(instance.header, "PatientWeight", instance.name)
            if value is None or value == 0:
                continue
            study = text(instance.header, "StudyInstanceUID", instance.name)
            first = by_study.setdefault(study, (value, instance.name))
            if abs(first[0] - value) > 1e-6 * abs(value) and disagree is None:
                disagree = InputError(
                    "the files of one study disagree about PatientWeight",
                    expected=f"{first[0]:g}",
                    found=f"{value:g}",
                    where=where(instance.name, "PatientWeight"),
                    remedy="correct it in the PACS, or state weight_kg under [correction] in settings.toml",
                )
    return by_study, disagree


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


def _of_whole_series(found: Judged) -> list[str]:
    """Compare series with the number of slices that they state (0054,0081) and with their siblings."""
    said = []
    for pet in found.pet:
        first = pet.series.first
        stated = number(first.header, "NumberOfSlices", first.name)
        if stated is not None and stated > len(pet.series.instances):
            said.append(
                f"PET: the header counts {stated:g} slices (0054,0081), {len(pet.series.instances)} are there: the series was cropped or is"
                " not whole."
            )
    for spect in found.spect:
        stated, frames = number(spect.instance.header, "NumberOfSlices", spect.instance.name), spect.grid.shape[2]
        if stated is not None and stated != frames:
            said.append(
                f"SPECT: the header counts {stated:g} slices (0054,0081), {frames} are there: the series was cropped or is not whole."
            )
    for series, _ in found.ct:
        for keyword, word in (("RescaleSlope", "Rescale Slope (0028,1053)"), ("RescaleIntercept", "Rescale Intercept (0028,1052)")):
            values = {round(v, 9) for i in series.instances if (v := number(i.header, keyword, i.name)) is not None}
            if len(values) > 1:
                said.append(
                    f"CT: {word} differs between slices ({min(values):g} to {max(values):g}), which no scanner does: some were changed, and"
                    " their HU with them."
                )
    if not found.ct and any(corrected_by_absent_ct(p.series.first) for p in found.pet):
        said.append("PET: a CT corrected its attenuation (0054,1101), and no CT is there: nothing can be said about HU or the body.")
    return [*said, *_unlike_siblings(found)]


def _lossy(found: Judged) -> list[str]:
    """Say which images were compressed with loss (0028,2110): their numbers are not the scanner's."""
    used = [("CT", s.first) for s, _ in found.ct] + [("PET", p.series.first) for p in found.pet]
    used += [("SPECT", s.instance) for s in found.spect]
    said = []
    for word, first in used:
        if text(first.header, "LossyImageCompression", first.name) == "01":
            ratio = text(first.header, "LossyImageCompressionRatio", first.name)
            times = f", {ratio} times" if ratio else ""
            what = f"{word}: compressed with loss (0028,2110){times}: its numbers are not the scanner's"
            said.append(f"{what}. Use the original where it is kept.")
    return list(dict.fromkeys(said))


def _unlike_siblings(found: Judged) -> list[str]:
    """Say where images of one therapy nuclide have different numbers of slices."""
    shown = {(p.scale.nuclide, len(p.series.instances)) for p in found.pet if is_therapy(p.scale)}
    shown |= {(s.injection.nuclide, s.grid.shape[2]) for s in found.spect}
    said = []
    for nuclide in sorted({n for n, _ in shown}):
        counts = sorted(count for n, count in shown if n == nuclide)
        if len(counts) > 1:
            said.append(
                f"Images of {nuclide} have {', '.join(map(str, counts[:-1]))} and {counts[-1]} slices: is the shortest whole? What lies"
                " outside it is not in its activity."
            )
    return said


def gaps(word: str, series: Series, grid: Grid) -> list[str]:
    """Say where slices lie further apart than they are thick (0018,0050): every second one may be missing, and the rest is even."""
    thick = number(series.first.header, "SliceThickness", series.first.name)
    if not thick or len(series.instances) < 2 or grid.spacing_mm[2] <= MOST_APART * thick:
        return []
    return [f"{word}: slices are {thick:g} mm thick (0018,0050) and {grid.spacing_mm[2]:g} mm apart: is every second one missing?"]


def slice_positions(found: Judged) -> dict[str, NDArray[np.float64]]:
    """Image Position (Patient) of every CT and PET slice by its SOP Instance UID."""
    slices = [i for series in (*(s for s, _ in found.ct), *(p.series for p in found.pet)) for i in series.instances]
    return {
        text(i.header, "SOPInstanceUID", i.name): np.array(position)
        for i in slices
        if (position := numbers(i.header, "ImagePositionPatient", 3, i.name)) is not None
    }


def series_of_slices(found: Judged) -> dict[str, str]:
    """Series Instance UID of every CT and PET slice by its SOP Instance UID."""
    every = (*(s for s, _ in found.ct), *(p.series for p in found.pet))
    return {text(i.header, "SOPInstanceUID", i.name): series.uid for series in every for i in series.instances}


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

