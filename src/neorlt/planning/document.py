"""The plan document: what ``plan.json`` holds and what every page and report reads. Plain JSON, keys fixed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from neorlt import __version__
from neorlt.clinic.grade import who_grade
from neorlt.clinic.vessels import PROXY_NOTE, Resectability, is_head
from neorlt.core.citations import cite
from neorlt.core.draws import N_DRAWS, summarise
from neorlt.core.labels import Label
from neorlt.core.notice import NOTICE
from neorlt.core.nuclide_words import nuclide_words
from neorlt.core.proportions import in_words, likelihood_interval
from neorlt.documents.patient import Patient, Vessel
from neorlt.documents.plan import PlanDocument, build_plan
from neorlt.documents.scheme import Scheme
from neorlt.documents.store import plain
from neorlt.dosimetry.objects import Dose, described
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.therapy import REFERENCE, added_nuclides
from neorlt.planning.decision.assemble import cannot_decide
from neorlt.planning.decision.choice import RULE, Verdict
from neorlt.planning.decision.decide import Decision, decide_in
from neorlt.planning.earlier import earlier_rlt
from neorlt.planning.predict import World, build_world, compare
from neorlt.planning.prediction import KIDNEY_SHARE, Comparison, Prediction
from neorlt.planning.reporting_items import reporting_items
from neorlt.planning.world import patient_origin
from neorlt.planning.world_file import WORLD_FILE, world_bytes
from neorlt.response import course
from neorlt.response.parameters import ASSUMED_KI67_PCT, parameter_table, response_warnings
from neorlt.response.readouts import baseline_rates, validity_warnings

CLASS_NAMES = {Resectability.RESECTABLE: "resectable", Resectability.BORDERLINE: "borderline resectable",
               Resectability.LOCALLY_ADVANCED: "locally advanced"}
NO_RULE = "Schemes are told apart by quality-adjusted life, which needs the patient's age: none is put first."
MEASURED = ("dose_gy", "tia_mbq_h", "gy_per_gbq", "effective_half_life_h", "recovery", "volume_ml")
"""Keys of a region that images measure."""


def plan_document(
    patient: Patient | World, schemes: Sequence[Scheme], *, lesion_doses: Mapping[str, Dose] | None = None,
    kidney_doses: Mapping[str, Dose] | None = None, conflicts: Sequence[Mapping[str, Any]] = (), warnings: Sequence[str] = (),
    synthetic: str | None = None, images: Mapping[str, Any] | None = None, outside: Sequence[str] = (), command: str = "predict",
    answer: Sequence[str] | None = None, blocks: Mapping[str, Any] | None = None, decision: Decision | None = None,
    n_draws: int = N_DRAWS, seed: int = 1,
) -> PlanDocument:
    """Predict, compare and write down.

    Parameters
    ----------
    patient, schemes
        Whom (or the world that is already drawn, whose draws and seed then count), and what is compared.
    lesion_doses, kidney_doses
        Measured doses by lesion id and by kidney.
    conflicts, warnings
        Where image and file differ, and what earlier steps warned of.
    synthetic
        Text for the banner where the patient is not real; where it is left out, by the patient's pseudonym.
    images
        Blocks of the document that only images can fill, such as organs and curves.
    outside
        What lies outside a stated validity window by earlier steps.
    command
        The command whose document this is.
    answer
        Sentences in place of the plan's own answer (a search's, an update's).
    blocks
        ``search``, ``update`` or ``decision``.
    decision
        The decision with these schemes in this world, by whose rule schemes are told apart; made here where it is left out and
        the patient's age is known.
    n_draws, seed
        Joint draws and seed.
    """
    world = patient if isinstance(patient, World) else build_world(patient, lesion_doses, kidney_doses, n_draws=n_draws, seed=seed)
    patient = world.patient
    comparison = compare(world, schemes)
    if decision is None and patient.age_y is not None and any(scheme.cycles for scheme in schemes):
        decision = decide_in(world, schemes)
    centre = world.parameters.centre
    outside = [*outside, *_outside(world, comparison), *(() if centre is None else centre.warnings)]
    content: dict[str, Any] = {
        "notice": NOTICE,
        "generated": datetime.now(UTC).isoformat(timespec="seconds"),
        "neorlt": __version__,
        "seed": world.seed,
        "n_draws": world.n_draws,
        "synthetic": synthetic or synthetic_note(patient.id),
        "patient": _patient(patient, conflicts),
        "answer": {"sentences": _sentences(patient, comparison, decision) if answer is None else list(answer),
                   "resectability_baseline": _baseline_class(patient)},
        "schemes": [prediction.as_json() for prediction in comparison.predictions],
        "indistinguishable": _pairs(comparison, decision, Verdict.TIED),
        "not_resolved": _pairs(comparison, decision, Verdict.NOT_RESOLVED),
        "rule": NO_RULE if decision is None else RULE.format(delta=decision.settings.delta_months),
        "timing": _timing(comparison),
        "baseline_rates": [_rate(rate) for rate in baseline_rates().values()],
        "lesions": [_lesion(world, index, lesion_doses or {}) for index in range(len(patient.lesions))],
        "organs": [],
        "inputs": {"patient": plain(patient), "schemes": [plain(p.scheme) for p in comparison.predictions]},
        "world": {"file": WORLD_FILE, "sha256": hashlib.sha256(world_bytes(world)).hexdigest(), "n_draws": world.n_draws,
                  "n_points": world.n_points, "seed": world.seed, "index": world.index},
        "run": {"command": command, "seed": world.seed, "n_draws": world.n_draws},
        "kidneys": {"origin": world.kidneys.origin, "label": str(world.kidneys.label), "gy_per_gbq": {
            nuclide: summarise(world.kidneys.gy_per_gbq[:, i]).as_json() for i, nuclide in enumerate(world.nuclides)}},
        "assumptions": _assumptions(world),
        "parameters": parameter_table(),
        "warnings": list(dict.fromkeys([*warnings, *patient.warnings, *outside, *_patient_warnings(patient),
                                        *response_warnings(world.parameters.centre)])),
        "outside_validity": outside,
        "citations": [
            *({"key": c.key, "text": c.text, "url": c.url} for c in cite(*_citations(world))),
            *({"key": f"scheme-{i}", "text": f"Scheme {s.name}: {s.source}", "url": None} for i, s in enumerate(schemes) if s.source)],
        "label_explanations": {str(label): label.explanation for label in Label},
        "sources": [],
    }
    if centre is not None:
        content["posterior"] = centre.as_json()
    content |= images or {}
    content["reporting_items"] = reporting_items(content)
    return build_plan(content | dict(blocks or {}))


def _rate(rate: Any) -> dict[str, Any]:
    value, low, high = rate.interval
    return {"endpoint": rate.name.replace("_", " "), "events": rate.events, "n": rate.total, "rate": value, "ci95": [low, high],
            "likelihood95": list(likelihood_interval(rate.events, rate.total)),
            "source": rate.source, "note": "every patient has the pooled rate: no model, no patient features"}


def _patient(patient: Patient, conflicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ki67 = patient.ki67_pct
    return {
        "id": patient.id, "age_y": patient.age_y, "sex": patient.sex, "weight_kg": patient.weight_kg,
        "egfr_ml_min": patient.egfr_ml_min,
        "kidney_risk_factors": None if patient.kidney_risk_factors is None else list(patient.kidney_risk_factors),
        "platelets_e9_per_l": patient.platelets_e9_per_l, "neutrophils_e9_per_l": patient.neutrophils_e9_per_l,
        "haemoglobin_g_dl": patient.haemoglobin_g_dl, "prior_chemotherapy": patient.prior_chemotherapy, "ki67_pct": ki67,
        "grade": None if ki67 is None else f"G{int(np.asarray(who_grade(ki67)))}",
        "conflicts": [dict(conflict) for conflict in conflicts],
    }


def _baseline_class(patient: Patient) -> dict[str, Any]:
    primary = patient.primary
    if primary is None or not primary.vessels:
        return {"class": None, "reason": "no vessel contact is given for a pancreatic primary", "vessels": []}
    base = [vessel.contact_deg for vessel in primary.vessels]
    codes = [int(course.resectability([replace(v, reconstructible=answer if v.reconstructible is None else v.reconstructible)
                                       for v in primary.vessels], base, head=is_head(primary.site))) for answer in (True, False)]
    unsure = "" if codes[0] == codes[1] else " Whether the vein can be reconstructed is not stated, and decides."
    return {
        "class": " or ".join(dict.fromkeys(CLASS_NAMES[Resectability(code)] for code in codes)), "reason": PROXY_NOTE + unsure,
        "vessels": [_vessel(vessel) for vessel in primary.vessels],
    }


def _vessel(vessel: Vessel) -> dict[str, Any]:
    return {"name": vessel.name, "contact_deg": vessel.contact_deg, "irregular": vessel.irregular, "occluded": vessel.occluded,
            "reconstructible": vessel.reconstructible}


def synthetic_note(patient_id: str) -> str | None:
    """What is invented of a patient whose name says so."""
    return "Synthetic patient: invented clinical values." if "synthetic" in patient_id.lower() else None


def _sentences(patient: Patient, comparison: Comparison, decision: Decision | None) -> list[str]:
    """The answer in words, hedged as the draws are."""
    treated = [p for p in comparison.predictions if p.scheme.cycles]
    sentences: list[str] = []
    if not treated:
        return ["No treatment is compared."]
    with_class = [p for p in treated if p.p_resectable is not None]
    if with_class:
        best = max(with_class, key=lambda p: p.p_resectable.value if p.p_resectable else 0.0)
        assert best.p_resectable is not None
        low, high = best.p_resectable.ci90
        sentences.append(
            f"The highest predicted chance of becoming resectable is {in_words(best.p_resectable.value)} "
            f"(90 % interval {in_words(low)} to {in_words(high)}), with {best.scheme.name}; it rests on assumptions about scar and contact."
        )
    measured = [p for p in treated if p.p_objective_response is not None]
    if measured:
        best = max(measured, key=lambda p: p.p_objective_response.value if p.p_objective_response else 0.0)
        assert best.p_objective_response is not None
        low, high = best.p_objective_response.ci90
        sentences.append(
            f"The highest predicted chance of an objective response before surgery is {in_words(best.p_objective_response.value)} "
            f"({in_words(low)} to {in_words(high)}), with {best.scheme.name}."
        )
    if decision is not None:
        sentences.insert(0, _first(decision))
    ties = _pairs(comparison, decision, Verdict.TIED)
    if ties and decision is not None:
        shown = "; ".join(f"{a} and {b}" for a, b in ties[:3])
        sentences.append(f"Tied within {decision.settings.delta_months:g} quality-adjusted months: {shown}"
                         f"{' and others' if len(ties) > 3 else ''}.")
    over = [p for p in treated if p.p_kidney_over_limit >= KIDNEY_SHARE]
    if over:
        names = ", ".join(f"{p.scheme.name} ({in_words(p.p_kidney_over_limit)})" for p in over)
        sentences.append(f"At least a {in_words(KIDNEY_SHARE)} chance of a kidney BED over {over[0].kidney_limit_gy:g} Gy: {names}.")
    baseline = _baseline_class(patient)
    if baseline["class"] is not None:
        contacts = ", ".join(f"{v['name']} {v['contact_deg']:.0f}°" for v in baseline["vessels"])
        sentences.append(f"At baseline the primary is {baseline['class']} ({contacts}).")
    return sentences


def _first(decision: Decision) -> str:
    """What stands first among all options, and the schemes' place in it, in one sentence."""
    tied = [option.name for option in (decision.best, *decision.tied) if option != decision.mildest]
    beside = f", tied with {'; '.join(tied[:3])}{' and others' if len(tied) > 3 else ''}" if tied else ""
    return f"Of all options, with the operation behind them, first: {decision.mildest.name}{beside}."


