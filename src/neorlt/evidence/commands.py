"""``neorlt evidence …``: the door. ``--json`` puts one JSON document on stdout and nothing else there.

The work is in :mod:`neorlt.evidence.actions`, loaded when a command runs, so that ``neorlt --help`` stays quick.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neorlt.core.manifest import to_json

if TYPE_CHECKING:
    from neorlt.evidence.actions import Services

evidence_app = typer.Typer(help="A living review in a folder: search, screen, extract, pool, keep alive.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="folder of the review")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
Who = Annotated[str | None, typer.Option(help="reviewer, as the protocol names them")]
Why = Annotated[str, typer.Option(help="reason, kept in the history")]
Email = Annotated[str | None, typer.Option(help="who asks, for the services' logs")]
Url = typer.Option(help="address of another server (a mirror, a test)")


def _say(document: dict[str, Any], as_json: bool, *keys: str) -> None:
    if as_json:
        typer.echo(to_json(document), nl=False)
        return
    for key in keys or tuple(document):
        value = document.get(key)
        if isinstance(value, list | dict):
            typer.echo(f"{key}: {len(value)}" if isinstance(value, list) and len(value) > 12 else f"{key}: {value}")
        else:
            typer.echo(f"{key}: {value}")


def _services(email: str | None, **urls: str | None) -> Services:
    from neorlt.evidence.actions import Services

    given = {name: url for name, url in urls.items() if url is not None}
    # "none" switches one service off: an empty address would read as "the default".
    chosen = {name: None if url == "none" else url for name, url in given.items()}
    return Services(email=email, api_key=os.environ.get("NCBI_API_KEY") or None, **chosen)


@evidence_app.command()
def search(
    folder: Folder,
    reading: Annotated[str, typer.Option(help="all, grouped, and-first, left-to-right")] = "all",
    email: Email = None,
    pubmed_url: Annotated[str | None, Url] = None,
    ctgov_url: Annotated[str | None, Url] = None,
    as_json: Json = False,
) -> None:
    """Run the protocol's searches, or go on with one that was interrupted."""
    from neorlt.evidence import actions

    services = _services(email, pubmed=pubmed_url, ctgov=ctgov_url)
    _say(actions.search_command(folder, reading=reading, services=services), as_json)


@evidence_app.command(name="import")
def import_(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(help="nbib, PubMed XML, RIS, BibTeX, CSV, ClinicalTrials.gov JSON")],
    source: Annotated[str | None, typer.Option(help="name of the source; else the format's")] = None,
    as_json: Json = False,
) -> None:
    """Import exported records; the format is told from the content."""
    from neorlt.evidence import actions

    _say(actions.import_command(folder, files, source=source), as_json)


