"""What the disk refuses, and a polite end, are one sentence and a whole state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neorlt.cli.app import run


@pytest.mark.parametrize("device", ["/dev/full"])
def test_a_full_disk_is_a_sentence(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path(device).exists():
        pytest.skip("no such device here")
    assert run(["kernel", "Lu-177", "--voxel-mm", "4.8", "--out", f"{device}/x.json"]) == 2
    assert "fault of neorlt" not in capsys.readouterr().err


def test_a_folder_in_the_place_of_the_file_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(tmp_path), "--scheme", "4 x 7.4 GBq Lu-177 every 8 weeks"]) == 2
    assert "fault of neorlt" not in capsys.readouterr().err


@pytest.mark.parametrize("background", [False, True])
def test_terminated_command_leaves_nothing(tmp_path: Path, background: bool) -> None:
    """In the background too: a shell lets such a command ignore an interrupt from the keyboard, and it went on to its end."""
    how = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"] if background else []
    for attempt in range(5):  # on a busy machine the signal may come when the work is done: then again
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = subprocess.Popen([*how, sys.executable, "-P", "-m", "neorlt.cli", "example", "christie", "--out", str(folder / "out")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not any(folder.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert any(folder.iterdir())
        os.kill(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        if process.returncode != 0:
            break
        assert (folder / "out" / "run.json").is_file() or any((folder / "out").rglob("*.dcm"))  # whole, not half
    assert process.returncode == 130
    assert b"nothing was written" in said
    assert list(folder.iterdir()) == []
