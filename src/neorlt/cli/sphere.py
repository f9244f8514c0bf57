"""``neorlt sphere``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Daughters, Json, NuclideFile, read_numbers, show, table


def command(
    nuclide: Annotated[str, typer.Argument(help="For example Lu-177.")],
    mass_g: Annotated[str, typer.Option("--mass-g", help="Masses in grams, comma separated.")] = "1,10,100",
    daughters: Daughters = False,
    nuclide_file: NuclideFile = None,
    json: Json = False,
) -> None:
    """S-values of spheres of water."""
    from neorlt.jobs.sphere import sphere_command

    masses = read_numbers(mass_g, "--mass-g")
    show(sphere_command(nuclide, masses, with_daughters=daughters, nuclide_file=nuclide_file), json, lambda d: table(
        ["mass g", "S mGy/(MBq s)", "absorbed electron fraction"],
        [[f"{s['mass_g']:g}", f"{s['s_mgy_per_mbq_s']:.4g}", f"{s['phi_electron']:.4f}"] for s in d["spheres"]]))
