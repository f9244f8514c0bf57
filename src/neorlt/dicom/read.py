"""Read a study: every image, region and injection of one patient, or a refusal that says what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    UID,
    CTImageStorage,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

from neorlt.core.errors import InputError
from neorlt.dicom.header import number, numbers, text, where
from neorlt.dicom.read_ct import check_ct, read_ct, without_localizers
from neorlt.dicom.read_labels import read_labels
from neorlt.dicom.read_nm import SpectObject, administrations_of, in_zone, is_reconstructed, judge_nm, read_nm
from neorlt.dicom.read_pet import PetSeries, judge_pet, read_pet
from neorlt.dicom.read_rtstruct import read_rtstruct
from neorlt.dicom.read_seg import read_seg
from neorlt.dicom.scan import Scan, Series, scan
from neorlt.dicom.settings import CALIBRATION, Settings, read_settings
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import inside_fraction, region_on
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Volume

T = TypeVar("T", datetime, datetime | None)

LABELMAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage."""
SAME_LESION_DICE = 0.8
"""Two lesions that overlap this much are one lesion drawn twice."""


@dataclass
class _Found:
    """What has been judged and read so far."""

    ct: list[Series] = field(default_factory=list)
    pet: list[PetSeries] = field(default_factory=list)
    spect: list[SpectObject] = field(default_factory=list)
    structures: list[Series] = field(default_factory=list)
    segmentations: list[Series] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    grids: dict[str, Grid] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


def read_study(
    folder: Path,
    *,
    psf_fwhm_mm: float | None = None,
    labels: Path | None = None,
    label_names: Mapping[int, str] | Path | None = None,
    several_frames: bool = False,
) -> Study:
    """Read CT, PET, SPECT, structure sets, segmentations and an optional label map of one patient.

    All headers are judged before any pixel is decoded. Series are told apart by their identifiers and slices by their
    positions; names of files mean nothing. ``settings.toml`` (``psf_fwhm_mm``, ``[psf_by_radius]``,
    ``[correction]``, ``[frames_of_reference]``) and ``calibration.toml`` in the folder are honoured.

    Parameters
    ----------
    folder
        The study's folder, or one file.
    psf_fwhm_mm
        Blur of the SPECT; overrules the settings file.
    labels, label_names
        A NIfTI label map on the study's images, and the names of its labels (mapping or JSON file).
    several_frames
        Let SPECT lie in frames of reference of their own, each time point with its own session: they must then be
        registered (:func:`neorlt.imaging.align.align_time_points`) before anything is measured on them.

    Raises
    ------
    InputError
        For anything that would make a number wrong or cannot be read; the message says what, where and what to do.

    """
    found_files = scan(Path(folder))
    settings = read_settings(found_files.root)
    found = _judge(found_files, settings)
    _one_time_zone(found)
    administrations = _administrations(found)
    _read_images(found)
    frame = _one_frame(found, settings, several_frames)
    _read_regions(found, labels, label_names)
    _check_regions(found, frame)
    weight = settings.weight_kg if settings.weight_kg is not None else _one_number(found_files, "PatientWeight")
    if settings.reason:
        found.warnings.append(f"Header values were corrected by settings.toml: {settings.reason}")
    psf = psf_fwhm_mm if psf_fwhm_mm is not None else settings.psf_fwhm_mm
    if psf is not None and not 0 < psf < 50:
        raise InputError(
            "the blur must be a width in millimetres",
            expected="0…50",
            found=f"{psf:g}",
            where="psf_fwhm_mm",
            remedy="give the full width at half maximum of the SPECT",
        )
    return Study(
        patient_key=found_files.patient_key,
        volumes=tuple(found.volumes),
        regions=tuple(found.regions),
        administrations=tuple(administrations),
        weight_kg=weight,
        sex=_sex(found_files),
        age_y=_age(found_files),
        psf_fwhm_mm=psf if psf is not None or settings.psf_map is None else settings.psf_map.middle_mm,
        psf_map=settings.psf_map if psf_fwhm_mm is None else None,
        calibration_cv=_calibration_cv(found, settings),
        warnings=tuple(found.warnings),
        sources=tuple(found.sources),
    )


