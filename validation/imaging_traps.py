"""The bundled patient as archives really hold it: renamed, flattened, packed, linked, mixed, shifted, damaged.

Each layout is made from the bundled example and read. Six numbers are compared with the example's own: SUVmax and volume of the
primary, mean activity of both kidneys at the first SPECT, the moment of injection, how many SPECT and how many lesions there are.
*Right* is all of them within 0.5 %; *said* is a difference that a warning names; *refused* is one sentence with the remedy. A
difference without a word is *SILENT* and fails. Writes the table of ``docs/dicom-traps.md`` between its marks, and
``validation/imaging_traps.json``. Run by ``make validate``: about half a minute on one core. The example is synthetic: its anatomy is
real, uptake and regions are made.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from neorlt.core.anatomy import is_kidney
from neorlt.core.errors import InputError
from neorlt.dicom.read import read_study
from neorlt.imaging.resample import region_on
from neorlt.imaging.study import Study
from neorlt.imaging.suv import suv_images
from neorlt.phantoms.example import write_example

ROOT = Path(__file__).resolve().parent.parent
DOC = ROOT / "docs" / "dicom-traps.md"
BEGIN, END = "<!-- traps: made by validation/imaging_traps.py -->", "<!-- end of traps -->"
NEAR = 0.005
LANGUAGES = {
    "German": ("Leber", "Milz", "Niere links", "Niere rechts"),
    "French": ("Foie", "Rate", "Rein gauche", "Rein droit"),
    "Italian": ("Fegato", "Milza", "Rene sinistro", "Rene destro"),
    "Spanish": ("Hígado", "Bazo", "Riñón izquierdo", "Riñón derecho"),
    "Dutch": ("Lever", "Milt", "Linker nier", "Rechter nier"),
    "Polish": ("Wątroba", "Śledziona", "Nerka lewa", "Nerka prawa"),
    "English, as planning systems write it": ("Liver", "Spleen", "Kidney_L", "Kidney_R"),
}
Change = Callable[[pydicom.Dataset], object]


class Copy:
    """A copy of the example whose files are links until they are changed."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder = folder
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)

    def of(self, modality: str) -> list[Path]:
        """Files of a modality."""
        found = []
        for path in sorted(p for p in self.folder.rglob("*.dcm")):
            if pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Modality"]).Modality == modality:
                found.append(path)
        return found

    def edit(self, paths: list[Path], change: Change) -> None:
        """Change files in place."""
        for path in paths:
            dataset = pydicom.dcmread(path)
            change(dataset)
            path.unlink()
            dataset.save_as(path)

    def twin(self, paths: list[Path], name: str, change: Change) -> None:
        """Add changed copies as a series of their own."""
        (self.folder / name).mkdir()
        series = generate_uid(entropy_srcs=["trap", name])
        for path in paths:
            dataset = pydicom.dcmread(path)
            dataset.SeriesInstanceUID = series
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[name, path.name])
            change(dataset)
            dataset.save_as(self.folder / name / path.name)


def facts(study: Study) -> dict[str, float]:
    """The numbers that are compared."""
    primary = next(r for r in study.regions if r.name == "primary")
    first = study.therapy_images()[0]
    suv = suv_images(study)
    kidneys = [r for r in study.organs() if is_kidney(r.name)]
    held = [float((first.array * (w := region_on(r, first.grid))).sum(dtype=np.float64) / w.sum(dtype=np.float64)) for r in kidneys]
    box = region_on(primary, suv[0].grid) >= 0.5 if suv else None
    return {
        "suv_max": float(suv[0].array[box].max()) if suv else float("nan"),
        "volume_ml": primary.volume_ml,
        "kidneys": float(np.mean(held)) if held else float("nan"),
        "injected": study.therapy_administration().time.timestamp(),
        "spect": float(len(study.therapy_images())),
        "lesions": float(len(study.lesions())),
    }


def _roi_names(names: tuple[str, ...]) -> Change:
    wanted = dict(zip(("liver", "spleen", "kidney-left", "kidney-right"), names, strict=True))

    def change(dataset: pydicom.Dataset) -> None:
        for roi in dataset.get("StructureSetROISequence") or []:
            roi.ROIName = wanted.get(str(roi.ROIName), roi.ROIName)
        for segment in dataset.get("SegmentSequence") or []:
            segment.SegmentLabel = wanted.get(str(segment.SegmentLabel), segment.SegmentLabel)

    return change


def _item(dataset: pydicom.Dataset) -> pydicom.Dataset:
    return dataset.RadiopharmaceuticalInformationSequence[0]


def _bare(dataset: pydicom.Dataset) -> None:
    del _item(dataset).RadiopharmaceuticalStartDateTime


