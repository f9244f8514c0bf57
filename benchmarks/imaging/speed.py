"""Time and peak memory of reading, registering and measuring, each beside a named baseline in the same run.

python benchmarks/imaging/speed.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
from scipy.ndimage import gaussian_filter

from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_nm import write_spect
from neorlt.dicom.write_seg import write_seg
from neorlt.dosimetry.curves import activity_curves
from neorlt.imaging.align import align_time_points
from neorlt.imaging.partial_volume import correct_regions
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 3, 2, 9, 0)


def timed(what: str, act: Callable[[], object]) -> None:
    """Print seconds of the clock and of the processor, and the peak of the process so far."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{what:58s} {time.perf_counter() - wall:7.2f} s wall {time.process_time() - cpu:7.2f} s cpu, peak {peak:.2f} GB")


def _scene(grid: Grid) -> tuple[np.ndarray, list[Region]]:  # type: ignore[type-arg]
    """Activity of a body with twelve regions, and the regions."""
    where = grid.index_to_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    activity = (np.linalg.norm(where / [190.0, 130.0, 400.0], axis=-1) <= 1).astype(np.float32)
    regions = []
    for n in range(12):
        angle = 2 * np.pi * n / 12
        centre = np.array([110 * np.cos(angle), 70 * np.sin(angle), -100 + 17 * n])
        inside = np.linalg.norm(where - centre, axis=-1) <= 10 + 1.5 * n
        activity += (4 + n) * inside
        kind, name = (RegionKind.ORGAN, f"kidney-{n}") if n > 9 else (RegionKind.LESION, f"tumour-{n}")
        regions.append(Region(name, kind, inside, grid))
    return gaussian_filter(activity, 5.4 / np.array(grid.spacing_mm)), regions


def road(who: Identity) -> None:
    """A study of 128³ voxels and four time points: read, registered, measured."""
    grid = Grid((128, 128, 128), np.diag([4.0, 4.0, 4.0, 1.0]), who.frame_of_reference_uid)
    affine = np.array(grid.affine)
    affine[:3, 3] = -254.0
    grid = Grid(grid.shape, affine, who.frame_of_reference_uid)
    clean, regions = _scene(grid)
    rng = np.random.default_rng(0)
    injection = Administration("Lu-177", 7400.0, T0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ct = write_ct(
            Volume(np.where(clean > 0.3, 40.0, -1000.0), grid, Unit.HU, "CT"), folder / "ct", who, description="CT", series_number=1
        )
        write_seg(regions, ct, folder / "seg.dcm", who, description="SEG", series_number=2)
        for n, hours in enumerate((4, 24, 96, 168)):
            counts = rng.poisson(clean * 200 * np.exp(-hours / 100)) * 1e3
            at = T0 + timedelta(hours=hours)
            write_spect(
                Volume(counts, grid, Unit.BQ_PER_ML, "NM", at, "Lu-177"), folder / f"nm{n}.dcm", who, administration=injection,
                acquisition_time=at, frame_duration_s=1200, description="SPECT", series_number=10 + n,
            )  # fmt: skip
        held: dict[str, Study] = {}
        timed("read_study: CT, SEG and four SPECT of 128 x 128 x 128", lambda: held.update(read=read_study(folder, psf_fwhm_mm=12.6)))
        timed("align_time_points: check", lambda: align_time_points(held["read"]))
        timed("align_time_points: rigid", lambda: held.update(moved=align_time_points(held["read"], "rigid")[0]))
        timed("activity_curves: 12 regions, 4 images, with draws", lambda: activity_curves(held["moved"]))


READ = """
import resource, sys, time
from neorlt.dicom.read import read_study
start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
study = read_study(sys.argv[1])
took, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
voxels = sum(v.array.nbytes for v in study.volumes) / 1e6
print(f"{took:.1f} s, peak {(peak - before) / 1e3:.0f} MB above the start, of which voxels {voxels:.0f} MB")
"""


def many_files(who: Identity) -> None:
    """Growth with the number of files: series of 250 small slices, each number in a process of its own."""
    grid = Grid((64, 64, 250), np.diag([4.0, 4.0, 2.0, 1.0]), who.frame_of_reference_uid)
    body = Volume(np.zeros(grid.shape, np.float32), grid, Unit.HU, "CT")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(1, 17):
            write_ct(body, folder / f"ct{n}", who, description=f"CT {n}", series_number=n)
            if n in (4, 8, 16):
                answer = subprocess.run([sys.executable, "-c", READ, name], check=True, capture_output=True, text=True).stdout
                print(f"read_study: {250 * n} files of 64 x 64{'':28s} {answer.strip()}")


def main() -> None:
    """Run all."""
    who = Identity("BENCH", "Bench^Mark", None, "O", None, 70.0, None, make_uid("b"), T0, make_uid("f"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid = Grid((512, 512, 400), np.diag([0.9, 0.9, 1.5, 1.0]), who.frame_of_reference_uid)
        values = np.zeros(grid.shape, np.float32)
        paths = write_ct(Volume(values, grid, Unit.HU, "CT"), folder / "ct", who, description="CT", series_number=1)
        del values
        timed("baseline: pydicom, every file decoded, nothing checked", lambda: [pydicom.dcmread(p).pixel_array for p in paths])
        timed("read_study: CT 512 x 512 x 400", lambda: read_study(folder))
    many_files(who)
    road(who)
    grid = Grid((128, 128, 128), np.diag([4.0, 4.0, 4.0, 1.0]), "frame")
    index = np.indices(grid.shape)
    regions = []
    for n in range(12):
        centre = np.array([14 + 9 * n, 40 + 15 * (n % 3), 50 + 10 * (n % 2)])
        inside = sum((i - c) ** 2 for i, c in zip(index, centre, strict=True)) <= (3 + 0.3 * n) ** 2
        regions.append(Region(f"r{n}", RegionKind.LESION, inside, grid))
    image = Volume(np.ones(grid.shape), grid, Unit.BQ_PER_ML, "NM", T0, "Lu-177")
    timed("baseline: one Gaussian blur of 128 x 128 x 128", lambda: gaussian_filter(image.array, 1.5))
    timed("correct_regions: 12 regions on 128 x 128 x 128", lambda: correct_regions(image, regions, 14.5))


if __name__ == "__main__":
    main()
