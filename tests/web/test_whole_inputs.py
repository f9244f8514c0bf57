"""What was uploaded is what is used; what was signed is what is shown; who left is out; who is slow waits for nobody."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from neorlt.core.errors import InputError
from neorlt.web.app import create_app
from neorlt.web.archive import unpack
from neorlt.web.jobs import Jobs
from neorlt.web.serve import make_settings
from neorlt.web.session import Sessions
from neorlt.web.settings import Settings
from neorlt.web.store import MANIFEST, Case, Status, Store, check_input

from .conftest import Browser
from .live import free_port, wait_for_port

TOKEN = "a-token-of-thirty-two-characters"


def _zip(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _post(browser: Browser, study: bytes | None = None) -> httpx.Response:
    files = {"patient": ("patient.toml", b'id = "x"')} | ({} if study is None else {"study": ("study.zip", study)})
    return browser.client.post("/cases", headers=browser.headers, data={"title": "A case"}, files=files, follow_redirects=False)


def test_a_refused_archive_leaves_no_case_that_could_run_on_the_rest(app: ASGIApp, settings: Settings) -> None:
    """0.1: `Start again` after a refused ZIP planned from patient.toml alone and said "Done."."""
    browser = Browser(app).open()
    answer = _post(browser, b"this is no archive")
    assert answer.status_code == 422
    assert list((settings.root / "cases").iterdir()) == []
    assert "A case" not in browser.client.get("/").text


def test_every_uploaded_file_stands_in_the_manifest(app: ASGIApp, settings: Settings) -> None:
    browser = Browser(app).open()
    assert _post(browser, _zip(a=b"one", b=b"two")).status_code == 303
    (folder,) = (settings.root / "cases").iterdir()
    manifest = json.loads((folder / MANIFEST).read_text())
    assert set(manifest["files"]) == {"patient.toml", "study/000001", "study/000002"}
    check_input(folder)


@pytest.mark.parametrize("damage", ["gone", "changed", "added", "no manifest", "empty manifest"])
def test_no_job_runs_on_another_input_than_was_uploaded(tmp_path: Path, damage: str) -> None:
    store = Store(Settings(tmp_path))
    case = store.create("me", "x", lambda folder: (folder / "patient.toml").write_text("id = 3") and None)
    path = case.folder / "input" / "patient.toml"
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        path.write_text("id = 4")
    elif damage == "added":
        (path.parent / "more").write_text("x")
    elif damage == "no manifest":
        (case.folder / MANIFEST).unlink()
    else:
        (case.folder / MANIFEST).write_text("")
    with pytest.raises(InputError, match="upload it again"):
        store.verify_input(case)
    done = subprocess.run([sys.executable, "-P", "-m", "neorlt.web.worker", str(case.folder)], capture_output=True, text=True,
                          stdin=subprocess.PIPE, input=None, timeout=60)
    assert done.returncode in (2, 3)
    assert not (case.folder / "result").exists()


def test_kill_while_a_case_is_made_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    script = f"""
import time
from pathlib import Path
from neorlt.web.settings import Settings
from neorlt.web.store import Store
def fill(folder):
    (folder / "patient.toml").write_text("half")
    print("filling", flush=True)
    time.sleep(60)