def _judge(files: Scan, settings: Settings) -> _Found:
    """Sort the series by kind and judge every header."""
    found = _Found()
    left_out: Counter[str] = Counter()
    for series in files.series:
        kind = series.sop_class
        if kind == CTImageStorage:
            kept = without_localizers(series)
            if kept is not None:
                check_ct(kept)
                found.ct.append(kept)
        elif kind == PositronEmissionTomographyImageStorage:
            found.pet.append(judge_pet(series, settings))
        elif kind == NuclearMedicineImageStorage:
            for instance in series.instances:
                if is_reconstructed(instance):
                    found.spect.append(judge_nm(instance, settings))
                else:
                    left_out["NM that is not reconstructed slices (RECON TOMO)"] += 1
        elif kind == RTStructureSetStorage:
            found.structures.append(series)
        elif kind in (SegmentationStorage, LABELMAP_SEG):
            found.segmentations.append(series)
        else:
            left_out[UID(kind).name] += len(series.instances)
    for what, count in sorted(left_out.items()):
        found.warnings.append(f"{count} object{'s' if count > 1 else ''} left out: {what}.")
    _refuse_stray(found.ct)
    _refuse_stray([p.series for p in found.pet])
    if not (found.ct or found.pet or found.spect):
        raise InputError(
            "the study holds no image that can be used",
            expected="CT, PET or reconstructed SPECT",
            found=", ".join(f"{n} x {what}" for what, n in sorted(left_out.items())) or "regions only",
            where=files.series[0].where,
            remedy="point to the folder with the images",
        )
    return found


def _refuse_stray(series: list[Series]) -> None:
    """Refuse a lone slice beside other series of its kind: it has lost the stack that it belongs to."""
    alone = [s for s in series if len(s.instances) == 1]
    if len(series) > 1 and alone:
        raise InputError(
            "one slice belongs to no series of the study",
            where=where(alone[0].first.name, "SeriesInstanceUID"),
            remedy="take the file out, or export its series again",
        )


def _one_time_zone(found: _Found) -> None:
    """Bring all times to the zone of the first series that states one; keep them as they are where none does."""
    times = [p.scale.reference for p in found.pet] + [s.time for s in found.spect]
    zones = [t.tzinfo for t in times if t.tzinfo is not None]
    if not zones:
        return
    if len(zones) < len(times):
        found.warnings.append("Some series state their time zone and some do not; those were taken to be in the same zone.")
    zone = zones[0]
    found.spect = [in_zone(s, _in(s.time, zone)) for s in found.spect]
    found.spect = [replace(s, injection=replace(s.injection, time=_in(s.injection.time, zone))) for s in found.spect]
    found.pet = [
        replace(p, scale=replace(p.scale, reference=_in(p.scale.reference, zone), administration=_shift(p.scale.administration, zone)))
        for p in found.pet
    ]


def _in(time: T, zone: tzinfo | None) -> T:
    if time is None or zone is None or time.tzinfo is None:
        return time
    return time.astimezone(zone).replace(tzinfo=None)


def _shift(administration: Administration | None, zone: tzinfo | None) -> Administration | None:
    return None if administration is None else replace(administration, time=_in(administration.time, zone))


def _administrations(found: _Found) -> list[Administration]:
    """Every injection once: series of one injection repeat it, rounded as the vendor likes."""
    spect, notes = administrations_of(found.spect)
    found.warnings.extend(notes)
    unique: list[Administration] = []
    for one in [a for a in (p.scale.administration for p in found.pet) if a is not None] + spect:
        if not any(_same_injection(one, other) for other in unique):
            unique.append(one)
    return sorted(unique, key=lambda a: a.time)


def _same_injection(one: Administration, other: Administration) -> bool:
    near = abs((one.time - other.time).total_seconds()) <= 1.0 and abs(one.activity_mbq / other.activity_mbq - 1) < 1e-4
    return one.nuclide == other.nuclide and near


