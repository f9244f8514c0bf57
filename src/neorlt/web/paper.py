"""The report on paper, made by a process of its own: laying it out takes memory that the server gives back that way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from neorlt.core.errors import NeorltError
from neorlt.web.child import command as child_command

TIMEOUT_S = 180.0


class PaperError(NeorltError):
    """The PDF could not be made."""


def make_pdf(result: Path) -> bytes:
    """Return the PDF/A of a plan's folder, with the pictures that it kept.

    Raises
    ------
    PaperError
        If WeasyPrint is missing or fails; the sentence says which.
    """
    command = child_command("neorlt.web.paper", str(result))
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired as error:
        raise PaperError("The PDF took longer than three minutes and was stopped.") from error
    if done.returncode == 2:
        raise PaperError(done.stderr.decode("utf-8", "replace").strip())
    if done.returncode != 0 or not done.stdout.startswith(b"%PDF"):
        raise PaperError("The PDF could not be made; the report to print can be printed from the browser.")
    return done.stdout


def main() -> int:
    """``python -m neorlt.web.paper RESULT``: the PDF on standard output, or exit 2 with a sentence."""
    from neorlt.reporting.drawn import PICTURES, read_drawn
    from neorlt.reporting.pdf import render_pdf

    result = Path(sys.argv[1])
    try:
        content = render_pdf(json.loads((result / "plan.json").read_text(encoding="utf-8")), read_drawn(result / PICTURES))
    except NeorltError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.buffer.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
