"""Write a bundled digital patient: a DICOM study, what DICOM does not hold, and the truth beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import generator
from neorlt.core.output import atomic_folder, write_atomic
from neorlt.core.tables import read_json, read_text
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.phantoms.anatomy import axis_grid
from neorlt.phantoms.camera import Camera, blurred, counted
from neorlt.phantoms.cases import (
    GA68_ADMINISTERED_MBQ,
    GA68_HALF_LIFE_H,
    LU177_ADMINISTERED_MBQ,
    PET,
    REST,
    SPECT,
    SPECT_TIMES_H,
    WEIGHT_KG,
    Case,
    case,
)
from neorlt.phantoms.truth import truth_document

PET_INJECTION = datetime(2026, 1, 5, 9, 0)
THERAPY_INJECTION = datetime(2026, 1, 19, 10, 0)
PET_UPTAKE_H = 1.0
AGE_Y, SEX = 58.0, "F"
SPECT_GRID = axis_grid((96, 64, 86), (4.8, 4.8, 4.8))
PET_GRID = axis_grid((106, 70, 100), (4.0, 4.0, 4.0))


def true_activities(patient: Case) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], ...]]:
    """True activity in MBq of each 2 mm voxel at the start of the baseline PET, and of every SPECT.

    68Ga follows from the regions' mean SUVbw, 177Lu from their curves; one pass over the sources, whose patterns are large.
    """
    anatomy = patient.fine()
    left_mbq = GA68_ADMINISTERED_MBQ * 2.0 ** (-PET_UPTAKE_H / GA68_HALF_LIFE_H)
    per_ml = left_mbq / (WEIGHT_KG * 1000.0)
    pet = np.zeros(anatomy.grid.shape, dtype=np.float32)
    spect = tuple(np.zeros(anatomy.grid.shape, dtype=np.float32) for _ in SPECT_TIMES_H)
    for source in patient.active():
        assert source.kinetics is not None  # noqa: S101 - active() holds only these
        pattern = patient.pattern(source)
        pet += pattern * np.float32(source.suv * per_ml * np.count_nonzero(pattern) * anatomy.grid.voxel_ml)
        for total, time_h in zip(spect, SPECT_TIMES_H, strict=True):
            total += pattern * np.float32(source.kinetics.activity_mbq(time_h, LU177_ADMINISTERED_MBQ))
    return pet, spect


def seen(
    activity_mbq: NDArray[np.float32], patient: Case, camera: Camera, grid: Grid, seed: int, what: str
) -> NDArray[np.float32]:
    """Image in Bq/ml: blurred, summed into image voxels, with counting noise drawn from ``seed`` and the name ``what``."""
    image = blurred(activity_mbq, patient.fine().grid, grid, camera.blur)
    noisy = counted(image, camera, generator(seed, patient.name, what))
    return (noisy * np.float32(1e6 / grid.voxel_ml)).astype(np.float32)


def _framed(grid: Grid, frame: str) -> Grid:
    return replace(grid, frame_of_reference=frame)


def regions(patient: Case, frame: str) -> tuple[Region, ...]:
    """Contours of the study on its CT grid: the published ones, the drawn ones, and the body's outline."""
    anatomy = patient.ct()
    grid = _framed(anatomy.grid, frame)
    found = []
    for source in patient.sources:
        mask = anatomy.label > 0 if source.name == REST else anatomy.label == anatomy.codes[source.name]
        name, kind = ("body", RegionKind.BODY) if source.name == REST else (source.name, source.kind)
        found.append(Region(name, kind, mask.astype(np.float32), grid, "synthetic"))
    return tuple(found)


def write_example(name: str, out: Path, *, seed: int = 0) -> dict[str, Any]:
    """Write ``out/study/``, ``out/patient.toml`` and ``out/truth.json`` of the bundled patient ``name``.

    The study holds a CT, the baseline 68Ga-DOTATATE PET, 177Lu-DOTATATE SPECT at 4, 24, 96 and 168 h of cycle 1, regions as
    SEG and RTSTRUCT, and ``settings.toml`` with the blur that the centre's phantom reports. The same seed writes the same
    files; another seed draws other noise on the same truth.

    Returns
    -------
    dict
        ``study``, ``patient`` and ``truth``: the three paths as text.

    Raises
    ------
    InputError
        If there is no example of that name, or ``out`` holds something that neorlt did not write.
    """
    patient = case(name)
    out = Path(out)
    with atomic_folder(out) as work:
        _write_study(patient, work / "study", seed)
        write_atomic(work / "patient.toml", read_text("phantoms", f"{name}_patient.toml"))
        truth = truth_document(name, seed, stated_fwhm_mm())
        write_atomic(work / "truth.json", json.dumps(truth, indent=1) + "\n")
        write_atomic(work / "run.json", json.dumps({"command": "example", "name": name, "seed": seed}, indent=1) + "\n")
    return {"study": str(out / "study"), "patient": str(out / "patient.toml"), "truth": str(out / "truth.json")}


