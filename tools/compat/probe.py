"""What every reader is asked: where the two hottest points lie and what they read; how large each region is and where its middle lies.

Runs in the readers' own environments, so it needs numpy alone (nibabel where a reader answers with a NIfTI file). Patient axes are DICOM's
(left, posterior, superior).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Answer = dict[str, Any]
Read = Callable[[Path], tuple[Any, Any]]
"""A reader's array ``(i, j, k)`` and affine of a file, or of a folder with one series."""
PLACES = {
    "parametric map": "absorbed_dose_parametric_map.dcm", "rtdose": "absorbed_dose_rtdose.dcm", "seg": "regions_seg.dcm",
    "rtstruct": "regions_rtstruct.dcm", "nm": "study/spect_4h.dcm", "pet": "study/pet", "nifti": "absorbed_dose_gy.nii.gz",
    "view": "view/dose.nii.gz", "gate": "gate/activity_Lu-177.mhd",
    "sr": "measurements_sr.dcm", "rrdsr": "radiopharmaceutical_dose_sr.dcm", "patient dose sr": "patient_dose_sr.dcm",
}  # fmt: skip
"""Where the object of each kind lies in the folder of ``make_objects.py``."""
NUMBERS = {
    "sr": {"volume": "Volume", "dose": "Absorbed Dose"}, "rrdsr": {"injected": "Administered activity"},
    "patient dose sr": {"dose": "Mean Absorbed Radiation Dose"},
}  # fmt: skip
"""Meanings of the concepts whose numbers are asked of each report."""


def image(array: Any, affine: Any, unit: str | None = None) -> Answer:
    """Probe an image ``(i, j, k)`` with its affine from index to patient millimetres."""
    array, affine = np.asarray(array, float), np.asarray(affine, float)
    if array.ndim > 3:
        array = array.reshape(array.shape[:3] + (-1,))[..., 0] if array.shape[3:] == (1,) * (array.ndim - 3) else array
    if array.ndim != 3:
        return {"refused": f"an array of {array.shape}: no volume"}
    peak = np.unravel_index(np.argmax(array), array.shape)
    least = array.min()
    rest = np.where(array - least > 0.7 * (array[peak] - least), least, array)
    spot = np.unravel_index(np.argmax(rest), array.shape)
    return {
        "peak": float(array[peak]), "peak_mm": (affine[:3, :3] @ np.array(peak) + affine[:3, 3]).tolist(), "spot": float(array[spot]),
        "spot_mm": (affine[:3, :3] @ np.array(spot) + affine[:3, 3]).tolist(), "unit": unit, "size": list(array.shape),
        "spacing_mm": np.linalg.norm(affine[:3, :3], axis=0).tolist(),
    }  # fmt: skip


def region(mask: Any, affine: Any) -> Answer:
    """Volume and middle of a mask ``(i, j, k)``."""
    affine, mask = np.asarray(affine, float), np.asarray(mask, float)
    mask = mask / max(mask.max(), 1e-9)
    if mask.ndim == 4:  # a reader's stack of stacks, taken as one
        mask = mask.sum(axis=3)
    if mask.ndim != 3 or not mask.any():
        return {"volume_ml": 0.0, "centre_mm": None}
    index = np.argwhere(mask > 0)
    weight = mask[mask > 0]
    middle = np.average(index, axis=0, weights=weight)
    return {
        "volume_ml": float(weight.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000.0),
        "centre_mm": (affine[:3, :3] @ middle + affine[:3, 3]).tolist(),
    }


def regions(labels: Any, affine: Any, names: dict[int, str]) -> Answer:
    """Every label of a label map."""
    return {"regions": {name: region(np.asarray(labels) == number, affine) for number, name in names.items()}}


def images(read: Read, *kinds: str) -> dict[str, Callable[[Path], Answer]]:
    """Readers of images for :func:`main`, by what the program makes of each kind's file or folder."""

    def of(place: str) -> Callable[[Path], Answer]:
        return lambda folder: image(*read(folder / place))

    return {kind: of(PLACES[kind]) for kind in kinds}


def label_map(read: Read) -> dict[str, Callable[[Path], Answer]]:
    """A reader of the label map for :func:`main`, its names from the file beside it."""

    def asked(folder: Path) -> Answer:
        names = json.loads((folder / "regions_names.json").read_text(encoding="utf-8"))
        return regions(*read(folder / "regions.nii.gz"), {int(number): one["name"] for number, one in names.items()})

    return {"label map": asked}


def seg_as_one(read: Read) -> dict[str, Callable[[Path], Answer]]:
    """A reader of the segmentation for :func:`main`: a stack of frames without a word of segments is one region to whoever opens it."""
    return {"seg": lambda folder: {"regions": {"all": region(*read(folder / PLACES["seg"]))}}}


def files(source: Path) -> list[Path]:
    """The file itself, or the slices of a folder by name."""
    return [source] if source.is_file() else sorted(source.glob("*.dcm"))


def affine_of(spacing: Any, origin: Any, direction: Any) -> Any:
    """Affine of ITK's three."""
    result = np.eye(4)
    result[:3, :3] = np.array(direction, float).reshape(3, 3) * np.array(spacing, float)
    result[:3, 3] = np.array(origin, float)
    return result


def nifti(path: Path) -> tuple[Any, Any]:
    """Array and affine of a NIfTI file, turned to DICOM's axes."""
    import nibabel

    read: Any = nibabel.load(str(path))
    return np.asarray(read.dataobj), np.diag([-1.0, -1.0, 1.0, 1.0]) @ read.affine


def run(*words: object) -> str:
    """Run a program and return what it says.

    Raises
    ------
    RuntimeError
        With its last line, if it fails.
    """
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, errors="replace")
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        lines = [re.sub(r"\(process:\d+\): |\d\d:\d\d:\d\d\.\d+: |\*\*: ", "", line) for line in said.splitlines() if line.strip()]
        raise RuntimeError((lines[-1] if lines else "no word") + f" (status {done.returncode})")
    return said


def main(readers: dict[str, Callable[[Path], Answer]]) -> None:
    """``script FOLDER KIND`` prints the answer as JSON in its last line, with ``--all`` for KIND that of every kind; ``script --kinds``
    lists what the reader is asked.
    """
    if sys.argv[1:] == ["--kinds"]:
        print(json.dumps(list(readers)))
        return
    folder, wanted = Path(sys.argv[1]).resolve(), sys.argv[2]
    if wanted == "--all":
        print("\n" + json.dumps({kind: _answer(reader, folder) for kind, reader in readers.items()}))
    else:
        print("\n" + json.dumps(_answer(readers[wanted], folder)))


def _answer(reader: Callable[[Path], Answer], folder: Path) -> Answer:
    try:
        return reader(folder)
    except Exception as error:  # what a reader says when it refuses is the result
        traceback.print_exc()
        lines = [line for line in str(error).splitlines() if line.strip()]
        return {"refused": f"{type(error).__name__}: {lines[-1] if lines else ''}"[:160]}
