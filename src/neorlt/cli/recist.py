"""``neorlt recist``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, read_numbers, show
from neorlt.core.errors import InputError

_UNKNOWN = ("?", "", "unknown", "nan")


def command(
    sums: Annotated[str, typer.Option("--sums", help="Sums of the targets' diameters in mm, baseline first; ? where not measured.")],
    weeks: Annotated[str | None, typer.Option("--weeks", help="Week of each follow-up after baseline.")] = None,
    new: Annotated[str | None, typer.Option("--new", help="New lesion at each follow-up: yes, no or ?. Not given is unknown.")] = None,
    gone: Annotated[str | None, typer.Option("--gone", help="Every target gone, nodes below 10 mm: yes, no or ?.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Responses need confirmation after 4 weeks.")] = False,
    stable_weeks: Annotated[float, typer.Option("--stable-weeks", min=0, help="Least week of stable disease.")] = 6.0,
    json: Json = False,
) -> None:
    """Response by RECIST 1.1 over a series of sums of diameters."""
    from neorlt.jobs.rules import recist_command

    document = recist_command(
        read_numbers(sums, "--sums", "50,30,25", unknown=_UNKNOWN),
        None if weeks is None else read_numbers(weeks, "--weeks", "8,16,24", unknown=_UNKNOWN),
        new_lesion=_flags(new, "--new"), targets_gone=_flags(gone, "--gone"), confirm=confirm, stable_weeks=stable_weeks,
    )
    show(document, json, outline)


def _flags(text: str | None, option: str) -> list[bool | None] | None:
    from neorlt.clinic.rules import TRUTHS

    if text is None:
        return None
    words = [part.strip().lower() for part in text.split(",")]
    wrong = [word for word in words if word not in TRUTHS]
    if wrong:
        raise InputError("a list of flags is not understood", expected="yes, no or ? with commas between", found=", ".join(wrong),
                         where=option, remedy="write for example no,no,yes")
    return [TRUTHS[word] for word in words]
