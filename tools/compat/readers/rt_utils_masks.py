"""rt-utils: RTStructBuilder.create_from and get_roi_mask_by_name on the CT."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import probe
from rt_utils import RTStructBuilder


def _structures(folder):
    built = RTStructBuilder.create_from(dicom_series_path=str(folder / "study" / "ct"), rt_struct_path=str(folder / "regions_rtstruct.dcm"))
    first, second = built.series_data[0], built.series_data[1]
    row, column = (float(v) for v in first.PixelSpacing)
    step = np.array(second.ImagePositionPatient, float) - np.array(first.ImagePositionPatient, float)
    affine = np.eye(4)
    # the package says: mask[row, column, slice]
    affine[:3, :3] = np.column_stack([np.array(first.ImageOrientationPatient[3:], float) * row,
                                      np.array(first.ImageOrientationPatient[:3], float) * column, step])  # fmt: skip
    affine[:3, 3] = np.array(first.ImagePositionPatient, float)
    return {"regions": {name: probe.region(built.get_roi_mask_by_name(name), affine) for name in built.get_roi_names()}}


probe.main({"rtstruct": _structures})
