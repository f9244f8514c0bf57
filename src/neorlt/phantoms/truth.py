"""What is true of a bundled patient: region volumes, time-integrated activity, absorbed dose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neorlt.core.tables import read_json
from neorlt.phantoms.cases import (
    GA68_ADMINISTERED_MBQ,
    LU177_ADMINISTERED_MBQ,
    PET,
    REST,
    SPECT,
    SPECT_TIMES_H,
    TRUTH_SEED,
    Case,
    case,
)


@dataclass(frozen=True)
class RegionTruth:
    """Truth of one region in cycle 1.

    ``dose_gy`` is energy absorbed over mass, from every source region, until the last decay; ``dose_gy_se`` is the standard
    error of the Monte Carlo run.
    """

    name: str
    kind: str
    volume_ml: float
    mass_g: float
    tia_mbq_h: float | None
    dose_gy: float
    dose_gy_se: float
    self_dose_share: float
    electron_dose_share: float
    kinetics: dict[str, Any] | None


def region_truths(name: str) -> tuple[RegionTruth, ...]:
    """Truth of every region: analytic time-integrated activity, and dose = Monte Carlo matrix times it.

    Raises
    ------
    InputError
        If there is no example of that name.

    """
    patient = case(name)
    table = read_json("phantoms", f"truth_{name}.json")
    anatomy = patient.fine()
    tia = {s.name: s.kinetics.tia_mbq_h(LU177_ADMINISTERED_MBQ) for s in patient.active() if s.kinetics is not None}
    found = []
    for source in patient.sources:
        row = table["target_from_source"][source.name]
        doses = {origin: row[origin]["gy_per_mbq_h"] * tia[origin] for origin in tia}
        errors = [row[origin]["standard_error"] * tia[origin] for origin in tia]
        dose = sum(doses.values())
        electrons = sum(doses[origin] * row[origin]["electron_share"] for origin in tia)
        code = 1 if source.name == REST else anatomy.codes[source.name]
        found.append(
            RegionTruth(
                source.name,
                source.kind.value,
                round(int(np.count_nonzero(anatomy.label == code)) * anatomy.grid.voxel_ml, 4),
                table["mass_g"][source.name],
                tia.get(source.name),
                dose,
                float(np.sqrt(np.sum(np.square(errors)))),
                doses.get(source.name, 0.0) / dose,
                electrons / dose,
                None if source.kinetics is None else source.kinetics.as_json(),
            )
        )
    return tuple(found)


def truth_document(name: str, seed: int, psf_fwhm_mm: float) -> dict[str, Any]:
    """The content of ``truth.json``."""
    patient: Case = case(name)
    table = read_json("phantoms", f"truth_{name}.json")
    document: dict[str, Any] = {
        "readme": (
            f"{patient.sentence} All activity is synthetic; anatomy and organ contours are real (The Christie, MIT licence). "
            "This file is for checking an estimate afterwards and lies outside the study on purpose. The truth does not "
            "depend on the seed: the seed only draws the noise of the images."
        ),
        "synthetic": True,
        "case": name,
        "seed": seed,
        "truth_seed": TRUTH_SEED,
        "administered_mbq": {"Lu-177": LU177_ADMINISTERED_MBQ, "Ga-68": GA68_ADMINISTERED_MBQ},
        "spect_times_h": list(SPECT_TIMES_H),
        "how": {
            "activity": "2 mm grid; log-normal texture inside lesions; sums of exponentials with analytic integral",
            "regions": "published contours smoothed to 2 mm at the same volume; the study's contours are the published ones",
            "dose": f"Monte Carlo: {table['made_by']}; {table['photons_per_source']} photons and "
            f"{table['electrons_per_source']} electrons from each source region; region dose = matrix times "
            "time-integrated activity",
            "images": "blurred on the 2 mm grid, summed into image voxels, Poisson noise; values hold for the start of each "
            "acquisition; no motion, one CT for all time points",
        },
        "psf_fwhm_mm_stated": psf_fwhm_mm,
        "spect_camera": SPECT.as_json(),
        "pet_camera": PET.as_json(),
        "regions": [],
    }
    for region in region_truths(name):
        source = next(s for s in patient.sources if s.name == region.name)
        document["regions"].append(
            {
                "name": region.name,
                "kind": region.kind,
                "volume_ml": region.volume_ml,
                "mass_g": region.mass_g,
                "tia_mbq_h": region.tia_mbq_h,
                "dose_gy": region.dose_gy,
                "dose_gy_standard_error": region.dose_gy_se,
                "dose_gy_per_gbq": region.dose_gy / (LU177_ADMINISTERED_MBQ / 1000),
                "self_dose_share": region.self_dose_share,
                "electron_dose_share": region.electron_dose_share,
                "kinetics": region.kinetics,
                "baseline_suv_mean": source.suv,
                "texture_log_sd": source.texture_log_sd,
            }
        )
    return document