def _moved(days: int) -> Change:
    def change(dataset: pydicom.Dataset) -> None:
        for stem in ("Study", "Series", "Acquisition", "Content"):
            if dataset.get(f"{stem}Date"):
                day = datetime.strptime(dataset[f"{stem}Date"].value, "%Y%m%d") + timedelta(days=days)
                setattr(dataset, f"{stem}Date", day.strftime("%Y%m%d"))

    return change


def _second_cycle(copy: Copy) -> None:
    def change(dataset: pydicom.Dataset) -> None:
        _moved(56)(dataset)
        start = datetime.strptime(_item(dataset).RadiopharmaceuticalStartDateTime[:14], "%Y%m%d%H%M%S") + timedelta(days=56)
        _item(dataset).RadiopharmaceuticalStartDateTime = start.strftime("%Y%m%d%H%M%S")
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["cycle", dataset.SOPInstanceUID])
        dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["cycle series", dataset.SeriesInstanceUID])

    for path in copy.of("NM"):
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path.with_name(f"cycle2_{path.name}"))


def _shift(mm: float) -> Change:
    def change(dataset: pydicom.Dataset) -> None:
        for drawn in dataset.ROIContourSequence:
            for contour in drawn.ContourSequence:
                contour.ContourData = [f"{float(v) + (mm if n % 3 == 1 else 0.0):.3f}" for n, v in enumerate(contour.ContourData)]

    return change


def _flat(copy: Copy) -> None:
    for n, path in enumerate(sorted(p for p in copy.folder.rglob("*") if p.is_file() and p.suffix == ".dcm")):
        path.rename(copy.folder / f"IM{n:05d}")


def _linked(copy: Copy) -> None:
    away = copy.folder.parent / "elsewhere"
    shutil.rmtree(away, ignore_errors=True)
    away.mkdir()
    for name in ("ct", "pet"):
        shutil.move(str(copy.folder / name), away / name)
        (copy.folder / name).symlink_to(away / name)
    (copy.folder / "loop").symlink_to(copy.folder)


def _without(modality: str) -> Callable[[Copy], None]:
    return lambda copy: [path.unlink() for path in copy.of(modality)] and None


