"""The command line: doors to the rooms. Each command is a few lines; the work is done in the rooms.

Exit status: 0 done; 2 input or options are wrong; 3 done, but outside a stated validity window and ``--strict`` was
given; 1 our own fault.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.core.console import Json, Out, Seed, read_numbers, say, show, warn
from neorlt.core.errors import NeorltError

app = typer.Typer(
    name="neorlt",
    help="Neoadjuvant radioligand therapy of pancreatic neuroendocrine tumours. Research software: not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Draws = Annotated[int, typer.Option(min=50, max=20000, help="Number of joint draws.")]
Strict = Annotated[bool, typer.Option("--strict", help="End with status 3 if a result lies outside a stated validity window.")]
Register = Annotated[str, typer.Option("--register", help="Time points: check (stop if apart), rigid, regions, or off.")]
PsfFwhm = Annotated[float | None, typer.Option("--psf-fwhm-mm", min=0, max=40, help="Blur of the SPECT, full width at half maximum.")]


def _rows(headers: list[str], rows: list[list[str]], title: str | None = None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*headers, title=title, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@app.command()
def info(json: Json = False) -> None:
    """Versions, capabilities, table hashes and validation results."""
    from neorlt.info import describe

    def table(document: Mapping[str, Any]) -> None:
        say(f"neorlt {document['version']} (Python {document['python']}). {document['notice']}")
        able = [[c["name"], "yes" if c["available"] else "no", c["needs"]] for c in document["capabilities"]]
        _rows(["capability", "here", "needs"], able)
        _rows(["table", "SHA-256", "made by"], [[t["name"], t["sha256"][:12], t["made_by"]] for t in document["tables"]])
        _rows(["validation", "role", "verdict"], [[v["name"], v["role"], v["verdict"]] for v in document["validation"]])

    show(describe(), json, table)


@app.command()
def example(
    name: Annotated[str, typer.Argument(help="christie or pannet-head")], out: Out, seed: Seed = 1, json: Json = False
) -> None:
    """Write a bundled digital patient: OUT/study (DICOM), OUT/patient.toml, OUT/truth.json."""
    from neorlt.phantoms.example import write_example

    document = write_example(name, out, seed=seed)
    show(document, json, lambda d: say(f"Study: {d['study']}\nPatient: {d['patient']}\nTruth (never read by plan): {d['truth']}"))


@app.command()
def plan(
    out: Out,
    study: Annotated[Path | None, typer.Argument(help="Folder with the DICOM study; may be left out with --patient.")] = None,
    patient: Annotated[Path | None, typer.Option("--patient", help="patient.toml: what DICOM does not hold.")] = None,
    scheme: Annotated[list[str] | None, typer.Option("--scheme", help="Scheme in words or a TOML file; may be repeated.")] = None,
    labels: Annotated[Path | None, typer.Option("--regions", help="NIfTI label map with the regions.")] = None,
    names: Annotated[Path | None, typer.Option("--names", help="JSON: label number to region name.")] = None,
    psf_fwhm_mm: PsfFwhm = None,
    no_partial_volume: Annotated[bool, typer.Option("--no-partial-volume", help="Leave blur uncorrected, to see its bias.")] = False,
    register: Register = "check",
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf too (extra pdf).")] = False,
    draws: Draws = 1000,
    seed: Seed = 1,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """The main job: a DICOM study and patient.toml become doses, predicted response, risks and compared schemes."""
    from neorlt.jobs import run_plan

    document = run_plan(
        study, patient, out, schemes=scheme or [], labels=labels, label_names=names, psf_fwhm_mm=psf_fwhm_mm,
        partial_volume=not no_partial_volume, register=register, n_draws=draws, seed=seed, pdf=pdf,
    )
    _finish(document, json, strict, report=Path(out) / "report.html")


@app.command()
def predict(
    patient: Annotated[Path | None, typer.Argument(help="patient.toml")] = None,
    scheme: Annotated[list[str] | None, typer.Option("--scheme", help="Words, a TOML file or a published name; repeatable.")] = None,
    list_schemes: Annotated[bool, typer.Option("--list-schemes", help="List the published schemes with their sources.")] = False,
    draws: Draws = 1000,
    seed: Seed = 1,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Predict without images: response, risk and trajectory of one or more schemes."""
    if list_schemes:
        from neorlt.planning.published import published_schemes

        found = {"published": [row.as_json() for row in published_schemes()]}
        show(found, json, lambda d: _rows(
            ["name", "scheme", "source", "doi", "PMID", "note"],
            [[r["key"], r["scheme"], r["source"], r["doi"] or "-", r["pmid"] or "-", r["note"]] for r in d["published"]]))
        return
    if patient is None:
        from neorlt.core.errors import InputError

        raise InputError("no patient file is given", remedy="give patient.toml, or --list-schemes")
    from neorlt.planning.document import plan_document
    from neorlt.planning.patient import read_patient
    from neorlt.planning.scheme import load_scheme, standard_schemes

    known = read_patient(patient)
    schemes = tuple(load_scheme(text, known) for text in scheme) if scheme else standard_schemes()
    _finish(plan_document(known, schemes, n_draws=draws, seed=seed), json, strict)


