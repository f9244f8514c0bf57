"""Pictures as they are kept: PNG files with their words, so that report, paper and page show the same ones."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neorlt.reporting.figures.dose_picture import describe, draw_picture
from neorlt.reporting.picture import Picture

PICTURES = "pictures"
INDEX = "pictures.json"
_NAME = re.compile(r"[a-z]+-\d+")


@dataclass(frozen=True)
class Drawn:
    """A drawn picture.

    Parameters
    ----------
    name
        File name without its ending, ``dose-1`` or ``contact-1``.
    title, plane, alt
        What it shows, in which plane, and its description for a reader who cannot see it.
    vessel
        The vessel whose contact it shows; empty for dose.
    png
        The file's bytes.

    """

    name: str
    title: str
    plane: str
    alt: str
    vessel: str
    png: bytes


def draw(pictures: Sequence[Picture]) -> list[Drawn]:
    """Draw pictures and number them by what they show."""
    counts: dict[str, int] = {}
    drawn = []
    for picture in pictures:
        kind = "contact" if picture.vessel else "dose"
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{kind}-{counts[kind]}"
        drawn.append(Drawn(name, picture.title, picture.plane, describe(picture), picture.vessel, draw_picture(picture)))
    return drawn


def write_drawn(drawn: Sequence[Drawn], folder: Path) -> None:
    """Write ``NAME.png`` of each into a new folder, and ``pictures.json`` with their words."""
    folder.mkdir(parents=True)
    for one in drawn:
        (folder / f"{one.name}.png").write_bytes(one.png)
    rows = [{key: value for key, value in asdict(one).items() if key != "png"} for one in drawn]
    (folder / INDEX).write_text(json.dumps(rows, indent=1), encoding="utf-8")


def read_drawn(folder: Path) -> list[Drawn]:
    """Read what :func:`write_drawn` wrote; empty where there is no such folder."""
    index = folder / INDEX
    rows = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []
    kept = [row for row in rows if _NAME.fullmatch(str(row.get("name", ""))) and (folder / f"{row['name']}.png").is_file()]
    return [Drawn(**row, png=(folder / f"{row['name']}.png").read_bytes()) for row in kept]