def _read_images(found: _Found) -> None:
    timed: list[Volume] = []
    for pet in found.pet:
        volume = read_pet(pet)
        timed.append(volume)
        found.grids[pet.series.uid] = volume.grid
        found.sources.append(f"PET, {len(pet.series.instances)} slices. {' '.join(pet.scale.notes)}")
        found.warnings.extend(pet.scale.warnings)
    for spect in found.spect:
        volume = read_nm(spect)
        timed.append(volume)
        uid = text(spect.instance.header, "SeriesInstanceUID", spect.instance.name)
        found.grids[uid] = volume.grid
        found.sources.append(f"SPECT, {volume.grid.shape[2]} slices. {' '.join(spect.notes)}")
        found.warnings.extend(spect.warnings)
    found.volumes = sorted(timed, key=lambda v: v.time or datetime.min)
    for series in found.ct:
        volume = read_ct(series)
        found.volumes.append(volume)
        found.grids[series.uid] = volume.grid
        found.sources.append(f"CT, {len(series.instances)} slices. {' '.join(volume.notes)}")


def _one_frame(found: _Found, settings: Settings, several: bool) -> str:
    """Return the study's frame of reference; refuse images of several: their coordinates do not fit one another.

    Raises
    ------
    InputError
        If frames differ and the settings do not say that they are one.

    """
    frames = Counter(v.grid.frame_of_reference for v in found.volumes)
    if len(frames) == 1:
        return found.volumes[0].grid.frame_of_reference
    still = Counter(v.grid.frame_of_reference for v in found.volumes if v.modality != "NM")
    if several and len(still) == 1:
        frame = next(iter(still))
        if any(v.modality == "NM" and v.grid.frame_of_reference == frame for v in found.volumes):
            found.warnings.append(f"SPECT lie in {len(frames)} frames of reference and are registered to that of the CT.")
            return frame
    if settings.frames_as_one:
        one = frames.most_common(1)[0][0]
        found.volumes = [replace(v, grid=replace(v.grid, frame_of_reference=one)) for v in found.volumes]
        found.warnings.append(f"{len(frames)} frames of reference were taken as one: {settings.frames_reason}")
        return one
    raise InputError(
        "the images lie in different frames of reference",
        expected="one frame of reference (0020,0052)",
        found="; ".join(
            f"{', '.join(sorted({v.modality for v in found.volumes if v.grid.frame_of_reference == f}))} in …{f[-8:]}" for f in frames
        ),
        where="FrameOfReferenceUID (0020,0052)",
        remedy="let SPECT of several sessions be registered with --register rigid, register the series to one another yourself,"
        " or state under [frames_of_reference] in settings.toml that they are",
    )


def _read_regions(found: _Found, labels: Path | None, names: Mapping[int, str] | Path | None) -> None:
    positions = _positions(found)
    for series in found.structures:
        for instance in series.instances:
            regions, warnings = read_rtstruct(instance, found.grids, positions)
            found.regions.extend(regions)
            found.warnings.extend(warnings)
            found.sources.append(f"Structure set with {len(regions)} regions.")
    for series in found.segmentations:
        for instance in series.instances:
            regions, warnings = read_seg(instance)
            found.regions.extend(regions)
            found.warnings.extend(warnings)
            found.sources.append(f"Segmentation with {len(regions)} regions.")
    if labels is not None:
        image = next((v.grid for v in found.volumes if v.modality == "CT"), found.volumes[0].grid)
        regions = read_labels(labels, names, image.frame_of_reference, image)
        found.regions.extend(regions)
        found.sources.append(f"Label map with {len(regions)} regions.")


def _positions(found: _Found) -> dict[str, NDArray[np.float64]]:
    """Image Position (Patient) of every CT and PET slice by its SOP Instance UID."""
    slices = [instance for series in (*found.ct, *(p.series for p in found.pet)) for instance in series.instances]
    return {
        text(i.header, "SOPInstanceUID", i.name): np.array(position)
        for i in slices
        if (position := numbers(i.header, "ImagePositionPatient", 3, i.name)) is not None
    }


def _check_regions(found: _Found, frame: str) -> None:
    """Give every region the study's frame, drop copies, and refuse those outside the images."""
    known = {g.frame_of_reference for g in found.grids.values()} | {frame}
    kept: list[Region] = []
    for region in found.regions:
        if region.grid.frame_of_reference not in known:
            raise InputError(
                f"region {region.name!r} lies in a frame of reference that no image of the study has",
                where=f"{region.source} FrameOfReferenceUID (0020,0052)",
                remedy="give the images that it was drawn on",
            )
        if region.grid.frame_of_reference != frame:
            region = replace(region, grid=replace(region.grid, frame_of_reference=frame))
        _refuse_outside(region, found, frame)
        kept = _add(region, kept, found.warnings)
    found.regions = kept
    _warn_twice_drawn(found)


