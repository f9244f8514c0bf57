"""One registry: every command of it is on the command line, and nothing else is."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neorlt import __version__, cli
from neorlt.cli import app
from neorlt.jobs.registry import COMMANDS, GROUPS

FOLDER = Path(cli.__file__).parent


def test_every_file_with_a_command_is_registered():
    found = {
        ".".join(["neorlt", "cli", *path.relative_to(FOLDER).with_suffix("").parts])
        for path in FOLDER.rglob("*.py")
        if "\ndef command(" in path.read_text()
    }
    assert found == {row.module for row in COMMANDS}
    assert {row.group for row in COMMANDS} - {None} == set(GROUPS)


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.words)
def test_every_command_has_help_and_a_sentence(row):
    result = CliRunner().invoke(app, [*row.words.split(), "--help"])
    assert result.exit_code == 0
    first = inspect.getdoc(importlib.import_module(row.module).command).splitlines()[0]
    assert first.endswith(".") or first.endswith("TOML)")


def test_the_version_is_told():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"neorlt {__version__}\n")
