"""Counts to activity from a phantom: sensitivity and dead time recovered, uncertainty honest, the file read back by a study."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest

from neorlt.core.errors import InputError
from neorlt.dicom.identity import Identity
from neorlt.dicom.settings import read_settings
from neorlt.dicom.write_nm import SCALE, write_spect
from neorlt.dosimetry.camera_calibration import CalibrationScan, calibrate_camera
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.jobs.calibrate_camera import calibrate_camera_command

SENSITIVITY, TAU_US = 10.0, 0.8
START = datetime(2026, 3, 2, 9, 0)
PHANTOM = Identity("phantom", "phantom", None, "O", None, None, None, "1.2.3.4", START, "1.2.3")


def _scan(activity: float, rng: np.random.Generator | None = None, tau_us: float = TAU_US) -> CalibrationScan:
    rate = SENSITIVITY * activity * np.exp(-SENSITIVITY * activity * tau_us * 1e-6)
    counts = rate * 1800.0
    return CalibrationScan(f"{activity:g} MBq", activity, counts if rng is None else float(rng.poisson(counts)), 1800.0)


def test_sensitivity_and_dead_time_come_back() -> None:
    found = calibrate_camera([_scan(a) for a in (7000.0, 3000.0, 1000.0, 300.0)], activity_relative_sd=0.02)
    assert found.cps_per_mbq == pytest.approx(SENSITIVITY, rel=0.002)
    assert found.dead_time_us == pytest.approx(TAU_US, rel=0.05)
    assert found.loss(7000.0) == pytest.approx(1 - np.exp(-0.056), rel=0.05)
    assert found.relative_sd == pytest.approx(0.02, rel=0.05)


def test_uncertainty_of_counting_covers() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        found = calibrate_camera([_scan(a, rng) for a in (9.0, 6.0, 3.0)], activity_relative_sd=1e-4)
        inside += abs(found.cps_per_mbq / SENSITIVITY - 1) < 1.96 * found.relative_sd
    assert 170 <= inside <= 200


def test_too_few_scans_know_no_dead_time_and_a_far_one_is_named() -> None:
    one = calibrate_camera([_scan(500.0)], activity_relative_sd=0.03)
    assert one.dead_time_us is None and one.loss(7400.0) == 0.0 and "three scans" in one.notes[0]
    odd = calibrate_camera([_scan(500.0), CalibrationScan("wrong", 400.0, 8.0 * 400 * 1800, 1800.0)], activity_relative_sd=0.03)
    assert any(note.startswith("wrong lies") for note in odd.notes) and odd.relative_sd > 0.05


def test_a_table_makes_a_file_that_a_study_reads(tmp_path: Path) -> None:
    table = tmp_path / "scans.csv"
    rows = [_scan(a) for a in (4000.0, 2000.0, 500.0)]
    table.write_text("activity_mbq,counts,seconds\n" + "\n".join(f"{s.activity_mbq},{s.counts},{s.seconds}" for s in rows))
    calibrate_camera_command(table, tmp_path / "out", nuclide="177Lu", activity_relative_sd=0.02)
    read = read_settings(tmp_path / "out").calibration
    assert read is not None
    assert (read.nuclide, read.cps_per_mbq) == ("Lu-177", pytest.approx(SENSITIVITY, rel=0.01))
    assert read.relative_sd == pytest.approx(0.02, rel=0.1)
    with pytest.raises(InputError, match="nuclide of the scans"):
        calibrate_camera_command(table, tmp_path / "out", activity_relative_sd=0.02)
    with pytest.raises(InputError, match="uncertainty of the phantom"):
        calibrate_camera_command(table, tmp_path / "out", nuclide="Lu-177")


def test_a_folder_of_spect_in_counts(tmp_path: Path) -> None:
    affine = np.diag([4.8, 4.8, 4.8, 1.0])
    array = np.zeros((24, 24, 20), dtype=np.float32)
    array[6:18, 6:18, 5:15] = 2.0e6
    given = Administration("Lu-177", 900.0, START)
    expected = []
    folder = tmp_path / "phantom"
    folder.mkdir()
    for n, hours in enumerate((1.0, 200.0)):
        at = START + timedelta(hours=hours)
        volume = Volume(array, Grid(array.shape, affine, "1.2.3"), Unit.BQ_PER_ML, "NM", START, "Lu-177")
        file = folder / f"scan{n}.dcm"
        write_spect(volume, file, PHANTOM, administration=given, acquisition_time=at, frame_duration_s=1200.0,
                    description="phantom", series_number=n + 1)
        dataset = pydicom.dcmread(file)
        for name in SCALE:
            delattr(dataset, name)
        dataset.save_as(file)
        activity = 900.0 * 2.0 ** (-hours / (6.647 * 24))
        expected.append(float(dataset.pixel_array.sum(dtype=float)) / 1200.0 / activity)
    (folder / "phantom.toml").write_text(
        f'nuclide = "Lu-177"\nactivity_mbq = 900.0\nmeasured_at = {START.isoformat()}\nactivity_relative_sd = 0.02\nsource = "a test"\n')
    document = calibrate_camera_command(folder, tmp_path / "out")
    low, high = sorted(expected)
    assert low * 0.995 <= document["cps_per_mbq"] <= high * 1.005
    assert len(document["scans"]) == 2
    (folder / "phantom.toml").write_text('nuclide = "Lu-177"\n')
    with pytest.raises(InputError, match="incomplete"):
        calibrate_camera_command(folder, tmp_path / "out")
