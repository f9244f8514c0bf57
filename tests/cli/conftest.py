"""The files of :mod:`doors`, made once."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("made", Path(__file__).with_name("made.py"))
assert _spec is not None and _spec.loader is not None
files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(files)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name to path."""
    found: dict[str, Path] = files.make(tmp_path_factory.mktemp("doors"))
    return found


@pytest.fixture
def fresh(made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The same files; the review is this test's own, since commands write into it, and so are the registries of nuclides."""
    from neorlt.nuclides import nuclide, therapy

    monkeypatch.setattr(therapy, "_USER", {})
    monkeypatch.setattr(nuclide, "_USER", {})
    own = tmp_path / "review"
    shutil.copytree(made["review"], own)
    return made | {"review": own}
