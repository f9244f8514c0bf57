"""Doors agree: the same patient, scheme and seed give the same numbers, whoever asks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from centre_folder import write_centre
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from neorlt.core.manifest import hash_file
from neorlt.core.tables import read_npz
from neorlt.documents.plan import PlanDocument, read_plan
from neorlt.dosimetry.objects import Dose, FitStatus, TimeActivity, TimeIntegratedActivity
from neorlt.planning.adaptive import adapt
from neorlt.planning.decision.decide import decide, decide_in
from neorlt.planning.document import plan_document
from neorlt.planning.evaluate import Evaluator
from neorlt.planning.patient import patient_from
from neorlt.planning.predict import predict
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.search_space import candidate_of
from neorlt.planning.stored import open_plan
from neorlt.planning.updates import update_from
from neorlt.planning.world import World, build_world
from neorlt.planning.world_file import load_world, save_world
from neorlt.response.own import CentrePosterior
from neorlt.response.own_posterior import read_posterior
from neorlt.trials.design import Arm
from neorlt.trials.response_arm import chances_of
from neorlt.web import whatif

N = 60
TEXTS = ("4 x 7.4 GBq Lu-177 every 8 weeks",
         "2 x 7.4 GBq Lu-177 every 8 weeks + 1 x 2.8 GBq Y-90 every 8 weeks with CAPTEM, surgery 8 weeks after")


def measured(name: str, gy_per_gbq: float, mass_g: float, seed: int) -> Dose:
    """A small synthetic dose as images give it."""
    rng = np.random.default_rng(seed)
    rate = np.log(2) / rng.uniform(50, 90, (N, 1))
    amplitude = 100.0 * np.exp(0.1 * rng.standard_normal((N, 1)))
    point = np.array([24.0]), np.array([80.0]), np.array([8.0]), np.array([60.0])
    curve = TimeActivity(name, "Lu-177", mass_g / 1.04, point[0], point[1], point[2], point[3])
    tia = TimeIntegratedActivity(name, "Lu-177", curve, "mono", amplitude, rate, (FitStatus.OK,))
    gy = 7.4 * gy_per_gbq * tia.draws_mbq_h / np.median(tia.draws_mbq_h)
    return Dose(name, "Lu-177", mass_g, tia, gy, 1.1 * gy, "kernel", 7400.0, 0.97)


vessels = st.lists(st.fixed_dictionaries(
    {"name": st.sampled_from(["SMV", "SMA", "PV", "CHA"]), "contact_deg": st.sampled_from([0, 40, 120, 200, 300])},
    optional={"irregular": st.booleans(), "occluded": st.booleans(), "reconstructible": st.booleans()}).filter(
        lambda v: not ((v.get("occluded") or v.get("irregular")) and v["contact_deg"] == 0)), max_size=3, unique_by=lambda v: v["name"])
lesions = st.fixed_dictionaries({"longest_diameter_mm": st.integers(16, 70)}, optional={
    "ki67_pct": st.sampled_from([1, 4, 15]), "suv_max": st.integers(5, 80), "own": st.sampled_from(["gy_per_gbq", "dose_gy", "images"])})
labs = st.fixed_dictionaries({}, optional={
    "platelets_e9_per_l": st.integers(80, 350), "neutrophils_e9_per_l": st.floats(1.5, 8), "egfr_ml_min": st.integers(40, 110),
    "kidney_risk_factors": st.sampled_from([[], ["diabetes"]]), "age_y": st.integers(30, 80)})


def world_of(
    parts: list[dict], baseline: dict, contacts: list[dict], kidneys: bool, seed: int, own: CentrePosterior | None = None
) -> tuple[World, dict[str, Dose]]:
    rows, images = [], {}
    for i, part in enumerate(parts):
        row = {k: v for k, v in part.items() if k != "own"} | {"id": f"l{i}", "site": "liver" if i else "pancreas-head"}
        if not i:
            row["vessels"] = contacts
        if part.get("own") == "gy_per_gbq":
            row["gy_per_gbq"] = 5.0
        elif part.get("own") == "dose_gy":
            row |= {"dose_gy": [30, 26], "dose_activity_gbq": 7.4}
        elif part.get("own") == "images":
            images[f"l{i}"] = measured(f"l{i}", 4.0 + i, 20.0, seed + i)
        rows.append(row)
    patient = patient_from({"id": "synthetic", "baseline": baseline, "lesion": rows}, "p")
    return build_world(patient, images, kidney_images(kidneys), n_draws=N, n_replicates=32, seed=seed, own=own), images


def kidney_images(wanted: bool) -> dict[str, Dose]:
    return {"left": measured("left", 0.5, 150, 8), "right": measured("right", 0.7, 220, 9)} if wanted else {}


@pytest.fixture(scope="module")
def centres(tmp_path_factory) -> dict[float, CentrePosterior]:
    """Posteriors of centres whose tumours are so many times as sensitive."""
    folder, shipped = tmp_path_factory.mktemp("centres"), read_npz("response", "posterior.npz")["alpha_per_gy"]
    return {times: read_posterior(write_centre(folder / f"times-{times:g}", {"alpha_per_gy": times * shipped})) for times in (0.5, 2.0)}


def store(folder: Path, world: World, document: PlanDocument) -> None:
    """A finished plan's folder."""
    folder.mkdir(exist_ok=True)
    save_world(world, folder / "world.npz")
    (folder / "plan.json").write_text(document.text, encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({"outputs": {"world.npz": hash_file(folder / "world.npz")}}), encoding="utf-8")


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(lesions, min_size=1, max_size=3), labs, vessels, st.booleans(), st.sampled_from(TEXTS), st.integers(1, 99),
       st.sampled_from([None, 0.5, 2.0]))
