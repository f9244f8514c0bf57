"""Every estimate against R (survival, cmprsk, mice; tools/cohorts/make_survival_reference.R) and against lifelines."""

import csv
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.cohorts.hazards import Cox, cox, proportional_hazards_check
from neorlt.cohorts.survival import KaplanMeier, aalen_johansen, kaplan_meier, logrank, reverse_kaplan_meier
from neorlt.core.errors import InputError

FOLDER = Path(__file__).parents[1] / "data" / "cohorts"
OLDER = Path(__file__).parents[1] / "data" / "reference" / "trials"


def table(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {key: np.array([float(row[key]) if row[key] not in ("NA", "") else np.nan for row in rows]) for key in rows[0]}


VET, PBC, HEART, LUNG = (table(FOLDER / f"{name}.csv") for name in ("vet", "pb", "ht", "lu"))
with (FOLDER / "reference.csv").open(encoding="utf-8") as stream:
    R = {(row["topic"], row["quantity"]): float(row["value"].replace("NA", "nan")) for row in csv.DictReader(stream)}


def of(topic: str) -> dict[str, float]:
    return {quantity: value for (name, quantity), value in R.items() if name == topic}


def close(found: float | None, expected: float) -> None:
    if math.isnan(expected):
        assert found is None or math.isnan(found)
    else:
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


CURVES = {
    "vet": kaplan_meier(VET["time"], VET["event"]),
    "pbc": kaplan_meier(PBC["time"], PBC["status"] == 2),
    "entry": kaplan_meier(LUNG["time"], LUNG["event"], entry=LUNG["entry"]),
}


@pytest.mark.parametrize("data", sorted(CURVES))
@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
def test_kaplan_meier_matches_r_survfit(data: str, kind: str) -> None:
    km: KaplanMeier = CURVES[data]
    expected = of(f"km_{data}_{kind}")
    assert expected
    low, high = km.median_interval(kind)  # type: ignore[arg-type]
    close(km.median(), expected.pop("median"))
    close(low, expected.pop("median_low"))
    close(high, expected.pop("median_high"))
    for quantity, value in expected.items():
        what, _, day = quantity.partition("_")
        when = float(day)
        k = int(np.searchsorted(km.time, when, side="right")) - 1
        ends = km.interval(when, kind)  # type: ignore[arg-type]
        close({"S": km.at(when), "se": km.survival[k] * math.sqrt(km.variance[k]), "low": ends[0], "high": ends[1]}[what], value)


def test_restricted_mean_and_log_rank_match_r() -> None:
    mean, se = CURVES["vet"].rmst(200)
    close(mean, R["rmst_vet_200", "rmst"])
    close(se, R["rmst_vet_200", "se"])
    close(logrank(VET["time"], VET["event"], VET["trt"])[0], R["logrank_vet_rho0", "chi2"])
    close(logrank(PBC["month"], PBC["status"] == 2, PBC["trt"])[0], R["logrank_pbc_ties", "chi2"])


PBC_X = np.column_stack([PBC["trt"], PBC["age"], np.log(PBC["bili"]), PBC["albumin"]])
MODELS = {
    "cox_vet": (VET["time"], VET["event"], np.column_stack([VET["trt"], VET["karno"], VET["age"]]), ("trt", "karno", "age"), {}),
    "cox_pbc": (PBC["month"], PBC["status"] == 2, PBC_X, ("trt", "age", "log(bili)", "albumin"), {}),
    "cox_entry": (LUNG["time"], LUNG["event"], np.column_stack([LUNG["sex"], LUNG["ecog"]]), ("sex", "ecog"), {"entry": LUNG["entry"]}),
    "cox_heart": (
        HEART["stop"], HEART["event"], np.column_stack([HEART["age"], HEART["surgery"], HEART["transplant"]]),
        ("age", "surgery", "transplant"), {"entry": HEART["start"]},
    ),
}


def compare(fit: Cox, topic: str) -> None:
    expected = of(topic)
    assert expected
    for name, b, se in zip(fit.names, fit.coefficients, fit.standard_errors, strict=True):
        close(float(b), expected[f"coef_{name}"])
        close(float(se), expected[f"se_{name}"])
    close(fit.log_likelihood, expected["loglik"])


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_matches_r_coxph(model: str, ties: str) -> None:
    time, event, x, names, options = MODELS[model]
    compare(cox(time, event, x, names, ties=ties, **options), f"{model}_{ties}")  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["cox_vet", "cox_pbc", "cox_heart"])
@pytest.mark.parametrize("transform", ["km", "identity"])
def test_proportional_hazards_match_r_cox_zph(model: str, transform: str) -> None:
    time, event, x, names, options = MODELS[model]
    fit = cox(time, event, x, names, **options)
    found = proportional_hazards_check(time, event, x, fit, transform=transform, **options)  # type: ignore[arg-type]
    for quantity, value in of(f"{model}_efron_zph_{transform}").items():
        close(found[quantity.removeprefix("chi2_")][0], value)


