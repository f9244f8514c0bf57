"""What is wrong with a form, in one sentence that a reader understands: which field, what it takes, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_LABELS = {
    "q": "The words to search for",
    "title": "The title",
    "patient": "patient.toml",
    "study": "The study",
    "choice": "The decision",
    "reasons": "The reasons",
    "members": "The field of those present",
    "signer": "The name",
    "sure": "The word that confirms",
    "token": "The access token",
    "nuclide": "The nuclide",
    "cycles": "The cycles",
    "activity_gbq": "The activity of a cycle in GBq",
    "interval_weeks": "The weeks between cycles",
    "surgery_weeks": "The weeks from the last cycle to surgery",
    "sensitiser": "What is given with the cycles",
    "beside": "The number of the scheme beside",
}
"""Fields by the words that stand beside them; any other is called by its own name."""
_LIMITS = {
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "string_pattern_mismatch": "one of the values that the page offers",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of a few digits",
    "finite_number": "a number that is not infinite",
    "float_parsing": "a number",
    "bool_parsing": "yes or no",
}


def wrong_field(errors: Sequence[Mapping[str, Any]]) -> str:
    """Say the first of the errors that the framework found in a request."""
    error = errors[0]
    kind, field = str(error["type"]), str(error["loc"][-1])
    label = _LABELS.get(field, f"The field {field}")
    if field == "sure":
        return "To delete a case, type the word delete: nothing was deleted."
    if kind == "missing":
        return f"{label} is missing: fill it in and send the form again."
    expected = _LIMITS.get(kind, "something else").format(**error.get("ctx", {}))
    given = error.get("input")
    found = f"{len(given)} characters" if kind in ("string_too_long", "string_too_short") and isinstance(given, str) else repr(given)[:60]
    return f"{label}: expected {expected}, found {found}."


def control_character(texts: Mapping[str, str]) -> str | None:
    """Say which field holds a character that no page shows; ends of lines and tabs, which come with pasted text, are none."""
    for field, text in texts.items():
        odd = next((char for char in text if ord(char) < 32 and char not in "\n\t"), None)
        if odd is not None:
            return f"{_LABELS[field]}: expected text, found the control character U+{ord(odd):04X}. Remove it and send the form again."
    return None
