"""dcmqi: paramap2itkimage, segimage2itkimage, tid1500reader."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _program(name):
    beside = Path(sys.executable).with_name(name)
    return beside if beside.exists() else shutil.which(name)


def _map(folder):
    with tempfile.TemporaryDirectory() as work:
        source = folder / "absorbed_dose_parametric_map.dcm"
        probe.run(_program("paramap2itkimage"), "--inputDICOM", source, "--outputDirectory", work, "-t", "nii")
        (made,) = [path for path in Path(work).iterdir() if path.name.endswith((".nii", ".nii.gz"))]
        meta = json.loads(next(Path(work).glob("*.json")).read_text())
        return probe.image(*probe.nifti(made), meta.get("MeasurementUnitsCode", {}).get("CodeValue"))


def _seg(folder):
    with tempfile.TemporaryDirectory() as work:
        probe.run(_program("segimage2itkimage"), "--inputDICOM", folder / "regions_seg.dcm", "--outputDirectory", work, "-t", "nii")
        meta = json.loads(next(Path(work).glob("*.json")).read_text())
        found = {}
        for path in sorted(Path(work).glob("*.nii*")):
            array, affine = probe.nifti(path)
            for items in meta["segmentAttributes"]:
                for item in items:
                    mask = array == item["labelID"]
                    if mask.any():
                        found[item["SegmentLabel"]] = probe.region(mask, affine)
        return {"regions": found}


def _sr(folder):
    with tempfile.TemporaryDirectory() as work:
        out = Path(work, "x.json")
        probe.run(_program("tid1500reader"), "--inputDICOM", folder / "measurements_sr.dcm", "--outputMetadata", out)
        rows = json.loads(out.read_text())["Measurements"][0]["measurementItems"]
        named = {row["quantity"]["CodeMeaning"]: [float(row["value"]), row["units"]["CodeValue"]] for row in rows}
        return {"numbers": {"volume": named["Volume"], "dose": named["Absorbed Dose"]}}


probe.main({"parametric map": _map, "seg": _seg, "sr": _sr})
