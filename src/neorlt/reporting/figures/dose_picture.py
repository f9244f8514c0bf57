"""A plane of CT with the dose laid over it, outlines, the sides of the patient and a scale bar, as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from neorlt.drawing.palette import OUTLINES
from neorlt.drawing.svg import drawing
from neorlt.reporting.picture import Picture

WINDOW_HU = (-135.0, 215.0)
"""Shown CT range: the usual abdominal soft-tissue window, level 40 HU, width 350 HU."""

HIDDEN_BELOW = 0.08
"""Share of the colour scale below which the CT shows through."""

NAME_PT = 18.0
_PATIENT = {"R": "right", "L": "left", "A": "front", "P": "back", "H": "head", "F": "feet"}


def describe(picture: Picture) -> str:
    """Alternative text: plane, outlines, highest value, and which side of the patient is at which edge."""
    left, right, top, bottom = (_PATIENT[letter] for letter in picture.letters)
    shown = "" if picture.overlay is None else (
        f" with {picture.unit} in colour, highest value {float(picture.overlay.max()):.3g} {picture.unit}")
    text = (
        f"{picture.title}: {picture.plane} CT{shown}. "
        f"The patient's {left} is on the left edge, {right} on the right, {top} at the top, {bottom} at the bottom."
    )
    names = [name for name, mask in picture.contours.items() if mask.any()]
    names += list(dict.fromkeys(line.name for line in picture.lines if line.name))
    return text + (f" Outlined: {', '.join(names)}." if names else "") + (f" {picture.words}" if picture.words else "")


def draw_picture(picture: Picture, width_px: int = 620) -> bytes:
    """Return the picture as PNG bytes; pixels keep the patient's proportions.

    Row 0 is at the top, column 0 at the left; letters mark the patient's sides.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = picture.ct_hu.shape
    down_mm, across_mm = picture.spacing_mm
    height_mm, width_mm = rows * down_mm, columns * across_mm
    image_height_px = min(width_px * height_mm / width_mm, 1.35 * width_px)
    image_width_px = image_height_px * width_mm / height_mm
    bar_px = 88 if picture.overlay is not None else 0
    total_px = image_width_px + bar_px
    # The pixel count doubles the design size: sharp on a dense screen and on paper.
    with drawing("picture"):
        figure = Figure(figsize=(total_px / 72.0, image_height_px / 72.0), facecolor="#101316")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, image_width_px / total_px, 1.0))
        axes.set_axis_off()
        extent = (0.0, width_mm, height_mm, 0.0)
        axes.imshow(picture.ct_hu, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1], extent=extent, interpolation="bilinear")
        shown = None if picture.overlay is None else _draw_overlay(axes, picture, extent)
        _draw_contours(axes, picture, width_mm, height_mm)
        _draw_letters(axes, picture.letters)
        _draw_scale(axes, width_mm, height_mm)
        if shown is not None:
            colour_axes = figure.add_axes(((image_width_px + 14) / total_px, 0.12, 13 / total_px, 0.72))
            shown_bar = figure.colorbar(shown, cax=colour_axes, alpha=1.0)
            shown_bar.outline.set_edgecolor("#8a94a1")
            colour_axes.tick_params(colors="#e8ecf1", labelsize=14, labelcolor="#e8ecf1")
            colour_axes.set_title(picture.unit, color="#e8ecf1", fontsize=15, loc="left")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=108, facecolor="#101316", metadata={"Software": None})
        return stream.getvalue()


def _draw_overlay(axes: Any, picture: Picture, extent: tuple[float, float, float, float]) -> Any:
    assert picture.overlay is not None
    top = picture.overlay_max if picture.overlay_max is not None else float(picture.overlay.max())
    top = top if top > 0 else 1.0
    share = np.clip(picture.overlay / top, 0.0, 1.0)
    # Opacity rises with the value, so that the anatomy stays visible where there is little dose.
    opacity = np.where(share > HIDDEN_BELOW, 0.30 + 0.45 * share, 0.0)
    return axes.imshow(picture.overlay, cmap="inferno", vmin=0.0, vmax=top, alpha=opacity, extent=extent, interpolation="nearest")


