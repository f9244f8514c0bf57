"""Every door in every state: each command, as text and as JSON, with each input left out, with each extra absent.

Generated from the registry and :mod:`doors`: a command without a row there fails. In one process; a job that has run with the same
arguments is not run again for the other form of its document.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import importlib
import importlib.util
import inspect
import io
import itertools
import json
import pkgutil
import shlex
import socket
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from by_path import load

import neorlt.jobs
from neorlt.cli.app import run
from neorlt.jobs.registry import CAPABILITIES, COMMANDS

doors = load(Path(__file__).with_name("doors.py"))
DOORS, NOT_RUN = doors.DOORS, doors.NOT_RUN

ENDS = {0, 2, 3}
EXTRAS = {able.extra: able.modules for able in CAPABILITIES if able.extra is not None}
IN_BASE = {"defusedxml", "sklearn"}
MODULES = {module: extra for extra, modules in EXTRAS.items() for module in modules if module not in IN_BASE}
WIDE = 80
AWAY = False
"""Whether an extra has been taken away: then nothing is remembered."""


def optional_inputs(words: str) -> set[str]:
    """Parameters of a command that may be left out and then are not there: those whose default is None."""
    row = next(row for row in COMMANDS if row.words == words)
    command = importlib.import_module(row.module).command
    return {name for name, parameter in inspect.signature(command).parameters.items() if parameter.default is None}


def test_every_command_has_its_row():
    assert set(DOORS) | set(NOT_RUN) == {row.words for row in COMMANDS}


@pytest.mark.parametrize("words", sorted(DOORS))
def test_the_row_names_every_input_that_may_be_absent(words):
    assert set(DOORS[words].optional) == optional_inputs(words)


def states(words: str) -> Iterator[tuple[str, str]]:
    """(what is absent, the words): nothing, each input, all of them."""
    door = DOORS[words]
    absent: list[tuple[str, set[str]]] = [("nothing", set()), *((name, {name}) for name in door.optional)]
    if len(door.optional) > 1:
        absent.append(("all", set(door.optional)))
    for name, left_out in absent:
        given = " ".join(text for key, text in door.optional.items() if key not in left_out)
        yield name, f"{words} {given} {door.needed}"


class Speaker:
    """Runs a command and keeps what it said; counts the modules of extras that it asked for."""

    def __init__(self, files: dict[str, Path], folder: Path) -> None:
        self.files, self.folder, self.number = files, folder, 0
        self.asked: set[str] = set()

    def say(self, line: str, *, same: bool = False) -> tuple[int, str, str]:
        if not same:
            self.number += 1
        texts = {name: str(path) for name, path in self.files.items()} | {"new": str(self.folder / f"out-{self.number}")}
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(shlex.split(line.format(**texts)))
        return status, out.getvalue(), err.getvalue()


@pytest.fixture
def once(monkeypatch):
    """Jobs run once for the same arguments: the text after the JSON shows the same document."""
    for found in ["phantoms.example", *(f"jobs.{info.name}" for info in pkgutil.iter_modules(neorlt.jobs.__path__))]:
        module = importlib.import_module(f"neorlt.{found}")
        for name, function in list(vars(module).items()):
            if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
                if "-> dict" in f"{inspect.signature(function)}".replace("'", "") or name.endswith("_command"):
                    monkeypatch.setattr(module, name, remembered(function))


def remembered(function: typing.Callable[..., typing.Any]) -> typing.Callable[..., typing.Any]:
    held: dict[str, typing.Any] = {}

    def wrapper(*args, **options):
        if AWAY:
            return function(*args, **options)
        key = repr((args, sorted(options.items())))
        if key not in held:
            held[key] = function(*args, **options)
        return copy.deepcopy(held[key])

    return wrapper


_look_up = socket.getaddrinfo


def _only_here(host, *rest, **more):
    """No test asks a server of the world."""
    if host not in ("127.0.0.1", "localhost", b"127.0.0.1"):
        raise socket.gaierror(f"{host} is not asked in a test")
    return _look_up(host, *rest, **more)


@pytest.fixture
def asked(monkeypatch) -> set[str]:
    """Extras whose modules something asks for."""
    found: set[str] = set()
    real = builtins.__import__

    def seen(name, *rest, **more):
        extra = MODULES.get(name.partition(".")[0])
        if extra is not None:
            found.add(extra)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", seen)
    return found


def judge(words: str, absent: str, line: str, form: str, status: int, out: str, err: str) -> list[str]:
    """What is wrong with an answer."""
    what = f"{form}, without {absent}: {line}"
    wrong = []
    if status not in ENDS:
        return [f"{what}\n  ended with {status}: {err[-300:]}"]
    if absent == "nothing" and status != DOORS[words].expected:
        wrong.append(f"{what}\n  ended with {status}, expected {DOORS[words].expected}: {err[-300:]}")
    if status == 2:
        if not err.startswith("neorlt: ") or "error: " not in err:
            wrong.append(f"{what}\n  no sentence says what is wrong: {err[-300:]}")
        return wrong
    if form == "JSON":
        try:
            json.loads(out)
        except ValueError as error:
            wrong.append(f"{what}\n  not one JSON document: {error}: {out[:200]}")
        return wrong
    if "{'" in out or "': " in out:
        wrong.append(f"{what}\n  a raw dictionary: {out[:300]}")
    wide = [text for text in out.splitlines() if len(text) > WIDE and len(max(text.split(), key=len)) < WIDE // 2]
    if wide:
        wrong.append(f"{what}\n  wider than {WIDE} columns: {wide[0]}")
    if not out.strip():
        wrong.append(f"{what}\n  nothing is said")
    return wrong


@pytest.mark.parametrize("words", sorted(DOORS))
def test_every_door_in_every_state(words, fresh, tmp_path, once, asked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # a server that is not there need not be waited for
    monkeypatch.setattr("socket.getaddrinfo", _only_here)
    speaker, wrong = Speaker(fresh, tmp_path), []
    for absent, line in states(words):
        for form, more in (("JSON", " --json"), ("text", "")):
            status, out, err = speaker.say(line + more, same=form == "text")
            wrong += judge(words, absent, line, form, status, out, err)
    # Each extra that was asked for is taken away; one that nothing asked for cannot be missed.
    row = next(row for row in COMMANDS if row.words == words)
    lines = [line for absent, line in states(words) if absent in ("nothing", "all")]
    for extra in sorted(asked | ({row.extra} - {None})):
        with pytest.MonkeyPatch.context() as patch:
            without(patch, EXTRAS[extra])
            patch.setattr(sys.modules[__name__], "AWAY", True)
            for line, (form, more) in itertools.product(lines, (("JSON", " --json"), ("text", ""))):
                status, out, err = speaker.say(line + more)
                if status not in ENDS:
                    wrong.append(f"{form}, without the extra {extra}: {line}\n  ended with {status}: {err[-300:]}")
            if row.extra == extra and (status != 2 or f"the extra {extra}; install that with: python -m pip install" not in err):
                wrong.append(f"without the extra {extra}: {line}\n  the remedy is not said ({status}): {err[-300:]}")
    assert not wrong, "\n".join(wrong)


def without(patch: pytest.MonkeyPatch, modules: typing.Iterable[str]) -> None:
    """Make these modules, and what is loaded of them, absent."""
    for name in [*sys.modules, *modules]:
        if name.partition(".")[0] in modules and name.partition(".")[0] not in IN_BASE:
            patch.setitem(sys.modules, name, None)


def test_calibrate_without_its_extra(tmp_path, monkeypatch):
    without(monkeypatch, EXTRAS["calibrate"])
    status, _, err = Speaker({}, tmp_path).say("calibrate --out {new}")
    assert status == 2 and "the extra calibrate; install that with: python -m pip install '" in err
    assert list(tmp_path.iterdir()) == []


def test_serve_without_its_extra(tmp_path, monkeypatch):
    without(monkeypatch, EXTRAS["web"])
    status, _, err = Speaker({}, tmp_path).say("serve --cases {new}")
    assert status == 2 and "the extra web; install that with: python -m pip install '" in err


def test_extras_are_loaded_where_they_are_used_only():
    """So that their absence is met where the remedy is said, never by an import at the top of a room."""
    import ast

    source = Path(neorlt.jobs.__file__).parents[1]
    top = {
        f"{path.relative_to(source)}: {name}"
        for path in source.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if MODULES.get(name.partition(".")[0]) is not None
    }
    # the page's own modules are loaded by `serve` after it has looked for FastAPI
    assert {text for text in top if not text.startswith("web/")} == set()
