"""``neorlt benefit``: who benefits."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.choice import finish
from neorlt.cli.console import Json, NuclideFiles, OutOrNone, Plan, Posterior, Seed


def command(
    scheme: Annotated[str, typer.Option("--scheme", help="Words, a TOML file or a published name.")] = "4 x 7.4 GBq Lu-177 every 8 weeks",
    patients: Annotated[int, typer.Option(min=8, max=8192, help="Size of the base sample, a power of two.")] = 128,
    draws: Annotated[int, typer.Option(min=10, max=5000, help="Draws a patient.")] = 64,
    plan: Plan = None,
    out: OutOrNone = None,
    posterior: Posterior = None,
    nuclide_file: NuclideFiles = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Who benefits: which baseline features move the gain of a scheme (Sobol indices)."""
    from neorlt.jobs.benefit import run_benefit

    document = run_benefit(scheme, out, plan=plan, n_base=patients, n_draws=draws, seed=seed,
                           nuclide_files=nuclide_file or (), posterior=posterior)
    finish(document, json, document["answer"]["sentences"], out)
