"""A centre's own posterior on every door that predicts: its numbers, what is said of it, what is refused."""

from __future__ import annotations

import dataclasses
import html
import io
import json
import pickle
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from centre_folder import write_centre

from neorlt.cli.app import run
from neorlt.core import tables
from neorlt.core.manifest import hash_file
from neorlt.response import centre
from neorlt.response.own_posterior import read_posterior
from neorlt.response.parameters import draw_parameters

SCHEME = "4 x 7.4 GBq Lu-177 every 8 weeks"
FEW = "--draws 60 --seed 2"
SAME = ("p_objective_response", "p_resectable", "diameter_change_pct", "kidney_bed_gy", "platelets_nadir")


def say(*words: str | Path, text: bool = False) -> tuple[int, dict, str]:
    """Status, document (or what people read) and standard error of a command."""
    out, err = io.StringIO(), io.StringIO()
    line = [part for word in words for part in (str(word).split() if str(word).startswith("--") and "=" not in str(word) else [str(word)])]
    with redirect_stdout(out), redirect_stderr(err):
        status = run(line + ([] if text else ["--json"]))
    return status, out.getvalue() if text else json.loads(out.getvalue() or "null"), err.getvalue()


def shown(page: Path) -> str:
    """What a reader of a page sees: no tags, every space a plain one."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))).split())


def patient_file(folder: Path, gy_per_gbq: float = 4.0) -> Path:
    path = folder / f"patient-{gy_per_gbq:g}.toml"
    path.write_text(f"""id = "synthetic"
