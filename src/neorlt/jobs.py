"""The main job: from a study and a patient file to a report. Rooms do the work; here they are joined, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.core.manifest import build_manifest, to_json
from neorlt.core.output import atomic_folder

if TYPE_CHECKING:
    from neorlt.dosimetry.commands import DoseResult
    from neorlt.imaging.study import Study
    from neorlt.reporting.picture import Picture

CURVE_POINTS = 60
CURVE_DRAWS = 300
HISTOGRAM_POINTS = 80


def run_plan(
    study_folder: Path | None, patient_file: Path | None, out: Path, *, schemes: Sequence[str] = (), labels: Path | None = None,
    label_names: Path | None = None, psf_fwhm_mm: float | None = None, partial_volume: bool = True, n_draws: int = 1000, seed: int = 1,
) -> dict[str, Any]:
    """Read, measure, predict, compare, and write ``report.html``, ``plan.json``, ``run.json`` and the dose volumes.

    Returns the plan document. Nothing is left in ``out`` if a step fails.
    """
    from neorlt.planning.document import plan_document
    from neorlt.planning.patient import read_patient
    from neorlt.planning.scheme import load_scheme, standard_schemes
    from neorlt.reporting.report import render_report

    if study_folder is None and patient_file is None:
        raise InputError("there is nothing to plan from", remedy="give a study folder, --patient patient.toml, or both")
    patient = read_patient(patient_file) if patient_file is not None else None
    chosen = tuple(load_scheme(text) for text in schemes) if schemes else standard_schemes()
    with atomic_folder(out) as work:
        pictures: list[Picture] = []
        if study_folder is None:
            assert patient is not None
            document = plan_document(patient, chosen, synthetic=_synthetic(patient.id), n_draws=n_draws, seed=seed)
        else:
            from neorlt.dicom.read import read_study
            from neorlt.dosimetry.commands import compute_doses
            from neorlt.planning.merge import merge_patient

            study = read_study(study_folder, psf_fwhm_mm=psf_fwhm_mm, labels=labels, label_names=label_names)
            _need_regions(study)
            result = compute_doses(study, psf_fwhm_mm=psf_fwhm_mm, correct=partial_volume, seed=seed, n_draws=n_draws)
            merged = merge_patient(patient, study, image_lesions(study))
            by_name = {dose.name: dose for dose in result.doses}
            document = plan_document(
                merged.patient, chosen,
                lesion_doses={lesion.name: by_name[lesion.name] for lesion in study.lesions() if lesion.name in by_name},
                kidney_doses={name: dose for name, dose in by_name.items() if "kidney" in name.lower()},
                conflicts=merged.conflicts, warnings=[*merged.warnings, *study.warnings, *result.warnings],
                synthetic=_synthetic(merged.patient.id, *(v.description for v in study.volumes)), n_draws=n_draws, seed=seed,
            )
            document |= image_blocks(study, result)
            pictures = dose_pictures(study, result)
            write_volumes(study, result, work, study_folder)
        document["run"] = {"command": "plan", "seed": seed, "n_draws": n_draws}
        (work / "plan.json").write_text(to_json(document), encoding="utf-8")
        (work / "report.html").write_text(render_report(document, pictures), encoding="utf-8")
        inputs = [path for path in (study_folder, patient_file) if path is not None]
        options = {"schemes": list(schemes), "psf_fwhm_mm": psf_fwhm_mm, "partial_volume": partial_volume, "n_draws": n_draws}
        (work / "run.json").write_text(to_json(build_manifest("plan", inputs=inputs, options=options, seed=seed)), encoding="utf-8")
    return document


def run_dose(
    study_folder: Path, out: Path, *, method: str = "kernel", labels: Path | None = None, label_names: Path | None = None,
    psf_fwhm_mm: float | None = None, partial_volume: bool = True, n_draws: int = 1000, seed: int = 1,
) -> dict[str, Any]:
    """Write ``dose.json``, ``run.json`` and the dose volumes; returns the document."""
    from neorlt.dicom.read import read_study
    from neorlt.dosimetry.commands import dose_command
    from neorlt.imaging.nifti import write_nifti

    if method not in ("local", "kernel", "montecarlo"):
        raise InputError("unknown dose method", expected="local, kernel or montecarlo", found=method, remedy="choose one of them")
    study = read_study(study_folder, psf_fwhm_mm=psf_fwhm_mm, labels=labels, label_names=label_names)
    _need_regions(study)
    document, volumes = dose_command(
        study, method=method, psf_fwhm_mm=psf_fwhm_mm, correct=partial_volume, seed=seed, n_draws=n_draws,  # type: ignore[arg-type]
    )
    with atomic_folder(out) as work:
        for name, volume in volumes.items():
            write_nifti(volume, work / f"{name}.nii.gz")
        (work / "dose.json").write_text(to_json(document), encoding="utf-8")
        options = {"method": method, "psf_fwhm_mm": psf_fwhm_mm, "partial_volume": partial_volume, "n_draws": n_draws}
        (work / "run.json").write_text(
            to_json(build_manifest("dose", inputs=[study_folder], options=options, seed=seed)), encoding="utf-8")
    return document


def _synthetic(*texts: str) -> str | None:
    if any("synthetic" in text.lower() for text in texts):
        return "Synthetic patient: real anatomy where images are shown, invented uptake, regions and clinical values."
    return None


def _need_regions(study: Study) -> None:
    if not study.lesions() and not study.organs():
        raise InputError(
            "the study has no regions", expected="organs and lesions", found=f"{len(study.volumes)} images",
            remedy="add an RTSTRUCT or a SEG to the study, or give a label map with --regions LABELS.nii.gz --names NAMES.json",
        )


def image_lesions(study: Study) -> list[Any]:
    """Size and, on the first PET, SUVmax of every lesion region."""
    from neorlt.imaging.measures import longest_diameter_mm, measure_region
    from neorlt.imaging.suv import suv_images
    from neorlt.planning.merge import ImageLesion

    pet = suv_images(study)[:1]
    return [
        ImageLesion(
            lesion.name, lesion.volume_ml, float(longest_diameter_mm(lesion)[0]),
            float(measure_region(pet[0], lesion).maximum) if pet else None,
        )
        for lesion in study.lesions()
    ]


def image_blocks(study: Study, result: DoseResult) -> dict[str, Any]:
    """The blocks of the plan document that only images can fill: organs, curves, histograms, sources."""
    from neorlt.planning.document import dose_fields

    organs = {region.name for region in study.organs()}
    return {
        "organs": [{"name": dose.name, **dose_fields(dose)} for dose in result.doses if dose.name in organs],
        "curves": [_curve(tia, "organ" if tia.name in organs else "lesion") for tia in result.tias],
        "dvh": [_histogram(histogram) for histogram in result.histograms],
        "sources": list(study.sources),
    }


def _histogram(histogram: Any) -> dict[str, Any]:
    """Name, curve and usual numbers of one cumulative histogram."""
    dose, fraction = histogram.curve(HISTOGRAM_POINTS)
    return {"name": histogram.name, "dose_gy": dose.tolist(), "volume_fraction": fraction.tolist(), **histogram.as_json()}


def _curve(tia: Any, kind: str) -> dict[str, Any]:
    curve = tia.curve
    time = np.linspace(0.0, max(1.5 * curve.time_h[-1], 24.0), CURVE_POINTS)
    terms = tia.amplitude_mbq[:CURVE_DRAWS, :, None] * np.exp(-tia.rate_per_h[:CURVE_DRAWS, :, None] * time)
    low, median, high = np.quantile(terms.sum(axis=1), [0.05, 0.5, 0.95], axis=0)
    return {
        "name": tia.name, "kind": kind, "nuclide": tia.nuclide, "model": tia.model,
        "time_h": curve.time_h.tolist(), "activity_mbq": curve.activity_mbq.tolist(), "sd_mbq": curve.sd_mbq.tolist(),
        "uncorrected_mbq": curve.uncorrected_mbq.tolist(), "fit_time_h": time.tolist(), "fit_median": median.tolist(),
        "fit_low": low.tolist(), "fit_high": high.tolist(),
    }


def dose_pictures(study: Study, result: DoseResult) -> list[Picture]:
    """Axial and coronal dose over CT through the largest lesion, axial through the next two."""
    from neorlt.imaging.planes import centre_of, cut
    from neorlt.reporting.picture import Picture

    ct = study.ct_images()
    lesions = sorted(study.lesions(), key=lambda region: -region.volume_ml)
    if not ct or not lesions:
        return []
    outlined = [*lesions, *study.organs()]
    wanted = [(lesions[0], "axial"), (lesions[0], "coronal"), *((lesion, "axial") for lesion in lesions[1:3])]
    pictures = []
    for lesion, plane in wanted:
        view = cut(plane, centre_of(lesion), ct[0], result.dose, outlined)
        pictures.append(
            Picture(title=f"{lesion.name}: {plane} plane through its centre", plane=plane, ct_hu=view.ct_hu, overlay=view.overlay,
                    unit="Gy", spacing_mm=view.spacing_mm, letters=view.letters, contours=view.contours)
        )
    return pictures


def write_volumes(study: Study, result: DoseResult, work: Path, study_folder: Path) -> None:
    """Absorbed dose as NIfTI, DICOM Parametric Map and 16-bit RT Dose, all of the same patient and frame of reference."""
    from neorlt.dicom.owner import find_owner
    from neorlt.dicom.write_dose import write_dose_parametric_map, write_rtdose
    from neorlt.imaging.nifti import write_nifti

    folder = work / "dose"
    folder.mkdir()
    write_nifti(result.dose, folder / "absorbed_dose_gy.nii.gz")
    write_nifti(result.tia, folder / "time_integrated_activity_mbq_h_per_ml.nii.gz")
    owner = find_owner(study_folder, result.dose.grid.frame_of_reference)
    if owner is None:
        # Without a CT or PET there is no series that a DICOM dose could refer to: the NIfTI volumes stand alone.
        return
    write_dose_parametric_map(result.dose, owner.paths, folder / "absorbed_dose_parametric_map.dcm", owner.identity, series_number=901)
    write_rtdose(result.dose, owner.paths, folder / "absorbed_dose_rtdose.dcm", owner.identity, series_number=902)
