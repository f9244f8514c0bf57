"""TOML files of the user: read whole, or refused with the line; keys that nobody knows and values of a wrong kind are named."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.written import decimal_remedy, read_text


def read_toml(path: Path, what: str, remedy: str = "check the path") -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path
        The file.
    what
        What it is in the messages, such as ``"the patient file"``.
    remedy
        What to do where it does not exist.

    Raises
    ------
    InputError
        If it does not exist, is not text in UTF-8, or is not TOML; shows the line and what is wrong with it.
    """
    return parse_toml(read_text(path, what, remedy), what, Path(path).name)


def parse_toml(text: str, what: str, where: str) -> dict[str, Any]:
    """Read a TOML text.

    Raises
    ------
    InputError
        If it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines = text.splitlines()
        at = re.search(r"\(at line (\d+), column \d+\)", str(error))
        number = int(at[1]) if at else len(lines)
        line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        reason = re.sub(r"\s*\(at [^)]*\)", "", str(error))
        raise InputError(f"{what} is not valid TOML ({reason})", found=line[:60] or None, where=f"{where}, line {max(number, 1)}",
                         remedy=_line_remedy(line)) from error


def _line_remedy(line: str) -> str:
    """What is usually wrong with such a line."""
    if remedy := decimal_remedy(line):
        return remedy
    if re.search("[\u201c\u201d\u201e\u2018\u2019]", line):
        return 'write straight quotes (") in place of typographic ones'
    if found := re.search(r"=\s*(\d{1,2})[./](\d{1,2})[./](\d{4})\s*$", line):
        return f"write a date as {found[3]}-{int(found[2]):02d}-{int(found[1]):02d} if it is day, month, year"
    if re.search(r"=\s*(True|False|TRUE|FALSE|yes|no|Yes|No)\s*$", line):
        return "write true or false"
    if "\\" in line and '"' in line:
        return "write a path with / or in single quotes: a backslash begins a code here"
    if re.search(r"=\s*[A-Za-z][\w .,-]*$", line):
        return "put text in quotes"
    if re.search(r"=\s*[+-]?[\d.]+\s*[A-Za-z%\u00b5]", line):
        return "write the number alone; its unit stands in the key's name"
    if re.match(r"[\w-]+\s*:\s", line):
        return "write = between a key and its value"
    return "correct the line"


def refuse_unknown(found: Collection[str], known: Collection[str], where: str) -> None:
    """Refuse keys that are not known.

    Raises
    ------
    InputError
        With the keys found, those known, and the one that was probably meant; also where a table was expected and something else found.
    """
    if not isinstance(found, Mapping | list | tuple | set | frozenset | type({}.keys())):
        raise InputError("a table was expected", expected="keys with values", found=repr(found), where=where, remedy="write key = value")
    if unknown := sorted(set(map(str, found)) - set(known)):
        near = get_close_matches(unknown[0], sorted(known), 1)
        raise InputError("unknown key", expected=", ".join(sorted(known)), found=", ".join(unknown), where=where,
                         remedy=(f"did you mean {near[0]}? " if near else "") + "correct the spelling or remove it")


def _wrong(key: str, expected: str, value: Any, where: str, remedy: str) -> InputError:
    return InputError(f"{key} is of a wrong kind", expected=expected, found=_shown(value), where=where, remedy=remedy)


def _shown(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return f'"{value[:40]}"' if isinstance(value, str) else str(value)


def table_of(document: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """A table of a document; empty where it is absent.

    Raises
    ------
    InputError
        If something else stands under this key.
    """
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise _wrong(key, "a table", value, where, f"write [{key}] on a line, and its keys below")
    return value


def tables_of(document: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """The tables of a list such as ``[[arm]]``; empty where there is none.

    Raises
    ------
    InputError
        If something else stands under this key.
    """
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _wrong(key, "tables", value, where, f"write [[{key}]] on a line before the keys of each")
    return value


def text_of(document: Mapping[str, Any], key: str, default: str, where: str) -> str:
    """A text of a document.

    Raises
    ------
    InputError
        If it is of another kind.
    """
    value = document.get(key, default)
    if not isinstance(value, str):
        raise _wrong(key, "text", value, where, "put it in quotes")
    return value


def flag_of(document: Mapping[str, Any], key: str, default: bool, where: str) -> bool:
    """A yes or no of a document.

    Raises
    ------
    InputError
        If it is neither ``true`` nor ``false``.
    """
    value = document.get(key, default)
    if not isinstance(value, bool):
        raise _wrong(key, "true or false", value, where, "write true or false, without quotes")
    return value


def texts_of(document: Mapping[str, Any], key: str, default: Collection[str], where: str) -> tuple[str, ...]:
    """A list of texts of a document.

    Raises
    ------
    InputError
        If it is no list, or something in it is no text.
    """
    value = document.get(key, list(default))
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise _wrong(key, "a list of texts", value, where, f'write {key} = ["...", "..."]')
    return tuple(value)


def number_of(document: Mapping[str, Any], key: str, default: float | None, where: str) -> float | None:
    """A finite number of a document, or ``default`` where it is absent.

    Raises
    ------
    InputError
        If it is of another kind.
    """
    if key not in document:
        return default
    value = document[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(key, "a number", value, where, f"write {key} = 1.5, without quotes or unit")
    return float(value)