[baseline]
age_y = 58
platelets_e9_per_l = 230
kidney_risk_factors = []
[[lesion]]
id = "primary"
site = "pancreas-head"
longest_diameter_mm = 45
ki67_pct = 8
gy_per_gbq = {gy_per_gbq}
vessels = [ {{ name = "SMV", contact_deg = 220 }}, {{ name = "SMA", contact_deg = 90 }} ]
""", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def patient(home) -> Path:
    return patient_file(home)


@pytest.fixture(scope="module")
def sensitive(home) -> Path:
    """Sensitivity doubled, and alpha/beta halved: every part of the effect is that of twice the dose, alpha 2D + beta (2D)^2."""
    shipped = tables.read_npz("response", "posterior.npz")
    return write_centre(home / "sensitive", {"alpha_per_gy": 2 * shipped["alpha_per_gy"], "alpha_beta_gy": shipped["alpha_beta_gy"] / 2})


@pytest.fixture(scope="module")
def unsure(home) -> Path:
    return write_centre(home / "unsure", effective_draws=31.6, trusted=False, lesions=0, pareto_k=None)


def row(document: dict) -> dict:
    return {name: document["schemes"][0][name] for name in SAME}


def test_the_shipped_draws_of_a_folder_give_the_shipped_numbers(home, patient):
    same = write_centre(home / "same")
    status, shipped, _ = say("predict", patient, f"--scheme={SCHEME}", FEW)
    other, own, _ = say("predict", patient, f"--scheme={SCHEME}", FEW, "--posterior", same)
    assert status == other == 0 and own["schemes"] == shipped["schemes"] and own["answer"] == shipped["answer"]
    assert own["warnings"] == shipped["warnings"] and "posterior" not in shipped
    assert own["posterior"]["descends_from"] == tables.read_json("response", "posterior.json")["posterior_hash"]
    assert own["posterior"]["posterior_hash"] == hash_file(same / "posterior.npz")


def test_twice_the_sensitivity_is_twice_the_dose(home, patient, sensitive):
    _, dose, _ = say("predict", patient_file(home, 8.0), f"--scheme={SCHEME}", FEW)
    _, own, _ = say("predict", patient, f"--scheme={SCHEME}", FEW, "--posterior", sensitive)
    _, shipped, _ = say("predict", patient, f"--scheme={SCHEME}", FEW)
    for name in ("p_objective_response", "p_resectable"):
        assert own["schemes"][0][name] == pytest.approx(dose["schemes"][0][name], abs=2e-4), name
    for name in ("median", "mean", "sd"):
        assert own["schemes"][0]["diameter_change_pct"][name] == pytest.approx(dose["schemes"][0]["diameter_change_pct"][name], abs=0.02)
    assert own["schemes"][0]["p_objective_response"] > shipped["schemes"][0]["p_objective_response"] + 0.05
    assert own["schemes"][0]["kidney_bed_gy"] == shipped["schemes"][0]["kidney_bed_gy"]


def test_a_centres_effect_on_a_patient_is_that_of_its_draws(sensitive, home):
    """Study effects of a posterior are taken as they are; without them they are those of a new study."""
    shipped = tables.read_npz("response", "posterior.npz")
    n = len(shipped["alpha_per_gy"])
    held = read_posterior(write_centre(home / "effect", {name: np.full(n, 0.7, np.float32) for name in ("study_alpha_z", "study_growth_z")},
                                       lesions=12))
    parameters = draw_parameters(n, 3, own=held)
    np.testing.assert_allclose(np.sort(parameters.study_log_alpha), np.sort(0.7 * shipped["study_log_sd"]), rtol=1e-5)
    new = draw_parameters(n, 3, own=read_posterior(sensitive))
    assert np.std(new.study_log_alpha) > 0.2 and parameters.take(np.arange(3)).centre == held.centre


def test_plan_search_update_decision_and_page_keep_the_posterior(home, patient, sensitive, monkeypatch):
    pytest.importorskip("pymoo")
    from neorlt.web import whatif

    status, _, _ = say("plan", "--patient", patient, f"--scheme={SCHEME}", FEW, "--posterior", sensitive, "--out", home / "plan")
    assert status == 0
    plan = json.loads((home / "plan" / "plan.json").read_text(encoding="utf-8"))
    _, predicted, _ = say("predict", patient, f"--scheme={SCHEME}", FEW, "--posterior", sensitive)
    assert row(plan) == row(predicted) and plan["posterior"] == predicted["posterior"]
    ran = json.loads((home / "plan" / "run.json").read_text(encoding="utf-8"))
    assert ran["options"]["posterior"] == {"name": "sensitive", "posterior_hash": hash_file(sensitive / "posterior.npz")}
    assert hash_file(sensitive / "posterior.npz") in ran["inputs"]["files"]
    assert plan["posterior"]["sentence"] in shown(home / "plan" / "report.html")
    # Whoever goes on from the plan has its posterior, named again or not.
    for more in ((), ("--posterior", sensitive)):
        assert row(say("predict", "--plan", home / "plan", f"--scheme={SCHEME}", *more)[1]) == row(plan)
    page = whatif.predict_scheme(home / "plan", SCHEME)
    assert page["p_objective_response"] == pytest.approx(plan["schemes"][0]["p_objective_response"], abs=1e-5)
    _, decided, _ = say("decide", "--plan", home / "plan", f"--scheme={SCHEME}")
    assert decided["posterior"] == plan["posterior"]
    mine = {option["name"]: option for option in plan["decision"]["options"]}
    both = [option for option in decided["options"] if option["name"] in mine]
    assert len(both) >= 4 and all(option["qaly_lifetime"] == mine[option["name"]]["qaly_lifetime"] for option in both)
    (home / "update.toml").write_text("week = 7\nkidney_dose_gy = [3.5]\n", encoding="utf-8")
    _, adapted, _ = say("adapt", "--plan", home / "plan", f"--scheme={SCHEME}", "--after 1", "--updates", home / "update.toml",
                        "--out", home / "adapted")
    planned = next(option for option in adapted["options"] if option["option"] == "as planned")
    assert planned["before"]["p_objective_response"] == pytest.approx(plan["schemes"][0]["p_objective_response"], abs=1e-5)
    _, searched, _ = say("optimise", "--plan", home / "plan", "--candidates 30", "--screen-draws 10", "--best 3", "--out", home / "search")
    assert adapted["posterior"] == searched["posterior"] == plan["posterior"]
    for name in ("adapted", "search"):
        held = json.loads((home / name / "plan.json").read_text(encoding="utf-8"))
        assert held["posterior"] == plan["posterior"]
    # The search from the patient file, and that from the plan: what both look at is what the plan says of it.
    _, again, _ = say("optimise", patient, "--posterior", sensitive, "--candidates 30", "--screen-draws 10", "--best 3", FEW)
    for found in (searched, again):
        looked_at = {row["name"].split(",")[0]: row for row in (*found["front"], *found["references"])}
        assert looked_at[SCHEME]["objectives"]["p_objective_response"]["mean"] == pytest.approx(
            plan["schemes"][0]["p_objective_response"], abs=1e-5)


def test_a_plan_and_another_posterior_are_refused(home, patient, sensitive, unsure):
    for name, more in (("with", ("--posterior", sensitive)), ("without", ())):
        if not (home / name).exists():
            assert say("plan", "--patient", patient, f"--scheme={SCHEME}", FEW, *more, "--out", home / name)[0] == 0
    for plan, found in (("with", "found sensitive ("), ("without", "found the shipped one")):
        for words in (["predict"], ["decide"], ["benefit", "--patients 8", "--draws 10"],
                      ["optimise"], ["adapt", f"--scheme={SCHEME}", "--after 1", "--updates", home / "none.toml"]):
            status, _, err = say(*words, "--plan", home / plan, "--posterior", unsure)
            assert status == 2 and "the plan rests on another posterior" in err and found in err and "unsure (" in err, (words, err)
    trial = Path(__file__).parents[2] / "examples/trials/neolupanet.toml"
    for more in ((), ("--posterior", unsure)):
        status, _, err = say("trial", trial, "--plan", home / "with", *more)
        assert status == 2 and "the plan rests on another posterior" in err and "give --posterior with the folder of sensitive" in err


def test_a_posterior_that_cannot_be_trusted_is_never_used_in_silence(home, patient, unsure, tmp_path):
    warning = "posterior of the centre unsure cannot be trusted: 32 effective of"
    status, document, err = say("predict", patient, f"--scheme={SCHEME}", FEW, "--posterior", unsure)
    assert status == 0 and warning in err and any(warning in text for text in document["warnings"])
    assert document["schemes"][0]["labels"]["diameter_change_pct"] == "assumption"
    assert say("predict", patient, f"--scheme={SCHEME}", FEW, "--strict", "--posterior", unsure)[0] == 3
    assert say("predict", patient, f"--scheme={SCHEME}", FEW, "--strict")[0] == 0
    status, said, _ = say("predict", patient, f"--scheme={SCHEME}", FEW, "--posterior", unsure, text=True)
    assert "Posterior of a centre, unsure" in said and "NOT trusted" in said
    trial = tmp_path / "trial.toml"
    trial.write_text((Path(__file__).parents[2] / "examples/trials/neolupanet.toml").read_text().replace("n_draws = 1000", "n_draws = 20"))
    for words, page in ((["decide", patient, "--draws 200", "--out", tmp_path / "decide"], tmp_path / "decide" / "report.html"),
                        (["benefit", "--patients 8", "--draws 10", "--out", tmp_path / "benefit"], tmp_path / "benefit" / "report.html"),
                        (["plan", "--patient", patient, FEW, "--out", tmp_path / "plan"], tmp_path / "plan" / "report.html"),
                        (["trial", trial], None)):
        status, document, err = say(*words, "--posterior", unsure)
        assert status == 0 and warning in err, words
        assert document["posterior"]["trusted"] is False and any(warning in text for text in document["warnings"]), words
        if page is not None:
            assert warning in (seen := shown(page)) and document["posterior"]["sentence"] in seen, words


def _edit(folder: Path, **changes) -> None:
    """Another report, its hash as ``run.json`` has it."""
    report = json.loads((folder / "posterior.json").read_text(encoding="utf-8"))
    report = {name: value for name, value in (report | changes).items() if value is not ...}
    (folder / "posterior.json").write_text(json.dumps(report), encoding="utf-8")
    _signed(folder)


def _signed(folder: Path) -> None:
    outputs = {name: hash_file(folder / name) for name in ("posterior.npz", "posterior.json") if (folder / name).is_file()}
    (folder / "run.json").write_text(json.dumps({"outputs": outputs}), encoding="utf-8")


def _redraw(folder: Path, change) -> None:
    with np.load(folder / "posterior.npz") as held:
        draws = {name: held[name] for name in held.files}
    change(draws)
    content = io.BytesIO()
    np.savez(content, **draws)
    (folder / "posterior.npz").write_bytes(content.getvalue())
    _edit(folder, posterior_hash=hash_file(folder / "posterior.npz"))


DAMAGED = {
    "no folder": (shutil.rmtree, "no such folder"),
    "no report": (lambda f: (f / "posterior.json").unlink(), "no posterior.json"),
    "no draws": (lambda f: (f / "posterior.npz").unlink(), "draws cannot be read"),
    "no run": (lambda f: (f / "run.json").unlink(), "how the posterior was made cannot be read"),
    "not JSON": (lambda f: (f / "posterior.json").write_text("{"), "report cannot be read"),
    "a refit": (lambda f: _edit(f, format=..., rhat_max=1.0), "a refit of the whole model"),
    "another version": (lambda f: _edit(f, model_version=99), "another version of the model"),
    "another parent": (lambda f: _edit(f, descends_from="0" * 64), "descends from another one"),
    "another model": (lambda f: _edit(f, fingerprint=[1.0]), "another response model"),
    "trust by hand": (lambda f: (f / "posterior.json").write_text((f / "posterior.json").read_text().replace("0.2", "0.1")), "was changed"),
    "trust missing": (lambda f: _edit(f, trusted=...), "lacks what is known of it"),
    "other draws": (lambda f: (f / "posterior.npz").write_bytes(b"x"), "not those that the posterior's report names"),
    "no archive": (lambda f: ((f / "posterior.npz").write_bytes(b"x"), _edit(f, posterior_hash=hash_file(f / "posterior.npz"))),
                   "draws cannot be read"),
    "a name too few": (lambda f: _redraw(f, lambda d: d.pop("eta")), "no eta"),
    "a name too many": (lambda f: _redraw(f, lambda d: d.update(zeta=d["eta"])), "unknown zeta"),
    "no effects of a table": (lambda f: _edit(f, lesions=3), "no study_alpha_z"),
    "another length": (lambda f: _redraw(f, lambda d: d.update(eta=d["eta"][:7])), "eta: 7 finite of 7"),
    "no number": (lambda f: _redraw(f, lambda d: d.update(eta=np.where(np.arange(len(d["eta"])) == 3, np.nan, d["eta"]))), "999 finite of"),
    "objects": (lambda f: _redraw(f, lambda d: d.update(eta=np.array(["a"] * len(d["eta"])))), "eta: 0 finite of"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_foreign_posterior_is_refused_with_the_remedy(name, tmp_path, patient):
    damage, message = DAMAGED[name]
    folder = write_centre(tmp_path / "p")
    assert read_posterior(folder).centre.trusted
    damage(folder)
    status, _, err = say("predict", patient, "--posterior", folder)
    assert status == 2 and message in err and "calibrate --with TABLE.csv --out DIR" in err, err


def test_a_trial_runs_in_a_centres_posterior_here_and_on_a_worker(home, sensitive):
    from neorlt.trials.design import design_from
    from neorlt.trials.run import make_plan, run_block

    design = design_from({"name": "t", "n_draws": 30, "trials_per_draw": 2, "seed": 3,
                          "arm": [{"name": "rlt", "n": 20, "scheme": SCHEME}], "test": {"endpoint": "objective_response", "p0": 0.2}},
                         home / "t.toml")
    counts = {}
    for name, own in (("shipped", None), ("same", read_posterior(write_centre(home / "trial-same"))), ("own", read_posterior(sensitive))):
        plan = pickle.loads(pickle.dumps(make_plan(design, own=own)))
        counts[name] = run_block(plan, 0)["scenarios"]["model"]["arms"][0]["counts"]["objective_response"]
    np.testing.assert_array_equal(counts["same"], counts["shipped"])
    assert counts["own"].sum() > counts["shipped"].sum()


def test_a_page_plans_new_cases_with_the_servers_posterior(home, tmp_path, patient, sensitive, unsure, monkeypatch):
    pytest.importorskip("fastapi")
    from neorlt.core.errors import InputError
    from neorlt.web import jobs, worker
    from neorlt.web.app import create_app
    from neorlt.web.serve import serve
    from neorlt.web.settings import Settings

    with pytest.raises(InputError, match="no folder of a centre's posterior"):
        serve(tmp_path / "cases", posterior=tmp_path)
    assert not (tmp_path / "cases").exists()
    given = []
    monkeypatch.setattr(jobs.subprocess, "Popen", lambda words, **rest: given.append(words) or pytest.fail("started"))
    monkeypatch.setattr(jobs.Jobs, "_work", lambda self: None)
    app = create_app(Settings(tmp_path / "cases", posterior=unsure))
    assert app is not None
    runner = jobs.Jobs(None, unsure)
    with pytest.raises(pytest.fail.Exception):
        runner._run(type("Case", (), {"folder": tmp_path, "name": "c"})())
    assert given[0][-2:] == [str(tmp_path), str(unsure)]
    # What the worker does with these words.
    monkeypatch.setattr("neorlt.web.store.check_input", lambda case: None)
    (tmp_path / "case" / "input").mkdir(parents=True)
    shutil.copy(patient, tmp_path / "case" / "input" / "patient.toml")
    monkeypatch.setattr("sys.argv", ["worker", str(tmp_path / "case"), str(unsure)])
    monkeypatch.setattr(worker, "end_with_the_server", lambda: None)
    assert worker.main() == 0
    plan = json.loads((tmp_path / "case" / "result" / "plan.json").read_text(encoding="utf-8"))
    assert plan["posterior"]["name"] == "unsure"


N = 300
TABLE = "origin,ki67_pct,dose_gy,cycles,week,change_diameter_pct\npancreas,5,100,4,37,-30\npancreas,8,120,4,37,-20\n"
CENTRE, DOUBT = 0.6, 0.2


@pytest.fixture
def gaussian(monkeypatch, tmp_path):
    """Lesions that tell of the centre's effect a normal likelihood, whose posterior is known by hand, and nothing of anything else."""
    monkeypatch.setattr(centre, "study_log_likelihood", lambda table, parameters: -0.5 * (
        (np.asarray(parameters.study_log_alpha, np.float64) - CENTRE * np.sign(table.log_volume.sum() * -1)) / DOUBT) ** 2)
    path = tmp_path / "ours.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_centres_effect_is_learnt_as_the_normal_law_says(gaussian):
    draws = {name: value[:N] for name, value in tables.read_npz("response", "posterior.npz").items()}
    draws["study_log_sd"] = np.full(N, 0.5, np.float32)
    found = centre.update(centre.read_table(gaussian), draws, 1)
    share = 0.5**2 / (0.5**2 + DOUBT**2)
    effect = 0.5 * found.posterior["study_alpha_z"]
    assert np.mean(effect) == pytest.approx(share * CENTRE, abs=4 * DOUBT / np.sqrt(N))
    assert np.std(effect) == pytest.approx(np.sqrt(share) * DOUBT, rel=0.15)
    assert np.std(found.posterior["study_growth_z"]) == pytest.approx(1.0, rel=0.15)
    # The mean likelihood of the draws is that of the law, and no draw of what all share is likelier than another: their weights differ by
    # less than independent effects in the place of strata would let them.
    def moment(power: int) -> float:
        spread = DOUBT**2 / power + 0.5**2
        return float(np.sqrt(DOUBT**2 / power / spread) * np.exp(-0.5 * CENTRE**2 / spread))

    likelihood = np.exp(found.log_likelihood)
    assert likelihood.mean() == pytest.approx(moment(1), abs=4 * likelihood.std() / np.sqrt(N))
    assert found.effective_draws > N / (1 + (moment(2) / moment(1) ** 2 - 1) / centre.UPDATE_TIMES) and found.trust["trusted"]
    few = centre.update(centre.read_table(gaussian), draws, 1, times=1)
    assert few.effective_draws < 0.7 * found.effective_draws


