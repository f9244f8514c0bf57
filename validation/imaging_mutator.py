"""Small studies with one thing changed as hospitals, exports and transfers change it; each must be told, or change no number.

Beside ``imaging_fuzz.py`` and written without it. The patient is the small synthetic one of the tests (CT, PET, three SPECT), with its
regions as a segmentation, a structure set or a NIfTI label map. Case ``n`` takes change ``n mod (number of changes)`` and draws its
details from a generator seeded with ``(seed, n)``, so that any case can be run again alone. What the files truly say is worked out
from their pixels and the ellipsoids they were made of, not by the reader: volume and centre of every region, SUV, activity and HU
in it, hours after injection, activity injected, weight, number of images.

*same*: every number as before (0.5 %, 0.3 mm, 36 s). *as stated*: the numbers that the changed header truly says. *refused*, *said*: an
:class:`InputError`, or a warning that the untouched study does not have, with a word for the thing; without such a word *refused, other
words* and *said, other words*. *SILENT*: other numbers and no word. *FAULT*: another exception, or more than 60 s.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from scipy.ndimage import map_coordinates

from neorlt.core.errors import InputError
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Study
from neorlt.imaging.suv import suv_images
from neorlt.jobs.measure import measure_study

ROOT = Path(__file__).resolve().parent.parent
OUT = Path(__file__).resolve().parent / "imaging_mutator.json"
SEED = 20261129
LIMIT_S = 60.0
GA_HALF_LIFE_MIN = 67.71
Facts = dict[str, Any]
Rng = np.random.Generator
Dataset = pydicom.Dataset


# ---- the study and what it truly holds


def _small() -> Any:
    sys.path.insert(0, str(ROOT / "tests" / "web"))
    import small

    return small


def write_bases(folder: Path) -> dict[str, Path]:
    """The study with its regions as SEG, RTSTRUCT and NIfTI; the last in a file ``labels.nii`` beside the study."""
    small = _small()
    seg, _ = small.write_small(folder / "seg")
    frame = make_uid("small", "frame")
    grid, masks = small._grid(frame), true_masks(small)
    kinds = {name: RegionKind.LESION if "tumour" in name else RegionKind.ORGAN for name in masks}
    (seg / "seg.dcm").unlink()  # the tests' own holds more than the patient's parts
    for name in ("rtstruct", "nifti"):
        shutil.copytree(seg, folder / name / "study")
    who = Identity(
        patient_id="synthetic-small", patient_name="SYNTHETIC^SMALL", birth_date=None, sex="F", age_y=58.0, weight_kg=70.0, size_m=None,
        study_uid=make_uid("small", "baseline"), study_time=small.PET_TIME, frame_of_reference_uid=frame,
    )  # fmt: skip
    regions = [Region(name, kinds[name], mask.astype(np.float32), grid, "synthetic") for name, mask in masks.items()]
    ct = sorted((folder / "rtstruct" / "study" / "ct").glob("*.dcm"))
    write_seg(regions, ct, seg / "seg.dcm", who, description="synthetic regions", series_number=3)
    write_rtstruct(regions, ct, folder / "rtstruct" / "study" / "rs.dcm", who, description="synthetic regions", series_number=3)
    values = sum(number * mask for number, mask in enumerate(masks.values(), start=1)).astype(np.uint8)
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
    (folder / "nifti" / "study" / "labels.nii").write_bytes(nifti(values, to_ras))
    return {name: folder / name / "study" for name in ("seg", "rtstruct", "nifti")}


def true_masks(small: Any) -> dict[str, NDArray[np.bool_]]:
    """The ellipsoids that the patient is made of."""
    grid = small._grid("")
    body = small._ellipsoid(grid, (0.0, 0.0, 0.0), (150.0, 100.0, 1000.0))
    masks = {name: small._ellipsoid(grid, part[0], part[1]) & body for name, part in small.PARTS.items()}
    masks["liver"] &= ~masks["tumour-2"]
    return masks


def nifti(values: NDArray[Any], affine: NDArray[np.float64], *, dtype: int = 2, sform: int = 1, qform: int = 0, units: int = 2) -> bytes:
    """A NIfTI-1 file (NIfTI-1 header of nifti.nimh.nih.gov, 348 bytes) of unsigned bytes or float32."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *values.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, dtype, 8 if dtype == 2 else 32)
    struct.pack_into("<8f", head, 76, 1.0, *np.sqrt((affine[:3, :3] ** 2).sum(0)), 1, 1, 1, 1)
    struct.pack_into("<3f", head, 108, 352.0, 1.0, 0.0)
    head[123] = units
    struct.pack_into("<2h", head, 252, qform, sform)
    struct.pack_into("<6f", head, 256, 0.0, 0.0, 1.0, *affine[:3, 3])  # the quaternion of a turn by 180° about z
    for row in range(3):
        struct.pack_into("<4f", head, 280 + 16 * row, *affine[row])
    head[344:348] = b"n+1\0"
    return bytes(head) + values.astype("<u1" if dtype == 2 else "<f4").tobytes(order="F")


