"""A small synthetic study, written anew for every test that wants to spoil it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest

from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_nm import write_spect
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 3, 2, 9, 0)
GALLIUM = Administration("Ga-68", 150.0, T0, "68Ga-DOTATATE")
LUTETIUM = Administration("Lu-177", 7400.0, T0, "177Lu-DOTATATE")


@dataclass(frozen=True)
class Made:
    """Folder, identity, paths and the truth that went in."""

    folder: Path
    identity: Identity
    ct: list[Path]
    pet: list[Path]
    spect: list[Path]
    rtstruct: Path
    ct_volume: Volume
    pet_volume: Volume
    spect_volume: Volume
    regions: list[Region]


def identity(**changes: object) -> Identity:
    """A synthetic person."""
    base = Identity("SYN-1", "Synthetic^One", date(1960, 1, 1), "F", 66, 70.0, 1.7, make_uid("study"), T0, make_uid("frame"))
    return replace(base, **changes)  # type: ignore[arg-type]


def grid(frame: str, shape: tuple[int, int, int] = (20, 16, 8), spacing: tuple[float, float, float] = (4.0, 4.5, 5.0)) -> Grid:
    """A grid with three different spacings, so that swapped axes show."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-40.0, -30.0, 100.0)
    return Grid(shape, affine, frame)


def regions_on(where: Grid) -> list[Region]:
    """An organ with a hole, a kidney and a primary."""
    box = np.zeros(where.shape, np.float32)
    box[3:10, 4:11, 1:6] = 1.0
    box[5:7, 6:8, 2:4] = 0.0
    kidney, primary = np.zeros_like(box), np.zeros_like(box)
    kidney[12:16, 3:8, 2:6] = 1.0
    primary[12:17, 10:14, 3:7] = 1.0
    return [
        Region("liver", RegionKind.ORGAN, box, where),
        Region("kidney-left", RegionKind.ORGAN, kidney, where),
        Region("primary", RegionKind.LESION, primary, where),
    ]


def make_study(folder: Path, who: Identity | None = None) -> Made:
    """Write CT, PET, two SPECTs and an RTSTRUCT."""
    who = who or identity()
    rng = np.random.default_rng(1)
    space = grid(who.frame_of_reference_uid)
    ct = Volume(np.rint(rng.normal(0, 100, space.shape)), space, Unit.HU, "CT")
    hour = T0 + timedelta(hours=1)
    pet = Volume(rng.uniform(0, 1e5, space.shape), space, Unit.BQ_PER_ML, "PT", hour, "Ga-68")
    at = T0 + timedelta(hours=4)
    spect = Volume(rng.uniform(0, 1e6, space.shape), space, Unit.BQ_PER_ML, "NM", at, "Lu-177")
    ct_paths = write_ct(ct, folder / "ct", who, description="CT", series_number=1)
    pet_paths = write_pet(
        pet,
        folder / "pet",
        who,
        administration=GALLIUM,
        acquisition_time=hour,
        frame_duration_s=180,
        description="PET",
        series_number=2,
    )
    spect_paths = [
        write_spect(
            replace(spect, time=T0 + timedelta(hours=h)),
            folder / f"nm{h}.dcm",
            who,
            administration=LUTETIUM,
            acquisition_time=T0 + timedelta(hours=h),
            frame_duration_s=1200,
            description=f"SPECT {h}",
            series_number=10 + h,
        )
        for h in (4, 96)
    ]
    drawn = regions_on(space)
    rtstruct = write_rtstruct(drawn, ct_paths, folder / "rs.dcm", who, series_number=3)
    return Made(folder, who, ct_paths, pet_paths, spect_paths, rtstruct, ct, pet, spect, drawn)


@pytest.fixture(scope="session")
def _made_once(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_study(tmp_path_factory.mktemp("study") / "study")


@pytest.fixture(scope="session")
def made(_made_once: Made) -> Made:
    """The study, not to be changed."""
    return _made_once


@pytest.fixture
def spoil(_made_once: Made, tmp_path: Path) -> Made:
    """A copy of the study that a test may change."""
    folder = tmp_path / "study"
    shutil.copytree(_made_once.folder, folder)

    def moved(path: Path) -> Path:
        return folder / path.relative_to(_made_once.folder)

    return replace(
        _made_once,
        folder=folder,
        ct=[moved(p) for p in _made_once.ct],
        pet=[moved(p) for p in _made_once.pet],
        spect=[moved(p) for p in _made_once.spect],
        rtstruct=moved(_made_once.rtstruct),
    )


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change the datasets of files in place."""

    def change(paths: list[Path] | Path, how: Callable[[pydicom.Dataset], object]) -> None:
        for path in [paths] if isinstance(paths, Path) else paths:
            dataset = pydicom.dcmread(path)
            how(dataset)
            dataset.save_as(path)

    return change


@pytest.fixture
def dciodvfy() -> Callable[[Path], list[str]]:
    """Run dciodvfy and return its errors; a crash is a failure. Skips by name where it is missing, fails in CI."""
    program = shutil.which("dciodvfy")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("dciodvfy (Debian package dicom3tools) is missing")
        pytest.skip("dciodvfy (Debian package dicom3tools) is missing")

    def verify(path: Path) -> list[str]:
        done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), f"dciodvfy crashed with {done.returncode}"
        return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]

    return verify


@pytest.fixture
def seg(spoil: Made) -> Path:
    """A segmentation of the study's regions in its folder."""
    return write_seg(spoil.regions, spoil.ct, spoil.folder / "seg.dcm", spoil.identity, description="SEG", series_number=7)
