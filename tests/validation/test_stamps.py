"""Committed results belong to the code and the data that they were made by: a stale stamp fails here, not unnoticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from by_path import load

ROOT = Path(__file__).resolve().parents[2]
REMEDY = "run `python validation/{name}.py` again and commit what it writes"


def sha256(*paths: str) -> str:
    return hashlib.sha256(b"".join((ROOT / path).read_bytes() for path in paths)).hexdigest()


def test_the_book_of_the_response_model_is_of_this_model():
    book = load(ROOT / "validation" / "response_book.py")
    written = json.loads((ROOT / "src/neorlt/data/validation.json").read_text(encoding="utf-8"))
    now = book.stamp()
    moved = [key for key, value in now["tables"].items() if written["stamp"]["tables"].get(key) != value]
    assert written["stamp"] == now, f"stale ({moved or 'data sets'}): " + REMEDY.format(name="response_book")
    sets = {path.stem.removeprefix("response_"): json.loads(path.read_text()) for path in (ROOT / "validation").glob("response_*.json")}
    assert {name for name, held in sets.items() if "check" in held} <= {row["name"] for row in written["results"]}


def test_noise_against_doubt_is_of_these_points():
    written = json.loads((ROOT / "validation/planning_noise.json").read_text(encoding="utf-8"))
    now = load(ROOT / "validation" / "planning_noise.py").stamp()
    assert written["points_sha256"] == now, REMEDY.format(name="planning_noise")


def test_pooled_coverage_is_of_these_methods():
    folder = "src/neorlt/evidence/pooling"
    written = json.loads((ROOT / "src/neorlt/evidence/data/pooling_by_k.json").read_text(encoding="utf-8"))
    now = sha256(*(f"{folder}/{name}.py" for name in ("bayes", "betabinomial", "glmm", "twostage")))
    assert written["methods_sha256"] == now, REMEDY.format(name="evidence_pooling_by_k")
    written = json.loads((ROOT / "validation/evidence_pooling_coverage.json").read_text(encoding="utf-8"))
    assert written["likelihood_sha256"] == sha256(f"{folder}/glmm.py"), REMEDY.format(name="evidence_pooling_coverage")
    assert written["pool_sha256"] == sha256(f"{folder}/pool.py"), REMEDY.format(name="evidence_pooling_coverage") + " (--recheck is enough)"
