"""Who benefits: over patients of many kinds, which baseline features move the benefit of a scheme (Sobol indices by SALib).

The benefit is a difference: what the scheme reaches minus what the same patient reaches without it, mean over draws. The
features' ranges are a look across the kinds of patients, not a population: no joint distribution was found.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.vessels import Resectability, resectability_code, vessel_codes
from neorlt.core.draws import generator
from neorlt.core.errors import InputError, MissingExtraError
from neorlt.core.labels import Label
from neorlt.core.manifest import installed
from neorlt.documents.patient import sphere_volume_ml
from neorlt.documents.scheme import MAX_CYCLES, Scheme
from neorlt.response import course
from neorlt.response.arrays import LesionArrays, LesionEffects, ScheduleArrays, draw_lesion_effects
from neorlt.response.parameters import SENSITISERS, Parameters, draw_parameters
from neorlt.response.simulate import simulate

Floats = NDArray[np.float64]
FEATURES: tuple[tuple[str, str, str, float, float], ...] = (
    ("longest_diameter_mm", "size of the primary", "mm", 20.0, 80.0),
    ("ki67_pct", "Ki-67", "%", 1.0, 20.0),
    ("gy_per_gbq", "lesion dose per activity", "Gy/GBq", 0.0, 1.0),
    ("vein_deg", "contact with the portal or mesenteric vein", "degrees", 0.0, 300.0),
    ("artery_deg", "contact with the mesenteric artery", "degrees", 0.0, 200.0),
)
"""Key, words, unit, and the range that is looked across; the dose runs over the quantiles 2.5 to 97.5 % of the published spread."""
VESSELS = ("SMV", "SMA")
N_BASE = 256
N_DRAWS = 64


@dataclass(frozen=True)
class Benefit:
    """Patients, their benefit, and the indices of each feature.

    ``features`` ``(patient, feature)``; ``resectable`` and ``removed`` ``(patient,)``: gain in the chance of being
    resectable, and in the share of the tumour's volume removed. ``first`` and ``total`` by outcome: ``(feature, 2)``
    index and half-width of its 95 % interval.
    """

    scheme: Scheme
    features: Floats
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
        found = analyse.analyze(problem, column, calc_second_order=False, seed=seed)
        first.append(np.stack([found["S1"], found["S1_conf"]], axis=1))
        total.append(np.stack([found["ST"], found["ST_conf"]], axis=1))
    return sample, values, np.array(first), np.array(total)


def benefit_of(
    scheme: Scheme, features: Floats, n_draws: int = N_DRAWS, seed: int = 1, parameters: Parameters | None = None
) -> tuple[Floats, Floats]:
    """Gain of each patient ``(patient,)`` in the chance of being resectable and in volume removed, against no treatment at all.

    Every patient meets the same draws, so that patients differ by their features alone. ``parameters`` are those of a finished
    plan's world where given.
    """
    size, ki67, quantile, vein, artery = np.asarray(features, float).T
    n = len(size)
    parameters = draw_parameters(n_draws, seed) if parameters is None else parameters
    n_draws = parameters.n_draws
    effects = draw_lesion_effects(parameters, 1, 1, seed)
    same = LesionEffects(np.repeat(effects.alpha_z, n, axis=1), np.repeat(effects.growth_z, n, axis=1),
                         np.repeat(effects.baseline_z, n, axis=1), 1, seed)
    volume = np.array([sphere_volume_ml(float(d)) for d in size])
    lesions = LesionArrays(volume_ml=volume, ki67_pct=ki67, diameter_mm=size, patient=np.arange(n))
    washout = course.lognormal("lesion_washout_per_h", generator(seed, "planning", "benefit", "washout").standard_normal((n_draws, 1)))
    per_gbq, half_life = course.exchange(dose_per_gbq(quantile), washout, volume * course.TISSUE_G_PER_ML)
    scatter = generator(seed, "planning", "benefit", "cycles").standard_normal((n_draws, 1, MAX_CYCLES))
    dose = course.cycle_doses_gy(per_gbq, scheme.activities_gbq, fall=course.fall_per_cycle(ki67), scatter_z=scatter,
                                 log_sd=course.lesion_cycle_log_sd())
    outcome = simulate(parameters, lesions, ScheduleArrays(
        week=np.array([cycle.week for cycle in scheme.cycles], np.float32), dose_gy=dose.astype(np.float32),
        effective_half_life_h=half_life.astype(np.float32), times_week=np.array([scheme.surgery_week], np.float32),
        sensitiser=np.array([SENSITISERS.index(cycle.sensitiser) for cycle in scheme.cycles], np.intp)), same)
    after = outcome.diameter_mm[:, :, 0].astype(float)
    scar_u = generator(seed, "planning", "benefit", "scar").uniform(size=(n_draws, 1, len(VESSELS)))
    scar = scar_u < np.asarray(parameters.fibrotic_residue_probability, float)[:, None, None]
    contacts = np.stack([vein, artery], axis=1)
    latent = np.stack([course.latent_contact_deg(name, contacts[:, j], after, size, clip=True) for j, name in enumerate(VESSELS)], axis=-1)
    before = _resectable(contacts[None])[0]
    gain = _resectable(course.seen_contact_deg(latent, contacts, scar)).mean(axis=0) - before
    return gain, 1.0 - np.minimum(outcome.relative_volume[:, :, 0], 1.0).mean(axis=0).astype(float)


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
        lambda features: np.stack(benefit_of(scheme, features, n_draws, seed, parameters), axis=1), bounds, n_base, seed)
    names = ("resectable", "removed")
    return Benefit(scheme, sample, values[:, 0], values[:, 1], dict(zip(names, first, strict=True)), dict(zip(names, total, strict=True)))


def benefit_document(benefit: Benefit) -> dict[str, Any]:
    """The document of ``neorlt benefit --json``."""
    shown = benefit.features.copy()
    dose = [i for i, feature in enumerate(FEATURES) if feature[0] == "gy_per_gbq"][0]
    shown[:, dose] = dose_per_gbq(shown[:, dose])
    top = benefit.resectable >= np.quantile(benefit.resectable, 0.9)
    rows = []
    for i, (key, words, unit, _, _) in enumerate(FEATURES):
        low, median, high = np.quantile(shown[top, i], [0.1, 0.5, 0.9])
        rows.append({
            "feature": key, "text": words, "unit": unit, "range": [float(shown[:, i].min()), float(shown[:, i].max())],
            "ideal": {"median": float(median), "from": float(low), "to": float(high)},
            **{outcome: {"first": float(benefit.first[outcome][i, 0]), "first_half_width95": float(benefit.first[outcome][i, 1]),
                         "total": float(benefit.total[outcome][i, 0]), "total_half_width95": float(benefit.total[outcome][i, 1])}
               for outcome in ("resectable", "removed")},
        })
    return {
        "scheme": benefit.scheme.text, "n_patients": len(benefit.resectable), "features": rows,
        "mean_gain": {"resectable": float(benefit.resectable.mean()), "removed": float(benefit.removed.mean())},
        "top_tenth_gain": {"resectable": float(benefit.resectable[top].mean())},
        "answer": {"sentences": _ideal(rows, benefit, top)},
        "assumptions": [{"text": text, "label": str(Label.ASSUMPTION)} for text in (
            "Features are looked across their ranges evenly and independently: a population of patients is not even and not independent.",
            "One primary of smooth outline in the pancreatic head, one vein and one artery; no metastases; every cycle is given.",
            "The benefit is against the same tumour left as it is at baseline, not against another treatment.",
            "Resectability follows a definition for pancreatic adenocarcinoma; scar may keep the contact.",
            "Lesion dose per activity stands for uptake: no published slope from SUV was found.")],
        "made_with": installed("SALib"),
        "cloud": {"size_mm": shown[::7, 0].round(2).tolist(), "gain": benefit.resectable[::7].round(4).tolist()},
    }


def _ideal(rows: list[dict[str, Any]], benefit: Benefit, top: NDArray[np.bool_]) -> list[str]:
    """The ideal patient in words, with what speaks against the words."""
    order = sorted(rows, key=lambda row: -row["resectable"]["total"])
    lead = [row for row in order if row["resectable"]["total"] - row["resectable"]["total_half_width95"] > 0.05]
    said = [f"Over the patients looked at, the scheme raises the chance of being resectable by {100 * benefit.resectable.mean():.0f} "
            f"points on average, by {100 * benefit.resectable[top].mean():.0f} points in the tenth that gains most."]
    if lead:
        said.append("What moves that gain most: " + ", ".join(
            f"{row['text']} (total Sobol index {row['resectable']['total']:.2f} ± {row['resectable']['total_half_width95']:.2f})"
            for row in lead) + ".")
        said.append("The tenth that gains most: " + "; ".join(
            f"{row['text']} {row['ideal']['from']:.3g} to {row['ideal']['to']:.3g} {row['unit']}" for row in lead) + ".")
    else:
        said.append("No single feature moves it more than its doubt: the model does not know an ideal patient.")
    said.append("This is what the model says of itself: the ranges are assumptions, contact after scar rests on no data, and who gains is "
                "not who should be treated.")
    return said