def test_own_lesions_and_other_centres_are_weighed_at_once(gaussian):
    """Two normal likelihoods of what all share multiply; a draw counts once, whatever speaks for it."""
    draws = {name: value[:N] for name, value in tables.read_npz("response", "posterior.npz").items()}
    x = np.log(draws["alpha_per_gy"].astype(float))
    shared = -0.5 * ((x - np.quantile(x, 0.7)) / np.std(x)) ** 2
    weight = np.exp(shared) / np.exp(shared).sum()
    alone = centre.update(None, draws, 1, shared)
    assert set(alone.posterior) == set(draws) and alone.log_likelihood is None and alone.study_effect is None
    np.testing.assert_array_equal(alone.posterior["alpha_per_gy"].shape, (N,))
    assert np.mean(np.log(alone.posterior["alpha_per_gy"])) == pytest.approx((weight * x).sum(), abs=0.1 * np.std(x))
    assert alone.effective_draws == pytest.approx(1 / (weight**2).sum(), rel=0.05)
    both, own = centre.update(centre.read_table(gaussian), draws, 1, shared), centre.update(centre.read_table(gaussian), draws, 1)
    np.testing.assert_array_equal(both.log_likelihood, own.log_likelihood)
    assert both.effective_draws < own.effective_draws


def test_calibrate_writes_a_posterior_that_predict_takes(gaussian, tmp_path, patient):
    status, told, _ = say("calibrate", "--with", gaussian, "--out", tmp_path / "mine", "--export-likelihood", tmp_path / "mine.npz")
    assert status == 0 and told["lesions"] == 2 and told["trusted"] and told["name"] == "mine"
    assert told["descends_from"] == tables.read_json("response", "posterior.json")["posterior_hash"] != told["posterior_hash"]
    status, document, _ = say("predict", patient, f"--scheme={SCHEME}", FEW, "--posterior", tmp_path / "mine")
    assert status == 0 and document["posterior"] == {
        name: told[name] for name in ("name", "posterior_hash", "descends_from", "lesions", "imported", "effective_draws", "n_draws",
                                      "pareto_k", "trusted")} | {"sentence": document["posterior"]["sentence"]}
    assert "2 lesions, " in document["posterior"]["sentence"]
    _, shipped, _ = say("predict", patient, f"--scheme={SCHEME}", FEW)
    assert document["schemes"][0]["p_objective_response"] > shipped["schemes"][0]["p_objective_response"], "this centre's effect is above"
    status, said, _ = say("calibrate", "--with", gaussian, "--out", tmp_path / "mine", text=True)
    assert status == 0 and "effective draws" in said
    # Only likelihoods of others: the effect of this centre is that of a new one.
    status, told, _ = say("calibrate", "--import-likelihood", tmp_path / "mine.npz", "--out", tmp_path / "theirs")
    assert status == 0 and told["lesions"] == 0 and told["imported"] == 1 and told["study_effect"] is None
    assert say("predict", patient, f"--scheme={SCHEME}", FEW, "--posterior", tmp_path / "theirs")[0] == 0


