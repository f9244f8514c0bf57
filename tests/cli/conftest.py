"""The files of :mod:`doors`, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from by_path import load

files = load(Path(__file__).with_name("made.py"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name to path."""
    found: dict[str, Path] = files.make(tmp_path_factory.mktemp("doors"))
    return found


@pytest.fixture
def fresh(made: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """The same files; the review is this test's own, since commands write into it."""
    own = tmp_path / "review"
    shutil.copytree(made["review"], own)
    return made | {"review": own}
