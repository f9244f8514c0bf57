"""An archive of 10 000 objects stored, found and fetched; and 90 slices sent, beside version 0.1 in the same run (a real Orthanc).

python benchmarks/imaging/archive.py [--objects 10000] [--rounds 3] [--old COMMIT]

Each command runs as a person starts it, in a process of its own; its peak memory is the kernel's figure for that process.
Ends with 1 where a command takes more than 500 MB, an object is lost, or the 90 slices take more than a quarter of 0.1's time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from old import OLD, ROOT, START, source_of

STEM = "1.2.826.0.1.3680043.8.498.19"
MEMORY_MB = 500.0
SHARE = 0.25


@dataclass(frozen=True)
class Run:
    """What one command took and said."""

    wall_s: float
    peak_mb: float
    document: dict[str, Any]


def run(source: Path, *words: str) -> Run:
    """Run a command of the code in ``source`` to its end."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([sys.executable, "-P", "-c", START, *words, "--json"], stdout=out, stderr=err,
                                   env=os.environ | {"PYTHONPATH": str(source / "src")})  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{words[:2]} ended with {process.returncode}: {err.read().decode()[-500:]}")
        return Run(wall, used.ru_maxrss / 1e3, json.loads(out.read()))


def write_study(folder: Path, number: int, objects: int, size: int, series: int = 1) -> str:
    """Write a CT of so many slices, spread over so many series; returns its Study Instance UID."""
    folder.mkdir()
    rng = np.random.default_rng(number)
    study = f"{STEM}.{number}"
    one = pydicom.Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
    one.PatientID, one.PatientName, one.Modality = f"bench-{number}", "BENCH^MARK", "CT"
    one.StudyInstanceUID, one.StudyDate, one.StudyTime = study, "20260302", "090000"
    one.Rows = one.Columns = size
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit, one.PixelRepresentation, one.SamplesPerPixel, one.PhotometricInterpretation = 15, 1, 1, "MONOCHROME2"
    one.RescaleSlope, one.RescaleIntercept, one.PixelSpacing = "1", "0", ["1", "1"]
    one.PixelData = rng.integers(-1000, 1000, (size, size)).astype("<i2").tobytes()
    one["PixelData"].VR = "OW"
    for n in range(objects):
        one.SeriesInstanceUID = f"{study}.{n * series // objects}"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{study}.9.{n}"
        one.InstanceNumber, one.ImagePositionPatient = n + 1, ["0", "0", str(n)]
        one.save_as(folder / f"{n:06d}.dcm", enforce_file_format=True)
    return study


def forget(rest: str, study: str) -> None:
    """Take a study out of the archive by Orthanc's own interface."""
    query = json.dumps({"Level": "Study", "Query": {"StudyInstanceUID": study}}).encode()
    for one in json.loads(urllib.request.urlopen(urllib.request.Request(f"{rest}/tools/find", query), timeout=60).read()):
        urllib.request.urlopen(urllib.request.Request(f"{rest}/studies/{one}", method="DELETE"), timeout=600).read()


def many(archive: Any, work: Path, objects: int) -> bool:
    """Store, find and fetch so many objects by both roads; True where all arrive within the memory."""
    study = write_study(work / "many", 1, objects, 32, series=10)
    good = True

    def line(what: str, found: Run, count: int) -> None:
        nonlocal good
        good &= count == objects and found.peak_mb < MEMORY_MB
        print(f"{what:34s} {found.wall_s:8.1f} s wall, peak {found.peak_mb:5.0f} MB, {count} of {objects} objects", flush=True)

    for name, address in (("C-STORE", archive.dimse), ("STOW-RS", archive.web)):
        found = run(ROOT, "pacs", "send", str(work / "many"), "--pacs", address)
        line(name, found, found.document["sent"])
        if address == archive.dimse:
            forget(archive.rest, study)
    for name, address in (("C-FIND", archive.dimse), ("QIDO-RS", archive.web)):
        found = run(ROOT, "pacs", "find", "--pacs", address, "--key", "PatientID=bench-1")
        line(name, found, sum(one["instances"] for one in found.document["studies"]))
    for name, address in (("C-GET", archive.dimse), ("WADO-RS", archive.web)):
        out = work / "fetched"
        found = run(ROOT, "pacs", "fetch", study, "--pacs", address, "--out", str(out))
        line(name, found, len(list((out / study).glob("*.dcm"))))
        shutil.rmtree(out)
    forget(archive.rest, study)
    return good


def beside_old(archive: Any, work: Path, old: Path, rounds: int) -> bool:
    """Send 90 slices of 512 x 512 by this version and by the old one in turn; True where ours takes at most a quarter."""
    study = write_study(work / "ninety", 2, 90, 512)
    walls: dict[str, list[float]] = {"0.1": [], "now": []}
    for _ in range(rounds):
        for name, source in (("0.1", old), ("now", ROOT)):
            forget(archive.rest, study)
            found = run(source, "pacs", "send", str(work / "ninety"), "--pacs", archive.dimse)
            assert found.document["sent"] == 90
            walls[name].append(found.wall_s)
            print(f"send of 90 slices, {name:14s} {found.wall_s:8.1f} s wall, peak {found.peak_mb:5.0f} MB", flush=True)
    share = statistics.median(walls["now"]) / statistics.median(walls["0.1"])
    print(f"send of 90 slices: {100 * share:.0f} % of 0.1's time (medians of {rounds}; goal {100 * SHARE:.0f} %)", flush=True)
    return share <= SHARE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--old", default=OLD, help="commit that the 90 slices are sent by beside this version")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests" / "dicom"))
    import orthanc

    if not orthanc.is_here():
        print("needs Debian's orthanc and orthanc-dicomweb (make system)")
        return 0
    with source_of(arguments.old) as old, tempfile.TemporaryDirectory(prefix="neorlt-archive-") as folder:
        work = Path(folder)
        with orthanc.running(work / "archive") as archive:
            good = old is None or beside_old(archive, work, old, arguments.rounds)
            good &= arguments.objects == 0 or many(archive, work, arguments.objects)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