def test_the_same_lesions_never_count_twice(gaussian, tmp_path, monkeypatch):
    mine, copy, other = (tmp_path / f"{name}.npz" for name in ("mine", "copy", "other"))
    assert say("calibrate", "--with", gaussian, "--export-likelihood", mine)[0] == 0
    with np.load(mine) as held:
        np.savez_compressed(copy, **{name: held[name] for name in held.files})  # other bytes, the same content
    assert hash_file(copy) != hash_file(mine)
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(TABLE.replace("-30", "30").replace("-20", "20"), encoding="utf-8")
    assert say("calibrate", "--with", theirs, "--export-likelihood", other)[0] == 0
    turned = tmp_path / "turned.csv"
    lines = TABLE.splitlines()
    turned.write_text("\n".join([lines[0], lines[2], lines[1]]) + "\n", encoding="utf-8")
    for words in (["--import-likelihood", mine, "--import-likelihood", mine], ["--import-likelihood", mine, "--import-likelihood", copy],
                  ["--with", gaussian, "--import-likelihood", mine], ["--with", turned, "--import-likelihood", copy]):
        status, _, err = say("calibrate", *words, "--out", tmp_path / "twice")
        assert status == 2 and "count twice" in err and "leave one of them out" in err and not (tmp_path / "twice").exists(), words
    status, told, _ = say("calibrate", "--import-likelihood", mine, "--import-likelihood", other, "--out", tmp_path / "both")
    assert status == 0 and told["imported"] == 2 and len(set(told["imported_files"])) == 2
    assert say("calibrate", "--with", gaussian, "--import-likelihood", other, "--out", tmp_path / "joined")[0] == 0