def truth(folder: Path) -> Facts:
    """What the untouched files say, from their pixels and the ellipsoids."""
    small = _small()
    masks, grid = true_masks(small), small._grid("")

    def stack(name: str) -> NDArray[np.float64]:
        read = sorted((pydicom.dcmread(p) for p in (folder / name).glob("*.dcm")), key=lambda d: float(d.ImagePositionPatient[2]))
        return np.stack([d.pixel_array.T * float(d.RescaleSlope) for d in read], -1)

    suv = stack("pet") * 70_000.0 / (150e6 * 0.5 ** (60.0 / GA_HALF_LIFE_MIN))
    images = {"hu": stack("ct"), "suv": suv}
    for n in range(3):
        read = pydicom.dcmread(folder / f"spect_{n}.dcm")
        images[f"act{n}"] = read.pixel_array.transpose(2, 1, 0) * float(read.RealWorldValueMappingSequence[0].RealWorldValueSlope)
    facts: Facts = {"weight": 70.0, "mbq": 7400.0, "pet mbq": 150.0, "pet h": 1.0, "n ct": 1, "n pet": 1, "n spect": 3, "nuclide": "Lu-177"}
    facts |= {f"h{n}": hours for n, hours in enumerate(small.SPECT_TIMES_H)}
    for name, mask in masks.items():
        facts[f"ml {name}"] = mask.sum() * 0.216
        facts |= {f"{axis} {name}": float(v) for axis, v in zip("xyz", grid.index_to_mm(np.argwhere(mask)).mean(0), strict=True)}
        facts |= {f"{key} {name}": float(image[mask].mean()) for key, image in images.items()}
    return facts


def facts_of(study: Study) -> Facts:
    """The same numbers of a study as it was read; places are looked up with the affines alone."""
    facts: Facts = {"weight": study.weight_kg}
    therapy, pets, cts = study.therapy_images(), study.pet_images(), study.ct_images()
    facts |= {"n ct": len(cts), "n pet": len(pets), "n spect": len(therapy)}
    images = {f"act{n}": v for n, v in enumerate(therapy)}
    if therapy:
        given = study.therapy_administration()
        facts |= {"mbq": given.activity_mbq, "nuclide": given.nuclide}
        facts |= {f"h{n}": (v.time - given.time).total_seconds() / 3600.0 for n, v in enumerate(therapy)}
    tracer = [a for a in study.administrations if pets and a.nuclide == pets[0].nuclide]
    if tracer:
        facts |= {"pet mbq": tracer[0].activity_mbq, "pet h": (pets[0].time - tracer[0].time).total_seconds() / 3600.0}
    images |= dict(zip(["suv"], suv_images(study), strict=False)) | dict(zip(["hu"], cts, strict=False))
    for region in study.regions:
        index = np.argwhere(region.occupancy > 0.5)
        if not len(index):
            continue
        places = region.grid.index_to_mm(index)
        facts[f"ml {region.name}"] = region.volume_ml
        facts |= {f"{axis} {region.name}": float(v) for axis, v in zip("xyz", places.mean(0), strict=True)}
        for key, volume in images.items():
            seen = map_coordinates(volume.array, volume.grid.mm_to_index(places).T, order=0, mode="constant", cval=np.nan)
            facts[f"{key} {region.name}"] = float(np.nanmean(seen)) if np.isfinite(seen).any() else None
    return facts


def differences(one: Facts, other: Facts, loose: float = 1.0) -> list[str]:
    """Facts that are not the same, in words."""
    found = []
    for key in sorted(one.keys() | other.keys()):
        a, b = one.get(key), other.get(key)
        if isinstance(a, int | float) and isinstance(b, int | float):
            near = 0.3 if key[:2] in ("x ", "y ", "z ") else 0.01 if key[0] == "h" and key[1:].isdigit() or key == "pet h" else 0.0
            near = near or (1.0 if key.startswith("hu") else 0.005 * abs(a))
            if abs(a - b) <= near * loose:
                continue
        elif a == b:
            continue
        found.append(f"{key} {_short(a)} -> {_short(b)}")
    return found


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# ---- the changes


class Copy:
    """A copy of a study to be changed, with the draws of its case."""

    def __init__(self, folder: Path, rng: Rng) -> None:
        self.folder, self.rng = folder, rng
        self.labels = folder / "labels.nii"

    def paths(self, kind: str) -> list[Path]:
        """Files of ``ct``, ``pet``, ``spect``, ``seg``, ``rs`` or ``*`` in the order of their names."""
        where = {"ct": "ct/*.dcm", "pet": "pet/*.dcm", "spect": "spect_*.dcm", "seg": "seg.dcm", "rs": "rs.dcm", "*": "**/*.dcm"}[kind]
        return sorted(self.folder.glob(where))

    def one(self, kind: str) -> Path:
        """One file of a kind; of slices none at the ends."""
        paths = self.paths(kind)
        inner = paths[1:-1] if kind in ("ct", "pet") else paths
        return inner[int(self.rng.integers(len(inner)))]

    def edit(self, paths: Path | list[Path], change: Callable[[Dataset], object]) -> None:
        """Change files in place."""
        for path in [paths] if isinstance(paths, Path) else paths:
            read = pydicom.dcmread(path)
            change(read)
            read.save_as(path)

    def pick(self, *values: Any) -> Any:
        """One of the values."""
        return values[int(self.rng.integers(len(values)))]


@dataclass(frozen=True)
class Change:
    """One kind of change: on which study, words of which one must fall, and what the files truly say after it."""

    name: str
    base: str
    words: tuple[str, ...]
    make: Callable[[Copy], str]
    says: Callable[[Facts], Facts] | None = None


CHANGES: list[Change] = []


def change(name: str, words: str, base: str = "seg", times: int = 1) -> Callable[..., Any]:
    """Enter a function into the list of changes, as many times as it is to come in one round."""

    def enter(make: Callable[[Copy], str]) -> Callable[[Copy], str]:
        CHANGES.extend([Change(name, base, tuple(words.lower().split("|")), make)] * times)
        return make

    return enter


