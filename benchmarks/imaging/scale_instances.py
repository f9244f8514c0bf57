"""Headers of many DICOM instances: found, read, judged and sorted into series, beside a bare pydicom loop over the same files.

Usage: ``python benchmarks/imaging/scale_instances.py [--sizes 1000 10000 100000]``. The instances are tiny CT slices of 8 x 8 voxels, 200
a series, made from one valid file by changing its identifiers, number and position in place.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import growth

SERIES = 200
ROOT = "1.2.826.0.1.3680043.8.498"


def make(folder: Path, n: int) -> None:
    """Write ``n`` instances in series of 200; every changed value keeps its length, so the file stays valid."""
    import pydicom

    from neorlt.dicom.identity import Identity
    from neorlt.dicom.write_ct import write_ct
    from neorlt.imaging.volume import Grid, Unit, Volume

    who = Identity("P1", "Scale", None, "", None, None, None, f"{ROOT}.1", datetime(2026, 3, 2, 9, 0), f"{ROOT}.2")
    first = folder / "first"
    grid = Grid((8, 8, 2), np.diag([4.0, 4.0, 2.0, 1.0]), who.frame_of_reference_uid)
    written = write_ct(Volume(np.zeros(grid.shape), grid, Unit.HU, "CT"), first, who, description="CT", series_number=1)
    path = sorted(first.rglob("*.dcm"))[0]
    data = pydicom.dcmread(path)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.7000000001"
    data.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.8000000001"
    data.InstanceNumber, data.ImagePositionPatient = "100001", [0, 0, "10000.25"]
    if "SliceLocation" in data:
        data.SliceLocation = "10000.25"
    data.save_as(path)
    whole = path.read_bytes()
    for one in first.rglob("*"):
        if one.is_file():
            one.unlink()
    del written
    for k in range(n):
        series, number = divmod(k, SERIES)
        changed = whole.replace(b"8.498.7000000001", b"8.498.7%09d" % (k + 1)).replace(b"8.498.8000000001", b"8.498.8%09d" % (series + 1))
        changed = changed.replace(b"100001", b"%06d" % (100_001 + number)).replace(b"10000.25", b"%08.2f" % (10_000.25 + 2 * number))
        where = folder / f"{series:04d}"
        if number == 0:
            where.mkdir()
        (where / f"{number:04d}.dcm").write_bytes(changed)


def ours(n: int) -> dict[str, Any]:
    from neorlt.dicom.scan import scan

    with tempfile.TemporaryDirectory() as name:
        make(Path(name), n)
        found, cost = growth.spent(lambda: scan(Path(name)))
    instances = sum(len(series.instances) for series in found.series)
    return {**cost, "instances": instances, "series": len(found.series), "passed": instances == n, "peak_mb": growth.peak_mb()}


def bare(n: int) -> dict[str, Any]:
    import pydicom

    def loop(folder: Path) -> dict[str, list[tuple[float, Path]]]:
        series: dict[str, list[tuple[float, Path]]] = {}
        for path in folder.rglob("*.dcm"):
            data = pydicom.dcmread(path, stop_before_pixels=True)
            series.setdefault(str(data.SeriesInstanceUID), []).append((float(data.ImagePositionPatient[2]), path))
        return {key: sorted(rows) for key, rows in series.items()}

    with tempfile.TemporaryDirectory() as name:
        make(Path(name), n)
        found, cost = growth.spent(lambda: loop(Path(name)))
    return {**cost, "instances": sum(map(len, found.values())), "series": len(found), "peak_mb": growth.peak_mb()}


if __name__ == "__main__":
    sys.exit(growth.main(__file__, {"bare pydicom": bare, "neorlt": ours}, (1_000, 10_000, 100_000)))
