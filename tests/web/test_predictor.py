from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from neorlt.core.errors import InputError
from neorlt.planning.decision.decide import decide_in
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.stored import open_world
from neorlt.web import whatif
from neorlt.web.pages import other_scheme, timeline, verdict
from neorlt.web.predictor import Predictor, SchemeError, answer

from .conftest import PLAN


@pytest.fixture
def predictor() -> Predictor:
    return Predictor()


def test_what_cannot_be_understood_comes_back_as_a_sentence(predictor: Predictor, shared_folder: Path) -> None:
    try:
        with pytest.raises(SchemeError, match="not understood"):
            predictor.compare(shared_folder, "some scheme", None)
        first = predictor.pid
        with pytest.raises(SchemeError, match="later than the sliders read out"):
            predictor.compare(shared_folder, "8 x 7.4 GBq Lu-177 every 16 weeks", None)
        assert predictor.pid == first
    finally:
        predictor.stop()


def test_killed_process_is_started_anew(predictor: Predictor, shared_folder: Path) -> None:
    try:
        with pytest.raises(SchemeError):
            predictor.compare(shared_folder, "nonsense", None)
        first = predictor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        for _ in range(100):
            if predictor.pid is None:
                break
            time.sleep(0.02)
        with pytest.raises(SchemeError):
            predictor.compare(shared_folder, "nonsense", None)
        assert predictor.pid not in (None, first)
    finally:
        predictor.stop()


def test_process_ends_when_nobody_asks(shared_folder: Path) -> None:
    predictor = Predictor(idle_s=0.2)
    with pytest.raises(SchemeError):
        predictor.compare(shared_folder, "nonsense", None)
    deadline = time.monotonic() + 20
    while predictor.pid is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert predictor.pid is None


def test_same_scheme_twice_is_the_same_in_every_draw(shared_folder: Path) -> None:
    text = "4 x 7.4 GBq Lu-177 every 8 weeks, surgery 12 weeks after"
    beside = {"name": "as given", "cycles": PLAN["schemes"][0]["cycles"], "surgery_week": 36}  # type: ignore[index]
    found = whatif.compare_schemes(shared_folder, text, beside)
    assert found["paired"]["p_better"] == 0.5
    assert found["paired"]["ci90"] == [0.0, 0.0]
    assert found["predicted"]["p_objective_response"] == found["other"]["p_objective_response"]


def test_more_activity_is_never_worse_in_common_draws(shared_folder: Path) -> None:
    # Same weeks, twice the activity: in common draws the response can only rise.
    beside = {"name": "half", "cycles": [{"week": 8 * i, "activity_gbq": {"Lu-177": 3.7}} for i in range(4)], "surgery_week": 36}
    found = whatif.compare_schemes(shared_folder, "4 x 7.4 GBq Lu-177 every 8 weeks, surgery 12 weeks after", beside)
    assert found["predicted"]["p_objective_response"] > found["other"]["p_objective_response"]
    # The decision says what that is worth, in the plan's world, and what stands first of all options.
    assert set(found["paired"]) >= {"mean", "ci90", "verdict", "first"} and found["paired"]["ci90"][0] < found["paired"]["mean"]


