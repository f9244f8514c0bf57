"""What a scheme does to the tumour, the kidneys and the blood: one model, calibrated where public data allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.response.arrays import LesionArrays, LesionEffects, Outcome, ScheduleArrays, draw_lesion_effects
    from neorlt.response.blood import BloodCourse, blood_course
    from neorlt.response.kidney import KidneyCourse, egfr_course, kidney_bed_gy
    from neorlt.response.parameters import Parameters, draw_parameters, parameter_table
    from neorlt.response.readouts import objective_response, recist_probabilities

__all__ = [
    "BloodCourse",
    "KidneyCourse",
    "LesionArrays",
    "LesionEffects",
    "Outcome",
    "Parameters",
    "ScheduleArrays",
    "blood_course",
    "draw_lesion_effects",
    "draw_parameters",
    "egfr_course",
    "kidney_bed_gy",
    "objective_response",
    "parameter_table",
    "recist_probabilities",
]

__getattr__ = offers(__name__)