def test_robust_variances_match_r() -> None:
    x = np.column_stack([VET["trt"], VET["karno"]])
    compare(cox(VET["time"], VET["event"], x, ("trt", "karno"), weights=VET["weight"]), "cox_weighted_robust")
    x = np.column_stack([PBC["trt"], PBC["age"]])
    compare(cox(PBC["month"], PBC["status"] == 2, x, ("trt", "age"), robust=True), "cox_ties_robust")
    time, event, x, names, options = MODELS["cox_heart"]
    compare(cox(time, event, x, names, cluster=HEART["id"], **options), "cox_heart_cluster")


@pytest.mark.parametrize("unit", ["time", "month"])
def test_aalen_johansen_matches_r_with_and_without_ties(unit: str) -> None:
    fit = aalen_johansen(PBC[unit], PBC["status"].astype(int), ("transplant", "death"))
    for quantity, value in of(f"aj_{unit}").items():
        se, name = quantity.startswith("se_"), quantity.removeprefix("se_")
        cause, _, when = name.rpartition("_")
        close(fit.standard_error(cause, float(when)) if se else fit.at(cause, float(when)), value)
    for quantity, value in of(f"cuminc_{unit}").items():
        if not quantity.startswith("var"):
            cause, _, when = quantity.rpartition("_")
            close(fit.at(cause, float(when)), value)


def test_what_lifelines_gives_where_it_agrees_and_where_not() -> None:
    import pandas as pd
    from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter

    frame = pd.DataFrame({k: VET[k] for k in ("time", "event", "trt", "karno", "age")})
    theirs = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-10})
    time, event, x, names, _ = MODELS["cox_vet"]
    assert cox(time, event, x, names).coefficients == pytest.approx(theirs.params_.to_numpy(), rel=1e-5)  # it stops there
    # A curve that rests on one half from 2 to 5: R's median is 3.5.
    rest = KaplanMeierFitter().fit([1, 2, 5, 6], [1, 1, 1, 1])
    assert rest.median_survival_time_ == 2
    assert kaplan_meier([1, 2, 5, 6], [1, 1, 1, 1]).median() == 3.5
    seeds = []
    for seed in (1, 2):
        np.random.seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it moves ties apart
            fitted = AalenJohansenFitter().fit(PBC["month"], PBC["status"].astype(int), event_of_interest=2)
        seeds.append(float(fitted.cumulative_density_.iloc[-1, 0]))
    assert seeds[0] != seeds[1]


def test_an_interval_that_ends_as_another_starts_counts_once() -> None:
    """Against the partial likelihood written out: who is at risk at an event started before it and had not ended before it."""
    stop = np.array([5.0, 9.0, 5.0, 8.0, 5.0, 12.0, 9.0])
    start = np.array([0.0, 5.0, 0.0, 0.0, 0.0, 5.0, 0.0])
    event = np.array([False, True, True, True, False, False, True])
    operated = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    fit = cox(stop, event, operated, entry=start, ties="breslow")

    def by_definition(beta: float) -> float:
        total = 0.0
        for i in np.flatnonzero(event):
            at_risk = (start < stop[i]) & (stop >= stop[i])
            total += beta * operated[i] - math.log(np.exp(beta * operated[at_risk]).sum())
        return total

    beta = float(fit.coefficients[0])
    assert fit.log_likelihood == pytest.approx(by_definition(beta))
    assert by_definition(beta) > max(by_definition(beta - 1e-3), by_definition(beta + 1e-3))
    with pytest.raises(InputError, match="length zero"):
        cox([5.0, 5.0], [True, False], [0.0, 1.0], entry=[0.0, 5.0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2)), min_size=2, max_size=40))
