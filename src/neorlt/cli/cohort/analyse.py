"""``neorlt cohort`` and ``neorlt cohort analyse``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Out, Seed, say, sentences, show, warn
from neorlt.cli.console import table as made


def command(
    table: Annotated[Path, typer.Argument(help="The centre's table: CSV, .xlsx, SPSS, Stata, REDCap, or a folder of SDTM domains.")],
    out: Out,
    map_file: Annotated[Path | None, typer.Option("--map", help="How the table is read (from `neorlt cohort map`).")] = None,
    dictionary: Annotated[Path | None, typer.Option("--dictionary", help="REDCap's data dictionary (CSV).")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Responses need confirmation (RECIST 1.1).")] = False,
    landmark_months: Annotated[float | None, typer.Option(min=0, help="Landmark for the comparison.")] = None,
    stable_weeks: Annotated[float, typer.Option("--stable-weeks", min=0, help="Least week of stable disease (RECIST 1.1).")] = 6.0,
    ctcae: Annotated[str, typer.Option("--ctcae", help="Version that laboratory values are graded by: 4.03, 5.0 or 6.0.")] = "5.0",
    imputations: Annotated[int, typer.Option("--imputations", min=2, max=500, help="Copies of multiple imputation.")] = 20,
    include_unchecked: Annotated[bool, typer.Option("--include-unchecked", help="Score GI.NET21 too: its scales are recalled.")] = False,
    export_likelihood: Annotated[
        bool, typer.Option("--export-likelihood", help="Write likelihood.json: sums for the response model, no patient.")
    ] = False,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Analyse a centre's own table."""
    from neorlt.jobs.cohort import cohort_command

    document = cohort_command(
        table, out, map_file=map_file, dictionary=dictionary, seed=seed, confirm=confirm, landmark_months=landmark_months,
        stable_weeks=stable_weeks, ctcae_version=ctcae, imputations=imputations, include_unchecked=include_unchecked,
        export_likelihood=export_likelihood,
    )
    warn(*document["warnings"])
    show(document, json, lambda d: _for_people(d, out))


def _for_people(document: Mapping[str, Any], out: Path) -> None:
    from neorlt.reporting.views.cohort import RATE_HEADS, answer_sentences, rate_rows, time_rows

    sentences(*answer_sentences(document))
    say("")
    made(RATE_HEADS, rate_rows(document))
    say("")
    made(["time to event", "group", "events / patients", "median, months (95 % interval)", "follow-up, months"], time_rows(document))
    if document["reasons"]:
        say("", "Not in this table:")
        sentences(*(f"- {name.replace('_', ' ')}: {why}" for name, why in document["reasons"].items()))
    say("", f"Report: {out / 'report.html'}")
