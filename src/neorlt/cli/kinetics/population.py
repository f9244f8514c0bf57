"""``neorlt kinetics population``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Out, Seed, sentences, show, table, warn


def command(
    curves: Annotated[Path, typer.Argument(help="CSV: patient,region,time_h,activity_mbq and, if known, sd_mbq,nuclide,kind.")],
    out: Out,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Your centre's own population of curves, as the prior of studies with few images."""
    from neorlt.jobs.kinetics import own_population

    document = own_population(curves, out, seed=seed)
    warn(*document["warnings"])

    def for_people(document: Mapping[str, Any]) -> None:
        rows = [*document["organs"], *([document["lesions"]] if document["lesions"] else [])]
        table(["region", "curves", "biological h", "log-SD", "177Lu effective h"], [
            [r["name"], str(r["curves"]), f"{r['biological_half_life_h']:.0f}", f"{r['log_sd']:.2f}",
             f"{r['effective_half_life_h_lu177']:.0f}"]
            for r in rows
        ])
        sentences(f"For neorlt dose and plan: --population {out / 'population.toml'}")

    show(document, json, for_people)
