"""Errors that say what was expected, what was found, where, and what to do.

Exit status of the command line (see ``docs/commands.md``): 2 for :class:`InputError`,
3 for :class:`ValidityError`; anything else that escapes is our own fault and ends with 1.
"""

from __future__ import annotations

from typing import Any


class NeorltError(Exception):
    """Base of every error that neorlt raises on purpose."""

    exit_status = 1

    def __reduce__(self) -> Any:
        """Come whole out of another process: an exception is made again from its sentence, which the classes below do not take."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[NeorltError], args: tuple[Any, ...], held: dict[str, Any]) -> NeorltError:
    made: NeorltError = kind.__new__(kind, *args)
    made.args = args
    made.__dict__.update(held)
    return made


class InputError(NeorltError, ValueError):
    """The input or the options are wrong.

    Parameters
    ----------
    problem
        One clause: what is wrong, in the field's words.
    remedy
        What the user should do. Never empty.
    expected, found
        What was expected and what stood there instead.
    where
        File, DICOM tag, table row, region or option. Never a patient's name or identifier.
    """

    exit_status = 2

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        expected: str | None = None,
        found: str | None = None,
        where: str | None = None,
    ) -> None:
        if not remedy.strip():
            raise ValueError("an InputError needs a remedy")
        self.problem = problem
        self.remedy = remedy
        self.expected = expected
        self.found = found
        self.where = where
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        text = self.problem.rstrip(".")
        if self.expected is not None and self.found is not None:
            text += f" (expected {self.expected}, found {self.found})"
        elif self.expected is not None:
            text += f" (expected {self.expected})"
        elif self.found is not None:
            text += f" (found {self.found})"
        if self.where is not None:
            text += f", in {self.where}"
        remedy = self.remedy.rstrip(".")
        return f"{text}: {remedy}" if remedy.endswith("?") else f"{text}: {remedy}."


class ValidityError(NeorltError):
    """A result lies outside a stated validity window and ``--strict`` was given."""

    exit_status = 3


class MissingExtraError(NeorltError, ImportError):
    """An optional part is not installed; the message names the extra (or system package) that brings it."""

    exit_status = 2

    def __init__(self, what: str, *, extra: str | None = None, system_package: str | None = None) -> None:
        remedies = []
        if extra is not None:
            remedies.append(f"it belongs to the extra {extra}; install that with: {install_command(extra)}")
        if system_package is not None:
            remedies.append(f"install the Debian package {system_package}")
        super().__init__(f"{what} is not installed: {' and '.join(remedies)}.")


def install_command(*extras: str) -> str:
    """The command that brings an extra to this installation, whether it is a checkout, a wheel or of a registry.

    It names what the extra consists of, as the installed package states it: no registry needs to know this package.
    """
    import importlib.metadata
    import re

    try:
        stated = importlib.metadata.requires("neorlt") or []
    except importlib.metadata.PackageNotFoundError:
        stated = []
    found = []
    for line in stated:
        what, _, marker = line.partition(";")
        if (name := re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)) and name[1] in extras:
            found.append(f"'{what.strip()}'")
    # A package that was not installed runs from its checkout.
    return f"python -m pip install {' '.join(found) if found else repr('.[' + ','.join(extras) + ']')}"
