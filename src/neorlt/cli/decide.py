"""``neorlt decide``: the decision with the operation in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from neorlt.cli.console import (
    Json,
    NuclideFiles,
    OutOrNone,
    PatientOrNone,
    Plan,
    Posterior,
    Seed,
    say_posterior,
    sentences,
    show,
    table,
    warn,
)


def command(
    patient: PatientOrNone = None,
    scheme: Annotated[list[str] | None, typer.Option("--scheme", help="Radioligand therapy that is compared; repeatable.")] = None,
    plan: Plan = None,
    out: OutOrNone = None,
    posterior: Posterior = None,
    nuclide_file: NuclideFiles = None,
    criterion: Annotated[str | None,
        typer.Option(help="What options are compared by; quality-adjusted lifetime where it is left out.")] = None,
    delta: Annotated[float, typer.Option(help="Quality-adjusted months up to which options are tied.")] = 0.5,
    discount: Annotated[float, typer.Option(help="Discount a year.")] = 0.03,
    ask: Annotated[list[str] | None, typer.Option(help="A kind of option that is asked for though it is not offered; repeatable.")] = None,
    draws: Annotated[int, typer.Option(min=200, max=16_000, help="Joint draws; doubled where the choice is not resolved.")] = 10_000,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Decide: operate now, watch, treat first or treat alone; who may have what, what follows, and what would change the answer."""
    from neorlt.jobs.decide import run_decide

    document = run_decide(patient, scheme or (), plan, out, criterion=criterion, delta_months=delta, discount=discount, ask=ask or (),
                          n_draws=draws, seed=seed, nuclide_files=nuclide_file or (), posterior=posterior)
    warn(*document["warnings"])
    show(document, json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    sentences(*document["eligibility"], *document["sentences"])
    say_posterior(document)

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.0f} %"

    def years(value: Mapping[str, Any]) -> str:
        return f"{value['mean']:.1f}"

    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    options = list(zip(letters, document["options"], strict=False))
    sentences("; ".join(f"{letter}: {row['name']}" for letter, row in options) + ".")
    sentences("Severe: a complication of that grade. Blood: counts of grade 3-4. EFS: years alive without an event.")
    table(
        ["", "open", "operated", "R0", "op. death", "severe", "blood", "EFS, of 10 y", "QALY, of 10 y", "QALY, life", "loss, months"],
        [[letter, row["eligible"], percent(row["p_operated"]), percent(row["p_r0"]), percent(row["p_operative_death"]),
          percent(row["p_severe_complication"]), percent(row["p_grade34_blood"]), years(row["event_free_years_10"]), years(row["qaly_10"]),
          years(row["qaly_lifetime"]), f"{row['loss_months']:.1f}"] for letter, row in options])
    turning = [row for row in document["flips"] if row["to"] is not None]
    if turning:
        sentences("What would change the answer:")
        table(["assumption", "now", "turns at", "best then", "chance of lying beyond"],
              [[row["quantity"], f"{row['from']:.3g}", f"{row['to']:.3g}", row["new_best"], percent(row["p_beyond"])] for row in turning])
    worth = [row for row in document["evppi"] if row["months"] >= 0.01]
    if worth:
        sentences("What knowing it exactly would be worth, in quality-adjusted months a patient:")
        table(["assumption", "months"], [[row["assumption"], f"{row['months']:.2f}"] for row in worth])
    sentences(*document["warnings"], *document["assumed"], document["rule"], document["meaning"])
