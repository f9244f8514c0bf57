"""What jobs on images share: reading a study with regions, and writing its dose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neorlt.core.errors import InputError

if TYPE_CHECKING:
    from neorlt.dicom.write_dose_sr import RegionDoseRow
    from neorlt.dosimetry.uncertainty import UncertaintySettings
    from neorlt.imaging.study import Study
    from neorlt.imaging.volume import Volume


def read_aligned(
    folder: Path, psf_fwhm_mm: float | None, labels: Path | None, label_names: Path | None, register: str,
    injected_at: Sequence[datetime] = (), cycle: int | None = None,
) -> tuple[Study, list[dict[str, object]]]:
    """Read a study with regions and see to it that its time points lie on one another; returns the study and what was found.

    ``cycle`` leaves one of several cycles in the folder, counted from 1 (:func:`one_cycle`).
    """
    from dataclasses import replace

    from neorlt.dicom.read import read_study
    from neorlt.imaging.align import align_time_points

    moved = register in ("rigid", "regions")
    study = read_study(folder, psf_fwhm_mm=psf_fwhm_mm, labels=labels, label_names=label_names, several_frames=moved,
                       injected_at=injected_at)
    need_regions(study)
    study, found = align_time_points(study, register)
    if cycle is not None:
        study = one_cycle(study, cycle)
    shown = [one.sentence for one in found if one.applied or one.note or one.shift_mm > one.error_mm]
    return replace(study, warnings=(*study.warnings, *shown)), [one.as_json() for one in found]


def split_cycles(study: Study) -> list[Study]:
    """One study a therapy injection: each holds the SPECT from its injection to the next, and all other images and regions.

    Raises
    ------
    InputError
        For an injection without a SPECT after it.
    """
    parts = list(study.cycles())
    for number, part in enumerate(parts, start=1):
        if len(parts) > 1 and not part.therapy_images():
            raise InputError(
                "a cycle has no SPECT", expected="images after each injection",
                found=f"none after that of {part.administrations[-1].time:%Y-%m-%d %H:%M}", where=f"cycle {number}",
                remedy="leave the injection out, or give its images",
            )
    return parts


def one_cycle(study: Study, number: int) -> Study:
    """Cycle ``number`` (from 1) of a folder that holds several, with the study's other images and its regions.

    Raises
    ------
    InputError
        For a number that is no cycle of the study.
    """
    from dataclasses import replace

    parts = split_cycles(study)
    if not 1 <= number <= len(parts):
        given = [part.therapy_administration().time for part in parts]
        raise InputError(
            "the study has no such cycle", expected=f"1 to {len(parts)}: " + ", ".join(f"{at:%Y-%m-%d %H:%M}" for at in given),
            found=str(number), where="--cycle", remedy="give the number of a cycle, in the order of their injections",
        )
    one = parts[number - 1]
    if len(parts) == 1:
        return one
    at = one.therapy_administration().time
    said = f"The folder holds {len(parts)} cycles; this is cycle {number}, injected {at:%Y-%m-%d %H:%M}."
    return replace(one, warnings=(*one.warnings, said))


def read_uncertainty(folder: Path) -> UncertaintySettings:
    """Sizes of doubt from ``[uncertainty]`` in a study's settings.toml; the defaults where it has none."""
    from neorlt.core.toml_file import read_toml
    from neorlt.dosimetry.uncertainty import DEFAULT, settings_from

    file = Path(folder) / "settings.toml"
    table = read_toml(file, "the settings of the study").get("uncertainty", {}) if file.is_file() else {}
    if not isinstance(table, dict):
        raise InputError("uncertainty must be a table", expected="[uncertainty]", where="settings.toml", remedy="correct it")
    return settings_from(table) if table else DEFAULT


def priors_of_files(previous: Path | None, population: Path | None) -> dict[str, Any]:
    """What an earlier result and a centre's population say, as arguments of the fit."""
    from neorlt.dosimetry.population_table import read_population
    from neorlt.dosimetry.previous import read_previous

    return {
        "previous": None if previous is None else read_previous(previous),
        "population": None if population is None else read_population(population),
    }


def need_regions(study: Study) -> None:
    """Refuse a study that nobody has drawn in."""
    if not study.lesions() and not study.organs():
        raise InputError(
            "the study has no regions", expected="organs and lesions", found=f"{len(study.volumes)} images",
            remedy="add an RTSTRUCT or a SEG to the study, or give a label map with --regions LABELS.nii.gz --names NAMES.json",
        )


def write_volumes(
    study: Study, dose: Volume, tia: Volume, rows: Sequence[RegionDoseRow], work: Path, study_folder: Path, method: str
) -> list[str]:
    """Write NIfTI volumes and every DICOM object of the result to ``work/dose``; returns what a reader should know of them."""
    from neorlt.imaging.nifti import write_nifti

    folder = work / "dose"
    folder.mkdir()
    write_nifti(dose, folder / "absorbed_dose_gy.nii.gz")
    write_nifti(tia, folder / "time_integrated_activity_mbq_h_per_ml.nii.gz")
    return write_dicom(study, dose, rows, folder, study_folder, method)


def write_dicom(
    study: Study, dose: Volume, rows: Sequence[RegionDoseRow], folder: Path, study_folder: Path, method: str
) -> list[str]:
    """Write every DICOM object of a result, filed under the study's patient.

    Returns what a reader should know of objects that could not be written.
    """
    from neorlt.dicom.export import write_results
    from neorlt.dicom.owner import find_owner
    from neorlt.jobs.measure import measure_study

    owner = find_owner(study_folder, dose.grid.frame_of_reference)
    if owner is None:
        return ["The study has no CT or PET in single slices that DICOM results could refer to: the NIfTI volumes stand alone."]
    notes: list[str] = []
    lesions: list[dict[str, Any]] = []
    try:
        lesions = measure_study(study)["lesions"] if study.lesions() else []
    except InputError as error:
        # a PET that does not hold a lesion must not cost the dose
        notes.append(f"No measurement report was written: {error}")
    words = {"kernel": "voxel kernels and sphere S-values", "local": "local deposition", "montecarlo": "Monte Carlo transport"}
    return [*notes, *write_results(study, dose, rows, lesions, folder, owner, words[method])]


def dose_rows(study: Study, doses: Iterable[tuple[str, float, float, float]]) -> list[RegionDoseRow]:
    """Dose of every region as the reports state it, from its name, mass in g, mean dose and standard deviation in Gy."""
    from neorlt.dicom.write_dose_sr import RegionDoseRow

    kinds = {region.name: region.kind for region in study.regions}
    return [RegionDoseRow(name, kinds[name], mass_g, mean_gy, sd_gy) for name, mass_g, mean_gy, sd_gy in doses]