def _pairs(comparison: Comparison, decision: Decision | None, verdict: Verdict) -> list[list[str]]:
    """Pairs of treated schemes, open to the patient, of which this is the decision's verdict."""
    if decision is None:
        return []
    treated = [p.scheme for p in comparison.predictions if p.scheme.cycles]
    return [[first.name, second.name] for i, first in enumerate(treated) for second in treated[i + 1 :]
            if (found := decision.between(first, second)) is not None and found.verdict is verdict]


def _timing(comparison: Comparison) -> dict[str, Any] | None:
    """For the longest treated scheme: chance by week that one more month takes off at least 2 mm."""
    treated = [p for p in comparison.predictions if p.scheme.cycles]
    if not treated:
        return None
    longest: Prediction = max(treated, key=lambda p: p.scheme.surgery_week)
    n = len(longest.p_2mm_more)
    return {"scheme": longest.scheme.name, "week": longest.trajectory_week[:n].tolist(), "p_2mm_more": longest.p_2mm_more.tolist()}


def _lesion(world: World, index: int, doses: Mapping[str, Dose]) -> dict[str, Any]:
    lesion, kinetics = world.patient.lesions[index], world.kinetics[index]
    per_gbq = {name: summarise(draws).as_json() for name, draws in zip(world.nuclides, kinetics.gy_per_gbq.T, strict=True)}
    document: dict[str, Any] = {
        "id": lesion.id, "site": lesion.site, "volume_ml": lesion.volume_ml, "longest_diameter_mm": lesion.longest_diameter_mm,
        "ki67_pct": lesion.ki67_pct, "suv_max": lesion.suv_max, "recovery": None, "flags": [], "nuclide": kinetics.measured,
        "vessels": [_vessel(vessel) for vessel in lesion.vessels],
        "dose_origin": kinetics.origin,
        "gy_per_gbq": per_gbq[REFERENCE], "gy_per_gbq_y90": per_gbq["Y-90"], "gy_per_gbq_by_nuclide": per_gbq,
        "effective_half_life_h": float(np.median(kinetics.half_life_h[:, 0])),
        "labels": {"gy_per_gbq": str(kinetics.label), "gy_per_gbq_y90": str(Label.ASSUMPTION)},
    }
    if lesion.id in doses:
        measured = dose_fields(doses[lesion.id])
        document |= measured | {"labels": document["labels"] | measured["labels"]}
    return document


