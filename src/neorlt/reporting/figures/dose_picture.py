"""A plane of CT with the dose laid over it, outlines, the sides of the patient and a scale bar, as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from neorlt.reporting.figures.svg import drawing
from neorlt.reporting.picture import Picture

WINDOW_HU = (-135.0, 215.0)
"""Shown CT range: the usual abdominal soft-tissue window, level 40 HU, width 350 HU."""

HIDDEN_BELOW = 0.08
"""Share of the colour scale below which the CT shows through."""

CONTOUR_COLOURS = ("#7fd4ff", "#ffffff", "#b6f09c", "#ffb3d9", "#ffe08a", "#c9b6ff")
_PATIENT = {"R": "right", "L": "left", "A": "front", "P": "back", "H": "head", "F": "feet"}


def describe(picture: Picture) -> str:
    """Alternative text: plane, outlines, highest value, and which side of the patient is at which edge."""
    left, right, top, bottom = (_PATIENT[letter] for letter in picture.letters)
    text = (
        f"{picture.title}: {picture.plane} CT with {picture.unit} in colour, "
        f"highest value {float(picture.overlay.max()):.3g} {picture.unit}. "
        f"The patient's {left} is on the left edge, {right} on the right, {top} at the top, {bottom} at the bottom."
    )
    names = [name for name, mask in picture.contours.items() if mask.any()]
    return text + (f" Outlined: {', '.join(names)}." if names else "")


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
    bar_px = 88
    total_px = image_width_px + bar_px
    # The pixel count doubles the design size: sharp on a dense screen and on paper.
    with drawing("picture"):
        figure = Figure(figsize=(total_px / 72.0, image_height_px / 72.0), facecolor="#101316")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, image_width_px / total_px, 1.0))
        axes.set_axis_off()
        extent = (0.0, width_mm, height_mm, 0.0)
        axes.imshow(picture.ct_hu, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1], extent=extent, interpolation="bilinear")
        top = picture.overlay_max if picture.overlay_max is not None else float(picture.overlay.max())
        top = top if top > 0 else 1.0
        share = np.clip(picture.overlay / top, 0.0, 1.0)
        # Opacity rises with the value, so that the anatomy stays visible where there is little dose.
        opacity = np.where(share > HIDDEN_BELOW, 0.30 + 0.45 * share, 0.0)
        shown = axes.imshow(picture.overlay, cmap="inferno", vmin=0.0, vmax=top, alpha=opacity, extent=extent, interpolation="nearest")
        _draw_contours(axes, picture, width_mm, height_mm)
        _draw_letters(axes, picture.letters)
        _draw_scale(axes, width_mm, height_mm)
        colour_axes = figure.add_axes(((image_width_px + 14) / total_px, 0.12, 13 / total_px, 0.72))
        shown_bar = figure.colorbar(shown, cax=colour_axes, alpha=1.0)
        shown_bar.outline.set_edgecolor("#8a94a1")
        colour_axes.tick_params(colors="#e8ecf1", labelsize=14, labelcolor="#e8ecf1")
        colour_axes.set_title(picture.unit, color="#e8ecf1", fontsize=15, loc="left")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=108, facecolor="#101316", metadata={"Software": None})
        return stream.getvalue()


def _draw_contours(axes: object, picture: Picture, width_mm: float, height_mm: float) -> None:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    assert isinstance(axes, Axes)
    rows, columns = picture.ct_hu.shape
    across = (np.arange(columns) + 0.5) * width_mm / columns
    down = (np.arange(rows) + 0.5) * height_mm / rows
    handles: list[Line2D] = []
    for index, (name, mask) in enumerate(picture.contours.items()):
        if not mask.any():
            continue
        edge = CONTOUR_COLOURS[index % len(CONTOUR_COLOURS)]
        style = "-" if index < len(CONTOUR_COLOURS) else "--"
        axes.contour(across, down, mask.astype(float), levels=[0.5], colors=[edge], linewidths=1.3, linestyles=[style])
        handles.append(Line2D([], [], color=edge, lw=2, ls=style, label=name))
    if handles:
        legend = axes.legend(
            handles=handles,
            loc="lower right",
            fontsize=14,
            frameon=True,
            facecolor="#101316",
            edgecolor="none",
            framealpha=0.62,
            labelcolor="#ffffff",
            handlelength=1.3,
            borderpad=0.4,
            borderaxespad=0.3,
            ncols=1 + len(handles) // 5,
        )
        legend.set_zorder(6)


def _draw_letters(axes: object, letters: Sequence[str]) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
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


def _draw_scale(axes: object, width_mm: float, height_mm: float) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    length_mm = 50.0 if width_mm > 130 else 20.0
    x, y = 0.03 * width_mm, 0.955 * height_mm
    axes.plot([x, x + length_mm], [y, y], color="#ffffff", lw=3, solid_capstyle="butt", zorder=7)
    axes.text(x, y - 0.018 * height_mm, f"{length_mm / 10:g} cm", color="#ffffff", fontsize=14, ha="left", va="bottom", zorder=7)
