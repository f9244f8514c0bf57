"""A small synthetic study with known truth, made on a 2 mm grid and blurred, for tests of the whole road."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume

FWHM_MM = 10.0
TIMES_H = (4.0, 24.0, 96.0, 168.0)
INJECTION = datetime(2026, 3, 2, 9, 0)
HALF_LIFE_H = {"Lu-177": 6.647 * 24.0, "Y-90": 64.1}
FINE = 2.0
COARSE = 4.0
N_COARSE = (56, 40, 40)


@dataclass(frozen=True)
class Organ:
    """An ellipsoid: centre and half axes in mm, uptake in MBq per MBq, biological half-lives in h."""

    name: str
    kind: RegionKind
    centre: tuple[float, float, float]
    axes: tuple[float, float, float]
    uptake: float
    slow_h: float
    rise_h: float

    def terms(self, nuclide: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Amplitudes per administered activity and effective rates."""
        decay = np.log(2) / HALF_LIFE_H[nuclide]
        slow, rise = np.log(2) / self.slow_h, np.log(2) / self.rise_h
        return np.array([self.uptake, -self.uptake]), np.array([decay + slow, decay + slow + rise])


ORGANS = (
    Organ("kidney-left", RegionKind.ORGAN, (-45.0, 1.0, 2.0), (25.0, 24.0, 45.0), 0.02, 75.0, 0.5),
    Organ("liver", RegionKind.ORGAN, (45.0, 0.0, 0.0), (42.0, 45.0, 52.0), 0.06, 110.0, 0.8),
    Organ("primary", RegionKind.LESION, (-2.0, 25.0, -15.0), (15.0, 15.0, 15.0), 0.01, 230.0, 1.5),
)
BODY = Organ("body", RegionKind.BODY, (0.0, 0.0, 0.0), (108.0, 76.0, 400.0), 0.10, 40.0, 0.01)


def grid(spacing: float) -> Grid:
    """The field of view in voxels of ``spacing`` mm, centred on 0."""
    ratio = round(COARSE / spacing)
    shape = tuple(n * ratio for n in N_COARSE)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -0.5 * spacing * (np.array(shape) - 1)
    return Grid(shape, affine, "1.2.3")  # type: ignore[arg-type]


def inside(organ: Organ, where: Grid) -> NDArray[np.bool_]:
    """Voxels of an ellipsoid."""
    axes = [where.affine[a, 3] + where.spacing_mm[a] * np.arange(where.shape[a]) for a in range(3)]
    total = sum(
        (((x - c) / h) ** 2).reshape([-1 if b == a else 1 for b in range(3)])
        for a, (x, c, h) in enumerate(zip(axes, organ.centre, organ.axes, strict=True))
    )
    return np.asarray(total < 1.0)


def masks(where: Grid, extra: tuple[Organ, ...] = ()) -> dict[str, NDArray[np.bool_]]:
    """Every organ's own voxels; the body without them."""
    found = {organ.name: inside(organ, where) for organ in (*ORGANS, *extra)}
    for one in extra:  # what is added lies in an organ's place where they meet
        for organ in ORGANS:
            found[organ.name] &= ~found[one.name]
    found["body"] = inside(BODY, where) & ~np.any(list(found.values()), axis=0)
    return found


def true_tia_mbq_h(organ: Organ, injected_mbq: float, nuclide: str = "Lu-177") -> float:
    """Analytic time-integrated activity."""
    amplitude, rate = organ.terms(nuclide)
    return float(injected_mbq * (amplitude / rate).sum())


def make_study(*, seed: int = 0, injected_mbq: float = 7400.0, nuclide: str = "Lu-177", counts_per_mbq_s: float = 20.0,
               extra: tuple[Organ, ...] = ()) -> Study:
    """SPECT at four times with counting noise, a CT of soft tissue, contours; ``extra`` organs beside the usual."""
    fine, coarse = grid(FINE), grid(COARSE)
    where = masks(fine, extra)
    rng = np.random.default_rng(seed)
    volumes = []
    for hour in TIMES_H:
        activity = np.zeros(fine.shape, dtype=np.float32)
        for organ in (*ORGANS, *extra, BODY):
            amplitude, rate = organ.terms(nuclide)
            total = injected_mbq * float((amplitude * np.exp(-rate * hour)).sum())
            activity += where[organ.name] * np.float32(total / where[organ.name].sum())
        blurred = gaussian_filter(activity, FWHM_MM / np.sqrt(8 * np.log(2)) / FINE, mode="constant", truncate=4)
        mbq = blurred.reshape(coarse.shape[0], 2, coarse.shape[1], 2, coarse.shape[2], 2).sum(axis=(1, 3, 5))
        counts_per_mbq = counts_per_mbq_s * 1800.0
        noisy = gaussian_filter(rng.poisson(mbq * counts_per_mbq) / counts_per_mbq - mbq, 1.0) + mbq
        volumes.append(
            Volume(noisy * 1e6 / coarse.voxel_ml, coarse, Unit.BQ_PER_ML, "NM", INJECTION + timedelta(hours=hour), nuclide)
        )
    body = inside(BODY, coarse)
    ct = Volume(np.where(body, 32.0, -1000.0), coarse, Unit.HU, "CT")
    regions = tuple(Region(o.name, o.kind, _occupancy(where[o.name], coarse), coarse, "synthetic") for o in (*ORGANS, *extra))
    outline = Region("body", RegionKind.BODY, body.astype(np.float32), coarse, "synthetic")
    return Study(
        patient_key="synthetic",
        volumes=(ct, *volumes),
        regions=(*regions, outline),
        administrations=(Administration(nuclide, injected_mbq, INJECTION),),
        psf_fwhm_mm=FWHM_MM,
    )


def _occupancy(mask: NDArray[np.bool_], coarse: Grid) -> NDArray[np.float32]:
    n = coarse.shape
    return mask.reshape(n[0], 2, n[1], 2, n[2], 2).mean(axis=(1, 3, 5)).astype(np.float32)
