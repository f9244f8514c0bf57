"""Every rule of the room that gives a class, in one list: its inputs, version, section, and what its codes are called.

The list feeds the doors (``neorlt grade``, ``stage``, ``ctcae``), and the law that **missing is missing** is tested over all of
it. :meth:`Rule.answer` names the class, and where it cannot, what is missing and which classes are still possible.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from neorlt.clinic import choi, ctcae, eligibility, grade, kidney, krenning, mrecist, recist, surgery, tnm
from neorlt.clinic._arrays import NOT_IN_THIS_VERSION, UNKNOWN
from neorlt.clinic.recist import NonTarget, Response
from neorlt.core.errors import InputError

Known = Mapping[str, Any]
TRUTHS: dict[str, bool | None] = {
    "yes": True, "true": True, "1": True, "y": True, "no": False, "false": False, "0": False, "n": False,
    "unknown": None, "nan": None, "na": None, "": None, "x": None, "?": None,
}


@dataclass(frozen=True)
class Input:
    """One input of a rule.

    ``values`` are known values that reach every class it can lead to, or a function that makes them from the other inputs;
    they stand for "anything" where the input is missing. ``flag`` inputs are true or false; ``low`` and ``high`` bound the
    numbers that can be; of a ``code`` only the ``values`` can.
    """

    name: str
    description: str
    values: tuple[Any, ...] | Callable[[Known], tuple[Any, ...]]
    flag: bool = False
    low: float = 0.0
    high: float = np.inf
    code: bool = False

    def ways(self, known: Known) -> tuple[Any, ...]:
        """Values that stand for every value, given the others."""
        return self.values(known) if callable(self.values) else self.values

    def parse(self, text: str) -> Any:
        """A value from the command line; ``unknown`` is None.

        Raises
        ------
        InputError
            If it is neither a number (or yes/no) nor ``unknown``, or no value that can be.
        """
        key = text.strip().lower()
        if self.flag:
            if key in TRUTHS:
                return TRUTHS[key]
        elif key in ("unknown", "nan", "na", "", "x", "?"):
            return None
        elif key == "never":
            return np.inf
        else:
            try:
                value = float(key)
            except ValueError:
                pass
            else:
                if value in self.ways({}) if self.code else self.low <= value <= self.high:
                    return value
                limits = f"{self.low:g} to {self.high:g}" if self.high < np.inf else f"{self.low:g} or more"
                limits = ", ".join(f"{each:g}" for each in self.ways({})) if self.code else limits
                raise InputError(f"the value of {self.name} cannot be", expected=limits, found=text,
                                 remedy=f"correct it, or write unknown ({self.description})")
        remedy = "write a decimal point" if not self.flag and "," in key else "correct it, or write unknown"
        raise InputError(f"the value of {self.name} is not understood",
                         expected="yes, no or unknown" if self.flag else "a number, or unknown", found=text,
                         remedy=f"{remedy} ({self.description})")


@dataclass(frozen=True)
class Answer:
    """What a rule says of one patient; ``name`` is None where the class is unknown, with a ``reason`` and what is ``possible``."""

    code: int
    name: str | None
    rule: str
    version: str
    source: str
    reason: str | None = None
    possible: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """JSON form, with the fixed keys ``class``, ``rule``, ``version`` and ``source``."""
        return {
            "class": self.name, "rule": self.rule, "version": self.version, "source": self.source, "reason": self.reason,
            "possible": list(self.possible), "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Rule:
    """One rule: ``apply`` takes its inputs by name and gives a code; ``names`` calls the codes."""

    key: str
    title: str
    apply: Callable[..., Any]
    inputs: tuple[Input, ...]
    names: Mapping[int, str]
    version: str
    source: str
    unknown: frozenset[int] = frozenset({UNKNOWN})
    notes: tuple[str, ...] = field(default=())

    def code(self, values: Known) -> int:
        """Code for one patient; inputs that are not given are unknown.

        Raises
        ------
        InputError
            If a value is given for something that is no input of the rule.
        """
        allowed = [item.name for item in self.inputs]
        strange = sorted(set(values) - set(allowed))
        if strange:
            raise InputError(f"the rule {self.key} does not ask for this", expected=", ".join(allowed), found=", ".join(strange),
                             remedy="give only what it asks for")
        return int(self.apply(**{name: values.get(name) for name in allowed}))

    def answer(self, values: Known) -> Answer:
        """The class in words, or what is missing and what is still possible."""
        code = self.code(values)
        name = self.names.get(code)
        if code == NOT_IN_THIS_VERSION:
            return Answer(code, None, self.title, self.version, self.source, "not available in this version", (), self.notes)
        if name is not None and code not in self.unknown:
            return Answer(code, name, self.title, self.version, self.source, None, (), self.notes)
        missing = [item for item in self.inputs if _is_missing(values.get(item.name))]
        if not missing:
            return Answer(code, None, self.title, self.version, self.source, "the values lie outside what the rule defines", (), self.notes)
        known = {k: v for k, v in values.items() if not _is_missing(v)}
        ways = itertools.product(*(item.ways(known) for item in missing))
        columns = dict(zip((item.name for item in missing), zip(*ways, strict=True), strict=True))
        filled = {item.name: np.array(columns[item.name]) if item.name in columns else values[item.name] for item in self.inputs}
        codes = np.unique(self.apply(**filled)).tolist()
        possible = tuple(self.names[c] for c in codes if c in self.names and c not in self.unknown)
        reason = "not known: " + "; ".join(f"{item.name} ({item.description})" for item in missing)
        return Answer(code, None, self.title, self.version, self.source, reason, possible, self.notes)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _flag(name: str, description: str) -> Input:
    return Input(name, description, (False, True), flag=True)


def _code(name: str, description: str, *values: float) -> Input:
    return Input(name, description, values, code=True)


def _names(enum: type[IntEnum], prefix: str = "") -> dict[int, str]:
    return {int(member): f"{prefix}{member.name}" for member in enum}


def _around(factors: tuple[float, ...], *anchors: str) -> Callable[[Known], tuple[float, ...]]:
    """Values at multiples of the known inputs, so that every limit between them is crossed."""

    def ways(known: Known) -> tuple[float, ...]:
        bases = [float(known[a]) for a in anchors if a in known and not _is_missing(known[a]) and float(known[a]) > 0] or [1.0]
        return tuple(base * f for base in bases for f in factors)

    return ways


_MULTIPLES = (0.02, 0.1, 0.2, 0.3, 0.45, 0.6, 0.7, 0.8, 0.95, 1.0, 1.05, 1.3, 1.7, 2.2, 3.2, 5.5, 11.0, 25.0)
_SIZES = (5.0, 19.9, 20.0, 30.0, 40.0, 41.0, 60.0)
_WHO = "WHO 2022 grade table (medilib.ir/uptodate/show/122325; tech.snmjournals.org table 10279; secondary)"
_STAGE8 = "AJCC 8th edition, pancreas NET: PMC10453483 table 2 (T, N, M; secondary), grouping partly recalled"
_ENETS = "ENETS 2006: hindawi tswj/2012/357475 table 1; wjso s12957-018-1446-y table 2 (secondary)"
_RECIST = "Eisenhauer 2009, doi 10.1016/j.ejca.2008.10.026, sections 4.3–4.4 (read in PMC2755245 T3, PMC3980664 T2; secondary)"
_RESPONSES, _NON_TARGETS = {int(r): r.name for r in Response if r != Response.NE}, (0, 1, 2, 4, 5)
_T = _code("t", "T category, 1 to 4", 1.0, 2.0, 3.0, 4.0)
_N, _M = _flag("n1", "regional nodal metastases"), _flag("m1", "distant metastases")
_NEW = _flag("new_lesion", "a new lesion was seen")


def _sums(first: str = "sum_mm") -> tuple[Input, ...]:
    names = (first, "baseline_mm", "nadir_mm")
    values = (0.0, 3.0, 4.0, 20.0, 24.0, 26.0, 35.0, 50.0, 60.0, 100.0)
    return tuple(Input(name, f"{name.replace('_mm', '').replace('_', ' ')}, mm", values) for name in names)


RULES: tuple[Rule, ...] = (
    Rule("who-ki67", "WHO grade by Ki-67 alone", lambda ki67_pct: grade.who_grade(ki67_pct),
         (Input("ki67_pct", "Ki-67, %", (0.0, 2.9, 3.0, 20.0, 21.0), high=100.0),), {1: "G1", 2: "G2", 3: "G3"}, grade.VERSION, _WHO,
         notes=("By Ki-67 alone: the mitotic count, where it is higher, raises the grade.",)),
    Rule("who", "WHO grade by Ki-67 and mitoses",
         lambda ki67_pct, mitoses_per_2mm2: grade.who_grade(ki67_pct, np.nan if mitoses_per_2mm2 is None else mitoses_per_2mm2),
         (Input("ki67_pct", "Ki-67, %", (0.0, 2.9, 3.0, 20.0, 21.0), high=100.0),
          Input("mitoses_per_2mm2", "mitoses per 2 mm²", (0.0, 1.9, 2.0, 20.0, 21.0))), {1: "G1", 2: "G2", 3: "G3"}, grade.VERSION, _WHO),
    Rule("downgraded", "lower grade after", grade.is_downgraded,
         (_code("grade_before", "grade 1–3", 1.0, 2.0, 3.0),
          _code("grade_after", "grade 1–3", 1.0, 2.0, 3.0)),
         {0: "no", 1: "yes"}, grade.VERSION, _WHO),
    Rule("t", "T category", tnm.t_category,
         (Input("size_mm", "longest diameter of the primary, mm", _SIZES),
          _flag("invades_duodenum_or_bile_duct", "invades duodenum or common bile duct"),
          _flag("invades_organ_or_artery", "invades stomach, spleen, colon, adrenal, or the wall of coeliac axis or SMA")),
         {k: f"T{k}" for k in (1, 2, 3, 4)}, "AJCC 8 / ENETS 2006", _STAGE8),
    Rule("ajcc8", "stage", tnm.stage_ajcc8, (_T, _N, _M), _names(tnm.StageAjcc8), "AJCC 8", _STAGE8),
    Rule("enets2006", "stage", tnm.stage_enets2006, (_T, _N, _M), _names(tnm.StageEnets), "ENETS 2006", _ENETS),
    Rule("ajcc9", "stage", tnm.stage_ajcc9,
         (_T, _M, _flag("nodes_recorded_as_x", "NX was recorded: nodes cannot be assessed")), {1: "I"}, "AJCC version 9",
         "CA Cancer J Clin 2024;74:359, doi 10.3322/caac.21840 (abstract): only T1 NX M0 = I was read",
         frozenset({UNKNOWN, NOT_IN_THIS_VERSION})),
    Rule("downstaged", "lower stage after", tnm.is_downstaged,
         (Input("stage_before", "stage code", (1.0, 2.0, 3.0, 4.0), low=1.0),
          Input("stage_after", "stage code", (1.0, 2.0, 3.0, 4.0), low=1.0)),
         {0: "no", 1: "yes"}, "one system", _STAGE8),
    Rule("recist", "target response", recist.classify_recist,
         (*_sums(), _NEW, _flag("targets_gone", "every target is gone, nodes below 10 mm"),
          _flag("after_complete_response", "every target had been gone before")),
         _RESPONSES, recist.VERSION, _RECIST, frozenset({int(Response.NE)})),
    Rule("recist-overall", "overall response", recist.overall_response,
         (_code("target", "1 CR, 2 PR, 3 SD, 4 PD, 5 NE", 1.0, 2.0, 3.0, 4.0, 5.0),
          _code("non_target", "0 none, 1 CR, 2 non-CR/non-PD, 4 PD, 5 not all evaluated", *map(float, _NON_TARGETS)), _NEW),
         _RESPONSES, recist.VERSION, "Eisenhauer 2009 table 1 (mishenmed.blogspot.com/2026/01; secondary; rows with NE: memory)",
         frozenset({int(Response.NE)})),
    Rule("recist-non-target-only", "overall response without targets", recist.non_target_only_response,
         (_code("non_target", "1 CR, 2 non-CR/non-PD, 4 PD, 5 not all evaluated", 1.0, 2.0, 4.0, 5.0), _NEW),
         {int(r): r.name for r in NonTarget if r not in (NonTarget.NE, NonTarget.NONE)}, recist.VERSION,
         "Eisenhauer 2009 table 2 (mishenmed.blogspot.com/2026/01; secondary)", frozenset({int(NonTarget.NE)})),
    Rule("measurable", "measurable lesion", recist.is_measurable,
         (Input("size_mm", "longest diameter, or short axis of a node, mm", (5.0, 9.9, 10.0, 14.9, 15.0)), _flag("node", "lymph node")),
         {0: "no", 1: "yes"}, recist.VERSION, "Eisenhauer 2009 section 3.1 (PMC2755245 T3; secondary)"),
    Rule("mrecist", "response of viable tumour", mrecist.classify_mrecist, (*_sums("viable_sum_mm"), _NEW), _RESPONSES,
         mrecist.VERSION, "Lencioni & Llovet 2010 (PMC6287184 table 4; secondary)", frozenset({int(Response.NE)})),
    Rule("mrecist-target", "target of mRECIST", mrecist.is_target,
         (Input("longest_diameter_mm", "longest diameter, mm", (9.0, 10.0, 12.0)), _flag("enhancing", "enhances in the arterial phase"),
          _flag("well_delineated", "well delineated")), {0: "no", 1: "yes"}, mrecist.VERSION,
         "Lencioni & Llovet 2010 (van Roekel thesis p. 51; secondary)"),
    Rule("choi", "response by size and attenuation", choi.classify_choi,
         (Input("size_change", "relative change of the sum (−0.1 is a fall by 10 %)", (-1.0, -0.5, -0.1, 0.0, 0.05, 0.1, 0.5),
                low=-1.0, high=5.0),
          Input("attenuation_change", "relative change of the mean attenuation", (-0.5, -0.15, -0.1, 0.2), low=-5.0, high=5.0), _NEW,
          _flag("new_nodule", "a new nodule inside a tumour"), _flag("all_gone", "all lesions are gone")), _RESPONSES, choi.VERSION,
         "Choi 2007, J Clin Oncol 25:1753 (PMC5658474 table Tab2; secondary)", frozenset({int(Response.NE)})),
    Rule("krenning-eligible", "uptake grade reaches 3", krenning.is_eligible_grade,
         (_code("grade", "Krenning grade 0–4", 0.0, 1.0, 2.0, 3.0, 4.0),), {0: "no", 1: "yes"}, "Krenning scale, cut-off 3",
         "radiopaedia.org, Krenning score (rev. 2021-09-01; secondary)"),
    Rule("label-uptake", "uptake at least as high as liver", krenning.meets_label_rule,
         (Input("tumour_uptake", "tumour uptake", (1.0, 5.0, 9.0)), Input("liver_uptake", "liver uptake", (1.0, 5.0, 9.0))),
         {0: "no", 1: "yes"}, "SmPC 4.2", "SmPC of 177Lu-oxodotreotide, section 4.2 (fulltext)"),
    Rule("popf", "pancreatic fistula", surgery.classify_popf,
         (Input("amylase_ratio", "drain amylase over the serum's upper limit of normal", (1.0, 3.0, 3.1, 10.0)),
          Input("postoperative_day", "day after surgery of the amylase", (1.0, 2.0, 3.0, 7.0)),
          Input("drain_weeks", "weeks with a drain", (1.0, 3.0, 3.1)),
          _flag("drainage_or_angiography", "percutaneous or endoscopic drainage, or angiography for bleeding"),
          _flag("infection", "signs of infection"), _flag("reoperation", "reoperation for the fistula"),
          _flag("organ_failure", "organ failure"), _flag("death", "death from the fistula")),
         {0: "none", 1: "biochemical leak", 2: "B", 3: "C"}, "ISGPS 2016",
         "Bassi 2017, doi 10.1016/j.surg.2016.11.014 (abstract; wjso s12957-021-02372-6 table 1; day 3: memory)"),
    Rule("popf-relevant", "clinically relevant fistula", surgery.is_clinically_relevant_popf,
         (_code("grade", "0 none, 1 leak, 2 B, 3 C", 0.0, 1.0, 2.0, 3.0),), {0: "no", 1: "yes"}, "ISGPS 2016", "Bassi 2017 (abstract)"),
    Rule("pph", "haemorrhage after pancreatectomy", surgery.classify_pph,
         (Input("onset_h", "hours after surgery", (1.0, 24.0, 25.0)), _flag("severe", "severe")), {1: "A", 2: "B", 3: "C"}, "ISGPS 2007",
         "jmedicalcasereports s13256-021-02743-3 table 1 (secondary; 24 h: memory)"),
    Rule("dge", "delayed gastric emptying", surgery.classify_dge,
         (Input("tube_days", "days with a nasogastric tube", (0.0, 3.0, 4.0, 8.0, 14.0, 15.0)),
          Input("reinserted_after_day", "day after which it was put back, 0 never", (0.0, 4.0, 8.0, 15.0)),
          Input("solids_by_day", "day of solid food, or never", (3.0, 8.0, 15.0, 22.0, np.inf))), {0: "none", 1: "A", 2: "B", 3: "C"},
         "ISGPS 2007", "PMC2999788 table 2 (secondary)"),
    Rule("severe-complication", "Clavien–Dindo III or above", surgery.is_severe,
         (_code("grade", "code 0–7 of the grade", *map(float, range(8))),), {0: "no", 1: "yes"}, "Clavien–Dindo 2004",
         "PMC10958949 table 3 (secondary); severe = III or above is a convention"),
    Rule("gfr", "KDIGO category of the filtration rate", kidney.gfr_category,
         (Input("gfr_ml_min_173", "filtration, ml/min/1.73 m²", (10.0, 15.0, 30.0, 45.0, 60.0, 90.0)),),
         {1: "G1", 2: "G2", 3: "G3a", 4: "G3b", 5: "G4", 6: "G5"}, kidney.VERSION, "KDIGO 2012 table 5, Kidney Int Suppl 3:27 (secondary)",
         notes=("G1 and G2 are chronic kidney disease only with another sign of kidney damage.",)),
    Rule("albuminuria", "KDIGO category of albuminuria", kidney.albuminuria_category,
         (Input("albumin_mg_per_g_creatinine", "albumin over creatinine in urine, mg/g", (10.0, 30.0, 300.0, 301.0)),),
         _names(kidney.AlbuminuriaCategory), kidney.VERSION, "KDIGO 2012 table 5 (ccjm.org; secondary)"),
)
BY_KEY = {rule.key: rule for rule in RULES}


def rule(key: str) -> Rule:
    """A rule by its key; ``ctcae:TERM:VERSION`` and ``eligibility:SET`` are made on demand.

    Raises
    ------
    InputError
        If there is none.
    """
    kind, _, rest = key.partition(":")
    if kind == "ctcae" and rest:
        term, _, version = rest.partition(":")
        return ctcae_rule(term, version or ctcae.DEFAULT_VERSION)
    if kind == "eligibility" and rest:
        return eligibility_rule(rest)
    if key not in BY_KEY:
        raise InputError("unknown rule", expected=", ".join(BY_KEY), found=key, remedy="use one of these")
    return BY_KEY[key]


HIGHEST = {"platelets": 5000.0, "neutrophils": 1000.0, "lymphocytes": 1000.0, "wbc": 1500.0, "haemoglobin": 30.0, "albumin": 100.0}
"""Above these a value of CTCAE is in another unit (per µl, g/l): far beyond what is seen in a patient, no limit of normal."""


def ctcae_rule(term: str, version: str = ctcae.DEFAULT_VERSION) -> Rule:
    """The rule of one laboratory value in one version of CTCAE."""
    found = ctcae.row(term, version)
    name = ctcae.version_name(version)
    kind = None if found is None else found["kind"]
    limits = () if found is None else _asked(found)
    unit = "the row's unit" if found is None else found["unit"]
    anchors = {"value": ("uln", "baseline", "lln"), "lln": ("value", "baseline"), "uln": ("value", "baseline"),
               "baseline": ("value", "uln")}
    falls = tuple(sorted({v for limit in (found or {}).get("limits", ()) for v in (limit, limit * 0.99)}))
    above = 1.2 * max(falls, default=1.0)  # between the row's highest limit and a lower limit of normal lies grade 1

    def falling(known: Known) -> tuple[float, ...]:
        return (*falls, above, 1e6, *(_around(_MULTIPLES, "lln")(known) if "lln" in known else ()))

    def limit_ways(limit: str) -> Callable[[Known], tuple[float, ...]]:
        around = _around(_MULTIPLES, *anchors[limit])
        return (lambda known: (*around(known), 1.2 * above)) if limit == "lln" and kind == "falling" else around

    ways = falling if kind == "falling" else _around(_MULTIPLES, *anchors["value"])
    highest = HIGHEST.get(term, np.inf)
    inputs = [Input("value", f"laboratory value, {unit}", ways, high=highest)]
    for limit in limits:
        if limit == "proteinuria":
            inputs.append(_flag(limit, "proteinuria 2+ or urine protein/creatinine above 0.5"))
        else:
            words = {"lln": "lower limit of normal", "uln": "upper limit of normal", "baseline": "value before treatment"}[limit]
            inputs.append(Input(limit, f"{words}, the same unit", limit_ways(limit), high=highest))
    names = tuple(item.name for item in inputs)

    def apply(**values: Any) -> Any:
        return ctcae.grade(term, values["value"], version=version, **{name: values[name] for name in names if name != "value"})

    title = term if found is None else found["term"]
    source = "the row was not read, or is not in this version" if found is None else str(found["source"])
    notes = () if found is None or "note" not in found else (str(found["note"]),)
    return Rule(f"ctcae:{term}:{version}", f"CTCAE {title}", apply, tuple(inputs), {k: f"grade {k}" for k in range(5)}, name, source,
                frozenset({UNKNOWN, NOT_IN_THIS_VERSION}), notes)


def _asked(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Inputs beside the value that a row of CTCAE asks for."""
    if found["kind"] == "falling":
        return (*(("lln",) if found["grade_1_below"] == "lln" else ()), *((found["grade_1_also"],) if "grade_1_also" in found else ()))
    if found["kind"] == "multiple":
        return ("uln", "baseline") if "of_abnormal_baseline" in found else ("uln",)
    if found["kind"] == "creatinine":
        return ("uln", "baseline", "lln") if "of_baseline_below_lln" in found else ("uln", "baseline")
    return ("uln", "baseline") if found["kind"] == "above_both" else ()


def eligibility_rule(name: str) -> Rule:
    """A protocol's laboratory conditions as one yes/no rule."""
    rules = eligibility.eligibility_set(name)
    inputs = tuple(Input(c.quantity, str(c), (0.0, 2.0 * c.limit + 1.0)) for c in rules.criteria)

    def apply(**values: Any) -> Any:
        return eligibility.check_eligibility(rules, values).eligible

    return Rule(f"eligibility:{name}", f"eligible by {name}", apply, inputs, {0: "no", 1: "yes"}, rules.name,
                f"{rules.source} ({rules.level})")


def every_rule() -> tuple[Rule, ...]:
    """All rules, with each laboratory value of each version of CTCAE and each protocol."""
    terms = sorted({term for version in ctcae.versions() for term in ctcae.terms(version)})
    blood = [ctcae_rule(term, version) for version in ctcae.versions() for term in terms]
    return (*RULES, *blood, *(eligibility_rule(name) for name in eligibility.names()))