def test_incidences_and_survival_add_up_to_one(rows: list[tuple[int, int]]) -> None:
    time, cause = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    fit = aalen_johansen(time, cause, ("a", "b"))
    km = kaplan_meier(time, cause > 0)
    for when in (0.5, 3.0, 12.0):
        assert fit.at("a", when) + fit.at("b", when) + km.at(when) == pytest.approx(1.0)
        low, high = fit.interval("a", when)
        assert 0.0 <= low <= fit.at("a", when) <= high <= 1.0
    if (cause == 1).all():
        assert fit.at("a", 12.0) == pytest.approx(1.0 - km.at(12.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_splitting_an_interval_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event, x = rng.integers(2, 12, 30).astype(float), rng.random(30) < 0.6, rng.normal(size=30)
    if not event.any():
        return
    whole = cox(time, event, x)
    cut = time / 2
    split = cox(np.r_[cut, time], np.r_[np.zeros(30, bool), event], np.r_[x, x], entry=np.r_[np.zeros(30), cut], cluster=np.r_[:30, :30])
    assert split.coefficients == pytest.approx(whole.coefficients, rel=1e-7, abs=1e-9)
    assert split.covariance == pytest.approx(cox(time, event, x, robust=True).covariance, rel=1e-6)


def test_unusable_input_is_refused() -> None:
    with pytest.raises(InputError, match="times"):
        kaplan_meier([1.0, np.nan], [True, False])
    with pytest.raises(InputError, match="events"):
        cox([1.0, 2.0], [False, False], [0.0, 1.0])
    with pytest.raises(InputError, match="separates"):
        cox([1.0, 2.0, 3.0, 4.0], [True, True, False, False], [1.0, 1.0, 0.0, 0.0])
    with pytest.raises(InputError, match="separates"):  # one event, in the one who differs
        cox([1.0, 2.0, 2.0, 2.0], [True, False, False, False], [1.0, 0.0, 0.0, 0.0])
    with pytest.raises(InputError, match="x0 the same in all"):
        cox([1.0, 2.0], [True, True], [1.0, 1.0])
    with pytest.raises(InputError, match="two groups"):
        logrank([1.0, 2.0], [True, True], [0, 0])


def test_follow_up_and_the_older_reference_on_lung() -> None:
    data = table(OLDER / "lung_survival_data.csv")
    with (OLDER / "design_and_survival.csv").open(encoding="utf-8") as stream:
        older = {(r["topic"], r["case"], r["quantity"]): float(r["value"]) for r in csv.DictReader(stream) if "lung" in r["topic"]}
    km = kaplan_meier(data["time"], data["ev"])
    close(reverse_kaplan_meier(data["time"], data["ev"]).median(), older["reverse_km_lung", "followup", "median"])
    close(km.median(), older["km_lung", "all", "median"])
    close(km.rmst(365)[0], older["rmst_lung", "tau365", "rmst"])
    for ties in ("efron", "breslow"):
        fit = cox(data["time"], data["ev"], np.stack([data["age"], data["sex"]], axis=1), ("age", "sex"), ties=ties)  # type: ignore[arg-type]
        for name, b, se in zip(fit.names, fit.coefficients, fit.standard_errors, strict=True):
            close(float(b), older["cox_lung", ties, f"coef_{name}"])
            close(float(se), older["cox_lung", ties, f"se_{name}"])


@pytest.mark.parametrize(("time", "event", "median", "rests"), [
    # R 4.x, survival 3.x: survfit(Surv(time, event) ~ 1) by its own rule, worked by hand on the curve.
    ([1, 2, 3, 4], [1, 1, 1, 1], 2.5, (2, 3)),  # S = 0.75, 0.50, 0.25, 0: lies at one half from 2 to 3
    ([1, 2, 3, 4], [1, 1, 0, 1], 3.0, (2, 4)),  # the censoring at 3 ends no stretch
    ([1, 2, 3, 4], [1, 1, 0, 0], 2.0, None),  # at one half to the end: the time itself
    ([1, 2, 3], [1, 1, 1], 2.0, None),  # 0.67, 0.33: never at one half
    ([2, 2, 5, 5, 9, 9], [1, 0, 1, 1, 1, 1], 5.0, None),
    ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1] * 10, 5.5, (5, 6)),  # 0.9 · 8/9 · … is one half but for rounding
    ([4, 4, 7, 7], [1, 1, 1, 1], 5.5, (4, 7)),
])
def test_median_where_the_curve_rests_at_one_half_is_that_of_r(time, event, median, rests):
    km = kaplan_meier(time, event)
    assert km.median() == pytest.approx(median)
    assert km.rests_at_half() == (None if rests is None else pytest.approx(rests))
    weighted = kaplan_meier(time, event, np.full(len(time), 0.3))
    assert weighted.median() == pytest.approx(median)
    assert reverse_kaplan_meier(time, 1 - np.array(event)).median() == pytest.approx(median)


def test_a_report_says_where_a_curve_rests_at_one_half():
    from neorlt.reporting.views.cohort import time_rows

    group = {"n": 4, "events": 4, "median_months": 2.5, "median_ci95": [1.0, None], "median_rests_months": [2.0, 3.0],
             "median_follow_up_months": None}
    rows = time_rows({"survival": {"time_zero": "baseline scan", "groups": {"rlt": group}}})
    assert rows[0][3] == "2.5 (1.0 to not reached); the curve rests at one half from 2.0 to 3.0"


def test_every_median_of_a_sample_is_that_of_r(tmp_path):
    # Four values: R gives 2.5 and quartiles 1.75 and 3.25 (type 7); evidence weighs printed medians by patients.
    from neorlt.cohorts.analysis import table_one
    from neorlt.cohorts.reading import read_cohort
    from neorlt.evidence.pooling.summaries import Median, median_of_medians

    head = "patient_id,group,baseline_date,last_date,died,age_y"
    rows = [f"P{a},rlt,2020-01-01,2021-01-01,no,{a}" for a in (64, 61, 63, 62)]
    (tmp_path / "t.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    found = next(row for row in table_one(read_cohort(tmp_path / "t.csv")) if row["name"] == "age_y")["groups"]["rlt"]
    assert found["median"] == 62.5
    assert found["quartiles"] == pytest.approx([61.75, 63.25])
    assert median_of_medians([Median(str(i), float(i), 10) for i in (1, 2, 3, 4)])["median"] == 2.5
