"""Write the pages that follow from the code: commands from the registry, files from the validators. ``--check`` says whether they do."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from files_page import page as files_page

from neorlt.cli import app
from neorlt.core.offers import offered_names
from neorlt.jobs.registry import CAPABILITIES, COMMANDS, Command

DOCS = Path(__file__).resolve().parent.parent / "docs"
SOURCE = DOCS.parent / "src" / "neorlt"
GENERATED = "<!-- Written by tools/make_docs.py: do not edit. -->\n"


def commands_page() -> str:
    """Every command with every option."""
    root: Any = typer.main.get_command(app)
    lines = [GENERATED, "# Commands\n", _INTRODUCTION]
    for section in dict.fromkeys(row.section for row in COMMANDS):
        lines.append(f"## {section}\n")
        for row in (row for row in COMMANDS if row.section == section):
            lines.extend(_command(row, _find(root, row)))
    return "\n".join(lines).rstrip() + "\n"


_INTRODUCTION = """`--json` prints one JSON document on stdout and nothing else there; warnings go to stderr, and a progress bar
where that is a terminal.

Exit status: 0 done; 2 input or options are wrong (what, where, remedy); 3 done, but a result lies outside a stated validity window and
`--strict` was given; 1 a fault of neorlt (the message says where the details were saved).

`neorlt --version` tells the version, `neorlt COMMAND --help` the options of a command. What the files hold stands in
[files.md](files.md), how a scheme is written in [schemes.md](schemes.md), what the extras bring in [installing.md](installing.md).
"""


def _find(root: Any, row: Command) -> Any:
    found = root
    for word in row.words.split():
        found = found.commands[word]
    return found


def _command(row: Command, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = [f"neorlt {row.words}", *(_argument(p) for p in arguments), *(f"{_option(p)} …" for p in options if p.required), "[OPTIONS]"]
    yield f"### neorlt {row.words}\n"
    yield _cell(inspect.cleandoc(command.help)) + "\n"
    yield f"    {' '.join(usage)}\n"
    yield "| | default | |\n| --- | --- | --- |"
    for parameter in (*arguments, *options):
        name = _argument(parameter) if parameter in arguments else _option(parameter)
        yield f"| `{name}` | {_default(parameter)} | {_cell(parameter.help or '')}{_range(parameter)} |"
    yield ""
    if row.own_options:
        yield from _designs()
    if row.files:
        yield "Its folder holds " + ", ".join(f"`{name}`" for name in row.files) + ".\n"
    if not isinstance(row.page, str):
        yield f"On the [tumour board's page](page.md): {', '.join(f'*{action.text}*' for action in row.page)}.\n"
    if row.extra is not None:
        yield f"Needs the extra `{row.extra}`.\n"


def _designs() -> Iterator[str]:
    from neorlt.trials.designs.catalogue import KINDS, design_options

    yield "Options of each design, with their defaults:\n"
    yield "| design | options |\n| --- | --- |"
    for kind in KINDS:
        texts = [
            f"`--{name.replace('_', '-')}`" + ("" if p.default is inspect.Parameter.empty or p.default is None else f" {p.default}")
            for name, p in design_options(kind).items()
        ]
        yield f"| `{kind}` | {', '.join(texts)} |"
    yield ""


def _argument(parameter: Any) -> str:
    name = str(parameter.name).replace("_", "-").upper()
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> str:
    return str(max(parameter.opts, key=len))


def _default(parameter: Any) -> str:
    if parameter.required:
        return "needed"
    value = parameter.default
    if value is None or value is False or value == "" or callable(value):
        return ""
    return f"`{value}`"


def _range(parameter: Any) -> str:
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if low is None and high is None:
        return ""
    if low is not None and high is not None:
        return f" ({low:,} to {high:,})".replace(",", " ")
    return f" (at least {low:g})" if high is None else f" (at most {high:g})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def installing_extras() -> str:
    """The table of the extras for the page on installing."""
    rows = ["| extra | brings | for |", "| --- | --- | --- |"]
    for able in CAPABILITIES:
        if able.extra is not None:
            commands = [f"`{row.words}`" for row in COMMANDS if row.extra == able.extra]
            what = able.name + (f" ({', '.join(commands)})" if commands else "") + able.also
            rows.append(f"| `{able.extra}` | {', '.join(f'`{m}`' for m in able.modules)} | {what} |")
    return "\n".join(rows) + "\n"


def off_the_page() -> str:
    """The commands that the page leaves to the command line, by the reason."""
    reasons: dict[str, list[str]] = {}
    for row in COMMANDS:
        if isinstance(row.page, str):
            reasons.setdefault(row.page, []).append(f"`{row.words}`")
    return "\n".join(["| why | commands |", "| --- | --- |", *(f"| {why} | {', '.join(names)} |" for why, names in reasons.items())]) + "\n"


def cohort_dictionary() -> str:
    """The data dictionary of a cohort table; scans, vessels and questionnaires as one row each."""
    from neorlt.cohorts.dictionary import FIELDS, FOLLOW_UPS, PATTERNS, VESSELS

    rows = ["| column | what | unit, range or words |", "| --- | --- | --- |"]
    for field in FIELDS:
        name, words = field.name, field.description
        if name.startswith("fu"):
            if not name.startswith("fu1_"):
                continue
            name, words = name.replace("fu1_", "fuK_"), words.replace("scan 1", "scan K") + f" (K from 1 to {FOLLOW_UPS})"
        elif name.endswith("_deg"):
            if not name.startswith(f"{VESSELS[0]}_"):
                continue
            name, words = name.replace(VESSELS[0], "VESSEL", 1), words.replace(VESSELS[0].upper(), "vessel") + f" ({', '.join(VESSELS)})"
        limits = f"{field.low:g} to {field.high:g} {field.unit}".strip() if field.low is not None and field.high is not None else ""
        kind = {"date": "date", "flag": "yes or no"}.get(field.kind, "")
        rows.append(f"| `{name}` | {words} | {', '.join(field.choices) or limits or kind} |")
    rows += [f"| `{name.replace(', ', '`, `')}` | {words} | |" for name, words in PATTERNS]
    return "\n".join(rows) + "\n"


def api_page(room: str) -> str:
    """Every name that a room offers, from its docstring."""
    path = SOURCE / room / "__init__.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    lines = [GENERATED, f"# neorlt.{room}\n", text + "\n"]
    for _, where in sorted(offered_names(str(path)).items()):
        lines.append(f"::: {where.replace(':', '.')}\n    options:\n      heading_level: 2\n")
    return "\n".join(lines).rstrip() + "\n"


def api_index(rooms: list[str]) -> str:
    """The rooms with their first sentence."""
    rows = []
    for room in rooms:
        text = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8"))) or ""
        rows.append(f"| [neorlt.{room}]({room}.md) | {_cell(text.splitlines()[0])} |")
    return "\n".join([GENERATED, "# Python\n", _API, "| room | |\n| --- | --- |", *rows]) + "\n"


_API = """A room of the package names what it offers: `from neorlt.planning import Patient, read_patient`. Names load their module when they
are first asked for, so that `import neorlt` stays quick. What is not listed may change without notice; what a
[command](../commands.md) does is the job of the same name, `from neorlt.jobs import run_plan`.