Store(Settings(Path({str(root)!r}))).create("me", "x", fill)
"""
    process = subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    store = Store(Settings(root))
    assert store.of("me") == []
    assert store.mark_interrupted() == []
    assert list((root / "cases").iterdir()) == []


def test_two_shared_plans_of_one_name_are_both_listed_and_sign_apart(tmp_path: Path, shared_folder: Path) -> None:
    """0.1: `--plan A/out --plan B/out` listed one of them, and a signature of one showed under the other."""
    for name in ("A", "B"):
        shutil.copytree(shared_folder, tmp_path / name / "out")
    plan = json.loads((tmp_path / "B" / "out" / "plan.json").read_text())
    (tmp_path / "B" / "out" / "plan.json").write_text(json.dumps(plan | {"seed": 99}))
    settings = make_settings(tmp_path / "root", "127.0.0.1", 8000, None, None, (tmp_path / "A" / "out", tmp_path / "B" / "out"))
    browser = Browser(create_app(settings)).open()
    page = browser.client.get("/").text
    assert "/cases/shared-out" in page
    assert "/cases/shared-out-2" in page
    assert browser.client.post("/cases/shared-out-2/sign", headers=browser.headers, data={"signer": "Dr B"}).status_code == 200
    assert browser.client.get("/cases/shared-out/audit.json").json() == []
    assert [entry["name"] for entry in browser.client.get("/cases/shared-out-2/audit.json").json()] == ["Dr B"]


def test_a_signature_shows_only_where_its_hashes_match(tmp_path: Path, shared_folder: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(shared_folder, folder)
    app = create_app(Settings(tmp_path / "root", shared=(("out", folder),)))
    browser = Browser(app).open()
    browser.client.post("/cases/shared-out/sign", headers=browser.headers, data={"signer": "Dr Early"})
    browser.client.post("/cases/shared-out/board", headers=browser.headers,
                        data={"choice": "4 cycles, then restage", "reasons": "SMV contact", "members": "A, B"})
    page = browser.client.get("/cases/shared-out").text
    assert "Dr Early" in page
    assert "4 cycles, then restage" in page
    report = folder / "report.html"
    report.write_text(report.read_text() + "<!-- another run -->")
    page = browser.client.get("/cases/shared-out").text
    assert "Dr Early" not in page
    assert "another version of this report" in page
    assert len(browser.client.get("/cases/shared-out/audit.json").json()) == 2  # nothing is lost


def test_a_case_read_by_link_cannot_be_changed(app: ASGIApp, settings: Settings) -> None:
    owner, other = Browser(app).open(), Browser(app).open()
    address = _post(owner).headers["location"]
    assert other.client.get(address).status_code == 404
    text = owner.client.post(f"{address}/share", headers=owner.headers).text
    link = text.split('href="')[1].split('"')[0]
    assert other.client.get(link).status_code == 200
    for action in ("again", "cancel", "share"):
        assert other.client.post(f"{link}/{action}", headers=other.headers).status_code == 403
    assert other.client.post(f"{link}/delete", headers=other.headers, data={"sure": "delete"}).status_code == 403
    assert owner.client.post(f"{address}/delete", headers=owner.headers, data={"sure": "no"}).status_code == 422
    assert owner.client.post(f"{address}/delete", headers=owner.headers, data={"sure": "delete"}, follow_redirects=False).status_code == 303
    assert other.client.get(link).status_code == 404
    assert list((settings.root / "cases").iterdir()) == []


def test_search_in_titles(app: ASGIApp) -> None:
    browser = Browser(app).open()
    _post(browser)
    assert "A case" in browser.client.get("/", params={"q": "CASE"}).text
    assert "No title holds these words" in browser.client.get("/", params={"q": "nothing like it"}).text


def test_admission_ends_with_time_with_another_token_and_on_leaving(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, TOKEN, hours=1.0)
    admitted = sessions.admit(sessions.new(), TOKEN)
    assert admitted is not None
    cookie = sessions.cookie(admitted, now=1000.0)
    now = sessions.read(cookie, now=1100.0)
    late = sessions.read(cookie, now=1000.0 + 3601.0)
    assert now is not None
    assert now.admitted
    assert late is not None
    assert not late.admitted
    assert late.owner == admitted.owner  # its cases are found again after the token is given anew
    changed = Sessions(tmp_path, "another-token-of-thirty-two-chars").read(cookie, now=1100.0)
    assert changed is not None
    assert not changed.admitted
    sessions.log_out(admitted)
    left = sessions.read(sessions.cookie(admitted, now=time.time() - 5))
    assert left is not None
    assert not left.admitted
    again = sessions.admit(left, TOKEN)  # within the second of the log-out, and it holds
    assert again is not None
    back = sessions.read(sessions.cookie(again))
    assert back is not None
    assert back.admitted
    assert back.owner == admitted.owner


def test_a_cookie_of_the_first_version_finds_its_cases_and_admits_nobody(tmp_path: Path) -> None:
    secret = Sessions(tmp_path, None)._secret
    name = "a-session-of-0.1".replace(".", "-")
    first = f"{name}.1.{hmac.new(secret, f'session:{name}.1'.encode(), hashlib.sha256).hexdigest()}"
    open_to_all, by_token = Sessions(tmp_path, None).read(first), Sessions(tmp_path, TOKEN).read(first)
    assert open_to_all is not None
    assert open_to_all.admitted
    assert by_token is not None
    assert not by_token.admitted
    assert by_token.owner == open_to_all.owner
    assert Sessions(tmp_path, None).read(first[:-1] + "x") is None


def test_leaving_shuts_the_page(tmp_path: Path, shared_folder: Path) -> None:
    app = create_app(Settings(tmp_path / "root", token=TOKEN, shared=(("example", shared_folder),)))
    browser = Browser(app)
    browser.client.post("/login", data={"token": TOKEN})
    time.sleep(1.1)  # admissions count in whole seconds
    browser.open()
    assert browser.client.get("/cases/shared-example").status_code == 200
    browser.client.post("/logout", headers=browser.headers)
    assert browser.client.get("/cases/shared-example").status_code == 401


def test_a_body_is_not_read_before_its_sender_is_admitted(tmp_path: Path) -> None:
    """0.1 wrote 80 MB to the disk before the 401."""
    app = create_app(Settings(tmp_path / "root", token=TOKEN))
    sent = []

    async def receive() -> dict[str, object]:
        raise AssertionError("a byte of the body was asked for")

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"80000000")]
    scope = {"type": "http", "method": "POST", "path": "/cases", "raw_path": b"/cases", "query_string": b"", "headers": headers,
             "scheme": "http", "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 1), "http_version": "1.1", "root_path": ""}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 401
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    assert client.post("/login", content=b"token=" + b"x" * 100_000,
                       headers={"content-type": "application/x-www-form-urlencoded"}).status_code == 413


@pytest.mark.parametrize("host", ["[::1", "[", "a]b", "", "evil.example"])
def test_a_host_that_is_none_is_refused(app: ASGIApp, host: str) -> None:
    client = TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=True)
    assert client.get("/", headers={"host": host}).status_code == 421


def test_many_small_files_cannot_unfold_without_end(tmp_path: Path) -> None:
    """0.1: files below 1 MB were exempt from the ratio: 3.3 MB became 3.0 GB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number in range(200):
            archive.writestr(f"{number}", b"\0" * 1_000_000)
    settings = Settings(tmp_path / "root", max_files=1000)
    with pytest.raises(InputError, match="of the whole"):
        unpack(stream, tmp_path / "study", settings)
    assert not (tmp_path / "study").exists()


