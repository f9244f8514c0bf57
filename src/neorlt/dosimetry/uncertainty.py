"""What every step of the chain may be wrong by, after the EANM guidance (Gear 2018), stated before it is used.

The guidance names the parts (calibration, recovery, volume, counts, fit, S-value) and how they combine; it leaves the
sizes to the centre. The sizes below are this project's, each with its label: replace them by your own measurements.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.toml_file import refuse_unknown

KEYS = {
    "calibration": "calibration_cv",
    "counts": "per_image_cv",
    "blur_mm": "psf_fwhm_sd_mm",
    "contour_mm": "contour_sd_mm",
    "contour_shift_mm": "contour_shift_sd_mm",
    "s_value": "s_value_cv",
    "between_cycles": "between_cycle_log_sd",
    "net_activity": "net_activity_cv",
}
"""Keys of ``[uncertainty]`` in a study's settings.toml; ``source`` says where the centre's sizes come from."""


@dataclass(frozen=True)
class UncertaintySettings:
    """Relative (CV) and absolute standard uncertainties of the dose chain.

    Parameters
    ----------
    calibration_cv
        Camera calibration factor and dose calibrator; shared by all regions and times.
    per_image_cv
        Attenuation, scatter and dead-time correction, position and breathing of one image; independent between times.
    psf_fwhm_sd_mm
        How well the blur is known; its effect on each region follows from the region's size.
    contour_sd_mm
        Shift of the whole surface of a contour; its effect on volume follows from the region's size.
    contour_shift_sd_mm
        Place of a whole contour on each axis (registration of CT and SPECT, breathing); moves what spills in and out.
    s_value_cv
        Tables, and shape and density against the model.
    between_cycle_log_sd
        Dose per activity of the same lesion from cycle to cycle (not part of this cycle's dose).
    net_activity_cv
        Injected activity less what stayed in syringe and line; only the activity law asks for it.
    """

    calibration_cv: float = 0.03
    per_image_cv: float = 0.04
    psf_fwhm_sd_mm: float = 0.7
    contour_sd_mm: float = 0.5
    contour_shift_sd_mm: float = 1.0
    s_value_cv: float = 0.02
    between_cycle_log_sd: float = 0.19
    net_activity_cv: float = 0.02
    source: str = ""
    """Where the sizes that the user stated come from."""
    stated: tuple[str, ...] = ()
    """Fields that the user stated."""

    def __post_init__(self) -> None:
        for name in KEYS.values():
            most = 20.0 if name.endswith("_mm") else 2.0
            if not 0 <= getattr(self, name) < most:
                raise ValueError(f"{name} must lie between 0 and {most:g}, found {getattr(self, name)}")

    def origins(self) -> dict[str, tuple[Label, str]]:
        """Label and source of every size."""
        known = {
            "calibration_cv": (Label.ASSUMPTION, "a few per cent; method of Gear 2018, size to be measured at the centre"),
            "per_image_cv": (Label.ASSUMPTION, "size to be measured at the centre with repeated phantom scans"),
            "psf_fwhm_sd_mm": (Label.ASSUMPTION, "fit error of the blur in a phantom; `neorlt recovery` measures it"),
            "contour_sd_mm": (Label.ASSUMPTION, "half a millimetre of surface; method of Gear 2018"),
            "contour_shift_sd_mm": (Label.ASSUMPTION, "a millimetre on each axis; to be measured at the centre"),
            "s_value_cv": (Label.CHECKED, "spheres and voxels agree with independent Monte Carlo within 1–1.5 %"),
            "between_cycle_log_sd": (Label.BY_CONSTRUCTION, "lesions of Jahn 2020, fitted for this project"),
            "net_activity_cv": (Label.ASSUMPTION, "dose calibrator and residual activity; size to be measured at the centre"),
        }
        return known | {name: (Label.MEASURED, self.source) for name in self.stated}

    def as_json(self) -> dict[str, Any]:
        """Every size with its label and source."""
        origins = self.origins()
        return {
            key: {"value": getattr(self, name), "label": str(origins[name][0]), "source": origins[name][1]} for key, name in KEYS.items()
        }


DEFAULT = UncertaintySettings()



def settings_from(table: Mapping[str, Any], where: str = "settings.toml, [uncertainty]") -> UncertaintySettings:
    """The user's sizes of doubt over the defaults.

    Parameters
    ----------
    table
        ``[uncertainty]``: relative standard uncertainties (0.03 is 3 %), those in ``_mm`` in millimetres, and ``source``.

    Raises
    ------
    InputError
        For an unknown key, a number out of range, or sizes without a source.
    """
    refuse_unknown(table, (*KEYS, "source"), where)
    if not table:
        return DEFAULT
    source = table.get("source")
    if not isinstance(source, str) or not source.strip():
        raise InputError(
            "sizes of uncertainty need their source", expected='source = "phantom scans of 2026"', where=where,
            remedy="say where they come from",
        )  # fmt: skip
    values = {}
    for key, name in KEYS.items():
        if key not in table:
            continue
        value, most = table[key], 20.0 if key.endswith("_mm") else 1.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < most:
            raise InputError(
                f"{key} is out of range", expected=f"a number from 0 to under {most:g}", found=repr(value), where=where,
                remedy="write standard uncertainties, relative or in mm",
            )  # fmt: skip
        values[name] = float(value)
    return replace(DEFAULT, **values, source=source.strip(), stated=tuple(values))


@functools.cache
def _nodes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre nodes and weights of the integrals over a shift."""
    nodes, weights = np.polynomial.legendre.leggauss(96)
    return nodes, weights


def sphere_recovery(radius_mm: float, fwhm_mm: float) -> float:
    """Part of a sphere's activity that stays inside it under a Gaussian blur.

    The expected overlap of the sphere with itself, shifted by the blur: E[1 − 3 r/4R + r³/16 R³] over the Maxwell
    distribution of the shift r.
    """
    if fwhm_mm <= 0:
        return 1.0
    sigma = fwhm_mm / np.sqrt(8.0 * np.log(2.0))
    nodes, weights = _nodes()
    r = radius_mm * (nodes + 1.0)
    density = np.sqrt(2.0 / np.pi) * r**2 / sigma**3 * np.exp(-0.5 * (r / sigma) ** 2)
    return float(radius_mm * np.sum(weights * density * (1.0 - 0.75 * r / radius_mm + (r / radius_mm) ** 3 / 16.0)))


def recovery_cv(volume_ml: float, fwhm_mm: float, fwhm_sd_mm: float) -> float:
    """Relative uncertainty of a corrected activity from that of the blur, for a sphere of the region's volume."""
    radius = (3.0 * volume_ml * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    here = sphere_recovery(radius, fwhm_mm)
    low, high = sphere_recovery(radius, max(fwhm_mm - fwhm_sd_mm, 0.0)), sphere_recovery(radius, fwhm_mm + fwhm_sd_mm)
    return float(0.5 * abs(low - high) / here)


def volume_cv(radius_mm: float, contour_sd_mm: float) -> float:
    """Relative uncertainty of a volume whose surface is shifted by ``contour_sd_mm``.

    ``radius_mm`` is three times the volume over the surface: the radius of a sphere, less than that for any other shape.
    """
    return float(3.0 * contour_sd_mm / radius_mm)


def _inside(source_mm: float, sample_mm: float, fwhm_mm: float) -> float:
    """Part of an evenly filled sphere's activity that lies, blurred, in a concentric sphere.

    The expected overlap of the two, one shifted by the blur: as :func:`sphere_recovery` with unequal radii.
    """
    if fwhm_mm <= 0:
        return float(min(sample_mm / source_mm, 1.0) ** 3)
    sigma = fwhm_mm / np.sqrt(8.0 * np.log(2.0))
    far = min(source_mm + sample_mm, 8.0 * sigma)
    nodes, weights = _nodes()
    d = 0.5 * far * (nodes + 1.0)
    density = np.sqrt(2.0 / np.pi) * d**2 / sigma**3 * np.exp(-0.5 * (d / sigma) ** 2)
    near, small, large = np.abs(source_mm - sample_mm), min(source_mm, sample_mm), source_mm + sample_mm
    lens = np.pi * (large - d) ** 2 * (d**2 + 2.0 * d * large - 3.0 * near**2) / (12.0 * np.maximum(d, 1e-9))
    overlap = np.where(d <= near, 4.0 / 3.0 * np.pi * small**3, lens)
    return float(0.5 * far * np.sum(weights * density * overlap) / (4.0 / 3.0 * np.pi * source_mm**3))


def contour_power(radius_mm: float, fwhm_mm: float, contour_sd_mm: float, *, corrected: bool) -> float:
    """Power ``p`` of a contour's volume with which the activity found in it goes, for a sphere drawn too large or too small.

    A contour drawn too large samples more of the blurred edge; the correction for blur then takes it for a larger sphere, which
    keeps more of its activity. Dose is activity over mass, so it goes with the volume to the power ``p - 1``.
    """
    step = min(max(contour_sd_mm, 1e-3), 0.5 * radius_mm)
    sizes = radius_mm + np.array([-step, step])
    found = np.array([_inside(radius_mm, size, fwhm_mm) / (sphere_recovery(size, fwhm_mm) if corrected else 1.0) for size in sizes])
    return float(np.diff(np.log(found))[0] / (3.0 * np.diff(np.log(sizes))[0]))
