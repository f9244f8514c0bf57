"""dicompyler-core: DicomParser's dose grid and structures; volumes by its own sum over planes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import probe
from dicompylercore import dicomparser, dvhcalc


def _dose(folder):
    parsed = dicomparser.DicomParser(str(folder / "absorbed_dose_rtdose.dcm"))
    data = parsed.GetDoseData()
    # lut holds the places of columns and rows, GetDoseGrid a plane at a given height
    heights = parsed.GetImageData()["position"][2] + np.array([float(v) for v in parsed.ds.GridFrameOffsetVector])
    array = np.stack([parsed.GetDoseGrid(float(z)) for z in heights], axis=-1).transpose(1, 0, 2) * float(data["dosegridscaling"])
    columns, rows = (np.asarray(axis, float) for axis in data["lut"])
    affine = np.eye(4)
    affine[0, 0], affine[1, 1], affine[2, 2] = columns[1] - columns[0], rows[1] - rows[0], heights[1] - heights[0]
    affine[:3, 3] = columns[0], rows[0], heights[0]
    return probe.image(array, affine, data["doseunits"])


def _structures(folder):
    """Volume by the package's histogram in the dose; the middle from its coordinates."""
    file = str(folder / "regions_rtstruct.dcm")
    parsed = dicomparser.DicomParser(file)
    found = {}
    for number, structure in parsed.GetStructures().items():
        planes = parsed.GetStructureCoordinates(number)
        points = np.array([point for plane in planes.values() for contour in plane for point in contour["data"]], float)
        found[structure["name"]] = {
            "volume_ml": float(dvhcalc.get_dvh(file, str(folder / "absorbed_dose_rtdose.dcm"), number).volume),
            "centre_mm": [(points[:, 0].min() + points[:, 0].max()) / 2, (points[:, 1].min() + points[:, 1].max()) / 2,
                          float(np.mean([float(z) for z in planes]))],
        }  # fmt: skip
    return {"regions": found}


probe.main({"rtdose": _dose, "rtstruct": _structures})
