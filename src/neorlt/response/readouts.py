"""What a clinic would see: response class, grade at surgery, burden, rates with the small-n baseline beside them.

The rules that name classes live in :mod:`neorlt.clinic`; here they are applied to arrays of draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core import proportions
from neorlt.core.anatomy import organ_of_site
from neorlt.core.draws import Interval, summarise
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.response.arrays import SMALL_INTESTINE, LesionArrays, Outcome
from neorlt.response.parameters import ORIGINS, ROOM, Parameters

KI67_CELLS = 500
"""Cells counted in a hot spot (WHO 2022: at least 500)."""


def who_grade(ki67_pct: ArrayLike) -> NDArray[np.int_]:
    """WHO grade 1-3 by Ki-67 (the rule of :mod:`neorlt.clinic.grade`)."""
    from neorlt.clinic.grade import who_grade as rule

    return np.asarray(rule(np.asarray(ki67_pct)), dtype=np.int_)


def blood_grade(line: str, value: ArrayLike) -> NDArray[np.int_]:
    """CTCAE 5.0 grade of a count (10^9/l; haemoglobin g/dl) by :mod:`neorlt.clinic.ctcae`.

    Without a laboratory's limit of normal, what is better than grade 2 is -1 (not available).
    """
    from neorlt.clinic import ctcae

    rules = {"platelets": ctcae.grade_platelets, "neutrophils": ctcae.grade_neutrophils,
             "lymphocytes": ctcae.grade_lymphocytes, "haemoglobin": ctcae.grade_haemoglobin}
    return np.asarray(rules[line](np.asarray(value)), dtype=np.int_)


def probability(event: ArrayLike, n_replicates: int) -> NDArray[np.float64]:
    """Fraction of replicates per draw: ``(world, ...)`` to ``(draw, ...)``."""
    array = np.asarray(event, np.float64)
    return np.asarray(array.reshape(-1, n_replicates, *array.shape[1:]).mean(axis=1))


@dataclass(frozen=True)
class Probability:
    """A probability: mean over everything, and the interval that doubt about the parameters alone gives it."""

    mean: float
    interval: Interval
    label: Label

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"mean": self.mean, **self.interval.as_json(), "label": str(self.label)}


def summarise_probability(per_draw: NDArray[np.float64], label: Label) -> Probability:
    """Summarise per-draw probabilities ``(draw,)``."""
    return Probability(float(per_draw.mean()), summarise(per_draw), label)


def sum_change_pct(outcome: Outcome, patients: LesionArrays, target: ArrayLike | None = None, measured: bool = True) -> NDArray[np.float32]:
    """Change of the sum of target diameters from baseline in per cent, ``(world, time)``."""
    keep = np.ones(patients.n_lesions, bool) if target is None else np.asarray(target, bool)
    if not keep.any():
        raise InputError("no target lesion", remedy="mark at least one lesion of 10 mm or more as target")
    diameters = outcome.diameter_measured_mm if measured else outcome.diameter_mm
    base = float(patients.diameters_mm[keep].sum())
    return np.asarray(100.0 * (diameters[:, keep].sum(axis=1) / base - 1.0), np.float32)


def default_targets(patients: LesionArrays) -> NDArray[np.bool_]:
    """RECIST 1.1 targets by size, from :func:`neorlt.clinic.recist.select_targets`; organs are liver and elsewhere."""
    from neorlt.clinic.recist import select_targets

    organs = ["liver" if liver else "elsewhere" for liver in patients.liver]
    return np.asarray(select_targets(organs, patients.diameters_mm), bool)


def recist_probabilities(
    outcome: Outcome, patients: LesionArrays, target: ArrayLike | None = None
) -> dict[str, NDArray[np.float64]]:
    """Probability per draw of each RECIST class at each read-out, ``(draw, time)`` under ``CR``, ``PR``, ``SD``, ``PD``.

    The classes come from :mod:`neorlt.clinic.recist` on measured sums, the nadir over the read-outs so far; new lesions
    are not predicted, so progression means growth of targets. Without a measurable lesion all lesions are followed.
    """
    from neorlt.clinic.recist import Response, classify_series

    keep = default_targets(patients) if target is None else np.asarray(target, bool)
    if not keep.any():
        keep = np.ones(patients.n_lesions, bool)
    sums = outcome.diameter_measured_mm[:, keep].sum(axis=1)
    base = np.full((len(sums), 1), float(patients.diameters_mm[keep].sum()), np.float32)
    codes = np.asarray(classify_series(np.concatenate([base, sums], axis=1)))
    return {c.name: probability(codes == c, outcome.n_replicates) for c in Response if c is not Response.NE}


def objective_response(outcome: Outcome, patients: LesionArrays, target: ArrayLike | None = None) -> NDArray[np.float64]:
    """Probability per draw of a partial or complete response by size at each read-out, ``(draw, time)``."""
    classes = recist_probabilities(outcome, patients, target)
    return classes["CR"] + classes["PR"]


def liver_burden(outcome: Outcome, patients: LesionArrays) -> NDArray[np.float32]:
    """Summed volume of the liver lesions over that at baseline, ``(world, time)``."""
    weight = np.asarray(patients.volume_ml) * patients.liver
    if weight.sum() == 0:
        raise InputError("no liver lesion", remedy="mark liver lesions with site = \"liver\"")
    return np.asarray((outcome.relative_volume * weight[None, :, None]).sum(axis=1) / weight.sum(), np.float32)


@dataclass(frozen=True)
class GradeChange:
    """Probability per draw ``(draw,)`` of a lower, equal or higher grade at surgery, and what sampling alone gives."""

    lower: NDArray[np.float64]
    same: NDArray[np.float64]
    higher: NDArray[np.float64]
    null_lower: NDArray[np.float64]
    null_same: NDArray[np.float64]
    null_higher: NDArray[np.float64]
    ki67_counted_pct: NDArray[np.float32]
    """``(world,)`` hot-spot count that the pathologist would report after surgery."""


def count_hot_spot(
    true_pct: NDArray[Any], log_sd: NDArray[Any], rng: np.random.Generator, cells: int = KI67_CELLS, z: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """Ki-67 that a count of a sampled hot spot gives: log-normal sampling (at ``z`` where given), then a binomial count."""
    luck = rng.standard_normal(np.shape(true_pct)) if z is None else z
    sampled = np.clip(np.asarray(true_pct) * np.exp(np.asarray(log_sd) * luck), 0.01, 100.0)
    return np.asarray(100.0 * rng.binomial(cells, sampled / 100.0) / cells, np.float32)


def grade_change(parameters: Parameters, outcome: Outcome, patients: LesionArrays, lesion: int, time: int, seed: int = 0) -> GradeChange:
    """WHO grade of one lesion at surgery against its biopsy, beside what sampling alone would give.

    The biopsy's Ki-67 is a sample itself: in each world the lesion's own Ki-67 is the biopsy's value with the sampling
    error undone; the specimen samples it again after treatment (prediction) or without (null). Both use the same luck.
    """
    n = outcome.n_replicates
    sd = parameters.repeat(n).ki67_sampling_log_sd
    biopsy = float(patients.ki67_pct[lesion])
    before = int(np.asarray(who_grade(biopsy)))
    rng = core_draws.generator(seed, ROOM, "ki67", str(lesion))
    own = np.clip(biopsy * np.exp(sd * rng.standard_normal(len(sd))), 0.01, 100.0)
    change = outcome.ki67_pct[:, lesion, time] / patients.ki67_pct[lesion]
    counted = count_hot_spot(np.clip(own * change, 0.01, 100.0), sd, core_draws.generator(seed, ROOM, "specimen", str(lesion)))
    null = count_hot_spot(own, sd, core_draws.generator(seed, ROOM, "specimen", str(lesion)))
    after, alone = who_grade(counted), who_grade(null)
    return GradeChange(
        lower=probability(after < before, n), same=probability(after == before, n), higher=probability(after > before, n),
        null_lower=probability(alone < before, n), null_same=probability(alone == before, n),
        null_higher=probability(alone > before, n), ki67_counted_pct=counted,
    )


@dataclass(frozen=True)
class BaselineRate:
    """What a series says without any model: every patient has the pooled rate."""

    name: str
    events: int
    total: int
    source: str

    @property
    def interval(self) -> tuple[float, float, float]:
        """Rate with its exact 95 % interval (Clopper-Pearson)."""
        return exact_interval(self.events, self.total)

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        rate, low, high = self.interval
        return {"name": self.name, "events": self.events, "total": self.total, "rate": rate, "ci95": [low, high],
                "likelihood95": list(proportions.likelihood_interval(self.events, self.total)), "source": self.source}


def exact_interval(events: int, total: int, level: float = 0.95) -> tuple[float, float, float]:
    """Rate and its exact (Clopper-Pearson) interval."""
    return events / total, *proportions.exact_interval(events, total, level)


def baseline_rates() -> dict[str, BaselineRate]:
    """The small-n baselines that stand beside the model's numbers."""
    from neorlt.core import tables

    rows = tables.read_json(ROOM, "baseline_rates.json")
    return {name: BaselineRate(name, row["events"], row["total"], row["source"]) for name, row in rows.items()}


