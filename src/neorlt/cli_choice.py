"""Commands of the choice: the search over schemes, the update between cycles, who benefits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.core.console import Json, Seed, say, show, warn

OutOrNone = Annotated[Path | None, typer.Option("--out", help="Folder for report.html and the JSON document.")]
LimitTexts = Annotated[list[str] | None, typer.Option("--limits", help="name=value,… or a TOML file with [limits], [weights], [space].")]


def _print(document: Mapping[str, Any], as_json: bool, sentences: list[str], out: Path | None) -> None:
    for text in document.get("warnings", ()):
        warn(text)
    show(document, as_json, lambda _: say(*sentences, *([] if out is None else [f"Report: {out / 'report.html'}"])))


def optimise(
    patient: Annotated[Path, typer.Argument(help="patient.toml")],
    limits: LimitTexts = None,
    out: OutOrNone = None,
    candidates: Annotated[int, typer.Option(min=10, max=1_000_000, help="Schemes that are screened.")] = 10_000,
    screen_draws: Annotated[int, typer.Option(min=10, max=5000, help="Common draws of the screening.")] = 100,
    best: Annotated[int, typer.Option(min=2, max=500, help="Schemes that go through the full model.")] = 50,
    draws: Annotated[int, typer.Option(min=50, max=20000, help="Joint draws of the full model.")] = 1000,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Search over nuclides, cycles, activity, interval and week of surgery; says which schemes cannot be told apart."""
    from neorlt.jobs_choice import run_optimise

    document = run_optimise(patient, limits or (), out, n_screen=candidates, n_screen_draws=screen_draws, n_full=best, n_draws=draws,
                            seed=seed)
    _print(document, json, document["answer"]["sentences"], out)


def adapt(
    patient: Annotated[Path, typer.Argument(help="patient.toml")],
    scheme: Annotated[str, typer.Option("--scheme", help="The planned scheme: words, a TOML file or a published name.")],
    after: Annotated[int, typer.Option("--after", min=1, help="Cycles given so far.")],
    updates: Annotated[Path, typer.Option("--updates", help="TOML file with what was measured since.")],
    limits: LimitTexts = None,
    out: OutOrNone = None,
    worlds: Annotated[int, typer.Option(min=200, max=100_000, help="Possible worlds that are weighted.")] = 4000,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """After a cycle: new images and counts update the patient and the rest of the schedule."""
    from neorlt.jobs_choice import run_adapt

    document = run_adapt(patient, scheme, after, updates, limits or (), out, n_proposals=worlds, seed=seed)
    _print(document, json, document["changes"], out)


def benefit(
    scheme: Annotated[str, typer.Option("--scheme", help="Words, a TOML file or a published name.")] = "4 x 7.4 GBq Lu-177 every 8 weeks",
    patients: Annotated[int, typer.Option(min=8, max=8192, help="Size of the base sample, a power of two.")] = 256,
    draws: Annotated[int, typer.Option(min=10, max=5000, help="Draws a patient.")] = 64,
    out: OutOrNone = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Who benefits: which baseline features move the gain of a scheme (Sobol indices)."""
    from neorlt.jobs_choice import run_benefit

    document = run_benefit(scheme, out, n_base=patients, n_draws=draws, seed=seed)
    _print(document, json, document["answer"]["sentences"], out)


def mount(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (optimise, adapt, benefit):
        app.command()(command)
