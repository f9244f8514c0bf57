"""Writing the dataclasses of this room as plain data and reading them back: ``read(kind, plain(x)) == x``."""

from __future__ import annotations

import dataclasses
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
    from pydantic import ValidationError

    try:
        found: Kind = _adapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{kind.__name__.lower()} cannot be read back ({first['msg']})", where=f"{where}, {place}" if place else where,
                         remedy="plan again with this version") from error
    return found
