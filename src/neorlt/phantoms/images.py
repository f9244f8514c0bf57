"""A bundled digital patient's study in memory: CT, PET, SPECT and regions, as a reader of its files would see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import generator
from neorlt.core.tables import read_json
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.phantoms.anatomy import FRAME, axis_grid
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
        assert source.kinetics is not None
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


def stated_fwhm_mm() -> float:
    """Blur of the SPECT in mm that the study's settings state: what the phantom reported."""
    return float(read_json("phantoms", "camera.json")["SPECT"]["psf_fwhm_mm"])


def study_in_memory(name: str, *, seed: int = 0, frame: str = FRAME) -> Study:
    """Study of the bundled patient ``name`` without any file: what :func:`write_example` writes, before DICOM rounds it.

    Volumes are the CT, the baseline PET and the SPECT of cycle 1 in order of time; regions lie on the CT's grid.

    Raises
    ------
    InputError
        If there is no example of that name.

    """
    patient = case(name)
    anatomy = patient.ct()
    volumes = [Volume(anatomy.hounsfield, _framed(anatomy.grid, frame), Unit.HU, "CT", description="synthetic CT low dose")]
    pet_mbq, spect_mbq = true_activities(patient)
    start = PET_INJECTION + timedelta(hours=PET_UPTAKE_H)
    image = seen(pet_mbq, patient, PET, PET_GRID, seed, "PET")
    description = "synthetic PET 68Ga-DOTATATE baseline"
    volumes.append(Volume(image, _framed(PET_GRID, frame), Unit.BQ_PER_ML, "PT", start, "Ga-68", description))
    for time_h, activity_mbq in zip(SPECT_TIMES_H, spect_mbq, strict=True):
        start = THERAPY_INJECTION + timedelta(hours=time_h)
        image = seen(activity_mbq, patient, SPECT, SPECT_GRID, seed, f"SPECT {time_h:g} h")
        description = f"synthetic SPECT 177Lu-DOTATATE {time_h:g} h"
        volumes.append(Volume(image, _framed(SPECT_GRID, frame), Unit.BQ_PER_ML, "NM", start, "Lu-177", description))
    return Study(
        patient_key=f"synthetic-{name}",
        volumes=tuple(volumes),
        regions=regions(patient, frame),
        administrations=(
            Administration("Ga-68", GA68_ADMINISTERED_MBQ, PET_INJECTION, "68Ga-DOTATATE"),
            Administration("Lu-177", LU177_ADMINISTERED_MBQ, THERAPY_INJECTION, "177Lu-DOTATATE"),
        ),
        weight_kg=WEIGHT_KG,
        sex=SEX,
        age_y=AGE_Y,
        psf_fwhm_mm=stated_fwhm_mm(),
    )
