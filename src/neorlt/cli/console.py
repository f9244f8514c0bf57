"""What the commands share: common options, one JSON document or lines for people, tables, lists of numbers."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.core.errors import InputError
from neorlt.core.manifest import to_json
from neorlt.core.progress import hush

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the results; replaced only if neorlt wrote it.")]
OutOrNone = Annotated[Path | None, typer.Option("--out", help="Folder for report.html and the JSON document.")]
PatientOrNone = Annotated[Path | None, typer.Argument(help="patient.toml (or give --plan).")]
Plan = Annotated[Path | None, typer.Option("--plan", help="Folder of a finished plan: its patient, doses and draws, as they are.")]
Posterior = Annotated[
    Path | None,
    typer.Option("--posterior", help="Folder of neorlt calibrate --with: your centre's own posterior in the place of the shipped one."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of every random number.")]
Draws = Annotated[int, typer.Option(min=50, max=20000, help="Number of joint draws.")]
Strict = Annotated[bool, typer.Option("--strict", help="End with status 3 if a result lies outside a stated validity window.")]
Register = Annotated[str, typer.Option("--register", help="Time points: check (stop if apart), rigid, regions, or off.")]
PsfFwhm = Annotated[float | None, typer.Option("--psf-fwhm-mm", min=0, max=40, help="Blur of the SPECT, full width at half maximum.")]
NoPartialVolume = Annotated[bool, typer.Option("--no-partial-volume", help="Leave blur uncorrected, to see its bias.")]
Previous = Annotated[
    Path | None, typer.Option("--previous", help="Folder of dose or plan of the last cycle: its washout is the prior of this one.")
]
Population = Annotated[Path | None, typer.Option("--population", help="Your own curves, from neorlt kinetics population.")]
Regions = Annotated[
    Path | None,
    typer.Option(
        "--regions", help="NIfTI label map, folder of masks, SEG or RTSTRUCT; takes the place of the study's regions of the same names."
    ),
]
Names = Annotated[Path | None, typer.Option("--names", help="JSON of label numbers to names, or totalsegmentator-v1, -v2 or -mr.")]
InjectedAt = Annotated[
    list[str] | None,
    typer.Option("--injected-at", help="Moment of a therapy injection, 2026-03-02T09:00, where the images do not state it; repeat it."),
]
Cycle = Annotated[int | None, typer.Option("--cycle", min=1, help="Which of several cycles in the folder, by order of injection.")]
Limits = Annotated[list[str] | None, typer.Option("--limits", help="name=value,… or a TOML file with [limits], [decision], [space].")]
Daughters = Annotated[bool, typer.Option("--daughters", help="Count the decays of all daughters too, in place.")]
NuclideFile = Annotated[Path | None, typer.Option("--nuclide-file", help="TOML file of a nuclide of your own.")]
NuclideFiles = Annotated[
    list[Path] | None,
    typer.Option("--nuclide-file", help="TOML file, with [therapy], of a nuclide of your own that is planned with; repeatable."),
]

WIDTH = 80
"""Columns where nobody says how wide the page is."""


def show(document: Mapping[str, Any], as_json: bool, for_people: Callable[[Mapping[str, Any]], None]) -> None:
    """Print the JSON document, or let ``for_people`` print what people read."""
    hush()
    if as_json:
        sys.stdout.write(to_json(document))
    else:
        for_people(document)


def say(*lines: str) -> None:
    """Print lines for people."""
    hush()
    for line in lines:
        sys.stdout.write(line + "\n")


def warn(*texts: str) -> None:
    """Print warnings where they cannot disturb the document."""
    hush()
    for text in texts:
        sys.stderr.write(f"neorlt: warning: {text}\n")


GAP = 2
"""Columns between two columns of a table."""


def width() -> int:
    """Columns of the terminal; :data:`WIDTH` where the output is no terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def fitted_widths(rows: Sequence[Sequence[str]], whole: int) -> list[int]:
    """Width of each column of ``rows`` within ``whole`` columns of text: the widest gives way first, none below its longest word
    while another can.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(1, *(len(cell) for cell in column)) for column in columns]
    words = [max(1, *(len(word) for cell in column for word in (cell.split() or [""]))) for column in columns]
    while sum(widths) > whole and max(widths) > 1:
        able = [i for i, (now, least) in enumerate(zip(widths, words, strict=True)) if now > least] or range(len(widths))
        widths[max(able, key=lambda i: widths[i])] -= 1
    return widths


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print rows under their headers, folded to the page: between words wherever the words of all columns fit beside each other."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    hush()
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    body = [tuple(row) for row in rows]
    widths = fitted_widths([headers, *body], width() - GAP * (len(headers) - 1))
    for header, columns in zip(headers, widths, strict=True):
        made.add_column(header, overflow="fold", width=columns)
    for row in body:
        made.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=width(), soft_wrap=False).print(made)


def outline(document: Mapping[str, Any], *keys: str, depth: int = 0) -> None:
    """Print the named entries of a document (all of them where none is named): values, tables, and parts indented.

    What a command has no better words for; never a raw dictionary.
    """
    margin = "  " * depth
    for key in keys or tuple(document):
        value, name = document.get(key), key.replace("_", " ")
        if isinstance(value, Mapping) and value and not _interval(value):
            say(f"{margin}{name}:")
            outline(value, depth=depth + 1)
        elif _sequence(value) and value and all(isinstance(row, Mapping) for row in value):
            say(f"{margin}{name}:")
            _rows(value, depth + 1)
        elif _sequence(value) and value and any(isinstance(part, str) and len(part) > 30 for part in value):
            say(f"{margin}{name}:")
            for part in value:
                _paragraph(f"{margin}  - ", word(part))
        else:
            _paragraph(f"{margin}{name}: ", word(value))


def _rows(rows: Sequence[Mapping[str, Any]], depth: int) -> None:
    """A table where every cell is short, one part a row elsewhere."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    flat = all(not isinstance(value, Mapping) or _interval(value) for row in rows for value in row.values())
    if flat and len(names) <= 8:
        table([name.replace("_", " ") for name in names], [[word(row.get(name)) for name in names] for row in rows])
        return
    for number, row in enumerate(rows, start=1):
        say(f"{'  ' * depth}{number}.")
        outline(row, depth=depth + 1)


