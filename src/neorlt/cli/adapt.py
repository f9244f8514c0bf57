"""``neorlt adapt``: the update between cycles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.choice import finish
from neorlt.cli.console import Json, Limits, NuclideFiles, OutOrNone, PatientOrNone, Plan, Posterior, Seed


def command(
    scheme: Annotated[str, typer.Option("--scheme", help="The planned scheme: words, a TOML file or a published name.")],
    after: Annotated[int, typer.Option("--after", min=1, help="Cycles given so far.")],
    updates: Annotated[Path, typer.Option("--updates", help="TOML file with what was measured since.")],
    patient: PatientOrNone = None,
    plan: Plan = None,
    limits: Limits = None,
    out: OutOrNone = None,
    posterior: Posterior = None,
    nuclide_file: NuclideFiles = None,
    worlds: Annotated[int, typer.Option(min=200, max=100_000, help="Draws that are weighted; a plan has its own.")] = 1000,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """After a cycle: new images and counts update the patient and the rest of the schedule."""
    from neorlt.jobs.adapt import run_adapt

    document = run_adapt(patient, scheme, after, updates, limits or (), out, plan=plan, n_proposals=worlds, seed=seed,
                         nuclide_files=nuclide_file or (), posterior=posterior)
    finish(document, json, document["changes"], out)