def test_what_stands_first_beside_the_sliders_stands_first_of_the_plan(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A scheme that gives next to nothing adds no option worth choosing: whichever stands beside it, the plan's answer stays.
    texts = ("2 x 7.4 GBq Lu-177 every 8 weeks", "4 x 7.4 GBq Lu-177 every 8 weeks", "4 x 7.4 GBq Lu-177 every 8 weeks with CAPTEM")
    schemes = tuple(parse_scheme(text, text) for text in texts)
    monkeypatch.setattr(whatif, "_of_plan", lambda _: schemes)
    of_plan = decide_in(open_world(shared_folder), schemes).mildest.name
    for scheme in schemes:
        entry = {"name": scheme.name, "cycles": [cycle.as_json() for cycle in scheme.cycles], "surgery_week": scheme.surgery_week}
        found = whatif.compare_schemes(shared_folder, "1 x 0.1 GBq Lu-177, surgery 60 weeks after", entry)["paired"]
        assert found["first"].replace("Beside", scheme.name) == of_plan


def test_a_move_costs_less_than_a_second_of_processor_time(shared_folder: Path) -> None:
    # Processor time of every thread: on a free machine the answer is there no later than that, however busy this one is.
    beside = PLAN["schemes"][0]  # type: ignore[index]
    whatif.compare_schemes(shared_folder, "4 x 7.4 GBq Lu-177 every 8 weeks, surgery 12 weeks after", beside)
    for weeks in (9, 10, 11):
        start = time.process_time()
        whatif.compare_schemes(shared_folder, f"4 x 7.4 GBq Lu-177 every {weeks} weeks, surgery 12 weeks after", beside)
        assert time.process_time() - start < 1.0


def test_scheme_of_an_entry_is_the_scheme_it_came_from() -> None:
    for text in ("no RLT", "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks with CAPTEM, surgery 10 weeks after"):
        scheme = parse_scheme(text, "name")
        entry = {"name": "name", "cycles": [cycle.as_json() for cycle in scheme.cycles], "surgery_week": scheme.surgery_week}
        back = whatif.scheme_of(entry)
        assert back.cycles == scheme.cycles
        assert back.surgery_week == scheme.surgery_week


def test_model_that_runs_away_is_a_sentence_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> object:
        raise ValueError("draws hold values that are not finite")

    monkeypatch.setattr("neorlt.web.whatif.compare_schemes", fail)
    assert "cannot follow this scheme" in answer('{"folder": "x", "text": "x", "beside": null}')["error"]


@pytest.mark.parametrize(
    ("mean", "low", "high", "found", "said"),
    [
        (0.1, -1.0, 3.0, "cannot be told apart", "are tied (+0.1"),
        (1.5, 0.5, 3.0, "told apart", "This scheme gains against B (+1.5"),
        (-1.5, -3.0, -0.2, "told apart", "This scheme loses against B (\u22121.5"),
        (-0.5, -3.0, 0.1, "not resolved by simulation", "neither told apart nor tied"),
        (0.0, 0.0, 0.0, "cannot be told apart", "do the same in every draw"),
    ],
)
def test_verdict_says_which_is_better_only_when_the_draws_do(
    mean: float, low: float, high: float, found: str, said: str
) -> None:
    text = verdict({"mean": mean, "ci90": [low, high], "p_better": 0.7, "verdict": found, "first": "Beside, then surgery"}, "B")
    assert text is not None
    assert said in text and "first: B, then surgery" in text
    closed = verdict({"why": "not open to this patient: eGFR is below 30 ml/min"}, "B")
    assert closed is not None and "not compared" in closed and "eGFR" in closed
    assert verdict(None, "B") is None


def test_other_scheme_outside_the_plan_is_none() -> None:
    assert other_scheme(PLAN, 0) is not None
    assert other_scheme(PLAN, 1) is None


def test_timeline_places_images_cycles_and_surgery_on_one_axis() -> None:
    events = [{"week": -2.0, "kind": "imaging", "text": "PET"}, {"week": 0.0, "kind": "therapy", "text": "7.4 GBq Lu-177"}]
    found = timeline(PLAN["schemes"], ["A"], events)  # type: ignore[arg-type]
    done, scheme = found["lines"]
    assert [mark[1] for mark in done["marks"]] == ["image", "lu"]
    assert [mark[1] for mark in scheme["marks"]] == ["lu"] * 4 + ["surgery"]
    assert done["marks"][1][0] == scheme["marks"][0][0]
    places = [mark[0] for line in found["lines"] for mark in line["marks"]]
    assert all(0.0 <= place <= 100.0 for place in places)
    # Equal steps of weeks are equal steps on the axis.
    steps = {round(b[0] - a[0], 1) for a, b in zip(scheme["marks"][:3], scheme["marks"][1:4], strict=True)}
    assert len(steps) == 1


def test_a_plan_of_another_version_is_refused_with_the_remedy(tmp_path: Path, shared_folder: Path) -> None:
    text = "4 x 7.4 GBq Lu-177 every 8 weeks"
    with pytest.raises(InputError, match="no folder of a finished plan"):
        whatif.predict_scheme(tmp_path, text)
    shutil.copy(shared_folder / "plan.json", tmp_path / "plan.json")
    with pytest.raises(InputError, match="did not keep its world.*run neorlt plan again"):
        whatif.predict_scheme(tmp_path, text)
    (tmp_path / "world.npz").write_bytes((shared_folder / "world.npz").read_bytes()[:-9])
    shutil.copy(shared_folder / "run.json", tmp_path / "run.json")
    with pytest.raises(InputError, match="not the one that belongs to it"):
        whatif.predict_scheme(tmp_path, text)
