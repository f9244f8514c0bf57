"""Every DICOM object of one result, filed under the study's patient: dose, regions (a label map beside), measurements, dose reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.dicom.owner import Owner
from neorlt.dicom.reference import headers_kept, read_reference
from neorlt.dicom.write_dose import write_dose_parametric_map, write_rtdose
from neorlt.dicom.write_dose_sr import RegionDoseRow, write_patient_dose_sr, write_radiopharmaceutical_dose_sr
from neorlt.dicom.write_label_map import write_label_map
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.dicom.write_sr import write_measurement_sr
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume

SERIES = {"parametric_map": 901, "rtdose": 902, "regions_seg": 903, "regions_rtstruct": 904, "measurements_sr": 905,
          "radiopharmaceutical_dose_sr": 906, "patient_dose_sr": 907}  # fmt: skip
"""Series number of each object, and the name of its file."""


@headers_kept()
def write_results(
    study: Study,
    dose_gy: Volume,
    rows: Sequence[RegionDoseRow],
    lesions: Sequence[Mapping[str, Any]],
    folder: Path,
    owner: Owner,
    method: str,
) -> list[str]:
    """Write the objects to ``folder`` and return what a reader should know of those that could not be written.

    Parameters
    ----------
    study
        The study that was read.
    dose_gy
        Absorbed dose of its cycle.
    rows
        Dose of every region.
    lesions
        Rows ``lesions`` of the measured document; their dose is added from ``rows``.
    owner
        Patient, study and reference images.
    method
        How the dose was computed, in words.
    """
    paths, identity = owner.paths, owner.identity
    dose_map = write_dose_parametric_map(
        dose_gy, paths, folder / "absorbed_dose_parametric_map.dcm", identity, series_number=SERIES["parametric_map"]
    )
    write_rtdose(dose_gy, paths, folder / "absorbed_dose_rtdose.dcm", identity, series_number=SERIES["rtdose"])
    kept, notes = drawable(study.regions, owner)
    if kept:
        seg = write_seg(kept, paths, folder / "regions_seg.dcm", identity, description="Regions", series_number=SERIES["regions_seg"])
        write_label_map(kept, paths, folder / "regions.nii.gz")
        write_rtstruct(kept, paths, folder / "regions_rtstruct.dcm", identity, series_number=SERIES["regions_rtstruct"])
        by_name = {row.name: row.dose_gy for row in rows}
        names = {region.name for region in kept}
        measured: dict[str, Mapping[str, Any]] = {}
        for row in lesions:  # a lesion has a row for every PET: the first is the baseline's
            if row["id"] in names:
                measured.setdefault(str(row["id"]), {**row, "dose_gy": by_name.get(str(row["id"]))})
        if measured:
            write_measurement_sr(
                list(measured.values()), seg, paths, folder / "measurements_sr.dcm", identity, series_number=SERIES["measurements_sr"]
            )
    injection = study.therapy_administration()
    try:
        report = write_radiopharmaceutical_dose_sr(
            injection, rows, folder / "radiopharmaceutical_dose_sr.dcm", identity, series_number=SERIES["radiopharmaceutical_dose_sr"]
        )
    except InputError as error:
        return [*notes, f"No radiation dose report was written: {error}"]
    write_patient_dose_sr(
        rows, dose_map, report, folder / "patient_dose_sr.dcm", identity, nuclide=injection.nuclide, method=method,
        series_number=SERIES["patient_dose_sr"],
    )  # fmt: skip
    return notes


def drawable(regions: Sequence[Region], owner: Owner) -> tuple[list[Region], list[str]]:
    """Regions that fill at least half a voxel of the reference images; the body's outline stays in the user's own object."""
    grid = read_reference(owner.paths).grid
    kept, notes = [], []
    for region in regions:
        if region.kind is RegionKind.BODY:
            continue
        if np.any(region_on(region, grid) >= 0.5):
            kept.append(region)
        else:
            notes.append(f"Region {region.name!r} is smaller than half a voxel of the reference images and is not in the SEG.")
    return kept, notes
