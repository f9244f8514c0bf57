"""A therapy nuclide of a user's file: registry, doses, response, search, stored plan and commands know it; alphas they do not."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neorlt.cli.app import run
from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.core.manifest import hash_file
from neorlt.nuclides import therapy
from neorlt.nuclides.crossfire import pattern_left
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.user import read_nuclide
from neorlt.planning.evaluate import Evaluator
from neorlt.planning.patient import patient_from
from neorlt.planning.predict import predict
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.search_space import Candidate, SearchSpace, candidate_of
from neorlt.planning.world import build_world
from neorlt.planning.world_file import load_world, save_world

TESTS = Path(__file__).resolve().parents[1]
HOLMIUM = TESTS / "data" / "nuclides" / "ho166.toml"
HO_TEXT = "3 x 1 GBq Ho-166 every 8 weeks"
PATIENT = {
    "id": "synthetic-third",
    "baseline": {"age_y": 60, "kidney_risk_factors": [], "platelets_e9_per_l": 230, "neutrophils_e9_per_l": 4.0},
    "lesion": [
        {"id": "primary", "site": "pancreas-head", "longest_diameter_mm": 40, "ki67_pct": 8, "gy_per_gbq": 4.0,
         "vessels": [{"name": "SMV", "contact_deg": 120, "irregular": False}]},
        {"id": "liver-1", "site": "liver", "longest_diameter_mm": 24, "ki67_pct": 8},
    ],
}  # fmt: skip


def ask(line: list[str]) -> tuple[int, Any, str]:
    """Status of a command, its JSON document (None where it printed none), and what it said on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run([*line, "--json"])
    return status, json.loads(out.getvalue()) if out.getvalue() else None, err.getvalue()


