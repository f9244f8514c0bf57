"""The objects at the end of the road: what one scheme is predicted to do, and several schemes side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import Interval, summarise
from neorlt.core.labels import Label
from neorlt.documents.scheme import Scheme

KIDNEY_SHARE = 0.10
"""Chance of passing the kidneys' limit from which a scheme is doubted, in sentences and at the gate (convention)."""


@dataclass(frozen=True)
class Probability:
    """A probability with its 90 % interval over the draws of the parameters.

    ``draws`` ``(draw,)``: within each draw the fraction over replicates of the patient's lesions. ``value`` is their
    mean, so it is the chance for this patient; the interval says how much the parameters leave open.
    """

    draws: NDArray[np.float64]

    @property
    def value(self) -> float:
        """Mean over draws."""
        return float(np.mean(self.draws))

    @property
    def ci90(self) -> list[float]:
        """5th and 95th percentile over draws."""
        interval = summarise(self.draws)
        return [interval.low, interval.high]

    @classmethod
    def of(cls, events: NDArray[np.bool_], n_replicates: int) -> Probability:
        """From events ``(draw · replicate,)``."""
        return cls(events.reshape(-1, n_replicates).mean(axis=1))


@dataclass(frozen=True)
class BloodCourse:
    """Lowest value of one blood count over the scheme, and how likely it is of CTCAE grade 3 or 4."""

    value: Interval
    week: float
    p_grade34: float
    weeks: NDArray[np.float64] = field(repr=False, default_factory=lambda: np.zeros(0))
    median: NDArray[np.float64] = field(repr=False, default_factory=lambda: np.zeros(0))

    def as_json(self) -> dict[str, Any]:
        """The keys fixed for a nadir."""
        return {"value_e9_per_l": self.value.median, "ci90": [self.value.low, self.value.high], "week": self.week,
                "p_grade34": self.p_grade34}


@dataclass(frozen=True)
class Prediction:
    """What one scheme is predicted to do to one patient.

    An endpoint whose input is missing is None, and ``reasons`` says why.
    """

    scheme: Scheme
    p_objective_response: Probability | None
    p_resectable: Probability | None
    p_not_locally_advanced: Probability | None
    diameter_change_pct: Interval
    diameter_mm: Interval
    kidney_bed_gy: Interval
    kidney_dose_gy: Interval
    kidney_limit_gy: float
    p_kidney_over_limit: float
    platelets: BloodCourse | None
    neutrophils: BloodCourse | None
    liver_burden_change_pct: Interval | None
    ki67_pct: Interval | None
    p_downgrading: float | None
    p_downgrading_sampling_only: float | None
    stroma_pct: Interval
    contact_deg: Mapping[str, Interval]
    lesion_dose_gy: Mapping[str, Interval]
    trajectory_week: NDArray[np.float64]
    trajectory_mm: NDArray[np.float64]
    """``(3, week)``: median, 5 %, 95 % of the primary's latent diameter."""
    p_2mm_more: NDArray[np.float64]
    """``(week,)`` chance that four more weeks take off at least 2 mm."""
    limited_by: str
    doses_derived: bool
    labels: Mapping[str, Label]
    reasons: Mapping[str, str]
    cycle_rules: tuple[Mapping[str, float], ...] = ()
    """For each cycle: its week, and the chance that the product label's rule on counts delays it or ends the treatment."""

    def as_json(self) -> dict[str, Any]:
        """One entry of ``schemes`` in ``plan.json``."""
        def probability(name: str, value: Probability | None) -> dict[str, Any]:
            if value is None:
                return {name: None, f"{name}_ci90": None, f"{name}_reason": self.reasons.get(name, "input is missing")}
            return {name: value.value, f"{name}_ci90": value.ci90}

        def interval(name: str, value: Interval | BloodCourse | None) -> dict[str, Any]:
            if value is None:
                return {name: None, f"{name}_reason": self.reasons.get(name, "input is missing")}
            return {name: value.as_json()}

        scheme = self.scheme
        return {
            "name": scheme.name,
            "text": scheme.text,
            "source": scheme.source or None,
            "cycles": [cycle.as_json() for cycle in scheme.cycles],
            "sensitiser": scheme.sensitiser,
            "surgery_week": scheme.surgery_week,
            **probability("p_objective_response", self.p_objective_response),
            **probability("p_resectable", self.p_resectable),
            **probability("p_not_locally_advanced", self.p_not_locally_advanced),
            "diameter_change_pct": self.diameter_change_pct.as_json(),
            "diameter_mm_at_surgery": self.diameter_mm.as_json(),
            "kidney_bed_gy": {**self.kidney_bed_gy.as_json(), "p_over_limit": self.p_kidney_over_limit, "limit_gy": self.kidney_limit_gy},
            "kidney_dose_gy": self.kidney_dose_gy.as_json(),
            **interval("platelets_nadir", self.platelets),
            **interval("neutrophils_nadir", self.neutrophils),
            **interval("liver_burden_change_pct", self.liver_burden_change_pct),
            **interval("ki67_at_surgery_pct", self.ki67_pct),
            "p_downgrading": self.p_downgrading,
            "p_downgrading_sampling_only": self.p_downgrading_sampling_only,
            "stroma_pct": self.stroma_pct.as_json(),
            "contact_deg": [{"vessel": name, **value.as_json()} for name, value in self.contact_deg.items()],
            "lesion_dose_gy": {name: value.as_json() for name, value in self.lesion_dose_gy.items()},
            "cycle_rules": [dict(rule) for rule in self.cycle_rules],
            "limited_by": self.limited_by,
            "doses_derived": self.doses_derived,
            "labels": {name: str(label) for name, label in self.labels.items()},
            "reasons": dict(self.reasons),
            "trajectory": {
                "week": self.trajectory_week.tolist(),
                "diameter_mm": dict(zip(("median", "low", "high"), self.trajectory_mm.tolist(), strict=True)),
                "p_2mm_more": self.p_2mm_more.tolist(),
                "platelets": None if self.platelets is None else {
                    "week": self.platelets.weeks.tolist(), "median_e9_per_l": self.platelets.median.tolist()},
            },
        }


@dataclass(frozen=True)
class Comparison:
    """Several schemes for one patient, predicted in the same worlds (paired draws)."""

    predictions: tuple[Prediction, ...]

    def __post_init__(self) -> None:
        if not self.predictions:
            raise ValueError("a comparison needs at least one prediction")
        names = [p.scheme.name for p in self.predictions]
        if len(set(names)) != len(names):
            raise ValueError(f"two schemes have the same name: {names}")
