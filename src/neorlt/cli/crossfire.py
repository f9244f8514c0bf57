"""``neorlt crossfire``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, NuclideFile, read_numbers, say, sentences, show, table


def command(
    diameter_mm: Annotated[str, typer.Option("--diameter-mm", help="Diameters of spherical lesions, comma separated.")] = "2,5,10,20,60",
    nuclides: Annotated[str, typer.Option(help="Nuclides to compare, the first is the reference.")] = "Lu-177,Y-90",
    nuclide_file: NuclideFile = None,
    json: Json = False,
) -> None:
    """Answer "90Y or 177Lu for this lesion?": absorbed fraction, range, dose rate, LET and the price in the kidney."""
    from neorlt.jobs.crossfire import crossfire_command

    names = [name.strip() for name in nuclides.split(",")]
    document = crossfire_command(read_numbers(diameter_mm, "--diameter-mm", "5,20"), names, nuclide_file=nuclide_file)
    show(document, json, _for_people)


def _let(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _for_people(document: Mapping[str, Any]) -> None:
    table(["mm", "nuclide", "energy kept", "R90 mm", "rim/ centre", "mGy/h per MBq", "LET keV/µm", "kidney"], [
        [f"{lesion['diameter_mm']:g}", row["nuclide"], f"{100 * row['absorbed_fraction']:.0f} %", f"{row['r90_mm']:.2g}",
         f"{row['edge_to_centre']:.2f}", f"{row['dose_rate_mgy_per_h_per_mbq']:.3g}", _let(row["let_track_kev_per_um"]),
         f"{row['kidney_gy_per_tumour_gy_over_first']:.2f}"]
        for lesion in document["lesions"] for row in lesion["nuclides"]
    ])
    for row in document["lesions"][0]["nuclides"]:
        if "reason" in row:
            sentences(f"{row['nuclide']}: {row['reason']}.")
    say("")
    sentences("Energy kept: of the electrons. " + document["let"],
              f"Kidney: Gy in the kidney per Gy in the tumour, relative to the first nuclide; {document['label']}.")
