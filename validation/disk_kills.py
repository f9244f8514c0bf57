"""Signal 9 at random moments of everything that writes: what was acknowledged is there afterwards, whole, and nothing hidden stays.

Seven kinds of work take turns: ``plan`` (a study to a report, into a folder that holds an earlier result or none), the server while a
case is *uploaded* and unpacked, while its job *runs* and while a plan is *signed*, a *worker* whose server lives on, ``pacs fetch``
(beside a study fetched before) and ``pacs send`` (to an Orthanc on the loopback, C-STORE and STOW-RS in turn). Kill ``n`` draws its
kind's moment from a generator seeded with ``(seed, n)``: uniform over the time that the work takes undisturbed, every second one over
its last part, from the moment at which its hidden folder appears. Then the same work is started again, as a person would, and what
the disk holds is judged from outside: hashes of ``run.json``, of the uploaded files, of the audit trail, of the archive.

*lost*: something that was acknowledged (an uploaded case, a signature, a finished result, a study fetched earlier, an object that the
archive was said to hold) is gone or changed. *half*: a result that is neither the old one, nor the new one, nor absent. *hidden*: an
entry whose name begins with a dot, or a file in the temporary folder, that the next start left there.

Each run goes on where the last one ended (``disk_kills.json``) until ``--kills`` are reached, and writes its part of docs/fuzz.md.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pydicom

ROOT = Path(__file__).resolve().parent.parent
OUT = Path(__file__).resolve().parent / "disk_kills.json"
PAGE = ROOT / "docs" / "fuzz.md"
SEED = 20261129
KINDS = ("plan", "upload", "run", "sign", "worker", "fetch", "send")
ROTA = ("plan", "upload", "sign", "fetch", "send", "run", "upload", "worker", "plan", "send",
        "sign", "fetch", "upload", "run", "plan", "send", "worker", "sign", "fetch", "upload")  # fmt: skip
"""Twenty kills: the kinds that take long come less often."""
SCHEME = "2 x 7.4 GBq Lu-177 every 8 weeks"
START, END = "<!-- kills: written by validation/disk_kills.py -->", "<!-- end of kills -->"
PATIENCE_S = 240.0


@dataclass
class Kill:
    """One kill and what was found after the next start."""

    number: int
    kind: str
    moment_s: float
    """Seconds after the start of the work."""
    state: str
    """What stood there right after the kill."""
    acknowledged: int = 0
    """Things that had been acknowledged and had to be there."""
    lost: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


def _module(path: Path) -> ModuleType:
    if (shared := str(ROOT / "tests/shared")) not in sys.path:
        sys.path.append(shared)
    from by_path import load

    return load(path, f"kills_{path.stem}")


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): _sha(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def whole(folder: Path) -> bool:
    """Whether a folder of results is what its ``run.json`` says, file by file."""
    try:
        said = json.loads((folder / "run.json").read_text(encoding="utf-8"))["outputs"]
    except (OSError, ValueError, KeyError):
        return False
    found = _tree(folder)
    found.pop("run.json")
    return bool(found == {name: str(value).removeprefix("sha256:") for name, value in said.items()})


def _dots(folder: Path, but: Sequence[str] = ()) -> list[str]:
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob(".*")) if path.name not in but] if folder.is_dir() else []


class House:
    """The folder in which everything happens: study, patient, a finished plan, an archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tmp = folder / "tmp"
        self.tmp.mkdir(parents=True)
        # What the commands put into the temporary folder is looked for there; compiled functions stay in the user's cache.
        self.environment = os.environ | {"TMPDIR": str(self.tmp), "OMP_NUM_THREADS": "1"}
        self.study, self.patient = _module(ROOT / "tests/web/small.py").write_small(folder / "given")
        self._spent: dict[str, tuple[float, float]] = {}

    def command(self, *words: str) -> list[str]:
        """The command line of one of our commands."""
        return [sys.executable, "-P", "-m", "neorlt.cli", *words]

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        return subprocess.Popen(self.command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment,
                                cwd=self.folder, start_new_session=True)  # fmt: skip

    def done(self, *words: str) -> str:
        """Run a command to its end; its standard output."""
        found = subprocess.run(self.command(*words), capture_output=True, text=True, env=self.environment, cwd=self.folder, check=False)
        if found.returncode != 0:
            raise RuntimeError(f"{words[:2]} ended with {found.returncode}: {found.stderr}")
        return found.stdout

    def temporary(self) -> list[str]:
        """What lies in the temporary folder though nobody works."""
        return [f"tmp/{path.name}" for path in sorted(self.tmp.iterdir())]

    def kill_somewhere(self, name: str, rng: random.Random, process: subprocess.Popen[bytes], began: Callable[[], bool]) -> float:
        """Kill a process at a drawn moment and return it; ``began``: whether its hidden folder is there.

        The first run of each name is not killed but timed.
        """
        started = time.monotonic()
        total, lead = self._spent[name]
        late = rng.random() < 0.5
        moment = rng.uniform(0.0, 1.05 * (total - lead if late else total))
        if late:
            while not began() and process.poll() is None and time.monotonic() - started < PATIENCE_S:
                time.sleep(0.002)
            time.sleep(moment)
        else:
            time.sleep(moment)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        return time.monotonic() - started

    def timed(self, name: str, start: Callable[[], subprocess.Popen[bytes]], began: Callable[[], bool]) -> None:
        """Let the work run to its end once and keep how long it takes, and how long until its hidden folder appears."""
        if name in self._spent:
            return
        started, lead = time.monotonic(), 0.0
        process = start()
        while process.poll() is None:
            if not lead and began():
                lead = time.monotonic() - started
            time.sleep(0.005)
        if process.returncode != 0:
            raise RuntimeError(f"{name} ended with {process.returncode}")
        self._spent[name] = time.monotonic() - started, lead