def dose_fields(dose: Dose) -> dict[str, Any]:
    """The keys that a measured dose adds to a lesion or an organ."""
    recovery = dose.tia.curve.recovery
    return {
        "nuclide": dose.nuclide,
        "volume_ml": dose.tia.curve.volume_ml,
        "mass_g": dose.mass_g,
        "recovery": recovery,
        "tia_mbq_h": described(dose.tia.draws_mbq_h),
        "dose_gy": described(dose.draws_gy),
        "bed_gy": summarise(dose.bed_gy).as_json(),
        "gy_per_gbq": summarise(dose.gy_per_gbq).as_json(),
        "effective_half_life_h": dose.tia.effective_half_life_h,
        "model": dose.tia.model,
        "method": dose.method,
        "status": [{"name": s.value, "sentence": s.sentence, "advice": s.advice} for s in dose.tia.status],
        "labels": {name: str(Label.MEASURED) for name in MEASURED} | {"bed_gy": str(Label.BY_CONSTRUCTION)},
    }


def _outside(world: World, comparison: Comparison) -> list[str]:
    total = np.zeros(len(world.patient.lesions))
    for prediction in comparison.predictions:
        doses = np.array([prediction.lesion_dose_gy[lesion.id].median for lesion in world.patient.lesions])
        total = np.maximum(total, doses)
    found = validity_warnings(world.lesions, total, [lesion.site for lesion in world.patient.lesions])
    names = [lesion.id for lesion in world.patient.lesions]
    texts = []
    for warning in found:
        number = int(warning["where"].split()[-1])
        texts.append(warning["text"].replace(warning["where"], f"Lesion {names[number - 1]}", 1))
    return texts


