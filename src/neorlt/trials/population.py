"""The virtual cohort: patients drawn jointly from stated marginals, or resampled from a centre's own table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.grade import who_grade
from neorlt.clinic.vessels import HEAD, resectability_code, vessel_codes
from neorlt.cohorts.reading import Cohort
from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.response import course
from neorlt.trials.rules import Rule

Floats = NDArray[np.float64]
VESSELS = ("SMV", "SMA")
FLAGS = ("male", "head", "nodes_positive", "liver_metastases", "prior_chemotherapy")
LEAST_SHARE = 0.002
"""A rule that fewer patients pass is taken for a mistake."""
COHORT_COLUMNS = {
    "size_mm": "size_before_mm",
    "ki67_pct": "ki67_before_pct",
    "age_y": "age_y",
    "nodes_positive": "nodes_positive",
    "liver_metastases": "liver_metastases",
    "vein_deg": "smv_before_deg",
    "artery_deg": "sma_before_deg",
    "egfr_ml_min": "egfr_ml_min",
    "platelets_e9_per_l": "platelets_e9_per_l",
    "haemoglobin_g_dl": "haemoglobin_g_dl",
}


@dataclass(frozen=True)
class Patients:
    """Virtual patients; ``columns`` are ``(patient,)`` arrays of numbers and 0/1 flags, ``screened`` how many were drawn."""

    columns: dict[str, Floats]
    screened: int

    @property
    def n(self) -> int:
        """Number of patients."""
        return len(self.columns["size_mm"])

    def __getitem__(self, name: str) -> Floats:
        return self.columns[name]

    def take(self, index: Any) -> Patients:
        """A part of the patients."""
        return Patients({name: values[index] for name, values in self.columns.items()}, self.screened)


def population_table() -> dict[str, Any]:
    """Marginals, bounds and correlations, each with label and source."""
    table: dict[str, Any] = tables.read_json("trials", "population.json")
    return table


def _correlation(names: list[str], pairs: list[list[Any]]) -> Floats:
    matrix = np.eye(len(names))
    for a, b, rho in pairs:
        i, j = names.index(a), names.index(b)
        matrix[i, j] = matrix[j, i] = rho
    # The stated pairs need not form a correlation matrix: take the nearest one by lifting its eigenvalues.
    values, vectors = np.linalg.eigh(matrix)
    lifted = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(lifted))
    found: Floats = lifted / np.outer(scale, scale)
    return found


def draw_population(n: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw ``n`` unselected patients jointly (Gaussian copula over the stated marginals)."""
    from scipy.special import ndtr

    table = population_table()
    names = list(table["marginals"])
    normal = rng.standard_normal((n, len(names))) @ np.linalg.cholesky(_correlation(names, table["correlation"]["pairs"])).T
    drawn: dict[str, Floats] = {}
    for j, name in enumerate(names):
        spec, z = table["marginals"][name], normal[:, j]
        p = spec["parameters"]
        if spec["family"] == "lognormal":
            values = p[0] * np.exp(p[1] * z)
        elif spec["family"] == "normal":
            values = p[0] + p[1] * z
        else:
            values = (ndtr(z) > 1.0 - p[0]).astype(float)
        low, high = table["bounds"].get(name, (-np.inf, np.inf))
        drawn[name] = np.clip(values, low, high)
    drawn["dose_z"] = course.patient_dose_z(rng.standard_normal(n), drawn["suv_max"])
    touched = drawn.pop("vessel_contact") > 0
    artery = drawn.pop("artery_share") > 0
    drawn["vein_deg"] = np.where(touched, drawn.pop("vein_contact_deg"), 0.0)
    drawn["artery_deg"] = np.where(touched & artery, drawn.pop("artery_contact_deg"), 0.0)
    has_liver = drawn["liver_metastases"] > 0
    drawn["liver_burden_pct"] = np.where(has_liver, drawn["liver_burden_pct"], 0.0)
    return drawn


def _replace_by_table(drawn: dict[str, Floats], cohort: Cohort, rng: np.random.Generator) -> None:
    """Overwrite columns with whole rows resampled from a centre's table; what it does not hold stays as drawn."""
    rows = rng.integers(0, cohort.n, len(drawn["size_mm"]))
    for name, column in COHORT_COLUMNS.items():
        values = cohort.number(column)[rows]
        drawn[name] = np.where(np.isnan(values), drawn[name], values)
    site = cohort.text("site")[rows]
    drawn["head"] = np.where(site == "", drawn["head"], np.isin(site, HEAD))
    sex = cohort.text("sex")[rows]
    drawn["male"] = np.where(sex == "", drawn["male"], sex == "M")
    drawn["liver_burden_pct"] = np.where(drawn["liver_metastases"] > 0, np.maximum(drawn["liver_burden_pct"], 0.2), 0.0)
    drawn["size_mm"] = np.clip(drawn["size_mm"], 10.0, 200.0)
    drawn["ki67_pct"] = np.clip(drawn["ki67_pct"], 0.5, 90.0)


def add_classes(drawn: dict[str, Floats]) -> None:
    """Add the WHO grade and the resectability class (0, 1, 2)."""
    drawn["grade"] = np.asarray(who_grade(drawn["ki67_pct"]), float)
    contact = np.stack([drawn["vein_deg"], drawn["artery_deg"]], axis=1)
    drawn["resectability"] = resectability_of(contact, drawn["head"] > 0).astype(float)


def resectability_of(contact_deg: Any, head: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Class from ``(..., patient, vessel)`` contacts with SMV and SMA; ``head`` is ``(patient,)``."""
    codes = vessel_codes(VESSELS)
    both = [np.asarray(resectability_code(codes, contact_deg, head=flag)) for flag in (True, False)]
    return np.asarray(np.where(head, both[0], both[1]), np.intp)


def enrol(n: int, rule: Rule, rng: np.random.Generator, cohort: Cohort | None = None) -> Patients:
    """Draw patients until ``n`` pass the eligibility rule.

    Raises
    ------
    InputError
        If hardly anybody passes.
    """
    kept: list[dict[str, Floats]] = []
    found, screened = 0, 0
    while found < n:
        batch = max(200, 2 * n)
        drawn = draw_population(batch, rng)
        if cohort is not None:
            _replace_by_table(drawn, cohort, rng)
        add_classes(drawn)
        passed = np.flatnonzero(rule(drawn))[: n - found]
        # Screening ends with the last patient enrolled.
        screened += int(passed[-1]) + 1 if found + len(passed) == n and len(passed) else batch
        kept.append({name: values[passed] for name, values in drawn.items()})
        found += len(passed)
        if screened > 2000 and found < LEAST_SHARE * screened:
            raise InputError(
                "hardly any virtual patient is eligible",
                expected=f"at least {100 * LEAST_SHARE:g} %",
                found=f"{found} of {screened}",
                where="eligibility",
                remedy="relax the rule or check its units",
            )
    return Patients({name: np.concatenate([part[name] for part in kept]) for name in kept[0]}, screened)
