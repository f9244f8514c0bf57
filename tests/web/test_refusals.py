"""Whatever is asked wrongly or lies damaged on the server ends in one sentence, and leaves a whole state."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from neorlt.core.errors import InputError
from neorlt.web.app import create_app
from neorlt.web.archive import unpack
from neorlt.web.serve import make_settings
from neorlt.web.session import Sessions
from neorlt.web.settings import Settings
from neorlt.web.store import Case, Status, Store

from .conftest import Browser

_CASE = "/cases/shared-example"
_PAGE = {"accept": "text/html"}
_SLIDERS = {"nuclide": "Lu-177", "cycles": "4", "activity_gbq": "7.4", "interval_weeks": "8", "surgery_weeks": "12", "sensitiser": "none"}


def _upload(browser: Browser, *, study: tuple[str, bytes] | None = None, patient: bytes = b'id = "a"', title: str = "A") -> object:
    files = {"patient": ("patient.toml", patient)} | ({} if study is None else {"study": study})
    return browser.client.post("/cases", data={"title": title}, files=files, headers=browser.headers, follow_redirects=False)


@pytest.mark.parametrize(("path", "data", "sentence"), [
    ("/board", {"choice": "operate", "reasons": "x" * 10_000}, "The reasons: expected at most 2000 characters, found 10000 characters."),
    ("/board", {"choice": ""}, "The decision"),
    ("/sign", {}, "The name is missing"),
    ("/predict", {"nuclide": "Lu-177", "cycles": "40"}, "expected at most 8, found"),
])  # fmt: skip
def test_a_field_that_does_not_fit_is_named_in_a_sentence(browser: Browser, path: str, data: dict[str, str], sentence: str) -> None:
    asked = browser.client.post(f"{_CASE}{path}", data=data, headers=browser.headers | {"hx-request": "true"})
    assert asked.status_code == 422
    assert sentence in asked.text and asked.text.startswith('<p class="error"') and "detail" not in asked.text
    assert browser.client.get(f"{_CASE}/audit.json").json() == []


def test_a_search_that_is_too_long_is_answered_by_a_page(browser: Browser) -> None:
    found = browser.client.get("/", params={"q": "x" * 200}, headers=_PAGE)
    assert found.status_code == 422 and "at most 80 characters, found 200" in found.text and "<h1>" in found.text
    assert "Nothing was kept" not in found.text  # nothing was sent
    quoted = browser.client.get("/", params={"q": "\"'<b>"}, headers=_PAGE).text
    assert "No title holds these words" in quoted and "<b>" not in quoted


def test_a_file_without_a_byte_is_not_left_out_in_silence(browser: Browser) -> None:
    for sent in (_upload(browser, study=("study.zip", b"")), _upload(browser, patient=b"", study=("study.zip", _packed({"a": b"x"})))):
        assert sent.status_code == 422 and "is empty" in sent.text  # type: ignore[attr-defined]
    assert _upload(browser, title="   ").status_code == 422  # type: ignore[attr-defined]
    assert "No case" not in browser.client.get("/").text and ">A<" not in browser.client.get("/").text


def _packed(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_refused_whatever_packed_it(tmp_path: Path, method: int) -> None:
    made = io.BytesIO()
    content = bytes(range(256)) * 40
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("a.dcm", content)
    whole = made.getvalue()
    refused = 0
    for place in range(30, len(whole), max(1, len(whole) // 150)):
        damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        folder = tmp_path / f"{place}"
        try:
            unpack(io.BytesIO(damaged), folder, Settings(tmp_path))
        except InputError:
            refused += 1
            assert not folder.exists()
    assert refused > 50


def test_what_lies_damaged_is_said_and_takes_no_other_page_with_it(settings: Settings, shared_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(shared_folder, folder)
    browser = Browser(create_app(replace(settings, shared=(("example", shared_folder), ("moved", folder))))).open()
    for content, sentence in (("{", "cannot be read"), ("[1, 2]", "is none"), ("{}", "is none"), ('"plan"', "is none")):
        (folder / "plan.json").write_text(content)
        for path in ("", "/fhir.json"):
            said = browser.client.get(f"/cases/shared-moved{path}", headers=_PAGE)
            assert said.status_code == 500 and sentence in said.text and "<h1>" in said.text
    shutil.rmtree(folder)
    page = browser.client.get("/", headers=_PAGE)
    assert page.status_code == 200 and "put it back" in page.text and "example" in page.text
    assert browser.client.get("/cases/shared-moved", headers=_PAGE).status_code == 200
    assert browser.client.get("/cases/shared-moved/plan.json").status_code == 404
    assert browser.client.get(_CASE).status_code == 200
    trail = browser.client.post(f"{_CASE}/sign", data={"signer": "Dr A"}, headers=browser.headers)
    assert trail.status_code == 200
    kept = next((settings.root / "shared").rglob("audit.jsonl"))
    kept.write_text(kept.read_text().replace("Dr A", "Dr B"))
    altered = browser.client.get(_CASE, headers=_PAGE)
    assert altered.status_code == 500 and "audit trail was altered" in altered.text


def test_a_state_of_the_wrong_kind_is_a_damaged_case_and_stops_nothing(settings: Settings) -> None:
    store = Store(replace(settings, retention_days=1.0, min_free_bytes=0))
    cases = [store.create("me", f"case {number}") for number in range(3)]
    for case, change in zip(cases, ({"created": "yesterday"}, {"created": 5}, {"status": "done"}), strict=True):
        path = case.folder / "case.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert store.mark_interrupted() == []
    assert [case.status for case in store.of("me") if case.owner == "me"] == [Status.DAMAGED] * 3


def test_a_deleted_case_is_not_brought_back_by_a_late_writer(settings: Settings) -> None:
    store = Store(replace(settings, min_free_bytes=0))
    case = store.create("me", "a case")
    store.delete(case)
    with pytest.raises(InputError, match="no longer there"):
        store.share(case)
    assert store.of("me", "case") == [] and not case.folder.exists()


def test_nobody_signs_what_the_page_did_not_show(settings: Settings, shared_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(shared_folder, folder)
    browser = Browser(create_app(replace(settings, shared=(("again", folder),)))).open()
    case = "/cases/shared-again"

    def send(page: str) -> list[int]:
        forms = re.findall(r'<input type="hidden" name="seen" value="(\w{64})">', page)
        assert len(forms) == 2
        data = {"signer": "Dr A", "choice": "operate"}
        return [browser.client.post(f"{case}{end}", data=data | {"seen": seen}, headers=browser.headers).status_code
                for end, seen in zip(("/sign", "/board"), forms, strict=True)]

    opened = browser.client.get(case).text
    assert send(opened) == [200, 200]
    report = folder / "report.html"
    report.write_text(report.read_text() + "<!-- planned again -->")
    assert send(opened) == [409, 409]
    assert len(browser.client.get(f"{case}/audit.json").json()) == 2
    assert send(browser.client.get(case).text) == [200, 200]


def test_a_signature_that_comes_after_a_deletion_is_refused_and_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, shared_folder: Path
) -> None:
    """Between finding the case and writing, another tab deletes it: the last step before the writing stands for that moment."""
    browser = Browser(create_app(replace(settings, min_free_bytes=0))).open()
    owner = Sessions(settings.root, None).read(browser.client.cookies["neorlt_session"])
    assert owner is not None
    store = Store(replace(settings, min_free_bytes=0))
    for path, data in (("/sign", {"signer": "Dr A"}), ("/board", {"choice": "operate"})):
        case = store.create(owner.owner, "a case")
        shutil.copytree(shared_folder, case.folder / "result")
        store.set_status(case, Status.DONE)
        hashes = Case.shown_hashes

        def then_deleted(self: Case, known: object = hashes) -> dict[str, str]:
            found = known(self)  # type: ignore[operator]
            store.delete(self)
            return found  # type: ignore[no-any-return]

        with monkeypatch.context() as patch:
            patch.setattr(Case, "shown_hashes", then_deleted)
            said = browser.client.post(f"/cases/{case.name}{path}", data=data, headers=browser.headers | _PAGE)
        assert said.status_code == 404 and "no longer there" in said.text
        assert not case.folder.exists()
    store.delete(case)  # a second tab deletes it too
    assert browser.client.get(f"/cases/{case.name}", headers=_PAGE).status_code == 404


def test_pasted_text_is_kept_and_a_character_that_no_page_shows_is_named(browser: Browser) -> None:
    def send(path: str, **data: str) -> Any:
        return browser.client.post(f"{_CASE}{path}", data=data, headers=browser.headers | _PAGE)

    assert send("/board", choice="operate", reasons="SMV\t220 degrees\r\nSMA\t90 degrees").status_code == 200
    assert send("/sign", signer="Dr\tA").status_code == 200
    kept = browser.client.get(f"{_CASE}/audit.json").json()
    assert kept[-2]["reasons"] == "SMV\t220 degrees\nSMA\t90 degrees" and kept[-1]["name"] == "Dr A"
    for path, data, sentence in (
        ("/board", {"choice": "operate", "members": "A\x07B"}, "present: expected text, found the control character U+0007"),
        ("/sign", {"signer": "A\x00B"}, "The name: expected text, found the control character U+0000"),
        ("/sign", {"signer": "   "}, "The name is empty"),
        ("/board", {"choice": "   "}, "The decision is empty"),
        ("/predict", _SLIDERS | {"activity_gbq": "nan"}, "The activity of a cycle in GBq: expected a number that is not infinite, found"),
        ("/predict", _SLIDERS | {"cycles": "9" * 5000}, "The cycles: expected a whole number of a few digits, found"),
    ):
        said = send(path, **data)
        assert said.status_code == 422 and sentence in said.text, said.text
    assert len(browser.client.get(f"{_CASE}/audit.json").json()) == 2


def test_a_tab_that_was_logged_out_in_another_is_told_by_a_page_with_the_way_back(tmp_path: Path) -> None:
    token = "t" * 24
    browser = Browser(create_app(Settings(tmp_path, token=token)))
    assert browser.client.post("/login", data={"token": token}, follow_redirects=False).status_code == 303
    browser.open()  # the other tab keeps this page
    assert browser.client.post("/logout", headers=browser.headers, follow_redirects=False).status_code == 303
    for path, data in (("/logout", {}), ("/cases", {"title": "A"}), ("/cases/x/delete", {"sure": "delete"})):
        said = browser.client.post(path, data={"csrf": browser.csrf, **data}, headers=_PAGE)
        assert said.status_code == 401 and "enter the access token" in said.text and '<a href="/">' in said.text
        part = browser.client.post(path, data=data, headers=browser.headers | _PAGE | {"hx-request": "true"})
        assert part.status_code == 401 and "<h1>" not in part.text


def test_names_cannot_turn_the_words_round_them(browser: Browser) -> None:
    text = browser.client.post(f"{_CASE}/sign", data={"signer": "\u05d3\u05f4\u05e8 \u202eA"}, headers=browser.headers).text
    assert "<bdi>\u05d3\u05f4\u05e8 \u202eA</bdi>" in text


def test_who_enters_in_the_second_of_a_log_out_is_admitted(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, "t" * 24)
    session = sessions.admit(sessions.new(), "t" * 24)
    assert session is not None
    left = sessions.cookie(session)
    out = sessions.log_out(session)
    again = sessions.admit(out, "t" * 24)
    assert again is not None
    read, old = sessions.read(sessions.cookie(again)), sessions.read(left)
    assert read is not None and read.admitted
    assert old is not None and not old.admitted


def test_a_part_of_a_page_that_needs_admission_is_answered_in_words(settings: Settings) -> None:
    app: ASGIApp = create_app(replace(settings, token="t" * 24))
    answer = Browser(app).client.get(f"{_CASE}/status", headers={"hx-request": "true"})
    assert answer.status_code == 401 and answer.text.startswith("<p") and "access token" in answer.text


def test_a_folder_without_plan_or_report_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(InputError, match=r"no report\.html"):
        make_settings(tmp_path, "127.0.0.1", 8000, None, None, (tmp_path,))
    (tmp_path / "plan.json").unlink()
    with pytest.raises(InputError, match=r"no plan\.json and no report\.html"):
        make_settings(tmp_path, "127.0.0.1", 8000, None, None, (tmp_path,))
