"""Marrow on one page: blood, remainder, vertebrae and their disagreement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.dosimetry.marrow import ABSORBED_FRACTION, is_vertebra
from neorlt.imaging.study import Study
from neorlt.jobs import marrow as job
from neorlt.jobs import study as study_job


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    file = tmp_path / "blood.csv"
    rows = [f"{t},{100.0 * 2 ** (-t / 3.0) + 8.0 * 2 ** (-t / 40.0)}" for t in (0.5, 2.0, 6.0, 24.0, 72.0)]
    file.write_text("time_h,kbq_per_ml\n" + "\n".join(rows))
    return file


def _with(monkeypatch: pytest.MonkeyPatch, study: Study) -> None:
    monkeypatch.setattr(study_job, "read_aligned", lambda *_: (study, []))


def test_three_methods_side_by_side(study: Study, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bone = replace(study.organs()[0], name="vertebra L2")
    _with(monkeypatch, replace(study, regions=tuple(bone if r.name == study.organs()[0].name else r for r in study.regions)))
    document = job.marrow_command(tmp_path, tmp_path / "out", blood=samples, haematocrit=0.43, n_draws=200)
    rows = {row["method"]: row for row in document["methods"]}
    assert set(rows) == {"remainder", "blood", "blood and remainder", "vertebra vertebra L2"}
    # by hand: a third of the blood's 100·3/ln 2 + 8·40/ln 2 kBq·h/ml, 147 keV, 0.57 to 1 of it kept
    area = (100.0 * 3.0 + 8.0 * 40.0) / np.log(2.0) / 1000.0
    whole = area / 3.0 * 3.6e9 * 0.147 * 1.602176634e-13 / 1.03e-3
    assert rows["blood"]["dose_gy"]["median"] == pytest.approx(0.785 * whole, rel=0.12)
    assert rows["blood"]["dose_gy"]["ci90"][1] < 1.15 * whole
    assert rows["blood and remainder"]["dose_gy"]["median"] > rows["blood"]["dose_gy"]["median"]
    assert document["vertebrae_over_blood"] > 1.0
    page = (tmp_path / "out" / "marrow.md").read_text()
    assert "disagree several-fold" in page and "| blood |" in page
    assert document["absorbed_fraction"]["label"] == "assumption" and "0.57 to 1, assumption: even between 0.57" in page


def test_the_lower_end_of_the_absorbed_fraction_is_what_its_source_says() -> None:
    """S-values of 177Lu, mGy/(MBq s), and masses of man and woman as PyTheranostics transcribes OLINDA's; the liver keeps nearly all."""
    electron_j_per_mbq_s = 1e6 * 0.147 * 1.602176634e-13
    for marrow, marrow_kg, liver, liver_kg in ((1.15e-5, 1.170, 1.37e-5, 1.800), (1.49e-5, 0.900, 1.76e-5, 1.400)):
        assert ABSORBED_FRACTION[0] == pytest.approx(marrow / 1000.0 * marrow_kg / electron_j_per_mbq_s, abs=0.005)
        assert 1.0 < liver / 1000.0 * liver_kg / electron_j_per_mbq_s < 1.06  # photons of its own beside all electrons
    assert ABSORBED_FRACTION[1] == 1.0


def test_what_lacks_is_said(study: Study, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, study)
    with pytest.raises(InputError, match="haematocrit"):
        job.marrow_command(tmp_path, tmp_path / "out", blood=samples)
    with pytest.raises(InputError, match="nothing speaks of the marrow"):
        job.marrow_command(tmp_path, tmp_path / "out", n_draws=50)
    samples.write_text("time_h,kbq_per_ml\n1,2\n")
    with pytest.raises(InputError, match="too few"):
        job.read_samples(samples, "Lu-177")
    samples.write_text("hours,x\n1,2\n")
    with pytest.raises(InputError, match="lacks a column .*time_h,kbq_per_ml"):
        job.read_samples(samples, "Lu-177")


def test_names_of_vertebrae() -> None:
    assert all(is_vertebra(name) for name in ("vertebra-L3", "L2", "lumbar spine", "red marrow", "T12"))
    assert not any(is_vertebra(name) for name in ("liver-1", "kidney-left", "primary", "node-2"))
