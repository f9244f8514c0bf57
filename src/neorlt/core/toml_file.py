"""TOML files of the user: read whole, or refused with the file's name; keys that nobody knows are named."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError


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
        If it does not exist, is not text in UTF-8, or is not TOML.
    """
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{what} does not exist", where=path.name, remedy=remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{what} is not valid TOML ({error})", where=path.name, remedy="correct it") from error


def refuse_unknown(found: Collection[str], known: Collection[str], where: str) -> None:
    """Refuse keys that are not known.

    Raises
    ------
    InputError
        With the keys found and those known.
    """
    if unknown := sorted(set(found) - set(known)):
        raise InputError("unknown key", expected=", ".join(sorted(known)), found=", ".join(unknown), where=where,
                         remedy="correct the spelling or remove it")
