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
