"""Contact with one vessel: now, as stated and as drawn, and as each scheme is predicted to leave it.

Written without matplotlib: the page draws it at every visit, and its server stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from neorlt.reporting.figures.palette import colour
from neorlt.reporting.rounding import given, interval, is_number, joined
from neorlt.reporting.views.cells import block
from neorlt.reporting.views.contact import predicted

ENCASED_ABOVE_DEG = 180.0
WIDTH_PX, ROW_PX, TOP_PX = 440, 24, 26


def contact_degrees(
    row: Mapping[str, Any], schemes: Sequence[Mapping[str, Any]], letters: Sequence[str], name: str
) -> str | None:
    """Degrees of one vessel's circumference, a line a state; None where nothing is known of it.

    Parameters
    ----------
    row
        One of ``vessel_contacts[]`` of the plan document.
    schemes, letters
        ``schemes[]``, and the letter by which the report calls each.
    name
        Unique on the page.

    """
    vessel, measured = str(row.get("vessel", "vessel")), block(row.get("measured"))
    lines: list[tuple[str, float, tuple[float, float] | None, str, str]] = []
    if is_number(row.get("stated_deg")):
        lines.append(("now, file", float(row["stated_deg"]), None, "warn", f"{given(row['stated_deg'])}°"))
    if measured:
        middle, doubt = float(measured["degrees"]), float(measured["doubt_deg"])
        reach = (max(middle - doubt, 0.0), min(middle + doubt, 360.0))
        lines.append(("now, drawn", middle, reach, "warn", f"{middle:.0f}° ± {doubt:.0f}°"))
    for letter, scheme in zip(letters, schemes, strict=True):
        found = predicted(scheme, vessel)
        shown = interval(found)
        if shown is not None:
            span = found.get("ci90") or []
            lines.append((f"after {letter}", float(found["median"]), (span[0], span[1]) if len(span) == 2 else None, "accent",
                          f"{shown[0]}°" + (f" ({shown[1]})" if shown[1] else "")))
    if not lines:
        return None
    height, left, unit = TOP_PX + ROW_PX * len(lines) + 26, 90.0, 0.56
    bottom = height - 22

    def across(deg: float) -> float:
        return left + unit * deg

    parts = []
    for tick in (0, 90, 180, 270, 360):
        parts += [_line(across(tick), TOP_PX, across(tick), bottom, "line", 0.8),
                  _text(across(tick), bottom + 15, f"{tick}°", "muted", "middle")]
    parts += [_line(across(ENCASED_ABOVE_DEG), TOP_PX - 4, across(ENCASED_ABOVE_DEG), bottom, "rule", 1.4, "4 3"),
              _text(across(ENCASED_ABOVE_DEG), TOP_PX - 9, "encased above", "muted", "middle")]
    for row_index, (label, middle, ends, tone, text) in enumerate(lines):
        y = TOP_PX + ROW_PX * (row_index + 0.5)
        parts.append(_text(left - 12, y + 4.5, label, "ink", "end"))
        if ends is not None:
            parts.append(_line(across(ends[0]), y, across(ends[1]), y, tone, 2.6))
        x = across(middle)
        mark = (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"' if tone == "accent"
                else f'<path d="M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z"')
        parts.append(f'{mark} style="fill: {colour(tone)}"/>')
        parts.append(_text(across(360) + 12, y + 4.5, text, "ink", "start"))
    title = f"Contact of the tumour with {vessel}, degrees of its circumference"
    said = joined([f"{label} {text}" for label, _, _, _, text in lines]) + "."
    return (
        f'<svg viewBox="0 0 {WIDTH_PX} {height:.0f}" width="{WIDTH_PX}" height="{height:.0f}" role="img" '
        f'aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(said)}</desc>{"".join(parts)}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, tone: str, width: float, dashes: str = "none") -> str:
    style = f"stroke: {colour(tone)}; stroke-width: {width:g}; stroke-dasharray: {dashes}"
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" style="{style}"/>'


def _text(x: float, y: float, text: str, tone: str, anchor: str) -> str:
    style = f"fill: {colour(tone)}; font-family: sans-serif; font-size: 13px; text-anchor: {anchor}"
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{style}">{escape(text)}</text>'
