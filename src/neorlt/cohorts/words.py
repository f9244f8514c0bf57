"""Words that centres use in headers and cells, in six languages: what a column may be called, what a code may mean.

They stand in ``data/words.json``. A phrase of a column matches when all of its words stand in the header (the longest phrase
wins); "before" and "after" treatment are said by words of their own, the number of a scan by a number in the header.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from neorlt.core.tables import read_json

_WORDS: dict[str, Any] = read_json("cohorts", "words.json")
COLUMNS: dict[str, tuple[str, ...]] = {target: tuple(phrases) for target, phrases in _WORDS["columns"].items()}
VESSEL_WORDS: dict[str, tuple[str, ...]] = {vessel: tuple(phrases) for vessel, phrases in _WORDS["vessels"].items()}
BEFORE, AFTER, NOISE = (frozenset(_WORDS[key]) for key in ("before", "after", "noise"))
YES, NO, DEAD, ALIVE = (frozenset(_WORDS[key]) for key in ("yes", "no", "dead", "alive"))
TOTALS = frozenset(_WORDS["totals"])
HAS_AFTER: dict[str, str] = dict(_WORDS["has_after"])
CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    target: {choice: tuple(known) for choice, known in choices.items()} for target, choices in _WORDS["choices"].items()
}
CHOICES["stage_after"] = CHOICES["stage_before"]
MISSING: tuple[str, ...] = tuple(_WORDS["missing"])
"""Cells that mean that nothing is known (lower case), where they are no code of the column."""
CODES_FOR_MISSING: tuple[float, ...] = tuple(_WORDS["codes_for_missing"])


LETTERS = str.maketrans({"ß": "ss", "µ": "u", "\u03bc": "u", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "æ": "ae"})
"""Letters that do not decompose into a plain one and an accent."""


def plain(text: str) -> str:
    """Lower case, without accents; words with single spaces between (``Età (anni)`` → ``eta anni``)."""
    written = text.translate(LETTERS)
    flat = unicodedata.normalize("NFKD", written).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9+]+", " ", re.sub(r"([a-z])[-_ ]?67\b", r"\g<1>67", flat)).strip()
