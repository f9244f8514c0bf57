"""``neorlt marrow``: red-marrow dose from blood samples, from the remainder and from vertebrae, side by side on one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json
from neorlt.core.written import read_rows

SAMPLE_CV = 0.05
"""Uncertainty of one blood sample, relative (assumption: pipette and well counter)."""


def marrow_command(
    study_folder: Path, out: Path, *, blood: Path | None = None, haematocrit: float | None = None, labels: Path | None = None,
    label_names: Path | None = None, psf_fwhm_mm: float | None = None, register: str = "check", n_draws: int = 1000, seed: int = 1,
) -> dict[str, Any]:
    """Write ``marrow.json`` and ``marrow.md``; returns the document.

    Parameters
    ----------
    study_folder
        One cycle: gives the injected activity, the remainder's photons and, where a vertebra is contoured, its dose.
    blood
        CSV of ``time_h,kbq_per_ml`` (whole blood, decay not corrected away), three samples or more.
    haematocrit
        Fraction; needed with ``blood``.

    Raises
    ------
    InputError
        If there are neither samples nor a vertebra, or they cannot be read.
    """
    from neorlt.dosimetry.compute import compute_doses
    from neorlt.dosimetry.fine_dose import photon_dose
    from neorlt.dosimetry.fit import fit_curve
    from neorlt.dosimetry.marrow import (
        ABSORBED_FRACTION,
        ABSORBED_FRACTION_SOURCE,
        DISAGREEMENT,
        absorbed_fraction_draws,
        is_vertebra,
        marrow_dose_from_blood,
        marrow_dose_from_vertebrae,
    )
    from neorlt.dosimetry.objects import described
    from neorlt.dosimetry.region_dose import body_mask
    from neorlt.jobs.study import read_aligned, read_uncertainty
    from neorlt.nuclides.nuclide import get_nuclide

    study, _ = read_aligned(study_folder, psf_fwhm_mm, labels, label_names, register)
    injection = study.therapy_administration()
    if blood is not None and haematocrit is None:
        raise InputError("the haematocrit is not stated", remedy="give --haematocrit, for example 0.40")
    result = compute_doses(study, psf_fwhm_mm=psf_fwhm_mm, seed=seed, n_draws=n_draws, settings=read_uncertainty(study_folder))
    vertebrae = [dose for dose in result.doses if is_vertebra(dose.name)]
    if blood is None and not vertebrae:
        raise InputError(
            "nothing speaks of the marrow", expected="blood samples (--blood) or a contoured vertebra",
            found=", ".join(dose.name for dose in result.doses), remedy="give blood samples, or contour a lumbar vertebra and name it so",
        )
    rows: list[dict[str, Any]] = []
    kept: dict[str, Any] | None = None
    image = study.therapy_images()[0]
    body = body_mask(study, image)
    remainder = np.zeros(n_draws)
    if result.rest is not None:
        photons = photon_dose(result.tia)
        mean = float(photons[body].mean()) if body is not None else float(photons[result.tia.array > 0].mean())
        total = result.rest.draws_mbq_h + np.sum([tia.draws_mbq_h for tia in result.tias], axis=0)
        remainder = mean * total / float(np.median(total))
        rows.append({
            "method": "remainder", "dose_gy": described(remainder), "label": "assumption",
            "note": "mean photon dose of the body in the field of view, from all activity in it; marrow taken as lying evenly in the body",
        })
    if blood is not None and haematocrit is not None:
        fit = fit_curve(read_samples(blood, injection.nuclide), n_draws=n_draws, seed=seed)
        fraction = absorbed_fraction_draws(n_draws, seed)
        energy = get_nuclide(injection.nuclide).electron_energy_mev
        own = marrow_dose_from_blood(fit.draws_mbq_h, haematocrit, energy, absorbed_fraction=fraction)
        whole = marrow_dose_from_blood(fit.draws_mbq_h, haematocrit, energy, absorbed_fraction=fraction, remainder_gy=remainder)
        low, high = ABSORBED_FRACTION
        note = f"marrow keeps {low:g} to {high:g} of its own electrons (assumption)"
        kept = {"low": low, "high": high, "label": "assumption", "source": ABSORBED_FRACTION_SOURCE}
        if injection.nuclide != "Lu-177":
            kept["source"] = f"{ABSORBED_FRACTION_SOURCE}; taken over from 177Lu to {injection.nuclide}"
        rows.append({"method": "blood", "dose_gy": described(own.draws_gy), "label": str(own.label), "note": note})
        rows.append({"method": "blood and remainder", "dose_gy": described(whole.draws_gy), "label": str(whole.label), "note": note})
    for dose in vertebrae:
        one = marrow_dose_from_vertebrae(dose)
        note = "mean dose of the contoured vertebra stands for its marrow"
        rows.append({"method": f"vertebra {dose.name}", "dose_gy": described(one.draws_gy), "label": str(one.label), "note": note})
    for row in rows:
        row["gy_per_gbq"] = row["dose_gy"]["median"] / (injection.activity_mbq / 1000.0)
    from_blood = next((row for row in rows if row["method"] == "blood and remainder"), None)
    from_bone = [row for row in rows if row["method"].startswith("vertebra")]
    ratio = None
    if from_blood is not None and from_bone:
        ratio = float(np.mean([row["dose_gy"]["median"] for row in from_bone])) / from_blood["dose_gy"]["median"]
    document = {
        "nuclide": injection.nuclide, "injected_mbq": injection.activity_mbq, "haematocrit": haematocrit, "methods": rows,
        "absorbed_fraction": kept,
        "vertebrae_over_blood": ratio, "disagreement": DISAGREEMENT, "warnings": [*study.warnings, *result.warnings],
    }
    with result_folder(out, "marrow", inputs=[p for p in (study_folder, blood) if p is not None], seed=seed) as work:
        write_json(work / "marrow.json", document)
        (work / "marrow.md").write_text(marrow_page(document), encoding="utf-8")
    return document


def read_samples(path: Path, nuclide: str) -> Any:
    """Blood samples as a curve of one millilitre, MBq.

    Raises
    ------
    InputError
        For a file that cannot be read, or fewer than three samples.
    """
    from neorlt.dosimetry.objects import TimeActivity

    path = Path(path)
    table = read_rows(path, "the table of blood samples", needs=("time_h", "kbq_per_ml"))
    points = []
    for row in table:
        try:
            points.append((row.number("time_h"), row.number("kbq_per_ml") / 1000.0))
        except ValueError as error:
            raise InputError("a blood sample is not understood", found=str(error), where=table.where(row),
                             remedy="write hours and kBq/ml as numbers") from error
    points.sort()
    times, values = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    if len(points) < 3 or np.any(values <= 0) or np.any(np.diff(times) <= 0):
        raise InputError(
            "the blood samples are too few or out of range", expected="three or more, kBq/ml above 0, each at its own time",
            found=f"{len(points)} samples", where=path.name, remedy="correct the table",
        )
    return TimeActivity("blood", nuclide, 1.0, times, values, SAMPLE_CV * values, values)


def marrow_page(document: Mapping[str, Any]) -> str:
    """The page: every method with its interval, label and note, and their disagreement in words."""
    lines = [
        "# Red marrow", "", f"{document['injected_mbq']:.0f} MBq of {document['nuclide']}. Medians with 90 % intervals.", "",
        "| method | Gy | Gy/GBq | label | note |", "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in document["methods"]:
        low, high = row["dose_gy"]["ci90"]
        dose = f"{row['dose_gy']['median']:.3f} ({low:.3f} to {high:.3f})"
        lines.append(f"| {row['method']} | {dose} | {row['gy_per_gbq']:.4f} | {row['label']} | {row['note']} |")
    if kept := document["absorbed_fraction"]:
        lines += ["", f"Electrons that marrow keeps of its own blood's activity: {kept['low']:g} to {kept['high']:g}, {kept['source']}."]
    ratio = document["vertebrae_over_blood"]
    lines += ["", document["disagreement"]]
    if ratio is not None:
        lines.append(f"Here vertebrae give {ratio:.1f} times what blood and remainder give.")
    return "\n".join(lines) + "\n"
