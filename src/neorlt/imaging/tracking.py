"""Follow lesions from one study to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.region import Region

NEAR_MM = 20.0
"""Centres farther apart than this are two lesions, unless the lesion itself is larger."""


@dataclass(frozen=True)
class Matches:
    """Pairs ``(index before, index after)``, lesions that appeared, and those that are not drawn any more."""

    pairs: tuple[tuple[int, int], ...]
    new: tuple[int, ...]
    gone: tuple[int, ...]
    notes: tuple[str, ...]


def centre_mm(region: Region) -> NDArray[np.float64]:
    """Centre of mass of a region in patient millimetres ``(3,)``."""
    index = np.argwhere(region.occupancy > 0)
    weight = region.occupancy[tuple(index.T)].astype(np.float64)
    return np.asarray((region.grid.index_to_mm(index) * weight[:, None]).sum(0) / weight.sum())


def match_lesions(before: Sequence[Region], after: Sequence[Region]) -> Matches:
    """Match by name, then by place where both lie in one frame of reference: mutual nearest centres that are near.

    A lesion without a partner is *new* or *gone*; where the frames differ, place says nothing and a note says so.
    """
    pairs = [(i, j) for i, a in enumerate(before) for j, b in enumerate(after) if a.name == b.name]
    left = [i for i in range(len(before)) if i not in {p[0] for p in pairs}]
    right = [j for j in range(len(after)) if j not in {p[1] for p in pairs}]
    notes = []
    if left and right:
        frames = {r.grid.frame_of_reference for r in (*before, *after)}
        if len(frames) == 1:
            found = _by_place([before[i] for i in left], [after[j] for j in right])
            pairs += [(left[i], right[j]) for i, j in found]
            notes += [f"'{before[left[i]].name}' and '{after[right[j]].name}' were matched by their place." for i, j in found]
        else:
            notes.append("The studies lie in different frames of reference: lesions were matched by name only.")
    taken = {p[0] for p in pairs}, {p[1] for p in pairs}
    return Matches(
        tuple(sorted(pairs)),
        tuple(j for j in range(len(after)) if j not in taken[1]),
        tuple(i for i in range(len(before)) if i not in taken[0]),
        tuple(notes),
    )


def _by_place(before: Sequence[Region], after: Sequence[Region]) -> list[tuple[int, int]]:
    apart = np.linalg.norm(np.array([centre_mm(r) for r in before])[:, None] - np.array([centre_mm(r) for r in after])[None, :], axis=-1)
    found = []
    for i, region in enumerate(before):
        j = int(apart[i].argmin())
        radius = (3.0 * region.volume_ml * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
        if int(apart[:, j].argmin()) == i and apart[i, j] <= max(NEAR_MM, float(radius)):
            found.append((i, j))
    return found


@dataclass(frozen=True)
class Track:
    """One lesion through a series of studies: its region in each, None where it is not drawn (yet, or any more)."""

    name: str
    regions: tuple[Region | None, ...]

    @property
    def first(self) -> int:
        """Study in which it is first drawn."""
        return next(n for n, region in enumerate(self.regions) if region is not None)


def track_lesions(studies: Sequence[Sequence[Region]]) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Follow lesions through studies in order of time; returns the tracks and what a reader should know of the matches.

    A lesion takes the name that it had first. One that was not drawn in between is looked for where it was last seen.
    """
    rows: list[list[Region | None]] = []
    notes: list[str] = []
    for when, lesions in enumerate(studies):
        last = [next(r for r in reversed(row) if r is not None) for row in rows]
        matches = match_lesions(last, lesions)
        for row in rows:
            row.append(None)
        for known, now in matches.pairs:
            rows[known][when] = lesions[now]
        rows += [[*[None] * when, lesions[now]] for now in matches.new]
        notes += [note for note in matches.notes if note not in notes]
    tracks = []
    for row in rows:
        name = next(r.name for r in row if r is not None)
        tracks.append(Track(name, tuple(row)))
    return tuple(tracks), tuple(notes)
