"""``neorlt dose``: time-integrated activity and absorbed dose, as the document of the command and as volumes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.core.progress import stages, track
from neorlt.core.run import result_folder, write_json
from neorlt.jobs.nuclides import read_therapy_nuclides
from neorlt.jobs.study import dose_rows, priors_of_files, read_aligned, read_uncertainty, split_cycles, write_dicom

if TYPE_CHECKING:
    from neorlt.documents.dose import DoseDocument
    from neorlt.dosimetry.compute import DoseResult, FittedActivity, MonteCarloOptions
    from neorlt.dosimetry.engines import DoseMethod
    from neorlt.dosimetry.s_table import SValueTable
    from neorlt.dosimetry.uncertainty import UncertaintySettings
    from neorlt.imaging.study import Study
    from neorlt.imaging.volume import Volume


def run_dose(
    study_folders: Path | Sequence[Path], out: Path, *, cumulate: bool = False, method: str = "kernel", labels: Path | None = None,
    label_names: Path | None = None, psf_fwhm_mm: float | None = None, partial_volume: bool = True, register: str = "check",
    n_draws: int = 1000, seed: int = 1, s_values: Path | None = None, s_masses: Path | None = None, previous: Path | None = None,
    population: Path | None = None, histories: int = 2_000_000, checkpoint: Path | None = None, device: str = "cpu", gate: bool = False,
    injected_at: Sequence[datetime] = (), cycle: int | None = None, nuclide_files: Sequence[Path] = (),
) -> dict[str, Any]:
    """Write ``dose.json``, ``run.json`` and the dose volumes, with ``gate`` also ``gate/``; returns the document.

    With ``cumulate`` the folders are the cycles of one course in their order (or one folder holds several injections): each gets
    ``cycle-N/``, and the document is that of
    :func:`~neorlt.jobs.cycles.course_document`. ``cycle`` takes one of several cycles in one folder, counted from 1.
    ``nuclide_files`` add therapy nuclides whose dose per activity is derived beside the measured one.
    """
    from neorlt.dosimetry.engines import check_method
    from neorlt.dosimetry.gate_export import export_gate
    from neorlt.imaging.nifti import write_nifti

    check_method(method)
    read_therapy_nuclides(nuclide_files)
    folders = [study_folders] if isinstance(study_folders, Path) else list(study_folders)
    if len(folders) != 1 and not cumulate:
        raise InputError(
            "several studies are several cycles", expected="one study, or --cumulate", found=f"{len(folders)} studies",
            remedy="add --cumulate to have the cycles of one course added up, or give one study",
        )
    if cumulate and cycle is not None:
        raise InputError(
            "one cycle and all of them were asked for", expected="--cycle or --cumulate", found="both",
            remedy="leave one of the two out",
        )
    given: dict[str, Any] = {
        "psf_fwhm_mm": psf_fwhm_mm, "correct": partial_volume, "seed": seed, "n_draws": n_draws, "s_values": s_values, "s_masses": s_masses,
        "previous": previous, "population": population,
    }
    options = {
        "method": method, "psf_fwhm_mm": psf_fwhm_mm, "partial_volume": partial_volume, "register": register, "n_draws": n_draws,
        "histories": histories if method == "montecarlo" else None, "device": device if method == "montecarlo" else None, "gate": gate,
        "cumulate": cumulate, "injected_at": [moment.isoformat() for moment in injected_at], "cycle": cycle,
    }
    files = [path for path in (*folders, s_values, s_masses, previous, population, *nuclide_files) if path is not None]
    # one moment a cycle, in their order; any other number is for every study to look through
    moments = [[one] for one in injected_at] if cumulate and len(injected_at) == len(folders) else [injected_at] * len(folders)
    studies = [
        read_aligned(folder, psf_fwhm_mm, labels, label_names, register, moment, cycle)
        for folder, moment in zip(folders, moments, strict=True)
    ]
    if cumulate and len(folders) == 1:
        alignment = studies[0][1]
        studies = [(one, alignment) for one in split_cycles(studies[0][0])]
        folders = folders * len(studies)
    settings = [read_uncertainty(folder) for folder in folders]

    def write(work: Path, n: int, document: DoseDocument, volumes: dict[str, Volume]) -> DoseDocument:
        for name, volume in volumes.items():
            write_nifti(volume, work / f"{name}.nii.gz")
        rows = dose_rows(studies[n][0], ((r.name, r.mass_g, r.dose_gy.median, r.dose_gy.sd) for r in document.regions))
        said = write_dicom(studies[n][0], volumes["dose"], rows, work / "dicom", folders[n], method)
        document = document.written(studies[n][1], said)
        if gate:
            export_gate(volumes["tia"], work / "gate", density=volumes.get("density"), seed=seed)
        write_json(work / "dose.json", document.as_json())
        return document

    from neorlt.dosimetry.compute import MonteCarloOptions

    with result_folder(out, "dose", inputs=files, options=options, seed=seed) as work:
        if not cumulate:
            with stages(("computing doses", 75.0), ("writing the results", 25.0)) as at:
                document, volumes = dose_command(
                    studies[0][0], method=method, monte_carlo=MonteCarloOptions(histories, checkpoint, device),  # type: ignore[arg-type]
                    settings=settings[0], **given,
                )
                at("writing the results")
                document = write(work, 0, document, volumes)
            return document.as_json()
        from neorlt.jobs.cycles import course_document, course_page, fit_course, update_toml

        fitted = fit_course([study for study, _ in studies], settings, **given)
        results, documents = [], []
        for n, (study, _) in enumerate(track(studies, "cycles", len(studies))):
            kept = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}-cycle-{n + 1}")
            result = _compute(
                study, method=method, monte_carlo=MonteCarloOptions(histories, kept, device), settings=settings[n], fitted=fitted[n],
                **{**given, "previous": None},
            )
            one, volumes = _with_volumes(study, result, method, psf_fwhm_mm, partial_volume, settings[n], seed)
            folder = work / f"cycle-{n + 1}"
            folder.mkdir()
            documents.append(write(folder, n, one, volumes))
            results.append(result)
        course = course_document([study for study, _ in studies], results, documents)
        write_json(work / "dose.json", course.as_json())
        (work / "course.md").write_text(course_page(course), encoding="utf-8")
        (work / "update.toml").write_text(update_toml(course), encoding="utf-8")
    return course.as_json()


def read_s_values(study: Study, s_values: Path | None, s_masses: Path | None) -> SValueTable | None:
    """The user's S-values for a study, or None."""
    from neorlt.dosimetry.s_table import read_s_table

    return None if s_values is None else read_s_table(s_values, nuclide=study.therapy_administration().nuclide, masses=s_masses)


