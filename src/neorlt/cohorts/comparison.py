"""Radioligand therapy then surgery against upfront surgery: weighted, matched and adjusted, with balance shown.

What is compared is what was **planned**, from the baseline scan on, with every patient of both groups: not the operated with
the operated. Propensity scores after Rosenbaum & Rubin 1983; overlap weights Li, Morgan & Zaslavsky 2018,
doi 10.1080/01621459.2016.1260466. Patients who lack a covariate are left out of the complete-case analyses, and imputed in the
one beside them (:mod:`neorlt.cohorts.imputation`). None of this removes confounding by what was not recorded: the E-value says
how strong that would have to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.cohorts.cohort import Cohort
from neorlt.cohorts.hazards import Cox, cox
from neorlt.cohorts.imputation import Pooled, e_value, impute, logistic, nelson_aalen, pool
from neorlt.cohorts.survival import Floats
from neorlt.core.draws import generator
from neorlt.core.errors import InputError

COVARIATES = ("age_y", "male", "log2_size", "log2_ki67", "nodes_positive", "liver_metastases")
CALIPER_SD = 0.2
"""Widest distance of a matched pair, in SD of the logit of the score (Austin 2011, doi 10.1002/pst.433)."""
GOOD_BALANCE = 0.1
FLAGS = frozenset({"male", "nodes_positive", "liver_metastases"})
SOURCES = {"log2_size": "size_before_mm", "log2_ki67": "ki67_before_pct"}
FEWEST = 5
"""Least number of patients of each group in a comparison."""
RARE = 0.15
"""Share of patients with the event up to which a hazard ratio is taken as a risk ratio for the E-value."""
IMPUTATIONS = 20
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


def covariate_interval(cohort: Cohort, name: str) -> tuple[Floats, Floats] | None:
    """Lowest and highest value of a covariate where only an interval is known; None where there is none."""
    source = SOURCES.get(name, name)
    if source not in cohort.intervals:
        return None
    low, high = cohort.bounds(source)
    if name not in SOURCES:
        return low, high
    least = 0.5 if name == "log2_ki67" else 1.0
    return np.log2(np.maximum(low, least)), np.log2(np.maximum(high, least))


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
    if min(treated.sum(), (~treated).sum()) < FEWEST:
        raise InputError(
            "a group is too small to be compared",
            expected="5 or more patients with all covariates in each",
            found=f"{int(treated.sum())} and {int((~treated).sum())}",
            remedy="complete the covariates or compare by counts only",
        )
    z = (x[used] - x[used].mean(axis=0)) / x[used].std(axis=0)
    design = np.column_stack([np.ones(len(used)), z])
    beta, _ = logistic(design, treated.astype(float))
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
    treated, controls = np.flatnonzero(propensity.treated), np.flatnonzero(~propensity.treated)
    controls = controls[np.argsort(logit[controls], kind="stable")]
    ranked, n = logit[controls].tolist(), len(controls)
    # Free controls to the left and right of each place; a taken one points on to the next, so that each look-up is short.
    left, right = list(range(n + 1)), list(range(n + 1))
    order = generator(seed, "cohort", "match").permutation(treated)
    places = np.searchsorted(ranked, logit[order]).tolist()

    def find(chain: list[int], place: int) -> int:
        root = place
        while chain[root] != root:
            root = chain[root]
        while chain[place] != root:
            chain[place], place = root, chain[place]
        return root

    pairs = []
    for i, place in zip(order.tolist(), places, strict=True):
        value = float(logit[i])
        up, down = find(right, place), find(left, place) - 1  # left[k] stands for control k - 1
        choice = min(((abs(ranked[c] - value), c) for c in (down, up) if 0 <= c < n), default=(np.inf, -1))
        if choice[0] <= caliper:
            c = choice[1]
            pairs.append((i, int(controls[c])))
            right[c], left[c + 1] = c + 1, c
    return np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)


def standardised_differences(x: Floats, treated: NDArray[np.bool_], weight: Floats | None = None) -> Floats:
    """Difference of (weighted) means over the unweighted pooled SD."""
    w = np.ones(len(x)) if weight is None else weight
    gap = np.average(x[treated], axis=0, weights=w[treated]) - np.average(x[~treated], axis=0, weights=w[~treated])
    sd = np.sqrt((x[treated].var(axis=0, ddof=1) + x[~treated].var(axis=0, ddof=1)) / 2)
    return np.where(sd > 0, gap / np.maximum(sd, 1e-300), 0.0)


def compare_groups(
    cohort: Cohort, *, seed: int = 1, tau_months: float | None = None, imputations: int = IMPUTATIONS
) -> dict[str, Any]:
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
        "time_zero": "baseline scan",
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
        ratios = {
            "crude": _ratio(time, died, t[:, None].astype(float)),
            "adjusted": _ratio(time, died, np.column_stack([t.astype(float), z])),
            "weighted": _ratio(time, died, t[:, None].astype(float), w),
            "matched": _ratio(time[members], died[members], t[members, None].astype(float), np.ones(len(members)))
            if len(pairs) > 4
            else None,
            "imputed": _imputed_ratio(cohort, ps.names, imputations, seed) if ps.n_missing else None,
        }
        found["hazard_ratio"] = ratios
        if not ps.n_missing:
            found["imputed_reason"] = "no covariate is missing"
        common = float(died.mean()) > RARE
        found["e_value"] = {
            name: {**e_value(r["hazard_ratio"], *r["ci95"], common=common), "event_is_common": common}
            for name, r in ratios.items() if r is not None and name in ("adjusted", "imputed")
        }
        found["rmst_difference_months"] = _rmst_difference(time, died, t, w, tau, seed)
    margin = cohort.text("margin")[ps.used]
    # Who was not resected has no R0; a resected patient without a stated margin is left out.
    judged = np.isnan(cohort.number("surgery_date")[ps.used]) | (margin != "")
    shares = [np.average(margin[arm & judged] == "R0", weights=w[arm & judged]) for arm in (t, ~t) if (arm & judged).any()]
    stated = cohort.has("margin") and len(shares) == 2
    found["r0_of_planned_difference"] = float(shares[0] - shares[1]) if stated else None
    return found


def _imputed_ratio(cohort: Cohort, names: tuple[str, ...], imputations: int, seed: int) -> dict[str, Any] | None:
    """Adjusted hazard ratio with every patient, missing covariates imputed; pooled by Rubin's rules."""
    time, died = cohort.months("baseline_date", "last_date"), cohort.number("died") == 1
    treated = np.asarray(cohort.text("group") == "rlt", float)
    copies = imputed_covariates(cohort, names, time, died, treated, imputations, seed)
    pooled = pooled_cox(time, died, [np.column_stack([treated, *copy]) for copy in copies])
    if pooled is None:
        return None
    low, high = pooled.interval()
    return {"hazard_ratio": float(np.exp(pooled.estimate[0])), "ci95": [float(np.exp(low[0])), float(np.exp(high[0]))],
            "n": cohort.n, "imputations": pooled.m, "missing_information": float(pooled.fmi[0])}


