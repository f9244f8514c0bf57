"""``neorlt trial``: the virtual trial of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.jobs.nuclides import read_therapy_nuclides
from neorlt.trials.design import read_design
from neorlt.trials.document import plan_patient, run_trial


def trial_command(
    design_toml: Path, dask: str | None = None, plan: Path | None = None, nuclide_files: Sequence[Path] = ()
) -> dict[str, Any]:
    """Run the trial of a TOML file, here or on a dask cluster (the same result; workers are told the nuclides of ``nuclide_files``).

    With the folder of a finished ``plan`` the document also says what the arms would do to that patient (``plan_patient``).

    Raises
    ------
    InputError
        If the file makes no trial, no scheduler answers, or a worker knows another nuclide by the name of one of the files.
    """
    from neorlt.planning.stored import open_world

    read_therapy_nuclides(nuclide_files)
    world = None if plan is None else open_world(plan)
    design = read_design(Path(design_toml))
    document = run_trial(design, dask)
    return document if world is None else document | {"plan_patient": plan_patient(design, world)}


def value_command(
    design_toml: Path, patients_per_year: float = 200.0, years: float = 10.0, nuclide_files: Sequence[Path] = ()
) -> dict[str, Any]:
    """Expected value of the sample information of a design, for patients like those it enrols.

    Raises
    ------
    InputError
        If the file makes no trial.
    """
    from neorlt.trials.value import value_document

    read_therapy_nuclides(nuclide_files)
    return value_document(read_design(Path(design_toml)), patients_per_year=patients_per_year, years=years)