def _finish(document: Mapping[str, Any], as_json: bool, strict: bool, report: Path | None = None) -> None:
    from neorlt.core.errors import ValidityError

    for text in document["warnings"]:
        warn(text)
    show(document, as_json, lambda d: _scheme_table(d, report))
    if strict and document["outside_validity"]:
        raise ValidityError("outside a stated validity window: " + " ".join(document["outside_validity"]))


def _scheme_table(document: Mapping[str, Any], report: Path | None) -> None:
    def percent(scheme: Mapping[str, Any], key: str) -> str:
        value = scheme[key]
        if value is None:
            return "not available"
        low, high = scheme[f"{key}_ci90"]
        return f"{100 * value:.0f} % ({100 * low:.0f}-{100 * high:.0f})"

    rows = []
    for scheme in document["schemes"]:
        kidney, change = scheme["kidney_bed_gy"], scheme["diameter_change_pct"]
        rows.append([
            scheme["name"], percent(scheme, "p_objective_response"), percent(scheme, "p_resectable"),
            f"{change['median']:+.0f} ({change['ci90'][0]:+.0f} to {change['ci90'][1]:+.0f})",
            f"{kidney['median']:.1f} ({100 * kidney['p_over_limit']:.0f} % over {kidney['limit_gy']:.0f})",
            f"{100 * scheme['platelets_nadir']['p_grade34']:.0f} %", scheme["limited_by"],
        ])
    for sentence in document["answer"]["sentences"]:
        say(sentence)
    _rows(["scheme", "objective response", "resectable", "diameter change, %", "kidney BED, Gy", "platelets G3-4", "limited by"], rows)
    say("Median or probability with 90 % interval. " + document["notice"])
    if report is not None:
        say(f"Report: {report}")


@app.command()
def measure(
    study: Path,
    labels: Annotated[Path | None, typer.Option("--regions", help="NIfTI label map with the regions.")] = None,
    names: Annotated[Path | None, typer.Option("--names", help="JSON: label number to region name.")] = None,
    follow_up: Annotated[list[Path] | None, typer.Option("--follow-up", help="A later study; repeat it, in order of time.")] = None,
    krenning: Annotated[bool, typer.Option("--krenning", help="Give the Krenning scale read on PET (an assumption).")] = False,
    json: Json = False,
) -> None:
    """SUV and size of every lesion, per time point, and the response between them."""
    from neorlt.dicom.commands import measure_command

    def table(document: Mapping[str, Any]) -> None:
        def number(value: float | None, form: str) -> str:
            return "-" if value is None else format(value, form)

        _rows(["lesion", "time", "ml", "mm", "SUVmax", "SUVmean", "SUVpeak"], [
            [row["id"], str(row["time"]), number(row["volume_ml"], ".1f"), number(row["longest_diameter_mm"], ".1f"),
             number(row["suv_max"], ".2f"), number(row["suv_mean"], ".2f"), number(row["suv_peak"], ".2f")]
            for row in document["lesions"]
        ])

        if document["response"] is not None:
            from neorlt.dicom.commands import response_sentences

            for sentence in response_sentences(document["response"]):
                say(sentence)

    show(measure_command(study, labels=labels, label_names=names, follow_up=follow_up or (), krenning=krenning), json, table)