def region_rows(result: DoseResult, seed: int = 0) -> list[dict[str, Any]]:
    """One row per region with the fixed keys of ``neorlt dose``."""
    from neorlt.dosimetry.few_points import biological_half_life, classical
    from neorlt.dosimetry.fit import physical_half_life_h
    from neorlt.dosimetry.objects import FitStatus, described

    rows = []
    for n, (curve, tia, dose, histogram) in enumerate(zip(result.curves, result.tias, result.doses, result.histograms, strict=True)):
        rows.append(
            {
                "name": dose.name,
                "nuclide": dose.nuclide,
                "volume_ml": curve.volume_ml,
                "mass_g": dose.mass_g,
                "tia_mbq_h": described(tia.draws_mbq_h),
                "dose_gy": described(dose.draws_gy),
                "bed_gy": described(dose.bed_gy),
                "gy_per_gbq": described(dose.gy_per_gbq),
                "effective_half_life_h": tia.effective_half_life_h,
                "biological_half_life_h": biological_half_life(tia, physical_half_life_h(tia.nuclide)),
                "model": tia.model,
                "prior": result.priors[n].source if result.priors else None,
                "status": [status.value for status in tia.status],
                "advice": [status.as_json() for status in tia.status if status is not FitStatus.OK],
                "recovery": curve.recovery,
                "method": dose.method,
                "self_fraction": dose.self_fraction,
                "flags": list(dose.flags),
                "local_deposition_difference": result.local_difference.get(dose.name),
                "other_nuclides": [
                    {"nuclide": other.nuclide, "gy_per_gbq": described(other.gy_per_gbq), "flags": [*other.flags, "derived"]}
                    for other in dose.others
                ],
                "beside": [
                    one.as_json()
                    for one in classical(curve, result.priors[n], half_life_h=physical_half_life_h(tia.nuclide), seed=seed)
                ],
                "voxel_dose": histogram.as_json(),
            }
        )
        if result.engine_ratio is not None:
            rows[-1]["monte_carlo"] = {
                "over_kernel": float(result.engine_ratio.ratio[n]), "relative_error": float(result.engine_ratio.relative_error[n])
            }  # fmt: skip
    return rows


