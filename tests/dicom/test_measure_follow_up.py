"""Measuring studies against one another, uptake against organs, and the doors on the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from neorlt.cli import app
from neorlt.core.errors import InputError
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Study
from neorlt.imaging.uptake import normal_uptake
from neorlt.imaging.volume import Unit
from neorlt.jobs.measure import measure_command
from neorlt.jobs.pacs import read_keys

from .conftest import Made, regions_on


def _with_regions(made: Made, folder: Path, regions: list[Region]) -> Path:
    shutil.copytree(made.folder, folder)
    (folder / "rs.dcm").unlink()
    ct = [folder / p.relative_to(made.folder) for p in made.ct]
    write_rtstruct(regions, ct, folder / "rs.dcm", made.identity, series_number=3)
    return folder


def _box(like: Region, name: str, x: slice, y: slice, z: slice, kind: RegionKind = RegionKind.LESION) -> Region:
    mask = np.zeros_like(like.occupancy)
    mask[x, y, z] = 1.0
    return Region(name, kind, mask, like.grid)


@pytest.fixture
def smaller(made, tmp_path) -> Path:  # type: ignore[no-untyped-def]
    """The study again, its primary 20 mm instead of 28 mm across."""
    liver, kidney, primary = regions_on(made.ct_volume.grid)
    return _with_regions(made, tmp_path / "later", [liver, kidney, _box(primary, "primary", slice(12, 15), slice(10, 13), slice(3, 7))])


def test_follow_up_gives_the_response_with_its_slices(made, smaller) -> None:  # type: ignore[no-untyped-def]
    document = measure_command(made.folder, follow_up=smaller)
    response = document["response"]
    before, after = (next(r for r in document["lesions"] if r["study"] == n) for n in (0, 1))
    assert response["sum_before_mm"] == pytest.approx(before["longest_diameter_mm"])
    assert response["sum_after_mm"] == pytest.approx(after["longest_diameter_mm"])
    assert response["recist"] == "PR"  # about -32 %
    assert response["sum_change_pct"] < -30
    (size,) = response["sizes"]
    assert size["slice_before_mm"] == before["slice_mm"]
    assert size["slice_after_mm"] == after["slice_mm"]
    assert response["mrecist"] is None
    assert "viable" in response["mrecist_reason"]
    assert len(response["series"]) == 1


def test_the_formula_is_shown_with_every_number(made) -> None:  # type: ignore[no-untyped-def]
    formula = next(s for s in measure_command(made.folder)["sources"] if "SUVbw =" in s)
    for number in ("70 kg", "150 MBq", "09:00:00", "10:00:00"):
        assert number in formula


def test_nadir_over_several_follow_ups(made, smaller) -> None:  # type: ignore[no-untyped-def]
    """Back to the first size: no growth over the baseline, but progression over the nadir (+20 % and +5 mm)."""
    response = measure_command(made.folder, follow_up=[smaller, made.folder])["response"]
    assert [one["recist"] for one in response["series"]] == ["PR", "PD"]
    assert response["nadir_mm"] == response["series"][0]["sum_after_mm"]


def test_the_enhancing_part_gives_mrecist_and_is_no_lesion(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    liver, kidney, primary = regions_on(made.ct_volume.grid)
    whole = _box(primary, "primary-viable", slice(12, 17), slice(10, 14), slice(3, 7))
    half = _box(primary, "primary-viable", slice(12, 14), slice(10, 12), slice(3, 7))
    one = _with_regions(made, tmp_path / "one", [liver, kidney, primary, whole])
    two = _with_regions(made, tmp_path / "two", [liver, kidney, primary, half])
    document = measure_command(one, follow_up=two)
    assert {row["id"] for row in document["lesions"]} == {"primary"}
    assert document["response"]["recist"] == "SD"
    assert document["response"]["mrecist"] == "PR"
    missing = measure_command(one, follow_up=made.folder)["response"]
    assert missing["mrecist"] is None
    assert "not drawn in every study" in missing["mrecist_reason"]


def test_a_lesion_inside_the_liver_does_not_count_as_normal_liver(made) -> None:  # type: ignore[no-untyped-def]
    liver = regions_on(made.ct_volume.grid)[0]
    inside = _box(liver, "liver-met-1", slice(4, 6), slice(5, 7), slice(4, 6))
    image = made.pet_volume.with_array(1.0 + 9.0 * inside.occupancy, Unit.SUV_BW)
    study = Study("k", (image,), (liver, inside))
    assert normal_uptake(image, study, "liver") == pytest.approx(1.0)
    assert normal_uptake(image, study, "spleen") is None


def test_krenning_is_given_only_when_asked_for_and_says_what_it_is(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    liver, kidney, primary = regions_on(made.ct_volume.grid)
    folder = _with_regions(made, tmp_path / "spleen", [liver, replace(kidney, name="spleen"), primary])
    (row,) = measure_command(folder)["lesions"]
    assert row["krenning_score"] is None
    assert "--krenning" in row["krenning_reason"]
    (row,) = measure_command(folder, krenning=True)["lesions"]
    assert row["krenning_score"] == 4  # the maximum of noise is above both means
    assert "assumption" in row["krenning_label"]


def test_the_command_line_measures_a_follow_up(made, smaller) -> None:  # type: ignore[no-untyped-def]
    run = CliRunner().invoke(app, ["measure", str(made.folder), "--follow-up", str(smaller), "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["response"]["recist"] == "PR"
    words = CliRunner().invoke(app, ["measure", str(made.folder), "--follow-up", str(smaller)])
    assert "RECIST 1.1 PR" in words.stdout


def test_pacs_is_on_the_command_line() -> None:
    """By a process of its own, since the rooms' commands are mounted when the program starts."""
    run = subprocess.run([sys.executable, "-m", "neorlt.cli", "pacs", "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    for command in ("find", "fetch", "send"):
        assert command in run.stdout


def test_search_keys() -> None:
    assert read_keys(["StudyDate=20260101-20260331", "PatientID="]) == {"StudyDate": "20260101-20260331", "PatientID": ""}
    for bad in ("Nonsense=1", "StudyDate"):
        with pytest.raises(InputError, match="search key"):
            read_keys([bad])