def test_a_table_in_another_order_says_the_same_within_what_counts_as_the_same():
    """The real likelihood: rows in another order differ by far less, lesions that differ by one reading by far more."""
    from neorlt.jobs.calibrate import SAME_NATS

    parameters = draw_parameters(60, 2, "posterior")
    rng = np.random.default_rng(4)
    n = 6
    table = centre.CentreTable(np.zeros(n, np.intp), rng.uniform(2, 15, n), rng.uniform(40, 200, n), np.full(n, 4), np.full(n, 37.0),
                               rng.uniform(-1.5, 0.0, n))
    one = centre.study_log_likelihood(table, parameters)
    again = centre.study_log_likelihood(table.take(rng.permutation(n)), parameters)
    assert np.abs(one - again).max() < SAME_NATS / 10
    moved = dataclasses.replace(table, log_volume=table.log_volume - np.where(np.arange(n) == 2, 3 * np.log(1.01), 0.0))
    assert np.abs(one - centre.study_log_likelihood(moved, parameters)).max() > SAME_NATS


def _archive(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def test_what_is_no_exported_likelihood_is_refused_in_the_users_words(gaussian, tmp_path):
    name, n = tables.read_json("response", "posterior.json")["posterior_hash"], len(
        tables.read_npz("response", "posterior.npz")["alpha_per_gy"])
    (tmp_path / "bytes.npz").write_bytes(b"\x00\xff\xfe" * 40)
    values = np.zeros(n)
    files = {
        gaussian: ("a text file", "--with TABLE.csv"), tmp_path: ("a folder", "--export-likelihood"),
        tmp_path / "none.npz": ("no such file", "--export-likelihood"), tmp_path / "bytes.npz": ("another kind", "--export-likelihood"),
        _archive(tmp_path / "a.npz", x=values): ("an archive of x", "--export-likelihood"),
        _archive(tmp_path / "b.npz", log_likelihood=values, posterior=np.array("0" * 64)): ("another posterior", "export it again"),
        _archive(tmp_path / "c.npz", log_likelihood=values[:-1], posterior=np.array(name)): ("another posterior", "export it again"),
        _archive(tmp_path / "d.npz", log_likelihood=values + np.nan, posterior=np.array(name)): ("damaged", "--export-likelihood"),
        _archive(tmp_path / "e.npz", log_likelihood=values.astype(str), posterior=np.array(name)): ("damaged", "--export-likelihood"),
        _archive(tmp_path / "f.npz", log_likelihood=np.array([None] * n), posterior=np.array(name)): ("damaged", "--export-likelihood"),
    }
    for path, (found, remedy) in files.items():
        status, _, err = say("calibrate", "--import-likelihood", path, "--out", tmp_path / "out")
        assert status == 2 and found in err and remedy in err and "expected" in err, (path, err)
        assert "allow_pickle=True" not in err or found == "damaged"
