"""What the doors of the command line share: common options, one JSON document or lines for people, lists of numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.core.errors import InputError
from neorlt.core.manifest import to_json

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the results; replaced only if neorlt wrote it.")]
Seed = Annotated[int, typer.Option(help="Seed of every random number.")]


def show(document: Mapping[str, Any], as_json: bool, for_people: Callable[[Mapping[str, Any]], None]) -> None:
    """Print the JSON document, or let ``for_people`` print what people read."""
    if as_json:
        sys.stdout.write(to_json(document))
    else:
        for_people(document)


def say(*lines: str) -> None:
    """Print lines for people."""
    for line in lines:
        sys.stdout.write(line + "\n")


def warn(text: str) -> None:
    """Print a warning where it cannot disturb the document."""
    sys.stderr.write(f"neorlt: warning: {text}\n")


def read_numbers(text: str, option: str, example: str = "1,10,100") -> list[float]:
    """Read numbers with commas between.

    Raises
    ------
    InputError
        If a part is no number; names the option.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError("a list of numbers is not understood", expected="numbers with commas between", found=text, where=option,
                         remedy=f"write for example {example}") from error