# ---- plan


def kill_plan(house: House, number: int, rng: random.Random) -> Kill:
    """A whole plan from images: the folder holds the old result, the new one, or (where there was none) nothing."""
    place = house.folder / "plans"
    place.mkdir(exist_ok=True)
    out = place / "out"
    words = ("plan", str(house.study), "--patient", str(house.patient), "--scheme", SCHEME, "--draws", "100", "--out")

    def began() -> bool:
        return any(place.glob(".out.neorlt-*"))

    house.timed("plan", lambda: house.start(*words, str(out)), began)
    if number % 2:
        shutil.rmtree(out, ignore_errors=True)
    elif not out.exists():
        house.done("plan", "--patient", str(house.patient), "--scheme", SCHEME, "--draws", "50", "--out", str(out))
    before = _tree(out) if out.exists() else None
    process = house.start(*words, str(out), "--seed", str(number + 2))
    kill = Kill(number, "plan", house.kill_somewhere("plan", rng, process, began), "", 1 if before else 0)
    found = _tree(out) if out.exists() else None
    kill.state = "absent" if found is None else "old" if found == before else "new"
    if found is None and before is not None:
        # Where the file system cannot exchange two folders the old one may stand aside until the next start.
        kill.state = "set aside" if _dots(place) else "gone"
    if found is not None and not whole(out):
        kill.half.append(f"{out.name} right after the kill")
    # The next start: the shortest plan into the same folder.
    house.done("plan", "--patient", str(house.patient), "--scheme", SCHEME, "--draws", "50", "--out", str(out))
    if not whole(out):
        kill.lost.append("the folder after the next start")
    kill.hidden += [*_dots(place), *house.temporary()]
    return kill


# ---- the server