def _patient_warnings(patient: Patient) -> list[str]:
    found = []
    if (reason := cannot_decide(patient)) is not None:
        found.append(f"Nothing is put first among the options: {reason.problem}; {reason.remedy}.")
    if patient.ki67_pct is None:
        found.append(f"No Ki-67 is given: lesions grow as a G2 of {ASSUMED_KI67_PCT:g} % (assumption), no grade is predicted.")
    if not patient_origin(patient)[1]:
        found.append("The primary's organ is neither stated nor told by a lesion: it is taken to be the pancreas (assumption), and no "
                     "number of response is called calibrated. Tumours of the small intestine shrink less at the same dose: say primary "
                     "in [baseline].")
    if patient.kidney_risk_factors is None:
        found.append("Whether there are risk factors of the kidneys is not stated (kidney_risk_factors, [] for none): the limit of 40 Gy "
                     "stands; with a risk factor it would be 28 Gy.")
    if any(vessel.irregular is None or vessel.occluded is None for lesion in patient.lesions for vessel in lesion.vessels):
        found.append("Where the patient file does not say whether a vessel's outline is irregular or the vessel occluded, the class "
                     "follows the contact alone.")
    earlier = earlier_rlt(patient)
    if earlier is not None:
        found.extend(earlier.statuses)
        found.append("Radioligand therapy was given before: the kidneys' BED and its chance of passing the limit are those of all cycles "
                     "together.")
    if patient.platelets_e9_per_l is None:
        found.append("No platelet count is given: no platelet nadir is predicted.")
    return found


