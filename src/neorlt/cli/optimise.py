"""``neorlt optimise``: the search over schemes."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.choice import finish
from neorlt.cli.console import Json, Limits, NuclideFiles, OutOrNone, PatientOrNone, Plan, Posterior, Seed


def command(
    patient: PatientOrNone = None,
    plan: Plan = None,
    limits: Limits = None,
    out: OutOrNone = None,
    posterior: Posterior = None,
    nuclide_file: NuclideFiles = None,
    candidates: Annotated[int, typer.Option(min=10, max=1_000_000, help="Schemes that are screened.")] = 10_000,
    screen_draws: Annotated[int, typer.Option(min=10, max=5000, help="Common draws of the screening.")] = 100,
    best: Annotated[int, typer.Option(min=2, max=500, help="Schemes that go through the full model.")] = 50,
    draws: Annotated[int, typer.Option(min=50, max=20000, help="Joint draws of the full model.")] = 1000,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Search schemes inside the decision: nuclides, cycles, activity, interval, week of surgery, beside operating now and watching."""
    from neorlt.jobs.optimise import run_optimise

    document = run_optimise(patient, limits or (), out, plan=plan, n_screen=candidates, n_screen_draws=screen_draws, n_full=best,
                            n_draws=draws, seed=seed, nuclide_files=nuclide_file or (), posterior=posterior)
    finish(document, json, document["answer"]["sentences"], out)
