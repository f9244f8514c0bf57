"""``neorlt calibrate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, OutOrNone, outline, say, show, table, warn


def command(
    out: OutOrNone = None,
    leave_out: Annotated[str | None, typer.Option("--leave-out", help="Study that the fit does not see.")] = None,
    check: Annotated[
        Path | None, typer.Option("--check", help="CSV of your own lesions against the shipped posterior; with --out also a picture.")
    ] = None,
    with_table: Annotated[Path | None, typer.Option("--with", help="CSV of your own lesions: learn how your centre differs.")] = None,
    export_likelihood: Annotated[
        Path | None, typer.Option("--export-likelihood", help="File for what your lesions say, a number a draw: no patient leaves.")
    ] = None,
    import_likelihood: Annotated[
        list[Path] | None, typer.Option("--import-likelihood", help="Such a file of another centre; repeat it.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler, tcp://…: chains run on workers that reach the folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Refit the response model to the published evidence, or set your own lesions against it."""
    from neorlt.jobs.calibrate import calibrate_command

    document = calibrate_command(out, leave_out=leave_out, check=check, table=with_table, export_likelihood=export_likelihood,
                                 import_likelihood=import_likelihood or (), dask=dask)
    warn(*document.get("warnings", ()))
    show(document, json, _check if check else _update if "study_effect" in document else _refit)


def _refit(document: Mapping[str, Any]) -> None:
    outline(document, "posterior_hash", "converged", "rhat_max", "ess_min", "divergences", "summary")


def _update(document: Mapping[str, Any]) -> None:
    names = ("posterior_hash", "study_effect", "effective_draws", "pareto_k", "trusted", "note", "imported", "exported")
    outline(document, *(name for name in names if document.get(name) is not None))


def _check(document: Mapping[str, Any]) -> None:
    cover = document["coverage"]
    say(f"{document['n']} lesions, nothing fitted.",
        f"Inside the 50, 80 and 90 % intervals: {', '.join(f'{100 * cover[level]:.0f} %' for level in ('50', '80', '90'))}.",
        f"Expected minus seen change of diameter: {document['bias_pp']:+z.1f} points on average.")
    rows = [("this model", f"{document['log_score_per_lesion']:.3f}", "")]
    for name, value in document["baselines"].items():
        ahead = document["against"][name]
        error = "" if ahead["standard_error"] is None else f" ± {ahead['standard_error']:.3f}"
        rows.append((name, f"{value:.3f}", f"{ahead['mean']:+z.3f}{error}"))
    table(("log score a lesion", "", "this model better by (± standard error)"), rows)
    uniform = document["pit_uniform"]
    finds = ", ".join(f"{name} in {100 * chance:.0f}" for name, chance in uniform["power_at_1_pct"].items())
    say(f"PIT uniform: P = {uniform['p']:.3f}. So many lesions find a model wrong at 1 %, of 100 tries: {finds}.",
        document["note"])
    if "picture" in document:
        say(f"Picture: {document['picture']}")
