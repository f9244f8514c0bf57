"""Time–activity curves, time-integrated activity, absorbed dose of regions and voxels, DVH, BED."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.dosimetry.bed import DoseRate, bed_gy, eqd2_gy
    from neorlt.dosimetry.compute import DoseResult, MonteCarloOptions, compute_doses
    from neorlt.dosimetry.curves import activity_curves
    from neorlt.dosimetry.dvh import DoseVolumeHistogram, dose_volume_histogram
    from neorlt.dosimetry.fit import fit_curve, fit_curves
    from neorlt.dosimetry.gate_export import export_gate
    from neorlt.dosimetry.marrow import MarrowDose, marrow_dose_from_blood
    from neorlt.dosimetry.objects import Dose, FitStatus, TimeActivity, TimeIntegratedActivity
    from neorlt.dosimetry.region_dose import region_doses
    from neorlt.dosimetry.s_table import SValueTable, read_s_table
    from neorlt.dosimetry.single_time_point import SingleTimePoint, haenscheid, madsen
    from neorlt.dosimetry.uncertainty import UncertaintySettings

__all__ = [
    "Dose",
    "DoseRate",
    "DoseResult",
    "DoseVolumeHistogram",
    "FitStatus",
    "MarrowDose",
    "MonteCarloOptions",
    "SValueTable",
    "SingleTimePoint",
    "TimeActivity",
    "TimeIntegratedActivity",
    "UncertaintySettings",
    "activity_curves",
    "bed_gy",
    "compute_doses",
    "dose_volume_histogram",
    "eqd2_gy",
    "export_gate",
    "fit_curve",
    "fit_curves",
    "haenscheid",
    "madsen",
    "marrow_dose_from_blood",
    "read_s_table",
    "region_doses",
]

__getattr__ = offers(__name__)
