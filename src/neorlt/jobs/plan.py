"""``neorlt plan``: from a study and a patient file to a report. Rooms do the work; here they are joined, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neorlt.core.anatomy import is_kidney
from neorlt.core.errors import InputError
from neorlt.core.progress import stages
from neorlt.core.run import result_folder, write_json
from neorlt.jobs.choice import options_of, own_posterior
from neorlt.jobs.decide import decision_block, decision_of
from neorlt.jobs.dose import dose_document
from neorlt.jobs.nuclides import read_therapy_nuclides
from neorlt.jobs.study import dose_rows, priors_of_files, read_aligned, read_uncertainty, write_volumes

if TYPE_CHECKING:
    from neorlt.dosimetry.compute import DoseResult
    from neorlt.imaging.study import Study
    from neorlt.planning.contacts import VesselContact
    from neorlt.reporting.drawn import Drawn
    from neorlt.reporting.picture import Picture

CURVE_POINTS = 60
CURVE_DRAWS = 300
HISTOGRAM_POINTS = 80
CLOSE_MM = 5.0
"""A vessel farther from the lesion than this has no picture: there is no contact to judge."""
HALF_MM = (28.0, 70.0)
"""Smallest and largest half width of a picture of contact, mm."""
CONTACT_PIXEL_MM = 0.5
STAGES_FROM_IMAGES = (("reading the study", 20.0), ("computing doses", 35.0), ("predicting", 15.0), ("writing volumes", 8.0),
                      ("comparing schemes", 10.0), ("writing the page's images", 7.0), ("writing the report", 5.0))
"""Rough shares of the time."""
STAGES = (("predicting", 50.0), ("comparing schemes", 40.0), ("writing the report", 10.0))


def run_plan(
    study_folder: Path | None, patient_file: Path | None, out: Path, *, schemes: Sequence[str] = (), labels: Path | None = None,
    label_names: Path | None = None, psf_fwhm_mm: float | None = None, partial_volume: bool = True, register: str = "check",
    n_draws: int = 1000, seed: int = 1, pdf: bool = False, previous: Path | None = None, population: Path | None = None,
    injected_at: Sequence[datetime] = (), cycle: int | None = None, nuclide_files: Sequence[Path] = (),
    posterior: Path | None = None,
) -> dict[str, Any]:
    """Read, measure, predict, compare, and write the report.

    The folder gets ``report.html``, ``plan.json``, ``world.npz`` (every draw), ``run.json``, ``fhir.json``, the tables of
    ``steps/``, the dose volumes, the report's ``pictures/`` and the page's ``view/``; with ``pdf`` also ``report.pdf``.
    ``cycle`` takes one of several cycles in the study's folder, counted from 1; ``nuclide_files`` add nuclides that schemes may give;
    ``posterior`` is the folder of a centre's own, in the place of the shipped one.

    Returns the plan document. Nothing is left in ``out`` if a step fails.
    """
    from neorlt.planning.document import plan_document
    from neorlt.planning.exports import write_steps
    from neorlt.planning.patient import read_patient
    from neorlt.planning.published import load_schemes
    from neorlt.planning.scheme import standard_schemes
    from neorlt.planning.world import build_world
    from neorlt.planning.world_file import WORLD_FILE, save_world
    from neorlt.reporting.drawn import PICTURES, draw, write_drawn
    from neorlt.reporting.fhir import fhir_bundle
    from neorlt.reporting.report import render_report

    if study_folder is None and patient_file is None:
        raise InputError("there is nothing to plan from", remedy="give a study folder, --patient patient.toml, or both")
    read_therapy_nuclides(nuclide_files)
    own = own_posterior(posterior)
    patient = read_patient(patient_file) if patient_file is not None else None
    chosen = load_schemes(schemes, patient) if schemes else standard_schemes()
    inputs = [path for path in (study_folder, patient_file, previous, population, posterior, *nuclide_files) if path is not None]
    options = {
        "schemes": list(schemes), "psf_fwhm_mm": psf_fwhm_mm, "partial_volume": partial_volume, "register": register, "n_draws": n_draws,
        "injected_at": [moment.isoformat() for moment in injected_at], "cycle": cycle,
        **options_of(own),
    }
    from_images = study_folder is not None
    with (result_folder(out, "plan", inputs=inputs, options=options, seed=seed) as work,
          stages(*(STAGES_FROM_IMAGES if from_images else STAGES)) as at):
        drawn: list[Drawn] = []
        if study_folder is None:
            assert patient is not None
            at("predicting")
            world = build_world(patient, n_draws=n_draws, seed=seed, own=own)
            decision = decision_of(world, chosen)
            opening = decision_block(decision)
            at("comparing schemes")
            document = plan_document(world, chosen, command="plan", decision=decision,
                                     blocks={"decision": opening}).as_json()
        else:
            from neorlt.dosimetry.compute import compute_doses
            from neorlt.imaging.view import write_view
            from neorlt.planning.contacts import contact_warnings, vessel_contacts
            from neorlt.planning.merge import merge_patient

            study, alignment = read_aligned(study_folder, psf_fwhm_mm, labels, label_names, register, injected_at, cycle)
            settings = read_uncertainty(study_folder)
            at("computing doses")
            result = compute_doses(
                study, psf_fwhm_mm=psf_fwhm_mm, correct=partial_volume, seed=seed, n_draws=n_draws, settings=settings,
                **priors_of_files(previous, population),
            )
            merged = merge_patient(patient, study, image_lesions(study))
            by_name = {dose.name: dose for dose in result.doses}
            lesion_doses = {lesion.name: by_name[lesion.name] for lesion in study.lesions() if lesion.name in by_name}
            kidney_doses = {name: dose for name, dose in by_name.items() if is_kidney(name)}
            at("predicting")
            world = build_world(merged.patient, lesion_doses, kidney_doses, n_draws=n_draws, seed=seed, own=own)
            decision = decision_of(world, chosen)
            opening = decision_block(decision)
            at("writing volumes")
            contacts = vessel_contacts(merged.patient, study)
            pictures = [*contact_pictures(study, contacts), *dose_pictures(study, result)]
            rows = dose_rows(study, ((d.name, d.mass_g, float(np.median(d.draws_gy)), float(np.std(d.draws_gy))) for d in result.doses))
            said = write_volumes(study, result.dose, result.tia, rows, work, study_folder, "kernel")
            at("comparing schemes")
            document = plan_document(
                world, chosen, lesion_doses=lesion_doses, conflicts=merged.conflicts,
                warnings=[*merged.warnings, *study.warnings, *result.warnings, *said,
                          *contact_warnings(contacts, merged.patient.lesions[merged.patient.followed].id)],
                synthetic=_synthetic(merged.patient.id, *(v.description for v in study.volumes)),
                images=image_blocks(study, result) | {"registration": alignment, "vessel_contacts": [one.as_json() for one in contacts]},
                outside=result.outside_validity, command="plan", decision=decision, blocks={"decision": opening},
            ).as_json()
            write_json(work / "dose" / "dose.json", dose_document(
                study, result, psf_fwhm_mm=psf_fwhm_mm, correct=partial_volume, settings=settings, seed=seed).as_json())
            at("writing the page's images")
            write_view(study, work / "view", result.dose)
            drawn = draw(pictures)
            write_drawn(drawn, work / PICTURES)
        at("writing the report")
        write_steps(document, work / "steps")
        write_json(work / "fhir.json", fhir_bundle(document))
        if pdf:
            from neorlt.reporting.pdf import render_pdf

            (work / "report.pdf").write_bytes(render_pdf(document, drawn))
        save_world(world, work / WORLD_FILE)
        write_json(work / "plan.json", document)
        (work / "report.html").write_text(render_report(document, drawn), encoding="utf-8")
    return document


def _synthetic(*texts: str) -> str | None:
    if any("synthetic" in text.lower() for text in texts):
        return "Synthetic patient: real anatomy where images are shown, invented uptake, regions and clinical values."
    return None


def image_lesions(study: Study) -> list[Any]:
    """Size and, on the first PET of an SSTR ligand, SUVmax of every lesion region."""
    from neorlt.imaging.measures import longest_diameter_mm, measure_region
    from neorlt.imaging.suv import ligand_images
    from neorlt.planning.merge import ImageLesion

    pet = ligand_images(study)[:1]
    return [
        ImageLesion(
            lesion.name, lesion.volume_ml, float(longest_diameter_mm(lesion)[0]),
            float(measure_region(pet[0], lesion).maximum) if pet else None,
        )
        for lesion in study.lesions()
    ]


def image_blocks(study: Study, result: DoseResult) -> dict[str, Any]:
    """The blocks of the plan document that only images can fill: organs, curves, histograms, sources."""
    from neorlt.dosimetry.tornado import tornado_rows
    from neorlt.planning.document import dose_fields

    # A curve that nobody corrected carries no error of the blur.
    corrected = any(abs(dose.tia.curve.recovery - 1.0) > 1e-9 for dose in result.doses)
    stated = study.psf_fwhm_mm if result.blur is None else result.blur.fwhm_mm
    fwhm = (stated or 0.0) if corrected else 0.0
    organs = {region.name for region in study.organs()}
    return {
        "organs": [{"name": dose.name, **dose_fields(dose)} for dose in result.doses if dose.name in organs],
        "curves": [_curve(tia, "organ" if tia.name in organs else "lesion") for tia in result.tias],
        "dvh": [_histogram(histogram) for histogram in result.histograms],
        "uncertainty": tornado_rows(result.doses, fwhm_mm=fwhm, settings=result.settings, between_cycles=True),
        "sources": list(study.sources),
        "roles": study.role_rows(),
        "ledger": [row.as_json() for row in study.ledger],
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
                    unit="Gy", spacing_mm=view.spacing_mm, letters=view.letters, contours=view.contours,
                    kinds={region.name: str(region.kind) for region in outlined})
        )
    return pictures


def contact_pictures(study: Study, contacts: Sequence[VesselContact]) -> list[Picture]:
    """CT round each drawn vessel on the plane of its greatest contact, with both borders and the arc that the lesion touches.

    A vessel that the lesion does not come near (:data:`CLOSE_MM`) has no picture.
    """
    from neorlt.imaging.planes import PLANES, cut
    from neorlt.reporting.picture import Line, Picture

    pictures = []
    for row in contacts:
        found = row.measured
        if found is None or not found.lesion_outline or (found.gap_mm or 0.0) > CLOSE_MM:
            continue
        lesion = next(region for region in study.regions if region.name == found.lesion)
        ct = next((image for image in study.ct_images() if image.grid.frame_of_reference == lesion.grid.frame_of_reference), None)
        if ct is None:
            continue
        across, down, _ = PLANES[found.plane]
        ends = np.concatenate([*found.lesion_outline, *found.vessel_outline])
        reach = np.abs(ends - found.centre_mm).max(axis=0)[[across, down]].max() + 8.0
        box = np.stack([found.centre_mm - np.clip(reach, *HALF_MM), found.centre_mm + np.clip(reach, *HALF_MM)])
        view = cut(found.plane, found.centre_mm, ct, None, (), CONTACT_PIXEL_MM, box)
        lines = [
            *(Line("lesion", found.lesion, view.line(points)) for points in found.lesion_outline),
            *(Line("vessel", row.vessel, view.line(points)) for points in found.vessel_outline),
            *(Line("contact", "", view.line(points)) for points in found.touching),
        ]
        words = (f"The lesion touches {found.degrees:.0f}° of the vessel's wall." if found.degrees > 0
                 else f"The lesion does not touch the vessel: {found.gap_mm:.1f} mm lie between them.")
        pictures.append(
            Picture(title=f"{row.vessel} and {found.lesion}", plane=found.plane, ct_hu=view.ct_hu, overlay=None, unit="HU",
                    spacing_mm=view.spacing_mm, letters=view.letters, lines=tuple(lines), vessel=row.vessel, words=words)
        )
    return pictures
