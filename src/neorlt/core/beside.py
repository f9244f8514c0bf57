"""README.txt of a folder of results: what other programs make of the files in it.

The sentences and the readers they name come from ``data/outside_readers.json``, which ``make compat`` measures and writes; the whole table
stands in ``docs/who-reads-what.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from textwrap import fill
from typing import Any

from neorlt.core.tables import read_json

README_FILE = "README.txt"
WIDTH = 100


def readme(files: Iterable[str]) -> str | None:
    """Return the text for a folder that holds ``files`` (paths below it), or None where nothing is to be said of them."""
    table: dict[str, Any] = read_json("core", "outside_readers.json")
    versions = {row["name"]: row["version"] for row in table["readers"]}
    of_kind: dict[str, list[str]] = {row["kind"]: [] for row in table["kinds"]}
    for name in sorted(files):
        # By the file's name, or by the end of its path where the pattern has a folder in it; the first kind that knows it.
        known = (row["kind"] for row in table["kinds"] if any(PurePosixPath(name).match(pattern) for pattern in row["files"]))
        if (kind := next(known, None)) is not None:
            of_kind[kind].append(name)
    blocks = []
    for row in table["kinds"]:
        mine = of_kind[row["kind"]]
        said = [
            f"{', '.join(one['readers'])}: {one['text']}." for one in table["warnings"] if one["kind"] == row["kind"]
        ]
        if "always" in row:
            said.append(row["always"])
        if mine and said:
            lines = [*mine, _filled(f"{row['title'][:1].upper()}{row['title'][1:]}.", "  ", "  ")]
            blocks.append("\n".join([*lines, *(_filled(line, "  - ", "    ") for line in said)]))
    if not blocks:
        return None
    spoken = sorted({reader for one in table["warnings"] for reader in one["readers"]}, key=str.lower)
    head = (
        "What other programs make of the files in this folder, measured on files of the same kinds with known content. "
        "Programs that are not named read them right, or were not asked."
    )
    foot = f"Measured on {table['date']} with " + ", ".join(f"{name} {versions[name]}" for name in spoken) + (
        ". The whole table: docs/who-reads-what.md of neorlt."
    )
    return "\n\n".join([_filled(head), *blocks, _filled(foot)]) + "\n"


def _filled(text: str, first: str = "", rest: str = "") -> str:
    return fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)
