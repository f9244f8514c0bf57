"""Mutated files never end in a traceback, nor in a silently changed unit, dose, weight, time or identity.

A tenth of the cases runs here; ``python tests/dicom/test_fuzz.py 10000 docs/fuzz.md`` runs all and writes the report.
One study in four holds SPECT in counts with ``calibration.toml``; one in five is de-identified too, which writes files.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
import tomllib
import traceback
import warnings
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

from neorlt.core.errors import InputError, NeorltError
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_nm import SCALE, write_spect
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.jobs.deidentify import deidentify_command

CASES = int(os.environ.get("NEORLT_FUZZ_CASES", "1000"))
SEED = 20261124


def make_tiny_study(folder: Path, *, counts: bool = False) -> None:
    """Two CT and two PET slices, two SPECT objects, a structure set, a segmentation, settings, and a calibration for counts."""
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
        if counts:
            dataset = pydicom.dcmread(folder / f"nm{hours}.dcm")
            for name in SCALE:
                delattr(dataset, name)
            dataset.save_as(folder / f"nm{hours}.dcm")
    occupancy = np.zeros(grid.shape, np.float32)
    occupancy[2:5, 1:4] = 1.0
    write_rtstruct([Region("primary", RegionKind.LESION, occupancy, grid)], ct, folder / "rs.dcm", who)
    write_seg([Region("liver", RegionKind.ORGAN, occupancy, grid)], ct, folder / "seg.dcm", who, description="SEG", series_number=4)
    (folder / "settings.toml").write_text("psf_fwhm_mm = 14.5\n")
    if counts:
        (folder / "calibration.toml").write_text(
            'cps_per_mbq = 10.0\nrelative_sd = 0.03\nnuclide = "Lu-177"\nsource = "a flood phantom"\n'
        )


@dataclass(frozen=True)
class Facts:
    """What must never change silently."""

    identity: str
    weight_kg: float | None
    units: tuple[str, ...]
    doses: tuple[tuple[str, float], ...]
    pet_times: tuple[datetime | None, ...]
    spect_times: tuple[datetime | None, ...]
    injections: tuple[datetime, ...]
    psf_fwhm_mm: float | None
    voxels: tuple[tuple[float, ...], ...]
    """Shape and spacing of every volume."""
    regions: int
    pixels: tuple[float, ...]
    """Sum of every volume: compared where the header was changed, not the pixels."""
    said: frozenset[str]
    """Warnings and ledger: what a change of voxels, regions or pixels must show in."""


def facts(study: Study) -> Facts:
    study.therapy_administration()  # as every use of the study does
    return Facts(
        study.patient_key,
        study.weight_kg,
        tuple(f"{v.modality} {v.unit}" for v in study.volumes),
        tuple((a.nuclide, round(a.activity_mbq, 6)) for a in study.administrations),
        tuple(v.time for v in study.pet_images()),
        tuple(v.time for v in study.therapy_images()),
        tuple(a.time for a in study.administrations),
        study.psf_fwhm_mm,
        tuple((*v.grid.shape, *(round(s, 3) for s in v.grid.spacing_mm)) for v in study.volumes),
        len(study.regions),
        tuple(float(v.array.sum(dtype=np.float64)) for v in study.volumes),
        frozenset([*study.warnings, *(str(row.as_json()) for row in study.ledger)]),
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


def _edit_toml(rng: random.Random, path: Path) -> None:
    """Give one key another value or kind, rename it, drop it, or double it."""
    lines = path.read_text().splitlines()
    at = rng.randrange(len(lines))
    key, value = (part.strip() for part in lines[at].split("=", 1))
    other = rng.choice(["0", "-1", "1e99", "nan", "inf", "true", '"14.5"', "[1, 2]", "{}", "2026-03-02", '""', "12.5", '"Y-90"'])
    lines[at] = rng.choice([f"{key} = {other}", f"{key} = {other}", f"{key}s = {value}", f"[{key}]", "", f"{lines[at]}\n{lines[at]}"])
    path.write_text("\n".join(lines) + "\n")


def _mutate(rng: random.Random, path: Path) -> str:
    """Mutate one file and return how."""
    if path.suffix == ".toml" and rng.random() < 0.7:
        _edit_toml(rng, path)
        return "key"
    if path.suffix == ".dcm" and rng.random() < 1 / 3:
        _edit(rng, path)
        return "header"
    path.write_bytes(rng.choice(BYTES)(rng, path.read_bytes()))
    return "bytes"


def run_case(number: int, source: Path, truth: Facts, work: Path) -> tuple[str, str]:
    """Run one case; return its outcome (in capitals where it is a failure) and details."""
    rng = random.Random(f"{SEED}/{number}")
    folder = work / "study"
    shutil.copytree(source, folder)
    try:
        path = rng.choice(sorted(p for p in folder.rglob("*") if p.is_file()))
        detail = f"case {number}: {path.relative_to(folder)}"
        try:
            detail = f"case {number}: {_mutate(rng, path)} in {path.relative_to(folder)}"
        except Exception:  # pydicom refused to write such a value: nothing to test
            return "not written", detail
        if number % 5 == 0:
            failure = _clean(folder, work)
            if failure is not None:
                return failure[0], f"{detail}: {failure[1]}"
        before = sorted(p.name for p in work.iterdir())
        try:
            study = read_study(folder)
            found = facts(study)
        except NeorltError as error:
            assert "FUZZ-77" not in str(error)
            assert "Fuzzed" not in str(error)
            return "refused", detail
        except Exception:
            return "TRACEBACK", detail + "\n" + traceback.format_exc(limit=-4)
        if sorted(p.name for p in work.iterdir()) != before:
            return "PARTIAL OUTPUT", detail
        if path.name == "settings.toml":  # a user's own words count: they must be what the file says
            truth = replace(truth, psf_fwhm_mm=tomllib.loads(path.read_text()).get("psf_fwhm_mm"))
        elif path.name == "calibration.toml":
            said = tomllib.loads(path.read_text())
            if said.get("nuclide") != "Lu-177" or not all(f"{said['cps_per_mbq']:g} cps/MBq" in s for s in study.sources if "cps" in s):
                return "SILENT", f"{detail}: calibration"
        if found.said != truth.said:  # a warning or a row of the ledger shows it
            found = replace(found, voxels=truth.voxels, regions=truth.regions, pixels=truth.pixels)
        if "header" not in detail and "key" not in detail:
            found = replace(found, pixels=truth.pixels)  # bytes of the pixels themselves may have been changed
        found = replace(found, said=truth.said)
        if _within_a_minute(found.spect_times, truth.spect_times) or _said(study):
            found = replace(found, spect_times=truth.spect_times)  # the same for any half-life of days, or said by name
        changed = [n for n in Facts.__dataclass_fields__ if getattr(found, n) != getattr(truth, n)]
        if changed:
            pairs = "; ".join(f"{n}: {getattr(truth, n)} -> {getattr(found, n)}" for n in changed)
            return ("read without an object" if _lost_object(truth, found) else "SILENT"), f"{detail}: {pairs}"
        return "read", detail
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(work / "clean", ignore_errors=True)


def _clean(folder: Path, work: Path) -> tuple[str, str] | None:
    """De-identify the study: whole and without the name, or nothing is left."""
    out = work / "clean"
    try:
        deidentify_command(folder, out)
    except NeorltError as error:
        if "FUZZ-77" in str(error) or "Fuzzed" in str(error):
            return "IDENTITY IN MESSAGE", str(error)
        left = [p.name for p in work.iterdir() if p != folder]
        return ("PARTIAL OUTPUT", ", ".join(left)) if left else None
    except Exception:
        return "TRACEBACK", traceback.format_exc(limit=-4)
    for path in out.rglob("*.dcm"):
        content = path.read_bytes()
        if b"FUZZ-77" in content or b"Fuzzed" in content:
            return "IDENTITY LEFT", path.name
    return None


def _said(study: Study) -> bool:
    """Whether a warning names the moment that a SPECT's values were taken for."""
    return any("Acquisition and Series" in w or "taken to hold for" in w for w in study.warnings)