def _sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _interval(value: Any) -> bool:
    return isinstance(value, Mapping) and "ci90" in value and set(value) <= {"median", "mean", "sd", "ci90"}


def word(value: Any) -> str:
    """One value as a person writes it: four figures, an interval in brackets, a dash for what is missing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if _interval(value):
        low, high = value["ci90"]
        return f"{word(value.get('median', value.get('mean')))} ({word(low)} to {word(high)})"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {word(part)}" for key, part in value.items()) or "none"
    if _sequence(value):
        return ", ".join(word(part) for part in value) or "none"
    return str(value)


def _paragraph(lead: str, text: str) -> None:
    import textwrap

    indent = " " * (len(lead) - len(lead.lstrip()) + 2) if lead else ""
    say(*(textwrap.wrap(lead + text, max(width(), 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [lead]))


def sentences(*texts: str) -> None:
    """Print sentences, folded to the page."""
    for text in texts:
        _paragraph("", text)


def say_posterior(document: Mapping[str, Any]) -> None:
    """Print whose posterior the numbers rest on, where it is a centre's own."""
    if document.get("posterior"):
        sentences(document["posterior"]["sentence"])


def read_moments(texts: Iterable[str], option: str) -> list[datetime]:
    """Read moments such as 2026-03-02T09:00.

    Raises
    ------
    InputError
        If one is not a date with a time; names the option.
    """
    found = []
    for text in texts:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise InputError("a moment is not understood", expected="a date and a time", found=text, where=option,
                             remedy="write for example 2026-03-02T09:00") from error
        if len(text.strip()) <= 10:
            raise InputError("a moment needs its time of day", expected="a date and a time", found=text, where=option,
                             remedy="write for example 2026-03-02T09:00")
        found.append(moment)
    return found


def read_numbers(text: str, option: str, example: str = "1,10,100", *, unknown: Sequence[str] = ()) -> list[float]:
    """Read numbers with commas between; one of the words ``unknown`` in the place of a number is none (nan).

    Raises
    ------
    InputError
        If a part is no number; names the option.
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        numbers = [math.nan if part in unknown else float(part) for part in parts]
        understood = all(math.isfinite(number) or part in unknown for part, number in zip(parts, numbers, strict=True))
    except ValueError:
        understood = False
    if not understood:
        expected = "numbers with commas between" + (f", {unknown[0]} where unknown" if unknown else "")
        raise InputError("a list of numbers is not understood", expected=expected, found=text, where=option,
                         remedy=f"write for example {example}")
    return numbers