def dose_command(
    study: Study,
    *,
    method: DoseMethod = "kernel",
    psf_fwhm_mm: float | None = None,
    correct: bool = True,
    seed: int = 0,
    n_draws: int = core_draws.N_DRAWS,
    s_values: Path | None = None,
    s_masses: Path | None = None,
    previous: Path | None = None,
    population: Path | None = None,
    monte_carlo: MonteCarloOptions | None = None,
    settings: UncertaintySettings | None = None,
) -> tuple[DoseDocument, dict[str, Volume]]:
    """The document of ``neorlt dose`` and the volumes to write: ``"dose"``, ``"tia"``, and what the method adds.

    That is ``"density"`` where there is a CT, and ``"dose_standard_error"`` after Monte Carlo. ``s_values`` and ``s_masses`` are files
    for :func:`~neorlt.dosimetry.s_table.read_s_table`, ``previous`` an earlier result, ``population`` a file of
    ``neorlt kinetics population``.
    """
    from neorlt.dosimetry.uncertainty import DEFAULT

    used = settings or DEFAULT
    result = _compute(
        study, method=method, psf_fwhm_mm=psf_fwhm_mm, correct=correct, seed=seed, n_draws=n_draws, s_values=s_values, s_masses=s_masses,
        previous=previous, population=population, monte_carlo=monte_carlo, settings=used,
    )
    return _with_volumes(study, result, method, psf_fwhm_mm, correct, used, seed)


def _compute(
    study: Study, *, s_values: Path | None, s_masses: Path | None, previous: Path | None, population: Path | None,
    fitted: FittedActivity | None = None, **arguments: Any,
) -> DoseResult:
    """:func:`~neorlt.dosimetry.compute.compute_doses` with what stands in files."""
    from neorlt.dosimetry.compute import compute_doses

    return compute_doses(
        study, s_table=read_s_values(study, s_values, s_masses), fitted=fitted, **priors_of_files(previous, population), **arguments
    )


def _with_volumes(
    study: Study, result: DoseResult, method: str, psf_fwhm_mm: float | None, correct: bool, settings: UncertaintySettings, seed: int
) -> tuple[DoseDocument, dict[str, Volume]]:
    extra = {"density": result.density, "dose_standard_error": result.standard_error}
    document = dose_document(study, result, method=method, psf_fwhm_mm=psf_fwhm_mm, correct=correct, settings=settings, seed=seed)
    return document, {"dose": result.dose, "tia": result.tia, **{k: v for k, v in extra.items() if v is not None}}


def dose_document(
    study: Study, result: DoseResult, *, method: str = "kernel", psf_fwhm_mm: float | None = None, correct: bool = True,
    settings: UncertaintySettings, seed: int = 0,
) -> DoseDocument:
    """``dose.json`` of a computed study."""
    from neorlt.documents.dose import DoseDocument
    from neorlt.dosimetry.engines import SCALED_NOTE
    from neorlt.dosimetry.few_points import next_time_point
    from neorlt.dosimetry.objects import described
    from neorlt.dosimetry.s_table import used_for
    from neorlt.dosimetry.tornado import tornado_rows

    fwhm = psf_fwhm_mm if psf_fwhm_mm is not None else study.psf_fwhm_mm
    used = fwhm if result.blur is None else result.blur.fwhm_mm
    injection = study.therapy_administration()
    document = {
        "nuclide": injection.nuclide,
        "injected_mbq": injection.activity_mbq,
        "injected_at": injection.time.isoformat(),
        "method": method,
        "corrected": correct,
        "psf_fwhm_mm": fwhm,
        "blur": None if result.blur is None else result.blur.as_json(),
        "regions": region_rows(result, seed),
        "next_time_point": next_time_point(result.tias, seed=seed),
        "uncertainty": tornado_rows(result.doses, fwhm_mm=(used or 0.0) if correct else 0.0, settings=result.settings),
        "uncertainty_settings": settings.as_json(),
        "activity_law": result.balance.as_json() if result.balance is not None else None,
        "rest_of_body": None if result.rest is None else {"tia_mbq_h": described(result.rest.draws_mbq_h)},
        "maps": f"means of the voxels' shapes; {SCALED_NOTE}",
        "warnings": [*study.warnings, *result.warnings],
        "outside_validity": list(result.outside_validity),
        "citations": [citation.text for citation in result.citations()],
        "roles": study.role_rows(),
        "ledger": [row.as_json() for row in study.ledger],
    }
    if result.s_table is not None:
        names, masses = [dose.name for dose in result.doses], [dose.mass_g for dose in result.doses]
        document["s_values"] = [*result.s_table.notes, *used_for(result.s_table, names, masses)]
    return DoseDocument.model_validate(document)
