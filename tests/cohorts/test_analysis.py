import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from neorlt.cohorts.comparison import fit_propensity, match, standardised_differences, weights
from neorlt.cohorts.exports import read_redcap, read_sdtm, sdtm_sums
from neorlt.cohorts.immortal import surgery_analysis
from neorlt.cohorts.rates import exact_interval, response
from neorlt.cohorts.reading import TableError, read_cohort
from neorlt.core.errors import InputError
from neorlt.core.tables import read_bytes, read_json
from neorlt.jobs.cohort import cohort_command
from neorlt.reporting.views.cohort import characteristic


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cohort") / "synthetic.csv"
    path.write_bytes(read_bytes("cohorts", "synthetic_cohort.csv"))
    return path


@pytest.fixture(scope="module")
def analysed(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("cohort") / "out"
    return cohort_command(table, out), out


def test_command_writes_what_it_returns(analysed: tuple[dict[str, Any], Path]) -> None:
    document, out = analysed
    assert {"n", "response", "downstaging", "downgrading", "surgery", "survival"} <= set(document)
    written = json.loads((out / "cohort.json").read_text(encoding="utf-8"))
    assert written["survival"] == document["survival"]
    assert sorted(p.name for p in out.iterdir()) == ["cohort.json", "report.html", "run.json"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert all(f'id="{name}-t"' in page for name in document["figures"])
    assert {"flow", "survival-overall_survival", "incidence-progression_free_survival", "forest", "swimmer"} <= set(document["figures"])
    assert document["n"] == document["groups"]["rlt"] + document["groups"]["upfront_surgery"]


def test_nothing_is_missing_of_a_treatment_that_was_not_given(analysed: tuple[dict[str, Any], Path]) -> None:
    document, _ = analysed
    rows = {row["name"]: row["groups"] for row in document["table_one"]}
    assert {characteristic(rows[name]["upfront_surgery"]) for name in ("cycles", "activity_gbq")} == {"–"}
    assert characteristic(rows["cycles"]["rlt"]).startswith("4 (")


def test_the_built_in_effect_is_recovered(analysed: tuple[dict[str, Any], Path]) -> None:
    truth = read_json("cohorts", "synthetic_truth.json")["hazard_ratio_rlt_conditional"]
    ratios = analysed[0]["comparison"]["hazard_ratio"]
    low, high = ratios["adjusted"]["ci95"]
    assert low < truth < high
    low, _ = ratios["crude"]["ci95"]
    assert truth < low, "the crude comparison is confounded by construction"


def test_immortal_time_shows_in_the_naive_comparison_only(analysed: tuple[dict[str, Any], Path]) -> None:
    truth = read_json("cohorts", "synthetic_truth.json")["hazard_ratio_surgery_within_rlt"]
    found = analysed[0]["surgery_effect"]
    assert found["naive"]["ci95"][1] < truth
    for way in (found["time_varying"], found["landmark"]["fit"]):
        assert way["ci95"][0] < truth < way["ci95"][1]
    assert any("immortal" in w for w in analysed[0]["warnings"])
    landmark = found["landmark"]
    assert landmark["n"] + landmark["left_out_died_or_lost_before"] == found["n"]


def test_weights_balance_and_pairs_hold_the_caliper(table: Path) -> None:
    cohort = read_cohort(table)
    ps = fit_propensity(cohort)
    before = np.abs(standardised_differences(ps.covariates, ps.treated))
    after = np.abs(standardised_differences(ps.covariates, ps.treated, weights(ps)))
    assert before.max() > 0.3
    assert after.max() < 1e-6  # overlap weights balance means exactly
    assert np.abs(standardised_differences(ps.covariates, ps.treated, weights(ps, "att"))).max() < 0.1
    pairs = match(ps)
    logit = np.log(ps.score / (1 - ps.score))
    assert ps.treated[pairs[:, 0]].all()
    assert not ps.treated[pairs[:, 1]].any()
    assert len(np.unique(pairs)) == pairs.size
    assert np.abs(logit[pairs[:, 0]] - logit[pairs[:, 1]]).max() <= 0.2 * logit.std() + 1e-12
    assert np.array_equal(match(ps, 1), match(ps, 1))


def test_time_varying_analysis_is_unbiased_over_many_null_cohorts(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    naive, honest = [], []
    for _ in range(12):
        n = 150
        death, cut = rng.exponential(30, n), rng.uniform(4, 14, n)
        wants = rng.random(n) < 0.6
        end = np.minimum(death, 60.0)
        rows = ["patient_id,group,baseline_date,surgery_date,last_date,died"]
        for i in range(n):
            day = [str(np.datetime64("2015-01-01") + int(m * 30.4375)) for m in (0.0, cut[i], end[i])]
            rows.append(f"P{i},rlt,{day[0]},{day[1] if wants[i] and cut[i] < end[i] else ''},{day[2]},{'yes' if death[i] <= 60 else 'no'}")
        path = tmp_path / "t.csv"
        path.write_text("\n".join(rows), encoding="utf-8")
        found = surgery_analysis(read_cohort(path))
        assert found is not None
        naive.append(np.log(found["naive"]["hazard_ratio"]))
        honest.append(np.log(found["time_varying"]["hazard_ratio"]))
    assert np.mean(naive) < -0.3
    assert abs(np.mean(honest)) < 3 * np.std(honest, ddof=1) / np.sqrt(12)


@pytest.mark.parametrize(("x", "n"), [(0, 23), (4, 23), (5, 13), (31, 31), (15, 57)])
def test_exact_intervals_are_clopper_pearson(x: int, n: int) -> None:
    them = binomtest(x, n).proportion_ci(method="exact")
    assert exact_interval(x, n) == pytest.approx((them.low, them.high), abs=1e-10)


def test_response_keeps_every_planned_patient_in_the_denominator(tmp_path: Path) -> None:
    header = "patient_id,group,baseline_date,last_date,died,sum_before_mm,fu1_date,fu1_sum_mm,fu1_new_lesion,fu2_date,fu2_sum_mm"
    rows = [
        "A,rlt,2020-01-01,2021-01-01,no,100,2020-04-01,65,no,2020-07-01,70",
        "B,rlt,2020-01-01,2021-01-01,no,20,2020-04-01,24,no,2020-07-01,24",
        "C,rlt,2020-01-01,2021-01-01,no,50,2020-04-01,0,yes,,",
        "D,rlt,2020-01-01,2021-01-01,no,50,,,,,",
        "E,upfront_surgery,2020-01-01,2021-01-01,no,50,,,,,",
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    found = response(read_cohort(path))
    assert found is not None
    assert found["counts"] == {"CR": 0, "PR": 1, "SD": 1, "PD": 1, "NE": 1}
    assert found["objective_response"]["events"] == 1
    assert found["objective_response"]["total"] == 4
    assert [row["patient"] for row in found["waterfall"]] == ["B", "A", "C"]
    confirmed = response(read_cohort(path), confirm=True)
    assert confirmed is not None
    assert confirmed["objective_response"]["events"] == 1  # -30 % again 3 months later


def test_parts_without_columns_say_why(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("patient_id,group,baseline_date,last_date,died\nA,rlt,2020-01-01,2021-01-01,no\nB,rlt,2020-01-01,2021-06-01,yes\n")
    found = cohort_command(path, tmp_path / "out")
    assert found["response"] is None
    assert "sum_before_mm" in found["reasons"]["response"]
    assert found["comparison"] is None
    assert found["reasons"]["comparison"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_sdtm_domains_are_read(tmp_path: Path) -> None:
    dm = write(
        tmp_path / "dm.csv",
        "USUBJID,AGE,SEX,ARM,RFSTDTC,RFENDTC,DTHFL\nS1,60,F,A,2020-01-01,2021-01-01,Y\nS2,50,M,B,2020-01-01,2021-01-01,\n",
    )
    tu = write(tmp_path / "tu.csv", "USUBJID,TULNKID,TUORRES\nS1,T1,TARGET\nS1,T2,TARGET\nS1,NT1,NON-TARGET\n")
    tr = write(
        tmp_path / "tr.csv",
        "USUBJID,TRLNKID,TRTESTCD,TRSTRESN,TRSTRESU,TRDTC\n"
        "S1,T1,LDIAM,40,mm,2020-01-01\nS1,T2,SAXIS,1.6,cm,2020-01-01\nS1,NT1,LDIAM,99,mm,2020-01-01\n"
        "S1,T1,LDIAM,30,mm,2020-04-01\nS1,T2,SAXIS,8,mm,2020-04-01\nS1,T1,LDIAM,20,mm,2020-08-01\n"
        "S2,,SUMDIAM,70,mm,2020-01-01\n",
    )
    rs = write(tmp_path / "rs.csv", "USUBJID,RSTESTCD,RSSTRESC,RSDTC\nS1,OVRLRESP,PR,2020-04-01\nS1,OVRLRESP,PD,2020-09-01\n")
    assert sdtm_sums(tr, tu) == {"S1": {"2020-01-01": 56.0, "2020-04-01": 38.0}, "S2": {"2020-01-01": 70.0}}
    cohort = read_sdtm(dm, tr, tu=tu, rs=rs, arm_of={"A": "rlt", "B": "upfront_surgery"})
    assert cohort.number("sum_before_mm").tolist() == [56.0, 70.0]
    assert cohort.number("fu1_sum_mm")[0] == 38.0
    assert cohort.number("died").tolist() == [1.0, 0.0]
    assert not np.isnan(cohort.number("recurrence_date")[0])
    with pytest.raises(TableError, match="row 2.*mixed units"):
        sdtm_sums(write(tmp_path / "bad.csv", "USUBJID,TRTESTCD,TRSTRESN,TRSTRESU,TRDTC\nS1,LDIAM,4,in,2020-01-01\n"))
    with pytest.raises(InputError, match="TRSTRESU"):
        sdtm_sums(write(tmp_path / "bad.csv", "USUBJID,TRTESTCD\nS1,LDIAM\n"))


def test_redcap_events_are_merged_and_contradictions_named(tmp_path: Path) -> None:
    head = "record_id,redcap_event_name,arm,ki67_before_pct,baseline_date,last_date,died\n"
    path = write(
        tmp_path / "r.csv",
        head + "1,baseline,rlt,8,2020-01-01,,\n1,end,,,,2021-01-01,0\n2,baseline,rlt,4,2020-01-01,2021-01-01,1\n",
    )
    cohort = read_redcap(path, {"arm": "group"})
    assert cohort.n == 2
    assert cohort.number("ki67_before_pct").tolist() == [8.0, 4.0]
    bad = write(tmp_path / "b.csv", head + "1,a,rlt,8,2020-01-01,2021-01-01,0\n1,b,rlt,9,2020-01-01,2021-01-01,0\n")
    with pytest.raises(TableError, match="row 3, ki67_before_pct.*contradicts"):
        read_redcap(bad, {"arm": "group"})
    with pytest.raises(InputError, match="record_id"):
        read_redcap(write(tmp_path / "c.csv", "a,b\n1,2\n"))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(1, 30))
def test_exact_intervals_leave_the_stated_tails(events: int, total: int) -> None:
    from scipy.stats import binom

    events = min(events, total)
    low, high = exact_interval(events, total)
    if events > 0:
        assert binom.sf(events - 1, total, low) == pytest.approx(0.025, abs=1e-9)
    if events < total:
        assert binom.cdf(events, total, high) == pytest.approx(0.025, abs=1e-9)


def test_survival_of_the_synthetic_cohort_is_that_of_r(analysed: tuple[dict[str, Any], Path]) -> None:
    """Kaplan–Meier, crude Cox, progression-free survival, competing risks, and surgery as a time-varying covariate."""
    from .test_survival import R, of

    document = analysed[0]
    for key, topic in (("survival", "km_cohort_rlt_log-log"), ("progression_free", "km_cohort_pfs_log-log")):
        found, expected = document[key]["groups"]["rlt"], of(topic)
        assert found["median_months"] == pytest.approx(expected["median"], rel=1e-6)
        assert found["median_ci95"] == pytest.approx([expected["median_low"], expected["median_high"]], rel=1e-6)
        for month in ("12", "36", "60"):
            at = found["survival"][month]
            assert at["estimate"] == pytest.approx(expected[f"S_{month}"], rel=1e-6)
            assert at["ci95"] == pytest.approx([expected[f"low_{month}"], expected[f"high_{month}"]], rel=1e-6)
    term = document["survival"]["cox_crude"]["terms"][0]
    assert term["coef"] == pytest.approx(R["cox_cohort_crude", "coef_rlt"], rel=1e-6)
    assert term["se"] == pytest.approx(R["cox_cohort_crude", "se_rlt"], rel=1e-6)
    effect = document["surgery_effect"]["time_varying"]["hazard_ratio"]
    assert np.log(effect) == pytest.approx(R["cox_cohort_time_varying_adjusted", "coef_operated"], rel=1e-6)
    assert effect == pytest.approx(0.8438, abs=5e-5)


def test_competing_risks_of_the_synthetic_cohort_are_those_of_r(table: Path) -> None:
    from neorlt.cohorts import outcomes
    from neorlt.cohorts.survival import aalen_johansen

    from .test_survival import of

    endpoint = outcomes.progression_free(read_cohort(table))
    assert endpoint is not None
    fit = aalen_johansen(endpoint.months, endpoint.cause, endpoint.causes)
    for quantity, value in of("aj_cohort").items():
        month = float(quantity.rpartition("_")[2])
        found = fit.standard_error("progression", month) if quantity.startswith("se") else fit.at("progression", month)
        assert found == pytest.approx(value, rel=1e-6)


HEAD = "patient_id,group,baseline_date,last_date,died,sum_before_mm,fu1_date,fu1_sum_mm,fu1_new_lesion"


def small(tmp_path: Path, head: str, *rows: str) -> Any:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    return read_cohort(path)


def test_a_blank_new_lesion_is_not_none(tmp_path: Path) -> None:
    cohort = small(
        tmp_path,
        HEAD,
        "A,rlt,2020-01-01,2021-01-01,no,100,2020-04-01,60,",
        "B,rlt,2020-01-01,2021-01-01,no,100,2020-04-01,60,no",
        "C,rlt,2020-01-01,2021-01-01,no,100,2020-04-01,130,",
    )
    found = response(cohort)
    assert found is not None
    assert found["counts"] == {"CR": 0, "PR": 1, "SD": 0, "PD": 1, "NE": 1}
    assert "2 scans do not say" in found["notes"][0]


def test_scans_after_surgery_are_no_response(tmp_path: Path) -> None:
    cohort = small(tmp_path, HEAD + ",surgery_date", "A,rlt,2020-01-01,2021-01-01,no,100,2020-04-01,0,no,2020-03-01")
    found = response(cohort)
    assert found is not None
    assert found["counts"]["NE"] == 1
    assert found["waterfall"] == []


def test_ninety_day_mortality_needs_ninety_days(tmp_path: Path) -> None:
    from neorlt.cohorts.rates import surgery

    head = "patient_id,group,baseline_date,surgery_date,last_date,died,discharge_date,clavien_dindo"
    cohort = small(
        tmp_path,
        head,
        "A,rlt,2020-01-01,2020-02-01,2020-03-01,yes,,V",
        "B,rlt,2020-01-01,2020-02-01,2020-03-01,no,2020-02-11,III",
        "C,rlt,2020-01-01,2020-02-01,2021-03-01,yes,2020-02-09,",
        "D,rlt,2020-01-01,2020-02-01,2020-05-01,no,,0",
    )
    found = surgery(cohort)
    assert found is not None
    rlt = found["rlt"]
    assert (rlt["mortality_90_days"]["events"], rlt["mortality_90_days"]["total"], rlt["mortality_90_days"]["missing"]) == (1, 3, 1)
    assert rlt["length_of_stay_days"] == {"n": 2, "missing": 2, "median": 9.0, "quartiles": [8.5, 9.5]}
    assert (rlt["severe_complication"]["events"], rlt["severe_complication"]["total"], rlt["severe_complication"]["missing"]) == (2, 3, 1)


def test_an_interval_has_a_grade_where_both_of_its_ends_have_it(tmp_path: Path) -> None:
    from neorlt.cohorts.rates import downgrading, grades

    head = "patient_id,group,baseline_date,last_date,died,surgery_date,ki67_before_pct,ki67_after_pct"
    rows = [
        f"P{k},rlt,2020-01-01,2021-01-01,no,2020-06-01,{b},{a}"
        for k, (b, a) in enumerate([("<3", "2"), ("10-15", "2"), ("1-5", "2"), (">20", "5"), ("8", "<3"), ("8", "")])
    ]
    cohort = small(tmp_path, head, *rows)
    assert grades(cohort, "before").tolist() == [1, 2, -1, 3, 2, 2]
    found = downgrading(cohort)
    assert found is not None
    assert (found["rlt"]["lower"]["events"], found["rlt"]["lower"]["total"], found["rlt"]["lower"]["missing"]) == (3, 3, 2)
    assert "against_sampling" not in found


def test_sampling_null_by_hand(tmp_path: Path) -> None:
    from scipy.stats import fisher_exact

    from neorlt.cohorts.rates import _against, downgrading

    head = "patient_id,group,baseline_date,last_date,died,surgery_date,ki67_before_pct,ki67_after_pct"
    rows = [
        f"P{g}{k},{g},2020-01-01,2021-01-01,no,2020-06-01,5,{1 if k < lower else 5}"
        for g, n, lower in (("rlt", 20, 9), ("upfront_surgery", 30, 4))
        for k in range(n)
    ]
    found = downgrading(small(tmp_path, head, *rows))
    assert found is not None
    against = found["against_sampling"]
    assert against["difference"] == pytest.approx(9 / 20 - 4 / 30)
    assert against["fisher_p"] == pytest.approx(float(fisher_exact(np.array([[9, 11], [4, 26]]))[1]))
    # Newcombe 1998, table II, method 10: 56/70 against 48/80.
    assert _against((56, 70), (48, 80))["ci95"] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    null = found["rlt"]["counting_null"]
    assert null["observed"] == 9
    assert 0 < null["expected"] < 2
    assert null["p_as_many"] < 1e-4


def test_toxicity_by_version(tmp_path: Path) -> None:
    from neorlt.cohorts.toxicity import toxicity

    head = "patient_id,group,baseline_date,last_date,died,neutrophils_nadir_e9_per_l,lymphocytes_nadir_e9_per_l,platelets_nadir_e9_per_l,"
    head += "platelets_lln_e9_per_l,tox_nausea_grade,ctcae_version"
    rows = [
        "A,rlt,2020-01-01,2021-01-01,no,0.3,0.1,15,150,1,5.0",
        "B,rlt,2020-01-01,2021-01-01,no,3,1.5,200,150,3,5.0",
        "C,rlt,2020-01-01,2021-01-01,no,,,,150,,4.03",
    ]
    cohort = small(tmp_path, head, *rows)
    five, six = toxicity(cohort, "5.0"), toxicity(cohort, "6.0")
    assert five is not None
    assert six is not None
    assert five["laboratory"]["neutrophils"]["counts"]["4"] == 1
    assert six["laboratory"]["neutrophils"]["counts"]["3"] == 1
    assert six["laboratory"]["platelets"]["counts"]["3"] == 1
    assert six["laboratory"]["lymphocytes"]["reason"].startswith("not available in NCI CTCAE v6.0")
    assert five["laboratory"]["neutrophils"]["grade_0_or_1_not_told_apart"] == 1
    part = five["laboratory"]["neutrophils"]["grade_3_or_4"]
    assert (part["events"], part["total"], part["missing"]) == (1, 2, 1)
    assert five["recorded"]["nausea"]["counts"]["3"] == 1
    assert "different versions" in five["notes"][0]


def test_quality_of_life_over_time(tmp_path: Path) -> None:
    from neorlt.cohorts.quality import quality

    items = [f"qlq{v}_q{k}" for v in (0, 1) for k in range(1, 31)]
    head = ",".join(["patient_id,group,baseline_date,last_date,died,qlq1_date", *items])
    rows = []
    for p in range(4):
        before = ["1"] * 28 + ["7", "7"]
        after = ["2"] * 28 + ["4", "4"] if p < 3 else [""] * 30
        rows.append(",".join([f"P{p},rlt,2020-01-01,2021-01-01,no,{'2020-07-01' if p < 3 else ''}", *before, *after]))
    found = quality(small(tmp_path, head, *rows))
    assert found is not None
    first, later = found["groups"]["rlt"]
    assert (first["answered"], later["answered"], later["of"]) == (4, 3, 4)
    assert later["median_months"] == pytest.approx(6.0, abs=0.1)
    assert later["scales"]["PF2"]["change"]["mean"] == pytest.approx(-100 / 3)
    assert later["scales"]["summary"]["change"] == {"n": 3, "mean": pytest.approx(-100 / 3), "ci95": [pytest.approx(-100 / 3)] * 2}


def test_missing_ki67_neither_drops_patients_nor_leaves_the_model(table: Path, tmp_path: Path) -> None:
    lines = table.read_text(encoding="utf-8").splitlines()
    head = lines[0].split(",")
    where, rng = head.index("ki67_before_pct"), np.random.default_rng(5)
    gappy = [lines[0]]
    for line in lines[1:]:
        cells = line.split(",")
        cells[where] = "" if rng.random() < 0.4 else cells[where]
        gappy.append(",".join(cells))
    path = tmp_path / "gappy.csv"
    path.write_text("\n".join(gappy), encoding="utf-8")
    document = cohort_command(path, tmp_path / "out", imputations=10)
    ratios = document["comparison"]["hazard_ratio"]
    assert ratios["imputed"]["n"] == 700
    assert ratios["adjusted"]["n"] == 700 - document["missing"]["ki67_before_pct"]
    low, high = ratios["imputed"]["ci95"]
    assert low < 0.6 < high
    assert document["surgery_effect"]["adjusted_for"] == ["log2_size", "log2_ki67"]
    assert document["surgery_effect"]["imputed"]["log2_ki67"] > 100
    assert any("imputed" in warning for warning in document["warnings"])
    assert document["comparison"]["e_value"]["imputed"]["estimate"] > 1


def test_what_is_shared_holds_no_patient(table: Path, tmp_path: Path) -> None:
    from neorlt.cohorts.contributions import LEAST, contributions

    cohort = read_cohort(table)
    shared = contributions(cohort)
    text = json.dumps(shared)
    assert "SYN-" not in text
    assert "20" + "13-" not in text
    assert sum(arm["n"] for arm in shared["arms"]) == int(
        ((cohort.text("group") == "rlt") & ~np.isnan(cohort.number("sum_before_mm"))).sum()
    )
    for arm in shared["arms"]:
        assert arm["n"] >= LEAST
        assert sum(arm["best_response"].values()) == arm["n"]
        assert all(visit["log_change"]["n"] >= LEAST for visit in arm["visits"])
        rows = arm["progression_free"]["intervals"]
        assert all(row["at_risk"] >= LEAST for row in rows)
    few = small(
        tmp_path,
        HEAD + ",ki67_before_pct",
        *[f"P{k},rlt,2020-01-01,2021-01-01,no,100,2020-04-01,60,no,{30 if k == 0 else 8}" for k in range(9)],
    )
    assert [arm["grade"] for arm in contributions(few)["arms"]] == ["G2 or G3"]
    with pytest.raises(InputError, match="too few"):
        contributions(small(tmp_path, HEAD, "A,rlt,2020-01-01,2021-01-01,no,100,2020-04-01,60,no"))


def test_a_margin_that_was_not_stated_is_not_a_positive_one(tmp_path: Path) -> None:
    from neorlt.cohorts.rates import surgery
    from neorlt.reporting.views.cohort import answer_sentences

    head = "patient_id,group,baseline_date,last_date,died,surgery_date"
    rows = ["A,rlt,2020-01-01,2021-01-01,no,2020-06-01", "B,rlt,2020-01-01,2021-01-01,no,"]
    found = surgery(small(tmp_path, head, *rows))
    assert found is not None
    assert found["rlt"]["r0_of_enrolled"]["total"] == 0
    document = cohort_command(tmp_path / "t.csv", tmp_path / "out")
    assert "R0" not in answer_sentences(document)[0]
    cohort = small(
        tmp_path, head + ",margin,margin_rule_mm", rows[0] + ",R0,1", rows[1] + ",,", "C,rlt,2020-01-01,2021-01-01,no,2020-06-01,,"
    )
    rate = (surgery(cohort) or {})["rlt"]["r0_of_enrolled"]
    assert (rate["events"], rate["total"], rate["missing"]) == (1, 2, 1)


def test_an_unknown_version_of_ctcae_is_refused_before_anything_is_written(table: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"4\.03, 5\.0, 6\.0"):
        cohort_command(table, tmp_path / "out", ctcae_version="9")
    assert not (tmp_path / "out").exists()