class Server:
    """``neorlt serve`` on a folder of cases, with one browser's session that lasts over its kills."""

    def __init__(self, house: House, name: str, shared: Path | None = None) -> None:
        self.house, self.root = house, house.folder / name
        self.shared = shared
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.cookies = httpx.Cookies()
        self.csrf = ""

    def up(self) -> None:
        """Start it and take its page's token."""
        self.port = _module(ROOT / "tests/dicom/orthanc.py").free_port()
        words = ["serve", "--cases", str(self.root), "--port", str(self.port)]
        self.process = self.house.start(*words, *([] if self.shared is None else ["--plan", str(self.shared)]))
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                page = httpx.get(f"{self.url}/", cookies=self.cookies, timeout=20)
                break
            except httpx.HTTPError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the server did not start") from None
                time.sleep(0.05)
        if page.cookies:
            self.cookies = page.cookies
        found = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert found
        self.csrf = found.group(1)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Signal 9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def down(self) -> None:
        """A polite end."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def get(self, path: str) -> httpx.Response:
        """Ask as the browser that made the cases."""
        return httpx.get(self.url + path, cookies=self.cookies, timeout=60)

    def post(self, path: str, **content: Any) -> httpx.Response:
        """Send as that browser."""
        return httpx.post(self.url + path, cookies=self.cookies, headers={"x-csrf-token": self.csrf}, timeout=60, **content)

    def upload(self, title: str, patient: bytes, study: bytes | None = None) -> str | None:
        """Upload a case; its name once it is acknowledged."""
        files = {"patient": ("patient.toml", patient)} | ({} if study is None else {"study": ("study.zip", study)})
        answer = self.post("/cases", data={"title": title}, files=files)
        return answer.headers["location"].rsplit("/", 1)[1] if answer.status_code == 303 else None

    def status(self, name: str) -> str:
        """What the disk says of a case."""
        try:
            return str(json.loads((self.root / "cases" / name / "case.json").read_text())["status"])
        except (OSError, ValueError):
            return "unreadable"

    def wait_for(self, name: str, *states: str) -> str:
        """Wait until a case is in one of some states; the state that it is in."""
        until = time.monotonic() + PATIENCE_S
        while (now := self.status(name)) not in states and time.monotonic() < until:
            time.sleep(0.02)
        return now

    def judge(self, kill: Kill, given: dict[str, dict[str, str]]) -> None:
        """After the next start: every acknowledged case is listed with what was uploaded, every result is whole, nothing is hidden."""
        for name, files in given.items():
            if self.get(f"/cases/{name}/status").status_code != 200:
                kill.lost.append(f"case {name[:6]} is not shown")
            elif _tree(self.root / "cases" / name / "input") != files:
                kill.lost.append(f"case {name[:6]} is not what was uploaded")
        for folder in (self.root / "cases").iterdir():
            if folder.name.startswith("."):
                continue
            if not (folder / "manifest.json").is_file() or self.get(f"/cases/{folder.name}").status_code != 200:
                kill.half.append(f"a case {folder.name[:6]} that is not whole")
            done = self.status(folder.name) == "done"
            if (folder / "result").exists() and not whole(folder / "result"):
                kill.half.append(f"the result of {folder.name[:6]}")
            if done and not (folder / "result").exists():
                kill.lost.append(f"the result of {folder.name[:6]}")
        kill.hidden += [*_dots(self.root, (".secret",)), *self.house.temporary()]

    def empty(self) -> None:
        """Remove the cases, so that the next kill begins with none."""
        for folder in (self.root / "cases").iterdir():
            shutil.rmtree(folder, ignore_errors=True)


def _zip(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return stream.getvalue()


def kill_upload(house: House, number: int, rng: random.Random) -> Kill:
    """The server dies while three clients upload and it unpacks and queues."""
    server = Server(house, "upload")
    server.up()
    study = _zip(house.study)
    unpacked = sorted(_sha(path) for path in house.study.rglob("*") if path.is_file())
    given: dict[str, dict[str, str]] = {}
    stop = threading.Event()

    def client(who: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            text = f"# {number} {who} {turn}\n".encode() + house.patient.read_bytes()
            with contextlib.suppress(httpx.HTTPError):
                if (name := server.upload(f"kill {number}", text, study)) is not None:
                    given[name] = {"patient.toml": hashlib.sha256(text).hexdigest()}

    threads = [threading.Thread(target=client, args=(who,)) for who in range(3)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    if rng.random() < 0.5:
        while not given and time.monotonic() - started < PATIENCE_S:
            time.sleep(0.005)
        house._spent["upload"] = (time.monotonic() - started, 0.0)
    time.sleep(rng.uniform(0.0, house._spent.get("upload", (2.0, 0.0))[0]))
    server.kill()
    moment = time.monotonic() - started
    stop.set()
    for thread in threads:
        thread.join()
    hidden = _dots(server.root, (".secret",))
    kill = Kill(number, "upload", moment, f"{len(given)} acknowledged, {len(hidden)} hidden entries", len(given))
    server.up()
    try:
        for name, files in given.items():
            # Files of an archive get numbers for names: they are compared by content.
            inside = _tree(server.root / "cases" / name / "input")
            if sorted(value for key, value in inside.items() if key != "patient.toml") == unpacked:
                files.update({key: value for key, value in inside.items() if key != "patient.toml"})
        server.kill()  # before its job writes: what a start leaves is judged, not what a running job holds
        server.up()
        _quiet(server)
        server.judge(kill, given)
    finally:
        server.kill()
    server.empty()
    return kill


def _quiet(server: Server) -> None:
    """Stop the jobs that a start takes up again, so that what they hold is not taken for a leftover."""
    for folder in (server.root / "cases").iterdir():
        if re.fullmatch(r"[0-9a-f]{32}", folder.name) and server.status(folder.name) in ("queued", "running"):
            server.post(f"/cases/{folder.name}/cancel")
    for folder in (server.root / "cases").iterdir():
        if re.fullmatch(r"[0-9a-f]{32}", folder.name):
            server.wait_for(folder.name, "done", "failed", "cancelled", "interrupted")


def _job(house: House, server: Server, number: int) -> tuple[str, dict[str, str], bytes]:
    """A case with images whose job runs."""
    text = f"# {number}\n".encode() + house.patient.read_bytes()
    name = server.upload(f"kill {number}", text, _zip(house.study))
    assert name is not None
    files = _tree(server.root / "cases" / name / "input")
    server.wait_for(name, "running", "done", "failed")
    return name, files, text


def _time_job(house: House) -> None:
    if "run" in house._spent:
        return
    server = Server(house, "run")
    server.up()
    try:
        name, _, _ = _job(house, server, -1)
        started, lead = time.monotonic(), 0.0
        while server.status(name) == "running":
            if not lead and any((server.root / "cases" / name).glob(".result.neorlt-*")):
                lead = time.monotonic() - started
            time.sleep(0.01)
        if server.status(name) != "done":
            raise RuntimeError(f"the job ended {server.status(name)}: {(server.root / 'cases' / name / 'case.json').read_text()}")
        house._spent["run"] = time.monotonic() - started, lead
    finally:
        server.down()
    server.empty()


def kill_run(house: House, number: int, rng: random.Random) -> Kill:
    """The server dies while a job runs; the worker goes with it."""
    _time_job(house)
    server = Server(house, "run")
    server.up()
    name, files, _ = _job(house, server, number)
    folder = server.root / "cases" / name
    assert server.process is not None
    moment = house.kill_somewhere("run", rng, server.process, lambda: any(folder.glob(".result.neorlt-*")))
    kill = Kill(number, "run", moment, server.status(name) + (", result there" if (folder / "result").exists() else ""), 1)
    _wait_for_workers(folder)
    return _judged(server, kill, {name: files})


def _judged(server: Server, kill: Kill, given: dict[str, dict[str, str]]) -> Kill:
    """What the next start leaves of a kill."""
    server.up()
    try:
        _quiet(server)
        server.judge(kill, given)
    finally:
        server.kill()
    server.empty()
    return kill


def _workers(folder: Path) -> list[int]:
    """Processes that were started with this case's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if str(folder).encode() in words and b"neorlt.web.worker" in words:
                    found.append(int(entry.name))
    return found