def _assumptions(world: World) -> list[dict[str, str]]:
    patient = world.patient
    known, *others = (nuclide_words(name) for name in world.nuclides)
    rows = [
        (f"Doses of {' and '.join(others)} are derived from those of {known}: wash-out kept, decay exchanged, energy by sphere S-values. "
         "A change of peptide is not modelled.", Label.ASSUMPTION),
        (f"Per absorbed dose {', '.join(others)} and {known} are taken as equally effective (RBE 1): no public data tell them apart.",
         Label.ASSUMPTION),
        *((f"{nuclide_words(entry.name)} was added by a file ({get_nuclide(entry.name).source}); a usual cycle gives "
           f"{entry.activity_gbq:g} GBq ({entry.source}). No study of the fit treated with it.", Label.ASSUMPTION)
          for entry in added_nuclides() if entry.name in world.nuclides),
        ("Resectability: " + PROXY_NOTE, Label.ASSUMPTION),
        ("Vessel contact follows sphere-cylinder geometry; scar may keep the contact with a probability for which no data exist. "
         "An irregular outline is taken to stay while the contact keeps its baseline extent.", Label.ASSUMPTION),
        ("CAPTEM, capecitabine and 5-FU raise the effect per dose by a factor of median 1.1 (log-SD 0.12), and the harm to blood.",
         Label.ASSUMPTION),
        ("A lesion's dose per activity falls with what was given, by 6 % (Ki-67 up to 1.7 %) to 14 % (from 7.7 %) over 7.4 GBq, and "
         "scatters between cycles by 19 %.", Label.BY_CONSTRUCTION),
        ("The kidneys' dose scatters between cycles by 19 %, as that of lesions: no series of kidneys was found.", Label.ASSUMPTION),
        ("Half of the spread between lesions is taken to be common to the lesions of one patient.", Label.ASSUMPTION),
        ("Kidney BED: alpha/beta 2.6 Gy, repair half-time 2.8 h; limit 40 Gy, or 28 Gy with risk factors (28 patients).",
         Label.BY_CONSTRUCTION),
        ("Surgery follows 12 weeks after the last cycle where a scheme does not say.", Label.ASSUMPTION),
    ]
    for lesion, kinetics in zip(patient.lesions, world.kinetics, strict=True):
        if kinetics.origin == "population":
            rows.append((f"Lesion {lesion.id}: no measured dose; drawn from a population (mean 26.9 Gy per 7.4 GBq over 301 tumours). "
                         "A known SUVmax shifts it, with a correlation of 0.5 for the patient's share (assumption).",
                         Label.BY_CONSTRUCTION))
    if world.kidneys.origin == "images" or any(kinetics.origin == "images" for kinetics in world.kinetics):
        rows.append(("The first cycle's dose per activity was measured; every further cycle is predicted from it.", Label.BY_CONSTRUCTION))
    if world.kidneys.origin == "population":
        rows.append(("Kidneys: no measured dose; drawn from published means of 0.38 to 0.57 Gy/GBq.", Label.BY_CONSTRUCTION))
    if (centre := world.parameters.centre) is not None:
        whose = ("It holds for patients of that centre: the effect of its study is its own." if centre.lesions else
                 "The patient's centre is taken as one that no study described.")
        rows.append((f"{centre.sentence} {whose}", Label.CALIBRATED if centre.trusted else Label.ASSUMPTION))
    if world.parameters.source == "prior":
        rows.append(("The response model is not yet fitted to lesions: every prediction of response is an assumption.", Label.ASSUMPTION))
    return [{"text": text, "label": str(label)} for text, label in rows]


def _citations(world: World) -> list[str]:
    keys = ["urso2022", "jahn2021", "eisenhauer2009", "bodei2008", "bergsma2016", "siebinga2023", "jahn2020", "bruvoll2023"]
    if any(kinetics.origin == "images" for kinetics in world.kinetics):
        keys += ["rousset1998", "gear2018"]
    return keys
