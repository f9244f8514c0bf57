"""Lesion candidates on PET: what is found, what is left out, and that the SEG reads back as lesions of the study."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.jobs.lesions import SEG_FILE, lesions_command

from .conftest import GALLIUM, T0, identity

WHERE = {"primary": ((60, 0, 0), 14.0, 20.0), "met": ((-50, 10, 30), 9.0, 12.0), "kidney-left": ((40, -60, -20), 22.0, 25.0)}
"""Centre in mm, radius in mm, SUV."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    """A PET with a liver at SUV 4, a kidney and two lesions; liver and kidney are drawn."""
    root, who = tmp_path_factory.mktemp("lesions"), identity()
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = (-100.0, -100.0, -80.0)
    grid = Grid((50, 50, 40), affine, who.frame_of_reference_uid)
    at = grid.index_to_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    suv = np.full(grid.shape, 0.5)
    liver = (np.abs(at - [-50.0, 10.0, 0.0]) < [40.0, 40.0, 60.0]).all(-1)
    suv[liver] = 4.0
    balls = {name: np.linalg.norm(at - np.array(centre), axis=-1) <= radius for name, (centre, radius, _) in WHERE.items()}
    for name, ball in balls.items():
        suv[ball] = WHERE[name][2]
    per_suv = GALLIUM.activity_mbq * 1e6 / (1000.0 * float(who.weight_kg or 0))
    ct = write_ct(Volume(np.zeros(grid.shape), grid, Unit.HU, "CT"), root / "ct", who, description="CT", series_number=1)
    write_pet(Volume(suv * per_suv, grid, Unit.BQ_PER_ML, "PT", T0, "Ga-68"), root / "pet", who, administration=GALLIUM,
              description="PET", series_number=2, acquisition_time=T0, frame_duration_s=600)  # fmt: skip
    organs = [Region("liver", RegionKind.ORGAN, liver.astype(np.float32), grid),
              Region("kidney-left", RegionKind.ORGAN, balls["kidney-left"].astype(np.float32), grid)]  # fmt: skip
    write_rtstruct(organs, ct, root / "rs.dcm", who, series_number=3)
    return root


def test_candidates_lie_outside_the_organs_and_read_back(folder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    document = lesions_command(folder, tmp_path / "out")
    assert [row["id"] for row in document["lesions"]] == ["candidate-1"]
    row = document["lesions"][0]
    assert row["centre_mm"] == pytest.approx(WHERE["primary"][0], abs=1.0)
    assert row["volume_ml"] == pytest.approx(4 / 3 * np.pi * 1.4**3, rel=0.1)
    assert document["threshold_suv"] == pytest.approx(1.5 * 4.0, rel=0.1)
    assert document["organs_left_out"] == ["liver", "kidney-left"]
    study = shutil.copytree(folder, tmp_path / "study")
    shutil.copy(tmp_path / "out" / SEG_FILE, study / SEG_FILE)
    (lesion,) = read_study(study).lesions()
    assert lesion.name == "candidate-1" and lesion.volume_ml == pytest.approx(row["volume_ml"], rel=0.02)


def test_the_liver_is_searched_when_asked(folder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    document = lesions_command(folder, tmp_path / "out", search_liver=True)
    centres = [row["centre_mm"] for row in document["lesions"]]
    assert len(centres) == 2 and centres[1] == pytest.approx(WHERE["met"][0], abs=1.0)


def test_a_lesion_round_a_point(folder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    document = lesions_command(folder, tmp_path / "out", points_mm=[WHERE["met"][0]])
    (row,) = document["lesions"]
    edges = [np.arange(low, low + 4 * n, 4) for low, n in ((-100, 50), (-100, 50), (-80, 40))]  # voxel centres: a ball of whole voxels
    distance = np.linalg.norm(np.stack(np.meshgrid(*edges, indexing="ij"), -1) - np.array(WHERE["met"][0]), axis=-1)
    assert row["volume_ml"] == pytest.approx(0.064 * np.count_nonzero(distance <= WHERE["met"][1]), rel=1e-6)
    assert document["threshold_suv"] is None and "adaptive" in row["drawn_by"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"organ": "spleen"}, "taken from the spleen"),
        ({"suv": 90.0}, "nothing of 0.5 ml"),
        ({"points_mm": [(0.0, 0.0)]}, "three numbers"),
        ({"points_mm": [(900.0, 0.0, 0.0)]}, "outside the image"),
        ({"points_mm": [WHERE["met"][0]], "method": "magic"}, "unknown way"),
    ],
)  # fmt: skip
def test_refusals_leave_nothing_behind(folder, tmp_path, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        lesions_command(folder, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_without_organs_candidates_are_refused(folder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    study = shutil.copytree(folder, tmp_path / "study")
    (study / "rs.dcm").unlink()
    with pytest.raises(InputError, match="no organ is drawn"):
        lesions_command(study, tmp_path / "out", suv=5.0)
