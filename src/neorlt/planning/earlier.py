"""What earlier radioligand therapy gave kidneys and marrow: it counts against the limits of whatever is given next.

Stated doses are taken as they are. Where they are not stated, the earlier activity (or the number of cycles, at 7.4 GBq each) is
taken as 177Lu at the dose per activity of this patient's world: an assumption that is named wherever it enters a number. Months
lie between the courses, so their damage is repaired apart and the effective doses add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.documents.patient import Patient

Floats = NDArray[np.float64]
USUAL_CYCLE_GBQ = 7.4
USUAL_COURSE_GBQ = 4 * USUAL_CYCLE_GBQ
"""Activity of 177Lu of the usual course, to which published harms belong."""
REFERENCE_GY_PER_GBQ = 0.45
"""Of the kidneys, 177Lu: as in the reference course of the eGFR model (``response/data/kidney.json``)."""
ALPHA_BETA_GY, REPAIR_H, EFFECTIVE_H = 2.6, 2.8, 50.0
"""Of the kidneys: the same reference course."""
BODEI = "limit of 28 Gy with and 40 Gy without a risk factor, read from 28 patients: Bodei 2008, doi 10.1007/s00259-008-0778-1"


@dataclass(frozen=True)
class Earlier:
    """Earlier radioligand therapy as the patient file states it."""

    cycles: int
    """At least one."""
    activity_gbq: float
    """All cycles together; assumed where it is not stated."""
    kidney_gy: float | None
    marrow_gy: float | None
    """Absorbed dose of all cycles together; None where it is not stated."""
    activity_stated: bool

    @property
    def statuses(self) -> tuple[str, ...]:
        """What is assumed, by name, in sentences."""
        missing = [f"of the {organ} ({key})" for organ, key, value in (
            ("kidneys", "prior_kidney_gy", self.kidney_gy), ("marrow", "prior_marrow_gy", self.marrow_gy)) if value is None]
        if not missing:
            return ()
        activity = "" if self.activity_stated else f", {USUAL_CYCLE_GBQ:g} GBq a cycle"
        return (f"Dose of earlier RLT not known: that {' and that '.join(missing)} is not stated. {self.activity_gbq:g} GBq of 177Lu in "
                f"{self.cycles} cycle{'s' * (self.cycles > 1)}{activity} at this patient's dose per activity is assumed.",)


def earlier_rlt(patient: Patient) -> Earlier | None:
    """What the patient file says of earlier radioligand therapy; None where it says nothing, or none was given."""
    cycles, activity = patient.prior_rlt_cycles, patient.prior_rlt_gbq
    doses = patient.prior_kidney_gy, patient.prior_marrow_gy
    if not cycles and not activity and not any(doses):
        return None
    if not cycles:
        # Without a number or an activity the dose itself tells of how many usual cycles it may be.
        known = activity or (doses[0] or 0.0) / REFERENCE_GY_PER_GBQ
        cycles = max(round(known / USUAL_CYCLE_GBQ), 1)
    return Earlier(cycles, activity or cycles * USUAL_CYCLE_GBQ, *doses, bool(activity))


def reference_bed_gy(dose_gy: float, cycles: int) -> float:
    """Biologically effective dose of the kidneys in Gy for a dose in equal cycles, by the reference course of the eGFR model."""
    return dose_gy * (1.0 + dose_gy / cycles / ALPHA_BETA_GY * REPAIR_H / (REPAIR_H + EFFECTIVE_H))


def kidney_bed_before(patient: Patient) -> tuple[float, bool] | None:
    """Reference BED of the kidneys by earlier cycles in Gy and whether their dose was stated; None without earlier cycles."""
    found = earlier_rlt(patient)
    if found is None:
        return None
    stated = found.kidney_gy is not None
    dose = found.kidney_gy if found.kidney_gy is not None else REFERENCE_GY_PER_GBQ * found.activity_gbq
    return reference_bed_gy(dose, found.cycles), stated
