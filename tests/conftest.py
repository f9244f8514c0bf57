"""Studies that several tests read: written once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from neorlt.phantoms.example import write_example


@pytest.fixture(scope="session")
def christie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the christie example: ``study/``, ``patient.toml``, ``truth.json``."""
    folder = tmp_path_factory.mktemp("christie") / "example"
    write_example("christie", folder, seed=1)
    return folder
