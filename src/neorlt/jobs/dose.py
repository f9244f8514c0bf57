"""``neorlt dose``: time-integrated activity and absorbed dose, as the document of the command and as volumes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neorlt.core import draws as core_draws
from neorlt.core.run import result_folder, write_json
from neorlt.jobs.study import dose_rows, read_aligned, write_dicom

if TYPE_CHECKING:
    from neorlt.dosimetry.compute import DoseResult, MonteCarloOptions
    from neorlt.dosimetry.engines import DoseMethod
    from neorlt.imaging.study import Study
    from neorlt.imaging.volume import Volume


def run_dose(
    study_folder: Path, out: Path, *, method: str = "kernel", labels: Path | None = None, label_names: Path | None = None,
    psf_fwhm_mm: float | None = None, partial_volume: bool = True, register: str = "check", n_draws: int = 1000, seed: int = 1,
    s_values: Path | None = None, s_masses: Path | None = None, histories: int = 2_000_000, checkpoint: Path | None = None,
    device: str = "cpu", gate: bool = False, injected_at: Sequence[datetime] = (),
) -> dict[str, Any]:
    """Write ``dose.json``, ``run.json`` and the dose volumes, with ``gate`` also ``gate/``; returns the document."""
    from neorlt.dosimetry.compute import MonteCarloOptions
    from neorlt.dosimetry.engines import check_method
    from neorlt.dosimetry.gate_export import export_gate
    from neorlt.imaging.nifti import write_nifti

    check_method(method)
    study, alignment = read_aligned(study_folder, psf_fwhm_mm, labels, label_names, register, injected_at)
    document, volumes = dose_command(
        study, method=method, psf_fwhm_mm=psf_fwhm_mm, correct=partial_volume, seed=seed, n_draws=n_draws,  # type: ignore[arg-type]
        s_values=s_values, s_masses=s_masses, monte_carlo=MonteCarloOptions(histories, checkpoint, device),
    )
    document["registration"] = alignment
    options = {
        "method": method, "psf_fwhm_mm": psf_fwhm_mm, "partial_volume": partial_volume, "register": register, "n_draws": n_draws,
        "injected_at": [moment.isoformat() for moment in injected_at],
        "histories": histories if method == "montecarlo" else None, "device": device if method == "montecarlo" else None, "gate": gate,
    }
    files = [path for path in (study_folder, s_values, s_masses) if path is not None]
    with result_folder(out, "dose", inputs=files, options=options, seed=seed) as work:
        for name, volume in volumes.items():
            write_nifti(volume, work / f"{name}.nii.gz")
        rows = dose_rows(study, ((r["name"], r["mass_g"], r["dose_gy"]["median"], r["dose_gy"]["sd"]) for r in document["regions"]))
        document["warnings"] += write_dicom(study, volumes["dose"], rows, work / "dicom", study_folder, method)
        if gate:
            export_gate(volumes["tia"], work / "gate", density=volumes.get("density"), seed=seed)
        write_json(work / "dose.json", document)
    return document


def region_rows(result: DoseResult) -> list[dict[str, Any]]:
    """One row per region with the fixed keys of ``neorlt dose``."""
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
                "model": tia.model,
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
    monte_carlo: MonteCarloOptions | None = None,
) -> tuple[dict[str, Any], dict[str, Volume]]:
    """The JSON document of ``neorlt dose`` and the volumes to write: ``"dose"``, ``"tia"``, and what the method adds.

    That is ``"density"`` where there is a CT, and ``"dose_standard_error"`` after Monte Carlo. ``s_values`` and ``s_masses`` are files
    for :func:`~neorlt.dosimetry.s_table.read_s_table`.
    """
    from neorlt.dosimetry.compute import compute_doses
    from neorlt.dosimetry.engines import SCALED_NOTE
    from neorlt.dosimetry.objects import described
    from neorlt.dosimetry.s_table import read_s_table
    from neorlt.dosimetry.tornado import tornado_rows

    table = None
    if s_values is not None:
        table = read_s_table(s_values, nuclide=study.therapy_administration().nuclide, masses=s_masses)
    result = compute_doses(
        study, method=method, psf_fwhm_mm=psf_fwhm_mm, correct=correct, seed=seed, n_draws=n_draws, s_table=table, monte_carlo=monte_carlo
    )
    injection = study.therapy_administration()
    document = {
        "nuclide": injection.nuclide,
        "injected_mbq": injection.activity_mbq,
        "method": method,
        "corrected": correct,
        "psf_fwhm_mm": psf_fwhm_mm if psf_fwhm_mm is not None else study.psf_fwhm_mm,
        "regions": region_rows(result),
        "uncertainty": tornado_rows(
            result.doses, fwhm_mm=((psf_fwhm_mm if psf_fwhm_mm is not None else study.psf_fwhm_mm) or 0.0) if correct else 0.0
        ),
        "activity_law": result.balance.as_json() if result.balance is not None else None,
        "rest_of_body": None if result.rest is None else {"tia_mbq_h": described(result.rest.draws_mbq_h)},
        "maps": f"means of the voxels' shapes; {SCALED_NOTE}",
        "warnings": [*study.warnings, *result.warnings],
        "outside_validity": list(result.outside_validity),
        "citations": [citation.text for citation in result.citations()],
    }
    if table is not None:
        document["s_values"] = list(table.notes)
    extra = {"density": result.density, "dose_standard_error": result.standard_error}
    return document, {"dose": result.dose, "tia": result.tia, **{k: v for k, v in extra.items() if v is not None}}
