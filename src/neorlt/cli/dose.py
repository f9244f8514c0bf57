"""``neorlt dose``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
    Previous,
    PsfFwhm,
    Regions,
    Register,
    Seed,
    Strict,
    read_moments,
    sentences,
    show,
    table,
    warn,
)
from neorlt.core.errors import ValidityError


def command(
    study: Annotated[list[Path], typer.Argument(help="Folder with the DICOM study of one cycle; several with --cumulate, in order.")],
    out: Out,
    cumulate: Annotated[
        bool, typer.Option("--cumulate", help="The studies (or one study's injections) are cycles: per cycle and cumulated.")
    ] = False,
    method: Annotated[str, typer.Option(help="local, kernel or montecarlo")] = "kernel",
    labels: Regions = None,
    names: Names = None,
    psf_fwhm_mm: PsfFwhm = None,
    no_partial_volume: NoPartialVolume = False,
    s_values: Annotated[
        Path | None, typer.Option("--s-values", help="S-values that you have: CSV, or JSON of OpenDose (or a folder).")
    ] = None,
    s_masses: Annotated[Path | None, typer.Option("--s-masses", help="CSV organ,mass_g where the S-values hold no masses.")] = None,
    previous: Previous = None,
    population: Population = None,
    nuclide_file: NuclideFiles = None,
    histories: Annotated[int, typer.Option(min=1000, help="Monte Carlo: electrons and photons to follow.")] = 2_000_000,
    checkpoint: Annotated[Path | None, typer.Option(help="Monte Carlo: file to keep and resume a run by.")] = None,
    device: Annotated[str, typer.Option(help="Monte Carlo: cpu or cuda:0.")] = "cpu",
    export_gate: Annotated[bool, typer.Option("--export-gate", help="Write the case as a GATE 10 simulation, OUT/gate.")] = False,
    register: Register = "check",
    injected_at: InjectedAt = None,
    cycle: Cycle = None,
    draws: Draws = 1000,
    seed: Seed = 1,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Time-integrated activity and absorbed dose of every region, and the dose volume."""
    from neorlt.jobs.dose import run_dose

    document = run_dose(study, out, method=method, labels=labels, label_names=names, psf_fwhm_mm=psf_fwhm_mm,
                        partial_volume=not no_partial_volume, register=register, n_draws=draws, seed=seed,
                        s_values=s_values, s_masses=s_masses, previous=previous, population=population, histories=histories,
                        checkpoint=checkpoint, device=device, gate=export_gate, cumulate=cumulate,
                        injected_at=read_moments(injected_at or (), "--injected-at"), cycle=cycle, nuclide_files=nuclide_file or ())
    warn(*document["warnings"])
    show(document, json, lambda d: _course(d, out) if cumulate else _for_people(d, out))
    if strict and document["outside_validity"]:
        raise ValidityError("outside a stated validity window: " + " ".join(document["outside_validity"]))


def _span(value: Mapping[str, Any], form: str) -> str:
    low, high = value["ci90"]
    return f"{value['median']:{form}} ({low:{form}}-{high:{form}})"


def _course(document: Mapping[str, Any], out: Path) -> None:
    cycles = [str(one["cycle"]) for one in document["cycles"]]
    rows = []
    for row in document["cumulated"]:
        per = {str(one["cycle"]): _span(one["dose_gy"], ".2f") for one in row["per_cycle"]}
        fall = row["fall_per_cycle"]
        rows.append([row["name"], *(per.get(n, "-") for n in cycles), _span(row["dose_gy"], ".1f"), _span(row["bed_gy"], ".1f"),
                     "-" if fall is None else f"{100 * fall['median']:.0f} %"])
    table(["region", *(f"cycle {n} Gy" for n in cycles), "all Gy", "BED Gy", "fall a cycle"], rows)
    sentences(f"Median (90 % interval), {document['injected_mbq']:.0f} MBq of {document['nuclide']} in all. Results: {out}")


def _for_people(document: Mapping[str, Any], out: Path) -> None:
    table(["region", "ml", "MBq h", "Gy", "T_eff h", "recovery", "status"], [
        [r["name"], f"{r['volume_ml']:.1f}", _span(r["tia_mbq_h"], ".0f"), _span(r["dose_gy"], ".2f"), f"{r['effective_half_life_h']:.0f}",
         f"{r['recovery']:.2f}", ", ".join(r["status"])]
        for r in document["regions"]
    ])
    for row in document["regions"]:
        for one in row["beside"] if len(document["activity_law"]["images"]) < 3 else ():
            sentences(f"{row['name']}, {one['method']}: {one['tia_mbq_h']:.0f} MBq h. {one['sentence']}")
    sentences(document["next_time_point"]["sentence"])
    sentences(f"Median (90 % interval) of {document['nuclide']}, {document['injected_mbq']:.0f} MBq injected. Results: {out}")
