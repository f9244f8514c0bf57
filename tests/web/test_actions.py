"""The page's actions are those of the registry: each is served and shown, and nothing else changes or computes anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import ASGIApp

from neorlt.evidence.review import ReviewFolder
from neorlt.jobs import registry
from neorlt.jobs.info import describe
from neorlt.jobs.registry import COMMANDS, Action, Command, Place, action, actions
from neorlt.web import evidence
from neorlt.web.app import create_app
from neorlt.web.settings import Settings

from .conftest import Browser

TEMPLATES = Path(evidence.__file__).parent / "templates"
CASE = "/cases/shared-example"
HOUSE = {
    "get /favicon.ico": "no picture of its own", "get /page.css": "looks", "post /login": "access", "post /logout": "access",
    "get /": "the list of cases", "get /evidence/{name}": "files of the evidence, by their names",
    "post /cases/{name}/cancel": "ends a job", "post /cases/{name}/delete": "the server's own copy",
    "post /cases/{name}/share": "a link to read", "get /cases/{name}": "the case", "get /cases/{name}/status": "the case while it waits",
    "get /cases/{name}/volumes/{volume}.nii.gz": "images of the case's page", "get /cases/{name}/view.json": "images of the case's page",
    "get /cases/{name}/detail/{volume}.nii.gz": "images of the case's page",
    "get /cases/{name}/pictures/{picture}.png": "images of the case's page",
    "post /cases/{name}/sign": "the board's own record", "post /cases/{name}/board": "the board's own record",
    "get /cases/{name}/audit.json": "the board's own record", "get /review/{who}": "the desk of a reviewer",
    "get /review/{who}/desk": "the desk of a reviewer", "get /review/{who}/open": "the desk of a reviewer",
}  # fmt: skip
"""Addresses that no command stands for, and what they are."""


@pytest.fixture
def whole(tmp_path: Path, shared_folder: Path) -> FastAPI:
    """The application with a plan and a review."""
    with ReviewFolder.create(tmp_path / "review"):
        pass
    app = create_app(Settings(root=tmp_path / "root", shared=(("example", shared_folder),), review=tmp_path / "review"))
    assert isinstance(app, FastAPI)
    return app


def serving(app: FastAPI, one: Action) -> str | None:
    """The route that answers an action, as ``method path``."""
    scope = {"type": "http", "method": one.method.upper(), "path": one.at(name="a", who="b")}
    found = next((r for r in app.routes if isinstance(r, APIRoute) and r.matches(scope)[0] is Match.FULL), None)
    return None if found is None else f"{one.method} {found.path}"


def test_every_address_is_an_action_or_named_as_the_houses_own(whole: FastAPI) -> None:
    served = {one: serving(whole, one) for one in actions()}
    assert [one for one, route in served.items() if route is None] == []
    routes = {f"{method.lower()} {r.path}" for r in whole.routes if isinstance(r, APIRoute) for method in r.methods - {"HEAD"}}
    assert routes == set(served.values()) | set(HOUSE)
    # an action that falls through to an address of the house is one that nobody wrote; downloads share theirs
    assert {one.path for one, route in served.items() if route in HOUSE} == {one.path for one in actions(Place.DOWNLOAD)}


def test_an_action_that_leaves_the_registry_stops_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = tuple(Command(row.words, row.section, page="It has none.") if row.words == "predict" else row for row in COMMANDS)
    monkeypatch.setattr(registry, "COMMANDS", rows)
    with pytest.raises(KeyError, match="predict has no action"):
        create_app(Settings(root=tmp_path / "root"))
    with pytest.raises(KeyError, match="plan has no action at /nowhere"):
        action("plan", "/nowhere")


def test_a_command_says_what_the_page_has_of_it_or_why_nothing() -> None:
    with pytest.raises(ValueError, match="new-one: neither an action of the page nor why"):
        Command("new-one", registry.MAIN)
    for row in describe()["commands"]:
        assert row["page"] and (isinstance(row["page"], list) or row["page"].endswith(".")), row
    paths = [(one.method, one.path) for one in actions()]
    assert len(set(paths)) == len(paths)


def test_templates_take_addresses_and_words_of_actions_from_the_registry() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.j2")}
    named = {pair for text in texts.values() for pair in re.findall(r'action\("([^"]+)", "([^"]+)"\)', text)}
    forms = {(row.words, one.path) for row in COMMANDS if not isinstance(row.page, str) for one in row.page if one.place is Place.FORM}
    assert named == forms
    typed = re.compile(r'(?:href|action|hx-get|hx-post)="([^"]*)"')
    patterns = [re.compile(re.escape(one.path).replace(r"\{name\}", "[^/]*").replace(r"\{who\}", "[^/]*"))
                for one in actions() if one.place is not Place.HEAD]
    by_hand = [(name, address) for name, text in texts.items() for address in typed.findall(text)
               if "action(" not in address and any(p.fullmatch(address) for p in patterns)]
    assert by_hand == []


def test_the_page_shows_every_action_where_it_belongs(whole: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence.Evidence, "is_made", False)
    client = Browser(whole).open().client
    shown = {Place.HEAD: client.get("/").text, Place.RESULT: client.get(CASE).text, Place.DOWNLOAD: client.get("/evidence").text}
    for place, text in shown.items():
        assert actions(place)
        for one in actions(place):
            assert re.search(f'href="{re.escape(one.at(name="shared-example"))}"[^>]*>{one.text}<', text), one
    assert 'action="/cases"' in shown[Place.HEAD] and "<button>Plan</button>" in shown[Place.HEAD]
    assert f'hx-post="{CASE}/predict"' in shown[Place.RESULT]


def test_without_a_review_the_head_leads_to_none(app: ASGIApp) -> None:
    text = Browser(app).open().client.get("/").text
    assert 'href="/evidence"' in text and 'href="/review"' not in text


def test_what_a_case_gives_away_is_what_a_plan_writes() -> None:
    plan = next(row for row in COMMANDS if row.words == "plan")
    given = {one.path.rpartition("/")[2] for one in actions(Place.RESULT)}
    assert given - {"report.pdf"} <= set(plan.files)