def test_plan_page_search_decision_update_and_trial_give_one_number(
    tmp_path, centres, parts, baseline, contacts, kidneys, text, seed, sensitivity
):
    own = None if sensitivity is None else centres[sensitivity]
    world, images = world_of(parts, baseline, contacts, kidneys, seed, own)
    scheme = parse_scheme(text, "one")
    document = plan_document(world, [scheme, parse_scheme("no RLT")], lesion_doses=images)
    assert read_plan(document.text) == document
    told = document.as_json().get("posterior")
    assert told == (None if own is None else own.centre.as_json())
    assert document.whole_patient == world.patient and document.whole_schemes[0] == scheme
    store(tmp_path / "plan", world, document)
    stored = open_plan(tmp_path / "plan")
    assert stored.document == document and stored.world.parameters.centre == world.parameters.centre
    row = document.as_json()["schemes"][0]
    probabilities = ("p_objective_response", "p_resectable")
    # predict and page, from the stored world: identical.
    again = plan_document(stored.world, [scheme, parse_scheme("no RLT")]).as_json()["schemes"][0]
    assert again == row
    page = whatif.predict_scheme(tmp_path / "plan", text)
    for name in ("p_objective_response", "p_resectable", "p_not_locally_advanced", "p_downgrading"):
        assert page[name] == (None if row[name] is None else pytest.approx(row[name], abs=1e-5)), name
    assert page["kidney_bed_gy"] == row["kidney_bed_gy"]
    assert page["lesion_dose_gy"] == row["lesion_dose_gy"]
    # search, update and one-patient trial: the same integrals in other batches.
    candidate = candidate_of(scheme)
    searched = Evaluator(stored.world)([candidate])
    update = update_from({"week": scheme.cycles[0].week + 7, "kidney_dose_gy": [3.5]}, world.patient)
    adapted = adapt(stored.world, scheme, 1, update)
    before = adapted.before.take([adapted.options.index("as planned")])
    trial = chances_of(Arm("a", 10, "rlt", scheme, scheme.surgery_week), stored.world)
    for name in probabilities:
        for found in (searched.draws(name), before.draws(name), None if trial[name] is None else trial[name][None]):
            assert (found is None) == (row[name] is None), name
            if found is not None:
                assert found.mean() == pytest.approx(row[name], abs=1e-5), name
    if world.patient.age_y is not None:
        # The decision in the plan's world is that of a patient file with the same posterior.
        kept = decide_in(stored.world, [scheme])
        asked = decide(world.patient, [scheme], n_draws=N, seed=seed, make_world=lambda n: build_world(
            world.patient, images, kidney_images(kidneys), n_draws=n, n_replicates=32, seed=seed, own=own))
        assert asked.inputs.world.parameters.centre == kept.inputs.world.parameters.centre
        for one, mine in zip(kept.options, kept.utility.T, strict=True):
            if one.name in (names := [option.name for option in asked.options]):
                np.testing.assert_allclose(mine, asked.utility[:, names.index(one.name)], rtol=1e-4, atol=1e-4)
    assert np.median(searched.kidney_bed_gy[0]) == pytest.approx(row["kidney_bed_gy"]["median"], rel=1e-4)
    assert np.median(before.kidney_bed_gy[0]) == pytest.approx(row["kidney_bed_gy"]["median"], rel=1e-4)


def test_an_occluded_vein_that_cannot_be_reconstructed_is_never_resectable(tmp_path):
    contacts = [{"name": "SMV", "contact_deg": 220, "occluded": True, "reconstructible": False}]
    world, _ = world_of([{"longest_diameter_mm": 40, "ki67_pct": 4}], {}, contacts, False, 1)
    document = plan_document(world, [parse_scheme(TEXTS[0], "one")])
    store(tmp_path / "plan", world, document)
    assert document.schemes[0].p_resectable == 0.0
    assert whatif.predict_scheme(tmp_path / "plan", TEXTS[0])["p_resectable"] == 0.0


def test_a_stated_dose_per_activity_reaches_the_page(tmp_path):
    found = {}
    for dose in (30.0, 0.5):
        patient = patient_from({"id": "s", "lesion": [
            {"id": "a", "site": "pancreas-head", "longest_diameter_mm": 40, "ki67_pct": 4, "gy_per_gbq": dose}]}, "p")
        world = build_world(patient, n_draws=N, n_replicates=32)
        document = plan_document(world, [parse_scheme(TEXTS[0], "one")])
        store(tmp_path / f"{dose:g}", world, document)
        found[dose] = whatif.predict_scheme(tmp_path / f"{dose:g}", TEXTS[0])["p_objective_response"]
        assert found[dose] == pytest.approx(document.schemes[0].p_objective_response, abs=1e-5)
    assert found[30.0] > found[0.5] + 0.4


