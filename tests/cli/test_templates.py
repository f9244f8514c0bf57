"""Templates are read back by the validators, hold every key that these know, and none that they do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from by_path import load

from neorlt.core.errors import InputError
from neorlt.evidence.review.protocol import read_protocol
from neorlt.jobs.new import KINDS, keys, new_command, read_back, template

files_page = load(Path(__file__).parents[2] / "tools" / "files_page.py")
TOML = tuple(files_page.PAGES)


@pytest.mark.parametrize("name", [*TOML, "names.json"])
def test_a_template_is_read_as_it_is(name, tmp_path):
    assert read_back(name, template(name), tmp_path)


@pytest.mark.parametrize("name", TOML)
def test_every_line_that_is_left_out_can_be_stated(name, tmp_path):
    """Neighbouring lines belong together; each such part is stated alone."""
    lines = template(name).splitlines()
    statements = [bool(re.match(r"# (\[|[A-Za-z_0-9\"][^=]* = )", line)) for line in lines]
    starts = [i for i, is_one in enumerate(statements) if is_one and (i == 0 or not statements[i - 1])]
    for start in starts:
        end = next((i for i in range(start, len(lines)) if not statements[i]), len(lines))
        part = [line.removeprefix("# ") for line in lines[start:end]]
        text = "\n".join([*lines[:start], *part, *lines[end:]])
        try:
            read_back(name, _instead(text), tmp_path)
        except InputError as error:
            raise AssertionError("\n".join(part)) from error


def _instead(text: str) -> str:
    """Keys that are stated instead of another take its place."""
    if "\nactivity_gbq_per_m2" in text:
        text = text.replace('activity_gbq = { "Lu-177" = 7.4 }          # GBq by', "# GBq by")
    return text.replace('use = ["model", "null"]', 'use = ["model", "null", "hoped"]') if "\n[scenario.effects.hoped]" in text else text


@pytest.mark.parametrize("name", TOML)
def test_a_template_holds_every_key(name):
    tables = {key.table for key in keys(name)}
    for table in sorted(tables):
        known = files_page.known_keys(name, table)
        parts = {other.removeprefix(table).lstrip(".").split(".")[0] for other in tables if other != table and other.startswith(table)}
        written = {key.name for key in keys(name) if key.table == table} | parts
        if table in ("values", "roles"):  # a list of its own in the page; names of regions
            assert written <= known or table == "roles"
        else:
            assert written - {""} == known, table


def test_new_writes_and_never_overwrites(tmp_path):
    for kind in KINDS:
        for path in new_command(kind, tmp_path / kind)["files"]:
            assert Path(path).is_file()
        with pytest.raises(InputError):
            new_command(kind, tmp_path / kind)
    assert read_protocol(tmp_path / "review").queries
    with pytest.raises(InputError, match="no template"):
        new_command("report", tmp_path)
