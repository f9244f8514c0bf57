"""What a room offers by its own name, loaded when it is asked for: ``from neorlt.planning import Patient``."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def offered_names(file: str) -> dict[str, str]:
    """Name to module, as the ``if TYPE_CHECKING:`` block of a room's ``__init__.py`` states them, once for people, checkers and us."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {
        alias.asname or alias.name: f"{statement.module}:{alias.name}"
        for block in blocks
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


def offers(room: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a room (PEP 562): imports a name's module when the name is first asked for."""

    def get(name: str) -> Any:
        if not name.startswith("_"):
            file = sys.modules[room].__file__
            assert file is not None
            where = offered_names(file).get(name)
            if where is not None:
                module, _, original = where.partition(":")
                value = getattr(importlib.import_module(module), original)
                setattr(sys.modules[room], name, value)
                return value
        raise AttributeError(f"module {room!r} has no attribute {name!r}")

    return get
