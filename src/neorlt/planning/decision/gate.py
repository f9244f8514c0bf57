"""Who may have what: a table of conditions with their sources, held against the patient before anything is compared.

Each row says: where a quantity passes a limit, these options are not eligible, or eligible with a reason to hesitate. A
quantity that is not known never passes a limit; where it decides about radioligand therapy, not knowing it is itself a
reason to hesitate. Observing and the somatostatin analogue are judged last, since they depend on what else is possible.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from neorlt.clinic.grade import who_grade
from neorlt.clinic.vessels import Resectability, is_head, names_part, resectability_code, vessel_codes
from neorlt.planning.decision.options import Kind, Option
from neorlt.planning.earlier import BODEI, USUAL_CYCLE_GBQ, earlier_rlt, kidney_bed_before
from neorlt.planning.patient import LesionBaseline as Lesion
from neorlt.planning.patient import Patient
from neorlt.response.course import kidney_limit_gy

RLT = (Kind.RLT_THEN_SURGERY, Kind.RLT_ALONE)
SURGERY = (Kind.OPERATE_NOW, Kind.RLT_THEN_SURGERY, Kind.CHEMOTHERAPY_THEN_SURGERY)
CHEMO = (Kind.CHEMOTHERAPY_THEN_SURGERY,)
CHICAGO = "protocol of RLT before surgery, NCT05610826 (registered by the University of Chicago, withdrawn)"
START = "START-NET protocol (trialx.com listing 303283)"
US_LABEL = "US prescribing information of 177Lu-DOTATATE, 4/2024, and monographs that restate it"
EU_LABEL = "EU product information of 177Lu-DOTATATE"
KRENNING = "usual least Krenning score before RLT, 3 (some accept uptake of at least the liver's)"
CAPECITABINE = "US prescribing information of capecitabine, section 4.1"
AABB = "AABB guidance on platelet transfusion before major surgery (restated; not read itself)"
SMALL = "surveillance of asymptomatic non-functioning tumours up to 2 cm: ASPEN protocol, PMC7785972, and interim report, PMC10364756"
SMALL_G2 = ("ASPEN protocol, PMC7785972 (ENETS: watchful strategy for asymptomatic tumours under 2 cm; watching against surgery, any "
            "grade), and interim report, PMC10364756 (only Ki-67 over 20 % counts as aggressive)")
OVER_2_CM = ("resection over 2 cm: NCCN and JNETS as restated in preprints.org 202310.0611; surgery is the standard for localised tumours "
             "(PMC9944533)")
ASPEN = "Ki-67 over 20 % is an aggressive feature that ends surveillance: ASPEN interim report, PMC10364756"
INSULINOMA = "resection is the treatment of choice of functioning tumours: World J Gastroenterol 2008;14:657"
OCTOGENARIANS = "90-day mortality of 15 % from 80 years, 3 % below 70, at one centre; no difference in Sweden (Ann Surg Open 1:e015)"
COMORBID = "comorbidity as the reason not to operate on patients over 75: ESES abstract, 42 patients"
VESSELS = "NCCN definition of locally advanced ductal cancer, used as a proxy (PMC7603933)"
LIVER = "systemic treatment where metastases cannot all be removed: HPB 2022, S1365-182X(22)01509-X; more than three as in van Vliet 2015"
ASSUMED = "assumption"


class Verdict(StrEnum):
    """Whether an option is open to the patient."""

    YES = "yes"
    HESITATE = "hesitate"
    NO = "no"


@dataclass(frozen=True)
class Row:
    """Where ``quantity operator limit`` holds, the verdict on these kinds is at best this one."""

    kinds: tuple[Kind, ...]
    quantity: str
    operator: str
    limit: float
    verdict: Verdict
    words: str
    source: str
    about_fitness: bool = False
    """Whether it says that the patient is unfit for surgery (and not that the tumour is unfit for it)."""

    def holds(self, facts: Mapping[str, float | None]) -> bool:
        """Whether the patient's value is known and passes the limit."""
        value = facts[self.quantity]
        return value is not None and bool(_OPERATORS[self.operator](value, self.limit))

    def sentence(self, facts: Mapping[str, float | None]) -> str:
        """The reason, with the patient's value."""
        value = facts[self.quantity]
        shown = "" if self.quantity in _FLAGS or value is None else f" ({value:.4g})"
        return f"{self.words}{shown}; {self.source}"


