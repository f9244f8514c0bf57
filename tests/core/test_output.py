"""Output is whole or absent at every moment, and a killed writer leaves nothing for good."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neorlt.core import output
from neorlt.core.errors import InputError
from neorlt.core.output import atomic_folder, disk_error, sweep, sweep_folder, write_atomic

WRITER = """
import sys
from pathlib import Path
from neorlt.core.output import atomic_folder
number = 0
print("ready", flush=True)
while True:
    number += 1
    with atomic_folder(Path(sys.argv[1])) as work:
        for name in ("run.json", "a.txt", "b.txt", "c.txt"):
            (work / name).write_text(str(number))
"""


def test_a_killed_writer_leaves_a_whole_result_and_nothing_for_good(tmp_path: Path):
    out, moments = tmp_path / "out", random.Random(5)
    for _ in range(12):
        writer = subprocess.Popen([sys.executable, "-P", "-c", WRITER, str(out)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(moments.uniform(0.001, 0.03))
        writer.kill()
        writer.wait()
        if out.exists():
            assert len({path.read_text() for path in out.iterdir()}) == 1
            assert len(list(out.iterdir())) == 4
    sweep(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_reader_never_finds_the_place_empty(tmp_path: Path):
    out = tmp_path / "out"
    writer = subprocess.Popen([sys.executable, "-P", "-c", WRITER, str(out)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        while not out.exists():
            time.sleep(0.001)
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            assert out.exists()
    finally:
        writer.kill()
        writer.wait()


def test_living_writer_is_not_swept(tmp_path: Path):
    with atomic_folder(tmp_path / "out") as work:
        (work / "run.json").write_text("{}")
        assert sweep(tmp_path / "out") == []
        assert work.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("exchange", [True, False])
def test_without_exchange_of_names_an_old_result_comes_back(tmp_path: Path, monkeypatch, exchange):
    monkeypatch.setattr(output, "_exchange", output._exchange if exchange else lambda *_: False)
    out = tmp_path / "out"
    for number in (1, 2):
        with atomic_folder(out) as work:
            (work / "run.json").write_text(str(number))
    assert (out / "run.json").read_text() == "2"
    # killed between the two renames of the second run
    os.replace(out, tmp_path / f".out{output._KEPT}99")
    assert "put back" in " ".join(sweep_folder(tmp_path))
    assert (out / "run.json").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_leftover_file_of_a_killed_writer_is_removed(tmp_path: Path):
    (tmp_path / f".case.json{output._MARK}abc").write_text("{")
    (tmp_path / ".hidden-of-others").write_text("mine")
    sweep_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".hidden-of-others"]


@pytest.mark.parametrize("number", sorted(output._DISK))
def test_each_error_of_the_disk_is_a_sentence(number):
    said = disk_error(OSError(number, "x", "/somewhere"))
    assert said is not None
    assert said.exit_status == 2
    assert "/somewhere" in str(said)


def test_full_disk_ends_in_one_sentence_and_a_whole_state(tmp_path: Path):
    out = tmp_path / "out"
    with atomic_folder(out) as work:
        (work / "run.json").write_text("old")

    def fills_the_disk() -> None:
        with atomic_folder(out) as work:
            (work / "run.json").write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match="disk is full"):
        fills_the_disk()
    assert (out / "run.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_rights_follow_the_mask_of_the_process(tmp_path: Path):
    before = os.umask(0o077)
    try:
        with atomic_folder(tmp_path / "out") as work:
            (work / "run.json").write_text("{}")
        write_atomic(tmp_path / "a.json", "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    assert (tmp_path / "a.json").stat().st_mode & 0o077 == 0
