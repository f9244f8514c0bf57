"""What is written down and read back: patient, scheme, plan. The ground floor: imports only core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.documents.dose import CourseDocument, DoseDocument, read_dose
    from neorlt.documents.patient import Lesion, Patient, Vessel
    from neorlt.documents.plan import PlanDocument, Quantity, build_plan, read_plan
    from neorlt.documents.scheme import Cycle, Scheme

__all__ = [
    "CourseDocument",
    "Cycle",
    "DoseDocument",
    "Lesion",
    "Patient",
    "PlanDocument",
    "Quantity",
    "Scheme",
    "Vessel",
    "build_plan",
    "read_dose",
    "read_plan",
]

__getattr__ = offers(__name__)
