"""pydicom-seg: SegmentReader, one image a segment."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe
import pydicom
import pydicom_seg


def _seg(folder):
    read = pydicom_seg.SegmentReader().read(pydicom.dcmread(folder / "regions_seg.dcm"))
    affine = probe.affine_of(read.spacing, read.origin, read.direction)
    return {"regions": {str(read.segment_infos[number].SegmentLabel): probe.region(read.segment_data(number).T, affine)
                        for number in read.available_segments}}  # fmt: skip


probe.main({"seg": _seg})