def _within_a_minute(found: tuple[datetime | None, ...], truth: tuple[datetime | None, ...]) -> bool:
    if len(found) != len(truth):
        return False
    return all(a is not None and b is not None and abs((a - b).total_seconds()) <= 60 for a, b in zip(found, truth, strict=True))


def _lost_object(truth: Facts, found: Facts) -> bool:
    """A file whose kind was changed is left out by name in the study's warnings: what is left must be as it was."""
    rest = replace(
        found, voxels=truth.voxels, regions=truth.regions, pixels=truth.pixels, said=truth.said, units=truth.units,
        pet_times=truth.pet_times, spect_times=truth.spect_times, doses=truth.doses, injections=truth.injections
    )
    fewer = len(found.units) < len(truth.units) or len(found.doses) < len(truth.doses)
    kept = set(found.units) <= set(truth.units) and set(found.doses) <= set(truth.doses)
    kept = kept and set(found.spect_times) <= set(truth.spect_times)
    return rest == truth and fewer and kept and set(found.injections) <= set(truth.injections)


def run_cases(first: int, count: int) -> tuple[Counter[str], list[str]]:
    """Run cases and return how often each outcome came, and the details of the failures."""
    outcomes: Counter[str] = Counter()
    failures = []
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom says of every value that breaks its VR that it does
        sources = [Path(name) / "mapped", Path(name) / "counts"]
        for source in sources:
            make_tiny_study(source, counts=source.name == "counts")
        truths = [facts(read_study(source)) for source in sources]
        for number in range(first, first + count):
            work = Path(name) / "work"
            work.mkdir(exist_ok=True)
            which = int(number % 4 == 0)
            outcome, detail = run_case(number, sources[which], truths[which], work)
            outcomes[outcome] += 1
            if outcome.isupper():
                failures.append(f"{outcome} {detail}")
    return outcomes, failures