def _damaged(copy: Copy) -> None:
    path = copy.of("RTSTRUCT")[0]
    content = bytearray(path.read_bytes())
    at = content.index(b"\x06\x30\x50\x00", len(content) // 2)  # the length of a contour in the middle
    content[at + 6] ^= 0x40
    path.unlink()
    path.write_bytes(bytes(content))


def _settings(text: str, change: Callable[[Copy], object] = lambda copy: None) -> Callable[[Copy], None]:
    def made(copy: Copy) -> None:
        change(copy)
        path = copy.folder / "settings.toml"
        whole = path.read_text(encoding="utf-8") + text
        path.unlink()
        path.write_text(whole, encoding="utf-8")

    return made


def _set(modality: str, keyword: str, value: Any, *, item: bool = False) -> Callable[[Copy], None]:
    return lambda copy: copy.edit(copy.of(modality), lambda d: setattr(_item(d) if item else d, keyword, value))


def _renamed(names: tuple[str, ...]) -> Callable[[Copy], None]:
    return lambda copy: copy.edit([*copy.of("RTSTRUCT"), *copy.of("SEG")], _roi_names(names))


TRAPS: dict[str, Callable[[Copy], object]] = {
    "as it is": lambda copy: None,
    **{f"regions named in {language}": _renamed(names) for language, names in LANGUAGES.items()},
    "one flat folder, names without meaning": _flat,
    "packed as a ZIP": lambda copy: None,
    "folders linked from elsewhere, one link in a circle": _linked,
    "a CT slice twice, byte for byte": lambda c: shutil.copy(c.of("CT")[0], c.folder / "copy.dcm"),
    "two cycles in one folder": _second_cycle,
    "SPECT that state the time of injection without its day": lambda c: c.edit(c.of("NM"), _bare),
    "the same, first SPECT on the next day": lambda c: c.edit(c.of("NM"), lambda d: (_bare(d), _moved(1)(d))),
    "the same, day stated in settings.toml": _settings(
        '\n[correction."Lu-177"]\nreason = "from the ward"\ninjection_time = 2026-01-19T10:00:00\n', lambda c: c.edit(c.of("NM"), _bare)
    ),
    "de-identified SPECT, dates moved by ten days and the injection not": lambda c: c.edit(
        c.of("NM"), lambda d: (_moved(-10)(d), setattr(d, "PatientIdentityRemoved", "YES"))
    ),
    "SPECT without injected activity": lambda c: c.edit(c.of("NM"), lambda d: delattr(_item(d), "RadionuclideTotalDose")),
    "the same, stated for the nuclide in settings.toml": _settings(
        '\n[correction."Lu-177"]\nreason = "from the ward"\ninjected_activity_mbq = 7400\n',
        lambda c: c.edit(c.of("NM"), lambda d: delattr(_item(d), "RadionuclideTotalDose")),
    ),
    "contours shifted by 60 mm": lambda c: c.edit(c.of("RTSTRUCT"), _shift(-60.0)),
    "sides of the kidneys exchanged": lambda c: c.edit(
        [*c.of("RTSTRUCT"), *c.of("SEG")], _roi_names(("liver", "spleen", "kidney-right", "kidney-left"))
    ),
    "every contour drawn twice": lambda c: c.edit(
        c.of("RTSTRUCT"), lambda d: [r.ContourSequence.extend(list(r.ContourSequence)) for r in d.ROIContourSequence]
    ),
    "a damaged length in the structure set": _damaged,
    "without CT": _without("CT"),
    "without PET": _without("PT"),
    "without the structure set": _without("RTSTRUCT"),
    "a PET without attenuation correction beside it": lambda c: c.twin(c.of("PT"), "nac", lambda d: setattr(d, "CorrectedImage", ["DECY"])),
    "a bolus-tracking slice beside the CT": lambda c: c.twin(c.of("CT")[10:11], "pre", lambda d: None),
    "planar whole-body NM beside the SPECT": lambda c: c.twin(
        c.of("NM")[:1], "planar", lambda d: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"])
    ),
    "SPECT of 12 bits whose values need 16": lambda c: c.edit(
        c.of("NM"), lambda d: (setattr(d, "BitsStored", 12), setattr(d, "HighBit", 11))
    ),
    "PET slope below zero": _set("PT", "RescaleSlope", "-1"),
    "PET weight of 7 kg": _set("PT", "PatientWeight", "7"),
    "SPECT spacing of 700 mm": _set("NM", "SpacingBetweenSlices", "700"),
    "PET a year after its injection": lambda c: c.edit(c.of("PT"), _moved(365)),
    "PET activity in MBq": _set("PT", "RadionuclideTotalDose", "185", item=True),
    "one SPECT of another patient": lambda c: c.edit(c.of("NM")[1:2], lambda d: setattr(d, "PatientID", "SOMEBODY")),
    "last CT slices missing": lambda c: [p.unlink() for p in c.of("CT")[-3:]],
    "a CT slice missing in the middle": lambda c: c.of("CT")[40].unlink(),
}  # fmt: skip


def judge(
    name: str, change: Callable[[Copy], object], source: Path, truth: dict[str, float], usual: set[str], work: Path
) -> dict[str, Any]:
    """Make one layout, read it, and say how it ended."""
    folder = work / "study"
    shutil.rmtree(folder, ignore_errors=True)
    copy = Copy(source, folder)
    change(copy)
    target = folder
    if "ZIP" in name:
        target = work / "study.zip"
        with zipfile.ZipFile(target, "w") as packed:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                packed.write(path, path.relative_to(folder))
    try:
        study = read_study(target)
        found = facts(study)
    except InputError as error:
        return {"trap": name, "outcome": "refused", "words": f"{error.problem}. {error.remedy[:1].upper()}{error.remedy[1:]}."}
    except StopIteration:
        return {"trap": name, "outcome": "refused later", "words": "no region is left to measure: `measure` and `dose` say so."}
    off = [key for key, value in truth.items() if not abs(found[key] / value - 1.0) <= NEAR]
    said = [w for w in study.warnings if w not in usual]
    words = said[0] if said else ""
    if not off:
        return {"trap": name, "outcome": "right", "words": words}
    missing = ("CT" in name and "without" in name) or "without PET" in name
    return {"trap": name, "outcome": "said" if said or missing else "SILENT", "words": words or f"differs: {', '.join(off)}"}


def main() -> int:
    """Judge every layout; 1 where one is silent."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_example("pannet-head", work / "example", seed=1)
        source = work / "example" / "study"
        usual_study = read_study(source)
        truth, usual = facts(usual_study), set(usual_study.warnings)
        rows = [judge(trap, change, source, truth, usual, work) for trap, change in TRAPS.items()]
    (ROOT / "validation" / "imaging_traps.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    table = ["| the bundled patient | outcome | in words |", "| --- | --- | --- |"]
    table += [f"| {r['trap']} | {r['outcome']} | {r['words'].replace('|', '/')} |" for r in rows]
    text = DOC.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOC.write_text(before + "\n".join([BEGIN, "", *table, "", END]) + after, encoding="utf-8")
    silent = [r["trap"] for r in rows if r["outcome"] == "SILENT"]
    print(f"{len(rows)} layouts, {len(silent)} silent: {silent}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
