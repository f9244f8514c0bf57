"""The user's corrections, what each counts for, and the patient's weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from pydicom.uid import NuclearMedicineImageStorage, PositronEmissionTomographyImageStorage

from neorlt.core.errors import InputError
from neorlt.dicom.codes import nuclide_of_item
from neorlt.dicom.header import number, text, where
from neorlt.dicom.judged import Judged
from neorlt.dicom.pet_scale import NotUsableError
from neorlt.dicom.read_nm import kind_of
from neorlt.dicom.scan import Instance, Scan, Series
from neorlt.dicom.settings import NONE, SETTINGS, Address, Correction, Settings

T = TypeVar("T")


def address_of(series: Series, instance: Instance, modality: str) -> Address:
    """What a correction may name a series by: its UID, its study's, its modality, its nuclide (None where it is not understood)."""
    header, name = instance.header, instance.name
    items = header.get("RadiopharmaceuticalInformationSequence")
    try:
        nuclide = nuclide_of_item(items[0], name) if items else None
    except InputError:  # judged later
        nuclide = None
    return Address(series.uid, text(header, "StudyInstanceUID", name), modality, nuclide)


class Corrections:
    """The user's corrections, and which of them were used for what."""

    def __init__(self, files: Scan, settings: Settings) -> None:
        self._settings = settings
        self._files = files
        self._used: dict[Correction, list[str]] = {}
        addresses = [address_of(s, i, m) for s, i, m in _activity_objects(files)]
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
