"""What every step of the chain may be wrong by, after the EANM guidance (Gear 2018), stated before it is used.

The guidance names the parts (calibration, recovery, volume, counts, fit, S-value) and how they combine; it leaves the
sizes to the centre. The sizes below are this project's, each with its label: replace them by your own measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neorlt.core.labels import Label


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

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not 0 <= getattr(self, name) < 2:
                raise ValueError(f"{name} must lie between 0 and 2, found {getattr(self, name)}")

    def origins(self) -> dict[str, tuple[Label, str]]:
        """Label and source of every size."""
        return {
            "calibration_cv": (Label.ASSUMPTION, "a few per cent; method of Gear 2018, size to be measured at the centre"),
            "per_image_cv": (Label.ASSUMPTION, "size to be measured at the centre with repeated phantom scans"),
            "psf_fwhm_sd_mm": (Label.ASSUMPTION, "fit error of the blur in a phantom; `neorlt recovery` measures it"),
            "contour_sd_mm": (Label.ASSUMPTION, "half a millimetre of surface; method of Gear 2018"),
            "contour_shift_sd_mm": (Label.ASSUMPTION, "a millimetre on each axis; to be measured at the centre"),
            "s_value_cv": (Label.CHECKED, "spheres and voxels agree with independent Monte Carlo within 1–1.5 %"),
            "between_cycle_log_sd": (Label.BY_CONSTRUCTION, "lesions of Jahn 2020, fitted for this project"),
            "net_activity_cv": (Label.ASSUMPTION, "dose calibrator and residual activity; size to be measured at the centre"),
        }


DEFAULT = UncertaintySettings()


def sphere_recovery(radius_mm: float, fwhm_mm: float) -> float:
    """Part of a sphere's activity that stays inside it under a Gaussian blur.

    The expected overlap of the sphere with itself, shifted by the blur: E[1 − 3 r/4R + r³/16 R³] over the Maxwell
    distribution of the shift r.
    """
    if fwhm_mm <= 0:
        return 1.0
    sigma = fwhm_mm / np.sqrt(8.0 * np.log(2.0))
    nodes, weights = np.polynomial.legendre.leggauss(96)
    r = radius_mm * (nodes + 1.0)
    density = np.sqrt(2.0 / np.pi) * r**2 / sigma**3 * np.exp(-0.5 * (r / sigma) ** 2)
    return float(radius_mm * np.sum(weights * density * (1.0 - 0.75 * r / radius_mm + (r / radius_mm) ** 3 / 16.0)))


def recovery_cv(volume_ml: float, fwhm_mm: float, fwhm_sd_mm: float) -> float:
    """Relative uncertainty of a corrected activity from that of the blur, for a sphere of the region's volume."""
    radius = (3.0 * volume_ml * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    here = sphere_recovery(radius, fwhm_mm)
    low, high = sphere_recovery(radius, max(fwhm_mm - fwhm_sd_mm, 0.0)), sphere_recovery(radius, fwhm_mm + fwhm_sd_mm)
    return float(0.5 * abs(low - high) / here)


def volume_cv(volume_ml: float, contour_sd_mm: float) -> float:
    """Relative uncertainty of a volume whose surface is shifted by ``contour_sd_mm``: 3 σ/R for a sphere."""
    radius = (3.0 * volume_ml * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    return float(3.0 * contour_sd_mm / radius)
