"""``neorlt calibrate-camera``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Out, sentences, show, table


def command(
    phantom: Annotated[Path, typer.Argument(help="Folder with the phantom's SPECT in counts and phantom.toml, or a CSV of scans.")],
    out: Out,
    nuclide: Annotated[str | None, typer.Option(help="For example Lu-177; needed with a CSV.")] = None,
    activity_sd: Annotated[float | None, typer.Option("--activity-sd", help="Relative uncertainty of the phantom's activity.")] = None,
    json: Json = False,
) -> None:
    """A camera's sensitivity and dead time from a phantom of known activity, as calibration.toml."""
    from neorlt.jobs.calibrate_camera import calibrate_camera_command

    document = calibrate_camera_command(phantom, out, nuclide=nuclide, activity_relative_sd=activity_sd)

    def for_people(document: Mapping[str, Any]) -> None:
        doubt = f"{100 * document['relative_sd']:.1f} % standard uncertainty"
        sentences(f"{document['cps_per_mbq']:.4g} cps/MBq of {document['nuclide']}, {doubt}.")
        if document["dead_time_us"] is not None:
            sentences(f"Dead time {document['dead_time_us']:.2f} µs (SD {document['dead_time_sd_us']:.2f}), paralysable:")
            table(["MBq in view", "counts lost"], [[f"{r['activity_mbq']:.0f}", f"{100 * r['part']:.1f} %"] for r in document["loss"]])
        table(["scan", "from the fit"], [[r["name"], f"{100 * r['relative_residual']:+z.1f} %"] for r in document["scans"]])
        sentences(*document["notes"])
        sentences(f"Put {out / 'calibration.toml'} beside the SPECT in counts.")

    show(document, json, for_people)
