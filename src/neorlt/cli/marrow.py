"""``neorlt marrow``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Draws, Json, Names, Out, PsfFwhm, Regions, Register, Seed, sentences, show, table, warn


def command(
    study: Annotated[Path, typer.Argument(help="Folder with the DICOM study of one cycle.")],
    out: Out,
    blood: Annotated[Path | None, typer.Option("--blood", help="CSV of blood samples: time_h,kbq_per_ml.")] = None,
    haematocrit: Annotated[float | None, typer.Option(help="Fraction, needed with --blood.")] = None,
    labels: Regions = None,
    names: Names = None,
    psf_fwhm_mm: PsfFwhm = None,
    register: Register = "check",
    draws: Draws = 1000,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Red-marrow dose from blood, remainder and vertebrae, side by side, and how they disagree."""
    from neorlt.jobs.marrow import marrow_command

    document = marrow_command(study, out, blood=blood, haematocrit=haematocrit, labels=labels, label_names=names, psf_fwhm_mm=psf_fwhm_mm,
                              register=register, n_draws=draws, seed=seed)
    warn(*document["warnings"])

    def for_people(document: Mapping[str, Any]) -> None:
        rows = []
        for row in document["methods"]:
            low, high = row["dose_gy"]["ci90"]
            rows.append([row["method"], f"{row['dose_gy']['median']:.3f} ({low:.3f}-{high:.3f})", f"{row['gy_per_gbq']:.4f}", row["label"]])
        table(["method", "Gy", "Gy/GBq", "label"], rows)
        sentences(document["disagreement"])

    show(document, json, for_people)
