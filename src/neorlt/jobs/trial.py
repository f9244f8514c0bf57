"""``neorlt trial``: the virtual trial of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.jobs.choice import own_posterior, told
from neorlt.jobs.nuclides import read_therapy_nuclides
from neorlt.trials.design import read_design
from neorlt.trials.document import plan_patient, run_trial


def trial_command(
    design_toml: Path, dask: str | None = None, plan: Path | None = None, nuclide_files: Sequence[Path] = (),
    posterior: Path | None = None,
) -> dict[str, Any]:
    """Run the trial of a TOML file, here or on a dask cluster (the same result; workers are told the nuclides of ``nuclide_files``).

    With the folder of a finished ``plan`` the document also says what the arms would do to that patient (``plan_patient``); both
    rest on the shipped posterior, or on that of a centre in the folder ``posterior``.

    Raises
    ------
    InputError
        If the file makes no trial, no scheduler answers, a worker knows another nuclide by the name of one of the files, or the plan
        rests on another posterior.
    """
    from neorlt.planning.stored import open_world, refuse_other_posterior

    read_therapy_nuclides(nuclide_files)
    own = own_posterior(posterior)
    world = None if plan is None else open_world(plan)
    if plan is not None and world is not None:
        refuse_other_posterior(world, own, plan)
    design = read_design(Path(design_toml))
    document = told(run_trial(design, dask, own), None if own is None else own.centre)
    return document if world is None else document | {"plan_patient": plan_patient(design, world)}


def value_command(
    design_toml: Path, patients_per_year: float = 200.0, years: float = 10.0, nuclide_files: Sequence[Path] = (),
    posterior: Path | None = None,
) -> dict[str, Any]:
    """Expected value of the sample information of a design, for patients like those it enrols.

    Raises
    ------
    InputError
        If the file makes no trial, or the posterior cannot be used.
    """
    from neorlt.trials.value import value_document

    read_therapy_nuclides(nuclide_files)
    own, design = own_posterior(posterior), read_design(Path(design_toml))
    document = value_document(design, patients_per_year=patients_per_year, years=years, own=own)
    return told(document, None if own is None else own.centre)
