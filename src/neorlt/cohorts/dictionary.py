"""The data dictionary of a cohort table: one row a patient, these columns, these units."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

from neorlt.clinic.vessels import PARTS

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
QLQ_VISITS = 8
"""Questionnaires that a table may hold: qlq0_… (baseline) up to this number."""
QLQ_ITEMS = 51
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


PER_UL = ((0.001, "10^6/l (per µl)"),)
MG_DL = ((88.4, "mg/dl"),)
LABS: tuple[tuple[str, str, str, float, float, tuple[tuple[float, str], ...]], ...] = (
    ("platelets", "e9_per_l", "10^9/l", 0.0, 1500.0, PER_UL), ("neutrophils", "e9_per_l", "10^9/l", 0.0, 100.0, PER_UL),
    ("lymphocytes", "e9_per_l", "10^9/l", 0.0, 100.0, PER_UL), ("wbc", "e9_per_l", "10^9/l", 0.0, 300.0, PER_UL),
    ("haemoglobin", "g_dl", "g/dl", 1.0, 22.0, ((0.1, "g/l"),)),
)

FIELDS: tuple[Field, ...] = (
    Field("patient_id", "id", "pseudonym, never a name; one row a patient", required=True),
    Field("group", "choice", "what was planned first", choices=("rlt", "upfront_surgery"), required=True),
    Field("age_y", "number", "age at baseline", "year", 0.0, 110.0),
    Field("sex", "choice", "sex", choices=("F", "M")),
    Field("site", "choice", "part of the pancreas", choices=PARTS),
    Field("baseline_date", "date", "baseline scan: time zero", required=True),
    Field("rlt_start_date", "date", "first cycle"),
    Field("rlt_end_date", "date", "last cycle"),
    Field("surgery_date", "date", "resection; empty where there was none"),
    Field("last_date", "date", "death or last seen alive", required=True),
    Field("died", "flag", "dead on last_date", required=True),
    Field("death_date", "date", "death; makes last_date and died where they are not given"),
    Field("last_seen_date", "date", "last seen alive; makes last_date where there is no death_date"),
    Field("last_imaging_date", "date", "last imaging without progression: until then a patient is known to be free of it"),
    Field("cause_of_death", "choice", "cause of death", choices=("disease", "treatment", "other")),
    Field("recurrence_date", "date", "progression or recurrence"),
    Field("discharge_date", "date", "discharge after the resection"),
    Field("length_of_stay_d", "integer", "nights in hospital after the resection", "day", 0, 400),
    Field("cycles", "integer", "cycles of radioligand therapy", "", 0, 12),
    Field("activity_gbq", "number", "cumulative activity", "GBq", 0.0, 80.0, look_alikes=((0.001, "MBq"),)),
    Field("size_before_mm", "number", "longest diameter of the primary at baseline", "mm", 5.0, 300.0, look_alikes=MM),
    Field("size_after_mm", "number", "longest diameter of the primary before surgery", "mm", 0.0, 300.0),
    Field("sum_before_mm", "number", "sum of target diameters at baseline", "mm", 10.0, 1000.0, look_alikes=MM),
    Field("ki67_before_pct", "number", "Ki-67 before treatment", "%", 0.0, 100.0),
    Field("ki67_after_pct", "number", "Ki-67 of the resected tumour", "%", 0.0, 100.0),
    Field("specimen_before", "choice", "how the first Ki-67 was taken", choices=("biopsy", "cytology", "resection")),
    Field("stage_before", "choice", "stage before treatment, one system for the whole table", choices=("I", "II", "III", "IV")),
    Field("stage_after", "choice", "stage of the resected tumour, the same system", choices=("I", "II", "III", "IV")),
    Field("nodes_positive", "flag", "nodal metastases at baseline"),
    Field("liver_metastases", "flag", "liver metastases at baseline"),
    Field("margin", "choice", "resection margin", choices=("R0", "R1", "R2")),
    Field("margin_rule_mm", "number", "distance that counts as R1: 0 or 1 mm differs between centres", "mm", 0.0, 2.0),
    Field("clavien_dindo", "choice", "worst complication", choices=("0", "I", "II", "III", "IIIa", "IIIb", "IV", "IVa", "IVb", "V")),
    Field("popf", "choice", "pancreatic fistula, ISGPS 2016", choices=("none", "BL", "B", "C")),
    Field("platelets_e9_per_l", "number", "baseline platelets", "10^9/l", 5.0, 1500.0, look_alikes=((0.001, "10^6/l (per µl)"),)),
    Field("haemoglobin_g_dl", "number", "baseline haemoglobin", "g/dl", 3.0, 22.0, look_alikes=((0.1, "g/l"),)),
    Field("egfr_ml_min", "number", "baseline kidney function", "ml/min", 5.0, 200.0),
    Field("ctcae_version", "choice", "version that recorded toxicity grades follow", choices=("4.03", "5.0", "6.0")),
    *(Field(f"{lab}_nadir_{unit}", "number", f"lowest {lab} under treatment", words, low, high, look_alikes=alike)
      for lab, unit, words, low, high, alike in LABS),
    *(Field(f"{lab}_lln_{unit}", "number", f"the laboratory's lower limit of normal of {lab}", words, low, high)
      for lab, unit, words, low, high, alike in LABS),
    Field("creatinine_before_umol_l", "number", "creatinine before treatment", "µmol/l", 10.0, 2000.0, look_alikes=MG_DL),
    Field("creatinine_peak_umol_l", "number", "highest creatinine under treatment", "µmol/l", 10.0, 2000.0, look_alikes=MG_DL),
    Field("creatinine_uln_umol_l", "number", "the laboratory's upper limit of normal of creatinine", "µmol/l", 10.0, 2000.0,
          look_alikes=MG_DL),
    *(field for name in VESSELS for field in _vessel(name)),
    *(field for number in range(1, FOLLOW_UPS + 1) for field in _follow_up(number)),
)
BY_NAME = {field.name: field for field in FIELDS}


TOXICITY = re.compile(r"tox_([a-z0-9_]+)_grade")
QLQ = re.compile(r"qlq(\d+)_(date|q\d+|ql2|pf2|rf2|ef|cf|sf|fa|nv|pa|dy|sl|ap|co|di|fi|summary)")


@functools.cache
def spec_for(name: str) -> Field | None:
    """The field that a column name means, recorded toxicities and questionnaires included; None for any other."""
    if name in BY_NAME:
        return BY_NAME[name]
    found = TOXICITY.fullmatch(name)
    if found:
        return Field(name, "integer", f"worst CTCAE grade of {found.group(1).replace('_', ' ')}", "", 0, 5)
    found = QLQ.fullmatch(name)
    if found is None or int(found.group(1)) > QLQ_VISITS:
        return None
    visit, what = int(found.group(1)), found.group(2)
    if what == "date":
        return Field(name, "date", f"date of questionnaire {visit}")
    if what.startswith("q") and what[1:].isdigit():
        item = int(what[1:])
        top = 7 if item in (29, 30) else 4
        words = f"item {item} of QLQ-C30 or GI.NET21 at visit {visit}"
        return Field(name, "integer", words, "", 1, top) if 1 <= item <= QLQ_ITEMS else None
    return Field(name, "number", f"score {what.upper()} of QLQ-C30 at visit {visit}", "", 0.0, 100.0)


PATTERNS = (
    ("tox_NAME_grade", "worst CTCAE grade of any adverse event, 0–5"),
    ("qlqK_date, qlqK_qN", "questionnaire K (0 is baseline): its date and items 1–30 of QLQ-C30, 31–51 of GI.NET21"),
    ("qlqK_SCALE", "or its scores 0–100: ql2, pf2, …, summary"),
)
"""Columns that may appear under many names."""


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
