"""``neorlt kinetics pet``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, NuclideFiles, Seed, read_numbers, sentences, show
from neorlt.cli.kinetics.options import Nuclide, span


def command(
    suv: Annotated[str, typer.Option(help="SUV of each lesion, with commas.")],
    volume_ml: Annotated[str, typer.Option(help="Volume of each lesion, in the same order; needed for Y-90.")] = "",
    activity_gbq: Annotated[float | None, typer.Option(help="Activity of one cycle, GBq; the nuclide's usual one where left out.")] = None,
    suv_median: Annotated[float | None, typer.Option(help="Median SUV of the centre's treated lesions.")] = None,
    suv_log_sd: Annotated[float | None, typer.Option(help="Their log-SD.")] = None,
    nuclide: Nuclide = "Lu-177",
    nuclide_file: NuclideFiles = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Dose per activity that a baseline PET lets expect, with its honest spread: a prediction."""
    from neorlt.jobs.kinetics import from_pet

    document = from_pet(
        read_numbers(suv, "--suv"),
        nuclide=nuclide,
        nuclide_files=nuclide_file or (),
        volume_ml=read_numbers(volume_ml, "--volume-ml") if volume_ml else None,
        activity_gbq=activity_gbq,
        suv_median=suv_median,
        suv_log_sd=suv_log_sd,
        seed=seed,
    )

    def for_people(document: Mapping[str, Any]) -> None:
        sentences(document["notice"])
        for lesion in document["lesions"]:
            given = f"{document['activity_gbq']:g} GBq ({document['activity_from']})"
            doses = f"{span(lesion['gy_per_gbq'], ' Gy/GBq')}; {span(lesion['dose_gy'], ' Gy')} of {given}"
            sentences(f"SUV {lesion['suv']:g}: {doses}")
        reference = document["suv_reference"]
        sentences(f"Compared with SUVs of median {reference['median']:g}, log-SD {reference['log_sd']:g} ({reference['source']}).")

    show(document, json, for_people)
