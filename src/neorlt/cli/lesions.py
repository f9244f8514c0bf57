"""``neorlt lesions``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Names, Out, Regions, read_numbers, sentences, show, table, warn


def command(
    study: Annotated[Path, typer.Argument(help="Folder with the DICOM study.")],
    out: Out,
    labels: Regions = None,
    names: Names = None,
    suv: Annotated[float | None, typer.Option(min=0.0, help="Fixed threshold; left out, --factor times the mean of --organ.")] = None,
    organ: Annotated[str, typer.Option(help="liver or spleen")] = "liver",
    factor: Annotated[float, typer.Option(min=0.0, help="Times the organ's mean.")] = 1.5,
    least_ml: Annotated[float, typer.Option("--least-ml", min=0.0, help="Smaller parts are left out.")] = 0.5,
    search_liver: Annotated[bool, typer.Option("--search-liver", help="Look for metastases in the liver too.")] = False,
    at: Annotated[list[str] | None, typer.Option("--at", help="x,y,z in patient mm: draw the lesion there; may be repeated.")] = None,
    method: Annotated[str, typer.Option(help="With --at: fixed, percent, adaptive, gradient, random-walker.")] = "adaptive",
    value: Annotated[float, typer.Option(help="With --at: threshold of fixed (SUV), part of the maximum of percent.")] = 0.41,
    json: Json = False,
) -> None:
    """Draw lesion candidates on SSTR PET outside the organs, or lesions round points, and write them as a SEG."""
    from neorlt.jobs.lesions import lesions_command

    points = [read_numbers(text, "--at", "12.5,-40,310") for text in at or ()]
    document = lesions_command(
        study, out, labels=labels, label_names=names, suv=suv, organ=organ, factor=factor, least_ml=least_ml, search_liver=search_liver,
        points_mm=points, method=method, value=value,
    )  # fmt: skip
    warn(*document["warnings"])
    show(document, json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    table(["lesion", "ml", "mm", "SUVmax", "SUVmean", "centre, mm"], [
        [row["id"], f"{row['volume_ml']:.1f}", f"{row['longest_diameter_mm']:.1f}", f"{row['suv_max']:.1f}", f"{row['suv_mean']:.1f}",
         ", ".join(f"{v:g}" for v in row["centre_mm"])]
        for row in document["lesions"]
    ])
    if document["threshold_suv"] is not None:
        organs = ", ".join(document["organs_left_out"])
        sentences(f"Above SUV {document['threshold_suv']:.2f} ({document['threshold_from']}), outside {organs}.")
    sentences(f"{document['files'][0]}: {document['label']}.")