def _value(keyword: str, kind: str, values: tuple[Any, ...], words: str, says: Any = None, inside: str = "", scope: str = "both") -> None:
    """Enter a header value, in one file or in all of a kind; a function makes it from the value that stood there, None removes it."""

    def make(case: Copy) -> str:
        value = case.pick(*values)
        every = scope == "all" or (scope == "both" and case.rng.random() < 0.5)
        chosen = case.paths(kind) if every else [case.one(kind)]

        def put(read: Dataset) -> None:
            holder = read[inside].value[0] if inside else read
            if value is None:
                if keyword in holder:
                    del holder[keyword]
                return
            new = value(holder.get(keyword)) if callable(value) else value
            element = pydicom.DataElement(pydicom.datadict.tag_for_keyword(keyword), pydicom.datadict.dictionary_VR(keyword), None)
            element.validation_mode = pydicom.config.IGNORE
            holder[keyword] = element
            if isinstance(new, str) and element.VR in ("DS", "IS"):  # as it is written, also where it is no number
                holder[keyword] = pydicom.dataelem.RawDataElement(element.tag, element.VR, len(new), new.encode(), 0, False, True, True)
            else:
                holder[keyword].value = new

        case.edit(chosen, put)
        shown = (value.__doc__ or "changed") if callable(value) else repr(value)
        return f"{kind} {keyword}: {shown} in {'all' if every else chosen[0].name}"

    CHANGES.append(Change(f"{kind} {keyword}", "seg", tuple(words.lower().split("|")), make, says))


def _times(factor: float) -> Callable[[Any], Any]:
    def times(old: Any) -> Any:
        new = (
            [float(f"{float(x) * factor:.8g}") for x in old]
            if isinstance(old, pydicom.multival.MultiValue)
            else float(f"{float(old) * factor:.8g}")
        )
        return new

    times.__doc__ = f"old times {factor:g}"
    return times


def _shifted(days: int = 0, hours: int = 0) -> Callable[[Any], Any]:
    def shifted(old: Any) -> Any:
        if days:
            return f"{int(str(old)) + days}"
        return f"{(int(str(old)[:2]) + hours) % 24:02d}{str(old)[2:]}"

    shifted.__doc__ = f"old plus {days} d {hours} h"
    return shifted


for _kind in ("ct", "pet", "spect"):
    _value(
        "PixelSpacing",
        _kind,
        (_times(0.1), _times(10.0), _times(1.2), [6.0, 5.0], "6,0\\6,0", "0\\0", "-6\\-6", None, "6", "nan\\nan"),
        "spacing|pixel|size|grid|geometry|(0028,0030)|number|extent|length|lie|region",
    )
    _value(
        "SliceThickness",
        _kind,
        (_times(0.5), _times(2.0), "0", "-6", "", "6,0", None, "thin", _times(0.1)),
        "thick|slice|0018,0050|number|spacing",
    )
    _value("BitsStored", _kind, (12, 8, 17, 0, None), "bits|0028,0101|pixel|stored")
    _value("HighBit", _kind, (0, 14, 31, None), "bit|0028,0102|pixel")
    _value(
        "PixelRepresentation",
        _kind,
        (lambda old: 1 - int(old), 2, None),
        "sign|0028,0103|representation|negative|range|plausib|hu|pixel|stored values",
    )
    _value("Rows", _kind, (52, 35, 37, 0), "rows|pixel|bytes|size|shape|0028,0010|length")
    _value(
        "PatientWeight",
        _kind,
        (_times(1000.0), _times(0.001), _times(2.2046), _times(1.1), "", "70 kg", "70,0", "0", "-70", None, "nan"),
        "weight|kg|0010,1030",
    )
    _value("PatientSize", _kind, ("170", "1.7", "0", "1,70", "-1", "5.6", "17"), "height|size|0010,1020|weight")
    _value(
        "AcquisitionDate",
        _kind,
        ("2026.01.05", "05012026", "19000101", "20260230", "", None, _shifted(days=1), _shifted(days=-1)),
        "date|time|day|earlier|moment|injection",
    )
    _value(
        "AcquisitionTime",
        _kind,
        ("10:00:00", "1000", "250000", "", None, _shifted(hours=12), _shifted(hours=1), _shifted(hours=-2), "abc"),
        "time|earlier|hour|moment|0008,0032",
    )
    _value("SeriesTime", _kind, ("", None, _shifted(hours=1), _shifted(hours=-1), "99"), "time|earlier|hour|moment|0008,0031")
    _value("FrameOfReferenceUID", _kind, ("1.2.3.4.5", "", None, "not a uid"), "frame", scope="both")
    _value("SeriesInstanceUID", _kind, ("1.2.3.4.6", "", None), "series|slice|gap|position|several|two|uid")
    _value("SOPInstanceUID", _kind, ("1.2.3.4.7", "", None), "sop|instance|uid|slice|same|twice|identifier|copy")
    _value("StudyInstanceUID", _kind, ("1.2.3.4.8", "", None), "stud")
    _value(
        "PatientID",
        _kind,
        ("synthetic-small ", "SYNTHETIC-SMALL", "other", "", None, "synthetic_small", "0synthetic-small"),
        "patient|person",
    )
    _value(
        "PatientName",
        _kind,
        ("Synthetic^Small", "SYNTHETIC SMALL", "SMALL^SYNTHETIC", "Müller^Jörg", "ОТДЕЛ^Иван=漢字", "", "A\\B", "x" * 300),
        "patient|person|name",
    )
    _value("PatientSex", _kind, ("M", "O", "", "W", "female"), "sex|0010,0040")
    _value("PatientAge", _kind, ("58", "058M", "580Y", "", "-1Y", "005Y"), "age|year|0010,1010|weight")
    _value("PatientPosition", _kind, ("FFS", "HFP", "", "upright", None), "position|feet|prone|orientation|0018,5100")
    _value("Modality", _kind, ("OT", "MR", "", "ct", "PET", "NM"), "modality|kind|left out|0008,0060|sop|image")
    _value("InstanceNumber", _kind, ("1", "", "-1", "999999999", None, "1.5"), "instance|number|0020,0013")
    _value(
        "SpecificCharacterSet",
        _kind,
        ("ISO_IR 100", "latin1", "", "ISO 2022 IR 87", "ISO_IR 6\\ISO 2022 IR 149", None),
        "character|charset|0008,0005",
    )
    _value(
        "ImageType",
        _kind,
        ("DERIVED\\SECONDARY\\MIP", "ORIGINAL", "", None, "DERIVED\\PRIMARY\\LOCALIZER"),
        "image type|derived|0008,0008|left out|mip|projection|localizer|slice",
    )
    _value("PhotometricInterpretation", _kind, ("MONOCHROME1", "RGB", "", None), "photometric|colour|0028,0004")
