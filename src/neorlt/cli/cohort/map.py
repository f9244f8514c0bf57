"""``neorlt cohort map``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, say, sentences, show, table


def command(
    source: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, .xlsx, SPSS, Stata, REDCap, or a folder of SDTM domains.")],
    out: Annotated[Path, typer.Option("--out", help="The map to write (TOML); an existing one is not replaced.")],
    dictionary: Annotated[Path | None, typer.Option("--dictionary", help="REDCap's data dictionary (CSV).")] = None,
    json: Json = False,
) -> None:
    """Propose how a centre's table is read: columns, codes, dates, units, missing values."""
    from neorlt.jobs.cohort import map_command

    show(map_command(source, out, dictionary=dictionary), json, lambda d: _for_people(d, out))


def _for_people(document: Mapping[str, Any], out: Path) -> None:
    table(["column", "read as", "codes, unit, missing", "why"], [
        [c["from"], c["to"] or "(not used)", _details(c), c["why"]] for c in document["columns"]])
    if document["rows"]:
        names = list(document["rows"][0])
        say("", "The first rows as understood:")
        table(["", *(f"row {k}" for k in document["rows_at"])],
              [[name, *(row[name] for row in document["rows"])] for name in names])
    for note in document["notes"]:
        sentences(f"Note: {note}.")
    if document["problems"]:
        say("", f"{len(document['problems'])} question(s) to settle in {out}:")
        for problem in document["problems"]:
            sentences(f"- {problem}")
    say("", f"Map: {out}. Read it, correct it, then: neorlt cohort TABLE --map {out} --out DIR")


def _details(column: Mapping[str, Any]) -> str:
    parts = [f"{code} = {word}" for code, word in column["codes"].items()]
    parts += [f"x {column['factor']:g}"] if column["factor"] != 1 else []
    parts += [f"missing: {', '.join(column['missing'])}"] if column["missing"] else []
    parts += [f"dates {column['dates']}"] if column["dates"] else []
    return "; ".join(parts)
