from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from neorlt.core.manifest import hash_file
from neorlt.planning.patient import patient_from
from neorlt.planning.world import build_world
from neorlt.planning.world_file import save_world
from neorlt.reporting import render_report
from neorlt.web.app import create_app
from neorlt.web.settings import Settings

from .double import PLAN


class Browser:
    """A client with a session of its own, as a browser would have it."""

    def __init__(self, app: ASGIApp, **options: object) -> None:
        self.client = TestClient(app, base_url="http://127.0.0.1:8000", **options)  # type: ignore[arg-type]
        self.csrf = ""

    def open(self) -> Browser:
        answer = self.client.get("/")
        found = re.search(r'name="csrf" value="(\w+)"', answer.text)
        assert found
        self.csrf = found.group(1)
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {"x-csrf-token": self.csrf}


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan") / "example"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(PLAN), encoding="utf-8")
    (folder / "report.html").write_text(render_report(PLAN), encoding="utf-8")
    lesion = PLAN["lesions"][0]  # type: ignore[index]
    kept = {key: lesion[key] for key in ("id", "site", "longest_diameter_mm", "volume_ml", "ki67_pct", "vessels")}
    baseline = {key: value for key, value in PLAN["patient"].items() if key != "id"}  # type: ignore[attr-defined]
    patient = patient_from({"id": "shared-example", "baseline": baseline, "lesion": [kept | {"gy_per_gbq": 4.2}]}, "the example")
    save_world(build_world(patient, n_draws=200, seed=3), folder / "world.npz")
    (folder / "run.json").write_text(json.dumps({"outputs": {"world.npz": hash_file(folder / "world.npz")}}), encoding="utf-8")
    return folder


@pytest.fixture
def settings(tmp_path: Path, shared_folder: Path) -> Settings:
    return Settings(
        root=tmp_path / "root", shared=(("example", shared_folder),), max_upload_bytes=3_000_000, max_unpacked_bytes=5_000_000, max_files=50
    )


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ASGIApp:
    # Jobs are tested on their own: a page test does not compute a plan.
    monkeypatch.setattr("neorlt.web.jobs.Jobs._run", lambda self, case: ("failed", "not computed in this test"))
    return create_app(settings)


@pytest.fixture
def browser(app: ASGIApp) -> Iterator[Browser]:
    return Browser(app).open()


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished plan with images, of the small synthetic patient; computed once."""
    from neorlt.jobs.plan import run_plan

    from .small import write_small

    folder = tmp_path_factory.mktemp("small")
    study, patient = write_small(folder)
    schemes = [f"{cycles} x 7.4 GBq Lu-177 every 8 weeks" for cycles in (2, 4)]
    run_plan(study, patient, folder / "example", schemes=schemes, n_draws=100)
    return folder / "example"


# Software rendering: a test machine has no graphics card, and the viewer needs WebGL 2.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's headless Chromium under Playwright; skips with the reason where either is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield found
        finally:
            found.close()
