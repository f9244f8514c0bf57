"""What is given by name is given once: of two values that differ neither may win in silence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from neorlt.core.errors import InputError


def once(pairs: Iterable[tuple[str, Any]], where: str | None = None) -> dict[str, Any]:
    """The pairs by name.

    Raises
    ------
    InputError
        If a name stands twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InputError(f"{name} is given twice", expected="one value", found=f"{found[name]} and {value}", where=where,
                             remedy="leave one of them out")
        found[name] = value
    return found
