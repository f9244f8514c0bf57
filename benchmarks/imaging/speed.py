"""Time and peak memory of reading and measuring, each beside a named baseline in the same run.

python benchmarks/imaging/speed.py
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from scipy.ndimage import gaussian_filter

from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.imaging.partial_volume import correct_regions
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 3, 2, 9, 0)


def timed(what: str, act: Callable[[], object]) -> None:
    """Print seconds of the clock and of the processor, and the peak of the process so far."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{what:58s} {time.perf_counter() - wall:7.2f} s wall {time.process_time() - cpu:7.2f} s cpu, peak {peak:.2f} GB")


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