A module whose main function has its own name is asked for it: `from neorlt.planning.optimise import optimise`,
`from neorlt.response.simulate import simulate`.
"""


def _between(page: str, mark: str, text: str) -> str:
    """Put a generated part between its two marks."""
    start, end = f"<!-- {mark}: written by tools/make_docs.py -->\n", f"<!-- end of {mark} -->"
    head, found, rest = page.partition(start)
    if not found or end not in rest:
        raise ValueError(f"the page has no marks for {mark}")
    return head + start + text + end + rest.partition(end)[2]


def pages() -> dict[Path, Callable[[], str]]:
    """Each generated page and what writes it."""
    installing, cohort, page = DOCS / "installing.md", DOCS / "cohort.md", DOCS / "page.md"
    rooms = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py") if offered_names(str(path)))
    return {
        DOCS / "api" / "index.md": lambda: api_index(rooms),
        **{DOCS / "api" / f"{room}.md": functools.partial(api_page, room) for room in rooms},
        DOCS / "commands.md": commands_page,
        DOCS / "files.md": files_page,
        cohort: lambda: _between(cohort.read_text(encoding="utf-8"), "dictionary", cohort_dictionary()),
        page: lambda: _between(page.read_text(encoding="utf-8"), "commands", off_the_page()),
        installing: lambda: _between(installing.read_text(encoding="utf-8"), "extras", installing_extras()),
    }


def main() -> int:
    stale = []
    for path, write in pages().items():
        text = write()
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        print(f"not what the code gives: {', '.join(stale)}; run tools/make_docs.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
