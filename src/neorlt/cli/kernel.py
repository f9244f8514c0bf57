"""``neorlt kernel``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Daughters, Json, NuclideFile, read_numbers, sentences, show
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3


def command(
    nuclide: Annotated[str, typer.Argument(help="For example Y-90.")],
    voxel_mm: Annotated[str, typer.Option("--voxel-mm", help="One edge, or three with commas between.")],
    density: Annotated[float, typer.Option("--density", help="g/cm3")] = SOFT_TISSUE_G_PER_CM3,
    medium: Annotated[str, typer.Option(help="water or soft-tissue")] = "water",
    daughters: Daughters = False,
    electrons_only: Annotated[bool, typer.Option("--electrons-only", help="Leave photons out.")] = False,
    reach_mm: Annotated[float, typer.Option("--reach-mm", help="Offsets up to which values are listed.")] = 30.0,
    nuclide_file: NuclideFile = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the JSON document to this file.")] = None,
    json: Json = False,
) -> None:
    """Voxel S-values of a nuclide."""
    from neorlt.jobs.kernel import kernel_command

    edges = read_numbers(voxel_mm, "--voxel-mm", "4.8")
    document = kernel_command(nuclide, edges[0] if len(edges) == 1 else tuple(edges), density, medium=medium, with_daughters=daughters,
                              nuclide_file=nuclide_file, out=out, photons=not electrons_only, reach_mm=reach_mm)
    values = document["s_mgy_per_mbq_s"]
    show(document, json, lambda d: sentences(
        f"{len(values)} voxel S-values, {'photons and electrons' if d['photons'] else 'electrons alone'}, self {values['0,0,0']:.4g} "
        f"mGy/(MBq s), energy closure {d['energy_closure']:.4f}, listed {d['energy_listed']:.4f}", *d["notes"]))
