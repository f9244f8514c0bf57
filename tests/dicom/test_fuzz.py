"""Mutated files never end in a traceback, nor in a silently changed unit, dose, weight, time or identity.

A tenth of the cases runs here; ``python tests/dicom/test_fuzz.py 10000 docs/fuzz.md`` runs all and writes the report.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from neorlt.core.errors import NeorltError
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_nm import write_spect
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume

CASES = int(os.environ.get("NEORLT_FUZZ_CASES", "1000"))
SEED = 20261124


def make_tiny_study(folder: Path) -> None:
    """Two CT and two PET slices, two SPECT objects, a structure set, a segmentation and settings."""
    t0 = datetime(2026, 3, 2, 9, 0)
    who = Identity("FUZZ-77", "Fuzzed^Person", date(1960, 1, 1), "F", 66, 70.0, 1.7, make_uid("fz"), t0, make_uid("ff"))
    grid = Grid((6, 5, 2), np.diag([8.0, 8.0, 6.0, 1.0]), who.frame_of_reference_uid)
    rng = np.random.default_rng(0)
    ct = write_ct(
        Volume(np.rint(rng.normal(0, 50, grid.shape)), grid, Unit.HU, "CT"), folder / "ct", who, description="CT", series_number=1
    )
    hour = t0 + timedelta(hours=1)
    pet = Volume(rng.uniform(0, 1e5, grid.shape), grid, Unit.BQ_PER_ML, "PT", hour, "Ga-68")
    write_pet(
        pet, folder / "pet", who, administration=Administration("Ga-68", 150.0, t0), acquisition_time=hour, frame_duration_s=180,
        description="PET", series_number=2,
    )  # fmt: skip
    for hours in (4, 96):
        at = t0 + timedelta(hours=hours)
        spect = Volume(rng.uniform(0, 1e6, grid.shape), grid, Unit.BQ_PER_ML, "NM", at, "Lu-177")
        write_spect(
            spect, folder / f"nm{hours}.dcm", who, administration=Administration("Lu-177", 7400.0, t0), acquisition_time=at,
            frame_duration_s=1200, description="SPECT", series_number=10 + hours,
        )  # fmt: skip
    occupancy = np.zeros(grid.shape, np.float32)
    occupancy[2:5, 1:4] = 1.0
    write_rtstruct([Region("primary", RegionKind.LESION, occupancy, grid)], ct, folder / "rs.dcm", who)
    write_seg([Region("liver", RegionKind.ORGAN, occupancy, grid)], ct, folder / "seg.dcm", who, description="SEG", series_number=4)
    (folder / "settings.toml").write_text("psf_fwhm_mm = 14.5\n")


@dataclass(frozen=True)
class Facts:
    """What must never change silently."""

    identity: str
    weight_kg: float | None
    units: tuple[str, ...]
    doses: tuple[tuple[str, float], ...]
    pet_times: tuple[datetime | None, ...]
    injections: tuple[datetime, ...]


def facts(study: Study) -> Facts:
    study.therapy_administration()  # as every use of the study does
    return Facts(
        study.patient_key,
        study.weight_kg,
        tuple(f"{v.modality} {v.unit}" for v in study.volumes),
        tuple((a.nuclide, round(a.activity_mbq, 6)) for a in study.administrations),
        tuple(v.time for v in study.pet_images()),
        tuple(a.time for a in study.administrations),
    )


def _flip(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _flip_header(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    data[132 + rng.randrange(min(len(data) - 132, 2500))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _insert(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + rng.randbytes(rng.randrange(1, 64)) + content[at:]


def _drop(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + content[at + rng.randrange(1, 64) :]


BYTES: list[Callable[[random.Random, bytes], bytes]] = [_flip, _flip_header, _flip_header, _cut, _insert, _drop]
TEXTS = ["", "0", "-1", "1e99", "nan", "70 kg", "99999999", "20269999", "\\", "a\\b", "X" * 70, "0.5", "240000", "GML", "CNTS", "ADMIN"]
HEADERS = ["Units", "PatientWeight", "PatientID", "PatientName", "PatientBirthDate", "DecayCorrection", "SeriesTime", "SeriesDate",
           "AcquisitionTime", "RescaleSlope", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "Rows", "Columns",
           "FrameOfReferenceUID", "CorrectedImage", "NumberOfFrames", "SliceThickness", "SpacingBetweenSlices", "SOPClassUID",
           "BitsAllocated", "PixelRepresentation", "StudyInstanceUID", "SeriesInstanceUID", "SegmentationType", "SliceVector"]  # fmt: skip
ITEM = ["RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime",
        "RadionuclideCodeSequence"]  # fmt: skip


def _edit(rng: random.Random, path: Path) -> None:
    """Change, empty or remove one attribute of meaning in one file."""
    dataset = pydicom.dcmread(path)
    target: Dataset = dataset
    names = HEADERS
    if "RadiopharmaceuticalInformationSequence" in dataset and rng.random() < 0.5:
        target, names = dataset.RadiopharmaceuticalInformationSequence[0], ITEM
    present = [n for n in names if n in target] or ["PatientID"]
    name = rng.choice(present)
    if rng.random() < 0.3 or name.endswith("Sequence"):
        delattr(target, name)
    else:
        element = target[name]
        text = rng.choice(TEXTS)
        try:
            element.value = int(float(text)) if element.VR in ("US", "SS") else text
        except (ValueError, TypeError, OverflowError):
            delattr(target, name)
    dataset.save_as(path, enforce_file_format=False)


def run_case(number: int, source: Path, truth: Facts, work: Path) -> tuple[str, str]:
    """Run one case; return its outcome (``refused``, ``read``, ``TRACEBACK``, ``SILENT``) and details."""
    rng = random.Random(f"{SEED}/{number}")
    folder = work / "study"
    shutil.copytree(source, folder)
    try:
        path = rng.choice(sorted(p for p in folder.rglob("*") if p.is_file()))
        kind = rng.choice(["bytes", "bytes", "header"]) if path.suffix == ".dcm" else "bytes"
        detail = f"case {number}: {kind} in {path.relative_to(folder)}"
        try:
            if kind == "header":
                _edit(rng, path)
            else:
                path.write_bytes(rng.choice(BYTES)(rng, path.read_bytes()))
        except Exception:  # pydicom refused to write such a value: nothing to test
            return "not written", detail
        before = sorted(p.name for p in work.iterdir())
        try:
            found = facts(read_study(folder))
        except NeorltError as error:
            assert "FUZZ-77" not in str(error)
            assert "Fuzzed" not in str(error)
            return "refused", detail
        except Exception:
            return "TRACEBACK", detail + "\n" + traceback.format_exc(limit=-4)
        if sorted(p.name for p in work.iterdir()) != before:
            return "PARTIAL OUTPUT", detail
        if path.suffix == ".toml":  # a user's own words
            return "read", detail
        changed = [n for n in Facts.__dataclass_fields__ if getattr(found, n) != getattr(truth, n)]
        if changed:
            pairs = "; ".join(f"{n}: {getattr(truth, n)} -> {getattr(found, n)}" for n in changed)
            return ("read without an object" if _lost_object(truth, found) else "SILENT"), f"{detail}: {pairs}"
        return "read", detail
    finally:
        shutil.rmtree(folder)


def _lost_object(truth: Facts, found: Facts) -> bool:
    """A file whose kind was changed is left out by name in the study's warnings: what is left must be as it was."""
    rest = replace(found, units=truth.units, pet_times=truth.pet_times, doses=truth.doses, injections=truth.injections)
    fewer = len(found.units) < len(truth.units) or len(found.doses) < len(truth.doses)
    kept = set(found.units) <= set(truth.units) and set(found.doses) <= set(truth.doses)
    return rest == truth and fewer and kept and set(found.injections) <= set(truth.injections)


