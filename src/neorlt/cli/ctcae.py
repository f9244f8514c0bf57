"""``neorlt ctcae``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show


def command(
    term: Annotated[str, typer.Argument(help="platelets, neutrophils, wbc, lymphocytes, haemoglobin, creatinine, egfr, alt, …")],
    value: Annotated[str, typer.Argument(help="The value, in the row's unit; unknown is a value.")],
    lln: Annotated[str | None, typer.Option("--lln", help="The laboratory's lower limit of normal.")] = None,
    uln: Annotated[str | None, typer.Option("--uln", help="The laboratory's upper limit of normal.")] = None,
    baseline: Annotated[str | None, typer.Option("--baseline", help="The value before treatment.")] = None,
    proteinuria: Annotated[str | None, typer.Option("--proteinuria", help="For egfr: yes, no or unknown.")] = None,
    version: Annotated[str, typer.Option("--version", help="4.03, 5.0 or 6.0.")] = "5.0",
    json: Json = False,
) -> None:
    """Toxicity grade of a laboratory value by CTCAE."""
    from neorlt.jobs.rules import ctcae_command

    words = {"value": value, "lln": lln, "uln": uln, "baseline": baseline, "proteinuria": proteinuria}
    show(ctcae_command(term, words, version), json, outline)