def _draw_contours(axes: Any, picture: Picture, width_mm: float, height_mm: float) -> None:
    """Borders in the colour of their kind, each with its name at its upper end."""
    rows, columns = picture.ct_hu.shape
    across = (np.arange(columns) + 0.5) * width_mm / columns
    down = (np.arange(rows) + 0.5) * height_mm / rows
    named: list[tuple[float, float, float, str, str]] = []
    for name, mask in picture.contours.items():
        if not mask.any():
            continue
        edge = OUTLINES[picture.kinds.get(name, "other")]
        axes.contour(across, down, mask.astype(float), levels=[0.5], colors=[edge], linewidths=1.3)
        filled = np.flatnonzero(mask.any(axis=1))
        named.append((down[filled[0]], down[filled[-1]], float(across[mask[filled[0]]].mean()), name, edge))
    for line in picture.lines:
        wide = line.kind == "contact"
        axes.plot(line.points_mm[:, 1], line.points_mm[:, 0], color=OUTLINES[line.kind], lw=4.5 if wide else 1.6,
                  solid_capstyle="butt", zorder=5 if wide else 4)
        if line.name and line.name not in {name for *_, name, _ in named}:
            top = int(np.argmin(line.points_mm[:, 0]))
            low = float(line.points_mm[:, 0].max())
            named.append((float(line.points_mm[top, 0]), low, float(line.points_mm[top, 1]), line.name, OUTLINES[line.kind]))
    axes.set_xlim(0.0, width_mm)
    axes.set_ylim(height_mm, 0.0)
    _draw_names(axes, named, width_mm, height_mm)


def _draw_names(axes: Any, named: list[tuple[float, float, float, str, str]], width_mm: float, height_mm: float) -> None:
    """Names above their borders, below them where another name stands there, else a line or more away."""
    from matplotlib.patheffects import Normal, Stroke

    line_mm = NAME_PT / 72.0 * 1.25 * height_mm / axes.get_window_extent().height * axes.figure.dpi
    letter_mm = 0.5 * line_mm
    taken: list[tuple[float, float, float]] = []
    for top, low, middle, name, edge in sorted(named):
        half = 0.5 * letter_mm * len(name)
        x = min(max(middle, half + letter_mm), width_mm - half - letter_mm)
        above, below = top - 0.3 * line_mm, low + 1.1 * line_mm
        places = [above, below, *(y for k in range(1, 6) for y in (above - k * line_mm, below + k * line_mm))]
        free = (y for y in places if line_mm < y < height_mm and all(
            abs(y - b) >= line_mm or abs(x - a) >= half + h for a, b, h in taken))
        y = next(free, top)
        taken.append((x, y, half))
        axes.text(x, y, name, color=edge, fontsize=NAME_PT, ha="center", va="bottom", zorder=6,
                  path_effects=[Stroke(linewidth=3, foreground="#101316"), Normal()])


def _draw_letters(axes: Any, letters: Sequence[str]) -> None:
    places = (
        (0.012, 0.5, "left", "center"),
        (0.988, 0.5, "right", "center"),
        (0.5, 0.985, "center", "top"),
        (0.5, 0.015, "center", "bottom"),
    )
    for letter, (x, y, horizontal, vertical) in zip(letters, places, strict=True):
        axes.text(
            x,
            y,
            letter,
            transform=axes.transAxes,
            ha=horizontal,
            va=vertical,
            color="#ffe08a",
            fontsize=19,
            weight="bold",
            bbox={"boxstyle": "square,pad=0.12", "facecolor": "#101316", "edgecolor": "none", "alpha": 0.6},
            zorder=7,
        )


def _draw_scale(axes: Any, width_mm: float, height_mm: float) -> None:
    length_mm = 50.0 if width_mm > 130 else 20.0
    x, y = 0.03 * width_mm, 0.955 * height_mm
    axes.plot([x, x + length_mm], [y, y], color="#ffffff", lw=3, solid_capstyle="butt", zorder=7)
    axes.text(x, y - 0.018 * height_mm, f"{length_mm / 10:g} cm", color="#ffffff", fontsize=14, ha="left", va="bottom", zorder=7)
