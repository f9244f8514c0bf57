"""Progress: on a terminal alone, after two seconds, with stage, fraction and time left; printed lines are not drawn over."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from neorlt.core.progress import Told, stages, time_left, track


def on_terminal(code: str, seconds: float = 60.0) -> tuple[str, str]:
    """What a script writes to a terminal of 80 columns as stderr, and to stdout elsewhere."""
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, stderr=slave, text=True,
                               env=os.environ | {"TERM": "xterm", "COLUMNS": "80"})  # fmt: skip
    os.close(slave)
    said, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([master], [], [], 0.1)[0]:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        elif process.poll() is not None:
            break
    out, _ = process.communicate(timeout=20)
    os.close(master)
    assert process.returncode == 0, said.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode()), out


def test_stages_show_name_fraction_and_time_left() -> None:
    """7a47d7c: plan, dose, predict, optimise, example and the demo were silent however long they took."""
    said, _ = on_terminal(
        "import time\nfrom neorlt.core import progress\nprogress.PATIENCE_S = 0.3\n"
        "with progress.command('neorlt plan'), progress.stages(('reading the study', 1.0), ('computing doses', 3.0)) as at:\n"
        "    time.sleep(1.0)\n    at('computing doses')\n    time.sleep(1.2)\n"
        "    for _ in progress.track(range(3), 'regions'):\n        time.sleep(0.6)\n"
    )
    assert "reading the study" in said and "computing doses" in said and "regions" in said
    assert "25%" in said and "left" in said
    assert "neorlt plan" not in said  # its stages speak for it
    fractions = [int(found) for found in re.findall(r"computing doses\s.*?(\d+)%", said)]
    assert max(fractions) >= 50  # what a stage counts moves the whole


def test_a_command_without_stages_shows_that_it_is_at_work() -> None:
    said, _ = on_terminal("import time\nfrom neorlt.core import progress\nprogress.PATIENCE_S = 0.3\n"
                          "with progress.command('neorlt measure'):\n    time.sleep(1.5)\n")  # fmt: skip
    assert "neorlt measure" in said and "so far" in said


def test_short_work_shows_nothing_and_what_is_printed_is_not_drawn_over() -> None:
    said, _ = on_terminal("from neorlt.core import progress\nwith progress.command('neorlt info'):\n    pass\n")
    assert said == ""
    said, out = on_terminal(
        "import time\nfrom neorlt.core import progress\nfrom neorlt.cli.console import say\nprogress.PATIENCE_S = 0.2\n"
        "with progress.command('neorlt x'):\n    time.sleep(0.8)\n    say('answer')\n    import sys\n    sys.stderr.write('MARK')\n"
        "    sys.stderr.flush()\n    time.sleep(0.8)\n"
    )
    assert out == "answer\n"
    assert said.endswith("MARK")


def test_off_a_terminal_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with stages(("one", 1.0)) as at, Told() as told:
        at("one")
        told("x", 1, 2)
        assert list(track(range(3), "y")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_stage_that_is_none_is_a_fault() -> None:
    with pytest.raises(ValueError), stages(("one", 1.0)) as at:
        at("two")


@pytest.mark.parametrize(("fraction", "elapsed", "words"), [
    (0.5, 30.0, "about 30 s left"), (0.1, 60.0, "about 9 min left"), (None, 5.0, "5 s so far"), (0.0, 5.0, "5 s so far"),
    (0.25, 3600.0, "about 3.0 h left"), (1.0, 5.0, "about 1 s left"),
])  # fmt: skip
def test_time_left_in_words(fraction: float | None, elapsed: float, words: str) -> None:
    assert time_left(fraction, elapsed) == words
