"""Each long proof of ``validation/`` runs with a tiny number, so that none is found broken only when it is needed.

What it says of so few cases is not judged; that it runs to its end, writes its result and writes nothing else is.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from by_path import load

HERE = Path(__file__).resolve().parents[2] / "validation"
TINY: dict[str, dict] = {
    "decision_replica": {"set": {"N_PATIENTS": 2, "N_DRAWS": 20, "N_TRIALS": 20}, "writes": "validation/decision_replica.json",
                         "root": True},
    "dosimetry_blur": {"argv": ["--seeds", "1"], "writes": "validation/dosimetry_blur.json"},
    "dosimetry_coverage": {"set": {"N_PATIENTS": 3, "N_DRAWS": 50, "SCHEDULES": {"2": (24.0, 96.0), "3": (4.0, 24.0, 96.0)}},
                           "writes": "validation/dosimetry_coverage.json"},
    "dosimetry_few_points": {"argv": ["--truths", "2"], "writes": "validation/dosimetry_few_points.json"},
    "dosimetry_single_time_point": {"set": {"TIMES_H": (96.0,)}, "inner": {"coverage": {"N_PATIENTS": 3, "N_DRAWS": 50}},
                                    "writes": "docs/images/single-time-point.svg"},
    "dosimetry_uneven": {"argv": ["--seeds", "1"], "writes": "validation/dosimetry_uneven.json"},
    "dosimetry_one_contour": {"argv": ["--moves", "3"]},
    "dosimetry_example": {"call": {"seeds": (0,)}, "writes": "validation/dosimetry_example.json"},
    "evidence_pooling_by_k": {"argv": ["--runs", "1"], "root": True},
    "evidence_pooling_coverage": {"set": {"N_RUNS": 5, "N_CHECKED": 1, "TAUS": (0.5,), "RATES": (0.5,)},
                                  "writes": "validation/evidence_pooling_coverage.json"},
    "imaging_traps": {"first": "TRAPS", "writes": "docs/traps.md", "any": True},
    "imaging_contours": {"call": {"seeds": 1}, "writes": "validation/imaging_contours.json"},
    "nuclides_interfaces": {"argv": ["--histories", "2000"], "writes": "validation/nuclides_interfaces.json"},
    "planning_noise": {"set": {"N_PATIENTS": 1, "N_DRAWS": 20, "N_SEEDS": 1, "N_DECIDED": 200},
                       "writes": "validation/planning_noise.json", "root": True},
    "response_book": {"set": {"N_DRAWS": 50, "N_REPLICATES": 2}, "writes": "src/neorlt/data/validation.json"},
    "response_own_posterior": {"set": {"N_TABLES": 1, "LESIONS": (3,), "TIMES": 1}, "writes": "validation/own_posterior_draws.json"},
    "response_synthesis_sbc": {"set": {"N": 2, "N_FAULT": 1, "N_WARMUP": 30, "N_LESIONS": 3, "STUDIES": ("hebert_2024: odd half",),
                                       "FREE": ("alpha_per_gy", "sigma_d"), "FAULTS": ("data ignored",)},
                               "writes": "validation/synthesis_sbc.json"},
    "response_refits": {"set": {"STUDIES": ("sanet_p",), "ONLY": ("minczeles_2022",), "N_WARMUP": 30, "N_SAMPLES": 4,
                                "N_CHAINS": 2, "N_WEIGHED": 8, "N_SCORED": 4},
                        "inner": {"surface": {"N_TRAINING": 400}}, "writes": "validation/synthesis_refits.json"},
    "response_seeds": {"set": {"ONLY": ("minczeles_2022",), "N_WARMUP": 30, "N_SAMPLES": 4},
                       "inner": {"surface": {"N_TRAINING": 400}}, "writes": "validation/synthesis_seeds.json"},
    "imaging_fuzz": {"call": {"cases": 3, "out": lambda folder: folder / "fuzz.md"}, "writes": "fuzz.md", "root": True},
    "disk_kills": {"call": {"kills": 1, "kinds": ("sign",), "page": lambda folder: folder / "fuzz.md"}, "root": True,
                   "writes": "validation/disk_kills.json"},
    "imaging_mutator": {"call": {"cases": 2}, "writes": "validation/imaging_mutator.json", "root": True},
}
NEEDS = {"nuclides_interfaces": "pyradmc"}


def copied(name: str, folder: Path) -> ModuleType:
    """A proof as a module that believes to lie in ``folder``."""
    for path in HERE.glob("*"):
        if path.suffix in (".py", ".json", ".csv"):
            shutil.copy(path, folder)
    return load(folder / f"{name}.py")


def test_every_proof_is_here():
    assert set(TINY) == {path.stem for path in HERE.glob("*.py") if path.name != "run.py"}


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_proof_runs_with_a_tiny_number(name, tmp_path, monkeypatch):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    how = TINY[name]
    folder = tmp_path / "validation"
    for part in ("validation", "docs/images", "src/neorlt/data", "src/neorlt/evidence/data"):
        (tmp_path / part).mkdir(parents=True)
    shutil.copy(HERE.parent / "docs" / "dicom-traps.md", tmp_path / "docs")  # a table of it is written anew
    (tmp_path / "tests").symlink_to(HERE.parent / "tests")  # some take their small study from there
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "argv", [name, *how.get("argv", [])])
    module = copied(name, folder)
    for key, value in how.get("set", {}).items():
        assert hasattr(module, key), f"{name} has no {key} any more"
        monkeypatch.setattr(module, key, value)
    if "first" in how:
        monkeypatch.setattr(module, how["first"], dict([next(iter(getattr(module, how["first"]).items()))]))
    for inner, values in how.get("inner", {}).items():
        for key, value in values.items():
            monkeypatch.setattr(getattr(module, inner), key, value)
    if "root" in how:
        monkeypatch.setattr(module, "ROOT", HERE.parent)
    before = {path: path.stat().st_mtime_ns for path in HERE.glob("*")}
    call = {key: value(tmp_path) if callable(value) else value for key, value in how.get("call", {}).items()}
    main = module.main if hasattr(module, "main") else module.run_validation
    status = main(**call)
    assert isinstance(status, list) or status in (0, 1)
    written = tmp_path / how["writes"] if how.get("writes") and not how.get("any") else None
    if written is not None and written.suffix == ".json":
        json.dumps(json.loads(written.read_text()), allow_nan=False)
    assert written is None or written.stat().st_size > 0
    assert {path: path.stat().st_mtime_ns for path in HERE.glob("*")} == before
