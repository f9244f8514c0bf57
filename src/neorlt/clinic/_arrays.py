"""What every rule shares: the array namespace of its input, three-valued logic, and the guard in front of unchecked rules.

**Missing is missing.** A flag is true, false or unknown (None, NaN or −1). A rule answers only what every way of filling in
the unknown inputs would answer; else it answers :data:`UNKNOWN`. Rules that rise with each input are evaluated twice, with
the unknown inputs at their mildest and at their worst (:func:`agree`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neorlt.core.errors import InputError

ROUNDING = 1e-6
"""Relative slack of a comparison: wider than float32 rounding, far narrower than any measurement."""
UNKNOWN = -1
"""Answer of a rule whose known inputs do not settle it."""
NOT_IN_THIS_VERSION = -2
"""Answer of a versioned rule whose row was not read in this version's text, or is not in it."""
YES, NO = 1, 0


class Tri(NamedTuple):
    """A flag with three values, as two masks; where neither holds it is unknown."""

    true: Any
    false: Any

    @property
    def may_be_true(self) -> Any:
        """True or unknown."""
        return ~self.false


def namespace(*values: Any) -> Any:
    """``jax.numpy`` where a jax array is among the values, else ``numpy``."""
    for value in values:
        if type(value).__module__.partition(".")[0] in ("jax", "jaxlib"):
            import jax.numpy as jnp

            return jnp
    return np


def floats(xp: Any, value: Any) -> Any:
    """The value as an array of floats; None becomes NaN."""
    array = xp.asarray(np.nan if value is None else _without_none(value))
    return array if array.dtype.kind == "f" else array.astype(float)


def _without_none(value: Any) -> Any:
    if isinstance(value, (list, tuple)) or _kind(value) == "O":
        return np.asarray(value, float)
    return value


def tri(xp: Any, value: Any) -> Tri:
    """A flag or an array of flags, true and false apart; None, NaN and −1 are neither.

    Raises
    ------
    InputError
        If a value is none of these (numpy arrays only: traced jax values cannot be looked at).
    """
    if value is None:
        return Tri(xp.asarray(False), xp.asarray(False))
    array = xp.asarray(_without_none(value)) if not is_settled(value) else xp.asarray(value)
    if array.dtype == bool:
        return Tri(array, ~array)
    if xp is np and not np.all(np.isnan(array.astype(float)) | np.isin(array, (YES, NO, UNKNOWN))):
        raise InputError("a flag is not one", expected="true, false or unknown (1, 0, −1)", found=str(value)[:60],
                         remedy="give true or false, and None or NaN where it is not known")
    return Tri(array == YES, array == NO)


def is_settled(flag: Any) -> bool:
    """Whether a flag cannot be unknown: a truth value of Python or numpy, or an array of them."""
    return isinstance(flag, bool) or _kind(flag) == "b"


def _kind(value: Any) -> str:
    """Kind of a value's dtype (``"b"``, ``"f"``, ``"O"``, …); empty where it has none."""
    return str(getattr(getattr(value, "dtype", None), "kind", ""))


def yes_no(xp: Any, true: Any, false: Any) -> Any:
    """Answer of a yes/no rule: 1 where it is true, 0 where it is false, −1 where neither is settled."""
    return xp.where(true, YES, xp.where(false, NO, UNKNOWN))


def agree(xp: Any, mildest: Any, worst: Any) -> Any:
    """The class where both ends are the same, else unknown."""
    return xp.where(mildest == worst, mildest, UNKNOWN)


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
