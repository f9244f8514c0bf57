"""``neorlt trial``: the virtual trial of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.jobs.nuclides import read_therapy_nuclides
from neorlt.trials.design import read_design
from neorlt.trials.document import plan_patient, run_trial


def trial_command(
    design_toml: Path, dask: str | None = None, plan: Path | None = None, nuclide_files: Sequence[Path] = ()
) -> dict[str, Any]:
    """Run the trial of a TOML file, here or on a dask cluster (the same result).

    With the folder of a finished ``plan`` the document also says what the arms would do to that patient (``plan_patient``).

    Raises
    ------
    InputError
        If the file makes no trial, no scheduler answers, or a cluster is to run a nuclide that only this process has read.
    """
    from neorlt.planning.stored import open_world

    if dask is not None and nuclide_files:
        raise InputError("workers of a cluster do not know a nuclide of your own", where="--dask",
                         remedy="run the trial here, without --dask")
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
