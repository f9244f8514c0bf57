"""``neorlt kinetics what-if`` and ``neorlt kinetics pet``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from neorlt.core.console import Json, Seed, read_numbers, say, show

kinetics_app = typer.Typer(no_args_is_help=True, help="Predicted doses where there is no therapy image: never a measurement.")
Nuclide = Annotated[str, typer.Option(help="Lu-177 or Y-90.")]


def _span(summary: Mapping[str, Any], unit: str = "") -> str:
    low, high = summary["ci90"]
    return f"{summary['median']:.3g} ({low:.3g} to {high:.3g}){unit}"


@kinetics_app.command("what-if")
def what_if_command(
    peptide_ug: Annotated[float, typer.Option(help="Peptide of the reference, µg.")] = 150.0,
    activity_gbq: Annotated[float, typer.Option(help="Activity of the reference, GBq.")] = 7.4,
    tumour_ml: Annotated[float, typer.Option(help="Volume of the tumour that is asked for.")] = 80.0,
    total_tumour_ml: Annotated[float | None, typer.Option(help="All tumours together; that tumour alone where left out.")] = None,
    try_peptide_ug: Annotated[str, typer.Option(help="Other amounts, with commas: 50,300.")] = "",
    try_activity_gbq: Annotated[str, typer.Option(help="Other activities.")] = "",
    try_tumour_ml: Annotated[str, typer.Option(help="Other volumes of the tumour.")] = "",
    try_total_tumour_ml: Annotated[str, typer.Option(help="Other volumes of all tumours.")] = "",
    nuclide: Nuclide = "Lu-177",
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """What another amount of peptide, activity or tumour would change, by receptor kinetics: a prediction."""
    from neorlt.dosimetry.kinetics_commands import QUESTIONS, SHOWN, what_if

    texts = (try_peptide_ug, try_activity_gbq, try_tumour_ml, try_total_tumour_ml)
    instead = {name: read_numbers(text, f"--try-{name.replace('_', '-')}") for name, text in zip(QUESTIONS, texts, strict=True) if text}
    document = what_if(
        peptide_ug=peptide_ug,
        activity_gbq=activity_gbq,
        tumour_ml=tumour_ml,
        total_tumour_ml=total_tumour_ml,
        instead=instead,
        nuclide=nuclide,
        seed=seed,
    )

    def for_people(document: Mapping[str, Any]) -> None:
        say(document["notice"])
        for row in document["settings"]:
            changed = (f"{key.rsplit('_', 1)[0].replace('_', ' ')} {value:g} {QUESTIONS[key]}" for key, value in row["changed"].items())
            say(", ".join(changed) or "reference")
            for organ in SHOWN:
                ratio = f", {_span(row[organ]['ratio_of_dose'])} times the reference" if row["changed"] else ""
                say(f"  {organ}: {_span(row[organ]['dose_gy'], ' Gy')}{ratio}")
        say(*document["notes"])

    show(document, json, for_people)


@kinetics_app.command("pet")
def pet_command(
    suv: Annotated[str, typer.Option(help="SUV of each lesion, with commas.")],
    volume_ml: Annotated[str, typer.Option(help="Volume of each lesion, in the same order; needed for Y-90.")] = "",
    activity_gbq: Annotated[float, typer.Option(help="Activity of one cycle, GBq.")] = 7.4,
    suv_median: Annotated[float | None, typer.Option(help="Median SUV of the centre's treated lesions.")] = None,
    suv_log_sd: Annotated[float | None, typer.Option(help="Their log-SD.")] = None,
    nuclide: Nuclide = "Lu-177",
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Dose per activity that a baseline PET lets expect, with its honest spread: a prediction."""
    from neorlt.dosimetry.kinetics_commands import from_pet

    document = from_pet(
        read_numbers(suv, "--suv"),
        nuclide=nuclide,
        volume_ml=read_numbers(volume_ml, "--volume-ml") if volume_ml else None,
        activity_gbq=activity_gbq,
        suv_median=suv_median,
        suv_log_sd=suv_log_sd,
        seed=seed,
    )

    def for_people(document: Mapping[str, Any]) -> None:
        say(document["notice"])
        for lesion in document["lesions"]:
            doses = f"{_span(lesion['gy_per_gbq'], ' Gy/GBq')}; {_span(lesion['dose_gy'], ' Gy')} of {activity_gbq:g} GBq"
            say(f"SUV {lesion['suv']:g}: {doses}")
        reference = document["suv_reference"]
        say(f"Compared with SUVs of median {reference['median']:g}, log-SD {reference['log_sd']:g} ({reference['source']}).")

    show(document, json, for_people)
