"""README.txt of a folder of results: it is there, speaks of what is in the folder, and rests on today's measurement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from by_path import load

from neorlt.core.beside import README_FILE, readme
from neorlt.core.run import result_folder
from neorlt.core.tables import read_json

ROOT = Path(__file__).resolve().parents[2]
TABLE = read_json("core", "outside_readers.json")


def flat(text: str | None) -> str:
    return " ".join((text or "").split())


@pytest.mark.parametrize(
    ("file", "reader", "said"),
    [
        ("dose/absorbed_dose_rtdose.dcm", "SimpleITK", "multiply by Dose Grid Scaling (3004,000E)"),
        ("dose/absorbed_dose_parametric_map.dcm", "plastimatch", "cannot open it"),
        ("dose/regions_seg.dcm", "SimpleITK", "open the label map"),
        ("dose/regions_rtstruct.dcm", "rt-utils", "exchanges rows and columns"),
        ("view/ct-1.nii.gz", "MedCon", "keeps neither the origin nor the direction of y"),
        ("dicom/gate/activity_Lu-177.mhd", "SimpleITK", "`affine_lps_mm` in case.json"),
        ("fhir.json", "fhir.resources (its default, R5)", "fhir.resources.R4B"),
    ],
)
def test_the_known_traps_are_named_beside_the_file(file: str, reader: str, said: str) -> None:
    text = readme([file, "run.json"])
    assert file in flat(text)
    assert reader in flat(text)
    assert said in flat(text)


def test_nothing_is_said_of_what_nobody_misreads() -> None:
    assert readme(["plan.json", "report.html", "density.mhd"]) is None


def test_a_file_is_spoken_of_once() -> None:
    text = flat(readme(["view/dose.nii.gz", "dose.nii.gz"]))
    assert text.count("view/dose.nii.gz Images for looking") == 1
    assert text.count(" dose.nii.gz Volumes (NIfTI)") == 1
    assert text.count("dose.nii.gz") == 2


def test_every_result_folder_gets_its_readme_and_its_hash(tmp_path: Path) -> None:
    with result_folder(tmp_path / "out", "x") as work:
        (work / "dose").mkdir()
        (work / "dose" / "regions_seg.dcm").write_bytes(b"")
    assert "dose/regions_seg.dcm" in (tmp_path / "out" / README_FILE).read_text(encoding="utf-8")
    assert README_FILE in json.loads((tmp_path / "out" / "run.json").read_text())["outputs"]
    with result_folder(tmp_path / "none", "x") as work:
        (work / "plan.json").write_text("{}")
    assert not (tmp_path / "none" / README_FILE).exists()


def test_every_cell_that_is_not_right_is_spoken_of() -> None:
    spoken = {(one["kind"], reader) for one in TABLE["warnings"] for reader in one["readers"]}
    bad = {
        (c["kind"], c["reader"]) for c in TABLE["cells"] if "wrong" in (c["value"], c["place"], c["unit"]) or c["value"] == "refused"
    }
    assert bad == spoken
    assert len({cell["reader"].split(" of ")[0] for cell in TABLE["cells"]}) >= 12


@pytest.mark.parametrize("aspect", ["value", "place", "unit"])
def test_a_wrong_cell_without_a_sentence_ends_the_measurement(aspect: str) -> None:
    cell = {"kind": "pet", "reader": "A new reader", "value": "right", "place": "right", "unit": "right", aspect: "wrong"}
    said, silent = load(ROOT / "tools" / "compat" / "run.py", "compat_run").sentences({"warning": []}, [cell])
    assert said == []
    assert silent == [f"pet, A new reader: {aspect}"]


def test_the_measurement_is_of_todays_writers_and_stands_on_its_page() -> None:
    run = load(ROOT / "tools" / "compat" / "run.py", "compat_run")
    assert TABLE["writers_sha256"] == run.writers_stamp(), "a writer has changed: run `make compat` again and commit what it writes"
    assert run.page(TABLE) == (ROOT / "docs" / "who-reads-what.md").read_text(encoding="utf-8")
