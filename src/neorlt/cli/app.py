"""The command line, built from the registry. The only place that knows typer's application, and exit statuses.

Exit status: 0 done; 2 input or options are wrong; 3 done, but outside a stated validity window and ``--strict`` was
given; 1 our own fault.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from neorlt import __version__
from neorlt.cli.console import say
from neorlt.core import progress
from neorlt.core.errors import NeorltError
from neorlt.jobs.registry import COMMANDS, DEFAULTS, GROUPS

HELP = "Neoadjuvant radioligand therapy of pancreatic neuroendocrine tumours. Research software: not a medical device."
STOPPED = 130
"""128 and the number of the interrupt, as shells have it."""
OWN_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


def _version(wanted: bool) -> None:
    if wanted:
        say(f"neorlt {__version__}")
        raise typer.Exit()


def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")] = False,
) -> None:
    """The options that stand before a command."""


class _Command(TyperCommand):
    """A command whose help names what one value is, also where it may be repeated: ``<path>``, not ``<list[Path]>``."""

    def get_help(self, ctx: Any) -> str:
        text = super().get_help(ctx)
        return re.sub(r"<list\[(\w+)\]>", lambda found: f"<{found[1].lower()}>".ljust(len(found[0])), text)


def _with_default(command: str | None) -> type[TyperGroup]:
    """A group in which ``command`` is meant where the first word names none: ``neorlt cohort TABLE``."""

    class Group(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if command is not None and args and args[0] not in self.commands:
                args = [command, *args]
            return super().resolve_command(ctx, args)

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            # Options before the table (cohort --out DIR TABLE) belong to the default command too.
            if command is not None and args and args[0].startswith("-") and args[0] not in ("--help", "-h"):
                args = [command, *args]
            return super().parse_args(ctx, args)

    return Group


def build() -> typer.Typer:
    """The application with every command of the registry; rooms are loaded when a command runs."""
    made = typer.Typer(name="neorlt", help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                       rich_markup_mode=None)
    made.callback(help=HELP)(root)
    groups = {
        name: typer.Typer(cls=_with_default(DEFAULTS.get(name)), help=text, no_args_is_help=True, rich_markup_mode=None)
        for name, text in GROUPS.items()
    }
    for row in COMMANDS:
        target = made if row.group is None else groups[row.group]
        settings = OWN_OPTIONS if row.own_options else None
        target.command(row.words.split()[-1], cls=_Command, context_settings=settings)(importlib.import_module(row.module).command)
    for name, group in groups.items():
        made.add_typer(group, name=name)
    return made


app = build()


def main() -> None:
    """Run the command line and end with the documented exit status."""
    # A polite end takes away what was half done, as an interrupt from the keyboard does. Not by way of SIGINT: a shell that starts a
    # command in the background lets it ignore that one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command (that of the process where none is given) and return its exit status."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    words = [word for word in (sys.argv[1:] if arguments is None else arguments)[:1] if not word.startswith("-")]
    # A server is at work for ever, and says where it listens.
    shown = contextlib.nullcontext() if words in ([], ["serve"]) else progress.command(f"neorlt {words[0]}")
    try:
        with shown:
            status = app(arguments, standalone_mode=False)
    except NeorltError as error:
        sys.stderr.write(f"neorlt: error: {error}\n")
        return error.exit_status
    except typer.Exit as error:
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _stopped()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from neorlt.core.output import disk_error

        said = disk_error(error)
        if said is None:
            return _usage_or_bug(error)
        sys.stderr.write(f"neorlt: error: {said}\n")
        return said.exit_status
    except Exception as error:
        return _usage_or_bug(error)
    if status == STOPPED:  # the command line's library turns an interrupt into this by itself
        return _stopped()
    return status if isinstance(status, int) else 0


def _stopped() -> int:
    sys.stderr.write("neorlt: stopped; nothing was written\n")
    return STOPPED


def _usage_or_bug(error: Exception) -> int:
    """2 for wrong options; otherwise save what happened and return 1."""
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        said = error.format_message()
        # Without any word the library gives the help as its error.
        sys.stderr.write(f"{said}\n" if said.startswith("Usage:") else f"neorlt: error: {said}\n")
        return 2
    import tempfile
    import traceback

    handle, name = tempfile.mkstemp(prefix="neorlt-fault-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write("".join(traceback.format_exception(error)))
    sys.stderr.write(f"neorlt: this is a fault of neorlt ({type(error).__name__}); details were saved in {name}\n")
    return 1
