"""Processes of our own: started so that no file of the folder that the server was started in can take a module's place."""

from __future__ import annotations

import sys


def command(module: str, *arguments: str) -> list[str]:
    """The command line of one of our modules: ``-P`` leaves the working folder out of the path of modules."""
    return [sys.executable, "-P", "-m", module, *arguments]
