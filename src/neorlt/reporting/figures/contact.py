"""Contact with one vessel: now, as stated and as drawn, and as each scheme is predicted to leave it.

Written without matplotlib: the page draws it at every visit, and its server stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neorlt.drawing.elements import diamond, disc, line, sheet, text
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
        parts += [line(across(tick), TOP_PX, across(tick), bottom, "line", 0.8),
                  text(across(tick), bottom + 15, f"{tick}°", "muted", "middle")]
    parts += [line(across(ENCASED_ABOVE_DEG), TOP_PX - 4, across(ENCASED_ABOVE_DEG), bottom, "rule", 1.4, "4 3"),
              text(across(ENCASED_ABOVE_DEG), TOP_PX - 9, "encased above", "muted", "middle")]
    for row_index, (label, middle, ends, tone, said) in enumerate(lines):
        y = TOP_PX + ROW_PX * (row_index + 0.5)
        parts.append(text(left - 12, y + 4.5, label, "ink", "end"))
        if ends is not None:
            parts.append(line(across(ends[0]), y, across(ends[1]), y, tone, 2.6))
        x = across(middle)
        parts.append(disc(x, y, 4.5, tone) if tone == "accent" else diamond(x, y, 5.5, tone))
        parts.append(text(across(360) + 12, y + 4.5, said, "ink", "start"))
    title = f"Contact of the tumour with {vessel}, degrees of its circumference"
    described = joined([f"{label} {said}" for label, _, _, _, said in lines]) + "."
    return sheet("".join(parts), name, title, described, f"0 0 {WIDTH_PX} {height:.0f}", (WIDTH_PX, height))
