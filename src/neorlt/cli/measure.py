"""``neorlt measure``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Names, Regions, say, sentences, show, table, warn


def command(
    study: Annotated[Path, typer.Argument(help="Folder with the DICOM study.")],
    labels: Regions = None,
    names: Names = None,
    follow_up: Annotated[list[Path] | None, typer.Option("--follow-up", help="A later study; repeat it, in order of time.")] = None,
    krenning: Annotated[bool, typer.Option("--krenning", help="Give the Krenning scale read on PET (an assumption).")] = False,
    ledger: Annotated[bool, typer.Option("--ledger", help="Show every step from stored numbers to the images' units.")] = False,
    json: Json = False,
) -> None:
    """SUV and size of every lesion, per time point, and the response between them."""
    from neorlt.jobs.measure import measure_command

    document = measure_command(study, labels=labels, label_names=names, follow_up=follow_up or (), krenning=krenning, ledger=ledger)
    warn(*document["warnings"])
    show(document, json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    table(["lesion", "time", "ml", "mm", "SUVmax", "SUVmean", "SUVpeak"], [
        [row["id"], row["time"] or "-", number(row["volume_ml"], ".1f"), number(row["longest_diameter_mm"], ".1f"),
         number(row["suv_max"], ".2f"), number(row["suv_mean"], ".2f"), number(row["suv_peak"], ".2f")]
        for row in document["lesions"]
    ])
    sentences(*(f"{reason}." for reason in dict.fromkeys(row["reason"] for row in document["lesions"] if row["reason"])))
    table(["region", "role", "why"], [[row["name"], row["role"], row["why"]] for row in document["roles"]])
    if "ledger" in document:
        _ledger(document["ledger"])
    if document["response"] is not None:
        from neorlt.jobs.measure import response_sentences

        sentences(*response_sentences(document["response"]))


def _ledger(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each image's steps, a line or two each: step, value and unit, then tag and where it came from."""
    for image in dict.fromkeys(row["image"] for row in rows):
        say("", f"{image}:")
        for row in rows:
            if row["image"] == image:
                value = f"{row['value']} {row['unit']}".strip()
                origin = ", ".join(part for part in (row["tag"], row["from"]) if part)
                sentences(f"  {row['step']}: {value} [{origin}]")