def test_a_damaged_state_is_shown_and_stops_nothing(app: ASGIApp, settings: Settings) -> None:
    browser = Browser(app).open()
    address = _post(browser).headers["location"]
    (settings.root / "cases" / address.rsplit("/", 1)[1] / "case.json").write_text('{"owner": ')
    assert "cannot be read" in browser.client.get("/").text
    again = Browser(create_app(settings))
    again.client.cookies.update(browser.client.cookies)
    assert "cannot be read" in again.client.get("/").text


def test_a_worker_that_is_killed_is_not_called_a_stopped_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neorlt.web.jobs.WORKER", (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    store = Store(Settings(tmp_path))
    jobs = Jobs(store)
    status, message = jobs._run(store.create("me", "x"))
    assert status is Status.FAILED
    assert "SIGKILL" in message
    assert "memory" in message


def test_waiting_and_running_cases_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neorlt.web.jobs.WORKER", (sys.executable, "-c", "import time; time.sleep(60)"))
    store = Store(Settings(tmp_path))
    jobs = Jobs(store)
    jobs.start()
    running, waiting, last = (store.create("me", name) for name in ("one", "two", "three"))
    for case in (running, waiting, last):
        jobs.submit(case)

    def state(case: Case) -> Status:
        found = store.get(case.name, "me")
        assert found is not None
        return found.status

    deadline = time.monotonic() + 30
    while state(running) is not Status.RUNNING and time.monotonic() < deadline:
        time.sleep(0.02)
    assert jobs.place(last) == 2
    jobs.cancel(waiting)
    assert state(waiting) is Status.CANCELLED
    assert jobs.place(last) == 1
    jobs.cancel(running)
    while state(running) is Status.RUNNING and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state(running) is Status.CANCELLED
    jobs.stop()


