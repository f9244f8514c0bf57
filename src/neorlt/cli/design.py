"""``neorlt design``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, outline, say, show
from neorlt.core.errors import InputError
from neorlt.core.pairs import once


def command(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="simon, exact, two-arm, group-sequential, survival, predictive or safety.")],
    plots: Annotated[Path | None, typer.Option("--plots", help="Folder for pictures of the operating characteristics.")] = None,
    json: Json = False,
) -> None:
    """Sample size and boundaries: simon, exact, two-arm, group-sequential, survival, predictive, safety.

    Options are those of the design, for example: design simon --p0 0.1 --p1 0.3 --alpha 0.1 --beta 0.1

    What progression or a lower grade is counted by noise alone stands below; --visits 4 and --reader-sd-pct 7 set the readings.
    """
    from neorlt.jobs.design import design_command, write_pictures

    options = read_options(context.args)
    document = design_command(kind, **options)
    if plots is not None:
        write_pictures(plots, document, **options)
    show(document, json, lambda d: _for_people(d, plots))


def _for_people(document: Mapping[str, Any], plots: Path | None) -> None:
    outline(document)
    if plots is not None:
        say(f"Pictures: {plots}")


def read_options(words: list[str]) -> dict[str, Any]:
    """Read ``--name value`` pairs; numbers become numbers.

    Raises
    ------
    InputError
        If a word is no option, an option has no value, or stands twice.
    """
    found: list[tuple[str, Any]] = []
    rest = list(words)
    while rest:
        name = rest.pop(0)
        name, _, value = name.partition("=")
        if not name.startswith("--") or not (value or rest):
            raise InputError("an option is not understood", expected="--name value", found=name, remedy="give each option with its value")
        text = value or rest.pop(0)
        found.append((name[2:].replace("-", "_"), _number(text)))
    return once(found)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