for _kind in ("ct", "pet"):
    _value("RescaleIntercept", _kind, ("-1024", "1024", "", None, "nan", "1e400", "0,5"), "intercept|rescale|hu|0028,1052|air|negative")
    _value(
        "RescaleSlope",
        _kind,
        ("0", "-1", _times(10.0), _times(0.1), _times(1000.0), "", None, "nan", "1,5", "inf"),
        "slope|rescale|0028,1053|scale|suv|activity|hu|air",
    )
    _value(
        "ImageOrientationPatient",
        _kind,
        (
            [1, 0, 0, 0, -1, 0],
            [-1, 0, 0, 0, 1, 0],
            [0, 1, 0, 1, 0, 0],
            [1, 1e-5, 0, -1e-5, 1, 0],
            [1, 0, 0, 0, 0, -1],
            [0.99, 0, 0, 0, 0.99, 0],
            [0, 0, 0, 0, 0, 0],
            [1, 0, 0, 1, 0, 0],
            "1\\0\\0",
            None,
        ),
        "orientation|direction|slice|axes|0020,0037|place|lie|region|outside|inside",
    )
PET_DOSE = "activity|dose|injected|0018,1074|mbq|number"
_P, _S = "RadiopharmaceuticalInformationSequence", "pet"
_value(
    "RadionuclideTotalDose",
    "pet",
    (_times(1e-6), _times(1e-3), _times(1 / 3.7e7), _times(1000.0), "0", "-1", "", None, "150 MBq", "150000000,0"),
    PET_DOSE,
    inside=_P,
)
_value(
    "RadionuclideTotalDose",
    "spect",
    (_times(1e6), _times(1e-3), _times(1 / 37.0), _times(0.5), _times(1.02), "0", "", None, "7,4"),
    PET_DOSE,
    inside=_P,
)
_value(
    "RadionuclideHalfLife",
    "pet",
    (_times(1 / 60.0), _times(1 / 3600.0), "6586.2", "574300", "0", "", None, "67.7 min"),
    "half|nuclide|0018,1075",
    inside=_P,
)
for _kind in ("pet", "spect"):
    _value(
        "RadiopharmaceuticalStartTime",
        _kind,
        ("0900", "", None, _shifted(hours=12), _shifted(hours=1), "09:00:00"),
        "inject|time|0018,1072",
        inside=_P,
    )
    _value(
        "RadiopharmaceuticalStartDateTime",
        _kind,
        (
            "",
            None,
            "20260105090000+0100",
            "20260105",
            "20250105090000",
            "20260105210000",
            "05.01.2026 09:00",
            "20260106090000",
            "19000101000000",
        ),
        "inject|time|0018,1078|backward|earlier|hours",
        inside=_P,
    )
    _value("RadionuclideCodeSequence", _kind, (lambda _: Sequence([]), None), "nuclide|0054,0300", inside=_P)
    _value(
        "Radiopharmaceutical",
        _kind,
        ("FDG", "177Lu-DOTATATE", "68Ga-DOTATOC", "Sôlution", "", None, "F-18 PSMA-1007"),
        "agent|pharmac|nuclide|fdg|ligand|0018,0031",
        inside=_P,
    )
    _value("EnergyWindowInformationSequence", _kind, (None,), "energy|window")
_value("Units", "pet", ("CNTS", "PROPCPS", "GML", "bqml", "KBQML", "", None, "CPS", "PCNT", "Bq/ml"), "unit|0054,1001|scale|count")
_value("DecayCorrection", "pet", ("NONE", "ADMIN", "", None, "start", "SCAN"), "decay|0054,1102")
_value("DecayFactor", "pet", ("1", _times(2.0), "0", "", None), "decay|0054,1321")
_value("CorrectedImage", "pet", ("ATTN\\SCAT", "DECY", "", None, "NORM\\DTIM\\DECY"), "correct|attenuat|decay|0028,0051|scatter")
_value("FrameReferenceTime", "pet", ("0", _times(0.001), "", None, "-1", _times(60.0)), "frame|time|0054,1300|decay")
_value("ActualFrameDuration", "pet", (_times(0.001), "0", "", None, "-600000", _times(1000.0)), "duration|0018,1242|frame|decay")
_value("NumberOfSlices", "pet", (47, 49, 0, None), "slices|0054,0081")
_value(
    "SeriesType",
    "pet",
    ("DYNAMIC\\IMAGE", "GATED\\IMAGE", "WHOLE BODY\\IMAGE", "", None, "STATIC\\REPROJECTION"),
    "dynamic|gated|series type|0054,1000|reproj",
)
_value(
    "SpacingBetweenSlices",
    "spect",
    (_times(-1.0), _times(0.5), _times(2.0), _times(1.2), "0", "", None, "6,0"),
    "spacing|slice|0018,0088|thick|place|region|inside|outside|voxels",
)
_value("NumberOfFrames", "spect", ("47", "49", "1", "0", "", None), "frames|slices|bytes|0028,0008|pixel|length")
_value(
    "SliceVector",
    "spect",
    (lambda old: list(reversed(list(old))), lambda old: [1] * len(old), lambda old: list(old)[:-1], None),
    "slice vector|slice|0054,0080|frame",
)
_value("RealWorldValueMappingSequence", "spect", (None, lambda _: Sequence([])), "scale|calib|unit|count|real world|0040,9096")
_value(
    "RealWorldValueSlope",
    "spect",
    (_times(1000.0), _times(0.001), 0.0, -1.0, float("nan"), None),
    "slope|scale|real world|activity|injected|0040,9225",
    inside="RealWorldValueMappingSequence",
)
_value(
    "ImagePositionPatient",
    "spect",
    ([-153, -105, 141], [0, 0, 0], [-15.3, -10.5, -14.1], None, [-153, -105, -138], [-150, -105, -141], "-153\\-105"),
    "position|place|detector|region|inside|outside|0020,0032|lie",
    inside="DetectorInformationSequence",
)
_value(
    "ImageOrientationPatient",
    "spect",
    ([1, 0, 0, 0, -1, 0], [-1, 0, 0, 0, 1, 0], None, [0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0.9, 0]),
    "orientation|direction|place|region|inside|outside|0020,0037|lie",
    inside="DetectorInformationSequence",
)
_value("FrameOfReferenceUID", "seg", ("1.2.3.4.5", "", None), "frame")
_value("PatientID", "seg", ("other", ""), "patient|person")


