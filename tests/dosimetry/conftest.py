"""Fixtures that are made once: the small synthetic study and its doses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_study import make_study

from neorlt.dosimetry.compute import DoseResult, compute_doses
from neorlt.imaging.study import Study


@pytest.fixture(scope="session")
def study() -> Study:
    """Synthetic study with noise."""
    return make_study(seed=4)


@pytest.fixture(scope="session")
def result(study: Study) -> DoseResult:
    """Its doses with the kernel."""
    return compute_doses(study, seed=1, n_draws=400)
