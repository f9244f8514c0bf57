"""Radioligand therapy then surgery against upfront surgery: weighted, matched and adjusted, with balance shown.

What is compared is what was **planned**, from the baseline scan on, with every patient of both groups: not the operated with
the operated. Propensity scores after Rosenbaum & Rubin 1983; overlap weights Li, Morgan & Zaslavsky 2018,
doi 10.1080/01621459.2016.1260466. None of this removes confounding by what was not recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.cohorts.hazards import cox
from neorlt.cohorts.reading import Cohort
from neorlt.cohorts.survival import Floats, kaplan_meier
from neorlt.core.draws import generator
from neorlt.core.errors import InputError

COVARIATES = ("age_y", "male", "log2_size", "log2_ki67", "nodes_positive", "liver_metastases")
CALIPER_SD = 0.2
"""Widest distance of a matched pair, in SD of the logit of the score (Austin 2011, doi 10.1002/pst.433)."""
GOOD_BALANCE = 0.1
CAUTION = "Not randomised: what was not recorded is not balanced, so no difference here is shown to be caused by the treatment."


@dataclass(frozen=True)
class Propensity:
    """Who got radioligand therapy given the covariates; only patients with all covariates are ``used``."""

    names: tuple[str, ...]
    covariates: Floats
    treated: NDArray[np.bool_]
    score: Floats
    used: NDArray[np.intp]
    n_missing: int


def covariate(cohort: Cohort, name: str) -> Floats:
    """A covariate column; ``male``, ``log2_size`` and ``log2_ki67`` are made from theirs (sizes and Ki-67 are skewed)."""
    if name == "male":
        sex = cohort.text("sex")
        return np.where(sex == "", np.nan, (sex == "M").astype(float))
    if name == "log2_size":
        return np.log2(cohort.number("size_before_mm"))
    if name == "log2_ki67":
        return np.log2(np.maximum(cohort.number("ki67_before_pct"), 0.5))
    return cohort.number(name)


def fit_propensity(cohort: Cohort, names: tuple[str, ...] = COVARIATES) -> Propensity:
    """Logistic regression of the group on the covariates that the table has and that vary.

    Raises
    ------
    InputError
        If a group or every covariate is missing, or the covariates separate the groups.
    """
    columns = {name: covariate(cohort, name) for name in names}
    usable = tuple(n for n, v in columns.items() if np.isfinite(v).any() and np.nanstd(v) > 0)
    if not usable:
        raise InputError("no covariate to compare by", expected=", ".join(names), remedy="add baseline columns to the table")
    x = np.stack([columns[n] for n in usable], axis=1)
    complete = np.all(np.isfinite(x), axis=1)
    used = np.flatnonzero(complete)
    treated = np.asarray(cohort.text("group")[used] == "rlt", bool)
    if min(treated.sum(), (~treated).sum()) < 5:
        raise InputError(
            "a group is too small to be compared",
            expected="5 or more patients with all covariates in each",
            found=f"{int(treated.sum())} and {int((~treated).sum())}",
            remedy="complete the covariates or compare by counts only",
        )
    z = (x[used] - x[used].mean(axis=0)) / x[used].std(axis=0)
    design = np.column_stack([np.ones(len(used)), z])
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-design @ beta))
        # A ridge of 1e-6 keeps the step finite; it does not show in the score.
        information = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(design.shape[1])
        move = np.linalg.solve(information, design.T @ (treated - p) - 1e-6 * beta)
        beta = beta + move
        if np.max(np.abs(move)) < 1e-10:
            break
    score = 1.0 / (1.0 + np.exp(-design @ beta))
    if np.min(score[treated]) > np.max(score[~treated]):
        raise InputError("the covariates separate the groups", remedy="there is no overlap: these groups cannot be compared")
    return Propensity(usable, x[used], treated, score, used, int((~complete).sum()))


def weights(propensity: Propensity, target: Literal["overlap", "att", "ate"] = "overlap") -> Floats:
    """Weights that balance the groups for a target population."""
    e, t = propensity.score, propensity.treated
    if target == "overlap":
        return np.where(t, 1 - e, e)
    if target == "att":
        return np.where(t, 1.0, e / (1 - e))
    return np.where(t, 1 / e, 1 / (1 - e))


def match(propensity: Propensity, seed: int = 1) -> NDArray[np.intp]:
    """Pairs ``(pair, 2)`` of (treated, control), 1:1 without replacement, nearest first within the caliper, in random order."""
    logit = np.log(propensity.score / (1 - propensity.score))
    caliper = CALIPER_SD * logit.std()
    treated, free = np.flatnonzero(propensity.treated), set(np.flatnonzero(~propensity.treated).tolist())
    pairs = []
    for i in generator(seed, "cohort", "match").permutation(treated):
        if not free:
            break
        j = min(free, key=lambda c: (abs(logit[c] - logit[i]), c))
        if abs(logit[j] - logit[i]) <= caliper:
            pairs.append((int(i), int(j)))
            free.discard(j)
    return np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)


def standardised_differences(x: Floats, treated: NDArray[np.bool_], weight: Floats | None = None) -> Floats:
    """Difference of (weighted) means over the unweighted pooled SD."""
    w = np.ones(len(x)) if weight is None else weight
    gap = np.average(x[treated], axis=0, weights=w[treated]) - np.average(x[~treated], axis=0, weights=w[~treated])
    sd = np.sqrt((x[treated].var(axis=0, ddof=1) + x[~treated].var(axis=0, ddof=1)) / 2)
    return np.where(sd > 0, gap / np.maximum(sd, 1e-300), 0.0)


def compare_groups(cohort: Cohort, *, seed: int = 1, tau_months: float | None = None) -> dict[str, Any]:
    """All comparisons of the planned treatments, from baseline to death.

    Raises
    ------
    InputError
        If the groups cannot be compared (see :func:`fit_propensity`).
    """
    ps = fit_propensity(cohort)
    time = cohort.months("baseline_date", "last_date")[ps.used]
    died = cohort.number("died")[ps.used] == 1
    t = ps.treated
    w = weights(ps)
    pairs = match(ps, seed)
    members = pairs.ravel()
    tau = float(np.floor(min(time[t].max(), time[~t].max()))) if tau_months is None else tau_months
    balance = {
        "names": list(ps.names),
        "before": standardised_differences(ps.covariates, t).tolist(),
        "weighted": standardised_differences(ps.covariates, t, w).tolist(),
        "matched": standardised_differences(ps.covariates[members], t[members]).tolist() if len(pairs) > 1 else None,
    }
    worst = float(np.max(np.abs(balance["weighted"])))
    found: dict[str, Any] = {
        "n_rlt": int(t.sum()),
        "n_upfront": int((~t).sum()),
        "n_without_covariates": ps.n_missing,
        "n_pairs": len(pairs),
        "effective_n": float(w.sum() ** 2 / np.sum(w**2)),
        "balance": balance,
        "worst_weighted_difference": worst,
        "balanced": worst <= GOOD_BALANCE,
        "caution": CAUTION,
        "tau_months": tau,
    }
    if died.any():
        z = (ps.covariates - ps.covariates.mean(axis=0)) / ps.covariates.std(axis=0)
        found["hazard_ratio"] = {
            "crude": _ratio(time, died, t[:, None].astype(float)),
            "adjusted": _ratio(time, died, np.column_stack([t.astype(float), z])),
            "weighted": _ratio(time, died, t[:, None].astype(float), w),
            "matched": _ratio(time[members], died[members], t[members, None].astype(float), np.ones(len(members)))
            if len(pairs) > 4
            else None,
        }
        found["rmst_difference_months"] = _rmst_difference(time, died, t, w, tau, seed)
    r0 = cohort.text("margin")[ps.used] == "R0"
    found["r0_of_planned_difference"] = float(np.average(r0[t], weights=w[t]) - np.average(r0[~t], weights=w[~t]))
    return found


def _ratio(time: Floats, died: NDArray[np.bool_], x: Floats, weight: Floats | None = None) -> dict[str, Any] | None:
    if not died.any() or np.ptp(x[:, 0]) == 0:
        return None
    try:
        fit = cox(time, died, x, weights=weight)
    except InputError:
        return None
    term: dict[str, Any] = fit.as_json()["terms"][0]
    return {"hazard_ratio": term["hazard_ratio"], "ci95": term["ci95"]}


def _rmst_difference(
    time: Floats, died: NDArray[np.bool_], treated: NDArray[np.bool_], w: Floats, tau: float, seed: int, n_boot: int = 200
) -> dict[str, Any]:
    """Weighted difference of restricted means with a bootstrap interval."""

    def difference(index: NDArray[np.intp]) -> float:
        parts = []
        for arm in (True, False):
            pick = index[treated[index] == arm]
            parts.append(kaplan_meier(time[pick], died[pick], w[pick]).rmst(tau)[0] if len(pick) else np.nan)
        return parts[0] - parts[1]

    rng = generator(seed, "cohort", "rmst")
    n = len(time)
    draws = np.array([difference(rng.integers(0, n, n)) for _ in range(n_boot)])
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return {"estimate": difference(np.arange(n)), "ci95": [float(low), float(high)], "bootstrap": n_boot}
