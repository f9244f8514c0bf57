"""What a newcomer types: every command of README.md and docs/tutorial.md, in their order, on a fresh clone.

python tools/newcomer.py [--python PATH] [--whole] [--only WORD ...]

The clone holds what is committed, no more. Its ``.venv`` is made by its own make; with ``--python`` the environment of that interpreter
takes its place, so that nothing is downloaded. What stands for a reader's own is put in its place: ARCHIVE is an Orthanc on the loopback
that holds the reader's study, the study's UID is one that ``pacs find`` lists, ``organs.nii.gz`` are the study's own organs, ``ours.csv``
holds lesions made up here, and the files
that ``neorlt new`` wrote are filled in as the text asks. A command has done what the text says when it ended with 0, its ``--out``
folder holds something, and every file that the text says it writes is there. A server is asked for its page and ended.

The reader's study is the small one of the page's tests, so that the whole takes minutes, and three commands are left to others:
``make test``, and ``make demo`` and ``neorlt example``, which the check runs as ``make demo`` and ``make docs`` anyway (``example/`` is
then the small study); the search of ``neorlt optimise`` is a small one (80 s of processor time as written). With ``--whole`` the study is
the bundled example, every command is run as written, and only ``make test`` is left out. Ends with 1 where a command fails.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/tutorial.md")
LEFT_TO_OTHERS = ("make test",)
LEFT_TO_THE_CHECK = ("make demo", "neorlt example ")
"""Beginnings of what ``.ci/run`` runs by other steps."""
SMALLER = {"neorlt optimise ": " --candidates 500 --screen-draws 50 --best 8 --draws 200"}
"""What is added to a long command unless the whole is asked for."""
PLACEHOLDER = "ARCHIVE@pacs.example.org:104"
PORT = 8765
"""Where ``neorlt serve`` listens unless told otherwise."""


@dataclass(frozen=True)
class Line:
    """A command of a page, and the files that the page says it writes."""

    words: str
    writes: tuple[str, ...]

    @property
    def out(self) -> str | None:
        """Its ``--out`` folder."""
        found = re.search(r"--out (\S+)", self.words)
        return found.group(1) if found else None


def lines_of(text: str) -> list[Line]:
    """Every command of a page, in order: lines of fenced and indented blocks that begin with ``make`` or ``neorlt``.

    Files that it writes: those of its comment (``# writes FILE``) and those that the page sets in code type and that lie in its ``--out``.
    """
    found, fenced = [], False
    said = re.findall(r"`([\w.-]+/[\w./-]*)`", text)
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            continue
        if not fenced and not line.startswith("    "):
            continue
        words, _, comment = line.strip().removeprefix("$ ").partition("  #")
        words = words.strip()
        if re.match(r"(make|neorlt) \S", words):
            one = Line(words, ())
            writes = [] if one.out is None else [path for path in said if path.startswith(f"{one.out}/")]
            if noted := re.search(r"writes ([\w./-]+)", comment):
                target = words.split()[-1]  # "neorlt new NAME FOLDER"
                writes.append(str(Path(target) / noted.group(1)))
            found.append(Line(words, tuple(dict.fromkeys(writes))))
    return found


class Newcomer:
    """A clone, a folder to work in, the environment of a shell, and the reader's own data."""

    def __init__(self, folder: Path, python: Path | None, whole: bool) -> None:
        self.clone, self.work, self.own, self.whole = folder / "neorlt", folder / "work", folder / "own", whole
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.clone)], check=True)
        self.work.mkdir()
        (self.work / "examples").symlink_to(self.clone / "examples")
        self.environment = os.environ | {"MPLBACKEND": "Agg"}
        if python is None:
            self.environment["PATH"] = f"{self.clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(["make", "extras"], cwd=self.clone, check=True)
        else:
            # Set up already: the stamps say so, and the clone's own source comes first.
            (self.clone / ".venv").symlink_to(python.absolute().parent.parent)
            path = f"{python.absolute().parent}{os.pathsep}{os.environ['PATH']}"
            self.environment |= {"PATH": path, "PYTHONPATH": str(self.clone / "src")}
        self.set_up = python is not None
        if whole:
            self.get(f"neorlt example pannet-head --out {self.own}")
        else:
            small = f"import sys; sys.path.insert(0, {str(self.clone / 'tests' / 'web')!r})\nfrom pathlib import Path; import small\n"
            self.get(f"python -c {shlex.quote(f'{small}small.write_small(Path({str(self.own)!r}))')}")
            shutil.copytree(self.own, self.work / "example")

    def say(self, words: str, *, stay: bool = False) -> subprocess.Popen[str]:
        """Start a line as a shell would."""
        where = self.clone if words.startswith("make") else self.work
        if words.startswith("make") and self.set_up:
            words = words.replace("make", "make -o .venv/base.stamp -o .venv/dev.stamp", 1)
        return subprocess.Popen(["bash", "-euo", "pipefail", "-c", ("exec " if stay else "") + words], cwd=where, env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=stay)  # fmt: skip

    def get(self, words: str) -> str:
        """Run a line that is no page's, to its end; returns what it printed."""
        process = self.say(words)
        out = process.communicate()[0]
        if process.returncode:
            raise RuntimeError(f"{words}\n{out}")
        return out

    def patient(self) -> str:
        """Patient ID of the reader's own study."""
        path = next(path for path in sorted((self.own / "study").rglob("*.dcm")))
        return str(pydicom.dcmread(path, specific_tags=["PatientID"]).PatientID)