def stated_fwhm_mm() -> float:
    """Blur of the SPECT in mm that the study's settings state: what the phantom reported."""
    return float(read_json("phantoms", "camera.json")["SPECT"]["psf_fwhm_mm"])


def _write_study(patient: Case, folder: Path, seed: int) -> None:
    from neorlt.dicom.identity import Identity, make_uid
    from neorlt.dicom.write_ct import write_ct
    from neorlt.dicom.write_nm import write_spect
    from neorlt.dicom.write_pet import write_pet
    from neorlt.dicom.write_rtstruct import write_rtstruct
    from neorlt.dicom.write_seg import write_seg

    frame = make_uid(patient.name, str(seed), "frame")
    label = f"synthetic-{patient.name}"

    def identity(visit: str, time: datetime) -> Identity:
        return Identity(
            patient_id=label,
            patient_name=label,
            birth_date=None,
            sex=SEX,
            age_y=AGE_Y,
            weight_kg=WEIGHT_KG,
            size_m=None,
            study_uid=make_uid(patient.name, str(seed), visit),
            study_time=time,
            frame_of_reference_uid=frame,
        )

    baseline = identity("baseline", PET_INJECTION)
    anatomy = patient.ct()
    ct = Volume(anatomy.hounsfield, _framed(anatomy.grid, frame), Unit.HU, "CT")
    ct_paths = write_ct(ct, folder / "ct", baseline, description="synthetic CT low dose", series_number=1)

    injected = Administration("Ga-68", GA68_ADMINISTERED_MBQ, PET_INJECTION, "68Ga-DOTATATE")
    start = PET_INJECTION + timedelta(hours=PET_UPTAKE_H)
    pet_grid = _framed(PET_GRID, frame)
    pet_mbq, spect_mbq = true_activities(patient)
    image = seen(pet_mbq, patient, PET, PET_GRID, seed, "PET")
    write_pet(
        Volume(image, pet_grid, Unit.BQ_PER_ML, "PT", start, "Ga-68"),
        folder / "pet",
        baseline,
        administration=injected,
        decay_correction="START",
        acquisition_time=start,
        frame_duration_s=PET.duration_s,
        description="synthetic PET 68Ga-DOTATATE baseline",
        series_number=2,
    )
    drawn = regions(patient, frame)
    write_seg(drawn, ct_paths, folder / "seg.dcm", baseline, description="synthetic regions SEG", series_number=3)
    organs_and_lesions = [r for r in drawn if r.kind is not RegionKind.BODY]
    write_rtstruct(
        organs_and_lesions,
        ct_paths,
        folder / "rtstruct.dcm",
        baseline,
        description="synthetic regions RTSTRUCT",
        series_number=4,
    )

    therapy = Administration("Lu-177", LU177_ADMINISTERED_MBQ, THERAPY_INJECTION, "177Lu-DOTATATE")
    spect_grid = _framed(SPECT_GRID, frame)
    for number, (time_h, activity_mbq) in enumerate(zip(SPECT_TIMES_H, spect_mbq, strict=True)):
        start = THERAPY_INJECTION + timedelta(hours=time_h)
        image = seen(activity_mbq, patient, SPECT, SPECT_GRID, seed, f"SPECT {time_h:g} h")
        write_spect(
            Volume(image, spect_grid, Unit.BQ_PER_ML, "NM", start, "Lu-177"),
            folder / f"spect_{time_h:03.0f}h.dcm",
            identity("cycle-1", THERAPY_INJECTION),
            administration=therapy,
            acquisition_time=start,
            frame_duration_s=SPECT.duration_s,
            description=f"synthetic SPECT 177Lu-DOTATATE {time_h:g} h",
            series_number=10 + number,
        )
    write_atomic(folder / "settings.toml", _settings())


def _settings() -> str:
    return (
        "# Settings of this synthetic study, as a centre would state them.\n"
        "# Blur of the reconstructed SPECT (full width at half maximum), from the recovery of the six spheres\n"
        "# of a NEMA body phantom imaged on the same camera.\n"
        f"psf_fwhm_mm = {stated_fwhm_mm()}\n"
    )
