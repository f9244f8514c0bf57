"""One job: ``python -m neorlt.web.worker CASE`` reads ``CASE/input`` and writes ``CASE/result``."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from neorlt.core.errors import NeorltError


def run(case: Path) -> None:
    """Plan the case; the volumes that the page shows are written beside the result."""
    from neorlt.jobs import run_plan

    study, patient = case / "input" / "study", case / "input" / "patient.toml"
    run_plan(study if study.is_dir() else None, patient if patient.is_file() else None, case / "result")
    if study.is_dir():
        write_view(study, case / "view")


def write_view(study_folder: Path, folder: Path) -> None:
    """Write the first CT as ``ct.nii.gz`` and where each lesion lies; the page lays the dose over it and jumps there."""
    from neorlt.core.output import atomic_folder
    from neorlt.dicom.read import read_study
    from neorlt.imaging.nifti import write_nifti
    from neorlt.imaging.planes import centre_of

    study = read_study(study_folder)
    images = study.ct_images()
    if images:
        with atomic_folder(folder) as work:
            write_nifti(images[0], work / "ct.nii.gz")
            places = {lesion.name: _right_anterior_superior(centre_of(lesion)) for lesion in study.lesions()}
            (work / "lesions.json").write_text(json.dumps(places), encoding="utf-8")
            (work / "run.json").write_text("{}", encoding="utf-8")


def _right_anterior_superior(place_mm: Any) -> list[float]:
    """From DICOM's left-posterior-superior to the right-anterior-superior that NIfTI viewers use."""
    return [-float(place_mm[0]), -float(place_mm[1]), float(place_mm[2])]


def main() -> int:
    """Exit 0, or 2 with one JSON line that says what is wrong with the input, or 1 with the details in ``error.txt``."""
    case = Path(sys.argv[1])
    try:
        run(case)
    except NeorltError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 2
    except Exception:
        (case / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
