import csv
from pathlib import Path

import numpy as np
import pytest

from neorlt.cohorts.survival import concordance, cox, kaplan_meier, logrank, reverse_kaplan_meier, weibull
from neorlt.core.errors import InputError

FOLDER = Path(__file__).parents[1] / "data" / "reference" / "trials"


def reference() -> dict[tuple[str, str, str], float]:
    with (FOLDER / "design_and_survival.csv").open(encoding="utf-8") as stream:
        return {(r["topic"], r["case"], r["quantity"]): float(r["value"]) for r in csv.DictReader(stream) if "lung" in r["topic"]}


def lung() -> dict[str, np.ndarray]:
    with (FOLDER / "lung_survival_data.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}


def ours() -> dict[tuple[str, str, str], float | None]:
    data = lung()
    time, event = data["time"], data["ev"]
    km = kaplan_meier(time, event)
    low, high = km.median_interval("log")
    found: dict[tuple[str, str, str], float | None] = {
        ("km_lung", "all", "median"): km.median(),
        ("km_lung", "all", "median_lcl_log"): low,
        ("km_lung", "all", "median_ucl_log"): high,
        ("logrank_lung", "sex", "chisq"): logrank(time, event, data["sex"])[0],
        ("peto_lung", "sex_rho1", "chisq"): logrank(time, event, data["sex"], 1.0)[0],
        ("reverse_km_lung", "followup", "median"): reverse_kaplan_meier(time, event).median(),
    }
    for kind in ("log", "log-log", "plain"):
        for day in (180, 365, 730):
            found["km_lung", kind, f"S_{day}"] = km.at(day)
            found["km_lung", kind, f"lcl_{day}"], found["km_lung", kind, f"ucl_{day}"] = km.interval(day, kind)  # type: ignore[arg-type]
    x = np.stack([data["age"], data["sex"]], axis=1)
    for ties in ("efron", "breslow"):
        fit = cox(time, event, x, ("age", "sex"), ties=ties)  # type: ignore[arg-type]
        for name, b, se in zip(fit.names, fit.coefficients, fit.standard_errors, strict=True):
            found["cox_lung", ties, f"coef_{name}"], found["cox_lung", ties, f"se_{name}"] = float(b), float(se)
        found["cox_lung", ties, "loglik"] = fit.log_likelihood
        found["cox_lung", ties, "concordance"] = concordance(time, event, x @ fit.coefficients)
    found["rmst_lung", "tau365", "rmst"], found["rmst_lung", "tau365", "se"] = km.rmst(365)
    for name, value in zip(("intercept", "scale", "loglik"), weibull(time, event), strict=True):
        found["weibull_lung", "survreg", name] = value
    return found


OURS, R = ours(), reference()


@pytest.mark.parametrize("key", sorted(R), ids="-".join)
def test_lung_data_match_r(key: tuple[str, str, str]) -> None:
    assert OURS[key] == pytest.approx(R[key], rel=1e-7)


def test_ours_agree_with_lifelines_on_entry_times_and_weights() -> None:
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter

    rng = np.random.default_rng(1)
    n = 200
    x = rng.normal(size=(n, 2))
    time = rng.exponential(1 / (0.1 * np.exp(x @ [0.5, -0.3]))) + 0.05
    entry = rng.uniform(0, 0.5, n) * time
    event = rng.random(n) < 0.8
    w = rng.integers(1, 4, n).astype(float)
    frame = pd.DataFrame({"t": time, "e": event, "a": x[:, 0], "b": x[:, 1], "entry": entry, "w": w})
    them = CoxPHFitter().fit(frame.drop(columns="w"), "t", "e", entry_col="entry")
    us = cox(time, event, x, entry=entry)
    assert us.coefficients == pytest.approx(them.params_.to_numpy(), abs=2e-5)
    assert us.standard_errors == pytest.approx(them.standard_errors_.to_numpy(), rel=1e-4)
    robust = CoxPHFitter().fit(frame.drop(columns="entry"), "t", "e", weights_col="w", robust=True)
    ours = cox(time, event, x, weights=w)
    assert ours.coefficients == pytest.approx(robust.params_.to_numpy(), abs=2e-5)
    assert ours.standard_errors == pytest.approx(robust.standard_errors_.to_numpy(), rel=1e-3)
    km = KaplanMeierFitter().fit(time, event, weights=w)
    for when in (1.0, 5.0, 15.0):
        assert kaplan_meier(time, event, w).at(when) == pytest.approx(float(km.predict(when)), abs=1e-9)


def test_splitting_a_patient_at_any_time_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    x, time, event = rng.normal(size=60), rng.exponential(5, 60), rng.random(60) < 0.7
    whole = cox(time, event, x)
    cut = time * rng.uniform(0.2, 0.8, 60)
    split = cox(
        np.concatenate([cut, time]),
        np.concatenate([np.zeros(60, bool), event]),
        np.concatenate([x, x]),
        entry=np.concatenate([np.zeros(60) - 1, cut]),
    )
    assert split.coefficients == pytest.approx(whole.coefficients, abs=1e-8)
    assert split.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-8)


def test_restricted_mean_without_censoring_is_the_mean() -> None:
    rng = np.random.default_rng(3)
    time = rng.exponential(10, 80)
    mean, se = kaplan_meier(time, np.ones(80, bool)).rmst(12.0)
    assert mean == pytest.approx(np.minimum(time, 12.0).mean(), rel=1e-12)
    assert se == pytest.approx(np.minimum(time, 12.0).std() / np.sqrt(80), rel=0.02)


def test_wrong_times_and_separated_covariates_are_refused() -> None:
    with pytest.raises(InputError, match="times"):
        kaplan_meier([1.0, -1.0], [1, 1])
    with pytest.raises(InputError, match="times"):
        kaplan_meier([1.0, np.nan], [1, 1])
    with pytest.raises(InputError, match="cannot be fitted"):
        cox([1.0, 2.0], [0, 0], [0.0, 1.0])
    with pytest.raises(InputError, match="separates"):
        cox(np.arange(1.0, 21.0), [1] * 10 + [0] * 10, [1.0] * 10 + [0.0] * 10)
    with pytest.raises(InputError, match="two groups"):
        logrank([1.0, 2.0], [1, 1], [0, 0])