def test_mutated_studies() -> None:
    outcomes, failures = run_cases(0, CASES)
    assert not failures, "\n\n".join(failures[:10])
    assert outcomes["refused"] > 0.2 * CASES  # the mutations bite
    assert outcomes["read"] > 0.05 * CASES  # and not everything is refused


@pytest.mark.parametrize(("tag", "vr"), [(b"\x54\x00\x00\x03", b"SQ"), (b"\x08\x00\x02\x01", b"SH")])
def test_damage_in_the_nuclides_code_is_refused(spoil, tag, vr) -> None:  # type: ignore[no-untyped-def]
    """Unknown value representations of (0054,0300) and, in it, (0008,0102): cases 7771 and 943 of a whole run ended in a traceback."""
    for path in spoil.spect:
        content = bytearray(path.read_bytes())
        at = content.index(tag + vr, content.index(b"\x54\x00\x00\x03SQ"))
        content[at + 4 : at + 6] = b"S\x11"
        path.write_bytes(content)
    with pytest.raises(InputError):
        facts(read_study(spoil.folder))


def test_a_planted_change_of_pixels_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    original = sys.modules[__name__].read_study

    def wrong(folder: Path) -> Any:
        study = original(folder)
        if folder.name != "study":
            return study
        return replace(study, volumes=tuple(v.with_array(v.array * 1.01) for v in study.volumes))

    monkeypatch.setattr(sys.modules[__name__], "read_study", wrong)
    _, failures = run_cases(0, 60)
    assert any("SILENT" in f and "pixels" in f for f in failures)


def test_a_planted_silent_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above can fail: a reader that changes the weight on its own is caught."""
    original = sys.modules[__name__].read_study

    def wrong(folder: Path) -> Any:
        study = original(folder)
        return replace(study, weight_kg=71.0) if folder.name == "study" else study

    monkeypatch.setattr(sys.modules[__name__], "read_study", wrong)
    _, failures = run_cases(0, 25)
    assert any("SILENT" in f and "weight_kg" in f for f in failures)


CHUNK = 250


def main(count: int, report: Path, kept: Path | None = None) -> int:
    """Run all cases and write the report; what ``kept`` (JSON of parts) holds already is not run again."""
    parts: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept is not None and kept.is_file() else {}
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        if f"{first}+{size}" not in parts:
            found, failed = run_cases(first, size)
            parts[f"{first}+{size}"] = {"outcomes": dict(found), "failures": failed}
            if kept is not None:
                kept.write_text(json.dumps(parts), encoding="utf-8")
    own = [parts[f"{first}+{min(CHUNK, count - first)}"] for first in range(0, count, CHUNK)]
    outcomes: Counter[str] = sum((Counter(part["outcomes"]) for part in own), Counter())
    failures = [failure for part in own for failure in part["failures"]]
    lines = ["# Mutated studies", "", f"{count} studies, each with one file mutated (seed {SEED}): bytes flipped, cut, inserted or",
             "dropped in DICOM files, structure sets, segmentations, `settings.toml` and `calibration.toml`, header values changed,",
             "emptied or removed, and keys of the TOML files given other values or kinds, renamed, dropped or doubled. One study in",
             "four holds SPECT in counts with a calibration; one in five is de-identified too.", "",
             "| outcome | cases |", "| --- | --- |", *[f"| {k} | {v} |" for k, v in sorted(outcomes.items())], "",
             "*refused*: one sentence with what, where and the remedy. *read*: unit, activity, weight, times of PET, SPECT and injection,",
             "blur and identity are those of the study before, or what the changed TOML file says. *read without an object*: the file's",
             "kind was changed; it is left out by name. *not written*: the change could not be written to a file.",
             "A SPECT's time is taken as changed from one minute on; where it then differs from its series' time, a warning says so.",
             ""]  # fmt: skip
    if failures:
        lines += ["## Failures", "", *[f"- {failure}" for failure in failures]]
    else:
        lines += ["No failure.", ""]
    # What other proofs have added to the page stays: their sections follow the first that is not this report's.
    before = report.read_text(encoding="utf-8") if report.exists() else ""
    others = [part for part in before.split("\n## ")[1:] if not part.startswith("Failures")]
    report.write_text("\n".join(lines) + "".join(f"\n## {part}" for part in others), encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None))