@evidence_app.command()
def dedupe(
    folder: Folder,
    undo: Annotated[str | None, typer.Option(help="take this duplicate back")] = None,
    who: Annotated[str, typer.Option(help="who undoes it")] = "neorlt",
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Find duplicates across sources, or undo one."""
    from neorlt.evidence import actions

    _say(actions.dedupe_command(folder, undo=undo, who=who, why=why), as_json, "duplicates", "left", "undone")


@evidence_app.command()
def screen(
    folder: Folder,
    record: Annotated[str | None, typer.Option(help="record to decide on")] = None,
    verdict: Annotated[str | None, typer.Option(help="include, exclude, unsure")] = None,
    who: Who = None,
    why: Why = "",
    stage: Annotated[str, typer.Option(help="title or fulltext")] = "title",
    resolve: Annotated[bool, typer.Option("--resolve", help="settle a conflict")] = False,
    limit: Annotated[int, typer.Option("--next", help="how many records to show")] = 20,
    export: Annotated[str | None, typer.Option(help="asreview or rayyan")] = None,
    take: Annotated[Path | None, typer.Option(help="take decisions back from this file")] = None,
    out: Annotated[Path | None, typer.Option(help="file to write")] = None,
    as_json: Json = False,
) -> None:
    """Show what to read next, decide, resolve, export and take back."""
    from neorlt.evidence import actions

    document = actions.screen_command(
        folder, record=record, verdict=verdict, who=who, why=why, stage=stage, resolve=resolve, limit=limit,
        export=export, take=take, out=out,
    )  # fmt: skip
    _say(document, as_json)


@evidence_app.command()
def chase(
    folder: Folder,
    ids: Annotated[list[str] | None, typer.Option("--id", help="record to chase from; else all included")] = None,
    email: Email = None,
    openalex_url: Annotated[str | None, Url] = None,
    crossref_url: Annotated[str | None, Url] = None,
    as_json: Json = False,
) -> None:
    """Follow citations backward and forward."""
    from neorlt.evidence import actions

    services = _services(email, openalex=openalex_url, crossref=crossref_url)
    _say(actions.chase_command(folder, ids=ids or None, services=services), as_json)


@evidence_app.command()
def extract(
    folder: Folder,
    record: Annotated[str, typer.Argument(help="record id")],
    field: Annotated[str, typer.Argument(help="field of the form")],
    value: Annotated[str, typer.Argument(help="value as JSON, or text")],
    who: Annotated[str, typer.Option(help="who reads")],
    where: Annotated[str, typer.Option(help="where it stands: page, table, address")],
    how: Annotated[str, typer.Option(help="fulltext, abstract, secondary, registry")],
    as_json: Json = False,
) -> None:
    """Store one cell of the study table."""
    from neorlt.evidence import actions

    _say(actions.extract_command(folder, record, field, value, who=who, where=where, how=how), as_json)


@evidence_app.command()
def table(
    folder: Annotated[Path | None, typer.Argument(help="folder of a review; without it the shipped review")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for HTML, CSV, SVG, JSON")] = None,
    method: Annotated[str, typer.Option(help="pooling method")] = "glmm",
    as_json: Json = False,
) -> None:
    """Rebuild Table 1, the PRISMA flow and the pooled rates."""
    from neorlt.evidence import actions

    _say(actions.table_command(folder, out=out, method=method), as_json, "review", "flow", "files", "out")


@evidence_app.command()
def pool(
    csv: Annotated[Path, typer.Argument(help="study,events,total (and design, cohort, subgroup)")],
    method: Annotated[str, typer.Option(help="glmm, bayes, beta-binomial, … or transform/tau/test")] = "glmm",
    out: Annotated[Path | None, typer.Option(help="forest plot (SVG)")] = None,
    as_json: Json = False,
) -> None:
    """Pool proportions."""
    from neorlt.evidence import actions

    document = actions.pool_command(csv, method, out=out)
    _say(document, as_json, "k", "n", "events", "pooled", "ci95", "prediction95", "tau", "method", "reason", "second", "notes")


@evidence_app.command()
def watch(
    folder: Folder,
    nct: Annotated[list[str] | None, typer.Option(help="registration; else all known")] = None,
    add: Annotated[Path | None, typer.Option(help="a version from a file")] = None,
    dated: Annotated[str | None, typer.Option(help="date of that version")] = None,
    ctgov_url: Annotated[str | None, Url] = None,
    as_json: Json = False,
) -> None:
    """Fetch registrations and show what changed between dated versions."""
    from neorlt.evidence import actions

    services = _services(None, ctgov=ctgov_url)
    _say(actions.watch_command(folder, nct=nct or None, add=add, dated=dated, services=services), as_json)


@evidence_app.command()
def update(
    folder: Folder,
    email: Email = None,
    pubmed_url: Annotated[str | None, Url] = None,
    ctgov_url: Annotated[str | None, Url] = None,
    as_json: Json = False,
) -> None:
    """Run the protocol again: what is new, what changed, does a conclusion move."""
    from neorlt.evidence import actions

    services = _services(email, pubmed=pubmed_url, ctgov=ctgov_url)
    _say(actions.update_command(folder, services=services), as_json)


@evidence_app.command()
def status(
    folder: Folder,
    new: Annotated[bool, typer.Option("--new", help="start a review with the shipped protocol")] = False,
    as_json: Json = False,
) -> None:
    """Where a review stands; checks that its history is unbroken."""
    from neorlt.evidence import actions

    _say(actions.status_command(folder, new=new), as_json)
