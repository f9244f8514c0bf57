"""``neorlt recovery``: recovery coefficients and blur from scans of a phantom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.core.progress import track
from neorlt.dicom.phantom_scan import read_phantom
from neorlt.imaging.phantom_curves import fit_blur_map, fit_volume_recovery
from neorlt.imaging.recovery import PHANTOMS, measure_nema


def recovery_command(
    study_folder: Path, *, phantom: str = "nema", also: Sequence[Path] = (), concentration: float | None = None
) -> dict[str, Any]:
    """Measure recovery coefficients and the blur on scans of a phantom with six hot spheres.

    The scan may be in any unit: contrasts are given as parts of the largest sphere's.

    Parameters
    ----------
    phantom
        ``nema`` (NEMA image-quality phantom) or ``jaszczak`` (sphere sizes of the Jaszczak phantom).
    also
        Further scans of the phantom, moved aside: with ``concentration`` they give the blur by distance from the axis.
    concentration
        What was filled into the spheres, in the scans' unit at their time.

    Returns
    -------
    dict
        ``curve`` (per sphere: ``diameter_mm``, ``volume_ml``, ``recovery``, ``relative_mean``, ``relative_max``,
        ``fitted``), ``fwhm_mm`` (of the reconstruction, as ``psf_fwhm_mm`` takes it), ``fwhm_with_voxels_mm``, ``fwhm_sd_mm``,
        ``volume_curve`` (the empirical curve by volume), ``phantom``, and
        ``psf_by_radius``, ready for ``settings.toml``, or None with a reason.

    Raises
    ------
    InputError
        If the phantom is unknown, the scan cannot be read, or the spheres are not found.
    """
    if phantom not in PHANTOMS:
        raise InputError("unknown phantom", expected=" or ".join(PHANTOMS), found=phantom, where="--phantom", remedy="name a known phantom")
    folders = (study_folder, *also)
    fits = [measure_nema(read_phantom(Path(folder)), PHANTOMS[phantom]) for folder in track(folders, "measuring the phantom", len(folders))]
    fit = fits[0]
    volumes = np.array([np.pi / 6.0 * s.diameter_mm**3 / 1000.0 for s in fit.spheres])
    by_volume = fit_volume_recovery(volumes, np.array(fit.recovery))
    by_radius = None if concentration is None or not also else fit_blur_map(fits, concentration)
    curve = [
        {
            "diameter_mm": s.diameter_mm,
            "volume_ml": float(v),
            "recovery": r,
            "relative_mean": s.relative_mean,
            "relative_max": s.relative_maximum,
            "fitted": fit.predict(s.diameter_mm),
            "by_volume": by_volume.of(float(v)),
            "centre_mm": list(s.centre_mm),
        }
        for s, v, r in zip(fit.spheres, volumes, fit.recovery, strict=True)
    ]
    return {
        "phantom": phantom,
        "curve": sorted(curve, key=lambda row: float(row["diameter_mm"])),
        "fwhm_mm": fit.reconstruction_fwhm_mm,
        "fwhm_with_voxels_mm": fit.fwhm_mm,
        "fwhm_sd_mm": fit.sd_mm,
        "volume_curve": {"half_ml": by_volume.half_ml, "power": by_volume.power, "log_half_sd": by_volume.log_half_sd},
        "psf_by_radius": None
        if by_radius is None
        else {"radius_mm": list(by_radius.radius_mm), "fwhm_mm": list(by_radius.fwhm_mm), "sd_mm": by_radius.sd_mm},
        "psf_by_radius_reason": None if by_radius is not None else "needs a second scan (--also), moved aside, and --concentration",
        "note": "Gaussian blur that explains the spheres' means; walls of the spheres are not modelled.",
    }
