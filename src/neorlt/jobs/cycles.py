"""Several cycles of a course: fitted with the same worlds, cumulated, on one page, and as an update for ``neorlt adapt``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neorlt.core.anatomy import is_kidney

if TYPE_CHECKING:
    from neorlt.documents.dose import CourseDocument, DoseDocument
    from neorlt.documents.plan import Quantity
    from neorlt.dosimetry.compute import DoseResult, FittedActivity
    from neorlt.dosimetry.uncertainty import UncertaintySettings
    from neorlt.imaging.study import Study

CHAIN_POINTS = 3
"""Cycles with at most so many images take the cycle before as their prior."""


def fit_course(
    studies: Sequence[Study], settings: Sequence[UncertaintySettings], *, psf_fwhm_mm: float | None, correct: bool, seed: int, n_draws: int,
    previous: Path | None, population: Path | None, **_files: Path | None,
) -> list[FittedActivity]:
    """Fit every cycle, the one before as prior where it has few images, and keep the worlds that the activity law keeps in all.

    Raises
    ------
    InputError
        For cycles out of order, or too few worlds.
    """
    from dataclasses import replace

    from neorlt.dosimetry.compute import ENOUGH, POOL, fit_activity
    from neorlt.dosimetry.conservation import in_common, refuse_few
    from neorlt.dosimetry.cycles import start_weeks
    from neorlt.dosimetry.fit import physical_half_life_h
    from neorlt.dosimetry.population import LastCycle
    from neorlt.jobs.study import priors_of_files

    start_weeks([study.therapy_administration().time for study in studies])

    def fitted(pool: int) -> list[FittedActivity]:
        priors = priors_of_files(previous, population)
        found: list[FittedActivity] = []
        for n, (study, size) in enumerate(zip(studies, settings, strict=True)):
            last = priors["previous"]
            if n and len(study.therapy_images()) <= CHAIN_POINTS:
                half_life = physical_half_life_h(found[-1].tias[0].nuclide)
                last = {tia.name: LastCycle.of(tia, half_life) for tia in found[-1].tias}
            found.append(
                fit_activity(
                    study, psf_fwhm_mm=psf_fwhm_mm, correct=correct, seed=seed, n_draws=n_draws, settings=size,
                    population=priors["population"], previous=last, occasion=f"cycle {n + 1}", pool=pool,
                )
            )
        return found

    found = fitted(n_draws)
    balances = in_common([one.balance for one in found], n_draws)
    if balances[0].effective_draws < ENOUGH * n_draws:
        found = fitted(POOL * n_draws)
        balances = in_common([one.balance for one in found], n_draws)
    for balance in balances:
        refuse_few(balance, n_draws)
    return [replace(one, balance=balance) for one, balance in zip(found, balances, strict=True)]


def course_document(studies: Sequence[Study], results: Sequence[DoseResult], documents: Sequence[DoseDocument]) -> CourseDocument:
    """``dose.json`` of a course: ``cycles[]``, ``cumulated[]``, ``fall_per_cycle``."""
    from neorlt.documents.dose import CourseDocument
    from neorlt.dosimetry.cycles import cumulate, mean_fall, start_weeks
    from neorlt.dosimetry.objects import described

    injections = [study.therapy_administration() for study in studies]
    lesions = sorted({lesion.name for study in studies for lesion in study.lesions()})
    rows = cumulate([result.doses for result in results], [one.time for one in injections], lesions)
    weeks = start_weeks([one.time for one in injections])
    missing = [row for row in rows if len(row.cycles) < len(studies)]
    warnings = [f"Cycle {n + 1}: {text}" for n, document in enumerate(documents) for text in document.warnings]
    warnings += [
        f"{row.name} has a region in cycle {', '.join(map(str, row.cycles))} only: its cumulated dose is of these." for row in missing
    ]
    by_kind = {kind: mean_fall(rows, lesions=kind == "lesions") for kind in ("lesions", "organs")}
    return CourseDocument.model_validate({
        "nuclide": documents[0].nuclide,
        "injected_mbq": float(sum(one.activity_mbq for one in injections)),
        "method": documents[0].method,
        "cycles": [
            {"cycle": n + 1, "week": weeks[n], **document.as_json(), "injected_mbq": injections[n].activity_mbq}
            for n, document in enumerate(documents)
        ],
        "cumulated": [
            {
                "name": row.name,
                "kind": "lesion" if row.is_lesion else "organ",
                "cycles": list(row.cycles),
                "dose_gy": described(row.dose_gy),
                "bed_gy": described(row.bed_gy),
                "eqd2_gy": described(row.eqd2_gy),
                "per_cycle": [
                    {"cycle": n, "dose_gy": described(dose.draws_gy), "gy_per_gbq": described(dose.gy_per_gbq),
                     "effective_half_life_h": dose.tia.effective_half_life_h}
                    for n, dose in zip(row.cycles, row.per_cycle, strict=True)
                ],
                "fall_per_cycle": None if row.fall is None else described(row.fall),
            }
            for row in rows
        ],
        "fall_per_cycle": {kind: None if draws is None else described(draws) for kind, draws in by_kind.items()},
        "regions": documents[-1].as_json()["regions"],
        "warnings": warnings,
        "outside_validity": [f"Cycle {n + 1}: {text}" for n, document in enumerate(documents) for text in document.outside_validity],
        "citations": list(dict.fromkeys(text for document in documents for text in document.citations)),
    })


def course_page(course: CourseDocument) -> str:
    """The course on one page, with the items that EANM guidance and MIRD pamphlets ask a dosimetry report for."""

    def span(value: Quantity, form: str, times: float = 1.0) -> str:
        return f"{times * value.median:{form}} ({times * value.ci90[0]:{form}} to {times * value.ci90[1]:{form}})"

    lines = [
        "# Absorbed dose of the course", "",
        f"{len(course.cycles)} cycles of {course.nuclide}, {course.injected_mbq:.0f} MBq injected in all. Medians with 90 % intervals.", "",
        "| cycle | week | injected MBq | images (h after injection) | blur mm | corrected | of the injected activity in the first image |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for one in course.cycles:
        images = one.activity_law.images if one.activity_law is not None else ()
        times = ", ".join(f"{i.time_h:.0f}" for i in images) or "-"
        held = f"{100 * images[0].share:.0f} %" if images else "-"
        lines.append(
            f"| {one.cycle} | {one.week:.1f} | {one.injected_mbq:.0f} | {times} | {one.psf_fwhm_mm or '-'} | "
            f"{'yes' if one.corrected else 'no'} | {held} |"
        )
    lines += [
        "", f"Dose in Gy; S-values and engine: {course.method}; BED over the real intervals.", "",
        "| region | " + " | ".join(f"cycle {one.cycle}" for one in course.cycles) + " | cumulated | BED | fall a cycle % |",
        "| --- |" + " --- |" * (len(course.cycles) + 3),
    ]  # fmt: skip
    for row in course.cumulated:
        per = {one.cycle: span(one.dose_gy, ".2f") for one in row.per_cycle}
        shown = "-" if row.fall_per_cycle is None else span(row.fall_per_cycle, ".0f", 100)
        cells = [per.get(one.cycle, "not contoured") for one in course.cycles]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {span(row.dose_gy, '.1f')} | {span(row.bed_gy, '.1f')} | {shown} |")
    lines += ["", "Sources of uncertainty (standard, with where the sizes come from), first cycle:", ""]
    lines += [f"- {key}: {size.value:g} ({size.label}; {size.source})" for key, size in course.cycles[0].uncertainty_settings.items()]
    if course.warnings:
        lines += ["", "To know:", "", *(f"- {text}" for text in course.warnings)]
    return "\n".join(lines) + "\n"


def update_toml(course: CourseDocument) -> str:
    """``update.toml`` for ``neorlt adapt``: cycles as they were given, dose of each of the lesions and, mass-weighted, of the kidneys."""
    lines = ["# Doses measured so far, for neorlt adapt --updates. Weeks are counted from the first injection; week is that of the last",
             "# cycle: state sizes and counts of that day too."]
    lines += [f"week = {course.cycles[-1].week:.2f}"]
    kidneys = []
    for one in course.cycles:
        rows = [row for row in one.regions if is_kidney(row.name)]
        if rows:
            weight = np.array([row.mass_g for row in rows])
            kidneys.append(float(weight @ [row.dose_gy.median for row in rows] / weight.sum()))
    if len(kidneys) == len(course.cycles):
        lines.append("kidney_dose_gy = [" + ", ".join(f"{dose:.4g}" for dose in kidneys) + "]")
    for one in course.cycles:
        activity = f'{{ "{course.nuclide}" = {one.injected_mbq / 1000:.4g} }}'
        lines += ["", "[[cycle]]", f"week = {one.week:.2f}", f"activity_gbq = {activity}"]
    for row in course.cumulated:
        if row.kind == "lesion" and len(row.cycles) == len(course.cycles):
            doses = ", ".join(f"{one.dose_gy.median:.4g}" for one in row.per_cycle)
            lines += ["", "[[lesion]]", f'id = "{row.name}"', f"dose_gy = [{doses}]"]
    return "\n".join(lines) + "\n"
