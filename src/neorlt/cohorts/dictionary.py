"""The data dictionary of a cohort table: one row a patient, these columns, these units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "number", "integer", "flag", "date", "choice", "text"]


@dataclass(frozen=True)
class Field:
    """One column; ``low`` and ``high`` bound plausible values, ``look_alikes`` map a factor to the unit that it betrays."""

    name: str
    kind: Kind
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    look_alikes: tuple[tuple[float, str], ...] = ()


MM = ((10.0, "cm"),)
FOLLOW_UPS = 8
"""Follow-up scans that a table may hold: fu1_…, fu2_… up to this number."""
VESSELS = ("sma", "ca", "cha", "aorta", "smv", "pv", "ivc", "gda")
YES_NO = ("yes", "no")


def _follow_up(number: int) -> tuple[Field, ...]:
    p = f"fu{number}"
    return (
        Field(f"{p}_date", "date", f"date of follow-up scan {number}"),
        Field(f"{p}_sum_mm", "number", "sum of target diameters then", "mm", 0.0, 1000.0),
        Field(f"{p}_new_lesion", "flag", "a new lesion was seen then"),
        Field(f"{p}_targets_gone", "flag", "every target is gone and every target node is below 10 mm"),
    )


def _vessel(name: str) -> tuple[Field, ...]:
    return tuple(
        Field(f"{name}_{when}_deg", "number", f"contact with the {name.upper()} {when} treatment", "degree", 0.0, 360.0)
        for when in ("before", "after")
    )


FIELDS: tuple[Field, ...] = (
    Field("patient_id", "id", "pseudonym, never a name; one row a patient", required=True),
    Field("group", "choice", "what was planned first", choices=("rlt", "upfront_surgery"), required=True),
    Field("age_y", "number", "age at baseline", "year", 0.0, 110.0),
    Field("sex", "choice", "sex", choices=("F", "M")),
    Field("site", "choice", "part of the pancreas", choices=("head", "uncinate", "neck", "body", "tail")),
    Field("baseline_date", "date", "baseline scan: time zero", required=True),
    Field("rlt_start_date", "date", "first cycle"),
    Field("rlt_end_date", "date", "last cycle"),
    Field("surgery_date", "date", "resection; empty where there was none"),
    Field("last_date", "date", "death or last seen alive", required=True),
    Field("died", "flag", "dead on last_date", required=True),
    Field("recurrence_date", "date", "progression or recurrence"),
    Field("cycles", "integer", "cycles of radioligand therapy", "", 0, 12),
    Field("activity_gbq", "number", "cumulative activity", "GBq", 0.0, 80.0, look_alikes=((0.001, "MBq"),)),
    Field("size_before_mm", "number", "longest diameter of the primary at baseline", "mm", 5.0, 300.0, look_alikes=MM),
    Field("size_after_mm", "number", "longest diameter of the primary before surgery", "mm", 0.0, 300.0),
    Field("sum_before_mm", "number", "sum of target diameters at baseline", "mm", 10.0, 1000.0, look_alikes=MM),
    Field("ki67_before_pct", "number", "Ki-67 before treatment", "%", 0.0, 100.0),
    Field("ki67_after_pct", "number", "Ki-67 of the resected tumour", "%", 0.0, 100.0),
    Field("specimen_before", "choice", "how the first Ki-67 was taken", choices=("biopsy", "cytology", "resection")),
    Field("nodes_positive", "flag", "nodal metastases at baseline"),
    Field("liver_metastases", "flag", "liver metastases at baseline"),
    Field("margin", "choice", "resection margin", choices=("R0", "R1", "R2")),
    Field("margin_rule_mm", "number", "distance that counts as R1: 0 or 1 mm differs between centres", "mm", 0.0, 2.0),
    Field("clavien_dindo", "choice", "worst complication", choices=("0", "I", "II", "IIIa", "IIIb", "IVa", "IVb", "V")),
    Field("popf", "choice", "pancreatic fistula, ISGPS 2016", choices=("none", "BL", "B", "C")),
    Field("platelets_e9_per_l", "number", "baseline platelets", "10^9/l", 5.0, 1500.0, look_alikes=((0.001, "10^6/l (per µl)"),)),
    Field("haemoglobin_g_dl", "number", "baseline haemoglobin", "g/dl", 3.0, 22.0, look_alikes=((0.1, "g/l"),)),
    Field("egfr_ml_min", "number", "baseline kidney function", "ml/min", 5.0, 200.0),
    *(field for name in VESSELS for field in _vessel(name)),
    *(field for number in range(1, FOLLOW_UPS + 1) for field in _follow_up(number)),
)
BY_NAME = {field.name: field for field in FIELDS}


def dictionary_table() -> list[dict[str, object]]:
    """The dictionary as rows, for documents."""
    return [
        {
            "name": f.name,
            "kind": f.kind,
            "unit": f.unit,
            "low": f.low,
            "high": f.high,
            "choices": list(f.choices),
            "required": f.required,
            "description": f.description,
        }
        for f in FIELDS
    ]
