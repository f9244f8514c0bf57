"""One plane of CT with a map (dose, SUV, activity) laid over it, as the report shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

KINDS = ("lesion", "organ", "vessel", "other")
_SIDES = frozenset("RLAPHF")
_OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "H": "F", "F": "H"}


@dataclass(frozen=True)
class Line:
    """A border drawn over a picture.

    Parameters
    ----------
    kind
        ``lesion``, ``organ``, ``vessel`` or ``other``; ``contact`` for the part of a vessel's wall that a lesion touches.
    name
        What it is; written beside the first line of that name, nothing is written where empty.
    points_mm
        ``(n, 2)`` places from the picture's upper left corner, down and across, mm.

    """

    kind: str
    name: str
    points_mm: NDArray[np.float64]

    def __post_init__(self) -> None:
        points = np.array(self.points_mm, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.all(np.isfinite(points)):
            raise ValueError(f"line {self.name!r}: points_mm must be finite and of shape (n, 2), found {points.shape}")
        if self.kind not in (*KINDS, "contact"):
            raise ValueError(f"line {self.name!r}: kind must be one of {', '.join(KINDS)} or contact, found {self.kind!r}")
        points.setflags(write=False)
        object.__setattr__(self, "points_mm", points)


@dataclass(frozen=True)
class Picture:
    """A plane to be drawn with row 0 at the top and column 0 at the left.

    Parameters
    ----------
    title
        What is shown, for example ``"Liver metastasis 1, largest section"``.
    plane
        ``axial``, ``coronal`` or ``sagittal``.
    ct_hu
        ``(rows, columns)`` CT numbers in HU.
    overlay
        ``(rows, columns)`` map on the same grid, in ``unit``; values at or below 0 are not drawn. None: CT alone.
    unit
        Unit of the overlay, for example ``"Gy"``.
    spacing_mm
        Size of one pixel along rows (down) and along columns (across), mm.
    letters
        Patient side at the (left, right, top, bottom) edge of the picture, each one of R, L, A, P, H, F.
    contours
        Outline masks ``(rows, columns)`` by region name.
    overlay_max
        Upper end of the colour scale, in ``unit``; the map's own maximum where absent.
    kinds
        What each contour is: ``lesion``, ``organ``, ``vessel`` or ``other`` (where absent); it chooses the colour.
    lines
        Borders given as lines, drawn over all else.
    vessel
        The vessel whose contact the picture shows; empty for a picture of dose.
    words
        One more sentence of its description.

    Raises
    ------
    ValueError
        If shapes differ, a side is not a known letter, or opposite edges are not opposite sides.

    """

    title: str
    plane: str
    ct_hu: NDArray[np.floating]
    overlay: NDArray[np.floating] | None
    unit: str
    spacing_mm: tuple[float, float]
    letters: tuple[str, str, str, str]
    contours: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    overlay_max: float | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    vessel: str = ""
    words: str = ""

    def __post_init__(self) -> None:
        ct_hu = np.array(self.ct_hu, dtype=np.float32)
        overlay = None if self.overlay is None else np.array(self.overlay, dtype=np.float32)
        if ct_hu.ndim != 2 or min(ct_hu.shape) < 2:
            raise ValueError(f"picture {self.title!r}: ct_hu must be two-dimensional, found shape {ct_hu.shape}")
        if overlay is not None and overlay.shape != ct_hu.shape:
            raise ValueError(f"picture {self.title!r}: overlay has shape {overlay.shape}, expected {ct_hu.shape}")
        if not np.all(np.isfinite(ct_hu)) or (overlay is not None and not np.all(np.isfinite(overlay))):
            raise ValueError(f"picture {self.title!r}: CT and overlay must be finite")
        letters = tuple(self.letters)
        if len(letters) != 4 or not set(letters) <= _SIDES:
            raise ValueError(f"picture {self.title!r}: letters must be four of R, L, A, P, H, F, found {letters}")
        if _OPPOSITE[letters[0]] != letters[1] or _OPPOSITE[letters[2]] != letters[3]:
            raise ValueError(f"picture {self.title!r}: opposite edges must be opposite sides of the patient, found {letters}")
        spacing = tuple(float(value) for value in self.spacing_mm)
        if len(spacing) != 2 or not all(np.isfinite(value) and value > 0 for value in spacing):
            raise ValueError(f"picture {self.title!r}: spacing_mm must be two positive numbers, found {self.spacing_mm}")
        contours = {str(name): np.array(mask, dtype=bool) for name, mask in self.contours.items()}
        for name, mask in contours.items():
            if mask.shape != ct_hu.shape:
                raise ValueError(f"picture {self.title!r}: contour {name!r} has shape {mask.shape}, expected {ct_hu.shape}")
        if self.overlay_max is not None and not self.overlay_max > 0:
            raise ValueError(f"picture {self.title!r}: overlay_max must be above 0, found {self.overlay_max}")
        unknown = set(self.kinds.values()) - set(KINDS)
        if unknown:
            raise ValueError(f"picture {self.title!r}: a contour's kind must be one of {', '.join(KINDS)}, found {sorted(unknown)}")
        ct_hu.setflags(write=False)
        if overlay is not None:
            overlay.setflags(write=False)
        for name_, value in (
            ("ct_hu", ct_hu),
            ("overlay", overlay),
            ("letters", letters),
            ("spacing_mm", spacing),
            ("contours", contours),
        ):
            object.__setattr__(self, name_, value)
