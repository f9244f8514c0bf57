"""Who benefits: over patients of many kinds, which baseline features move the benefit of a scheme (Sobol indices by SALib).

The patient is varied inside the decision: the benefit is the quality-adjusted life with the scheme, an operation behind it where one
is possible, minus that with the best option without radioligand therapy that is open to the same patient. What shrinkage
does before the operation stands beside it. The features' ranges are a look across the kinds of patients, not a population: no
joint distribution was found.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.vessels import Resectability, resectability_code, vessel_codes
from neorlt.core.draws import generator
from neorlt.core.errors import InputError, MissingExtraError
from neorlt.core.labels import Label
from neorlt.core.manifest import installed
from neorlt.core.sensitisers import SENSITISERS
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.documents.patient import sphere_volume_ml
from neorlt.documents.scheme import MAX_CYCLES, Scheme
from neorlt.planning.decision import before
from neorlt.planning.decision.assemble import Inputs, build, reference_gain
from neorlt.planning.decision.choice import choose
from neorlt.planning.decision.course import Paths, follow
from neorlt.planning.decision.gate import Verdict, open_gate
from neorlt.planning.decision.options import USUAL, options_for
from neorlt.planning.decision.rates import draw_rates
from neorlt.planning.decision.settings import Settings
from neorlt.planning.patient import Patient, patient_from
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.world import World, build_world
from neorlt.response import course
from neorlt.response.arrays import LesionArrays, LesionEffects, ScheduleArrays, draw_lesion_effects
from neorlt.response.parameters import Parameters, draw_parameters
from neorlt.response.simulate import simulate

Floats = NDArray[np.float64]
FEATURES: tuple[tuple[str, str, str, float, float], ...] = (
    ("longest_diameter_mm", "size of the primary", "mm", 20.0, 80.0),
    ("ki67_pct", "Ki-67", "%", 1.0, 20.0),
    ("gy_per_gbq", "lesion dose per activity", "Gy/GBq", 0.0, 1.0),
    ("vein_deg", "contact with the portal or mesenteric vein", "degrees", 0.0, 300.0),
    ("artery_deg", "contact with the mesenteric artery", "degrees", 0.0, 200.0),
    ("age_y", "age", "years", 40.0, 80.0),
)
"""Key, words, unit, and the range that is looked across; the dose runs over the quantiles 2.5 to 97.5 % of the published spread."""
VESSELS = ("SMV", "SMA")
N_BASE = 128
N_DRAWS = 64
PATIENTS_AT_ONCE = 64
OUTCOMES = ("months", "resectable", "removed")
REFERENCE: dict[str, Any] = {
    "age_y": 60, "egfr_ml_min": 85, "platelets_e9_per_l": 230, "neutrophils_e9_per_l": 4.1, "haemoglobin_g_dl": 13.0, "krenning": 3,
    "functioning": False, "performance_status": 0}
"""What no feature varies: a patient whom the gate leaves everything open."""


@dataclass(frozen=True)
class Benefit:
    """Patients, their benefit, and the indices of each feature.

    ``features`` ``(patient, feature)``; ``months``, ``resectable`` and ``removed`` ``(patient,)``: gain in quality-adjusted
    months against the best option without RLT, in the chance of being resectable, and in the share of the tumour's volume
    removed; ``leads`` ``(patient,)`` whether RLT stands first by the decision's rule. ``first`` and ``total`` by outcome:
    ``(feature, 2)`` index and half-width of its 95 % interval.
    """

    scheme: Scheme
    features: Floats
    months: Floats
    leads: NDArray[np.bool_]
    resectable: Floats
    removed: Floats
    first: dict[str, Floats]
    total: dict[str, Floats]


def need_salib() -> None:
    """Raise :class:`MissingExtraError` where SALib is not installed."""
    if importlib.util.find_spec("SALib") is None:
        raise MissingExtraError("SALib", extra="search")


def sobol_indices(benefit: Any, bounds: Any, n_base: int = N_BASE, seed: int = 1) -> tuple[Floats, Floats, Floats, Floats]:
    """Sobol indices of a function of features.

    Parameters
    ----------
    benefit
        Takes ``(patient, feature)`` and gives ``(patient,)`` or ``(patient, outcome)``.
    bounds
        ``(feature, 2)`` ends of each feature's range.
    n_base
        Size of the base sample, a power of two.
    seed
        Seed of sample and resampling.

    Returns
    -------
    tuple
        The sample, its values ``(patient, outcome)``, first-order and total indices ``(outcome, feature, 2)`` with the
        half-width of their 95 % interval.
    """
    need_salib()
    from SALib.analyze import sobol as analyse
    from SALib.sample import sobol as sampling

    ends = np.asarray(bounds, float)
    problem = {"num_vars": len(ends), "names": [str(i) for i in range(len(ends))], "bounds": ends.tolist()}
    sample = np.asarray(sampling.sample(problem, n_base, calc_second_order=False, seed=seed))
    values = np.asarray(benefit(sample), float)
    values = values[:, None] if values.ndim == 1 else values
    if not np.isfinite(values).all():
        # One value that is no number makes SALib 1.6 answer zeros, plus or minus zero, for every feature, without a word.
        raise InputError("the benefit is no number for some patients", expected="finite values",
                         found=f"{int((~np.isfinite(values)).any(axis=1).sum())} of {len(values)} patients",
                         remedy="check the scheme and the ranges; no index is computed from the rest")
    first, total = [], []
    for column in values.T:
        if np.ptp(column) < 1e-12:
            first.append(np.zeros((len(ends), 2)))
            total.append(np.zeros((len(ends), 2)))
            continue
        # Indices are ratios of variances: a scale changes nothing, and squares of large values do not overflow (SALib answers zeros there).
        found = analyse.analyze(problem, column / np.max(np.abs(column)), calc_second_order=False, seed=seed)
        first.append(np.stack([found["S1"], found["S1_conf"]], axis=1))
        total.append(np.stack([found["ST"], found["ST_conf"]], axis=1))
    return sample, values, np.array(first), np.array(total)


@dataclass(frozen=True)
class Gains:
    """Of each patient ``(patient,)``, as in :class:`Benefit`."""

    months: Floats
    leads: NDArray[np.bool_]
    resectable: Floats
    removed: Floats


def patient_of(features: Floats) -> Patient:
    """The patient of one row of features; dose per activity is not in the file."""
    size, ki67, _, vein, artery, age = (float(value) for value in features)
    vessels = [{"name": name, "contact_deg": deg} for name, deg in zip(VESSELS, (vein, artery), strict=True)]
    return patient_from({"id": "benefit", "baseline": REFERENCE | {"age_y": age}, "lesion": [
        {"id": "primary", "site": "pancreas-head", "longest_diameter_mm": size, "ki67_pct": ki67, "vessels": vessels}]}, "benefit")


def benefit_of(
    scheme: Scheme, features: Floats, n_draws: int = N_DRAWS, seed: int = 1, parameters: Parameters | None = None
) -> Gains:
    """Gains of each patient.

    Every patient meets the same draws, so that patients differ by their features alone. ``parameters`` are those of a finished
    plan's world where given.
    """
    features = np.asarray(features, float)
    parts = [_gains(scheme, features[i : i + PATIENTS_AT_ONCE], n_draws, seed, parameters)
             for i in range(0, len(features), PATIENTS_AT_ONCE)]
    return Gains(*(np.concatenate([getattr(part, name) for part in parts]) for name in Gains.__dataclass_fields__))


def _gains(scheme: Scheme, features: Floats, n_draws: int, seed: int, parameters: Parameters | None) -> Gains:
    size, ki67, quantile, vein, artery, _ = features.T
    n = len(size)
    parameters = draw_parameters(n_draws, seed) if parameters is None else parameters
    n_draws = parameters.n_draws
    effects = draw_lesion_effects(parameters, 1, 1, seed)
    same = LesionEffects(np.repeat(effects.alpha_z, n, axis=1), np.repeat(effects.growth_z, n, axis=1),
                         np.repeat(effects.baseline_z, n, axis=1), 1, seed)
    volume = np.array([sphere_volume_ml(float(d)) for d in size])
    lesions = LesionArrays(volume_ml=volume, ki67_pct=ki67, diameter_mm=size, patient=np.arange(n))
    washout = course.lognormal("lesion_washout_per_h", generator(seed, "planning", "benefit", "washout").standard_normal((n_draws, 1)))
    per_gbq, half_life = course.exchange(dose_per_gbq(quantile), washout, volume * SOFT_TISSUE_G_PER_CM3, parameters.nuclides)
    scatter = generator(seed, "planning", "benefit", "cycles").standard_normal((n_draws, 1, MAX_CYCLES))
    fall = course.fall_per_cycle(ki67)

    def at_surgery(given: Scheme) -> tuple[Floats, Floats]:
        """Diameter in mm and volume over baseline ``(draw, patient)``."""
        dose = course.cycle_doses_gy(per_gbq, given.given_gbq(parameters.nuclides), fall=fall, scatter_z=scatter,
                                     log_sd=course.lesion_cycle_log_sd())
        outcome = simulate(parameters, lesions, ScheduleArrays(
            week=np.array([cycle.week for cycle in given.cycles], np.float32), dose_gy=dose.astype(np.float32),
            effective_half_life_h=half_life.astype(np.float32), times_week=np.array([given.surgery_week], np.float32),
            sensitiser=np.array([SENSITISERS.index(cycle.sensitiser) for cycle in given.cycles], np.intp)), same)
        return outcome.diameter_mm[:, :, 0].astype(float), outcome.relative_volume[:, :, 0].astype(float)

    after, left = at_surgery(scheme)
    _, usual_left = at_surgery(parse_scheme(USUAL[0]))
    grown = before.left_alone(parameters, lesions, same)
    scar_u = generator(seed, "planning", "benefit", "scar").uniform(size=(n_draws, 1, len(VESSELS)))
    scar = scar_u < np.asarray(parameters.fibrotic_residue_probability, float)[:, None, None]
    contacts = np.stack([vein, artery], axis=1)
    latent = np.stack([course.latent_contact_deg(name, contacts[:, j], after, size, clip=True) for j, name in enumerate(VESSELS)], axis=-1)
    gain = _resectable(course.seen_contact_deg(latent, contacts, scar)).mean(axis=0) - _resectable(contacts[None])[0]
    patients = [patient_of(row) for row in features]
    world = replace(build_world(patients[0], n_draws=n_draws, seed=seed, nuclides=parameters.nuclides), parameters=parameters)
    world.scar_u[:] = scar_u[:, 0]
    months, leads = _decide(world, scheme, patients, np.log(np.maximum(after / size, 1e-3)), left, usual_left, *grown)
    return Gains(months, leads, gain, 1.0 - np.minimum(left, 1.0).mean(axis=0))


def _decide(
    world: World, scheme: Scheme, patients: list[Patient], log_diameter: Floats, left: Floats, usual_left: Floats, diameter: Floats,
    volume: Floats,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Quality-adjusted months gained by the scheme ``(patient,)`` and whether it stands first, each patient in the same draws.

    ``log_diameter``, ``left`` and ``usual_left`` (of the usual course) ``(draw, patient)`` at surgery; ``diameter`` and
    ``volume`` the untreated course as log ratios ``(draw, patient, week)``.
    """
    settings, rates = Settings(), draw_rates(world.n_draws, world.seed)
    # Blood, kidneys and marrow are those of one patient: no feature moves them.
    shared = before.rlt(world, scheme, before.untreated(world))
    usual_week = np.full(world.n_draws, parse_scheme(USUAL[0]).surgery_week)
    week = np.full(world.n_draws, scheme.surgery_week)
    columns: list[Paths] = []
    of_patient: list[int] = []
    kept: list[tuple[list[bool], list[tuple[float, ...]], list[bool]]] = []
    for i, patient in enumerate(patients):
        growth = before.Growth(before.UNTREATED_WEEKS, diameter[:, i], volume[:, i])
        options = options_for([scheme])
        gates = open_gate(patient, options, settings.asked_for)
        shown = [k for k, (option, gate) in enumerate(zip(options, gates, strict=True))
                 if option.kind.is_rlt or gate.verdict is not Verdict.NO]
        options, gates = tuple(options[k] for k in shown), tuple(gates[k] for k in shown)
        here = replace(world, patient=patient)
        size = patient.lesions[0].longest_diameter_mm
        treated = replace(
            shared, week=week, log_diameter=log_diameter[:, i],
            grew=before.grew(log_diameter[:, i], size),
            log_volume_gain=growth.at(week, volume=True) - np.log(np.maximum(left[:, i], 1e-9)))
        usual = replace(shared, log_volume_gain=growth.at(usual_week, volume=True) - np.log(np.maximum(usual_left[:, i], 1e-9)))
        restaged = {option.name: treated if option.kind.is_rlt else before.captem(here, rates, growth)
                    for option in options if option.scheme is not None or "CAPTEM" in option.name}
        built = build(Inputs(here, rates, options, gates, growth, restaged, reference_gain(usual)))
        columns.append(built.paths)
        of_patient += [i] * len(options)
        kept.append(([gate.verdict is not Verdict.NO for gate in gates], [option.mildness for option in options],
                     [option.kind.is_rlt for option in options]))
        background = built.background
    paths = Paths(**{name: np.concatenate([getattr(path, name) for path in columns], axis=1) for name in Paths.__dataclass_fields__})
    ages = np.array([patients[i].age_y for i in of_patient], float)
    value = getattr(follow(paths, replace(background, age_y=ages), settings.discount), settings.criterion)
    months, leads = np.zeros(len(patients)), np.zeros(len(patients), bool)
    for i, (open_, mildness, is_rlt) in enumerate(kept):
        mine = value[:, np.array(of_patient) == i]
        mean = mine.mean(axis=0)
        ours = [mean[k] for k in range(len(open_)) if open_[k] and is_rlt[k]]
        others = [mean[k] for k in range(len(open_)) if open_[k] and not is_rlt[k]]
        # Where the gate closes RLT it is not given and gains nothing.
        months[i] = 12 * (max(ours) - max(others)) if ours and others else 0.0
        if any(open_):
            leads[i] = is_rlt[choose(mine, open_, mildness, settings.delta).mildest]
    return months, leads


