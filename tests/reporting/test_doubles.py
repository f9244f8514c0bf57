"""The invented plans of the tests hold no key that a real plan does not hold: what only a double has is shown to nobody."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from neorlt.documents.plan import PlanDocument

from .synthetic_plan import synthetic_plan

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web"))

from double import PLAN

REAL = set(json.loads((Path(__file__).parents[1] / "data" / "plan_keys.json").read_text()))
"""Paths of the plan of the bundled patient (tools/plan_keys.py)."""
NAMED = {".uncertainty", ".schemes[].lesion_dose_gy", ".label_explanations"}
"""Mappings whose keys are names of regions or words."""
EMPTY_THERE = {".lesions[].flags[]", ".patient.kidney_risk_factors[]"}
"""Lists that are empty in the bundled patient."""


def _paths(value: Any, at: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, f"{at}.*" if at in NAMED else f"{at}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item, f"{at}[]")
    if at:
        yield at


def _fields(model: type[BaseModel], at: str = "") -> Iterator[str]:
    """Paths that the document's own classes allow."""
    for name, field in model.model_fields.items():
        here = f"{at}.{field.alias or name}"
        yield here
        for inner in _models(field.annotation):
            yield from _fields(inner, here)
            yield from _fields(inner, f"{here}[]")


def _models(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [found for part in get_args(kind) for found in _models(part)]


def _named(path: str) -> str:
    for name in NAMED:
        if path.startswith(f"{name}."):
            rest = path[len(name) + 1 :]
            ends = [i for i in (rest.find("."), rest.find("[")) if i >= 0]
            return f"{name}.*{rest[min(ends) :] if ends else ''}"
    return path


@pytest.mark.parametrize("double", [PLAN, synthetic_plan()], ids=["page", "report"])
def test_no_key_is_in_the_double_alone(double: dict[str, Any]) -> None:
    known = {_named(path) for path in REAL} | set(_fields(PlanDocument)) | EMPTY_THERE
    assert sorted(set(_paths(double)) - known) == []


def test_the_kept_paths_are_those_of_the_document() -> None:
    """A key that the document no longer has cannot stay among the kept paths."""
    top = {path for path in REAL if path.count(".") == 1 and "[" not in path}
    fields = {f".{field.alias or name}" for name, field in PlanDocument.model_fields.items()}
    assert top - fields <= {".registration"}


def test_a_key_of_its_own_is_found() -> None:
    plan = synthetic_plan()
    plan["schemes"][0]["invented"] = 1
    known = {_named(path) for path in REAL} | set(_fields(PlanDocument)) | EMPTY_THERE
    assert sorted(set(_paths(plan)) - known) == [".schemes[].invented"]
