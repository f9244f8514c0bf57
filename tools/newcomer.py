"""What a newcomer types: every command of README.md and docs/tutorial.md, in their order, on a fresh clone.

python tools/newcomer.py [--python PATH] [--only WORD ...]

The clone holds what is committed, no more. Its ``.venv`` is made by its own ``make demo``; with ``--python`` the environment of that
interpreter takes its place, so that nothing is downloaded. What stands for a reader's own is put in its place: ARCHIVE is an Orthanc on the
loopback that holds the bundled example (left out by name where Orthanc is not installed), the study's UID is one that ``pacs find``
lists, ``organs.nii.gz`` are the example's organs, and patient.toml and update.toml are filled in as the text asks. ``make test`` is the
suite itself and is left to it; a server is asked for its page and ended. Ends with 1 where a command fails.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/tutorial.md")
LEFT_TO_OTHERS = ("make test",)
PLACEHOLDER = "ARCHIVE@pacs.example.org:104"


def commands(text: str) -> list[str]:
    """Every command of a page, in order: lines of fenced and indented blocks that begin with ``make`` or ``neorlt``."""
    found, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            continue
        if not fenced and not line.startswith("    "):
            continue
        words = line.strip().removeprefix("$ ")
        if re.match(r"(make|neorlt) \S", words):
            found.append(re.sub(r"\s{2,}#.*$", "", words))
    return found


class Newcomer:
    """A clone, a folder to work in, and the environment of a shell."""

    def __init__(self, folder: Path, python: Path | None) -> None:
        self.clone, self.work = folder / "neorlt", folder / "work"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.clone)], check=True)
        self.work.mkdir()
        (self.work / "examples").symlink_to(self.clone / "examples")
        self.environment = os.environ | {"MPLBACKEND": "Agg"}
        if python is None:
            self.environment["PATH"] = f"{self.clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        else:
            # Set up already: the stamps say so, and the clone's own source comes first.
            (self.clone / ".venv").symlink_to(python.absolute().parent.parent)
            path = f"{python.absolute().parent}{os.pathsep}{os.environ['PATH']}"
            self.environment |= {"PATH": path, "PYTHONPATH": str(self.clone / "src")}
        self.set_up = python is not None

    def own(self, folder: Path) -> Path:
        """The reader's own data: the bundled example, written once."""
        if not (folder / "own").exists():
            process = self.say(f"neorlt example pannet-head --out {folder / 'own'}")
            out = process.communicate()[0]
            if process.returncode:
                raise RuntimeError(out)
        return folder / "own"

    def say(self, words: str, *, stay: bool = False) -> subprocess.Popen[str]:
        """Start a line as a shell would."""
        where = self.clone if words.startswith("make") else self.work
        if words.startswith("make") and self.set_up:
            words = words.replace("make", "make -o .venv/base.stamp -o .venv/dev.stamp", 1)
        return subprocess.Popen(["bash", "-euo", "pipefail", "-c", ("exec " if stay else "") + words], cwd=where, env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=stay)  # fmt: skip