def run_cases(first: int, count: int) -> tuple[Counter[str], list[str]]:
    """Run cases and return how often each outcome came, and the details of the failures."""
    outcomes: Counter[str] = Counter()
    failures = []
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        make_tiny_study(source)
        truth = facts(read_study(source))
        for number in range(first, first + count):
            work = Path(name) / "work"
            work.mkdir(exist_ok=True)
            outcome, detail = run_case(number, source, truth, work)
            outcomes[outcome] += 1
            if outcome.isupper():
                failures.append(f"{outcome} {detail}")
    return outcomes, failures


@pytest.mark.slow
def test_mutated_studies() -> None:
    outcomes, failures = run_cases(0, CASES)
    assert not failures, "\n\n".join(failures[:10])
    assert outcomes["refused"] > 0.2 * CASES  # the mutations bite
    assert outcomes["read"] > 0.05 * CASES  # and not everything is refused


def test_a_planted_silent_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above can fail: a reader that changes the weight on its own is caught."""
    original = sys.modules[__name__].read_study

    def wrong(folder: Path) -> Any:
        study = original(folder)
        return replace(study, weight_kg=71.0) if folder.name == "study" else study

    monkeypatch.setattr(sys.modules[__name__], "read_study", wrong)
    _, failures = run_cases(0, 25)
    assert any("SILENT" in f and "weight_kg" in f for f in failures)


def main(count: int, report: Path) -> int:
    """Run all cases and write the report."""
    outcomes, failures = run_cases(0, count)
    lines = ["# Mutated studies", "", f"{count} studies, each with one file mutated (seed {SEED}): bytes flipped, cut, inserted or",
             "dropped in DICOM files, structure sets, segmentations and settings, and header values changed, emptied or removed.", "",
             "| outcome | cases |", "| --- | --- |", *[f"| {k} | {v} |" for k, v in sorted(outcomes.items())], "",
             "*refused*: one sentence with what, where and the remedy. *read*: unit, activity, weight, times of PET and injection, and",
             "identity are those of the study before. *read without an object*: the file's kind was changed; it is left out by name.",
             "The time of a SPECT stands in one object only: a change to a possible time is not seen and not counted.", ""]  # fmt: skip
    if failures:
        lines += ["## Failures", "", *[f"- {failure}" for failure in failures]]
    else:
        lines += ["No failure.", ""]
    report.write_text("\n".join(lines), encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
