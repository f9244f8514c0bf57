"""Picture of the first page of the demo's report for README.md.

Usage: ``make demo`` and then ``python tools/report_picture.py`` (needs Chromium: ``make system``). Writes ``docs/images/report.png``.
"""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "demo-report/report.html"
OUT = ROOT / "docs/images/report.png"
WIDTH, HEIGHT = 1200, 1980


def main() -> int:
    """Open the report, keep its top, write it with few colours."""
    if not REPORT.is_file():
        print("demo-report/report.html is missing: run `make demo` first", file=sys.stderr)
        return 2
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(REPORT.as_uri())
        # The picture ends between two rows, not within one.
        ends = page.evaluate("() => [...document.querySelectorAll('tr, p, li')].map((one) => one.getBoundingClientRect().bottom)")
        height = max(end for end in ends if end <= HEIGHT)
        shot = Image.open(io.BytesIO(page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": math.ceil(height) + 4})))
        browser.close()
    shot.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(OUT, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