def _position(case: Copy, how: Callable[[list[float]], list[float]], paths: list[Path]) -> None:
    def put(read: Dataset) -> None:
        read.ImagePositionPatient = [float(f"{x:.6g}") for x in how([float(x) for x in read.ImagePositionPatient])]

    case.edit(paths, put)


@change("slice positions", "position|slice|gap|spacing|distance|place|region|inside|outside|lie|extent|length|geometry", times=3)
def _(case: Copy) -> str:
    kind = case.pick("ct", "pet")
    what = case.pick(
        "one half a slice off",
        "z mirrored",
        "in centimetres",
        "rounded to whole mm",
        "all at one place",
        "one shifted in plane",
        "all half a slice off",
        "one as its neighbour",
        "sheared",
        "metres",
    )
    every, one = case.paths(kind), case.one(kind)
    how: dict[str, tuple[Callable[[list[float]], list[float]], list[Path]]] = {
        "one half a slice off": (lambda p: [p[0], p[1], p[2] + 3.0], [one]),
        "z mirrored": (lambda p: [p[0], p[1], -p[2]], every),
        "in centimetres": (lambda p: [x / 10.0 for x in p], every),
        "rounded to whole mm": (lambda p: [round(x) for x in p], every),
        "all at one place": (lambda p: [p[0], p[1], 0.0], every),
        "one shifted in plane": (lambda p: [p[0] + 6.0, p[1], p[2]], [one]),
        "all half a slice off": (lambda p: [p[0], p[1], p[2] + 3.0], every),
        "one as its neighbour": (lambda p: [p[0], p[1], p[2] + 6.0], [one]),
        "sheared": (lambda p: [p[0], p[1] + 0.3 * p[2], p[2]], every),
        "metres": (lambda p: [x / 1000.0 for x in p], every),
    }
    _position(case, *how[what])
    return f"{kind} {what}"


