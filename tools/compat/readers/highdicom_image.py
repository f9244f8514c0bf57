"""highdicom: imread and get_volume, segread, srread."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import highdicom as hd
import numpy as np
import probe
from pydicom import dcmread


def _volume(read, **options):
    volume = read.get_volume(**options)
    # highdicom's axes are (slices, rows, columns)
    return np.asarray(volume.array).T if volume.array.ndim == 3 else np.asarray(volume.array), volume.affine[:, [2, 1, 0, 3]]


def _map(folder):
    read = hd.imread(folder / "absorbed_dose_parametric_map.dcm")
    item = read.SharedFunctionalGroupsSequence[0].get("RealWorldValueMappingSequence")
    unit = None if item is None else item[0].MeasurementUnitsCodeSequence[0].CodeValue
    return probe.image(*_volume(read, apply_real_world_transform=True), unit)


def _frames(folder):
    return probe.image(*_volume(hd.imread(folder / "absorbed_dose_rtdose.dcm")))


def _nm(folder):
    return probe.image(*_volume(hd.imread(folder / "study" / "spect_4h.dcm")))


def _pet(folder):
    volume = hd.get_volume_from_series([dcmread(path) for path in (folder / "study" / "pet").glob("*.dcm")])
    return probe.image(np.asarray(volume.array).T, volume.affine[:, [2, 1, 0, 3]])


def _seg(folder):
    read = hd.seg.segread(folder / "regions_seg.dcm")
    found = {}
    for number in read.segment_numbers:
        volume = read.get_volume(segment_numbers=[number], combine_segments=False)
        name = read.get_segment_description(number).segment_label
        array = np.asarray(volume.array)
        found[name] = probe.region(array.reshape(array.shape[:3]).T, volume.affine[:, [2, 1, 0, 3]])
    return {"regions": found}


def _sr(folder):
    (group,) = hd.sr.srread(folder / "measurements_sr.dcm").content.get_volumetric_roi_measurement_groups()
    volume = group.get_measurements(hd.sr.CodedConcept("118565006", "SCT", "Volume"))[0]
    dose = group.get_measurements(hd.sr.CodedConcept("128513", "DCM", "Absorbed Dose"))[0]
    return {"numbers": {"volume": [volume.value, volume.unit.value], "dose": [dose.value, dose.unit.value]}}


probe.main({"parametric map": _map, "rtdose": _frames, "seg": _seg, "nm": _nm, "pet": _pet, "sr": _sr})
