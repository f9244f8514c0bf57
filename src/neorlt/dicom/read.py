"""Read a study: every image, region and injection of one patient, or a refusal that says what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID, RTStructureSetStorage, SegmentationStorage

from neorlt.core.anatomy import words_of
from neorlt.core.errors import InputError
from neorlt.dicom.absent import absent_images
from neorlt.dicom.doubled_regions import add_region, drawn_twice, without_wholes
from neorlt.dicom.few_voxels import of_few_voxels
from neorlt.dicom.header import text
from neorlt.dicom.hounsfield import off_the_scale
from neorlt.dicom.judge import LABELMAP_SEG, judge, sex_of, stated_age
from neorlt.dicom.judged import Judged, series_of_slices, slice_positions
from neorlt.dicom.naming import settle_roles
from neorlt.dicom.packed import unpacked
from neorlt.dicom.read_ct import read_ct
from neorlt.dicom.read_labels import read_labels
from neorlt.dicom.read_nm import read_nm
from neorlt.dicom.read_pet import read_pet
from neorlt.dicom.read_rtstruct import lies_on_images, read_rtstruct
from neorlt.dicom.read_seg import read_seg
from neorlt.dicom.repeated import of_odd_slices, of_one_moment, of_one_value, without_copies
from neorlt.dicom.scan import Instance, Series, is_dicom, read_instance, scan
from neorlt.dicom.settings import Settings, read_settings
from neorlt.dicom.whole_series import gaps
from neorlt.imaging.place import check_place
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import inside_fraction
from neorlt.imaging.study import Study
from neorlt.imaging.suv import more_than_injected, shows_ligand
from neorlt.imaging.volume import Grid, Volume


@dataclass
class _Found:
    """What has been read so far."""

    judged: Judged
    volumes: list[Volume] = field(default_factory=list)
    grids: dict[str, Grid] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """What a reader should know, of headers and of what was read."""
        return self.judged.warnings


def read_study(
    folder: Path,
    *,
    psf_fwhm_mm: float | None = None,
    labels: Path | None = None,
    label_names: Mapping[int, str] | Path | None = None,
    several_frames: bool = False,
    injected_at: Sequence[datetime] = (),
) -> Study:
    """Read CT, PET, SPECT, structure sets, segmentations and an optional label map of one patient.

    All headers are judged before any pixel is decoded. Series are told apart by their identifiers and slices by their
    positions; names of files mean nothing. ``settings.toml`` (``psf_fwhm_mm``, ``[psf_by_radius]``,
    ``[correction]``, ``[frames_of_reference]``) and ``calibration.toml`` in the folder are honoured.

    Parameters
    ----------
    folder
        The study's folder, a ZIP of it, or one file.
    psf_fwhm_mm
        Blur of the SPECT; overrules the settings file.
    labels, label_names
        Regions given beside the study, which take the place of the study's own of the same name: a NIfTI label map on its images, a
        folder with one mask an organ, or a SEG or RTSTRUCT; and the names of the labels of a map (mapping or JSON file).
    several_frames
        Let SPECT lie in frames of reference of their own, each time point with its own session: they must then be
        registered (:func:`neorlt.imaging.align.align_time_points`) before anything is measured on them.
    injected_at
        Moments of the therapy injections, where the files do not state them: each image belongs to the last one before it.

    Raises
    ------
    InputError
        For anything that would make a number wrong or cannot be read; the message says what, where and what to do.

    """
    folder = unpacked(Path(folder))
    settings = read_settings(folder if folder.is_dir() else folder.parent)
    found_files = scan(folder, same_person=settings.same_person)
    found = _Found(judge(found_files, settings, injected_at))
    _read_images(found)
    frame = _one_frame(found, settings, several_frames)
    _read_regions(found, labels, label_names)
    found.regions, said = settle_roles(found.regions, settings.roles)
    found.warnings.extend(said)
    _check_regions(found, frame)
    psf = psf_fwhm_mm if psf_fwhm_mm is not None else settings.psf_fwhm_mm
    if psf is not None and not 0 < psf < 50:
        raise InputError(
            "the blur must be a width in millimetres",
            expected="0…50",
            found=f"{psf:g}",
            where="psf_fwhm_mm",
            remedy="give the full width at half maximum of the SPECT",
        )
    study = Study(
        patient_key=found_files.patient_key,
        volumes=tuple(found.volumes),
        regions=tuple(found.regions),
        administrations=tuple(found.judged.administrations),
        weight_kg=found.judged.weight_kg,
        sex=sex_of(found_files),
        age_y=stated_age(found_files),
        psf_fwhm_mm=psf if psf is not None or settings.psf_map is None else settings.psf_map.middle_mm,
        psf_map=settings.psf_map if psf_fwhm_mm is None else None,
        calibration_cv=_calibration_cv(found, settings),
        warnings=tuple(dict.fromkeys(found.warnings)),
        sources=tuple(found.sources),
        ledger=tuple(row for volume in found.volumes for row in volume.ledger),
    )
    other = {v.nuclide for v in study.pet_images() if not shows_ligand(study, v)}
    said = [f"A PET shows {' and '.join(sorted(map(str, other)))} and no SSTR ligand: its SUV enters no plan."] if other else []
    return replace(study, warnings=tuple(dict.fromkeys((*study.warnings, *said, *more_than_injected(study), *_placed(study, settings)))))


def _placed(study: Study, settings: Settings) -> list[str]:
    """Sentences on regions that do not lie where they should.

    Raises
    ------
    InputError
        If some cannot be right and the user does not vouch for them.
    """
    found = check_place(study)
    if found and found[0].refuses and not settings.trust_place:
        raise InputError(
            found[0].sentence.rstrip("."),
            where="the regions",
            remedy="give the regions that were drawn on these images, or state trust = true with a reason under [place] in settings.toml",
        )
    trusted = [f"Regions were taken where they lie: {settings.trust_place}"] if settings.trust_place else []
    return [*trusted, *(one.sentence for one in found)]


def _read_images(found: _Found) -> None:
    timed: list[Volume] = []
    for pet in found.judged.pet:
        volume, said = read_pet(pet)
        timed.append(volume)
        found.grids[pet.series.uid] = volume.grid
        word = "SPECT stored as PET" if volume.modality == "NM" else "PET"
        found.sources.append(f"{word}, {len(pet.series.instances)} slices. {' '.join(pet.scale.notes)}")
        found.warnings.extend((*pet.scale.warnings, *said, *gaps(word, pet.series, volume.grid)))
    stored = Counter(str(v.nuclide) for v in timed if v.modality == "NM")
    found.warnings.extend(f"{what} stored as PET (0008,0016): read as SPECT ({n} images)." for what, n in stored.items())
    for spect, injected in zip(found.judged.spect, found.judged.injected, strict=True):
        volume, said = read_nm(spect, injected)
        timed.append(volume)
        uid = text(spect.instance.header, "SeriesInstanceUID", spect.instance.name)
        found.grids[uid] = volume.grid
        found.sources.append(f"SPECT, {volume.grid.shape[2]} slices. {' '.join(volume.notes)}")
        found.warnings.extend((*spect.warnings, *said))
    timed, copies = without_copies(timed)
    found.warnings.extend(copies)
    found.volumes = sorted(timed, key=lambda v: v.time or datetime.min)
    voxels = {" x ".join(f"{s:.2f}" for s in v.grid.spacing_mm) for v in timed if v.modality == "NM"}
    if len(voxels) > 1:
        found.warnings.append(f"SPECT of one study have voxels of different sizes: {'; '.join(sorted(voxels))} mm.")
    for series, stack in found.judged.ct:
        volume = read_ct(series, stack)
        found.volumes.append(volume)
        found.grids[series.uid] = volume.grid
        found.warnings.extend(gaps("CT", series, volume.grid))
        found.sources.append(f"CT, {len(series.instances)} slices. {' '.join(volume.notes)}")
    found.warnings.extend((*of_one_value(found.volumes), *of_one_moment(found.volumes), *off_the_scale(found.volumes),
                           *of_odd_slices(found.volumes)))  # fmt: skip


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
    remedy = (
        "let SPECT of several sessions be registered with --register rigid, register the series to one another yourself,"
        " or state under [frames_of_reference] in settings.toml that they are"
    )
    if several and len(still) > 1:
        remedy = "take the CT of the other sessions out of the folder: CT and PET that regions are measured on need one frame, and SPECT of"
        remedy += " the others are registered to it"
    raise InputError(
        "the images lie in different frames of reference",
        expected="one frame of reference (0020,0052)",
        found="; ".join(
            f"{', '.join(sorted({v.modality for v in found.volumes if v.grid.frame_of_reference == f}))} in …{f[-8:]}" for f in frames
        ),
        where="FrameOfReferenceUID (0020,0052)",
        remedy=remedy,
    )


def _read_regions(found: _Found, labels: Path | None, names: Mapping[int, str] | Path | None) -> None:
    positions = slice_positions(found.judged)
    given: list[Region] = []
    if labels is not None:
        given = _given_regions(found, labels, names, positions)
    structures = _on_images(_newest_first(found.judged.structures, "StructureSet"), found)
    for instance in structures:
        regions, warnings = read_rtstruct(instance, found.grids, positions)
        found.regions.extend(regions)
        found.warnings.extend((*warnings, *absent_images(instance, found.judged.uids)))
        found.sources.append(f"Structure set with {len(regions)} regions.")
    for instance in _newest_first(found.judged.segmentations, "Content"):
        regions, warnings = read_seg(instance, found.grids, positions, series_of_slices(found.judged))
        found.regions.extend(regions)
        found.warnings.extend((*warnings, *absent_images(instance, found.judged.uids)))
        found.sources.append(f"Segmentation with {len(regions)} regions.")
    replaced = {words_of(r.name) for r in given} & {words_of(r.name) for r in found.regions}
    if replaced:
        names_ = ", ".join(repr(r.name) for r in given if words_of(r.name) in replaced)
        found.warnings.append(f"Given regions take the place of those of the study: {names_}.")
    found.regions = [r for r in found.regions if words_of(r.name) not in replaced] + given


def _on_images(structures: list[Instance], found: _Found) -> list[Instance]:
    """Structure sets less those drawn in frames of reference that no image of the study has, where there are others beside them.

    An MR in the folder is left out by name, and the structures drawn on it with it.
    """
    kept = [i for i in structures if lies_on_images(i, found.grids)]
    if not kept and not found.judged.segmentations:
        return structures
    found.warnings.extend(
        f"A structure set was left out: it is drawn in a frame of reference that no image of the study has, in {i.name}."
        for i in structures
        if i not in kept
    )
    return kept


def _newest_first(series: Sequence[Series], stem: str) -> list[Instance]:
    """Objects of several series, the last written first by its own date and time: of two versions of a region the first stays."""
    everything = [instance for one in series for instance in one.instances]
    keywords = (f"{stem}Date", f"{stem}Time", "SOPInstanceUID")
    return sorted(everything, key=lambda i: tuple(text(i.header, keyword, i.name) for keyword in keywords), reverse=True)


def _given_regions(
    found: _Found, path: Path, names: Mapping[int, str] | Path | None, positions: Mapping[str, NDArray[np.float64]]
) -> list[Region]:
    """Regions that the user gives beside the study: a label map, a folder of masks, or a corrected SEG or RTSTRUCT.

    Raises
    ------
    InputError
        If a DICOM file holds no regions.
    """
    if path.is_file() and is_dicom(path):
        instance = read_instance(path, path.name)
        kind = "" if instance is None else text(instance.header, "SOPClassUID", path.name)
        if instance is not None and kind == RTStructureSetStorage:
            regions, warnings = read_rtstruct(instance, found.grids, positions)
        elif instance is not None and kind in (SegmentationStorage, LABELMAP_SEG):
            regions, warnings = read_seg(instance, found.grids, positions, series_of_slices(found.judged))
        else:
            raise InputError(
                "the file holds no regions", expected="a label map, SEG or RTSTRUCT", found=UID(kind).name, where=path.name,
                remedy="give the file that the drawing program wrote",
            )  # fmt: skip
        warnings += absent_images(instance, found.judged.uids)
        what = "Given structure set" if kind == RTStructureSetStorage else "Given segmentation"
    else:
        image = next((v.grid for v in found.volumes if v.modality == "CT"), found.volumes[0].grid)
        regions, warnings = read_labels(path, names, image.frame_of_reference, image)
        what = "Label map"
    found.warnings.extend(warnings)
    found.sources.append(f"{what} with {len(regions)} regions.")
    return regions


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
        kept = add_region(region, kept, found.warnings)
    found.regions = without_wholes(kept, found.warnings)
    found.warnings.extend(of_few_voxels(kept, [v.grid for v in found.volumes]))
    found.warnings.extend(drawn_twice(found.regions))


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


def _calibration_cv(found: _Found, settings: Settings) -> float | None:
    """Uncertainty of the calibration that scaled the SPECT, None where they hold a scale of their own."""
    used = any(spect.scale.calibrated for spect in found.judged.spect)
    return settings.calibration.relative_sd if used and settings.calibration is not None else None
