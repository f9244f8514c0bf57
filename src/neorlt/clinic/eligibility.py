"""Eligibility for radioligand therapy: the laboratory rules of named protocols, never merged.

Sources: NCT05610826 as registered by the University of Chicago (withdrawn; fulltext); START-NET (trialx.com listing
303283; fulltext); NETTER-1 is recalled and only behind ``include_unchecked=True``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import NO, UNKNOWN, YES, floats, namespace, require_unchecked, yes_no
from neorlt.core.errors import InputError

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}


@dataclass(frozen=True)
class Criterion:
    """One condition that a patient must meet: ``quantity operator limit``."""

    quantity: str
    operator: str
    limit: float

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise InputError("unknown operator in an eligibility rule", expected=", ".join(_OPERATORS), found=self.operator,
                             remedy="use one of these")

    def __str__(self) -> str:
        return f"{self.quantity} {self.operator} {self.limit:g}"

    def met(self, value: ArrayLike) -> Any:
        """Whether values meet the condition: 1 yes, 0 no, −1 where the value is missing."""
        xp = namespace(value)
        number = floats(xp, value)
        known, met = ~xp.isnan(number), _OPERATORS[self.operator](number, self.limit)
        return yes_no(xp, known & met, known & ~met)


@dataclass(frozen=True)
class EligibilitySet:
    """One protocol's conditions, with where they were read."""

    name: str
    criteria: tuple[Criterion, ...]
    source: str
    level: str
    checked: bool = True
    note: str = ""


def _set(name: str, rules: str, source: str, level: str, checked: bool = True, note: str = "") -> EligibilitySet:
    criteria = []
    for rule in rules.split(";"):
        quantity, sign, limit = rule.split()
        criteria.append(Criterion(quantity, sign, float(limit)))
    return EligibilitySet(name, tuple(criteria), source, level, checked, note)


_SETS = {
    item.name: item
    for item in (
        _set(
            "chicago-preop-prrt",
            "haemoglobin_g_dl >= 8; wbc_e9_per_l >= 2; platelets_e9_per_l >= 75; creatinine_clearance_ml_min >= 50;"
            "liver_burden_pct <= 50; bilirubin_mg_dl <= 3; inr <= 1.5; albumin_g_dl >= 3; ki67_pct <= 20; sstr_uptake > 0",
            "NCT05610826, uchicagomedicine.org irb191485 (trial withdrawn)", "fulltext",
            note="Creatinine clearance by Cockcroft–Gault, confirmed by a measurement that is not a gamma camera's. The "
            "registry gives no unit for bilirubin (mg/dl assumed).",
        ),
        _set(
            "start-net",
            "gfr_ml_min > 50; haemoglobin_g_dl > 9; platelets_e9_per_l > 100; wbc_e9_per_l > 3; neutrophils_e9_per_l > 1.5;"
            "transaminase_x_uln < 3; bilirubin_x_uln < 2; albumin_g_dl > 2.5; sstr_over_liver > 1; ecog <= 1",
            "START-NET, trialx.com listing 303283", "fulltext",
        ),
        _set(
            "netter-1",
            "haemoglobin_g_dl >= 8; wbc_e9_per_l >= 2; platelets_e9_per_l >= 75; creatinine_umol_l <= 150;"
            "creatinine_clearance_ml_min >= 50; bilirubin_x_uln <= 3; albumin_g_dl >= 3",
            "NETTER-1, recalled", "memory", checked=False,
        ),
    )
}


@dataclass(frozen=True)
class Eligibility:
    """Answer for one or many patients.

    ``eligible`` is 1 where every condition is met, 0 where one is not, −1 where none fails but a value is missing.
    ``failed`` and ``missing`` map the conditions to where they failed, or had no value.
    """

    eligible: Any
    failed: dict[str, Any]
    missing: dict[str, Any]


def eligibility_set(name: str, *, include_unchecked: bool = False) -> EligibilitySet:
    """A named set of conditions.

    Raises
    ------
    InputError
        If there is no such set, or it was not checked and ``include_unchecked`` is false.
    """
    if name not in _SETS:
        raise InputError("unknown eligibility set", expected=", ".join(sorted(_SETS)), found=name, remedy="use one of these")
    found = _SETS[name]
    if not found.checked:
        require_unchecked(include_unchecked, f"eligibility set {name}", found.source)
    return found


def names(*, include_unchecked: bool = False) -> tuple[str, ...]:
    """Names of the sets."""
    return tuple(name for name, item in _SETS.items() if item.checked or include_unchecked)


def check_eligibility(rules: EligibilitySet, values: Mapping[str, ArrayLike]) -> Eligibility:
    """Hold patients against a set; each value is a number or ``(patient,)``, NaN where it is not known."""
    xp = namespace(*values.values())
    eligible = xp.asarray(YES)
    failed, missing = {}, {}
    for criterion in rules.criteria:
        met = criterion.met(floats(xp, values.get(criterion.quantity)))
        missing[str(criterion)], failed[str(criterion)] = met == UNKNOWN, met == NO
        eligible = xp.where((eligible == NO) | (met == NO), NO, xp.minimum(eligible, met))
    return Eligibility(eligible, failed, missing)
