"""Numbers as a reader wants them: two significant digits, one precision within an interval, no false certainty."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

MINUS = "\u2212"
NARROW = "\u202f"
ABSENT = "not available"


def is_number(value: Any) -> TypeGuard[float]:
    """Whether ``value`` is a finite number (a boolean is not)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def decimals_for(values: Sequence[float], digits: int = 2) -> int:
    """Decimals (negative: tens) at which the largest of ``values`` shows ``digits`` significant digits."""
    largest = max((abs(value) for value in values), default=0.0)
    if largest == 0.0:
        return 0
    return digits - 1 - math.floor(math.log10(largest))


def fixed(value: float, decimals: int) -> str:
    """Round to ``decimals`` and write with a true minus sign; never writes minus zero."""
    rounded = round(float(value), decimals)
    text = f"{abs(rounded):.{max(decimals, 0)}f}"
    if abs(rounded) >= 10000:
        text = f"{abs(rounded):,.{max(decimals, 0)}f}".replace(",", NARROW)
    return MINUS + text if rounded < 0 else text


def number(value: Any, digits: int = 2) -> str:
    """Write a number with ``digits`` significant digits; text passes through, absent stays absent."""
    if value is None:
        return ABSENT
    if not is_number(value):
        return str(value)
    return fixed(value, decimals_for([value], digits))


def given(value: Any) -> str:
    """Write an input as it was given (up to four significant digits, no padding)."""
    if not is_number(value):
        return ABSENT if value is None else str(value)
    return f"{value:.4g}".replace("-", MINUS) if abs(value) < 10000 else fixed(value, 0)


def span(low: str, high: str) -> str:
    """Join two ends: an en dash, or the word where a minus sign would make the dash unclear."""
    return f"{low} to {high}" if MINUS in low + high else f"{low}\u2013{high}"


def interval(block: Any, digits: int = 2) -> tuple[str, str] | None:
    """Return ``(median, "low–high")`` of ``{"median", "ci90"}`` at one common precision, or None where absent."""
    if not isinstance(block, Mapping) or not is_number(block.get("median")):
        return None
    ends = block.get("ci90")
    if not isinstance(ends, Sequence) or isinstance(ends, str) or len(ends) != 2 or not all(map(is_number, ends)):
        return number(block["median"], digits), ""
    median, low, high = float(block["median"]), float(ends[0]), float(ends[1])
    # The median keeps its own digits unless the interval is so wide that they mean nothing; the ends are never finer.
    widest = decimals_for([median, low, high], digits)
    decimals = min(decimals_for([median], digits), widest + 1) if median else widest
    texts = [fixed(end, min(decimals, decimals_for([end], digits)) if end else 0) for end in (low, high)]
    shown = fixed(median, decimals)
    return shown, "" if texts[0] == texts[1] == shown else span(*texts)


def percent(probability: Any) -> str | None:
    """Write a probability as a whole percentage; never 0 % or 100 %, because no model is that sure."""
    if not is_number(probability):
        return None
    value = 100.0 * probability
    if value < 1:
        return "<\u00a01\u00a0%"
    if value > 99:
        return ">\u00a099\u00a0%"
    return f"{round(value)}\u00a0%"


def percent_span(ends: Any) -> str:
    """Write the two ends of a probability interval, or nothing where absent."""
    if not isinstance(ends, Sequence) or isinstance(ends, str) or len(ends) != 2:
        return ""
    low, high = percent(ends[0]), percent(ends[1])
    if low is None or high is None:
        return ""
    low_text = low.replace("\u00a0%", "")
    joint = " to " if "<" in low or ">" in high else "\u2013"
    return f"{low_text}{joint}{high}".replace("<\u00a0", "<").replace(">\u00a0", ">")


def times(text: str) -> str:
    """Write ``4 x 7.4`` with a multiplication sign."""
    return re.sub(r"(?<=\d) x (?=[\d(])", " × ", text)


def joined(names: Sequence[str]) -> str:
    """Join names in words: ``a``, ``a and b``, ``a, b and c``."""
    names = list(names)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else ""