def serves(newcomer: Newcomer, words: str) -> str:
    """Start a server, ask for its page, end it; what is wrong, or nothing."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            return f"another program listens on port {PORT}: end it"
    process = newcomer.say(words, stay=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                page = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=5).read().decode()
                if "neorlt" not in page:
                    return "the page is another"
                # What it was told to show is on the list.
                return "" if "--plan" not in words or "/cases/shared-" in page else "the plan is not on the page"
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
    """An archive that holds the reader's study, and what to write in the place of the tutorial's; None where there is no Orthanc."""
    sys.path.insert(0, str(newcomer.clone / "tests" / "dicom"))
    import orthanc

    if not orthanc.is_here():
        yield None
        return
    with orthanc.running(folder / "archive") as archive:
        newcomer.get(f"neorlt pacs send {newcomer.own / 'study'} --pacs {archive.dimse}")
        out = newcomer.get(f"neorlt pacs find --pacs {archive.dimse} --json 2> /dev/null")
        uids = [one["study_uid"] for one in json.loads(out)["studies"]]
        yield {PLACEHOLDER: archive.dimse, "PatientID=42": f"PatientID={newcomer.patient()}", "1.2.840.…": " ".join(uids)}


ORGANS = """
from pathlib import Path; import pydicom
from neorlt.dicom.read import read_study; from neorlt.dicom.write_label_map import write_label_map
ct = [path for path in Path('study').rglob('*.dcm') if pydicom.dcmread(path, specific_tags=['Modality']).Modality == 'CT']
write_label_map(read_study(Path('study')).organs(), ct, Path('organs.nii.gz'))
Path('organs_names.json').replace('names.json')
"""


OURS = "origin,dose_gy,cycles,week,change_diameter_pct\n" + "".join(f"pancreas,{dose},4,,{change}\n" for dose, change in (
    (45, -8), (60, -15), (75, -12), (80, -24), (95, -20), (110, -31), (120, -18), (140, -35), (150, -26), (170, -40), (190, -33),
    (220, -45)))
"""Twelve lesions made up for this check."""


def prepare(newcomer: Newcomer, words: str) -> None:
    """What the text asks its reader to have or to fill in before this command."""
    work, own = newcomer.work, newcomer.own
    if re.search(r"\bstudy\b", words) and "pacs" not in words and not (work / "study").exists():
        shutil.copytree(own / "study", work / "study")
    if words.startswith("neorlt new"):
        # A template is not laid over a file that is there.
        for left in ("names.json", "patient.toml", "update.toml", "trial.toml", "study/settings.toml"):
            (work / left).unlink(missing_ok=True)
    if words.startswith("neorlt lesions") and not (work / "organs.nii.gz").exists():
        newcomer.get(f"python -c {shlex.quote(ORGANS)}")
    if words.startswith(("neorlt plan study", "neorlt optimise patient.toml", "neorlt adapt patient.toml")):
        shutil.copy(own / "patient.toml", work / "patient.toml")
    if words.startswith("neorlt plan study"):
        (work / "study" / "settings.toml").unlink(missing_ok=True)
        for path in (own / "study").glob("settings.toml"):
            shutil.copy(path, work / "study" / path.name)
    if "ours.csv" in words:
        (work / "ours.csv").write_text(OURS, encoding="utf-8")
    if words.startswith("neorlt adapt"):
        ids = re.findall(r'^id = "(.*)"', (work / "patient.toml").read_text(encoding="utf-8").split("[[lesion]]", 1)[1], re.MULTILINE)
        (work / "update.toml").write_text(f'week = 14\nplatelets_e9_per_l = 180\n[[lesion]]\nid = "{ids[0]}"\nlongest_diameter_mm = 40\n')


def run(newcomer: Newcomer, line: Line, places: dict[str, str]) -> str:
    """Run one command of a page; what is wrong, or nothing."""
    typed = line.words
    for said, meant in places.items():
        typed = typed.replace(said, meant)
    if not newcomer.whole:
        typed += "".join(added for begin, added in SMALLER.items() if typed.startswith(begin))
    prepare(newcomer, line.words)
    if "serve" in line.words.split()[:2]:
        return serves(newcomer, typed)
    process = newcomer.say(typed)
    out = process.communicate()[0]
    if process.returncode:
        return f"status {process.returncode}: {out[-1500:]}"
    if not out.strip():
        return "it printed nothing"
    if line.out is not None and not any((newcomer.work / line.out).iterdir()):
        return f"{line.out} is empty"
    lacking = [path for path in line.writes if not (newcomer.work / path).exists()]
    return "" if not lacking else f"it did not write {', '.join(lacking)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, help="interpreter of an environment that has everything")
    parser.add_argument("--whole", action="store_true", help="with the bundled example, the demo too")
    parser.add_argument("--only", nargs="*", default=[], help="run the commands that hold one of these words")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the archive and the folder go with us
    wrong: list[str] = []
    done = 0
    with tempfile.TemporaryDirectory(prefix="neorlt-newcomer-") as name:
        folder = Path(name)
        newcomer = Newcomer(folder, arguments.python, arguments.whole)
        lines = [line for page in PAGES for line in lines_of((newcomer.clone / page).read_text(encoding="utf-8"))]
        if arguments.only:
            lines = [line for line in lines if any(word in line.words for word in arguments.only)]
        asks_archive = any(PLACEHOLDER in line.words for line in lines)
        with an_archive(newcomer, folder) if asks_archive else contextlib.nullcontext() as places:
            for line in lines:
                others = LEFT_TO_OTHERS if arguments.whole else (*LEFT_TO_OTHERS, *LEFT_TO_THE_CHECK)
                if line.words.startswith(others):
                    print(f"{'left to others':>16s}  {line.words}", flush=True)
                    continue
                if PLACEHOLDER in line.words and places is None:
                    print(f"{'no Orthanc':>16s}  {line.words}", flush=True)
                    wrong += [f"{line.words}\nOrthanc is missing: make system"] if os.environ.get("CI") == "true" else []
                    continue
                started, before = time.monotonic(), _cpu_s()
                said = run(newcomer, line, places or {})
                cost = f"{time.monotonic() - started:.0f} s, CPU {_cpu_s() - before:.0f}"
                print(f"{cost:>16s}  {line.words}{'' if not said else '  FAILED'}", flush=True)
                wrong += [f"{line.words}\n{said}"] if said else []
                done += 1
    print(f"{done} commands did what the text says, CPU {_cpu_s():.0f} s in all" if not wrong else "\n".join(wrong))
    return int(bool(wrong))


def _cpu_s() -> float:
    """CPU seconds of every ended child."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
