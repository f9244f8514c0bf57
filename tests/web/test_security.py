from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from neorlt.core.errors import InputError
from neorlt.web.app import create_app
from neorlt.web.archive import unpack
from neorlt.web.settings import Settings

from .conftest import Browser

TOKEN = "a-token-of-thirty-two-characters"


def _zip(*entries: tuple[str, bytes], mode: int = 0) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    stream.seek(0)
    return stream


def _create(browser: Browser, study: io.BytesIO | None = None) -> str:
    files = {"patient": ("patient.toml", b'id = "x"')}
    if study is not None:
        files["study"] = ("study.zip", study.getvalue())
    answer = browser.client.post("/cases", headers=browser.headers, data={"title": "A case"}, files=files, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_sessions_do_not_see_each_others_cases(app: ASGIApp) -> None:
    mine, other = Browser(app).open(), Browser(app).open()
    address = _create(mine)
    assert mine.client.get(address).status_code == 200
    for path in ("", "/status", "/plan.json", "/report.html", "/audit.json"):
        assert other.client.get(address + path).status_code == 404
    assert other.client.post(f"{address}/sign", headers=other.headers, data={"signer": "Mallory"}).status_code == 404
    assert address not in other.client.get("/").text


def test_a_forged_cookie_is_a_new_session(app: ASGIApp) -> None:
    mine = Browser(app).open()
    address = _create(mine)
    name, admitted, issued, own, signature = mine.client.cookies["neorlt_session"].split(".")
    thief = Browser(app)
    for cookie in (
        f"{name}.{admitted}.{issued}.{'0' * 64}.{signature}", f"{name}.{admitted}", f"{name}.1.{issued}.{own[:-1]}x.{signature}",
        f"x{name}.1.{issued}.{own}.{signature}",
    ):
        thief.client.cookies.set("neorlt_session", cookie)
        assert thief.client.get(address).status_code == 404


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_changing_anything_needs_the_sessions_own_token(browser: Browser, token: str | None) -> None:
    headers = {} if token is None else {"x-csrf-token": token}
    answer = browser.client.post("/cases/shared-example/sign", headers=headers, data={"signer": "Mallory"})
    assert answer.status_code == 403
    assert browser.client.get("/cases/shared-example/audit.json").json() == []


def test_token_of_another_session_does_not_count(app: ASGIApp) -> None:
    one, two = Browser(app).open(), Browser(app).open()
    assert one.client.post("/cases/shared-example/sign", headers=two.headers, data={"signer": "M"}).status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}])
def test_request_from_another_page_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    answer = browser.client.post("/cases/shared-example/sign", headers={**browser.headers, **headers}, data={"signer": "Dr M"})
    assert answer.status_code == 403


