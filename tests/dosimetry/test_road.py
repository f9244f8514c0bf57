"""The whole road on a small synthetic study: activities, doses, energy balance, reciprocity, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_study import BODY, COARSE, FINE, INJECTION, ORGANS, grid, inside, make_study, masks, true_tia_mbq_h

from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.compute import DoseResult, compute_doses
from neorlt.dosimetry.convolution import convolve
from neorlt.dosimetry.curves import activity_curves
from neorlt.dosimetry.derive import DERIVED, derived_dose, derived_tia
from neorlt.dosimetry.fit import fit_curves
from neorlt.dosimetry.region_dose import region_doses
from neorlt.dosimetry.s_values import region_s_values, settled_occupancies, sphere_s_gy_per_mbq_h, surface_mm2
from neorlt.dosimetry.voxel_dose import local_gy_per_mbq_h_per_ml, voxel_dose
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Unit, Volume
from neorlt.jobs.dose import dose_command
from neorlt.nuclides.spheres import sphere_s_values

JOULE_PER_MEV = 1.602176634e-13


def _true_doses(nuclide: str, injected_mbq: float) -> dict[str, float]:
    """Mean dose of each organ by direct convolution on the 2 mm grid: masks, not the estimate's regions."""
    from neorlt.nuclides.voxels import voxel_s_values

    fine = grid(FINE)
    where = masks(fine)
    total = np.zeros(fine.shape, dtype=np.float32)
    for organ in (*ORGANS, BODY):
        total += where[organ.name] * np.float32(true_tia_mbq_h(organ, injected_mbq, nuclide) / where[organ.name].sum())
    electrons = np.asarray(voxel_s_values(nuclide, FINE, 1.04, photons=False).s_mgy_per_mbq_s)
    dose = convolve(total, electrons) * 3.6
    return {organ.name: float(dose[where[organ.name]].mean()) for organ in ORGANS}


def test_activities_come_back_within_five_percent(result: DoseResult) -> None:
    for organ, tia in zip(ORGANS, result.tias, strict=True):
        assert tia.name == organ.name
        assert np.mean(tia.draws_mbq_h) == pytest.approx(true_tia_mbq_h(organ, 7400.0), rel=0.05)


def test_organ_doses_within_six_percent_of_another_road(result: DoseResult) -> None:
    """Truth: the electrons' dose on a 2 mm grid plus at most 6 % of photons (177Lu emits 35 of 183 keV as photons)."""
    truth = _true_doses("Lu-177", 7400.0)
    for dose in result.doses:
        electrons = float(np.mean(dose.draws_gy)) / truth[dose.name]
        assert 0.97 < electrons < 1.10


def test_region_dose_and_fine_voxel_dose_agree(result: DoseResult) -> None:
    for dose, histogram in zip(result.doses, result.histograms, strict=True):
        assert histogram.mean_gy == pytest.approx(float(np.mean(dose.draws_gy)), rel=0.03)


def test_map_holds_every_regions_activity(study: Study, result: DoseResult) -> None:
    by_name = {region.name: region for region in study.regions}
    occupancies = settled_occupancies([by_name[t.name] for t in result.tias], result.tia.grid)
    for tia, occupancy in zip(result.tias, occupancies, strict=True):
        inside = float(result.tia.array[occupancy > 0.999].sum()) * result.tia.grid.voxel_ml
        assert inside <= np.mean(tia.draws_mbq_h) * 1.001
    total = float(result.tia.array.sum(dtype=np.float64)) * result.tia.grid.voxel_ml
    expected = sum(true_tia_mbq_h(o, 7400.0) for o in (*ORGANS, BODY))
    # The images are cut where the body leaves the field of view; nothing else is lost.
    assert total == pytest.approx(expected, rel=0.03)


def test_energy_balance_and_linearity_of_the_voxel_dose() -> None:
    where = grid(4.0)
    array = np.zeros(where.shape, dtype=np.float32)
    array[25:30, 18:22, 17:23] = 3.0
    tia = Volume(array, where, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide="Y-90")
    dose = voxel_dose(tia)
    absorbed_j = float(dose.array.sum(dtype=np.float64)) * where.voxel_ml * SOFT_TISSUE_G_PER_CM3 / 1000.0
    local = local_gy_per_mbq_h_per_ml("Y-90") * SOFT_TISSUE_G_PER_CM3 / 1000.0 * float(array.sum()) * where.voxel_ml
    assert absorbed_j == pytest.approx(local, rel=0.01)
    double = voxel_dose(tia.with_array(2 * array))
    assert double.array == pytest.approx(2 * dose.array, rel=1e-4, abs=1e-4)
    mixed = voxel_dose([tia, tia])
    assert mixed.array == pytest.approx(2 * dose.array, rel=1e-4, abs=1e-4)
    assert mixed.nuclide is None