def dose_per_gbq(quantile: Floats) -> Floats:
    """Dose per activity of 177Lu, Gy/GBq, at a quantile from 0 to 1 of the middle 95 % of the published spread."""
    from scipy.special import ndtri

    return course.lognormal("lesion_gy_per_gbq", ndtri(0.025 + 0.95 * np.asarray(quantile)))


def _resectable(contacts: Floats) -> Floats:
    code = np.asarray(resectability_code(vessel_codes(list(VESSELS)), contacts, head=True))
    return np.asarray(code == int(Resectability.RESECTABLE), float)


def who_benefits(
    scheme: Scheme, n_base: int = N_BASE, n_draws: int = N_DRAWS, seed: int = 1, parameters: Parameters | None = None
) -> Benefit:
    """Sobol indices of the benefit of a scheme over the features' ranges; ``parameters`` as for :func:`benefit_of`."""
    bounds = np.array([[low, high] for *_, low, high in FEATURES])
    sample, values, first, total = sobol_indices(
        lambda features: _columns(benefit_of(scheme, features, n_draws, seed, parameters)), bounds, n_base, seed)
    # The last column carries along who has RLT first; no index is read of it.
    return Benefit(scheme, sample, values[:, 0], values[:, 3] > 0.5, values[:, 1], values[:, 2], dict(zip(OUTCOMES, first, strict=False)),
                   dict(zip(OUTCOMES, total, strict=False)))


