"""The main job end to end, on real anatomy, against truth made by another road (Monte Carlo, finer grid, other blur)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.jobs.dose import run_dose
from neorlt.jobs.plan import run_plan
from neorlt.phantoms.example import write_example

ORGANS = ("liver", "spleen", "kidney-left", "kidney-right")
TUMOURS = ("tumour-1", "tumour-2", "tumour-3")
LIMITS = {**{name: (0.05, 0.06) for name in ORGANS}, **{name: (0.20, 0.20) for name in TUMOURS}}


def misses(dose: dict, truth: dict) -> dict[str, tuple[float, float]]:
    """Regions whose time-integrated activity or dose is off by more than is allowed, with both relative errors."""
    found = {row["name"]: row for row in dose["regions"]}
    out = {}
    for row in truth["regions"]:
        if row["name"] in LIMITS:
            ours = found[row["name"]]
            errors = (ours["tia_mbq_h"]["mean"] / row["tia_mbq_h"] - 1, ours["dose_gy"]["mean"] / row["dose_gy"] - 1)
            if any(abs(e) > limit for e, limit in zip(errors, LIMITS[row["name"]], strict=True)):
                out[row["name"]] = errors
    return out


@pytest.fixture(scope="module")
def truth(christie: Path) -> dict:
    return json.loads((christie / "truth.json").read_text())


@pytest.fixture(scope="module")
def dose(christie: Path, tmp_path_factory) -> dict:
    return run_dose(christie / "study", tmp_path_factory.mktemp("dose") / "out", seed=1)


def test_doses_agree_with_monte_carlo_truth(dose, truth):
    assert set(LIMITS) <= {row["name"] for row in truth["regions"]}
    assert misses(dose, truth) == {}


def test_small_tumours_are_flagged_by_name(dose):
    for name in TUMOURS:
        row = next(r for r in dose["regions"] if r["name"] == name)
        assert row["recovery"] < 0.6
        assert any(name in text and "recovery" in text for text in dose["warnings"])


def test_without_correction_the_bias_is_shown(christie, truth, tmp_path):
    blurred = run_dose(christie / "study", tmp_path / "out", partial_volume=False, seed=1)
    assert any("correction is off" in text for text in blurred["warnings"])
    wrong = misses(blurred, truth)
    assert set(TUMOURS) <= set(wrong)
    assert all(wrong[name][0] < -0.3 for name in TUMOURS)
    assert wrong["spleen"][0] < -0.05


def test_a_kernel_that_is_5_percent_wrong_is_caught(christie, truth, tmp_path, monkeypatch):
    from neorlt.nuclides import spheres, voxels

    sphere, voxel = spheres.sphere_s_values, voxels.voxel_s_values

    def wrong_sphere(*args, **kwargs):
        good = sphere(*args, **kwargs)
        return replace(good, s_mgy_per_mbq_s=1.05 * good.s_mgy_per_mbq_s, phi_electron=1.05 * good.phi_electron)

    def wrong_voxel(*args, **kwargs):
        good = voxel(*args, **kwargs)
        return replace(good, s_mgy_per_mbq_s=1.05 * good.s_mgy_per_mbq_s)

    monkeypatch.setattr(spheres, "sphere_s_values", wrong_sphere)
    monkeypatch.setattr(voxels, "voxel_s_values", wrong_voxel)
    assert misses(run_dose(christie / "study", tmp_path / "out", seed=1), truth)


@pytest.mark.slow
def test_another_noise_seed_gives_the_same_verdict(christie, truth, tmp_path):
    write_example("christie", tmp_path / "other", seed=2)
    other = run_dose(tmp_path / "other" / "study", tmp_path / "out", seed=2)
    assert misses(other, truth) == {}
    assert json.loads((tmp_path / "other" / "truth.json").read_text())["regions"] == truth["regions"]


@pytest.fixture(scope="module")
def plan(christie: Path, tmp_path_factory) -> tuple[dict, Path]:
    out = tmp_path_factory.mktemp("plan") / "report"
    return run_plan(christie / "study", christie / "patient.toml", out, n_draws=200, seed=1), out


def test_plan_writes_report_plan_run_and_dose_volumes(plan):
    document, out = plan
    names = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert names >= {"report.html", "plan.json", "run.json", "dose/absorbed_dose_gy.nii.gz", "dose/absorbed_dose_parametric_map.dcm",
                     "dose/absorbed_dose_rtdose.dcm"}
    assert json.loads((out / "plan.json").read_text())["schemes"][0]["name"] == document["schemes"][0]["name"]
    run = json.loads((out / "run.json").read_text())
    assert run["seed"] == 1
    assert run["inputs"]["n_files"] > 10
    assert len(run["tables"]) >= 5


def test_plan_holds_the_fixed_keys(plan):
    document, _ = plan
    assert set(document) >= {"patient", "lesions", "organs", "schemes", "warnings", "uncertainty"}
    assert set(document["uncertainty"]) == {row["name"] for row in (*document["organs"], *document["curves"])}
    for bars in document["uncertainty"].values():
        assert sum(bar["share"] for bar in bars) == pytest.approx(1.0)
        assert "between cycles" in {bar["part"] for bar in bars}
    assert len(document["schemes"]) >= 6
    for scheme in document["schemes"]:
        assert set(scheme) >= {"name", "cycles", "p_objective_response", "p_resectable", "diameter_change_pct", "kidney_bed_gy",
                               "platelets_nadir", "labels"}
        assert {"median", "ci90", "p_over_limit"} <= set(scheme["kidney_bed_gy"])
        assert {"value_e9_per_l", "week", "p_grade34"} <= set(scheme["platelets_nadir"])
    assert {row["name"] for row in document["organs"]} == set(ORGANS)
    assert document["synthetic"]


def test_plan_and_dose_say_what_each_region_is_and_how_numbers_became_activity(plan, dose):
    document, out = plan
    roles = {row["name"]: row["role"] for row in document["roles"]}
    assert {name: roles[name] for name in (*ORGANS, *TUMOURS)} == {**dict.fromkeys(ORGANS, "organ"), **dict.fromkeys(TUMOURS, "lesion")}
    assert all(row["why"] for row in document["roles"])
    assert {row["step"] for row in document["ledger"] if row["image"].startswith("SPECT")} >= {"map", "decay", "injection", "stated"}
    assert {row["from"] for row in document["ledger"]} >= {"header", "header, not used"}
    kept = json.loads((out / "dose" / "dose.json").read_text())
    for one in (dose, kept):
        assert one["roles"] == document["roles"]
        assert [row["step"] for row in one["ledger"]] == [row["step"] for row in document["ledger"]]
    html = (out / "report.html").read_text()
    assert 'id="roles"' in html
    assert "RealWorldValueMappingSequence" in html


def test_planned_lesion_dose_is_the_measured_one(plan, dose):
    document, _ = plan
    measured = {row["name"]: row for row in dose["regions"]}
    for lesion in document["lesions"]:
        assert lesion["dose_gy"]["mean"] == pytest.approx(measured[lesion["id"]]["dose_gy"]["mean"], rel=0.05)


def test_report_stands_alone_and_says_what_it_is(plan):
    _, out = plan
    html = (out / "report.html").read_text()
    assert "not a medical device" in html
    assert "ynthetic" in html
    assert 'src="http' not in html
    assert "url(http" not in html


def test_dose_volume_agrees_with_region_dose(plan):
    import SimpleITK as sitk

    document, out = plan
    array = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "dose" / "absorbed_dose_gy.nii.gz")))
    assert np.all(np.isfinite(array))
    assert array.max() > max(row["dose_gy"]["mean"] for row in document["organs"])


# Bad input: exit 2, one sentence with the remedy, no output folder.


def refused(study: Path | None, patient: Path | None, out: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        run_plan(study, patient, out, n_draws=50)
    assert caught.value.remedy
    assert not out.exists()
    assert [p.name for p in out.parent.iterdir() if p.name.startswith(f".{out.name}")] == []


def test_nothing_to_plan_from(tmp_path):
    refused(None, None, tmp_path / "out", "nothing to plan")


def test_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", None, tmp_path / "out", "")


def test_study_without_regions(christie, tmp_path):
    shutil.copytree(christie / "study", tmp_path / "bare", ignore=shutil.ignore_patterns("seg.dcm", "rtstruct.dcm"))
    refused(tmp_path / "bare", christie / "patient.toml", tmp_path / "out", "region")


def test_truncated_file(christie, tmp_path):
    shutil.copytree(christie / "study", tmp_path / "cut")
    victim = sorted((tmp_path / "cut").glob("spect*.dcm"))[0]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    refused(tmp_path / "cut", christie / "patient.toml", tmp_path / "out", "")


def test_two_patients_in_one_folder(christie, tmp_path):
    from pydicom import dcmread

    shutil.copytree(christie / "study", tmp_path / "mixed")
    victim = sorted((tmp_path / "mixed").glob("spect*.dcm"))[0]
    data = dcmread(victim)
    data.PatientID = "somebody-else"
    data.save_as(victim)
    refused(tmp_path / "mixed", christie / "patient.toml", tmp_path / "out", "patient")


def test_spect_without_its_scale(christie, tmp_path):
    from pydicom import dcmread

    from neorlt.dicom.write_nm import SCALE

    shutil.copytree(christie / "study", tmp_path / "counts")
    for path in (tmp_path / "counts").glob("spect*.dcm"):
        data = dcmread(path)
        for name in SCALE:
            delattr(data, name)
        data.save_as(path)
    refused(tmp_path / "counts", christie / "patient.toml", tmp_path / "out", "")


def run_cli(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "neorlt.cli", *arguments], capture_output=True, text=True, cwd=cwd)


def test_command_line_prints_one_json_document_and_warns_on_stderr(tmp_path):
    result = run_cli("sphere", "Lu-177", "--mass-g", "1,10", "--json")
    assert result.returncode == 0
    assert len(json.loads(result.stdout)["spheres"]) == 2
    assert result.stderr == ""


@pytest.mark.parametrize(("arguments", "words"), [
    (("sphere", "Xx-1"), "nuclide"), (("sphere", "Lu-177", "--mass-g", "one"), "list of numbers"), (("plan", "--out", "x"), "nothing"),
    (("nonsense",), "No such command"), (("predict", "none.toml"), "does not exist"), (("example", "nobody", "--out", "x"), "example"),
])
def test_wrong_options_end_with_2_and_one_sentence(arguments, words, tmp_path):
    result = run_cli(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_strict_ends_with_3_outside_the_data(tmp_path):
    (tmp_path / "p.toml").write_text('id = "synthetic"\n[[lesion]]\nid = "a"\nsite = "liver"\nlongest_diameter_mm = 12\n')
    result = run_cli("predict", "p.toml", "--scheme", "1 x 7.4 GBq Lu-177", "--draws", "50", "--strict", "--json", cwd=tmp_path)
    assert result.returncode == 3, result.stderr
    assert "outside a stated validity window" in result.stderr
    document = json.loads(result.stdout)
    assert document["schemes"][0]["platelets_nadir"] is None
    assert document["schemes"][0]["platelets_nadir_reason"]
