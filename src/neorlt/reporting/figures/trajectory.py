"""What happens over the weeks: tumour diameter, platelets, and what one more month would bring."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from neorlt.drawing.axes import DASHED, light_grid, per_cent
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import WIDTH_PX, drawing, new_figure, to_svg
from neorlt.reporting.rounding import is_number, number, percent, times

QUANTITIES = {
    "diameter_mm": ("Longest diameter (mm)", "diameter"),
    "platelets": ("Platelets (10⁹/l)", "platelets"),
}
"""Key in a trajectory, axis title, and the word used in the description."""

_TITLE_LETTERS = 117
"""Letters of a title that fit the width of all panels together."""


def has_band(schemes: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Whether any scheme's track has the two ends that :func:`trajectories` draws as a band."""
    tracks = [track[1] for scheme in schemes if (track := _track(scheme, key)) is not None]
    return any(track.get("low") and track.get("high") for track in tracks)


def _track(scheme: Mapping[str, Any], key: str) -> tuple[list[float], Mapping[str, Any]] | None:
    trajectory = scheme.get("trajectory")
    if not isinstance(trajectory, Mapping) or not isinstance(trajectory.get(key), Mapping):
        return None
    block = trajectory[key]
    # A track may have its own time axis, and carry the unit in its key.
    weeks = block.get("week", trajectory.get("week"))
    block = {name.removesuffix("_e9_per_l"): value for name, value in block.items()}
    if not isinstance(weeks, Sequence) or not isinstance(block.get("median"), Sequence) or len(weeks) != len(block["median"]):
        return None
    return [float(week) for week in weeks], block


def trajectories(schemes: Sequence[Mapping[str, Any]], letters: Sequence[str], key: str) -> str | None:
    """One small panel a scheme: median line and 90 % band over the weeks, marks for cycles, a line at surgery.

    The first scheme without any cycle is drawn in grey behind all others. None where no scheme has this track.
    """
    shown = [(letters[i], scheme, track) for i, scheme in enumerate(schemes) if (track := _track(scheme, key)) is not None]
    if not shown:
        return None
    axis_title, word = QUANTITIES[key]
    untreated = next((track for _, scheme, track in shown if not scheme.get("cycles")), None)
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    titles = {letter: _wrapped(f"{letter}  {times(str(scheme.get('name', '')))}", _TITLE_LETTERS // columns) for letter, scheme, _ in shown}
    title_px = 15 * max(text.count("\n") for text in titles.values())
    last_week = max(track[0][-1] for _, _, track in shown)
    top = max(max(map(float, track[1].get("high") or track[1]["median"])) for _, _, track in shown)
    with drawing(f"trajectory-{key}"):
        figure = new_figure(74 + title_px + 176 * rows + (42 + title_px) * (rows - 1), margins_px=(36, 10, 28 + title_px, 46),
                            gaps_px=(26, 42 + title_px), grid=(rows, columns))
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        said = []
        for position, axes in enumerate(panels.flat):
            if position >= len(shown):
                axes.set_axis_off()
                continue
            letter, scheme, (weeks, block) = shown[position]
            light_grid(axes)
            if untreated is not None and scheme.get("cycles"):
                axes.plot(untreated[0], untreated[1]["median"], color=colour("rule"), lw=1.2, ls=DASHED)
            if block.get("low") and block.get("high"):
                axes.fill_between(weeks, block["low"], block["high"], color=colour("tint"), lw=0)
            axes.plot(weeks, block["median"], color=colour("accent"))
            _mark_cycles(axes, scheme)
            surgery = scheme.get("surgery_week")
            if is_number(surgery):
                axes.axvline(float(surgery), color=colour("ink"), lw=1)
                axes.annotate(
                    "surgery",
                    (float(surgery), 1.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(-4, -3),
                    textcoords="offset points",
                    ha="right",
                    va="top",
                    fontsize=10.5,
                    color=colour("muted"),
                )
            axes.set_title(titles[letter], fontsize=11.5 if len(shown) < 3 else 10.5)
            axes.set_xlim(0, last_week)
            axes.set_ylim(0, top * 1.12)
            said.append(f"{letter} {word} {number(block['median'][0])} first, {number(block['median'][-1])} at week {number(weeks[-1])}")
        for axes in panels[-1]:
            axes.set_xlabel("Weeks from baseline")
        return to_svg(figure, f"trajectory-{key.replace('_', '-')}", f"{axis_title} over time by scheme", "; ".join(said) + ".")


def _wrapped(title: str, letters: int) -> str:
    """The whole title, on as many lines as it takes: a name that is cut may be two schemes' name."""
    return "\n".join(textwrap.wrap(title, letters, break_long_words=True, drop_whitespace=True))


def _mark_cycles(axes: Any, scheme: Mapping[str, Any]) -> None:
    """Put a mark on the time axis at each cycle: circle 177Lu, diamond 90Y, square another; all that are given."""
    for cycle in scheme.get("cycles") or ():
        week = cycle.get("week")
        if not is_number(week):
            continue
        for nuclide in cycle.get("activity_gbq") or {}:
            marker, name = {"Y-90": ("D", "y"), "Lu-177": ("o", "lu")}.get(nuclide, ("s", "y"))
            axes.plot(
                [week],
                [0.045],
                marker,
                color=colour(name),
                ms=6.5 if marker == "o" else 6,
                transform=axes.get_xaxis_transform(),
                zorder=4,
                clip_on=False,
            )


def waiting(timing: Mapping[str, Any]) -> str | None:
    """Chance, by week, that one more month takes off 2 mm or more; None where the block is empty."""
    weeks, chances = timing.get("week"), timing.get("p_2mm_more")
    if not isinstance(weeks, Sequence) or not isinstance(chances, Sequence) or len(weeks) != len(chances) or len(weeks) < 2:
        return None
    with drawing("waiting"):
        figure = new_figure(230, WIDTH_PX * 0.72, margins_px=(46, 10, 10, 42))
        axes = figure.subplots()
        light_grid(axes)
        axes.plot(weeks, [100 * float(chance) for chance in chances], color=colour("accent"))
        axes.set_ylim(0, 100)
        per_cent(axes, "y")
        axes.set_xlim(min(weeks), max(weeks))
        axes.set_xlabel("Weeks from baseline")
        first, last = percent(chances[0]), percent(chances[-1])
        return to_svg(
            figure,
            "waiting",
            "Chance that one more month takes off at least 2 mm",
            f"{first} at week {number(weeks[0])}, {last} at week {number(weeks[-1])}.",
        )
