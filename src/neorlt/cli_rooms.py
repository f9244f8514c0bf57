"""Commands of the rooms beside the main road: evidence, trials, cohorts, calibration, phantoms, privacy, the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.core.console import Json, Out, Seed, read_numbers, say, show


def _show(document: Mapping[str, Any], as_json: bool, *keys: str) -> None:
    """One JSON document, or the named entries a line each."""

    def entries(document: Mapping[str, Any]) -> None:
        for key in keys or tuple(document):
            value = document.get(key)
            rows = value if isinstance(value, list) else [value]
            say(f"{key}: {rows[0] if len(rows) == 1 else ''}", *(f"  {row}" for row in rows if len(rows) != 1))

    show(document, as_json, entries)


def recovery(
    study: Path,
    phantom: Annotated[str, typer.Option(help="nema or jaszczak")] = "nema",
    also: Annotated[list[Path] | None, typer.Option("--also", help="Another scan, the phantom moved aside; may be repeated.")] = None,
    concentration: Annotated[float | None, typer.Option(help="Filled into the spheres, in the scan's unit.")] = None,
    json: Json = False,
) -> None:
    """Recovery coefficients and blur from scans of a phantom."""
    from neorlt.dicom.commands import recovery_command

    document = recovery_command(study, phantom=phantom, also=also or (), concentration=concentration)
    _show(document, json, "phantom", "fwhm_mm", "curve", "psf_by_radius")


def crossfire(
    diameter_mm: Annotated[str, typer.Option("--diameter-mm", help="Diameters of spherical lesions, comma separated.")] = "2,5,10,20,60",
    nuclides: Annotated[str, typer.Option(help="Nuclides to compare, the first is the reference.")] = "Lu-177,Y-90",
    json: Json = False,
) -> None:
    """Answer "90Y or 177Lu for this lesion?": absorbed fraction, range, dose rate, LET and the price in the kidney."""
    from neorlt.nuclides.commands import crossfire_command

    document = crossfire_command(read_numbers(diameter_mm, "--diameter-mm", "5,20"), [name.strip() for name in nuclides.split(",")])

    def for_people(document: Mapping[str, Any]) -> None:
        for lesion in document["lesions"]:
            say(f"{lesion['diameter_mm']:g} mm")
            for row in lesion["nuclides"]:
                say(
                    f"  {row['nuclide']:7s} electron energy kept {100 * row['absorbed_fraction']:3.0f} %  R90 {row['r90_mm']:.2g} mm  "
                    f"rim/centre {row['edge_to_centre']:.2f}  dose rate {row['dose_rate_mgy_per_h_per_mbq']:.3g} mGy/h per MBq  "
                    f"LET {row['let_track_kev_per_um']:.2f} keV/um  kidney Gy per tumour Gy {row['kidney_gy_per_tumour_gy_over_first']:.2f}"
                )
        say(document["let"], f"Kidney Gy per tumour Gy: relative to the first nuclide; {document['label']}.")

    show(document, json, for_people)


def lesions(
    study: Path,
    out: Out,
    labels: Annotated[Path | None, typer.Option("--regions", help="NIfTI label map with the organs.")] = None,
    names: Annotated[Path | None, typer.Option("--names", help="JSON: label number to region name.")] = None,
    suv: Annotated[float | None, typer.Option(min=0.0, help="Fixed threshold; left out, --factor times the mean of --organ.")] = None,
    organ: Annotated[str, typer.Option(help="liver or spleen")] = "liver",
    factor: Annotated[float, typer.Option(min=0.0, help="Times the organ's mean.")] = 1.5,
    least_ml: Annotated[float, typer.Option("--least-ml", min=0.0, help="Smaller parts are left out.")] = 0.5,
    search_liver: Annotated[bool, typer.Option("--search-liver", help="Look for metastases in the liver too.")] = False,
    at: Annotated[list[str] | None, typer.Option("--at", help="x,y,z in patient mm: draw the lesion there; may be repeated.")] = None,
    method: Annotated[str, typer.Option(help="With --at: fixed, percent, adaptive, gradient, random-walker.")] = "adaptive",
    value: Annotated[float, typer.Option(help="With --at: threshold of fixed (SUV), part of the maximum of percent.")] = 0.41,
    json: Json = False,
) -> None:
    """Draw lesion candidates on SSTR PET outside the organs, or lesions round points, and write them as a SEG."""
    from neorlt.dicom.lesions_command import lesions_command

    points = [read_numbers(text, "--at", "12.5,-40,310") for text in at or ()]
    document = lesions_command(
        study, out, labels=labels, label_names=names, suv=suv, organ=organ, factor=factor, least_ml=least_ml, search_liver=search_liver,
        points_mm=points, method=method, value=value,
    )  # fmt: skip

    def for_people(document: Mapping[str, Any]) -> None:
        for row in document["lesions"]:
            x, y, z = row["centre_mm"]
            say(f"{row['id']:14s} {row['volume_ml']:7.1f} ml  {row['longest_diameter_mm']:5.1f} mm  SUVmax {row['suv_max']:5.1f}  "
                f"mean {row['suv_mean']:5.1f}  at {x:g}, {y:g}, {z:g} mm")
        if document["threshold_suv"] is not None:
            organs = ", ".join(document["organs_left_out"])
            say(f"Above SUV {document['threshold_suv']:.2f} ({document['threshold_from']}), outside {organs}.")
        say(f"{document['files'][0]}: {document['label']}.")

    show(document, json, for_people)


def deidentify(study: Path, out: Out, json: Json = False) -> None:
    """Copy a study without what identifies the patient (PS3.15 basic profile)."""
    from neorlt.dicom.deidentify_command import deidentify_command

    _show(deidentify_command(study, out), json)


def calibrate(
    out: Out,
    sbc: Annotated[int | None, typer.Option(min=10, help="Replicates of simulation-based calibration.")] = None,
    json: Json = False,
) -> None:
    """Refit the response model to the published lesions."""
    from neorlt.response.calibrate import calibrate_command

    _show(calibrate_command(out, sbc), json, "posterior_hash", "rhat_max", "ess_min", "divergences")


def cohort(
    table: Path, out: Out, confirm: Annotated[bool, typer.Option("--confirm", help="Responses need confirmation (RECIST 1.1).")] = False,
    landmark_months: Annotated[float | None, typer.Option(min=0, help="Landmark for the comparison.")] = None,
    seed: Seed = 1, json: Json = False,
) -> None:
    """Analyse a centre's own table."""
    from neorlt.cohorts.command import cohort_command

    _show(cohort_command(table, out, seed=seed, confirm=confirm, landmark_months=landmark_months), json)


