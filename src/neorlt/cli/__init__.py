"""The commands that people type: each file speaks for one of them; what they make is made in :mod:`neorlt.jobs`."""

from neorlt.cli.app import app, main

__all__ = ["app", "main"]