def test_a_pseudonym_changes_nothing_and_a_place_in_a_cohort_does():
    def world(name: str, index: int) -> World:
        rows = [{"id": f"{name}-lesion", "site": "liver", "longest_diameter_mm": 30}]
        return build_world(patient_from({"id": name, "lesion": rows}, "p"), n_draws=N, index=index)

    one, other, second = (predict(world(*who), parse_scheme(TEXTS[0])) for who in (("a", 0), ("b", 0), ("a", 1)))
    assert one.p_objective_response.value == other.p_objective_response.value and one.kidney_bed_gy == other.kidney_bed_gy
    assert one.kidney_bed_gy != second.kidney_bed_gy


def test_a_world_reads_back_as_it_was(tmp_path):
    world, _ = world_of([{"longest_diameter_mm": 40, "own": "images"}, {"longest_diameter_mm": 20}], {}, [], True, 5)
    save_world(world, tmp_path / "world.npz")
    again = load_world(tmp_path / "world.npz")
    assert again.patient == world.patient and np.array_equal(again.gy_per_gbq, world.gy_per_gbq)
    assert np.array_equal(again.points.alpha_z, world.points.alpha_z) and np.array_equal(again.kidney_cycle_z, world.kidney_cycle_z)


def test_lesions_of_one_patient_share_half_of_their_spread():
    patient = patient_from({"id": "s", "lesion": [{"id": i, "site": "liver", "longest_diameter_mm": 30} for i in "ab"]}, "p")
    world = build_world(patient, n_draws=4000)
    for name, values in (("dose", np.log(world.gy_per_gbq[:, :, 0])), ("sensitivity", world.alpha_z), ("growth", world.growth_z)):
        assert np.corrcoef(values.T)[0, 1] == pytest.approx(0.5, abs=0.05), name
    assert abs(np.corrcoef(world.reading_z.T)[0, 1]) < 0.05


def test_the_kidneys_of_four_cycles_vary_as_the_tornado_says():
    """A measured first cycle and three future ones: the shared doubt stays, the scatter between cycles averages."""
    rng = np.random.default_rng(3)
    patient = patient_from({"id": "s", "lesion": [{"id": "a", "site": "liver", "longest_diameter_mm": 30}]}, "p")
    global N
    few, N = N, 4000
    try:
        images = {"left": measured("left", 0.5, 150, int(rng.integers(99))), "right": measured("right", 0.6, 150, 7)}
        world = build_world(patient, {}, images, n_draws=4000)
    finally:
        N = few
    activity = parse_scheme(TEXTS[0]).given_gbq(("Lu-177", "Y-90"))
    total = np.log(world.kidney_doses_gy(activity).sum(axis=(1, 2)))
    shared = np.var(np.log(world.kidneys.gy_per_gbq[:, 0]))
    assert np.var(total) == pytest.approx(shared + 3 * 0.19**2 / 16, rel=0.1)


def test_a_future_cycle_is_never_called_measured():
    world, images = world_of([{"longest_diameter_mm": 40, "ki67_pct": 4, "own": "images"}], {}, [], True, 5)
    labels = plan_document(world, [parse_scheme(TEXTS[0], "one")], lesion_doses=images).schemes[0].labels
    assert "measured" not in labels.values()
    assert labels["diameter_change_pct"] == "calibrated"
    small, _ = world_of([{"longest_diameter_mm": 16, "ki67_pct": 4}], {}, [], False, 5)
    assert plan_document(small, [parse_scheme(TEXTS[0], "one")]).schemes[0].labels["diameter_change_pct"] != "calibrated"
    unknown, _ = world_of([{"longest_diameter_mm": 40}], {}, [], False, 5)
    assert plan_document(unknown, [parse_scheme(TEXTS[0], "one")]).schemes[0].labels["p_objective_response"] != "calibrated"


@pytest.mark.parametrize(("baseline", "site", "known"), [
    ({}, "liver", False), ({}, "pancreas-head", True), ({"primary": "pancreas"}, "liver", True),
    ({"primary": "small-intestine"}, "liver", True)])
def test_an_organ_of_origin_that_was_assumed_is_told_and_nothing_is_called_calibrated(baseline, site, known):
    """A liver lesion alone says nothing of its primary; tumours of the small intestine shrink less."""
    lesion = {"id": "a", "site": site, "longest_diameter_mm": 30, "ki67_pct": 5}
    patient = patient_from({"id": "s", "baseline": baseline, "lesion": [lesion]}, "p")
    document = plan_document(build_world(patient, n_draws=5), [parse_scheme(TEXTS[0], "one")])
    assert any("taken to be the pancreas" in text for text in document.warnings) is not known
    assert (document.schemes[0].labels["diameter_change_pct"] == "calibrated") is known
