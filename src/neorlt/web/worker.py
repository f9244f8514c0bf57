"""One job: ``python -m neorlt.web.worker CASE [POSTERIOR]`` reads ``CASE/input`` and writes ``CASE/result``."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from pathlib import Path

from neorlt.core.errors import NeorltError


def run(case: Path, posterior: Path | None = None) -> None:
    """Plan the case, with a centre's own posterior where one is given; the volumes that the page shows are written with the result."""
    from neorlt.jobs.plan import run_plan
    from neorlt.web.store import check_input

    check_input(case)

    study, patient = case / "input" / "study", case / "input" / "patient.toml"
    run_plan(study if study.is_dir() else None, patient if patient.is_file() else None, case / "result",
             posterior=posterior)


def end_with_the_server() -> None:
    """End this process at once when its standard input is closed: the server that wanted the result is gone."""

    def watch() -> None:
        # Not through sys.stdin, whose lock a waiting thread would hold while the interpreter ends.
        while os.read(0, 1):
            continue
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Exit 0, or 2 with one JSON line that says what is wrong with the input, or 1 with the details in ``error.txt``."""
    case, posterior = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    end_with_the_server()
    try:
        run(case, posterior)
    except NeorltError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 2
    except Exception:
        (case / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