def serves(newcomer: Newcomer, words: str) -> str:
    """Start a server, ask for its page, end it; what is wrong, or nothing."""
    process = newcomer.say(words, stay=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                page = urllib.request.urlopen("http://127.0.0.1:8765/", timeout=5).read().decode()
                return "" if "neorlt" in page else "the page is another"
            if process.poll() is not None:
                return str(process.communicate()[0])
            time.sleep(0.2)
        return "no page after two minutes"
    finally:
        # Ctrl+C reaches make and what make started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


@contextlib.contextmanager
def an_archive(newcomer: Newcomer, folder: Path) -> Iterator[dict[str, str] | None]:
    """An archive that holds the example, and what to write in the place of the tutorial's; None where there is no Orthanc."""
    sys.path.insert(0, str(newcomer.clone / "tests" / "dicom"))
    import orthanc

    if not orthanc.is_here():
        yield None
        return
    with orthanc.running(folder / "archive") as archive:
        prepared = newcomer.say(f"neorlt pacs send {newcomer.own(folder) / 'study'} --pacs {archive.dimse} > /dev/null && "
                                f"neorlt pacs find --pacs {archive.dimse} --json")  # fmt: skip
        out = prepared.communicate()[0]
        if prepared.returncode:
            raise RuntimeError(out)
        uids = [one["study_uid"] for one in json.loads(out[out.index("{"):])["studies"]]
        yield {PLACEHOLDER: archive.dimse, "PatientID=42": "PatientID=synthetic-pannet-head", "1.2.840.…": " ".join(uids)}


def prepare(newcomer: Newcomer, words: str) -> None:
    """What the text asks its reader to have or to fill in before this command."""
    work = newcomer.work
    if words.startswith("neorlt lesions") and not (work / "organs.nii.gz").exists():
        code = ("import json, sys; from pathlib import Path; import numpy as np\n"
                "from neorlt.dicom.read import read_study; from neorlt.imaging.nifti import write_nifti\n"
                "from neorlt.imaging.volume import Unit, Volume\n"
                "study = read_study(Path('study')); organs = study.organs(); grid = organs[0].grid\n"
                "labels = np.zeros(grid.shape, np.float32)\n"
                "for n, one in enumerate(organs, 1): labels[one.occupancy > 0.5] = n\n"
                "write_nifti(Volume(labels, grid, Unit.HU, 'SEG'), Path('organs.nii.gz'))\n"
                "Path('names.json').write_text(json.dumps({str(n): one.name for n, one in enumerate(organs, 1)}))\n")  # fmt: skip
        done = newcomer.say(f"python -c {shlex.quote(code)}")
        if done.wait():
            raise RuntimeError(done.communicate()[0])
    if words.startswith(("neorlt plan study", "neorlt optimise patient.toml")):
        shutil.copy(newcomer.own(work.parent) / "patient.toml", work / "patient.toml")
    if words.startswith("neorlt adapt"):
        ids = re.findall(r'^id = "(.*)"', (work / "patient.toml").read_text(encoding="utf-8").split("[[lesion]]", 1)[1], re.MULTILINE)
        (work / "update.toml").write_text(f'week = 14\nplatelets_e9_per_l = 180\n[[lesion]]\nid = "{ids[0]}"\nlongest_diameter_mm = 40\n')


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, help="interpreter of an environment that has everything")
    parser.add_argument("--only", nargs="*", default=[], help="run the commands that hold one of these words")
    arguments = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="neorlt-newcomer-") as name:
        folder = Path(name)
        newcomer = Newcomer(folder, arguments.python)
        lines = [words for page in PAGES for words in commands((newcomer.clone / page).read_text(encoding="utf-8"))]
        if arguments.only:
            lines = [words for words in lines if any(word in words for word in arguments.only)]
        asks_archive = any(PLACEHOLDER in words for words in lines)
        with an_archive(newcomer, folder) if asks_archive else contextlib.nullcontext() as places:
            for words in lines:
                started = time.monotonic()
                if words in LEFT_TO_OTHERS or (PLACEHOLDER in words and places is None):
                    print(f"{'left out':>9s}  {words}", flush=True)
                    continue
                wrong += _one(newcomer, words, places or {}, started)
    print("every command did what the text says" if not wrong else "\n".join(wrong))
    return int(bool(wrong))


def _one(newcomer: Newcomer, words: str, places: dict[str, Any], started: float) -> list[str]:
    """Run one command of a page; what is wrong."""
    typed = words
    for said, meant in places.items():
        typed = typed.replace(said, meant)
    if re.search(r"\bstudy\b", words) and "pacs" not in words and not (newcomer.work / "study").exists():
        shutil.copytree(newcomer.own(newcomer.work.parent) / "study", newcomer.work / "study")
    prepare(newcomer, words)
    if words.startswith("neorlt new"):
        # A template is not laid over a file that is there.
        for left in ("names.json", "patient.toml", "update.toml", "study/settings.toml"):
            (newcomer.work / left).unlink(missing_ok=True)
    if "serve" in words.split()[:2]:
        said = serves(newcomer, typed)
    else:
        process = newcomer.say(typed)
        out = process.communicate()[0]
        said = "" if process.returncode == 0 else f"status {process.returncode}: {out[-600:]}"
    print(f"{time.monotonic() - started:7.0f} s  {words}{'' if not said else '  FAILED'}", flush=True)
    return [] if not said else [f"{words}\n{said}"]


if __name__ == "__main__":
    sys.exit(main())
