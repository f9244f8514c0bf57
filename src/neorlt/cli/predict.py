"""``neorlt predict``: the plan without images."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Draws, Json, NuclideFiles, PatientOrNone, Plan, Posterior, Seed, Strict, show, table
from neorlt.cli.schemes import finish
from neorlt.core.errors import InputError


def command(
    patient: PatientOrNone = None,
    plan: Plan = None,
    scheme: Annotated[list[str] | None, typer.Option("--scheme", help="Words, a TOML file or a published name; repeatable.")] = None,
    list_schemes: Annotated[bool, typer.Option("--list-schemes", help="List the published schemes with their sources.")] = False,
    posterior: Posterior = None,
    nuclide_file: NuclideFiles = None,
    draws: Draws = 1000,
    seed: Seed = 1,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Predict without images: response, risk and trajectory of one or more schemes."""
    if list_schemes:
        from neorlt.planning.published import published_schemes

        found = {"published": [row.as_json() for row in published_schemes()]}
        show(found, json, lambda d: table(
            ["name", "scheme", "source", "doi", "PMID", "note"],
            [[r["key"], r["scheme"], r["source"], r["doi"] or "-", r["pmid"] or "-", r["note"]] for r in d["published"]]))
        return
    if patient is None and plan is None:
        raise InputError("no patient file is given", remedy="give patient.toml, --plan DIR, or --list-schemes")
    from neorlt.jobs.predict import run_predict

    finish(run_predict(patient, scheme or (), plan=plan, nuclide_files=nuclide_file or (), n_draws=draws, seed=seed,
                       posterior=posterior), json, strict)
