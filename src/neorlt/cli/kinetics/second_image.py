"""``neorlt kinetics second-image``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, NuclideFiles, read_numbers, sentences, show, table
from neorlt.cli.kinetics.options import Nuclide


def command(
    first_h: Annotated[float, typer.Option(help="Hours after injection of the first image.")] = 24.0,
    half_life_h: Annotated[str, typer.Option(help="Effective half-lives, h, with commas; the population's where left out.")] = "",
    noise_ratio: Annotated[float, typer.Option(help="Relative error of the second reading over that of the first.")] = 1.0,
    nuclide: Nuclide = "Lu-177",
    nuclide_file: NuclideFiles = None,
    json: Json = False,
) -> None:
    """When the second of two therapy images is best: as far behind the mean life as the first lies before it."""
    from neorlt.jobs.kinetics import best_second_image

    halves = read_numbers(half_life_h, "--half-life-h") if half_life_h else ()
    found = best_second_image(first_h, halves, nuclide=nuclide, noise_ratio=noise_ratio, nuclide_files=nuclide_file or ())
    show(found, json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    def hours(value: float | None) -> str:
        return "-" if value is None else f"{value:.0f}"

    sentences(document["sentence"])
    table(["region", "effective half-life, h", "best, h", "nearly as good from", "to"], [
        [row["name"], hours(row["effective_half_life_h"]), hours(row["best_h"]), hours(row["from_h"]), hours(row["to_h"])]
        for row in document["regions"]
    ])
    sentences(*(f"{row['name']}: {row['reason']}." for row in document["regions"] if row["reason"]),
              f"Half-lives: {document['half_lives_from']}.")
