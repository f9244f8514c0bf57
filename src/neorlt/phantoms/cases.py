"""The bundled digital patients: which regions take up how much, for how long.

Uptake and kinetics are design values of synthetic patients, not measurements: they were chosen once so that organ and
tumour doses per activity are of the size published for 177Lu-DOTATATE (kidneys 0.57 ± 0.09, liver 0.27 ± 0.05, spleen
1.17 ± 0.14, tumours 3.41 ± 0.68 Gy/GBq: Clin Nucl Med 2013;38(3), 61 patients; kidneys 0.46 Gy/GBq: EJNMMI Phys 2021;8:78).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neorlt.core.draws import generator
from neorlt.core.errors import InputError
from neorlt.imaging.region import RegionKind
from neorlt.phantoms import headtumour
from neorlt.phantoms.anatomy import Anatomy, fine, native
from neorlt.phantoms.camera import Blur, Camera
from neorlt.phantoms.kinetics import Kinetics, uptake, washout

REST = "rest-of-body"
TRUTH_SEED = 20261124
"""Fixes the texture inside tumours: the truth does not depend on the seed of the noise."""

LU177_ADMINISTERED_MBQ = 7400.0
GA68_ADMINISTERED_MBQ = 150.0
GA68_HALF_LIFE_H = 67.71 / 60.0
"""67.71 min (ICRP Publication 107)."""
LU177_HALF_LIFE_H = 6.647 * 24.0
"""6.647 d (ICRP Publication 107)."""
WEIGHT_KG = 70.0
SPECT_TIMES_H = (4.0, 24.0, 96.0, 168.0)
TEXTURE_LOG_SD = 0.35
TEXTURE_SIGMA_VOXELS = 1.2

SPECT = Camera(
    Blur(near_mm=8.0, slope=0.055, orbit_mm=(215.0, 165.0), tail_share=0.03, tail_fwhm_mm=35.0, attenuation_per_mm=0.011),
    sensitivity_cps_per_mbq=20.0,
    duration_s=1800.0,
    detected_share=0.2,
    noise_variance_factor=4.0,
)
"""Assumed two-head camera, medium-energy collimators, 208 keV window, half an hour; widths about 10 to 13 mm by place."""

PET = Camera(
    Blur(near_mm=6.0, slope=0.0, orbit_mm=(350.0, 350.0), tail_share=0.02, tail_fwhm_mm=25.0),
    sensitivity_cps_per_mbq=6000.0,
    duration_s=180.0,
    detected_share=0.15,
    noise_variance_factor=10.0,
)
"""Assumed PET scanner, three minutes a bed position."""


@dataclass(frozen=True)
class Source:
    """Uptake of one region.

    Parameters
    ----------
    name, kind
        Region name as in SEG, RTSTRUCT and ``truth.json``.
    kinetics
        177Lu-DOTATATE curve; None for a region that shares the rest of the body's activity (a vessel).
    suv
        Mean SUVbw at 60 min of the baseline 68Ga-DOTATATE PET.
    texture_log_sd
        Log-SD of the uneven uptake inside; 0 is uniform.

    """

    name: str
    kind: RegionKind
    kinetics: Kinetics | None
    suv: float
    texture_log_sd: float = 0.0


@dataclass(frozen=True)
class Case:
    """One digital patient."""

    name: str
    sentence: str
    ct: Callable[[], Anatomy]
    fine: Callable[[], Anatomy]
    sources: tuple[Source, ...]

    def active(self) -> tuple[Source, ...]:
        """Sources with a curve of their own, the rest of the body last."""
        return tuple(s for s in self.sources if s.kinetics is not None)

    def pattern(self, source: Source) -> NDArray[np.float32]:
        """Share of the source's activity in each voxel of the 2 mm grid; sums to 1."""
        anatomy = self.fine()
        if source.name == REST:
            passive = [anatomy.codes[s.name] for s in self.sources if s.kinetics is None]
            # activity of the rest follows its mass: little in lung and gas
            weight = np.isin(anatomy.label, [1, *passive]) * mass_density(anatomy.hounsfield)
            return np.asarray(weight / weight.sum(dtype=np.float64), dtype=np.float32)
        mask = anatomy.label == anatomy.codes[source.name]
        share = mask.astype(np.float32)
        if source.texture_log_sd > 0:
            box = tuple(slice(int(p.min()) - 6, int(p.max()) + 7) for p in np.nonzero(mask))
            rng = generator(TRUTH_SEED, self.name, source.name, "texture")
            noise = ndimage.gaussian_filter(rng.standard_normal([s.stop - s.start for s in box]), TEXTURE_SIGMA_VOXELS)
            inside = noise[mask[box]]
            texture = np.exp(source.texture_log_sd * (inside - inside.mean()) / inside.std())
            share[mask] = texture
        return np.asarray(share / share.sum(dtype=np.float64), dtype=np.float32)


