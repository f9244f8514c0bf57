"""``neorlt plan``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import (
    Cycle,
    Draws,
    InjectedAt,
    Json,
    Names,
    NoPartialVolume,
    NuclideFiles,
    Out,
    Population,
    Posterior,
    Previous,
    PsfFwhm,
    Regions,
    Register,
    Seed,
    Strict,
    read_moments,
)
from neorlt.cli.schemes import finish


def command(
    out: Out,
    study: Annotated[Path | None, typer.Argument(help="Folder with the DICOM study; may be left out with --patient.")] = None,
    patient: Annotated[Path | None, typer.Option("--patient", help="patient.toml: what DICOM does not hold.")] = None,
    scheme: Annotated[list[str] | None, typer.Option("--scheme", help="Scheme in words or a TOML file; may be repeated.")] = None,
    labels: Regions = None,
    names: Names = None,
    psf_fwhm_mm: PsfFwhm = None,
    no_partial_volume: NoPartialVolume = False,
    register: Register = "check",
    injected_at: InjectedAt = None,
    cycle: Cycle = None,
    previous: Previous = None,
    population: Population = None,
    posterior: Posterior = None,
    nuclide_file: NuclideFiles = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf too (extra pdf).")] = False,
    draws: Draws = 1000,
    seed: Seed = 1,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """The main job: a DICOM study and patient.toml become doses, predicted response, risks and compared schemes."""
    from neorlt.jobs.plan import run_plan

    document = run_plan(
        study, patient, out, schemes=scheme or [], labels=labels, label_names=names, psf_fwhm_mm=psf_fwhm_mm,
        partial_volume=not no_partial_volume, register=register, n_draws=draws, seed=seed, pdf=pdf, previous=previous,
        population=population, injected_at=read_moments(injected_at or (), "--injected-at"), cycle=cycle,
        nuclide_files=nuclide_file or (), posterior=posterior,
    )
    finish(document, json, strict, report=Path(out) / "report.html")