def imputed_covariates(
    cohort: Cohort, names: tuple[str, ...], time: Floats, died: NDArray[np.bool_], exposed: Floats, imputations: int, seed: int,
    members: NDArray[np.intp] | None = None,
) -> list[list[Floats]]:
    """Completed and standardised covariates, one list a copy; the model holds event, cumulative hazard and exposure."""
    rows = np.arange(cohort.n) if members is None else members
    columns = {name: covariate(cohort, name)[rows] for name in names}
    intervals = {}
    for name in names:
        interval = covariate_interval(cohort, name)
        if interval is not None:
            intervals[name] = (interval[0][rows], interval[1][rows])
    auxiliary = np.column_stack([died.astype(float), nelson_aalen(time, died), exposed])
    copies = impute(columns, auxiliary, imputations, seed, flags=FLAGS & set(names), intervals=intervals)
    return [[(v - v.mean()) / (v.std() or 1.0) for v in copy.values()] for copy in copies]


def pooled_cox(time: Floats, died: NDArray[np.bool_], designs: list[Floats], entry: Floats | None = None) -> Pooled | None:
    """Cox fits over imputations, pooled; None where one cannot be fitted."""
    try:
        fits: list[Cox] = []
        for x in designs:
            fits.append(cox(time, died, x, entry=entry, start_at=fits[-1].coefficients if fits else None))
    except InputError:
        return None
    return pool([f.coefficients for f in fits], [np.diag(f.covariance) for f in fits], float(died.sum() - designs[0].shape[1]))


def _ratio(time: Floats, died: NDArray[np.bool_], x: Floats, weight: Floats | None = None) -> dict[str, Any] | None:
    if not died.any() or np.ptp(x[:, 0]) == 0:
        return None
    try:
        fit = cox(time, died, x, weights=weight)
    except InputError:
        return None
    term: dict[str, Any] = fit.as_json()["terms"][0]
    return {"hazard_ratio": term["hazard_ratio"], "ci95": term["ci95"], "n": fit.n}


def _rmst_difference(
    time: Floats, died: NDArray[np.bool_], treated: NDArray[np.bool_], w: Floats, tau: float, seed: int, n_boot: int = 200
) -> dict[str, Any]:
    """Weighted difference of restricted means with a bootstrap interval (weights of the score held fixed)."""
    arms = []
    for arm in (True, False):
        pick = np.flatnonzero(treated == arm)
        pick = pick[np.argsort(time[pick], kind="stable")]
        stop, event, weight = time[pick], died[pick], w[pick]
        times = np.unique(stop[event & (stop < tau)])
        arms.append((pick, weight, times, np.searchsorted(stop, times, side="left"), np.searchsorted(times, stop[event & (stop < tau)]),
                     np.flatnonzero(event & (stop < tau))))

    def difference(counts: Floats) -> float:
        means = []
        for pick, weight, times, first, at, dead in arms:
            now = weight * counts[pick]
            at_risk = np.append(np.cumsum(now[::-1])[::-1], 0.0)[first]
            events = np.bincount(at, weights=now[dead], minlength=len(times))
            with np.errstate(divide="ignore", invalid="ignore"):
                survival = np.cumprod(np.where(at_risk > 0, 1.0 - events / at_risk, 1.0))
            steps = np.diff(np.concatenate([[0.0], times, [tau]]))
            means.append(float(steps @ np.concatenate([[1.0], survival])) if now.sum() > 0 else np.nan)
        return means[0] - means[1]

    rng = generator(seed, "cohort", "rmst")
    n = len(time)
    draws = [difference(np.bincount(rng.integers(0, n, n), minlength=n).astype(float)) for _ in range(n_boot)]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return {"estimate": difference(np.ones(n)), "ci95": [float(low), float(high)], "bootstrap": n_boot}