def test_a_stopped_job_leaves_no_hidden_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen by signals at random moments: the work folder of a job that was ended stayed in the case until the next start."""
    work = "import sys, time; from pathlib import Path; from neorlt.core.output import atomic_folder\n" \
           "with atomic_folder(Path(sys.argv[-1]) / 'result') as work:\n    (work / 'half').write_text('x'); time.sleep(60)"
    monkeypatch.setattr("neorlt.web.jobs.WORKER", (sys.executable, "-c", work))
    store = Store(Settings(tmp_path))
    jobs = Jobs(store)
    jobs.start()
    case = store.create("me", "one")
    jobs.submit(case)

    def waits_for(found: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 60
        while not found() and time.monotonic() < deadline:
            time.sleep(0.02)
        return found()

    assert waits_for(lambda: any((entry / "half").exists() for entry in case.folder.glob(".result*")))
    jobs.cancel(case)
    assert waits_for(lambda: getattr(store.get(case.name, "me"), "status", None) is Status.CANCELLED)
    assert not list(case.folder.glob(".*"))
    jobs.stop()


def test_no_module_of_the_working_folder_is_taken(tmp_path: Path) -> None:
    """0.1: a local ``dataclasses.py`` ran in the worker."""
    (tmp_path / "dataclasses.py").write_text("raise SystemExit(77)")
    store = Store(Settings(tmp_path / "root"))
    case = store.create("me", "x")
    from neorlt.web.jobs import WORKER

    done = subprocess.run([*WORKER, str(case.folder)], cwd=tmp_path, capture_output=True, input="", text=True, timeout=120)
    assert done.returncode != 77


def test_old_cases_go_and_limits_hold(tmp_path: Path) -> None:
    settings = Settings(tmp_path, max_cases_per_owner=1)
    store = Store(settings)
    case = store.create("me", "x")
    with pytest.raises(InputError, match="as many cases"):
        store.create("me", "y")
    store.create("you", "z")
    with pytest.raises(InputError, match="nearly full"):
        Store(replace(settings, min_free_bytes=10**18)).create("new", "x")
    state = json.loads((case.folder / "case.json").read_text())
    (case.folder / "case.json").write_text(json.dumps(state | {"created": "2020-01-01T00:00:00+00:00", "status": "done"}))
    Store(replace(settings, retention_days=30)).mark_interrupted()
    assert store.of("me") == []
    assert len(store.of("you")) == 1


_SERVER = """
import sys
from pathlib import Path
from neorlt.web.serve import serve
import neorlt.web.serve as module
from dataclasses import replace
made = module.make_settings
module.make_settings = lambda *a: replace(made(*a), slow_s=1.0)
serve(Path(sys.argv[1]), port=int(sys.argv[2]))
"""


def test_slow_clients_are_let_go_and_delay_nobody(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-P", "-c", _SERVER, str(tmp_path / "root"), str(port)])
    slow: list[socket.socket] = []
    try:
        wait_for_port(port, process)
        base = f"http://127.0.0.1:{port}"
        httpx.get(base + "/")
        for number in range(60):
            one = socket.create_connection(("127.0.0.1", port), timeout=5)
            one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" if number % 2 else b"G")
            slow.append(one)
        assert httpx.get(base + "/", timeout=20).status_code == 200
        deadline = time.monotonic() + 20
        for one in slow:
            one.settimeout(max(0.1, deadline - time.monotonic()))
            assert one.recv(1000) == b""  # closed by the server
        # The uploaded images are readable by the user who runs the server alone.
        assert (tmp_path / "root" / "cases").stat().st_mode & 0o077 == 0
    finally:
        for one in slow:
            one.close()
        os.kill(process.pid, signal.SIGTERM)
        process.wait(20)
