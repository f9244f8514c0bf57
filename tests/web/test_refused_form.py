"""What a form was refused with stands in the form; what was typed and what stood below stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neorlt.web.app import TITLE

from .browser import Watched
from .live import example_site

pytestmark = pytest.mark.needs_chromium


def test_a_refused_decision_keeps_what_was_typed_and_the_trail(chromium: Any, shared_folder: Path, tmp_path: Path) -> None:
    with example_site(tmp_path / "server", shared_folder) as address:
        watched = Watched(chromium)
        page = watched.page
        page.goto(f"{address}/cases/shared-example")
        page.locator("#choice").fill("Operate")
        page.evaluate("() => document.getElementById('reasons').removeAttribute('maxlength')")
        page.locator("#reasons").fill("x" * 2100)
        keep = page.get_by_role("button", name="Keep the decision")
        keep.click()
        said = page.locator("[data-problem]")
        said.wait_for()
        assert said.inner_text() == "The reasons: expected at most 2000 characters, found 2100 characters."
        assert len(page.locator("#reasons").input_value()) == 2100
        assert "Nobody has signed" in page.locator("#trail").inner_text()
        page.locator("#reasons").fill("The vein is free.")
        keep.click()
        page.locator("#trail li", has_text="The vein is free.").wait_for()
        assert said.count() == 0 and page.locator("#reasons").input_value() == ""
        assert all("422" in error for error in watched.errors)  # the browser's own line on the refusal
        watched.context.close()


def test_a_title_is_taken_by_the_page_where_the_server_takes_it(chromium: Any, shared_folder: Path, tmp_path: Path) -> None:
    with example_site(tmp_path / "server", shared_folder) as address:
        watched = Watched(chromium)
        page = watched.page
        page.goto(address)
        for title in ("Fall Müller-1", "Случай 2", "症例 3", "Case (4), a+b_c.d", "<b>5</b>", "Case 6/7", "case\u20097", "½ 8"):
            page.locator("#title").fill(title)
            fits = page.locator("#title").evaluate("one => one.checkValidity()")
            assert fits == bool(TITLE.fullmatch(title)), title
        watched.close()
