"""``neorlt grade``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show, table


def command(
    words: Annotated[list[str] | None, typer.Argument(help="A rule (see --list) and its inputs as name=value; unknown is a value.")] = None,
    ki67_pct: Annotated[str | None, typer.Option("--ki67-pct", help="Ki-67 in per cent.")] = None,
    mitoses: Annotated[str | None, typer.Option("--mitoses", help="Mitoses per 2 mm².")] = None,
    list_rules: Annotated[bool, typer.Option("--list", help="List every rule with its inputs.")] = False,
    json: Json = False,
) -> None:
    """Class by one rule of the field: the WHO grade, or any rule of --list.

    For example: grade --ki67-pct 5 · grade popf amylase_ratio=9 postoperative_day=4 drain_weeks=1
    """
    from neorlt.jobs.rules import grade_command, list_command

    if list_rules:
        show(list_command(), json, lambda d: table(
            ["rule", "gives", "inputs", "version"], [[r["rule"], r["gives"], ", ".join(r["inputs"]), r["version"]] for r in d["rules"]]))
        return
    given = list(words or [])
    key = given.pop(0) if given and "=" not in given[0] else None
    given += [f"ki67_pct={ki67_pct}"] if ki67_pct is not None else []
    given += [f"mitoses_per_2mm2={mitoses}"] if mitoses is not None else []
    show(grade_command(key, given), json, outline)
