"""``neorlt recovery``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, say, sentences, show, table


def command(
    study: Annotated[Path, typer.Argument(help="Folder with the scan of the phantom.")],
    phantom: Annotated[str, typer.Option(help="nema or jaszczak")] = "nema",
    also: Annotated[list[Path] | None, typer.Option("--also", help="Another scan, the phantom moved aside; may be repeated.")] = None,
    concentration: Annotated[float | None, typer.Option(help="Filled into the spheres, in the scan's unit.")] = None,
    json: Json = False,
) -> None:
    """Recovery coefficients and blur from scans of a phantom."""
    from neorlt.jobs.recovery import recovery_command

    show(recovery_command(study, phantom=phantom, also=also or (), concentration=concentration), json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    table(["sphere mm", "ml", "recovery", "fitted", "by volume"], [
        [f"{row['diameter_mm']:.0f}", *(f"{row[key]:.2f}" for key in ("volume_ml", "recovery", "fitted", "by_volume"))]
        for row in document["curve"]
    ])
    say(f"Blur of the reconstruction: {document['fwhm_mm']:.1f} mm full width at half maximum (SD {document['fwhm_sd_mm']:.1f}).")
    radius = document["psf_by_radius"]
    if radius is None:
        sentences(f"By distance from the axis: not given; {document['psf_by_radius_reason']}.")
    else:
        table(["distance mm", "blur mm"], [[f"{r:.0f}", f"{f:.1f}"] for r, f in zip(radius["radius_mm"], radius["fwhm_mm"], strict=True)])
    sentences(document["note"])
