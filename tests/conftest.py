"""Studies that several tests read: written once a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from neorlt.phantoms.example import write_example

# How long an example takes says something of the machine, nothing of the code: cost stands in benchmarks/.
settings.register_profile("neorlt", deadline=None)
settings.load_profile("neorlt")


@pytest.fixture(scope="session")
def christie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the christie example: ``study/``, ``patient.toml``, ``truth.json``."""
    folder = tmp_path_factory.mktemp("christie") / "example"
    write_example("christie", folder, seed=1)
    return folder
