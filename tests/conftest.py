"""What every test finds: registries as they are shipped, and studies that several read, written once a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from neorlt.nuclides import nuclide, therapy
from neorlt.phantoms.example import write_example

# How long an example takes says something of the machine, nothing of the code: cost stands in benchmarks/.
settings.register_profile("neorlt", deadline=None)
settings.load_profile("neorlt")


@pytest.fixture(autouse=True)
def forget_nuclides(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Registries of nuclides as another process knows them that has read no file; called, they are forgotten again within a test."""

    def forget() -> None:
        monkeypatch.setattr(nuclide, "_USER", {})
        monkeypatch.setattr(therapy, "_USER", {})

    forget()
    return forget


@pytest.fixture(scope="session")
def christie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the christie example: ``study/``, ``patient.toml``, ``truth.json``."""
    folder = tmp_path_factory.mktemp("christie") / "example"
    write_example("christie", folder, seed=1)
    return folder
