"""Make ``phantoms/data/christie_anatomy.npz`` from the published CT and region map.

Run: ``python tools/phantoms/make_anatomy.py FOLDER`` where FOLDER holds ``patient15_ct.nii.gz`` and
``patient15_lu177_source.nii.gz`` (github BenAuer2021/Phantoms-For-Nuclear-Medicine-Imaging-Simulation
at 3fed323, MIT). What changes on the way:

* the axes are turned to DICOM's patient axes (x to the left, y to the back, z to the head): in the file
  y runs from back to front and z from head to pelvis;
* CT values become Hounsfield units (file: HU + 1000);
* the couch (value 3000 in both files) and everything outside the body's outline become air;
* the region map keeps the seven drawn regions, renumbered 2…8, and gains 1 = rest of the body.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import SimpleITK
from scipy import ndimage

COUCH = 3000
CODES = {15000: 2, 16000: 3, 17000: 4, 18000: 5, 19000: 6, 20000: 7, 21000: 8}
OUT = Path(__file__).parents[2] / "src/neorlt/phantoms/data/christie_anatomy.npz"


def to_lps(path: Path) -> np.ndarray:
    """Read a file and return its array in (x, y, z) order along DICOM's patient axes."""
    image = SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(path)), "LPS")
    return np.ascontiguousarray(SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0))


def body_outline(value: np.ndarray, couch: np.ndarray) -> np.ndarray:
    """Largest connected part above -300 HU without the couch, holes filled slice by slice."""
    tissue = ndimage.binary_opening((value > 700) & ~couch, iterations=1)
    parts, count = ndimage.label(tissue)
    largest = 1 + int(np.argmax(ndimage.sum_labels(tissue, parts, np.arange(1, count + 1))))
    body = parts == largest
    body = ndimage.binary_dilation(body) & (value > 700) & ~couch
    for k in range(body.shape[2]):
        body[:, :, k] = ndimage.binary_fill_holes(body[:, :, k])
    return body


def main(folder: Path) -> None:
    """Convert, check the orientation in numbers, write."""
    value = to_lps(folder / "patient15_ct.nii.gz").astype(np.int32)
    source = to_lps(folder / "patient15_lu177_source.nii.gz").astype(np.int32)
    couch = source == COUCH
    body = body_outline(value, couch)
    label = body.astype(np.uint8)
    for old, new in CODES.items():
        label[source == old] = new
    hounsfield = np.where(label > 0, np.clip(value - 1000, -1000, 2000), -1000).astype(np.int16)
    spacing = np.array([3.9063, 3.9063, 4.4196])
    lower_centre = -0.5 * (np.array(label.shape) - 1) * spacing
    arrays = {"hounsfield": hounsfield, "label": label, "spacing_mm": spacing, "first_voxel_mm": lower_centre}
    # numpy stamps the present time into an archive: write it with a fixed time so that the hash is stable
    with zipfile.ZipFile(OUT, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
