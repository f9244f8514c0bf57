"""How a nuclide's name is written in a sentence."""

from __future__ import annotations


def nuclide_words(name: str) -> str:
    """``"Lu-177"``, the house's spelling, as people write it: ``"177Lu"``."""
    symbol, _, mass = name.partition("-")
    return f"{mass}{symbol}"
