"""Colours of the report, once for page and figures, light and dark. Contrast of text on paper is at least 4.5 to 1."""

from __future__ import annotations

LIGHT = {
    "paper": "#fefefe",
    "panel": "#f4f6f8",
    "ink": "#18202a",
    "muted": "#55606e",
    "line": "#d3d9e0",
    "rule": "#8a94a1",
    "accent": "#17598a",
    "bar": "#86b1d0",
    "tint": "#dce9f3",
    "warn": "#9c3a12",
    "warn-tint": "#fbece5",
    "good": "#23684a",
    "lu": "#1a5e92",
    "y": "#a8551a",
    "c1": "#1c5f93",
    "c2": "#b0521c",
    "c3": "#2c7a5b",
    "c4": "#8a4a9e",
    "c5": "#8a6d12",
    "c6": "#b23a63",
    "c7": "#4a6272",
    "c8": "#1d6b7b",
}
"""Colours on white paper; figures are drawn with these and each value is unique, so that a figure can be re-coloured."""

DARK = {
    "paper": "#14181d",
    "panel": "#1d232a",
    "ink": "#e8ecf1",
    "muted": "#a7b1bd",
    "line": "#343d48",
    "rule": "#77828f",
    "accent": "#7fbbe6",
    "bar": "#3d7099",
    "tint": "#223545",
    "warn": "#f0a07a",
    "warn-tint": "#3a261d",
    "good": "#7fd0a8",
    "lu": "#7ab8e5",
    "y": "#eba56c",
    "c1": "#79b7e6",
    "c2": "#eda271",
    "c3": "#7bcba6",
    "c4": "#d0a0e0",
    "c5": "#d9bd62",
    "c6": "#ee92b1",
    "c7": "#a5bac8",
    "c8": "#80cbd9",
}
"""The same names on a dark screen."""

def as_css() -> str:
    """The palette as variables of a page's style, light, and dark on a dark screen."""
    light, dark = ("".join(f"--{name}:{value};" for name, value in palette.items()) for palette in (LIGHT, DARK))
    return f":root{{{light}--sans:system-ui,sans-serif}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


OUTLINES = {"lesion": "#38ff7a", "organ": "#b9d2ff", "vessel": "#ffe14d", "other": "#ffffff", "contact": "#ff4fd8"}
"""Borders over images by kind, in the report, on the page and in its viewer: each stands out from grey CT and from warm maps."""

SERIES = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")
"""Names for lines that must be told apart, in the order of use."""


def colour(name: str) -> str:
    """Drawing colour of a palette name."""
    return LIGHT[name]


def series(index: int) -> str:
    """Drawing colour of line number ``index``; repeats after eight."""
    return LIGHT[SERIES[index % len(SERIES)]]


def dash(index: int) -> str | tuple[int, tuple[int, ...]]:
    """Line style of line number ``index``, so that colour is never the only sign that tells lines apart."""
    styles: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", (0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)))
    return styles[index % len(styles)]
