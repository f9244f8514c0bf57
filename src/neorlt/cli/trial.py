"""``neorlt trial``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, NuclideFiles, Plan, Posterior, outline, say_posterior, sentences, show, table, warn


def command(
    design: Annotated[Path, typer.Argument(help="TOML file of the trial.")],
    dask: Annotated[str | None, typer.Option(help="Address of a dask scheduler, tcp://…")] = None,
    value: Annotated[bool, typer.Option("--value", help="What its result would be worth: expected value of sample information.")] = False,
    patients_per_year: Annotated[float, typer.Option(min=1, help="With --value: patients for whom the answer is used.")] = 200.0,
    years: Annotated[float, typer.Option(min=0.1, help="With --value: how long it is used.")] = 10.0,
    plan: Plan = None,
    posterior: Posterior = None,
    nuclide_file: NuclideFiles = None,
    json: Json = False,
) -> None:
    """Run the virtual trial of a TOML file, or tell what its result would be worth."""
    if value:
        from neorlt.jobs.trial import value_command

        worth = value_command(design, patients_per_year, years, nuclide_file or (), posterior)
        warn(*worth["warnings"])
        show(worth, json, _worth_for_people)
        return
    from neorlt.jobs.trial import trial_command

    document = trial_command(design, dask, plan, nuclide_file or (), posterior)
    warn(*document["warnings"])
    show(document, json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    sentences(*document["answer"])
    say_posterior(document)
    sentences(f"Power {document['power']:.2f} with the parameters at their medians, assurance {document['assurance']:.2f} over all that is "
              f"not known; {document['n_simulated']} trials simulated.")
    outline(document, *(key for key in ("plan_patient", "type_one_error", "assumptions", "notes") if key in document))


def _worth_for_people(document: Mapping[str, Any]) -> None:
    by_sd = document["by_unmodelled_sd"]
    who = document["patient"]
    vessels = ", ".join(f"{v['name']} {v['contact_deg']:g} deg" for v in who["vessels"]) or "no vessel touched"
    sentences(f"For patients like the middle of those it enrols ({who['age_y']:g} years, {who['size_mm']:g} mm, Ki-67 {who['ki67_pct']:g} "
              f"%, {vessels}) "
              f"the best choice now is: {document['best_now']}.",
              f"The result of {document['design']} (n = {document['n']}) would be worth {document['evsi']:.2f} (MC error "
              f"{document['mc_error']:.2f}) "
              f"quality-adjusted months to each later patient, of {document['evppi_ceiling']:.2f} that knowing everything would; "
              f"{document['evsi_per_patient']:.1f} months for each patient enrolled ({document['patients_per_year']:g} patients a year for "
              f"{document['years']:g} years).")
    table(["spread of the unmodelled effect of RLT", "months a patient", "MC error", "ceiling"],
          [[f"{sd:g}", f"{a:.2f}", f"{b:.2f}", f"{c:.2f}"]
           for sd, a, b, c in zip(by_sd["sd"], by_sd["months"], by_sd["mc_error"], by_sd["evppi_ceiling"], strict=True)])
    say_posterior(document)
    sentences(document["note"])