def _wait_for_workers(folder: Path) -> None:
    until = time.monotonic() + 20
    while _workers(folder) and time.monotonic() < until:
        time.sleep(0.05)
    if _workers(folder):
        raise RuntimeError("a worker outlives its server")


def kill_worker(house: House, number: int, rng: random.Random) -> Kill:
    """The worker alone dies: the server says so, keeps the input, and its next start is clean."""
    _time_job(house)
    server = Server(house, "run")
    server.up()
    name, files, _ = _job(house, server, number)
    folder = server.root / "cases" / name
    total, lead = house._spent["run"]
    started = time.monotonic()
    late = rng.random() < 0.5
    while late and not any(folder.glob(".result.neorlt-*")) and server.status(name) == "running":
        time.sleep(0.005)
    time.sleep(rng.uniform(0.0, total - lead if late else total))
    for pid in _workers(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    moment = time.monotonic() - started
    state = server.wait_for(name, "failed", "done")
    kill = Kill(number, "worker", moment, state, 1)
    if state == "failed" and "ended from outside" not in json.loads((folder / "case.json").read_text())["message"]:
        kill.lost.append("the reason")
    if state not in ("failed", "done"):
        kill.lost.append(f"the case stays {state}")
    if (folder / "result").exists() and not whole(folder / "result"):
        kill.half.append("the result right after the kill")
    server.down()
    return _judged(server, kill, {name: files})


def kill_sign(house: House, number: int, rng: random.Random) -> Kill:
    """The server dies while two clients sign a shared plan."""
    plan = house.folder / "signed" / "plan"
    if not plan.exists():
        house.done("plan", "--patient", str(house.patient), "--scheme", SCHEME, "--draws", "50", "--out", str(plan))
    server = Server(house, "sign", plan)
    server.up()
    before = [entry.get("name") for entry in server.get("/cases/shared-plan/audit.json").json()]
    signed: list[str] = []

    def client(who: int) -> None:
        with contextlib.suppress(httpx.HTTPError):
            for turn in range(10_000):
                text = f"Dr {number} {who} {turn}"
                if server.post("/cases/shared-plan/sign", data={"signer": text}).status_code == 200:
                    signed.append(text)

    threads = [threading.Thread(target=client, args=(who,)) for who in range(2)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    late = rng.random() < 0.5
    while late and not signed and time.monotonic() - started < PATIENCE_S:
        time.sleep(0.005)
    time.sleep(rng.uniform(0.0, 1.5))
    server.kill()
    moment = time.monotonic() - started
    for thread in threads:
        thread.join()
    kill = Kill(number, "sign", moment, f"{len(signed)} acknowledged", len(signed) + len(before))
    server.up()
    try:
        after = [entry.get("name") for entry in server.get("/cases/shared-plan/audit.json").json()]
        kill.lost += [f"the signature {text}" for text in (*before, *signed) if text not in after]
        if len(after) - len(before) - len(signed) > 2:
            kill.half.append("more signatures than were given")
        server.judge(kill, {})
    finally:
        server.kill()
    return kill


# ---- the archive


def _archive_study(house: House) -> tuple[list[Path], str]:
    """90 CT slices of a study of their own."""
    folder = house.folder / "ninety"
    source = sorted((house.study / "ct").glob("*.dcm"))
    uid = f"{pydicom.dcmread(source[0], stop_before_pixels=True).StudyInstanceUID[:50]}.9"
    if not folder.exists():
        folder.mkdir()
        for n in range(90):
            one = pydicom.dcmread(source[n % len(source)])
            one.StudyInstanceUID, one.SeriesInstanceUID = uid, f"{uid}.1"
            one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{uid}.1.{n}"
            one.save_as(folder / f"{n:03d}.dcm")
    return sorted(folder.glob("*.dcm")), uid


def kill_fetch(house: House, number: int, rng: random.Random) -> Kill:
    """``pacs fetch`` dies: what was fetched before stays, and the study is there whole or not at all."""
    with _archive(house) as archive:
        files, uid = _archive_study(house)
        if not house.__dict__.get("sent"):
            house.done("pacs", "send", str(files[0].parent), "--pacs", archive.dimse)
            house.done("pacs", "send", str(house.study / "ct"), "--pacs", archive.dimse)
            house.__dict__["sent"] = True
        first = str(pydicom.dcmread(next((house.study / "ct").glob("*.dcm")), stop_before_pixels=True).StudyInstanceUID)
        place = house.folder / "fetched"
        place.mkdir(exist_ok=True)
        out = place / "out"
        address = (archive.dimse, archive.web)[number % 2]
        words = ("pacs", "fetch", uid, "--pacs", address, "--out")

        def began() -> bool:
            return any(place.glob(".out.neorlt-*"))

        house.timed(f"fetch {number % 2}", lambda: house.start(*words, str(place / "timed")), lambda: any(place.glob(".timed.neorlt-*")))
        shutil.rmtree(place / "timed", ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)
        house.done("pacs", "fetch", first, "--pacs", address, "--out", str(out))
        before = _tree(out / first)
        process = house.start(*words, str(out))
        kill = Kill(number, "fetch", house.kill_somewhere(f"fetch {number % 2}", rng, process, began), "", len(before))
        kill.state = "new" if (out / uid).exists() else "old"
        if not whole(out):
            kill.half.append("the folder right after the kill")
        house.done(*words, str(out))
        if _tree(out / first) != before:
            kill.lost.append("the study fetched before")
        if not whole(out) or len(list((out / uid).glob("*"))) != len(files):
            kill.half.append("the folder after the next start")
        kill.hidden += [*_dots(place), *house.temporary()]
        return kill


def kill_send(house: House, number: int, rng: random.Random) -> Kill:
    """``pacs send`` dies: the archive holds whole objects alone, and sending again ends with all of them there and the same."""
    with _archive(house) as archive:
        files, uid = _archive_study(house)
        address = (archive.dimse, archive.web)[number % 2]
        words = ("pacs", "send", str(files[0].parent), "--pacs", address)
        _forget(archive, uid)
        house.timed(f"send {number % 2}", lambda: house.start(*words), lambda: bool(_held(archive, uid)))
        _forget(archive, uid)
        house.__dict__["sent"] = False
        process = house.start(*words)
        moment = house.kill_somewhere(f"send {number % 2}", rng, process, lambda: bool(_held(archive, uid)))
        held = _held(archive, uid)
        kill = Kill(number, "send", moment, f"{held} of {len(files)} in the archive", held)
        said = json.loads(house.done(*words, "--json"))
        if said["kept"] < held:
            kill.lost.append(f"{held - said['kept']} objects that the archive held")
        if said["sent"] + said["kept"] != len(files) or said["missing"] or _held(archive, uid) != len(files):
            kill.lost.append(f"{len(files) - said['sent'] - said['kept']} objects after sending again")
        if said["conflicts"] or said["refused"]:
            kill.half.append(f"{len(said['conflicts'])} objects in the archive differ from ours")
        kill.hidden += [*_dots(files[0].parent), *house.temporary()]
        return kill


_running: dict[Path, tuple[contextlib.ExitStack, Any]] = {}


@contextlib.contextmanager
def _archive(house: House) -> Iterator[Any]:
    """The house's Orthanc: started when it is first needed, ended with the house."""
    if house.folder not in _running:
        stack = contextlib.ExitStack()
        _running[house.folder] = stack, stack.enter_context(_module(ROOT / "tests/dicom/orthanc.py").running(house.folder / "archive"))
    yield _running[house.folder][1]


def _rest(archive: Any, study: str) -> list[str]:
    found = httpx.post(f"{archive.rest}/tools/find", json={"Level": "Study", "Query": {"StudyInstanceUID": study}}, timeout=60).json()
    return [str(one) for one in found]


def _held(archive: Any, study: str) -> int:
    return sum(len(httpx.get(f"{archive.rest}/studies/{one}/instances", timeout=60).json()) for one in _rest(archive, study))


def _forget(archive: Any, study: str) -> None:
    for one in _rest(archive, study):
        httpx.delete(f"{archive.rest}/studies/{one}", timeout=60)


WORK = {"plan": kill_plan, "upload": kill_upload, "run": kill_run, "sign": kill_sign, "worker": kill_worker, "fetch": kill_fetch,
        "send": kill_send}  # fmt: skip


def report(rows: Sequence[dict[str, Any]], seed: int) -> str:
    """The part of docs/fuzz.md."""
    lines = [
        START, "", "## Killed at random moments", "",
        f"`validation/disk_kills.py`: signal 9 at {len(rows)} random moments (seed {seed}), then the same work started again. *Lost*: "
        "something acknowledged",
        "(an uploaded case, a signature, a result, a study fetched before, an object in the archive) that is gone or changed. *Half*: a "
        "result that is",
        "neither old, new nor absent. *Hidden*: an entry that the next start left behind. Half the kills of plan, run, worker, fetch and "
        "send fall after", "their hidden folder (or their first object in the archive) appeared, half of those of upload and sign "
        "after the first acknowledgement.", "",
        "| work | kills | acknowledged | lost | half | hidden | what the kills met |", "| --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for kind in KINDS:
        mine = [row for row in rows if row["kind"] == kind]
        if mine:
            counts = [sum(len(row[key]) for row in mine) for key in ("lost", "half", "hidden")]
            lines.append(f"| {kind} | {len(mine)} | {sum(row['acknowledged'] for row in mine)} | {' | '.join(map(str, counts))} "
                         f"| {_met(kind, mine)} |")
    bad = [row for row in rows if row["lost"] or row["half"] or row["hidden"]]
    lines += ["", "No failure." if not bad else "Failures:", ""]
    lines += [f"- kill {row['number']} ({row['kind']}): {'; '.join([*row['lost'], *row['half'], *row['hidden']])}" for row in bad]
    return "\n".join([*lines, *([""] if bad else []), END, ""])


def _met(kind: str, rows: Sequence[dict[str, Any]]) -> str:
    """How often each state stood there right after the kill."""
    if kind in ("upload", "sign", "send"):
        count = [int(re.match(r"\d+", row["state"]).group()) for row in rows]  # type: ignore[union-attr]
        return f"{min(count)} to {max(count)} {'objects in the archive' if kind == 'send' else 'acknowledged in a kill'}"
    states = [row["state"] for row in rows]
    return ", ".join(f"{state}: {states.count(state)}" for state in sorted(set(states)))


def write_page(text: str, page: Path) -> None:
    """Put the part into the page, which keeps all others."""
    old = page.read_text(encoding="utf-8") if page.is_file() else "# Mutated studies\n"
    if START in old:
        head, rest = old.split(START, 1)
        page.write_text(head + text.rstrip("\n") + rest.split(END, 1)[1], encoding="utf-8")
    else:
        page.write_text(old.rstrip("\n") + "\n\n" + text, encoding="utf-8")


def main(kills: int = 200, seed: int = SEED, kinds: Sequence[str] = ROTA, out: Path | None = None, page: Path | None = None) -> int:
    """Kill until ``kills`` are in the file; 1 where something was lost, half or left."""
    out, page = out or OUT, page or PAGE
    held: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {"seed": seed, "kills": []}
    if held["seed"] != seed:
        held = {"seed": seed, "kills": []}
    rows: list[dict[str, Any]] = held["kills"]
    with tempfile.TemporaryDirectory(prefix="neorlt-kills-") as folder:
        house = House(Path(folder))
        try:
            for number in range(len(rows), kills):
                kind = kinds[number % len(kinds)]
                # Which of its kind it is picks the address, or whether there is an old result.
                of_kind = sum(row["kind"] == kind for row in rows)
                row = asdict(WORK[kind](house, of_kind, random.Random(f"{seed} {number}"))) | {"number": number}
                rows.append(row)
                print(f"{number:4d} {kind:7s} {row['moment_s']:6.2f} s  {row['state']:40s} {row['lost'] + row['half'] + row['hidden']}",
                      flush=True)  # fmt: skip
                out.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
                write_page(report(rows, seed), page)
        finally:
            stack, _ = _running.pop(house.folder, (None, None))
            if stack is not None:
                stack.close()
    return int(any(row["lost"] or row["half"] or row["hidden"] for row in rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how many in all; a later run goes on where the last one ended")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(ROTA))
    arguments = parser.parse_args()
    sys.exit(main(arguments.kills, arguments.seed, arguments.kinds))