def validity_warnings(patients: LesionArrays, total_dose_gy: ArrayLike, site: list[str] | None = None) -> list[dict[str, str]]:
    """Named warnings where the input lies outside the data that the model was fitted to (the rule of :mod:`neorlt.response.reach`).

    ``total_dose_gy`` ``(lesion,)`` median cumulative dose; ``site`` tells lesions that lie where no fitted lesion lay.
    """
    from neorlt.response.reach import DIAMETER_MM, DOSE_GY, KI67_PCT

    found = []
    dose = np.asarray(total_dose_gy, np.float64)
    least, most = DOSE_GY
    for i in range(patients.n_lesions):
        where = f"lesion {i + 1}"
        origin = ORIGINS[int(patients.origins[i])]
        if patients.diameters_mm[i] < DIAMETER_MM[0]:
            found.append({"name": "small-lesion", "where": where,
                          "text": f"{where} measures {patients.diameters_mm[i]:.0f} mm: no fitted lesion is known to be below 2 cm."})
        if dose[i] > 0 and not least <= dose[i] <= most:
            found.append({"name": "dose-outside-data", "where": where,
                          "text": f"{where} receives {dose[i]:.0f} Gy: fitted lesions had {least:.0f} to {most:.0f} Gy."})
        if patients.ki67_pct[i] > KI67_PCT[0]:
            found.append({"name": "grade-outside-data", "where": where,
                          "text": f"{where} has Ki-67 {patients.ki67_pct[i]:g} %: no fitted lesion is known to be above 20 %."})
        if origin != "pancreas":
            found.append({"name": "origin-not-pancreas", "where": where,
                          "text": f"{where} is of {'small-intestine' if origin == 'small_intestine' else 'other'} origin: "
                                  "such tumours shrank less at the same dose; the size of that is uncertain."})
        if site is not None and organ_of_site(site[i]) not in ("pancreas", "liver") and not site[i].lower().startswith(SMALL_INTESTINE):
            found.append({"name": "site-outside-data", "where": where,
                          "text": f"{where} lies in {site[i]}: the fitted lesions were of pancreas, small intestine and liver."})
    return found
