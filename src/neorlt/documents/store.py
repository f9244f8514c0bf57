"""Writing the dataclasses of this room as plain data and reading them back: ``read(kind, plain(x)) == x``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypeVar

from neorlt.core.errors import InputError

Kind = TypeVar("Kind")


def plain(thing: Any) -> Any:
    """A dataclass of this room as JSON-ready data."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {field.name: plain(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
    if isinstance(thing, dict):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [plain(value) for value in thing]
    return thing


_adapters: dict[Any, Any] = {}


def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def read(kind: type[Kind], data: Any, where: str) -> Kind:
    """Read what :func:`plain` wrote.

    Raises
    ------
    InputError
        If a value is missing, of another type, or refused by the object itself; with the place.
    """
    found: Kind = validated(_adapter(kind).validate_python, data, f"{kind.__name__.lower()} cannot be read back", where,
                            "plan again with this version")
    return found


def validated(make: Callable[[Any], Kind], data: Any, problem: str, where: str, remedy: str, expected: str | None = None) -> Kind:
    """What pydantic's ``make`` reads from plain data; what it refuses first is told with its place.

    Raises
    ------
    InputError
        With ``problem``, what is wrong in brackets, and the remedy.
    """
    from pydantic import ValidationError

    try:
        return make(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{problem} ({first['msg']})", expected=expected, where=f"{where}, {place}" if place else where,
                         remedy=remedy) from error


def parsed(text: str, problem: str, where: str, remedy: str) -> Any:
    """The content of a JSON text.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(problem, where=where, remedy=remedy) from error
