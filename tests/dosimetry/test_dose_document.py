"""The document of the doses reads back as it was written; what is missing, misspelt or of other regions is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from neorlt.core.errors import InputError
from neorlt.documents.dose import DoseDocument, read_dose
from neorlt.dosimetry.compute import DoseResult
from neorlt.dosimetry.uncertainty import DEFAULT
from neorlt.imaging.study import Study
from neorlt.jobs.dose import dose_document


@pytest.fixture(scope="module")
def document(study: Study, result: DoseResult) -> DoseDocument:
    return dose_document(study, result, settings=DEFAULT, seed=1)


def test_it_reads_back_as_it_was_written(document: DoseDocument) -> None:
    assert read_dose(document.text) == document
    with pytest.raises(Exception, match="frozen"):
        document.warnings = ()  # type: ignore[misc]


def test_what_nobody_filled_is_left_out_and_what_was_written_is_added(document: DoseDocument) -> None:
    assert not {"registration", "s_values"} & set(document.as_json())
    shift = {"shift_mm": 1.0}
    whole = document.written([shift], ["The dose map was written without a frame of reference."])
    assert whole.as_json() == document.as_json() | {
        "registration": [shift], "warnings": [*document.warnings, "The dose map was written without a frame of reference."]
    }  # fmt: skip
    assert read_dose(whole.text) == whole


@pytest.mark.parametrize("key", sorted(set(DoseDocument.model_fields) - {"registration", "s_values"}))
def test_a_document_without_a_part_is_refused(document: DoseDocument, key: str) -> None:
    content = document.as_json()
    del content[key]
    with pytest.raises(InputError, match=f"dose.json, {key}.*again with this version"):
        read_dose(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["regions"][0].pop("biological_half_life_h"), r"regions\.0\.biological_half_life_h"),
        (lambda d: d["regions"][0].update(mass_g=0.0), r"regions\.0\.mass_g"),
        (lambda d: d["regions"][0].update(dose_gyy=1.0), r"regions\.0\.dose_gyy"),
        (lambda d: d["regions"][1].update(name=d["regions"][0]["name"]), "two regions have one name"),
        (lambda d: d["uncertainty"].pop(d["regions"][0]["name"]), "tornado"),
        (lambda d: d["uncertainty_settings"]["calibration"].update(label="proven"), "calibration.label"),
    ],
)
def test_a_document_that_cannot_be_is_refused_with_its_place(
    document: DoseDocument, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    content = document.as_json()
    change(content)
    with pytest.raises(InputError, match=said):
        read_dose(json.dumps(content))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="dose"):
        read_dose(text)
