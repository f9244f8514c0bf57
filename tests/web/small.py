"""A small synthetic patient as DICOM: an ellipse with liver, spleen, kidneys and two tumours, so that a whole plan is quick."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_nm import write_spect
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid, Unit, Volume

SHAPE, SPACING = (52, 36, 48), 6.0
PET_TIME, THERAPY_TIME = datetime(2026, 1, 5, 10, 0), datetime(2026, 1, 19, 10, 0)
SPECT_TIMES_H = (4.0, 24.0, 96.0)
TUMOUR_LEFT = 0.8
"""Uptake of the tumours in a cycle over that of the one before."""
# name: (centre in mm, LPS; radii in mm; SUV; 177Lu in MBq at 0 h; effective half-life in h)
PARTS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float, float, float]] = {
    "liver": ((-60.0, -10.0, 60.0), (55.0, 45.0, 40.0), 6.0, 400.0, 60.0),
    "spleen": ((85.0, 30.0, 60.0), (24.0, 30.0, 26.0), 18.0, 250.0, 65.0),
    "kidney-left": ((60.0, 40.0, 0.0), (24.0, 24.0, 42.0), 14.0, 150.0, 50.0),
    "kidney-right": ((-60.0, 40.0, -10.0), (24.0, 24.0, 42.0), 14.0, 150.0, 50.0),
    "tumour-1": ((25.0, -20.0, 0.0), (22.0, 22.0, 22.0), 25.0, 120.0, 90.0),
    "tumour-2": ((-70.0, -20.0, 70.0), (16.0, 16.0, 16.0), 25.0, 45.0, 90.0),
}
PATIENT = """# Synthetic patient of the page's tests.
id = "synthetic-small"

[baseline]
age_y = 58
sex = "F"
weight_kg = 70
egfr_ml_min = 85
kidney_risk_factors = []
platelets_e9_per_l = 230
neutrophils_e9_per_l = 4.1
haemoglobin_g_dl = 12.9
prior_chemotherapy = false

[[lesion]]
id = "tumour-1"
site = "pancreas-head"
longest_diameter_mm = 44
ki67_pct = 8
vessels = [{ name = "SMV", contact_deg = 200, irregular = false }]

[[lesion]]
id = "tumour-2"
site = "liver"
longest_diameter_mm = 32
ki67_pct = 8
"""


def _grid(frame: str) -> Grid:
    affine = np.diag([SPACING, SPACING, SPACING, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * SPACING for n in SHAPE]
    return Grid(SHAPE, affine, frame)


def _ellipsoid(grid: Grid, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray[np.bool_]:
    places = grid.index_to_mm(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))
    return np.asarray((((places - np.array(centre)) / np.array(radii)) ** 2).sum(-1) <= 1.0)


def write_small(
    folder: Path, cycles_at: Sequence[datetime] = (THERAPY_TIME,), times_h: Sequence[float] = SPECT_TIMES_H
) -> tuple[Path, Path]:
    """Write ``folder/study/`` and ``folder/patient.toml``; returns both paths.

    Each cycle is injected at one of ``cycles_at`` and imaged ``times_h`` after; its images are ``spect_N.dcm``, numbered through.
    """
    study = folder / "study"
    frame = make_uid("small", "frame")
    grid = _grid(frame)
    body = _ellipsoid(grid, (0.0, 0.0, 0.0), (150.0, 100.0, 1000.0))
    masks = {name: _ellipsoid(grid, part[0], part[1]) & body for name, part in PARTS.items()}
    masks["liver"] &= ~masks["tumour-2"]
    rng = np.random.default_rng(5)
    hounsfield = np.where(body, 40.0 + rng.normal(0, 10, SHAPE), -1000.0).round().astype(np.float32)
    ct = Volume(hounsfield, grid, Unit.HU, "CT", description="synthetic CT")

    tracer = Administration("Ga-68", 150.0, PET_TIME - timedelta(hours=1), "68Ga-DOTATATE")

    def identity(visit: str, time: datetime) -> Identity:
        return Identity(
            patient_id="synthetic-small", patient_name="SYNTHETIC^SMALL", birth_date=None, sex="F", age_y=58.0, weight_kg=70.0, size_m=None,
            study_uid=make_uid("small", visit), study_time=time, frame_of_reference_uid=frame,
        )  # fmt: skip

    baseline = identity("baseline", tracer.time)
    ct_paths = write_ct(ct, study / "ct", baseline, description=ct.description, series_number=1)
    per_ml = 150e6 * 0.5 ** (60.0 / 67.7) / 70_000.0
    suv = body * 0.5 + sum(masks[name] * part[2] for name, part in PARTS.items())
    pet = gaussian_filter(suv * per_ml, 0.5).astype(np.float32)
    write_pet(
        Volume(pet, grid, Unit.BQ_PER_ML, "PT", PET_TIME, "Ga-68", "synthetic PET"), study / "pet", baseline, administration=tracer,
        decay_correction="START", acquisition_time=PET_TIME, frame_duration_s=600, description="synthetic PET", series_number=2,
    )  # fmt: skip
    kinds = {name: RegionKind.LESION if "tumour" in name else RegionKind.ORGAN for name in PARTS}
    regions = [Region(name, kinds[name], mask.astype(np.float32), grid, "synthetic") for name, mask in masks.items()]
    vein = _ellipsoid(grid, (-3.0, -20.0, 0.0), (9.0, 9.0, 60.0)) & ~masks["tumour-1"]
    regions.append(Region("SMV", RegionKind.OTHER, vein.astype(np.float32), grid, "synthetic"))
    write_seg(regions, ct_paths, study / "seg.dcm", baseline, description="synthetic regions", series_number=3)
    for number, (cycle, hours) in enumerate((cycle, hours) for cycle in range(len(cycles_at)) for hours in times_h):
        activity = body * 20.0 * 0.5 ** (hours / 30.0) / body.sum()
        for name, (_, _, _, mbq, half_life) in PARTS.items():
            left = TUMOUR_LEFT**cycle if kinds[name] is RegionKind.LESION else 1.0
            activity = activity + masks[name] * left * mbq * 0.5 ** (hours / half_life) / masks[name].sum()
        image = gaussian_filter(activity * 1e6 / grid.voxel_ml, 8.0 / 2.355 / SPACING)
        noisy = (rng.poisson(image * 0.02) / 0.02).astype(np.float32)
        injected = cycles_at[cycle]
        time = injected + timedelta(hours=hours)
        write_spect(
            Volume(noisy, grid, Unit.BQ_PER_ML, "NM", time, "Lu-177", "synthetic SPECT"), study / f"spect_{number}.dcm",
            identity(f"cycle-{cycle + 1}", injected), administration=Administration("Lu-177", 7400.0, injected, "177Lu-DOTATATE"),
            acquisition_time=time, frame_duration_s=1200, description="synthetic SPECT", series_number=10 + number,
        )  # fmt: skip
    (study / "settings.toml").write_text("psf_fwhm_mm = 8.0\n", encoding="utf-8")
    patient = folder / "patient.toml"
    patient.write_text(PATIENT, encoding="utf-8")
    return study, patient