def row(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(scheme for scheme in document["schemes"] if scheme["name"] == name)


def twin_of_yttrium(folder: Path) -> Path:
    """A file that gives the emissions of 90Y under another name."""
    one = get_nuclide("Y-90")
    lines = ['name = "Yt-90"', f"half_life_h = {one.half_life_h!r}", 'source = "the shipped 90Y under another name"']
    lines += [f"beta_per_decay = {sum(b.per_decay for b in one.beta_minus)!r}"]
    for kind in ("gamma", "x_ray", "conversion_electron", "auger"):
        lines += [f"{kind} = {getattr(one, kind).tolist()!r}"]
    for branch in one.beta_minus:
        lines += ["[[beta_minus]]", f"endpoint_mev = {branch.endpoint_mev!r}", f"per_decay = {branch.per_decay!r}",
                  f"daughter_z = {branch.z}", f"unique = {str(branch.unique).lower()}"]
    lines += ["[therapy]", "activity_gbq = 2.8", 'source = "a test"']
    path = folder / "twin.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_twin_of_y90_gives_what_y90_gives_whoever_asks(tmp_path: Path) -> None:
    """Whatever fixed two nuclides, or their places, would tell the twins apart; cross-fire comes from a table here, from a kernel there."""
    read_nuclide(twin_of_yttrium(tmp_path))
    world = build_world(patient_from(PATIENT, "test"), n_draws=40, seed=3)
    assert world.nuclides == ("Lu-177", "Y-90", "Yt-90")
    text = "1 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq {} every 8 weeks"
    schemes = [parse_scheme(text.format(name)) for name in ("Y-90", "Yt-90")]
    one, other = (predict(world, scheme) for scheme in schemes)
    for name in ("primary", "liver-1"):
        assert other.lesion_dose_gy[name].median == pytest.approx(one.lesion_dose_gy[name].median, rel=1e-6)
    assert other.kidney_bed_gy.median == pytest.approx(one.kidney_bed_gy.median, rel=1e-6)
    assert one.platelets is not None and other.platelets is not None
    assert other.platelets.value.median == pytest.approx(one.platelets.value.median, rel=1e-5)
    assert other.diameter_mm.median == pytest.approx(one.diameter_mm.median, rel=2e-3)
    found = Evaluator(world)([candidate_of(scheme) for scheme in schemes])
    np.testing.assert_allclose(found.kidney_bed_gy[1], found.kidney_bed_gy[0], rtol=1e-6)
    assert found.kidney_bed_gy[1].mean() == pytest.approx(one.kidney_bed_gy.mean, rel=1e-4)
    np.testing.assert_allclose(found.tumour_left[1], found.tumour_left[0], rtol=0.01)
    np.testing.assert_allclose(found.p_secondary_neoplasm[1], found.p_secondary_neoplasm[0], rtol=1e-6)
    assert one.doses_derived and other.doses_derived


def test_lutetium_and_yttrium_keep_their_numbers_beside_a_third() -> None:
    before = build_world(patient_from(PATIENT, "test"), n_draws=40, seed=3)
    scheme = parse_scheme("2 x 7.4 GBq Lu-177 every 8 weeks + 1 x 2.8 GBq Y-90 every 8 weeks")
    alone = predict(before, scheme).as_json()
    read_nuclide(HOLMIUM)
    beside = build_world(patient_from(PATIENT, "test"), n_draws=40, seed=3)
    assert beside.nuclides == (*before.nuclides, "Ho-166")
    assert predict(beside, scheme).as_json() == alone


def test_holmium_gives_the_dose_that_its_energy_and_decay_say() -> None:
    """By hand: energy per decay of the file's own numbers (ENSDF's mean betas, conversion electrons), wash-out kept, decay exchanged.

    Nearly all betas of both stay in a kidney; 166Ho loses up to a tenth at its edge (mean range 2.5 mm in a sphere of 3 cm).
    """
    read_nuclide(HOLMIUM)
    world = build_world(patient_from(PATIENT, "test"), n_draws=40, seed=3)
    lutetium_mev, holmium_mev = 0.1479, 0.665 + 0.1097 * 0.02309 + 0.2567 * 0.07145 + 0.0784 * 0.0788  # 177Lu: MIRD decay data
    physical = np.log(2) / np.array([6.647 * 24, 26.824])
    rate = np.log(2) / world.kidneys.half_life_h[:, [0, 2]]
    np.testing.assert_allclose(rate[:, 1] - rate[:, 0], physical[1] - physical[0], rtol=1e-3)
    ratio = world.kidneys.gy_per_gbq[:, 2] / world.kidneys.gy_per_gbq[:, 0]
    naive = holmium_mev / lutetium_mev * rate[:, 0] / rate[:, 1]
    assert np.all((0.90 * naive < ratio) & (ratio < 0.99 * naive))


def test_cross_fire_from_a_kernel_is_that_of_the_fits_table() -> None:
    """The fit keeps the table that it was made with; kernels made since differ from it by less than 0.001."""
    table = tables.read_json("response", "crossfire.json")
    for name in ("Lu-177", "Y-90"):
        found = pattern_left(name, tuple(table["diameter_mm"]))
        for key in ("own_dose", "pattern_sd"):
            np.testing.assert_allclose(found[key], table[name][key], atol=1e-3)


def test_predict_by_a_file_and_the_words_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = tmp_path / "patient.toml"
    patient.write_text(
        'id = "synthetic-third"\n[baseline]\nage_y = 60\nkidney_risk_factors = []\n[[lesion]]\nid = "primary"\nsite = "pancreas-head"\n'
        "longest_diameter_mm = 40\nki67_pct = 8\n"
    )
    line = ["predict", str(patient), "--scheme", HO_TEXT, "--scheme", "2 x 7.4 GBq Lu-177", "--draws", "50"]
    status, _, said = ask(line)
    assert status == 2 and "Ho-166" in said and "--nuclide-file" in said
    status, document, _ = ask([*line, "--nuclide-file", str(HOLMIUM)])
    assert status == 0
    holmium = row(document, document["schemes"][0]["name"])
    assert [cycle["activity_gbq"] for cycle in holmium["cycles"]] == [{"Ho-166": 1.0}] * 3
    assert holmium["doses_derived"] and holmium["labels"]["p_objective_response"] == "assumption"
    per_gbq = document["lesions"][0]["gy_per_gbq_by_nuclide"]
    assert set(per_gbq) == set(document["kidneys"]["gy_per_gbq"]) == {"Lu-177", "Y-90", "Ho-166"}
    # Three gigabecquerels in all, uptake falling by some per cent a cycle from what a cycle of 7.4 GBq of 177Lu sees on average.
    assert 2.6 < holmium["lesion_dose_gy"]["primary"]["median"] / per_gbq["Ho-166"]["median"] < 3.4
    assert any("166Ho was added by a file (ENSDF" in sentence["text"] for sentence in document["assumptions"])


def test_a_plan_from_images_keeps_its_nuclide_for_whoever_goes_on(tmp_path: Path, forget_nuclides: Callable[[], None]) -> None:
    """The plan's own S-values make the dose; another process predicts with it from the folder alone, which holds the emissions."""
    sys.path.insert(0, str(TESTS / "web"))
    from small import PARTS, write_small

    study, patient = write_small(tmp_path)
    out = tmp_path / "plan"
    status, document, said = ask(["plan", str(study), "--patient", str(patient), "--out", str(out), "--scheme", HO_TEXT, "--draws", "60",
                                  "--nuclide-file", str(HOLMIUM)])  # fmt: skip
    assert status == 0, said
    assert hash_file(HOLMIUM) in json.loads((out / "run.json").read_text())["inputs"]["files"]
    dose = json.loads((out / "dose" / "dose.json").read_text())
    liver = next(one for one in dose["regions"] if one["name"] == "liver")
    other = {one["nuclide"]: one["gy_per_gbq"]["median"] for one in liver["other_nuclides"]}
    assert set(other) == {"Y-90", "Ho-166"}
    # The liver holds its betas: doses per activity are as energies and effective half-lives, cross-fire and photons aside.
    slow = np.log(2) / PARTS["liver"][4]
    physical = {name: np.log(2) / get_nuclide(name).half_life_h for name in ("Lu-177", "Ho-166")}
    expected = 0.6914 / 0.1479 * slow / (slow - physical["Lu-177"] + physical["Ho-166"])
    assert other["Ho-166"] / liver["gy_per_gbq"]["median"] == pytest.approx(expected, rel=0.10)
    assert "166Ho" in (out / "report.html").read_text()
    forget_nuclides()
    status, again, said = ask(["predict", "--plan", str(out), "--scheme", HO_TEXT])
    assert status == 0, said
    assert row(again, again["schemes"][0]["name"])["lesion_dose_gy"] == row(document, document["schemes"][0]["name"])["lesion_dose_gy"]
    assert therapy.therapy_nuclides()[-1] == "Ho-166"


def test_a_stored_world_holds_its_nuclides_and_an_older_one_the_first_two(tmp_path: Path, forget_nuclides: Callable[[], None]) -> None:
    save_world(build_world(patient_from(PATIENT, "test"), n_draws=20, seed=3), tmp_path / "two.npz")
    read_nuclide(HOLMIUM)
    world = build_world(patient_from(PATIENT, "test"), n_draws=20, seed=3)
    save_world(world, tmp_path / "three.npz")
    # In this process 166Ho is known; the world that was stored before holds no dose of it, and says so.
    with pytest.raises(InputError, match="no dose is known"):
        predict(load_world(tmp_path / "two.npz"), parse_scheme(HO_TEXT))
    forget_nuclides()
    again = load_world(tmp_path / "three.npz")
    assert again.nuclides == world.nuclides
    np.testing.assert_array_equal(again.gy_per_gbq, world.gy_per_gbq)
    assert get_nuclide("Ho-166").electron_energy_mev == pytest.approx(0.691, abs=0.001)


def test_a_search_tries_two_nuclides_of_the_registry() -> None:
    with pytest.raises(InputError, match="no therapy is planned|unknown nuclide"):
        SearchSpace(nuclides=("Lu-177", "Ho-166"))
    read_nuclide(HOLMIUM)
    space = SearchSpace(nuclides=("Lu-177", "Ho-166"))
    assert space.levels("Ho-166")[-1] == 1.0 and space.levels("Lu-177") == SearchSpace().levels("Lu-177")
    assert space.orders == ("Lu-177 first", "Ho-166 first", "both in one cycle")
    _, high = space.gene_bounds()
    scheme = space.decode([2, 1, 1, high[3], high[4], 1, 2]).scheme()
    assert [dict(cycle.activity_gbq) for cycle in scheme.cycles] == [{"Ho-166": 1.0}, {"Lu-177": 7.4}, {"Lu-177": 7.4}]
    assert candidate_of(scheme).scheme("again") == replace(scheme, name="again")
    assert candidate_of(scheme).total_gbq("Ho-166") == 1.0
    with pytest.raises(InputError, match="does not try"):
        SearchSpace(max_activity_gbq={"Ho-166": 2.0})
    with pytest.raises(ValueError, match="each of"):
        Candidate(((7.4, 0.0, 1.0),), 8.0, 12.0)


@pytest.mark.parametrize("name", ["Ac-225", "Pb-212", "Bi-213"])
def test_alpha_emitters_are_refused_by_name_in_a_plan(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{name} gives alphas"):
        parse_scheme(f"2 x 0.01 GBq {name} every 8 weeks")
    with pytest.raises(InputError, match=f"{name} gives alphas"):
        SearchSpace(nuclides=("Lu-177", name))
    path = tmp_path / "scheme.toml"
    path.write_text(f'[[cycle]]\nweek = 0\nactivity_gbq = {{ "{name}" = 0.01 }}\n')
    patient = tmp_path / "patient.toml"
    patient.write_text('id = "p"\n[[lesion]]\nid = "a"\nsite = "liver"\nlongest_diameter_mm = 30\n')
    status, _, said = ask(["predict", str(patient), "--scheme", str(path), "--draws", "50"])
    assert status == 2 and f"{name} gives alphas" in said
    own = tmp_path / "own.toml"
    own.write_text(f'name = "{name}"\n[therapy]\nactivity_gbq = 0.01\nsource = "a test"\n')
    status, _, said = ask(["predict", str(patient), "--nuclide-file", str(own), "--draws", "50"])
    assert status == 2 and f"{name} gives alphas" in said


def test_a_shipped_nuclide_needs_a_name_and_its_usual_activity_alone(tmp_path: Path) -> None:
    own = tmp_path / "tb.toml"
    own.write_text('name = "Tb-161"\n[therapy]\nactivity_gbq = 5.5\nsource = "a test"\n')
    with pytest.raises(InputError, match="no therapy is planned with Tb-161"):
        parse_scheme("2 x 5.5 GBq Tb-161")
    assert read_nuclide(own) is get_nuclide("Tb-161")
    assert parse_scheme("2 x 5.5 GBq 161Tb").nuclides == ("Tb-161",)
    alone = tmp_path / "alone.toml"
    alone.write_text(HOLMIUM.read_text().partition("[therapy]")[0])
    patient = tmp_path / "patient.toml"
    patient.write_text('id = "p"\n[[lesion]]\nid = "a"\nsite = "liver"\nlongest_diameter_mm = 30\n')
    status, _, said = ask(["predict", str(patient), "--nuclide-file", str(alone), "--draws", "50"])
    assert status == 2 and "[therapy]" in said