def test_twice_the_density_halves_the_dose_and_units_are_checked() -> None:
    where = grid(4.0)
    tia = Volume(np.ones(where.shape), where, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide="Lu-177")
    heavy = Volume(np.full(where.shape, 2 * SOFT_TISSUE_G_PER_CM3), where, Unit.G_PER_CM3, "CT")
    assert voxel_dose(tia, density=heavy, method="local").array == pytest.approx(
        0.5 * voxel_dose(tia, method="local").array, rel=1e-5
    )
    with pytest.raises(InputError, match="unit of density"):
        voxel_dose(tia, density=Volume(np.ones(where.shape), where, Unit.HU, "CT"), method="local")


@pytest.mark.parametrize("nuclide", ["Lu-177", "Y-90"])
def test_s_values_are_reciprocal_and_a_sphere_is_a_sphere(nuclide: str) -> None:
    where = grid(4.0)
    ball = [o for o in ORGANS if o.name == "primary"][0]
    fine = masks(grid(2.0))

    def occupancy(name: str) -> np.ndarray:
        n = where.shape
        return fine[name].reshape(n[0], 2, n[1], 2, n[2], 2).mean(axis=(1, 3, 5)).astype(np.float32)

    regions = [Region(o.name, o.kind, occupancy(o.name), where) for o in ORGANS]
    occupancies = settled_occupancies(regions, where)
    volume = np.array([r.volume_ml for r in regions])
    surfaces = np.array([surface_mm2(r) for r in regions])
    s = region_s_values(nuclide, where, occupancies, volume, surfaces, np.full(3, 1.04)).s_gy_per_mbq_h
    kidney, liver, primary = 0, 1, 2
    if nuclide == "Lu-177":
        assert s[kidney, liver] == pytest.approx(s[liver, kidney], rel=0.02)
        assert s[kidney, liver] > 0
    sphere_volume = 4 / 3 * np.pi * np.prod(ball.axes) / 1000
    assert s[primary, primary] * volume[primary] == pytest.approx(
        sphere_s_gy_per_mbq_h(nuclide, sphere_volume * 1.04) * sphere_volume, rel=0.015
    )


def test_a_planted_five_percent_error_shows(study: Study, result: DoseResult, monkeypatch: pytest.MonkeyPatch) -> None:
    import neorlt.dosimetry.s_values as module

    right = module.electron_self_s_gy_per_mbq_h
    monkeypatch.setattr(module, "electron_self_s_gy_per_mbq_h", lambda *a: 1.05 * right(*a))
    wrong = region_doses(study, result.tias, seed=1)
    for before, after in zip(result.doses, wrong, strict=True):
        assert np.mean(after.draws_gy) / np.mean(before.draws_gy) > 1.04


def test_correction_off_shows_its_bias(study: Study, result: DoseResult) -> None:
    off = compute_doses(study, correct=False, seed=1, n_draws=50)
    assert "off" in off.warnings[0]
    for with_it, without in zip(result.tias, off.tias, strict=True):
        assert np.mean(without.draws_mbq_h) < 0.97 * np.mean(with_it.draws_mbq_h)
    lesion = [np.mean(t.draws_mbq_h) for t in off.tias][2]
    assert lesion < 0.8 * true_tia_mbq_h(ORGANS[2], 7400.0)


def test_another_seed_gives_other_noise_and_the_same_verdict() -> None:
    curves = activity_curves(make_study(seed=99))
    tias = fit_curves(curves, n_draws=200, seed=5)
    for organ, tia in zip(ORGANS, tias, strict=True):
        assert np.mean(tia.draws_mbq_h) == pytest.approx(true_tia_mbq_h(organ, 7400.0), rel=0.05)


def test_y90_plan_from_lu177_images_matches_a_study_simulated_with_y90(result: DoseResult) -> None:
    truth = _true_doses("Y-90", 2800.0)
    for organ, dose in zip(ORGANS, result.doses, strict=True):
        plan = derived_dose(dose, "Y-90", 2800.0)
        assert DERIVED in plan.flags
        assert "derived" in plan.method
        assert np.mean(plan.tia.draws_mbq_h) == pytest.approx(true_tia_mbq_h(organ, 2800.0, "Y-90"), rel=0.05)
        assert np.mean(plan.draws_gy) == pytest.approx(truth[organ.name], rel=0.06)
        # Joint draws: the kidney that is high with one nuclide is high with the other.
        assert np.corrcoef(np.log(plan.draws_gy), np.log(dose.draws_gy))[0, 1] > 0.85


