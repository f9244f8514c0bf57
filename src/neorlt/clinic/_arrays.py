"""What every rule shares: the array namespace of its input, and the guard in front of unchecked rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from neorlt.core.errors import InputError

ROUNDING = 1e-6
"""Relative slack of a comparison: wider than float32 rounding, far narrower than any measurement."""


def namespace(*values: Any) -> Any:
    """``jax.numpy`` where a jax array is among the values, else ``numpy``."""
    for value in values:
        if type(value).__module__.partition(".")[0] in ("jax", "jaxlib"):
            import jax.numpy as jnp

            return jnp
    return np


def floats(xp: Any, value: Any) -> Any:
    """The value as an array of floats; None becomes NaN."""
    array = xp.asarray(np.nan if value is None else value)
    return array if array.dtype.kind == "f" else array.astype(float)


def at_least(xp: Any, value: Any, limit: Any) -> Any:
    """``value >= limit``, with slack for rounding."""
    return value >= limit - ROUNDING * xp.abs(limit)


def at_most(xp: Any, value: Any, limit: Any) -> Any:
    """``value <= limit``, with slack for rounding."""
    return value <= limit + ROUNDING * xp.abs(limit)


def require_unchecked(include_unchecked: bool, rule: str, why: str) -> None:
    """Refuse a rule whose numbers were not read in any text, unless the caller asks for it by name.

    Raises
    ------
    InputError
        If ``include_unchecked`` is false.
    """
    if not include_unchecked:
        raise InputError(
            f"the rule {rule} was not checked against its source ({why})",
            remedy="check it, then pass include_unchecked=True to use it anyway",
        )
