"""What states the version states one version: the package, CITATION.cff, CHANGELOG.md, and the page on upgrading."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
HEADINGS = re.findall(r"^## (\S+)(?: \((.+)\))?$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
RELEASED = [(Version(name), date.fromisoformat(when)) for name, when in HEADINGS if when != "unreleased"]


@pytest.fixture(scope="module")
def version() -> Version:
    """What the command answers."""
    code = "import sys; from neorlt.cli import main; sys.exit(main())"
    said = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("neorlt ")
    return Version(said.split()[1])


def test_the_changelog_goes_from_the_newest_to_the_oldest():
    names = [Version(name) for name, _ in HEADINGS]
    assert names == sorted(set(names), reverse=True)
    assert [when for _, when in RELEASED] == sorted((when for _, when in RELEASED), reverse=True)
    assert all(when != "unreleased" for _, when in HEADINGS[1:])


def test_the_program_is_the_newest_entry_of_the_changelog(version):
    name, when = HEADINGS[0]
    assert version.base_version == name
    assert version.is_prerelease == (when == "unreleased")


def test_what_is_cited_is_the_newest_release():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (Version(cited["version"]), cited["date-released"]) == RELEASED[0]


def test_the_page_on_upgrading_leads_to_this_version(version):
    page = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
    old, new = Version(HEADINGS[1][0]), version
    assert page.startswith(f"# From {old.major}.{old.minor} to {new.major}.{new.minor}\n")
    rows = json.loads((ROOT / "tests" / "golden" / "values.json").read_text(encoding="utf-8"))["values"]
    found = re.search(r"one of (\d+) golden\s+values", page)
    assert found is not None
    assert int(found.group(1)) == len(rows)