def _refuse_outside(region: Region, found: _Found, frame: str) -> None:
    inside = [(v, inside_fraction(region, v.grid)) for v in found.volumes if v.grid.frame_of_reference == frame]
    if max(part for _, part in inside) < 0.5:
        raise InputError(
            f"region {region.name!r} lies outside every image",
            where=region.source,
            remedy="give the images that it was drawn on, or draw it again",
        )
    if region.kind is RegionKind.BODY:
        return
    worst, part = min(inside, key=lambda pair: pair[1])
    if part < 0.95:
        found.warnings.append(f"Region {region.name!r}: only {100 * part:.0f} % lies inside the {worst.modality} image.")


def _add(region: Region, kept: list[Region], warnings: list[str]) -> list[Region]:
    """Add a region; the same region from two sources (SEG and RTSTRUCT) counts once, the first stays."""
    for other in kept:
        if other.name == region.name:
            if dice(other, region) > SAME_LESION_DICE:
                return kept
            names = {r.name for r in kept}
            n = next(i for i in range(2, len(kept) + 3) if f"{region.name} ({i})" not in names)
            warnings.append(f"Two regions are named {region.name!r} and differ; the second is shown as '{region.name} ({n})'.")
            return [*kept, replace(region, name=f"{region.name} ({n})")]
    return [*kept, region]


def dice(one: Region, other: Region) -> float:
    """Overlap of two regions, 0…1, on the finer grid of the two."""
    fine, coarse = (one, other) if one.grid.voxel_ml <= other.grid.voxel_ml else (other, one)
    a, b = fine.occupancy, region_on(coarse, fine.grid)
    shared = float(np.minimum(a, b).sum(dtype=np.float64)) * fine.grid.voxel_ml
    return 2.0 * shared / (one.volume_ml + other.volume_ml)


def _warn_twice_drawn(found: _Found) -> None:
    lesions = [r for r in found.regions if r.kind is RegionKind.LESION]
    for n, one in enumerate(lesions):
        for other in lesions[n + 1 :]:
            if dice(one, other) > SAME_LESION_DICE:
                found.warnings.append(f"Lesions {one.name!r} and {other.name!r} are one lesion drawn twice; count it once.")


def _calibration_cv(found: _Found, settings: Settings) -> float | None:
    """Uncertainty of the calibration that scaled the SPECT, None where they hold a scale of their own."""
    used = any(CALIBRATION in note for spect in found.spect for note in spect.notes)
    return settings.calibration.relative_sd if used and settings.calibration is not None else None


def _one_number(files: Scan, keyword: str) -> float | None:
    """A patient attribute that all files agree about, or None.

    Raises
    ------
    InputError
        If files of one study (0020,000D) disagree.

    """
    by_study: dict[str, tuple[float, str]] = {}
    for series in files.series:
        for instance in series.instances:
            value = number(instance.header, keyword, instance.name)
            if value is None or value == 0:
                continue
            study = text(instance.header, "StudyInstanceUID", instance.name)
            first = by_study.setdefault(study, (value, instance.name))
            if abs(first[0] - value) > 1e-6 * abs(value):
                raise InputError(
                    f"the files of one study disagree about {keyword}",
                    expected=f"{first[0]:g}",
                    found=f"{value:g}",
                    where=where(instance.name, keyword),
                    remedy="correct it in the PACS, or in settings.toml",
                )
    return next(iter(by_study.values()))[0] if by_study else None


def _sex(files: Scan) -> str | None:
    values = {text(s.first.header, "PatientSex", s.first.name).upper() for s in files.series} & {"F", "M", "O"}
    return values.pop() if len(values) == 1 else None


def _age(files: Scan) -> float | None:
    """Age in years from (0010,1010), ``nnnD``, ``nnnW``, ``nnnM`` or ``nnnY``."""
    per_year = {"D": 365.25, "W": 365.25 / 7.0, "M": 12.0, "Y": 1.0}
    for series in files.series:
        value = text(series.first.header, "PatientAge", series.first.name).upper()
        if len(value) == 4 and value[:3].isdigit() and value[3] in per_year:
            return int(value[:3]) / per_year[value[3]]
    return None
