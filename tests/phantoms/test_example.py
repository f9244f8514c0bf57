"""The written study: read back by its own reader and by pydicom, the same for the same seed, the truth outside it."""

import hashlib
import json
import tomllib
from datetime import timedelta

import numpy as np
import pydicom
import pytest
from scipy import ndimage

from neorlt.core.errors import InputError
from neorlt.phantoms import example, images
from neorlt.phantoms.cases import CASES, SPECT, SPECT_TIMES_H, case


def test_truth_lies_outside_the_study(christie):
    paths, out = christie
    assert paths == {"study": str(out / "study"), "patient": str(out / "patient.toml"), "truth": str(out / "truth.json")}
    assert json.loads((out / "truth.json").read_text())["seed"] == 0
    assert not [p for p in (out / "study").rglob("*") if "truth" in p.name]


def test_every_file_says_synthetic(christie):
    files = list((christie[1] / "study").rglob("*.dcm"))
    assert len(files) > 190
    for path in files:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert header.SeriesDescription.startswith("synthetic")
        assert header.PatientID == "synthetic-christie"


def test_regions_come_back_with_their_volume(study):
    truth = {s.name: case("christie").ct().volume_ml(s.name) for s in case("christie").sources if s.name != "rest-of-body"}
    found = {r.name: r.volume_ml for r in study.regions}
    assert set(truth) < set(found)
    for name, volume in truth.items():
        assert found[name] == pytest.approx(volume, rel=0.02), name


def test_times_and_activities_come_back(study):
    spect, administration = study.therapy_images(), study.therapy_administration()
    assert administration.activity_mbq == pytest.approx(7400)
    assert [v.time - administration.time for v in spect] == [timedelta(hours=h) for h in SPECT_TIMES_H]
    (pet,) = study.pet_images()
    assert pet.time == images.PET_INJECTION + timedelta(hours=1)
    assert study.weight_kg == pytest.approx(70)
    assert study.psf_fwhm_mm == pytest.approx(images.stated_fwhm_mm())


@pytest.mark.slow
def test_files_hold_what_the_study_in_memory_holds(study):
    """16 stored bits are the only difference."""
    made = images.study_in_memory("christie", seed=0)
    for read, written in zip(study.therapy_images(), made.therapy_images(), strict=True):
        assert read.time == written.time
        assert read.grid.affine == pytest.approx(written.grid.affine, abs=1e-3)
        assert np.abs(read.array - written.array).max() < 1e-4 * written.array.max()
    (ct,), (made_ct,) = study.ct_images(), made.ct_images()
    assert np.array_equal(ct.array, made_ct.array)


def test_images_hold_the_true_activity(study):
    """Sum over each SPECT against the curves at that time: blur conserves it, noise is small over the whole image."""
    for image, hours in zip(study.therapy_images(), SPECT_TIMES_H, strict=True):
        total = float(image.array.sum(dtype=np.float64)) * image.grid.voxel_ml / 1e6
        truth = sum(float(s.kinetics.activity_mbq(hours, 7400.0)) for s in case("christie").active())
        # up to 2 % of the body's activity is blurred out of the field of view at its upper and lower end
        assert 0.975 * truth < total < 1.005 * truth


def test_organ_activity_lies_in_the_organ(study):
    """An image turned or shifted against the contours would fail here: the spleen is the hottest part after tumours."""
    from neorlt.imaging.resample import region_on

    image = study.therapy_images()[1]
    means = {}
    for region in study.regions:
        weight = region_on(region, image.grid)
        means[region.name] = float((image.array * weight).sum() / weight.sum())
    assert means["tumour-3"] > means["spleen"] > means["kidney-left"] > means["liver"] > 5 * means["body"] / 2


def test_suv_inside_the_liver_is_the_stated_one(study):
    """More than 15 mm from its surface neither blur nor contour matters: what is left is scale and the faint tail."""
    from neorlt.imaging.resample import region_on
    from neorlt.imaging.suv import suv_images

    image = suv_images(study)[0]
    liver = region_on(next(r for r in study.regions if r.name == "liver"), image.grid) > 0.5
    inside = ndimage.distance_transform_edt(liver, sampling=image.grid.spacing_mm) > 15
    assert inside.sum() > 1000
    assert float(image.array[inside].mean(dtype=np.float64)) == pytest.approx(6.0, rel=0.01)


def digest(folder):
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_same_seed_same_bytes(christie, tmp_path):
    example.write_example("christie", tmp_path / "again", seed=0)
    assert digest(tmp_path / "again") == digest(christie[1])


def test_another_seed_draws_other_noise_on_the_same_truth():
    patient = case("christie")
    rng = np.random.default_rng(0)
    activity = np.zeros(patient.fine().grid.shape, dtype=np.float32)
    activity[90:110, 60:80, 90:110] = rng.random((20, 20, 20))
    one, same, other = (images.seen(activity, patient, SPECT, images.SPECT_GRID, seed, "SPECT 4 h") for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    # a sum of Poisson counts: within five standard deviations
    counts = one.sum(dtype=np.float64) / 1e6 * images.SPECT_GRID.voxel_ml * SPECT.counts_per_mbq
    assert other.sum(dtype=np.float64) == pytest.approx(one.sum(dtype=np.float64), rel=5 * np.sqrt(2 / counts))


@pytest.mark.parametrize("name", CASES)
def test_lesions_of_patient_toml_are_regions(name):
    from neorlt.core.tables import read_text

    patient = tomllib.loads(read_text("phantoms", f"{name}_patient.toml"))
    lesions = {s.name for s in CASES[name].sources if s.kind.value == "lesion"}
    assert {row["id"] for row in patient["lesion"]} == lesions
    if name == "pannet-head":
        primary = patient["lesion"][0]
        assert primary["longest_diameter_mm"] == 45
        assert primary["ki67_pct"] == 8
        assert [(v["name"], v["contact_deg"]) for v in primary["vessels"]] == [("SMV", 220), ("SMA", 90)]


def test_unknown_name_and_foreign_folder_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(InputError, match="no such example"):
        example.write_example("nobody", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(InputError):
        example.write_example("christie", tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]
