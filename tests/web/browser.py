"""What the page's tests ask of a page that stands open in Chromium (the fixture ``chromium``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

VENDOR = Path(__file__).parent / "vendor"


class Watched:
    """A page whose errors and foreign requests are kept."""

    def __init__(self, browser: Any, width: int = 1280, height: int = 900, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        self.context.set_default_timeout(180_000)  # a busy machine without a graphics card draws slowly
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.replaced = self.ended = 0
        self.foreign: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        """Keep an error; a request that a newer move of a slider replaced is none, and the page's library tells of it in two lines."""
        if message.type != "error":
            return
        if message.text.startswith("htmx:sendAbort, "):
            self.replaced += 1
        elif message.text.startswith("htmx:afterRequest, "):
            self.ended += 1
        else:
            self.errors.append(f"{message.text} ({message.location['url']})")

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.foreign.append(request.url)

    def close(self) -> None:
        """Close, and fail where the page had an error or asked another machine for something."""
        self.context.close()
        assert not self.errors, self.errors
        # One that ended without having been replaced has failed.
        assert self.ended <= self.replaced, f"{self.ended - self.replaced} requests of the page failed"
        assert self.foreign == []


def axe(page: Any, *, contrast_decided: bool = False) -> list[str]:
    """What axe-core finds wrong with a page, one line each; the page's context must bypass its policy.

    With ``contrast_decided`` the contrast of each node that axe leaves open (letters of a figure, letters over an image) is decided here.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=str(VENDOR / "axe-4.14.1.min.js"))
    found = page.evaluate("() => axe.run(document)")
    wrong = [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found["violations"] for node in rule["nodes"]]
    if contrast_decided:
        left = [node["target"][-1] for rule in found["incomplete"] if rule["id"] == "color-contrast" for node in rule["nodes"]]
        wrong += page.evaluate(_DECIDE, left)
    return wrong


def misfits(page: Any, width: int) -> list[str]:
    """What has no room on a page in a window so wide, one line each: the page itself, letters that are cut, letters over letters."""
    found: list[str] = page.evaluate(_MISFITS, width)
    return found


SHEET_PX = (210 - 2 * 13) / 25.4 * 96
"""What the margins of the pages' style leave of a sheet of A4 across."""


def off_the_sheet(page: Any) -> list[str]:
    """Words of a page that run over the right edge of the paper, one line each; the page is set for printing as wide as a sheet."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": round(SHEET_PX), "height": 1000})
    found: list[str] = page.evaluate(_OFF, SHEET_PX)
    return found


_OFF = """(width) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange(), over = [];
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.data.trim() || !node.parentElement.checkVisibility({ visibilityProperty: true })) continue;
    range.selectNodeContents(node);
    const right = Math.max(...[...range.getClientRects()].map((box) => box.right));
    if (right > width + 1) over.push(`${Math.round(right - width)} px over: "${node.data.trim().slice(0, 40)}"`);
  }
  return over;
}"""


# Letters are taken line by line as they are drawn (client rectangles of each text), cut by every ancestor that hides or scrolls what
# leaves it.
_MISFITS = """(width) => {
  const wrong = [], seen = [];
  const short = (text) => `"${text.trim().replace(/\\s+/g, " ").slice(0, 40)}"`;
  const name = (one) => `<${one.tagName.toLowerCase()} class="${one.getAttribute("class")}">`;
  const over = document.documentElement.scrollWidth - width;
  if (over > 0) {
    const widest = [...document.querySelectorAll("main *, header *")].filter((one) => one.checkVisibility() && !one.closest(".table *"))
      .sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)[0];
    wrong.push(`${over} px too wide: ${name(widest)} ${short(widest.textContent)}`);
  }
  // In a grid or a row of boxes a term that does not wrap would be a box of its own, torn from the words round it.
  for (const one of document.querySelectorAll(".unbroken")) {
    const home = one.parentElement, words = [...home.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (words && /flex|grid/.test(getComputedStyle(home).display)) wrong.push(`torn: ${short(home.textContent)} in ${name(home)}`);
  }
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility({ visibilityProperty: true })) continue;
    if (parent.closest("script, style, title, desc, option")) continue;
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      let { left, top, right, bottom } = box;
      if (right - left < 2 || right < 0) continue;
      // A table may be wider than its window and scrolls there; the words over it must not have to be scrolled to.
      const frame = parent.closest("caption")?.closest(".table")?.getBoundingClientRect();
      if (frame && right > frame.right + 1) wrong.push(`out of view: ${short(node.data)} in <caption>`);
      for (let up = parent; up && up !== document.body; up = up.parentElement) {
        const style = getComputedStyle(up), frame = up.getBoundingClientRect();
        const hides = style.overflowX === "hidden" || style.overflowX === "clip" || up.tagName === "svg";
        if (hides && (left < frame.left - 1 || right > frame.right + 1 || top < frame.top - 1 || bottom > frame.bottom + 1)) {
          wrong.push(`cut: ${short(node.data)} in ${name(up)}`);
        }
        if (style.overflowX !== "visible" && style.display !== "inline") {
          left = Math.max(left, frame.left); right = Math.min(right, frame.right);
          top = Math.max(top, frame.top); bottom = Math.min(bottom, frame.bottom);
        }
      }
      // The box of turned letters is larger than they are: whether they meet others cannot be told from it.
      if (right > left && bottom > top && !parent.closest("[transform*=rotate]")) seen.push({ left, top, right, bottom, node });
    }
  }
  seen.sort((a, b) => a.top - b.top);
  for (let i = 0; i < seen.length; i++) {
    for (let j = i + 1; j < seen.length && seen[j].top < seen[i].bottom; j++) {
      const a = seen[i], b = seen[j];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      // Line boxes of neighbouring lines touch; letters lie over letters where half of a line is shared.
      if (a.node !== b.node && across > 2 && down > 0.5 * Math.min(a.bottom - a.top, b.bottom - b.top)) {
        wrong.push(`over one another: ${short(a.node.data)} and ${short(b.node.data)}`);
      }
    }
  }
  return [...new Set(wrong)];
}"""


# Ratio and limits by WCAG 2.2, 1.4.3: 4.5, or 3 for letters of 24 px, or of 18.66 px and bold. The letters' ground is the first ancestor
# that is painted; over an image it is the dark rim that the letters carry.
_DECIDE = """(selectors) => {
  const parts = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const wrong = [];
  for (const selector of selectors) {
    for (const one of document.querySelectorAll(selector)) {
      const style = getComputedStyle(one), letters = parts(one.ownerSVGElement ? style.fill : style.color);
      let ground = null;
      if (one.closest(".viewer")) ground = style.textShadow === "none" ? null : parts(style.textShadow);
      else for (let up = one; up && !ground; up = up.parentElement) {
        const rgba = parts(getComputedStyle(up).backgroundColor);
        if (rgba.length === 3 || rgba[3] === 1) ground = rgba;
      }
      if (!ground || letters.length < 3) { wrong.push(`contrast not decided: ${selector}`); continue; }
      const [low, high] = [light(letters), light(ground)].sort((a, b) => a - b), ratio = (high + 0.05) / (low + 0.05);
      const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${selector} "${one.textContent.trim().slice(0, 30)}"`);
    }
  }
  return wrong;
}"""