def _columns(gains: Gains) -> Floats:
    return np.stack([gains.months, gains.resectable, gains.removed, gains.leads.astype(float)], axis=1)


def benefit_document(benefit: Benefit) -> dict[str, Any]:
    """The document of ``neorlt benefit --json``."""
    shown = benefit.features.copy()
    dose = [i for i, feature in enumerate(FEATURES) if feature[0] == "gy_per_gbq"][0]
    shown[:, dose] = dose_per_gbq(shown[:, dose])
    top = benefit.months >= np.quantile(benefit.months, 0.9)
    rows = []
    for i, (key, words, unit, _, _) in enumerate(FEATURES):
        low, median, high = np.quantile(shown[top, i], [0.1, 0.5, 0.9])
        rows.append({
            "feature": key, "text": words, "unit": unit, "range": [float(shown[:, i].min()), float(shown[:, i].max())],
            "ideal": {"median": float(median), "from": float(low), "to": float(high)},
            **{outcome: {"first": float(benefit.first[outcome][i, 0]), "first_half_width95": float(benefit.first[outcome][i, 1]),
                         "total": float(benefit.total[outcome][i, 0]), "total_half_width95": float(benefit.total[outcome][i, 1])}
               for outcome in OUTCOMES},
        })
    return {
        "scheme": benefit.scheme.text, "n_patients": len(benefit.resectable), "features": rows,
        "mean_gain": {name: float(getattr(benefit, name).mean()) for name in OUTCOMES},
        "top_tenth_gain": {name: float(getattr(benefit, name)[top].mean()) for name in OUTCOMES},
        "share_first": float(benefit.leads.mean()),
        "answer": {"sentences": _ideal(rows, benefit, top)},
        "assumptions": [{"text": text, "label": str(Label.ASSUMPTION)} for text in (
            "Features are looked across their ranges evenly and independently: a population of patients is not even and not independent.",
            "One primary in the pancreatic head, one vein and one artery, no metastases; performance status 0, eGFR 85 ml/min, normal "
            "counts.",
            "The tumour is read in the planned week of surgery; cycles that counts hold back count for blood, kidneys and marrow alone.",
            "Quality-adjusted months are against the best option without RLT that is open to the same patient: operating now, watching, "
            "CAPTEM, an analogue. Resectability and volume removed are against the same tumour left as it is.",
            "Resectability follows a definition for pancreatic adenocarcinoma; scar may keep the contact.",
            "Lesion dose per activity stands for uptake: no published slope from SUV was found.")],
        "made_with": installed("SALib"),
        "cloud": {"size_mm": shown[::8, 0].round(2).tolist(), "gain": benefit.months[::8].round(4).tolist()},
    }


