"""Commands of the imaging road: each returns the document that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.dicom.phantom_scan import read_phantom
from neorlt.dicom.read import read_study
from neorlt.imaging.measures import Diameter, RegionUptake, longest_diameter, measure_region
from neorlt.imaging.recovery import fit_volume_recovery, measure_nema
from neorlt.imaging.region import Region
from neorlt.imaging.response import compare_studies
from neorlt.imaging.study import Study
from neorlt.imaging.suv import suv_images
from neorlt.imaging.volume import Volume


def measure_command(
    study_folder: Path,
    *,
    labels: Path | None = None,
    label_names: Mapping[int, str] | Path | None = None,
    follow_up: Path | None = None,
) -> dict[str, Any]:
    """Measure every lesion of a study on every PET: SUV, volume, longest and perpendicular diameter.

    With ``follow_up``, a later study of the same patient, its lesions are measured too and the response is given.

    Returns
    -------
    dict
        ``lesions`` (one entry per lesion and PET: ``id``, ``time``, ``volume_ml``, ``longest_diameter_mm``,
        ``perpendicular_diameter_mm``, ``slice_mm``, ``suv_max``, ``suv_mean``, ``suv_peak``, ``reason``), ``response``,
        ``warnings``, ``sources``, ``patient``.

    Raises
    ------
    InputError
        If the study cannot be read, or holds no lesion.

    """
    study = read_study(Path(study_folder), labels=labels, label_names=label_names)
    document = measure_study(study)
    if follow_up is not None:
        later = read_study(Path(follow_up))
        document["lesions"] += measure_study(later)["lesions"]
        document["response"] = compare_studies(study, later).as_json()
        document["response_reason"] = None
        document["warnings"] += [f"Follow-up: {w}" for w in later.warnings]
        document["sources"] += [f"Follow-up: {s}" for s in later.sources]
    return document


def measure_study(study: Study) -> dict[str, Any]:
    """Return the document of :func:`measure_command` for a study that is read already."""
    lesions = study.lesions()
    if not lesions:
        raise InputError(
            "the study holds no lesion to measure",
            found=f"{len(study.regions)} regions, none of them a lesion" if study.regions else "no region",
            remedy="add an RTSTRUCT or SEG with the lesions, or give --regions LABELS.nii.gz with --names",
        )
    images = suv_images(study)
    rows = [row for lesion in lesions for row in _rows(lesion, images)]
    _add_ratios(rows, study, images)
    return {
        "patient": study.patient_key,
        "lesions": rows,
        "response": None,
        "response_reason": "one set of contours: response needs lesions measured in two studies",
        "warnings": list(study.warnings),
        "sources": list(study.sources),
    }


def _add_ratios(rows: list[dict[str, Any]], study: Study, images: tuple[Volume, ...]) -> None:
    """Add tumour-to-liver and tumour-to-spleen ratios of the mean uptake where the study holds the organ."""
    for organ in ("liver", "spleen"):
        region = next((r for r in study.organs() if r.name.lower() == organ), None)
        means = {} if region is None else {str(i.time): measure_region(i, region).mean for i in images}
        for row in rows:
            mean = means.get(str(row["time"]).replace("T", " "))
            row[f"tumour_to_{organ}"] = row["suv_mean"] / mean if mean and row["suv_mean"] is not None else None


def _rows(lesion: Region, images: tuple[Volume, ...]) -> list[dict[str, Any]]:
    size = longest_diameter(lesion)
    if not images:
        return [_row(lesion, size, None, None, "the study holds no PET")]
    return [_row(lesion, size, image, measure_region(image, lesion), None) for image in images]


def _row(lesion: Region, size: Diameter, image: Volume | None, uptake: RegionUptake | None, reason: str | None) -> dict[str, Any]:
    return {
        "id": lesion.name,
        "time": image.time.isoformat() if image is not None and image.time is not None else None,
        "volume_ml": lesion.volume_ml,
        "longest_diameter_mm": size.longest_mm,
        "perpendicular_diameter_mm": size.perpendicular_mm,
        "slice_mm": size.slice_mm,
        "suv_max": None if uptake is None else uptake.maximum,
        "suv_mean": None if uptake is None else uptake.mean,
        "suv_peak": None if uptake is None else uptake.peak,
        "total_lesion_uptake_ml": None if uptake is None else uptake.total,
        "source": lesion.source,
        "reason": reason,
    }


def recovery_command(study_folder: Path, *, phantom: str = "nema") -> dict[str, Any]:
    """Measure recovery coefficients and the blur on a scan of the NEMA image-quality phantom.

    The scan may be in any unit: contrasts are given as parts of the largest sphere's.

    Returns
    -------
    dict
        ``curve`` (per sphere: ``diameter_mm``, ``volume_ml``, ``recovery``, ``relative_mean``, ``relative_max``,
        ``fitted``), ``fwhm_mm``, ``fwhm_sd_mm``, ``volume_curve`` (the empirical curve by volume), ``phantom``.

    Raises
    ------
    InputError
        If the phantom is unknown, the scan cannot be read, or the spheres are not found.
    """
    if phantom != "nema":
        raise InputError("unknown phantom", expected="nema", found=phantom, where="--phantom", remedy="name a known phantom")
    fit = measure_nema(read_phantom(Path(study_folder)))
    volumes = np.array([np.pi / 6.0 * s.diameter_mm**3 / 1000.0 for s in fit.spheres])
    by_volume = fit_volume_recovery(volumes, np.array(fit.recovery))
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
        "fwhm_mm": fit.fwhm_mm,
        "fwhm_sd_mm": fit.sd_mm,
        "volume_curve": {"half_ml": by_volume.half_ml, "power": by_volume.power, "log_half_sd": by_volume.log_half_sd},
        "note": "Gaussian blur that explains the spheres' means; walls of the spheres are not modelled.",
    }
