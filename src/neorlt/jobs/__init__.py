"""What commands make: one file a command, each gives the JSON document and writes the folder.

:mod:`neorlt.cli` speaks for them; :mod:`neorlt.jobs.registry` lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.jobs.adapt import run_adapt
    from neorlt.jobs.benefit import run_benefit
    from neorlt.jobs.cohort import cohort_command
    from neorlt.jobs.design import design_command
    from neorlt.jobs.dose import run_dose
    from neorlt.jobs.measure import measure_command
    from neorlt.jobs.optimise import run_optimise
    from neorlt.jobs.plan import run_plan
    from neorlt.jobs.predict import run_predict
    from neorlt.jobs.registry import COMMANDS, Command
    from neorlt.jobs.trial import trial_command

__all__ = [
    "COMMANDS",
    "Command",
    "cohort_command",
    "design_command",
    "measure_command",
    "run_adapt",
    "run_benefit",
    "run_dose",
    "run_optimise",
    "run_plan",
    "run_predict",
    "trial_command",
]

__getattr__ = offers(__name__)