_OPERATORS: dict[str, Callable[[float, float], bool]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
NODE_DISSECTION = "NCCN and JNETS, resection with node dissection, as restated in preprints.org/manuscript/202310.0611/v1"
_FLAGS = ("small_g2", "small_unknown_grade", "vessels_unclear", "pregnant", "carcinoma", "functioning", "small_and_quiet",
          "locally_advanced", "borderline", "no_primary",
          "extrahepatic", "nodes", "resectable_and_local", "kidney_room_gy", "kidney_room_assumed_gy")
NO, HESITATE = Verdict.NO, Verdict.HESITATE
ROWS: tuple[Row, ...] = (
    Row(RLT, "krenning", "<", 3, NO, "the Krenning score is below 3", KRENNING),
    Row(RLT, "pregnant", ">=", 1, NO, "the patient is pregnant", US_LABEL),
    Row(RLT, "age_y", "<", 12, NO, "age is below 12", f"{US_LABEL} (12 years and older)"),
    Row(RLT, "age_y", "<", 18, HESITATE, "age is below 18", f"{EU_LABEL} (adults)"),
    Row(RLT, "egfr_ml_min", "<", 30, NO, "eGFR is below 30 ml/min", f"{EU_LABEL} (seriously impaired kidneys); not studied ({US_LABEL})"),
    Row(RLT, "egfr_ml_min", "<", 50, HESITATE, "eGFR is below 50 ml/min", f"{CHICAGO}; {START}"),
    Row(RLT, "platelets_e9_per_l", "<", 75, NO, "platelets are below 75 x 10^9/l", CHICAGO),
    Row(RLT, "platelets_e9_per_l", "<", 100, HESITATE, "platelets are below 100 x 10^9/l", START),
    Row(RLT, "haemoglobin_g_dl", "<", 8, NO, "haemoglobin is below 8 g/dl", CHICAGO),
    Row(RLT, "haemoglobin_g_dl", "<", 9, HESITATE, "haemoglobin is below 9 g/dl", START),
    Row(RLT, "leukocytes_e9_per_l", "<", 2, NO, "leukocytes are below 2 x 10^9/l", CHICAGO),
    Row(RLT, "leukocytes_e9_per_l", "<", 3, HESITATE, "leukocytes are below 3 x 10^9/l", START),
    Row(RLT, "neutrophils_e9_per_l", "<", 1.5, HESITATE, "neutrophils are below 1.5 x 10^9/l", START),
    Row(RLT, "bilirubin_umol_l", ">", 51.3, NO, "bilirubin is above 51 umol/l (3 mg/dl)", CHICAGO),
    Row(RLT, "albumin_g_l", "<", 25, NO, "albumin is below 25 g/l", START),
    Row(RLT, "albumin_g_l", "<", 30, HESITATE, "albumin is below 30 g/l", CHICAGO),
    Row(RLT, "carcinoma", ">=", 1, NO, "it is a poorly differentiated carcinoma", f"{EU_LABEL} (well-differentiated tumours)"),
    Row(RLT, "ki67_pct", ">", 20, HESITATE, "Ki-67 is above 20 %", f"{EU_LABEL} (grades 1 and 2); {CHICAGO}"),
    Row(RLT, "performance_status", ">=", 3, NO, "performance status is 3 or more", f"{START} (0 or 1)"),
    Row(RLT, "performance_status", ">=", 2, HESITATE, "performance status is 2", f"{START} (0 or 1)"),
    Row(RLT, "life_expectancy_months", "<", 6, NO, "life expectancy is shorter than the course of treatment", ASSUMED),
    Row(RLT, "life_expectancy_months", "<", 24, HESITATE, "life expectancy is below two years", ASSUMED),
    Row(RLT, "prior_rlt_cycles", ">=", 4, HESITATE, "four or more cycles were given before", ASSUMED),
    Row(RLT, "kidney_room_gy", "<=", 0, NO, "earlier cycles gave the kidneys the biologically effective dose of their limit", BODEI),
    Row(RLT, "kidney_room_assumed_gy", "<=", 0, HESITATE, "earlier cycles, at a dose per activity that is assumed, gave the kidneys the "
        "biologically effective dose of their limit", BODEI),
    Row(RLT, "small_and_quiet", ">=", 1, NO, "it is a non-functioning G1 of up to 20 mm that touches no vessel: watching or operating, "
                                             "and RLT "
        "only if it is asked for", SMALL),
    Row(RLT, "small_g2", ">=", 1, NO, "it is a non-functioning G2 of up to 20 mm that touches no vessel: the texts weigh watching against "
                                        "operating, whatever the grade up to Ki-67 20 %, and RLT only if it is asked for", SMALL_G2),
    Row(RLT, "small_unknown_grade", ">=", 1, HESITATE, "it is a non-functioning tumour of up to 20 mm that touches no vessel, and Ki-67 is "
        "not known: the texts weigh watching against operating up to Ki-67 20 %", SMALL_G2),
    Row((Kind.RLT_ALONE,), "resectable_and_local", ">=", 1, HESITATE, "the tumour is resectable, and RLT is labelled for unresectable "
        "disease",
        EU_LABEL),
    Row(SURGERY, "no_primary", ">=", 1, NO, "no tumour of the pancreas is given", ASSUMED),
    Row(SURGERY, "platelets_e9_per_l", "<", 50, NO, "platelets are below 50 x 10^9/l", AABB, about_fitness=True),
    Row(SURGERY, "performance_status", ">=", 3, NO, "performance status is 3 or more", COMORBID, about_fitness=True),
    Row(SURGERY, "performance_status", ">=", 2, HESITATE, "performance status is 2", COMORBID, about_fitness=True),
    Row(SURGERY, "life_expectancy_months", "<", 12, NO, "life expectancy is below a year", ASSUMED, about_fitness=True),
    Row(SURGERY, "life_expectancy_months", "<", 36, HESITATE, "life expectancy is below three years", ASSUMED, about_fitness=True),
    Row(SURGERY, "age_y", ">=", 80, HESITATE, "age is 80 or more", OCTOGENARIANS, about_fitness=True),
    Row(SURGERY, "egfr_ml_min", "<", 30, HESITATE, "eGFR is below 30 ml/min", ASSUMED, about_fitness=True),
    Row(SURGERY, "pregnant", ">=", 1, HESITATE, "the patient is pregnant", ASSUMED),
    Row((Kind.OPERATE_NOW,), "locally_advanced", ">=", 1, NO, "the vessels make it locally advanced: not resectable as it lies", VESSELS),
    Row((Kind.OPERATE_NOW,), "vessels_unclear", ">=", 1, HESITATE, "not all is known of the vessels (outline, whether a vein can be "
        "rebuilt), "
        "and it could decide", VESSELS),
    Row((Kind.OPERATE_NOW,), "borderline", ">=", 1, HESITATE, "the vessels make it borderline", VESSELS),
    Row(SURGERY, "n_liver", ">", 3, NO, "there are more than three liver metastases", LIVER),
    Row(SURGERY, "extrahepatic", ">=", 1, NO, "there are metastases outside the liver and the lymph nodes", LIVER),
    Row(SURGERY, "nodes", ">=", 1, HESITATE, "lymph nodes are involved, and that all lie in the field of the operation is not stated",
        NODE_DISSECTION),
    Row(CHEMO, "egfr_ml_min", "<", 30, NO, "eGFR is below 30 ml/min", CAPECITABINE),
    Row(CHEMO, "egfr_ml_min", "<=", 50, HESITATE, "eGFR is at most 50 ml/min: capecitabine is reduced", CAPECITABINE),
    Row(CHEMO, "platelets_e9_per_l", "<", 75, NO, "platelets are below 75 x 10^9/l", ASSUMED),
    Row(CHEMO, "neutrophils_e9_per_l", "<", 1.5, HESITATE, "neutrophils are below 1.5 x 10^9/l", ASSUMED),
    Row(CHEMO, "pregnant", ">=", 1, NO, "the patient is pregnant", ASSUMED),
    Row(CHEMO, "small_and_quiet", ">=", 1, NO, "it is a non-functioning G1 of up to 20 mm that touches no vessel", SMALL),
    Row(CHEMO, "small_g2", ">=", 1, NO, "it is a non-functioning G2 of up to 20 mm that touches no vessel", SMALL_G2),
)
"""The gate. Order within a kind is the order in which reasons are given."""
KNOWN_FOR_RLT = {"krenning": "Krenning score", "egfr_ml_min": "eGFR", "platelets_e9_per_l": "platelets", "haemoglobin_g_dl": "haemoglobin"}


@dataclass(frozen=True)
class Gate:
    """Verdict and reasons of one option."""

    verdict: Verdict
    reasons: tuple[str, ...]


def _flag(value: bool | None) -> float | None:
    return None if value is None else float(value)


def patient_facts(patient: Patient) -> dict[str, float | None]:
    """What the rows read of a patient; None where it is not known."""
    primary = patient.primary
    ki67 = patient.ki67_pct
    liver = [lesion for lesion in patient.lesions if lesion.is_liver]
    outside = [lesion for lesion in patient.lesions if not lesion.is_liver and lesion.organ != "pancreas"]
    # Regional nodes are N1 and leave with the operation; whether a node is regional is not in the file, so nodes close nothing.
    nodes = [lesion for lesion in outside if lesion.organ == "node"]
    other = [lesion for lesion in outside if lesion not in nodes]
    # Every tumour of the pancreas speaks: the worst class, any contact, the largest size, the highest grade.
    tumours = patient.pancreatic
    classes = [_classes(tumour) for tumour in tumours if tumour.vessels]
    code, worst = (max((found[i] for found in classes), default=Resectability.RESECTABLE) for i in (0, 1))
    touched = any(tumour.most_contact_deg > 0 for tumour in tumours)
    size = max((tumour.longest_diameter_mm for tumour in tumours), default=None)
    local = not liver and not outside
    grade = None if ki67 is None else int(np.asarray(who_grade(ki67)))
    small = (size is not None and size <= 20 and local and not touched and not patient.functioning and not patient.carcinoma)
    before = kidney_bed_before(patient)
    room = None if before is None else kidney_limit_gy(patient.kidney_risk_factors) - before[0]
    return {
        "kidney_room_gy": room if before is not None and before[1] else None,
        "kidney_room_assumed_gy": room if before is not None and not before[1] else None,
        "krenning": _number(patient.krenning), "egfr_ml_min": patient.egfr_ml_min, "platelets_e9_per_l": patient.platelets_e9_per_l,
        "haemoglobin_g_dl": patient.haemoglobin_g_dl, "leukocytes_e9_per_l": patient.leukocytes_e9_per_l,
        "neutrophils_e9_per_l": patient.neutrophils_e9_per_l, "bilirubin_umol_l": patient.bilirubin_umol_l,
        "albumin_g_l": patient.albumin_g_l, "performance_status": _number(patient.performance_status), "age_y": patient.age_y,
        "life_expectancy_months": patient.life_expectancy_months, "prior_rlt_cycles": _prior_cycles(patient),
        "ki67_pct": ki67, "pregnant": _flag(patient.pregnant), "carcinoma": _flag(patient.carcinoma),
        "functioning": _flag(patient.functioning), "size_mm": size,
        "n_liver": float(len(liver)), "extrahepatic": float(bool(other)), "nodes": float(len(nodes)),
        "no_primary": float(primary is None),
        "locally_advanced": float(code == Resectability.LOCALLY_ADVANCED), "borderline": float(code == Resectability.BORDERLINE),
        "touched": float(touched), "vessels_unclear": float(code != worst),
        "small_and_quiet": float(small and grade == 1), "small_g2": float(small and grade == 2),
        "small_unknown_grade": float(small and grade is None),
        "resectable_and_local": float(code == Resectability.RESECTABLE and local and primary is not None),
    }


def _prior_cycles(patient: Patient) -> float | None:
    """Cycles given before; where only their activity is known, in cycles of 7.4 GBq."""
    if patient.prior_rlt_cycles is not None or patient.prior_rlt_gbq is None:
        return _number(patient.prior_rlt_cycles)
    return round(patient.prior_rlt_gbq / USUAL_CYCLE_GBQ, 1)


def _classes(primary: Lesion) -> tuple[Resectability, Resectability]:
    """Class of resectability with every unknown flag of a vessel read for the better, and for the worse."""
    codes = vessel_codes([vessel.name for vessel in primary.vessels])
    degrees = np.array([vessel.contact_deg for vessel in primary.vessels], float)

    def read(worse: bool) -> Resectability:
        irregular, occluded, rebuilt = (
            np.array([unknown if (flag := getattr(vessel, name)) is None else flag for vessel in primary.vessels], bool)
            for name, unknown in (("irregular", worse), ("occluded", False), ("reconstructible", not worse)))
        return Resectability(int(resectability_code(codes, degrees, irregular, occluded, rebuilt, head=lies_in_head(primary.site))))

    return read(False), read(True)


def lies_in_head(site: str) -> bool:
    """Whether a tumour of the pancreas lies in the head; a part that is not named is taken as the head, whose operation harms more."""
    return is_head(site) if names_part(site) else True


def assumed_facts(patient: Patient) -> list[str]:
    """What the course takes for granted because it is not known, in sentences."""
    primary = patient.primary
    found = []
    if primary is not None and len(patient.pancreatic) > 1:
        found.append(f"{len(patient.pancreatic)} tumours lie in the pancreas: {primary.id} is followed (most vessel contact, then "
                     "largest), and one operation is taken to remove them all.")
    elsewhere = [lesion for lesion in patient.lesions if lesion.organ not in ("pancreas", "liver", "node")]
    if elsewhere:
        named = ", ".join(f"{lesion.id} ({lesion.site})" for lesion in elsewhere[:4]) + (" and others" if len(elsewhere) > 4 else "")
        found.append(f"Taken as metastases outside the liver and the lymph nodes: {named}.")
    if patient.ki67_pct is None:
        found.append("Ki-67 is not known: 5 % is assumed.")
    if patient.sex is None:
        found.append("Sex is not known: background mortality is the mean of both.")
    earlier = earlier_rlt(patient)
    if earlier is not None:
        found.extend(earlier.statuses)
        if not patient.blood_baselines:
            found.append("Radioligand therapy was given before, and no blood count of today is given: what it left of the marrow's reserve "
                         "is not in the chances of grade 3-4.")
    if primary is not None and not primary.vessels:
        found.append("No vessel is named: the tumour is taken to touch none.")
    if primary is not None and not names_part(primary.site):
        found.append("The part of the pancreas is not named: the head is assumed, whose operation harms more.")
    for name, words in (("performance_status", "Performance status is not known: 0 is assumed."),
                        ("functioning", "Whether the tumour is functioning is not known: it is taken not to be.")):
        if getattr(patient, name) is None:
            found.append(words)
    return found


def _number(value: int | None) -> float | None:
    return None if value is None else float(value)


def _from_rows(kind: Kind, facts: Mapping[str, float | None], rows: Sequence[Row] = ROWS) -> Gate:
    held = [row for row in rows if kind in row.kinds and row.holds(facts)]
    worst = {row.quantity: min((r for r in held if r.quantity == row.quantity), key=lambda r: r.verdict is HESITATE) for row in held}
    reasons = list(dict.fromkeys(row.sentence(facts) for row in held if worst[row.quantity] is row))
    verdict = NO if any(row.verdict is NO for row in held) else HESITATE if held else Verdict.YES
    if kind.is_rlt and verdict is not NO:
        missing = [words for name, words in KNOWN_FOR_RLT.items() if facts[name] is None]
        if missing:
            verdict = HESITATE
            reasons.append(f"not known, and needed before RLT: {', '.join(missing)}")
    return Gate(verdict, tuple(reasons))


def _fitness(facts: Mapping[str, float | None]) -> Verdict:
    """Whether the patient, not the tumour, stands in the way of surgery."""
    held = [row for row in ROWS if row.about_fitness and row.holds(facts)]
    return NO if any(row.verdict is NO for row in held) else HESITATE if held else Verdict.YES


def open_gate(patient: Patient, options: Sequence[Option], asked_for: Sequence[Kind] = ()) -> tuple[Gate, ...]:
    """Verdict on every option, in their order.

    ``asked_for`` names kinds that the patient or board asks for: the rule that does not offer treatment for a small, quiet
    tumour is then a reason to hesitate.
    """
    facts = patient_facts(patient)
    found: dict[Kind, Gate] = {}
    for kind in Kind:
        softened = kind in asked_for
        rows = [replace(row, verdict=HESITATE) if softened and row.quantity in ("small_and_quiet", "small_g2") else row for row in ROWS]
        found[kind] = _from_rows(kind, facts, rows)
    fitness = _fitness(facts)
    resectable = not (facts["locally_advanced"] or facts["no_primary"] or facts["extrahepatic"] or (facts["n_liver"] or 0) > 3)
    surgery = fitness is not NO and resectable
    systemic = any(found[kind].verdict is not NO for kind in (*RLT, Kind.CHEMOTHERAPY_THEN_SURGERY))
    found[Kind.OBSERVE] = _observe(facts, fitness, surgery, systemic)
    found[Kind.SOMATOSTATIN_ANALOGUE] = _analogue(facts, fitness, surgery)
    return tuple(found[option.kind] for option in options)


def _observe(facts: Mapping[str, float | None], fitness: Verdict, surgery: bool, systemic: bool) -> Gate:
    ki67, size = facts["ki67_pct"], facts["size_mm"]
    spread = bool((facts["n_liver"] or 0) > 0 or facts["extrahepatic"] or facts["nodes"])
    if facts["small_and_quiet"]:
        return Gate(Verdict.YES, (f"a non-functioning G1 of up to 20 mm that touches no vessel may be watched; {SMALL}",))
    reasons: list[tuple[bool, str]] = []
    if facts["functioning"]:
        reasons.append((fitness is Verdict.YES, f"the tumour is functioning; {INSULINOMA}"))
    if facts["carcinoma"] or (ki67 is not None and ki67 > 20):
        reasons.append((surgery or systemic, f"the tumour is of grade 3 or a carcinoma; {ASPEN}"))
    if spread or facts["locally_advanced"]:
        reasons.append(((surgery and fitness is Verdict.YES) or systemic,
                        f"the disease is beyond watching: locally advanced or metastatic; {LIVER}"))
    elif size is not None and (size > 20 or facts["touched"]):
        reasons.append((surgery and fitness is Verdict.YES and not facts["pregnant"],
                        f"the tumour {_beyond_watching(facts)}; {OVER_2_CM}"))
    elif ki67 is None or ki67 >= 3:
        shown = "not known" if ki67 is None else f"{ki67:g} %"
        reasons.append((False, f"Ki-67 is {shown}: surveillance was studied mostly in G1; {SMALL_G2 if facts['small_g2'] else SMALL}"))
    if not reasons:
        return Gate(Verdict.YES, ())
    return Gate(NO if any(forbids for forbids, _ in reasons) else HESITATE, tuple(text for _, text in reasons))


def _beyond_watching(facts: Mapping[str, float | None]) -> str:
    size = facts["size_mm"] or 0.0
    touches = "touches a vessel" if facts["touched"] else ""
    return " and ".join(text for text in (f"is over 20 mm ({size:.4g} mm)" if size > 20 else "", touches) if text)


def _analogue(facts: Mapping[str, float | None], fitness: Verdict, surgery: bool) -> Gate:
    if surgery and fitness is Verdict.YES:
        return Gate(NO, (f"surgery is possible and safe; {OVER_2_CM if not facts['small_and_quiet'] else SMALL}",))
    reasons = []
    if facts["krenning"] is not None and facts["krenning"] < 2:
        reasons.append(f"the Krenning score is below 2 ({facts['krenning']:g}): little receptor for an analogue; {ASSUMED}")
    if facts["carcinoma"] or (facts["ki67_pct"] or 0) > 20:
        reasons.append(f"grade 3: analogues were tested up to Ki-67 10 %; {ASSUMED}")
    if facts["pregnant"]:
        reasons.append(f"the patient is pregnant; {ASSUMED}")
    return Gate(HESITATE if reasons else Verdict.YES, tuple(reasons))


_ORDER = (Kind.RLT_THEN_SURGERY, Kind.RLT_ALONE, Kind.OPERATE_NOW, Kind.CHEMOTHERAPY_THEN_SURGERY, Kind.OBSERVE)
_NAMES = {Kind.RLT_ALONE: "RLT without surgery", Kind.RLT_THEN_SURGERY: "RLT before surgery", Kind.OBSERVE: "Observing"}


def eligibility_sentences(options: Sequence[Option], gates: Sequence[Gate]) -> list[str]:
    """What the gate found, in the order of weight: RLT, the operation, chemotherapy, observing; what is forbidden before doubts.

    That an analogue is not needed where surgery is possible is left to the table.
    """
    heads = {NO: "is not eligible, because", HESITATE: "is eligible, with a reason to hesitate:"}
    before_surgery = [gate for option, gate in zip(options, gates, strict=True) if option.kind is Kind.RLT_THEN_SURGERY]
    found: dict[str, tuple[int, int]] = {}
    for option, gate in zip(options, gates, strict=True):
        if gate.verdict is Verdict.YES or option.kind not in _ORDER or (option.kind is Kind.RLT_ALONE and gate in before_surgery):
            continue
        alike = {g for o, g in zip(options, gates, strict=True) if o.kind is option.kind}
        # Schemes that differ in their reasons are named.
        name = _NAMES.get(option.kind, option.name) if len(alike) == 1 else option.name
        text = f"{name[0].upper()}{name[1:]} {heads[gate.verdict]} {'; also: '.join(gate.reasons)}."
        found[text] = (int(gate.verdict is HESITATE or option.kind is Kind.OBSERVE), _ORDER.index(option.kind))
    return sorted(found, key=lambda text: found[text]) or ["Every option is eligible."]
