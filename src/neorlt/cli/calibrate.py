"""``neorlt calibrate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Out, outline, show


def command(
    out: Out,
    sbc: Annotated[int | None, typer.Option(min=10, help="Replicates of simulation-based calibration.")] = None,
    json: Json = False,
) -> None:
    """Refit the response model to the published lesions."""
    from neorlt.jobs.calibrate import calibrate_command

    show(calibrate_command(out, sbc), json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    outline(document, "posterior_hash", "converged", "rhat_max", "ess_min", "divergences", "summary")
