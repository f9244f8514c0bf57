"""``neorlt example``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, Out, Seed, say, show


def command(name: Annotated[str, typer.Argument(help="christie or pannet-head")], out: Out, seed: Seed = 1, json: Json = False) -> None:
    """Write a bundled digital patient: OUT/study (DICOM), OUT/patient.toml, OUT/truth.json."""
    from neorlt.phantoms.example import write_example

    document = write_example(name, out, seed=seed)
    show(document, json, lambda d: say(f"Study: {d['study']}", f"Patient: {d['patient']}", f"Truth (never read by plan): {d['truth']}"))
