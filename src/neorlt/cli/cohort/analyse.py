"""``neorlt cohort`` and ``neorlt cohort analyse``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Out, Seed, outline, say, show, warn


def command(
    table: Annotated[Path, typer.Argument(help="The centre's table: CSV, .xlsx, SPSS, Stata, REDCap, or a folder of SDTM domains.")],
    out: Out,
    map_file: Annotated[Path | None, typer.Option("--map", help="How the table is read (from `neorlt cohort map`).")] = None,
    dictionary: Annotated[Path | None, typer.Option("--dictionary", help="REDCap's data dictionary (CSV).")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Responses need confirmation (RECIST 1.1).")] = False,
    landmark_months: Annotated[float | None, typer.Option(min=0, help="Landmark for the comparison.")] = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Analyse a centre's own table."""
    from neorlt.jobs.cohort import cohort_command

    document = cohort_command(
        table, out, map_file=map_file, dictionary=dictionary, seed=seed, confirm=confirm, landmark_months=landmark_months
    )
    warn(*document["warnings"])
    show(document, json, lambda d: _for_people(d, out))


def _for_people(document: Mapping[str, Any], out: Path) -> None:
    outline({key: value for key, value in document.items() if key not in ("warnings", "figures")})
    say(f"Figures: {', '.join(document['figures'])}. Results: {out}")