@change("files", "slice|gap|file|truncat|byte|missing|cut|pixel|position|twice|same|copy|dicom|region|spect|pet|ct|differ", times=5)
def _(case: Copy) -> str:
    kind = case.pick("ct", "pet", "spect", "seg")
    what = case.pick(
        "one removed",
        "first removed",
        "last removed",
        "half removed",
        "all removed",
        "copied beside",
        "copied, new identifiers",
        "copied, other pixels",
        "cut to half",
        "emptied",
        "cut by two bytes",
        "names shuffled",
        "suffixes dropped",
        "padded",
        "preamble gone",
    )
    paths, one = case.paths(kind), case.one(kind)
    if what == "one removed":
        one.unlink()
    elif what in ("first removed", "last removed"):
        paths[0 if what[0] == "f" else -1].unlink()
    elif what == "half removed":
        for path in paths[::2]:
            path.unlink()
    elif what == "all removed":
        for path in paths:
            path.unlink()
    elif what.startswith("copied"):
        twin = one.with_name("copy_of_" + one.name)
        read = pydicom.dcmread(one)
        if "identifiers" in what:
            read.SOPInstanceUID = read.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[one.name])
        if "pixels" in what:
            read.PixelData = bytes(len(read.PixelData))
        read.save_as(twin)
    elif what in ("cut to half", "emptied", "cut by two bytes"):
        data = one.read_bytes()
        one.write_bytes(data[: {"c": len(data) // 2, "e": 0}[what[0]]] if "two" not in what else data[:-2])
    elif what == "padded":
        one.write_bytes(one.read_bytes() + bytes(int(case.rng.integers(1, 700))))
    elif what == "preamble gone":
        one.write_bytes(one.read_bytes()[132:])
    else:
        order = case.rng.permutation(len(paths))
        for n, path in enumerate(paths):
            path.rename(path.with_name(f"IM{order[n]:04d}" + (".dcm" if "shuffled" in what else "")))
    return f"{kind} {what}"


@change(
    "a file of somebody else",
    "patient|person|series|slice|copy|identifier|frame|sop|spect|same|left out|injection|twice|inside|region",
    times=2,
)
def _(case: Copy) -> str:
    kind, what = case.pick("ct", "pet", "spect"), case.pick("patient", "study of the same person", "text file", "same series, other size")
    one = case.one(kind)
    if what == "text file":
        (case.folder / "DICOMDIR").write_bytes(b"no DICOM")
        (one.parent / "Thumbs.db").write_bytes(b"\0" * 50)
        return what
    read = pydicom.dcmread(one)
    read.SOPInstanceUID = read.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["else", one.name])
    if what == "patient":
        read.PatientID, read.PatientName, read.PatientBirthDate = "77", "Else^Some", "19500101"
    elif what == "study of the same person":
        read.StudyInstanceUID, read.SeriesInstanceUID = "1.2.3.9", "1.2.3.9.1"
    else:
        read.Rows, read.PixelData = 18, read.PixelData[: len(read.PixelData) // 2]
    read.save_as(one.with_name("added.dcm"))
    return f"{kind} {what}"


@change("values in one file's bytes", "pixel|value|range|plausib|suv|negative|hu|spect|activity|slice|lie|region", times=2)
def _(case: Copy) -> str:
    kind, what = case.pick("pet", "ct", "spect"), case.pick("bytes swapped", "rows reversed", "all zero", "saturated")

    def put(read: Dataset) -> None:
        stored = read.pixel_array
        new = {
            "bytes swapped": stored.byteswap(),
            "rows reversed": stored[..., ::-1, :],
            "all zero": stored * 0,
            "saturated": np.full_like(stored, np.iinfo(stored.dtype).max),
        }[what]
        read.PixelData = np.ascontiguousarray(new).tobytes()

    case.edit(case.paths(kind), put)
    return f"{kind} {what}"


@change(
    "segments",
    "segment|label|name|region|frame|position|side|left|right|twice|plane|slice|inside|outside|lesion|gap|kidney|fraction",
    times=5,
)
def _(case: Copy) -> str:
    what = case.pick(
        "kidneys swapped",
        "names swapped",
        "label empty",
        "labels equal",
        "numbers shifted",
        "z half a slice off",
        "z mirrored",
        "one plane gone",
        "frames reordered with pixels",
        "positions reordered",
        "spacing times 1.2",
        "unknown number",
        "code of another organ",
        "odd letters",
        "fractional",
        "orientation mirrored",
    )

    def put(read: Dataset) -> None:
        parts, frames = read.SegmentSequence, read.PerFrameFunctionalGroupsSequence
        place = [f.PlanePositionSequence[0] for f in frames]
        measures = read.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        if what == "kidneys swapped":
            left, right = (next(p for p in parts if side in p.SegmentLabel) for side in ("left", "right"))
            left.SegmentLabel, right.SegmentLabel = right.SegmentLabel, left.SegmentLabel
        elif what == "names swapped":
            parts[0].SegmentLabel, parts[1].SegmentLabel = parts[1].SegmentLabel, parts[0].SegmentLabel
        elif what in ("label empty", "labels equal", "odd letters"):
            parts[0].SegmentLabel = {"l": "" if "empty" in what else str(parts[1].SegmentLabel), "o": "L\u00e9ber\u200b\t(1)\\2"}[what[0]]
        elif what == "numbers shifted":
            for part in parts:
                part.SegmentNumber += 1
        elif what == "unknown number":
            frames[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 77
        elif what == "code of another organ":
            parts[0].SegmentedPropertyTypeCodeSequence, parts[1].SegmentedPropertyTypeCodeSequence = (
                parts[1].SegmentedPropertyTypeCodeSequence, parts[0].SegmentedPropertyTypeCodeSequence)  # fmt: skip
        elif what in ("z half a slice off", "z mirrored"):
            for p in place:
                x, y, z = map(float, p.ImagePositionPatient)
                p.ImagePositionPatient = [x, y, -z if "mirr" in what else z + 3.0]
        elif what == "positions reordered":
            other = [p.ImagePositionPatient for p in place]
            for p, n in zip(place, case.rng.permutation(len(place)), strict=True):
                p.ImagePositionPatient = other[n]
        elif what == "spacing times 1.2":
            measures.PixelSpacing = [7.2, 7.2]
        elif what == "orientation mirrored":
            read.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
        elif what == "fractional":
            read.SegmentationType = "FRACTIONAL"
        else:
            stored = read.pixel_array
            order = case.rng.permutation(len(frames)) if "reordered" in what else np.delete(np.arange(len(frames)), len(frames) // 2)
            read.PerFrameFunctionalGroupsSequence = Sequence([frames[int(n)] for n in order])
            read.NumberOfFrames = len(order)
            data = np.packbits(stored[order].ravel(), bitorder="little").tobytes()
            read.PixelData = data + bytes(len(data) % 2)

    case.edit(case.paths("seg"), put)
    return what


@change(
    "contours",
    "contour|point|plane|slice|region|structure|open|closed|name|roi|inside|outside|side|lie|frame|twice|crosses|image|kidney",
    base="rtstruct",
    times=9,
)
def _(case: Copy) -> str:
    what = case.pick(
        "points shuffled",
        "z half a slice off",
        "one plane gone",
        "open",
        "count wrong",
        "in centimetres",
        "z mirrored",
        "of points",
        "two points",
        "given twice",
        "reversed",
        "started elsewhere",
        "first repeated",
        "comma",
        "number unknown",
        "kidneys swapped",
        "name empty",
        "one point far off",
        "x and y swapped",
        "coordinates missing one",
        "every other plane gone",
        "frame of reference",
        "points rounded",
        "images unnamed",
        "z of one point off",
        "names equal",
        "one plane moved",
    )

    def put(read: Dataset) -> None:
        rois, items = read.StructureSetROISequence, read.ROIContourSequence
        item = items[int(case.rng.integers(len(items)))]
        drawn = item.ContourSequence
        middle = len(drawn) // 2
        every = [c for i in items for c in i.ContourSequence]

        def move(contours: list[Dataset], how: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
            for c in contours:
                new = how(np.array([float(x) for x in c.ContourData]).reshape(-1, 3))
                c.ContourData = [float(f"{x:.6f}"[:16]) for x in new.ravel()]
                c.NumberOfContourPoints = len(new)

        if what == "points shuffled":
            move(list(drawn), lambda p: p[case.rng.permutation(len(p))])
        elif what == "z half a slice off":
            move(every, lambda p: p + [0, 0, 3.0])
        elif what == "one plane moved":
            move([drawn[middle]], lambda p: p + [0, 0, 3.0])
        elif what == "one plane gone":
            z = drawn[middle].ContourData[2]
            item.ContourSequence = Sequence([c for c in drawn if c.ContourData[2] != z])
        elif what == "every other plane gone":
            zs = sorted({float(c.ContourData[2]) for c in drawn})[::2]
            item.ContourSequence = Sequence([c for c in drawn if float(c.ContourData[2]) in zs])
        elif what == "open":
            for c in drawn:
                c.ContourGeometricType = "OPEN_PLANAR"
        elif what == "of points":
            for c in drawn:
                c.ContourGeometricType = "POINT"
        elif what == "count wrong":
            drawn[middle].NumberOfContourPoints = int(drawn[middle].NumberOfContourPoints) + 3
        elif what in ("in centimetres", "z mirrored", "x and y swapped", "points rounded"):
            move(
                every,
                {"i": lambda p: p / 10, "z": lambda p: p * [1, 1, -1], "x": lambda p: p[:, [1, 0, 2]], "p": lambda p: np.round(p, 1)}[
                    what[0]
                ],
            )
        elif what == "two points":
            move([drawn[middle]], lambda p: p[:2])
        elif what == "given twice":
            item.ContourSequence = Sequence([*drawn, *drawn])
        elif what in ("reversed", "started elsewhere", "first repeated"):
            move(list(drawn), {"r": lambda p: p[::-1], "s": lambda p: np.roll(p, 3, 0), "f": lambda p: np.vstack([p, p[:1]])}[what[0]])
        elif what == "one point far off":
            move([drawn[middle]], lambda p: np.vstack([p[:-1], p[-1:] + [500.0, 0, 0]]))
        elif what == "z of one point off":
            move([drawn[middle]], lambda p: np.vstack([p[:-1], p[-1:] + [0, 0, 6.0]]))
        elif what == "coordinates missing one":
            drawn[middle].ContourData = list(drawn[middle].ContourData)[:-1]
        elif what == "comma":
            text = "\\".join(str(x) for x in drawn[middle].ContourData).replace(".", ",").encode()
            tag = pydicom.tag.Tag("ContourData")
            drawn[middle][tag] = pydicom.dataelem.RawDataElement(tag, "DS", len(text), text, 0, False, True, True)
        elif what == "number unknown":
            item.ReferencedROINumber = 77
        elif what == "kidneys swapped":
            left, right = (next(r for r in rois if side in r.ROIName) for side in ("left", "right"))
            left.ROIName, right.ROIName = right.ROIName, left.ROIName
        elif what == "names equal":
            rois[0].ROIName = rois[1].ROIName
        elif what == "name empty":
            rois[0].ROIName = ""
        elif what == "frame of reference":
            for roi in rois:
                roi.ReferencedFrameOfReferenceUID = "1.2.3.4.5"
        else:
            for c in every:
                c.ContourImageSequence = Sequence([])

    case.edit(case.paths("rs"), put)
    return what


@change(
    "label map",
    "label|affine|nifti|map|file|region|inside|outside|lie|orientation|unit|sform|qform|value|side|place|kidney|voxel",
    base="nifti",
    times=6,
)
def _(case: Copy) -> str:
    what = case.pick(
        "sform in metres",
        "sform in micrometres",
        "axes of DICOM",
        "sform and qform differ",
        "no sform",
        "float values",
        "half a voxel off",
        "packed",
        "packed and cut",
        "cut",
        "values halved",
        "no codes",
        "singular",
        "not a number",
        "z mirrored",
        "pixdim wrong",
        "big header",
        "z spacing wrong",
    )
    small = _small()
    values = np.asarray(sum(n * mask for n, mask in enumerate(true_masks(small).values(), start=1)))
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ small._grid("").affine
    path, data = case.labels, case.labels.read_bytes()
    if what in ("sform in metres", "sform in micrometres"):
        factor = 1e-3 if "metres" in what.split()[-1] and "micro" not in what else 1e3
        scaled = np.vstack([ras[:3] * factor, ras[3:]])
        data = nifti(values, scaled, units=int(case.pick(1 if factor < 1 else 3, 2, 0)))
    elif what == "axes of DICOM":
        data = nifti(values, small._grid("").affine)
    elif what == "sform and qform differ":
        data = bytearray(nifti(values, ras, qform=1))
        struct.pack_into("<f", data, 268, ras[0, 3] + 12.0)
        data = bytes(data)
    elif what == "no sform":
        data = nifti(values, ras, sform=0, qform=1)
    elif what == "no codes":
        data = nifti(values, ras, sform=0, qform=0)
    elif what == "float values":
        data = nifti(values, ras, dtype=16)
    elif what == "values halved":
        data = nifti(values / 2.0, ras, dtype=16)
    elif what in ("half a voxel off", "z mirrored", "singular", "not a number", "z spacing wrong"):
        moved = ras.copy()
        moved[2] = {
            "h": moved[2] + [0, 0, 0, 3.0],
            "z": -moved[2] if "mirr" in what else moved[2] * [1, 1, 1.2, 1.2],
            "s": moved[2] * 0,
            "n": moved[2] * np.nan,
        }[what[0]]
        data = nifti(values, moved)
    elif what == "pixdim wrong":
        data = bytearray(data)
        struct.pack_into("<3f", data, 80, 1.0, 1.0, 1.0)
        data = bytes(data)
    elif what == "big header":
        data = bytes(4) + data[4:]
    elif what.startswith("packed"):
        case.labels = path.with_name("labels.nii.gz")
        path.unlink()
        data = gzip.compress(data)[: None if what == "packed" else 400]
    else:
        data = data[: len(data) // 2]
    case.labels.write_bytes(data)
    return what


# ---- the run


def run_case(number: int, seed: int, bases: dict[str, tuple[Path, Facts, set[str]]], work: Path) -> dict[str, Any]:
    """Make one case, read it and judge it."""
    rng = np.random.default_rng([seed, number])
    one = CHANGES[number % len(CHANGES)]
    source, before, known = bases[one.base]
    folder = work / f"case{number}"
    shutil.copytree(source, folder)
    row: dict[str, Any] = {"case": number, "change": one.name}
    try:
        case = Copy(folder, rng)
        try:
            row["detail"] = one.make(case)
        except (ValueError, TypeError, OverflowError, AttributeError, NotImplementedError, struct.error) as error:
            return {**row, "outcome": "not written", "said": f"{type(error).__name__}: {error}"[:200]}
        started = time.monotonic()
        try:
            study = _read(case.folder, case.labels)
            after = facts_of(study)
        except InputError as error:
            row |= {"outcome": "refused" if _named(str(error), one.words) else "refused, other words", "said": str(error)}
        except Exception:
            row |= {"outcome": "FAULT", "said": traceback.format_exc(limit=-3)[-900:]}
        else:
            new = sorted(set(study.warnings) - known)
            row |= _judged(before, after, new, one)
            if not study.regions and row["outcome"] == "SILENT":
                row["outcome"] = _without_regions(study)
        if (seconds := time.monotonic() - started) > LIMIT_S:
            row |= {"outcome": "FAULT", "said": f"{seconds:.0f} s"}
        return row
    finally:
        shutil.rmtree(folder)


def _read(folder: Path, labels: Path) -> Study:
    """The study by its public road; a label map lies beside it with the names that its program gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if labels.exists():
            return read_study(folder, labels=labels, label_names=dict(enumerate(_small().PARTS, start=1)))
        return read_study(folder)


def _judged(before: Facts, after: Facts, new: list[str], one: Change) -> dict[str, Any]:
    differ = differences(before, after)
    if not differ:
        return {"outcome": "same", "said": " ".join(new)}
    if one.says is not None and not differences(one.says(before), after):
        return {"outcome": "as stated", "differs": differ[:6], "said": " ".join(new)}
    outcome = "SILENT" if not new else "said" if _named(" ".join(new), one.words) else "said, other words"
    return {"outcome": outcome, "differs": differ[:6], "said": " ".join(new)}


def _without_regions(study: Study) -> str:
    """A study whose regions were lost: nothing can be measured on it, and that must be said then."""
    try:
        measure_study(study)
    except InputError:
        return "no regions, refused when measured"
    return "SILENT"


def _named(sentence: str, words: tuple[str, ...]) -> bool:
    return any(word in sentence.lower() for word in words)


def main(cases: int | None = None, start: int = 0, seed: int = SEED, out: Path | None = None) -> int:
    """Run the cases; 1 where one is silent or at fault."""
    if cases is None:
        parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
        parser.add_argument("--cases", type=int, default=2 * len(CHANGES))
        parser.add_argument("--start", type=int, default=0)
        parser.add_argument("--seed", type=int, default=SEED)
        parser.add_argument("--out", type=Path, default=OUT)
        parser.add_argument("--rows", type=Path, help="one line of JSON a case; cases that it holds already are not run again")
        given = parser.parse_args()
        cases, start, seed, rows_to, out = given.cases, given.start, given.seed, given.rows, given.out
    else:
        rows_to = None
    wanted = range(start, start + cases)
    lines = rows_to.read_text(encoding="utf-8").splitlines() if rows_to is not None and rows_to.is_file() else []
    done = {row["case"]: row for row in map(json.loads, lines) if row["case"] in wanted}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bases: dict[str, tuple[Path, Facts, set[str]]] = {}
        for kind, folder in write_bases(work / "bases").items():
            study = _read(folder, folder / "labels.nii")
            facts = facts_of(study)
            wrong = differences(truth(folder), facts, loose=10.0 if kind == "rtstruct" else 1.0)
            if wrong:
                print(f"the untouched study ({kind}) is not read as it was made: {'; '.join(wrong)}")
                return 1
            bases[kind] = folder, facts, set(study.warnings)
        for number in (n for n in wanted if n not in done):
            row = done[number] = run_case(number, seed, bases, work)
            if rows_to is not None:
                with rows_to.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if row["outcome"] in ("FAULT", "SILENT") or row["outcome"].endswith("other words"):
                print(
                    f"{number} {row['outcome']}: {row.get('detail')}; {'; '.join(row.get('differs', []))} {row.get('said', '')}".replace(
                        "\n", " | "
                    ),
                    flush=True,
                )
    rows = [done[number] for number in wanted]
    counts = Counter(row["outcome"] for row in rows)
    bad = [
        {k: row.get(k) for k in ("case", "change", "detail", "outcome", "differs", "said")}
        for row in rows
        if row["outcome"] in ("FAULT", "SILENT")
    ]
    summary = {
        "seed": seed,
        "start": start,
        "cases": cases,
        "changes": len(CHANGES),
        "outcomes": dict(sorted(counts.items())),
        "findings": bad,
    }
    (out or OUT).write_text(json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    print(json.dumps(summary["outcomes"], ensure_ascii=False))
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