@app.command()
def dose(
    study: Path,
    out: Out,
    method: Annotated[str, typer.Option(help="local, kernel or montecarlo")] = "kernel",
    labels: Annotated[Path | None, typer.Option("--regions", help="NIfTI label map with the regions.")] = None,
    names: Annotated[Path | None, typer.Option("--names", help="JSON: label number to region name.")] = None,
    psf_fwhm_mm: PsfFwhm = None,
    no_partial_volume: Annotated[bool, typer.Option("--no-partial-volume", help="Leave blur uncorrected, to see its bias.")] = False,
    s_values: Annotated[
        Path | None, typer.Option("--s-values", help="CSV of S-values that you have (OpenDose, MIRDcalc, OLINDA): used for its organs.")
    ] = None,
    s_masses: Annotated[Path | None, typer.Option("--s-masses", help="CSV organ,mass_g where the S-values hold no masses.")] = None,
    histories: Annotated[int, typer.Option(min=1000, help="Monte Carlo: electrons and photons to follow.")] = 2_000_000,
    checkpoint: Annotated[Path | None, typer.Option(help="Monte Carlo: file to keep and resume a run by.")] = None,
    device: Annotated[str, typer.Option(help="Monte Carlo: cpu or cuda:0.")] = "cpu",
    export_gate: Annotated[bool, typer.Option("--export-gate", help="Write the case as a GATE 10 simulation, OUT/gate.")] = False,
    register: Register = "check",
    draws: Draws = 1000,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Time-integrated activity and absorbed dose of every region, and the dose volume."""
    from neorlt.jobs import run_dose

    def table(document: Mapping[str, Any]) -> None:
        _rows(["region", "ml", "MBq h", "Gy", "T_eff h", "recovery", "status"], [
            [r["name"], f"{r['volume_ml']:.1f}", f"{r['tia_mbq_h']['mean']:.0f} ± {r['tia_mbq_h']['sd']:.0f}",
             f"{r['dose_gy']['mean']:.2f} ± {r['dose_gy']['sd']:.2f}", f"{r['effective_half_life_h']:.0f}",
             f"{r['recovery']:.2f}", ", ".join(s["name"] for s in r["status"])]
            for r in document["regions"]
        ])

    document = run_dose(study, out, method=method, labels=labels, label_names=names, psf_fwhm_mm=psf_fwhm_mm,
                        partial_volume=not no_partial_volume, register=register, n_draws=draws, seed=seed,
                        s_values=s_values, s_masses=s_masses, histories=histories, checkpoint=checkpoint, device=device, gate=export_gate)
    for text in document["warnings"]:
        warn(text)
    show(document, json, table)


@app.command()
def sphere(
    nuclide: str,
    mass_g: Annotated[str, typer.Option("--mass-g", help="Masses in grams, comma separated.")] = "1,10,100",
    daughters: Annotated[bool, typer.Option("--daughters", help="Count the decays of all daughters too, in place.")] = False,
    nuclide_file: Annotated[Path | None, typer.Option("--nuclide-file", help="TOML file of a nuclide of your own.")] = None,
    json: Json = False,
) -> None:
    """S-values of spheres of water."""
    from neorlt.nuclides.commands import sphere_command

    masses = read_numbers(mass_g, "--mass-g")
    show(sphere_command(nuclide, masses, with_daughters=daughters, nuclide_file=nuclide_file), json, lambda d: _rows(
        ["mass g", "S mGy/(MBq s)", "absorbed electron fraction"],
        [[f"{s['mass_g']:g}", f"{s['s_mgy_per_mbq_s']:.4g}", f"{s['phi_electron']:.4f}"] for s in d["spheres"]]))


@app.command()
def kernel(
    nuclide: str,
    voxel_mm: Annotated[str, typer.Option("--voxel-mm", help="One edge, or three with commas between.")],
    density: Annotated[float, typer.Option("--density", help="g/cm3")] = 1.04,
    medium: Annotated[str, typer.Option(help="water or soft-tissue")] = "water",
    daughters: Annotated[bool, typer.Option("--daughters", help="Count the decays of all daughters too, in place.")] = False,
    nuclide_file: Annotated[Path | None, typer.Option("--nuclide-file", help="TOML file of a nuclide of your own.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the JSON document to this file.")] = None,
    json: Json = False,
) -> None:
    """Voxel S-values of a nuclide."""
    from neorlt.core.manifest import to_json
    from neorlt.core.output import write_atomic
    from neorlt.nuclides.commands import kernel_command

    edges = read_numbers(voxel_mm, "--voxel-mm")
    document = kernel_command(nuclide, edges[0] if len(edges) == 1 else tuple(edges), density, medium=medium, with_daughters=daughters,
                              nuclide_file=nuclide_file)
    if out is not None:
        write_atomic(out, to_json(document))
    values = document["s_mgy_per_mbq_s"]
    show(document, json, lambda d: say(
        f"{len(values)} voxel S-values, self {values['0,0,0']:.4g} mGy/(MBq s), energy closure {d['energy_closure']:.4f}"))


def _mount() -> None:
    """Add the commands of the rooms beside the main road."""
    from neorlt.cli_rooms import mount

    mount(app)


def main() -> None:
    """Run the command line and end with the documented exit status."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    status = 0
    try:
        _mount()
        app(standalone_mode=False)
    except NeorltError as error:
        sys.stderr.write(f"neorlt: error: {error}\n")
        status = error.exit_status
    except typer.Exit as error:
        status = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("neorlt: stopped; nothing was written\n")
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        status = _usage_or_bug(error)
    sys.exit(status)


def _usage_or_bug(error: Exception) -> int:
    """2 for wrong options; otherwise save what happened and return 1."""
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        sys.stderr.write(f"neorlt: error: {error.format_message()}\n")
        return 2
    import tempfile
    import traceback

    handle, name = tempfile.mkstemp(prefix="neorlt-fault-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write("".join(traceback.format_exception(error)))
    sys.stderr.write(f"neorlt: this is a fault of neorlt ({type(error).__name__}); details were saved in {name}\n")
    return 1


if __name__ == "__main__":
    main()