def test_another_host_name_is_refused(browser: Browser) -> None:
    assert browser.client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert browser.client.get("/", headers={"host": "localhost:8000"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/cases/shared-example", "/cases/nothing", "/static/page.js", "/page.css"])
def test_every_answer_carries_the_policies(browser: Browser, path: str) -> None:
    headers = browser.client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline'" not in headers["content-security-policy"].split("style-src-attr")[0]
    assert "unsafe-eval'" not in headers["content-security-policy"].replace("wasm-unsafe-eval", "")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_cookie_is_out_of_reach_of_scripts_and_other_pages(app: ASGIApp) -> None:
    cookie = Browser(app).client.get("/").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize(
    "path",
    [
        "/cases/..%2f..%2fetc",
        "/cases/%2e%2e/plan.json",
        "/cases/shared-../plan.json",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/cases/shared-example/volumes/..%2fplan.json.nii.gz",
        "/cases/shared-example/volumes/%2e%2e%2f%2e%2e.nii.gz",
    ],
)
def test_no_path_leads_outside(browser: Browser, path: str) -> None:
    assert browser.client.get(path).status_code == 404


def test_body_over_the_limit_is_refused_stated_or_not(browser: Browser) -> None:
    big = b"0" * 3_100_000
    assert browser.client.post("/cases", headers=browser.headers, files={"study": ("s.zip", big)}, data={"title": "x"}).status_code == 413

    def chunks():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield big[:100_000]

    headers = {**browser.headers, "content-type": "multipart/form-data; boundary=x"}
    assert browser.client.post("/cases", headers=headers, content=chunks()).status_code in (400, 413)


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "a/../../b", "C:\\x", "a\x00b"])
def test_names_in_an_archive_are_thrown_away(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in" / "study"
    assert unpack(_zip((name, b"x"), ("b", b"y")), folder, Settings(tmp_path)) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["000001", "000002"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["000001", "000002", "in", "study"]


def test_settings_of_a_study_keep_their_name(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    unpack(_zip(("a/b/settings.toml", b"psf_fwhm_mm = 9"), ("a/1.dcm", b"x")), folder, Settings(tmp_path))
    assert sorted(path.name for path in folder.iterdir()) == ["000002", "settings.toml"]
    with pytest.raises(InputError, match="twice"):
        unpack(_zip(("settings.toml", b"a"), ("b/settings.toml", b"b")), tmp_path / "two", Settings(tmp_path))


@pytest.mark.parametrize(
    ("archive", "limits", "message"),
    [
        (lambda: _zip(("a", b"\0" * 30_000_000)), {}, "unpacked over packed"),
        (lambda: _zip(("a", b"12345678"), ("b", b"12345678")), {"max_unpacked_bytes": 10}, "unpacked bytes"),
        (lambda: _zip(*((str(i), b"x") for i in range(60))), {"max_files": 50}, "files"),
        (lambda: _zip(("link", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), {}, "link"),
        (lambda: _zip(), {}, "empty"),
        (lambda: io.BytesIO(b"not a zip"), {}, "not a ZIP"),
        (lambda: io.BytesIO(_zip(("a", b"x" * 1000)).getvalue()[:60]), {}, "not a ZIP"),
    ],
    ids=["bomb", "large", "many", "link", "empty", "no-zip", "cut"],
)
def test_bad_archive_is_refused_and_leaves_nothing(tmp_path: Path, archive, limits: dict[str, int], message: str) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "study"
    with pytest.raises(InputError, match=message):
        unpack(archive(), folder, Settings(tmp_path, **limits))  # type: ignore[arg-type]
    assert not folder.exists()


def test_bad_archive_over_the_page_says_why(browser: Browser) -> None:
    files = {"patient": ("p.toml", b"id='x'"), "study": ("s.zip", b"not a zip at all")}
    answer = browser.client.post("/cases", headers=browser.headers, data={"title": "x"}, files=files)
    assert answer.status_code == 422
    assert "ZIP" in answer.text


def test_title_with_markup_is_refused(browser: Browser) -> None:
    answer = browser.client.post("/cases", headers=browser.headers, data={"title": "<script>"}, files={"patient": ("p.toml", b"id='x'")})
    assert answer.status_code == 422


def test_other_address_than_loopback_needs_token_and_encryption(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a token"):
        Settings(tmp_path, host="0.0.0.0")
    with pytest.raises(InputError, match="unencrypted"):
        Settings(tmp_path, host="192.168.1.4", token=TOKEN)
    with pytest.raises(InputError, match="too short"):
        Settings(tmp_path, token="short")
    assert Settings(tmp_path, host="::1").on_loopback
    settings = Settings(tmp_path, host="0.0.0.0", token=TOKEN, certificate=tmp_path / "c", key=tmp_path / "k")
    assert TOKEN not in repr(settings)


def test_with_a_token_nothing_is_shown_before_it_is_given(tmp_path: Path, shared_folder: Path) -> None:
    app = create_app(Settings(tmp_path / "root", token=TOKEN, shared=(("example", shared_folder),)))
    visitor = Browser(app)
    assert visitor.client.get("/", headers={"accept": "text/html"}).status_code == 401
    assert visitor.client.get("/cases/shared-example/plan.json").status_code == 401
    assert visitor.client.post("/login", data={"token": "wrong"}).status_code == 401
    before = visitor.client.cookies.get("neorlt_session")
    answer = visitor.client.post("/login", data={"token": TOKEN}, follow_redirects=False)
    assert answer.status_code == 303
    # A session that someone fixed beforehand is not the one that is let in.
    assert visitor.client.cookies["neorlt_session"] != before
    assert visitor.client.get("/cases/shared-example/plan.json").status_code == 200


def test_the_secret_is_readable_by_its_owner_only(app: ASGIApp, settings: Settings) -> None:
    assert stat.S_IMODE((settings.root / ".secret").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "path", ["/view.json", "/fhir.json", "/report.pdf", "/volumes/dose.nii.gz", "/plan.json", "/report.html", "/audit.json", "/status", ""]
)
def test_every_door_of_a_foreign_case_is_closed(app: ASGIApp, settings: Settings, path: str) -> None:
    from neorlt.web.store import Status, Store

    mine, other = Browser(app).open(), Browser(app).open()
    address = _create(mine)
    name = address.rsplit("/", 1)[1]
    store = Store(settings)
    owner = next(case for case in store._all() if case.name == name)
    owner.result.mkdir()
    for file in ("plan.json", "report.html"):
        (owner.result / file).write_text("{}")
    store.set_status(owner, Status.DONE)
    assert other.client.get(address + path).status_code == 404
    sliders = {"nuclide": "Lu-177", "cycles": "2", "activity_gbq": "7", "interval_weeks": "8", "surgery_weeks": "12", "sensitiser": "none"}
    assert other.client.post(f"{address}/predict", headers=other.headers, data=sliders).status_code == 404
    other.client.post(f"{address}/again", headers=other.headers)
    found = store.get(name, owner.owner or "")
    assert found is not None
    assert found.status is Status.DONE


def test_over_tls_the_cookie_is_secure_and_the_browser_is_told_to_stay(tmp_path: Path) -> None:
    import os
    import shutil
    import signal
    import ssl
    import subprocess
    import sys

    import httpx

    from .live import free_port, wait_for_port

    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed (apt-get install openssl)")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", "from neorlt.cli import main; main()", "serve", "--cases", str(tmp_path / "root"), "--port", str(port),
         "--certificate", str(certificate), "--key", str(key)], env={**os.environ, "NEORLT_TOKEN": TOKEN},
    )  # fmt: skip
    try:
        wait_for_port(port, process)
        trusted = ssl.create_default_context(cafile=certificate)
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted, timeout=60) as client:
            assert client.get("/", headers={"accept": "text/html"}).status_code == 401
            answer = client.post("/login", data={"token": TOKEN}, follow_redirects=False)
            assert answer.status_code == 303
            assert "secure" in answer.headers["set-cookie"].lower()
            assert client.get("/").headers["strict-transport-security"].startswith("max-age=")
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/", timeout=20)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    # The token is not among what other users of the machine can read.
    assert TOKEN not in " ".join(map(str, process.args))  # type: ignore[arg-type]