def trial(
    design: Path, dask: Annotated[str | None, typer.Option(help="Address of a dask scheduler, tcp://…")] = None, json: Json = False
) -> None:
    """Run the virtual trial of a TOML file."""
    from neorlt.trials.command import trial_command

    _show(trial_command(design, dask), json, "n_simulated", "power", "assurance", "answer", "type_one_error", "assumptions", "notes")


def design(
    context: typer.Context,
    kind: str,
    plots: Annotated[Path | None, typer.Option("--plots", help="Folder for pictures of the operating characteristics.")] = None,
    json: Json = False,
) -> None:
    """Sample size and boundaries: simon, exact, two-arm, group-sequential, survival, predictive, safety.

    Options are those of the design, for example: design simon --p0 0.1 --p1 0.3 --alpha 0.1 --beta 0.1
    """
    from neorlt.trials.designs.command import design_command

    options = _options(context.args)
    document = design_command(kind, **options)
    if plots is not None:
        from neorlt.trials.designs.pictures import write_pictures

        write_pictures(plots, document, **options)
    _show(document, json)


def _options(words: list[str]) -> dict[str, Any]:
    """Read ``--name value`` pairs; numbers become numbers."""
    from neorlt.core.errors import InputError

    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        name = rest.pop(0)
        name, _, value = name.partition("=")
        if not name.startswith("--") or not (value or rest):
            raise InputError("an option is not understood", expected="--name value", found=name, remedy="give each option with its value")
        text = value or rest.pop(0)
        found[name[2:].replace("-", "_")] = _number(text)
    return found


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def serve(
    cases: Annotated[Path, typer.Option("--cases", help="Folder for cases; made if it is absent.")] = Path("neorlt-cases"),
    host: Annotated[str, typer.Option(help="Loopback unless a token is set in NEORLT_TOKEN.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
    certificate: Annotated[Path | None, typer.Option(help="PEM certificate for TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM key for TLS.")] = None,
    plan: Annotated[list[Path] | None, typer.Option("--plan", help="Finished output folder of `neorlt plan`; may be repeated.")] = None,
) -> None:
    """Serve the tumour board's page."""
    from neorlt.web.serve import serve as run

    run(cases, host=host, port=port, certificate=certificate, key=key, shared=tuple(plan or ()))


def mount(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    from neorlt.cli_choice import mount as mount_choice
    from neorlt.dicom.pacs_app import pacs_app
    from neorlt.dosimetry.kinetics_app import kinetics_app
    from neorlt.evidence.commands import evidence_app

    for command in (recovery, crossfire, lesions, deidentify, calibrate, cohort, trial, serve):
        app.command()(command)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(design)
    mount_choice(app)
    app.add_typer(evidence_app, name="evidence")
    app.add_typer(pacs_app, name="pacs")
    app.add_typer(kinetics_app, name="kinetics")