def _ideal(rows: list[dict[str, Any]], benefit: Benefit, top: NDArray[np.bool_]) -> list[str]:
    """The ideal patient in words, with what speaks against the words."""
    order = sorted(rows, key=lambda row: -row["months"]["total"])
    lead = [row for row in order if row["months"]["total"] - row["months"]["total_half_width95"] > 0.05]
    said = [f"Over the patients looked at, the scheme gives {benefit.months.mean():+z.1f} quality-adjusted months on average against the "
            f"best option without RLT, {benefit.months[top].mean():+z.1f} in the tenth that gains most; it stands first in "
            f"{100 * benefit.leads.mean():.0f} % of them.",
            f"It raises the chance of being resectable by {100 * benefit.resectable.mean():.0f} points on average."]
    if lead:
        said.append("What moves that gain most: " + ", ".join(
            f"{row['text']} (total Sobol index {row['months']['total']:.2f} ± {row['months']['total_half_width95']:.2f})"
            for row in lead) + ".")
        said.append("The tenth that gains most: " + "; ".join(
            f"{row['text']} {row['ideal']['from']:.3g} to {row['ideal']['to']:.3g} {row['unit']}" for row in lead) + ".")
    else:
        said.append("No single feature moves it more than its doubt: the model does not know an ideal patient.")
    said.append("This is what the model says of itself: the ranges are assumptions, contact after scar rests on no data, and who gains is "
                "not who should be treated.")
    return said
