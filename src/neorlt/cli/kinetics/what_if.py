"""``neorlt kinetics what-if``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, NuclideFiles, Seed, read_numbers, say, sentences, show
from neorlt.cli.kinetics.options import Nuclide, span


def command(
    peptide_ug: Annotated[float, typer.Option(help="Peptide of the reference, µg.")] = 150.0,
    activity_gbq: Annotated[float, typer.Option(help="Activity of the reference, GBq.")] = 7.4,
    tumour_ml: Annotated[float, typer.Option(help="Volume of the tumour that is asked for.")] = 80.0,
    total_tumour_ml: Annotated[float | None, typer.Option(help="All tumours together; that tumour alone where left out.")] = None,
    try_peptide_ug: Annotated[str, typer.Option(help="Other amounts, with commas: 50,300.")] = "",
    try_activity_gbq: Annotated[str, typer.Option(help="Other activities.")] = "",
    try_tumour_ml: Annotated[str, typer.Option(help="Other volumes of the tumour.")] = "",
    try_total_tumour_ml: Annotated[str, typer.Option(help="Other volumes of all tumours.")] = "",
    nuclide: Nuclide = "Lu-177",
    nuclide_file: NuclideFiles = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """What another amount of peptide, activity or tumour would change, by receptor kinetics: a prediction."""
    from neorlt.jobs.kinetics import QUESTIONS, SHOWN, what_if

    texts = (try_peptide_ug, try_activity_gbq, try_tumour_ml, try_total_tumour_ml)
    instead = {name: read_numbers(text, f"--try-{name.replace('_', '-')}") for name, text in zip(QUESTIONS, texts, strict=True) if text}
    document = what_if(
        peptide_ug=peptide_ug,
        activity_gbq=activity_gbq,
        tumour_ml=tumour_ml,
        total_tumour_ml=total_tumour_ml,
        instead=instead,
        nuclide=nuclide,
        nuclide_files=nuclide_file or (),
        seed=seed,
    )

    def for_people(document: Mapping[str, Any]) -> None:
        sentences(document["notice"])
        for row in document["settings"]:
            changed = (f"{key.rsplit('_', 1)[0].replace('_', ' ')} {value:g} {QUESTIONS[key]}" for key, value in row["changed"].items())
            sentences(", ".join(changed) or "reference")
            for organ in SHOWN:
                ratio = f", {span(row[organ]['ratio_of_dose'])} times the reference" if row["changed"] else ""
                say(f"  {organ}: {span(row[organ]['dose_gy'], ' Gy')}{ratio}")
        sentences(*document["notes"])

    show(document, json, for_people)
