"""Whether the built documentation stands alone: every internal link leads somewhere, nothing is loaded from outside."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).resolve().parent.parent / "site"
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
RELATIONS = {"canonical", "next", "prev", "alternate", "edit"}
"""Relations of a link that load nothing."""


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's links, loads and names."""
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADS and LOADS[tag] in given and not RELATIONS & set(given.get("rel", "").split()):
            self.loads.append(given[LOADS[tag]])


def main() -> int:
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(SITE.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        where = path.relative_to(SITE)
        faults += [f"{where}: loads {url}" for url in page.loads if urlsplit(url).netloc]
        for url in [*page.links, *page.loads]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc or where.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                faults.append(f"{where}: {url} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
                faults.append(f"{where}: {url} names no place of that page")
    for style in SITE.rglob("*.css"):
        faults += [f"{style.relative_to(SITE)}: loads {url}" for url in re.findall(r"url\(['\"]?(https?://[^)'\"]+)", style.read_text())]
    if not pages:
        faults.append("there is no site: run mkdocs build")
    print("\n".join(faults) or f"{len(pages)} pages; every link leads somewhere, nothing is loaded from outside")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
