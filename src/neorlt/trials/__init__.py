"""Trials: exact designs, a virtual cohort drawn from stated marginals, and virtual trials through the response model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.trials.design import Arm, TrialDesign, TrialTest, read_design
    from neorlt.trials.designs.group_sequential import GroupSequential
    from neorlt.trials.designs.simon import TwoStage
    from neorlt.trials.designs.two_arm import TwoArm
    from neorlt.trials.document import run_trial
    from neorlt.trials.population import Patients, draw_population

__all__ = [
    "Arm",
    "GroupSequential",
    "Patients",
    "TrialDesign",
    "TrialTest",
    "TwoArm",
    "TwoStage",
    "draw_population",
    "read_design",
    "run_trial",
]

__getattr__ = offers(__name__)