def test_derived_back_and_forth_is_the_same(result: DoseResult) -> None:
    there = derived_tia(result.tias[0], "Y-90")
    back = derived_tia(there, "Lu-177")
    assert back.draws_mbq_h == pytest.approx(result.tias[0].draws_mbq_h, rel=1e-9)


def test_document_has_the_fixed_keys(study: Study) -> None:
    document, volumes = dose_command(study, seed=1, n_draws=50)
    assert set(volumes) == {"dose", "tia", "density"}
    assert volumes["dose"].unit is Unit.GY
    for row in document.as_json()["regions"]:
        assert {"name", "volume_ml", "tia_mbq_h", "dose_gy", "effective_half_life_h", "model", "status", "recovery"} <= set(row)
        assert set(row["dose_gy"]) == set(row["tia_mbq_h"]) == {"median", "ci90", "mean", "sd"}


def test_s_values_of_the_user_replace_ours_and_are_named(study: Study, result: DoseResult, tmp_path: Path) -> None:
    """Self S of a table made from our own spheres, 8 % up: the organ's own dose goes up by as much, and says why."""
    name, mass = result.doses[0].name, result.doses[0].mass_g
    own = 1.08 * float(sphere_s_values("Lu-177", mass, 1.04).s_mgy_per_mbq_s[0])
    file = tmp_path / "mine.csv"
    file.write_text(f"# unit: mGy/MBq.s\ntarget,{name},mass_g\n{name},{own!r},{mass!r}\n")
    document, _ = dose_command(study, seed=1, n_draws=400, s_values=file)
    row = next(r for r in document.regions if r.name == name)
    assert "S-values from mine.csv (matrix" in row.method
    assert document.s_values[0].startswith("S-values of Lu-177 from mine.csv")
    before = float(np.mean(result.doses[0].draws_gy))
    assert 1.0 < row.dose_gy.mean / before < 1.12
    others = [r for r in document.regions if r.name != name]
    assert all("point kernel" in r.method for r in others)


def _beds(study: Study) -> tuple[Volume, Volume]:
    """The last image as two bed positions twenty minutes apart, each an image of its own."""
    last = study.therapy_images()[-1]
    half = last.grid.shape[2] // 2
    (nx, ny, nz), up = last.grid.shape, np.array(last.grid.affine)
    up[:3, 3] = last.grid.index_to_mm(np.array([0, 0, half]))
    low = replace(last, array=last.array[:, :, :half], grid=replace(last.grid, shape=(nx, ny, half)))
    high = replace(last, array=last.array[:, :, half:], grid=replace(last.grid, shape=(nx, ny, nz - half), affine=up))
    return low, replace(high, time=last.time + timedelta(minutes=20))


def test_refusals(study: Study) -> None:
    with pytest.raises(InputError, match="no region"):
        activity_curves(replace(study, regions=()))
    with pytest.raises(InputError, match="blur of the SPECT is not stated"):
        activity_curves(replace(study, psf_fwhm_mm=None))
    with pytest.raises(InputError, match="no quantitative SPECT"):
        activity_curves(replace(study, volumes=study.ct_images()))
    late = replace(study.administrations[0], time=INJECTION + timedelta(hours=50))
    with pytest.raises(InputError, match="times run backwards"):
        activity_curves(replace(study, administrations=(late,)))
    twice = replace(study, volumes=(*study.volumes, replace(study.therapy_images()[-1], description="another reconstruction")))
    with pytest.raises(InputError, match="two reconstructions of one acquisition"):
        activity_curves(twice)
    low, high = _beds(study)
    beds = replace(study, volumes=(*study.ct_images(), *study.therapy_images()[:-1], low, high))
    with pytest.raises(InputError, match="two parts of the body"):
        activity_curves(beds)
    lesion = next(organ for organ in ORGANS if organ.name == "primary")
    around = inside(replace(lesion, axes=(24.0, 24.0, 24.0)), grid(COARSE))
    cold_around = tuple(replace(v, array=v.array * inside(lesion, v.grid)) for v in study.therapy_images())
    margin = Region("margin", RegionKind.LESION, around.astype(np.float32), grid(COARSE))
    with pytest.raises(InputError, match=r"no activity of its own.*region margin"):
        activity_curves(replace(study, volumes=cold_around, regions=(*(r for r in study.regions if r.name == "primary"), margin)))
    with pytest.raises(InputError, match="unknown dose method"):
        compute_doses(study, method="guess", n_draws=10)  # type: ignore[arg-type]
