"""One home for every DICOM tag: reading studies, writing images, regions, doses and reports, PACS, de-identification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.dicom.deidentify import Deidentifier
    from neorlt.dicom.identity import Identity, make_uid
    from neorlt.dicom.read import read_study
    from neorlt.dicom.settings import Settings, read_settings
    from neorlt.dicom.write_dose import write_dose_parametric_map, write_rtdose
    from neorlt.dicom.write_dose_sr import write_patient_dose_sr
    from neorlt.dicom.write_nm import write_spect
    from neorlt.dicom.write_sr import write_measurement_sr

__all__ = [
    "Deidentifier",
    "Identity",
    "Settings",
    "make_uid",
    "read_settings",
    "read_study",
    "write_dose_parametric_map",
    "write_measurement_sr",
    "write_patient_dose_sr",
    "write_rtdose",
    "write_spect",
]

__getattr__ = offers(__name__)