def mass_density(hounsfield: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mass density in g/cm³ from HU: straight lines through air, lung, adipose (0.95), soft tissue (1.05) and bone (1.92).

    Points: adipose, soft tissue and cortical bone have the densities of ICRU Report 44; their HU are nominal.
    """
    points_hu = [-1000.0, -100.0, 50.0, 1300.0]
    return np.interp(hounsfield, points_hu, [0.00121, 0.95, 1.05, 1.92]).astype(np.float32)


def _organs() -> tuple[Source, ...]:
    organ = RegionKind.ORGAN
    return (
        Source("liver", organ, washout(0.0318, 68.0, 0.30, 8.0), 6.0),
        Source("spleen", organ, washout(0.0149, 65.0, 0.15, 10.0), 24.0),
        Source("kidney-left", organ, washout(0.0111, 52.0, 0.35, 5.0), 13.0),
        Source("kidney-right", organ, washout(0.0126, 50.0, 0.35, 5.0), 12.4),
    )


def _lesion(name: str, slow_fraction: float, slow_h: float, suv: float) -> Source:
    return Source(name, RegionKind.LESION, uptake(slow_fraction, slow_h), suv, TEXTURE_LOG_SD)


def _rest() -> Source:
    # 55 % of the injected activity leaves by the kidneys with 2.5 h; 11 % stays longer
    return Source(REST, RegionKind.BODY, Kinetics((0.11, 0.55), (48.0, 2.5)), 0.55)


CASES = {
    "christie": Case(
        "christie",
        "Synthetic uptake on the real anatomy of a patient treated with 177Lu-DOTATATE: three tumours of 3.7 to 6.3 mL.",
        native,
        fine,
        (
            *_organs(),
            _lesion("tumour-1", 0.00230, 95.0, 34.0),
            _lesion("tumour-2", 0.00125, 88.0, 26.0),
            _lesion("tumour-3", 0.00242, 105.0, 38.0),
            _rest(),
        ),
    ),
    "pannet-head": Case(
        "pannet-head",
        "Synthetic: a drawn 45 mm pancreatic-head primary at the superior mesenteric vessels and two liver metastases, "
        "on the same real anatomy.",
        headtumour.drawn,
        headtumour.drawn_fine,
        (
            *_organs(),
            _lesion("primary", 0.00997, 98.0, 32.0),
            _lesion("liver-1", 0.00272, 90.0, 30.0),
            _lesion("liver-2", 0.00080, 85.0, 26.0),
            _lesion("node-1", 0.00230, 95.0, 34.0),
            _lesion("node-2", 0.00125, 88.0, 26.0),
            _lesion("node-3", 0.00242, 105.0, 38.0),
            Source("SMV", RegionKind.OTHER, None, 0.55),
            Source("SMA", RegionKind.OTHER, None, 0.55),
            _rest(),
        ),
    ),
}


def case(name: str) -> Case:
    """The bundled patient of that name.

    Raises
    ------
    InputError
        If there is none.

    """
    if name not in CASES:
        raise InputError("there is no such example", expected=" or ".join(CASES), found=name, remedy="choose one of these")
    return CASES[name]
