"""Write every kind of file that neorlt hands out, of one invented patient who looks different along every axis, and the truth of it.

``python tools/compat/make_objects.py FOLDER``. Three different spacings, matrices that are not square, a dose with its peak in a corner
and a second, weaker spot in the opposite one, two regions of which one has a gap. ``truth.json`` says what a reader should find:
numbers that are put in here, not read back from what was written.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neorlt.dicom.export import write_results
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.owner import find_owner
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_dose_sr import RegionDoseRow
from neorlt.dicom.write_nm import write_spect
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_seg import write_seg
from neorlt.dosimetry.gate_export import export_gate
from neorlt.imaging.nifti import write_nifti
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration
from neorlt.imaging.view import write_view
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.jobs.measure import measure_study

ROOT = Path(__file__).resolve().parents[2]
T0 = datetime(2026, 3, 2, 9, 0)
PEAK, SPOT = 50.0, 20.0
"""Gy, or MBq/ml: the hottest voxel and the second spot."""
PEAK_AT, SPOT_AT = (15, 3, 9), (3, 12, 2)
FINE, COARSE = (1.5, 2.0, 4.0), (3.0, 4.0, 5.0)
"""Spacing in mm along x, y, z of the reference images and of dose and emission images."""


@dataclass(frozen=True)
class Box:
    """Voxels of a region on the fine grid: first and last along x and y, and the slices."""

    x: tuple[int, int]
    y: tuple[int, int]
    z: tuple[int, ...]


BOXES = {"primary": Box((30, 35), (5, 9), (4, 5, 6)), "kidney-left": Box((8, 15), (22, 29), (13, 14, 15, 18, 19))}


def grids(frame: str) -> tuple[Grid, Grid]:
    """The grid of the reference images, 48 x 36 x 24, and that of the dose, 20 x 16 x 12."""
    fine, coarse = np.diag([*FINE, 1.0]), np.diag([*COARSE, 1.0])
    fine[:3, 3], coarse[:3, 3] = (-41.0, -33.0, 98.0), (-38.0, -30.0, 103.0)
    return Grid((48, 36, 24), fine, frame), Grid((20, 16, 12), coarse, frame)


def hot() -> NDArray[np.float32]:
    """A slope, a hot corner with one peak, a spot in the opposite corner."""
    array = np.fromfunction(lambda i, j, k: 1.0 + 0.03 * i + 0.02 * j + 0.01 * k, (20, 16, 12))
    array[14:18, 2:5, 9:11] = 40.0
    array[PEAK_AT], array[SPOT_AT] = PEAK, SPOT
    return array.astype(np.float32)


def write(folder: Path) -> dict[str, object]:
    """Write the objects and return the truth."""
    frame = make_uid("compatibility", "frame")
    identity = Identity("SYN-1", "Synthetic^One", date(1960, 1, 1), "F", 66, 70.0, 1.7, make_uid("compatibility"), T0, frame)
    fine, coarse = grids(frame)
    study_folder = folder / "study"
    rng = np.random.default_rng(1)
    ct = write_ct(Volume(np.rint(rng.normal(40, 20, fine.shape)), fine, Unit.HU, "CT"), study_folder / "ct", identity,
                  description="CT", series_number=1)  # fmt: skip
    scan = T0 + timedelta(hours=1)
    pet = Volume(hot() * 1e3, coarse, Unit.BQ_PER_ML, "PT", scan, "Ga-68")
    write_pet(pet, study_folder / "pet", identity, administration=Administration("Ga-68", 150.0, T0, "68Ga-DOTATATE"),
              acquisition_time=scan, frame_duration_s=180, description="PET", series_number=2)  # fmt: skip
    for hour in (4, 96):
        at = T0 + timedelta(hours=hour)
        write_spect(Volume(hot() * 1e6, coarse, Unit.BQ_PER_ML, "NM", at, "Lu-177"), study_folder / f"spect_{hour}h.dcm", identity,
                    administration=Administration("Lu-177", 7400.0, T0, "177Lu-DOTATATE"), acquisition_time=at, frame_duration_s=1200,
                    description=f"SPECT {hour} h", series_number=10 + hour)  # fmt: skip
    regions = []
    for name, box in BOXES.items():
        mask = np.zeros(fine.shape, np.float32)
        mask[box.x[0] : box.x[1] + 1, box.y[0] : box.y[1] + 1, list(box.z)] = 1.0
        regions.append(Region(name, RegionKind.LESION if name == "primary" else RegionKind.ORGAN, mask, fine))
    write_seg(regions, ct, study_folder / "regions.dcm", identity, description="Regions", series_number=3)
    study = read_study(study_folder)
    owner = find_owner(study_folder, frame)
    assert owner is not None
    dose = Volume(hot(), coarse, Unit.GY, "DOSE")
    rows = [RegionDoseRow(region.name, region.kind, 10.0, 40.0 + n, 2.0) for n, region in enumerate(study.regions)]
    lesions = measure_study(study)["lesions"]
    notes = write_results(study, dose, rows, lesions, folder, owner, "voxel kernels")
    assert not notes, notes
    write_nifti(dose, folder / "absorbed_dose_gy.nii.gz")
    write_view(study, folder / "view", dose)
    export_gate(Volume(hot(), coarse, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide="Lu-177"), folder / "gate")
    volume, centre = {}, {}
    for name, box in BOXES.items():
        count = (box.x[1] - box.x[0] + 1) * (box.y[1] - box.y[0] + 1) * len(box.z)
        volume[name] = count * float(np.prod(FINE)) / 1000.0
        index = np.array([np.mean(box.x), np.mean(box.y), np.mean(box.z)])
        centre[name] = (fine.affine[:3, 3] + index * np.array(FINE)).tolist()
    def place(index: tuple[int, int, int]) -> list[float]:
        return (coarse.affine[:3, 3] + np.array(index) * np.array(COARSE)).tolist()

    return {
        "peak": PEAK, "spot": SPOT, "peak_mm": place(PEAK_AT), "spot_mm": place(SPOT_AT), "volume_ml": volume, "centre_mm": centre,
        "dose_gy": {row.name: row.dose_gy for row in rows}, "injected_mbq": 7400.0, **documents(folder),
    }  # fmt: skip


def documents(folder: Path) -> dict[str, object]:
    """What is not an image: the FHIR bundle of a plan, and a review in the formats of other programs."""
    from neorlt.jobs.plan import run_plan

    plan = run_plan(None, ROOT / "examples" / "pannet-head.toml", folder / "plan", n_draws=50)
    (folder / "fhir.json").write_bytes((folder / "plan" / "fhir.json").read_bytes())
    return {**review(folder), "lesion_mm": plan["lesions"][0]["longest_diameter_mm"], "platelets": plan["patient"]["platelets_e9_per_l"]}


RECORDS = (
    ("Müller-Brand, Hélène", "A first invented title: β-emitters & 5 % of µCi", "10.5555/first.1", "101", 2021),
    ("Invented, Second", "A second invented title", "10.5555/second.2", "102", 2022),
    ("Invented, Third", "A third invented title; with a semicolon", "10.5555/third.3", "103", 2020),
    ("Invented, Fourth", "A fourth invented title, \"quoted\"", "10.5555/fourth.4", "104", 2019),
)
"""Author, title, DOI, PubMed number, year."""


def review(folder: Path) -> dict[str, object]:
    """A review of four records, one included and one excluded, in every format; and the shipped review's counts."""
    from neorlt.evidence.page import write_evidence
    from neorlt.evidence.prisma import shipped_flow
    from neorlt.evidence.records import Record
    from neorlt.evidence.review import ReviewFolder, writing
    from neorlt.evidence.review.exchange import export_asreview, export_rayyan
    from neorlt.evidence.studies import shipped_review

    made = [
        Record(title=title, authors=(author, "Other, A"), doi=doi, pmid=pmid, year=year, journal="J Invented", volume="7", pages="11-19",
               abstract="Invented.", source="pubmed")
        for author, title, doi, pmid, year in RECORDS
    ]  # fmt: skip
    with ReviewFolder.create(folder / "review") as store:
        store.add_records(made, "pubmed")
        keys = list(store.records())
        store.decide(keys[0], "include", who="first", why="fits")
        store.decide(keys[1], "exclude", who="first", why="a letter")
        (folder / "asreview.csv").write_text(export_asreview(store), encoding="utf-8")
        (folder / "rayyan.csv").write_text(export_rayyan(store), encoding="utf-8")
        (folder / "records.ris").write_text(writing.ris(store.records()), encoding="utf-8")
        (folder / "records.bib").write_text(writing.bibtex(store.records()), encoding="utf-8")
    table = shipped_review()
    write_evidence(table, shipped_flow(table), folder / "evidence", "logit/reml/z")
    pooled = json.loads((folder / "evidence" / "pooled.json").read_text(encoding="utf-8"))["outcomes"]["objective_response"]
    return {"records": {key: list(row) for key, row in zip(keys, RECORDS, strict=True)}, "pooled": pooled["pooled"],
            "ci95": pooled["ci95"], "events": pooled["events"], "patients": pooled["n"]}  # fmt: skip


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    truth = write(folder)
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
