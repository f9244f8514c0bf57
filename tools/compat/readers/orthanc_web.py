"""Orthanc with DICOMweb: stored, then read as a web viewer does, metadata as JSON and frames as octets. Its own archive, on loopback."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import probe
from pydicom.dataset import Dataset

PLUGIN = [Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"), Path("/usr/lib/orthanc/libOrthancDicomWeb.so")]


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def _archive():
    with tempfile.TemporaryDirectory() as work:
        http, dicom = _free_port(), _free_port()
        config = {
            "StorageDirectory": work, "IndexDirectory": work, "HttpPort": http, "DicomPort": dicom, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "Plugins": [str(next(p for p in PLUGIN if p.exists()))], "DicomWeb": {"Enable": True},
        }  # fmt: skip
        Path(work, "orthanc.json").write_text(json.dumps(config))
        program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        process = subprocess.Popen([program, str(Path(work, "orthanc.json"))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    _ask(f"http://127.0.0.1:{http}/system")
                    break
                time.sleep(0.2)
            yield f"http://127.0.0.1:{http}"
        finally:
            process.terminate()
            process.wait(20)


def _ask(url, data=None, accept=None):
    request = urllib.request.Request(url, data=data, headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def _stored(base, path):
    """Metadata of one stored object, and a function that gives its frame n (from 1)."""
    sent = json.loads(_ask(f"{base}/instances", path.read_bytes()))
    tags = json.loads(_ask(f"{base}/instances/{sent['ID']}/simplified-tags"))
    address = (f"{base}/dicom-web/studies/{tags['StudyInstanceUID']}/series/{tags['SeriesInstanceUID']}"
               f"/instances/{tags['SOPInstanceUID']}")  # fmt: skip
    (meta,) = json.loads(_ask(f"{address}/metadata", accept="application/dicom+json"))

    def frame(number):
        body = _ask(f"{address}/frames/{number}", accept='multipart/related; type="application/octet-stream"')
        return body[body.index(b"\r\n\r\n") + 4 : body.rindex(b"\r\n--")]

    return Dataset.from_json(meta, bulk_data_uri_handler=lambda uri: b""), frame


def _place(first, cosines, spacing, step):
    cosines = np.array(cosines, float).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([cosines[0] * float(spacing[1]), cosines[1] * float(spacing[0]), np.cross(*cosines) * step])
    affine[:3, 3] = np.array(first, float)
    return affine


def _functional(read):
    shared, frames = read.SharedFunctionalGroupsSequence[0], read.PerFrameFunctionalGroupsSequence
    first = frames[0]
    cosines = (shared.get("PlaneOrientationSequence") or first.PlaneOrientationSequence)[0].ImageOrientationPatient
    measures = (shared.get("PixelMeasuresSequence") or first.PixelMeasuresSequence)[0]
    places = np.array([frame.PlanePositionSequence[0].ImagePositionPatient for frame in frames], float)
    return places, cosines, measures


def _map(folder):
    with _archive() as base:
        read, frame = _stored(base, folder / "absorbed_dose_parametric_map.dcm")
        places, cosines, measures = _functional(read)
        data = [np.frombuffer(frame(n + 1), "<f4").reshape(read.Rows, read.Columns) for n in range(len(places))]
        order = np.argsort(places[:, 2])
        unit = read.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
        array = np.stack([data[n] for n in order], axis=-1).transpose(1, 0, 2)
        return probe.image(array, _place(places[order[0]], cosines, measures.PixelSpacing, float(measures.SpacingBetweenSlices)), unit)


def _sixteen(kind):
    def read_it(folder):
        with _archive() as base:
            read, frame = _stored(base, folder / probe.PLACES[kind])
            data = [np.frombuffer(frame(n + 1), "<u2").reshape(read.Rows, read.Columns) for n in range(int(read.NumberOfFrames))]
            array = np.stack(data, axis=-1).transpose(1, 0, 2).astype(float)
            if kind == "rtdose":
                affine = _place(read.ImagePositionPatient, read.ImageOrientationPatient, read.PixelSpacing,
                                float(read.GridFrameOffsetVector[1]))  # fmt: skip
                return probe.image(array * float(read.DoseGridScaling), affine, read.DoseUnits)
            head = read.DetectorInformationSequence[0]
            affine = _place(head.ImagePositionPatient, head.ImageOrientationPatient, read.PixelSpacing, float(read.SpacingBetweenSlices))
            mapping = read.RealWorldValueMappingSequence[0]
            return probe.image(array * mapping.RealWorldValueSlope, affine, mapping.MeasurementUnitsCodeSequence[0].CodeValue)

    return read_it


def _pet(folder):
    with _archive() as base:
        slices = []
        for path in (folder / "study" / "pet").glob("*.dcm"):
            read, frame = _stored(base, path)
            data = np.frombuffer(frame(1), "<i2").reshape(read.Rows, read.Columns) * float(read.RescaleSlope)
            slices.append((float(read.ImagePositionPatient[2]), data, read))
        slices.sort(key=lambda one: one[0])
        read = slices[0][2]
        affine = _place(read.ImagePositionPatient, read.ImageOrientationPatient, read.PixelSpacing, slices[1][0] - slices[0][0])
        return probe.image(np.stack([one[1] for one in slices], axis=-1).transpose(1, 0, 2), affine, read.Units)


def _seg(folder):
    with _archive() as base:
        read, frame = _stored(base, folder / "regions_seg.dcm")
        places, cosines, measures = _functional(read)
        size = read.Rows * read.Columns
        found = {}
        for segment in read.SegmentSequence:
            masks, heights = [], []
            for n, item in enumerate(read.PerFrameFunctionalGroupsSequence):
                if item.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment.SegmentNumber:
                    masks.append(np.unpackbits(np.frombuffer(frame(n + 1), np.uint8), bitorder="little")[:size].reshape(read.Rows, -1).T)
                    heights.append(places[n])
            order = np.argsort([height[2] for height in heights])
            thick = float(measures.SpacingBetweenSlices)
            deep = [round((heights[n][2] - heights[order[0]][2]) / thick) for n in order]
            array = np.zeros((read.Columns, read.Rows, deep[-1] + 1))
            for at, n in zip(deep, order, strict=True):
                array[:, :, at] = masks[n]
            found[str(segment.SegmentLabel)] = probe.region(array, _place(heights[order[0]], cosines, measures.PixelSpacing, thick))
        return {"regions": found}


def _numbers(kind):
    def read_it(folder):
        with _archive() as base:
            read, _ = _stored(base, folder / probe.PLACES[kind])
            found = {}

            def walk(items):
                for item in items:
                    meaning = item.ConceptNameCodeSequence[0].CodeMeaning if item.get("ConceptNameCodeSequence") else None
                    for key, words in probe.NUMBERS[kind].items():
                        if meaning == words and item.get("MeasuredValueSequence") and key not in found:
                            value = item.MeasuredValueSequence[0]
                            found[key] = [float(value.NumericValue), value.MeasurementUnitsCodeSequence[0].CodeValue]
                    walk(item.get("ContentSequence") or [])

            walk(read.ContentSequence)
            return {"numbers": found}

    return read_it


probe.main({
    "parametric map": _map, "rtdose": _sixteen("rtdose"), "seg": _seg, "nm": _sixteen("nm"), "pet": _pet,
    **{kind: _numbers(kind) for kind in probe.NUMBERS},
})  # fmt: skip
