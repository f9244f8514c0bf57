"""Dose limits of organs at risk, and stop rules of the product label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neorlt.clinic._arrays import require_unchecked
from neorlt.core.errors import InputError

KIDNEY_BED_WITH_RISK_GY = 28.0
KIDNEY_BED_WITHOUT_RISK_GY = 40.0
NO_RISK = frozenset({"", "none", "no"})


@dataclass(frozen=True)
class DosePerActivity:
    """Published kidney dose per activity."""

    agent: str
    mean_gy_per_gbq: float
    sd_gy_per_gbq: float | None
    n: int
    n_is: str
    source: str


KIDNEY_GY_PER_GBQ = (
    DosePerActivity("177Lu-DOTATATE", 0.46, None, 56, "treatments", "Staanum 2021, EJNMMI Phys 8:78 (abstract)"),
    DosePerActivity("177Lu-DOTATOC", 0.37, None, 59, "treatments", "Staanum 2021, EJNMMI Phys 8:78 (abstract)"),
    DosePerActivity("177Lu-DOTATATE", 0.38, 0.19, 80, "treatments", "PMC6300448 (abstract)"),
    DosePerActivity("177Lu-DOTATATE", 0.43, 0.13, 12, "patients", "EJNMMI Res 2018, s13550-018-0459-4 (abstract)"),
    DosePerActivity("177Lu-DOTATATE", 0.57, 0.09, 61, "patients", "Clin Nucl Med 2013;38(3) (abstract)"),
)
"""Published kidney doses; centres differ by more than their own spread."""

STOP_RULES = {
    "thrombocytopenia": "withhold at grade 2-4 until grade 0-1; stop if grade 2-4 recurs after a reduced dose, or after 16 weeks",
    "anaemia_neutropenia": "withhold at grade 3-4 until grade 0-2; stop if grade 3-4 recurs, or after 16 weeks",
    "renal": "withhold until resolved or at baseline; stop if it recurs, or after 16 weeks",
    "hepatic": "withhold until resolved or at baseline; stop if it recurs, or after 16 weeks",
}
"""Stop rules of the US label of 177Lu-DOTATATE, read in PMC10133840 table T1 (level: secondary)."""


def kidney_bed_limit_gy(risk_factors: Sequence[str] | None = ()) -> float:
    """Kidney limit as BED: 28 Gy with risk factors (mainly hypertension and diabetes), 40 Gy without, NaN where unknown (None).

    Source: Bodei 2008, doi 10.1007/s00259-008-0778-1 (level: abstract): 28 patients, 23 of them with 90Y-DOTATOC. The
    distinction is between some and none; more factors do not lower it further.
    """
    if risk_factors is None:
        return math.nan
    present = [factor for factor in risk_factors if factor.strip().lower() not in NO_RISK]
    return KIDNEY_BED_WITH_RISK_GY if present else KIDNEY_BED_WITHOUT_RISK_GY


_UNCHECKED_GY = {"kidney_absorbed_external_beam": 23.0, "red_marrow": 2.0}


def unchecked_limit_gy(name: str, *, include_unchecked: bool = False) -> float:
    """Absorbed-dose limits that are used by convention but were not read in any text.

    Raises
    ------
    InputError
        Without ``include_unchecked=True``, or for an unknown name.
    """
    if name not in _UNCHECKED_GY:
        raise InputError("unknown dose limit", expected=", ".join(_UNCHECKED_GY), found=name, remedy="use one of these")
    require_unchecked(include_unchecked, f"dose limit {name}", "recalled")
    return _UNCHECKED_GY[name]
