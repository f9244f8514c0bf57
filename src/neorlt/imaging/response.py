"""Response between studies by the sizes of their lesions: RECIST 1.1, mRECIST and Choi."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.choi import classify_choi
from neorlt.clinic.mrecist import classify_mrecist
from neorlt.clinic.recist import NonTarget, Response, all_targets_gone, classify_recist, overall_response, select_targets
from neorlt.core.errors import InputError
from neorlt.imaging.measures import longest_diameter, measure_region
from neorlt.imaging.region import Region
from neorlt.imaging.register import register_rigid
from neorlt.imaging.resample import inside_fraction, region_on
from neorlt.imaging.study import Study
from neorlt.imaging.tracking import Track, track_lesions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NODE = re.compile(r"\bnode|lymph|(?:^|[-_ ])ln(?:[-_ ]|\d|$)", re.IGNORECASE)


SAME_HU = 5.0
"""CTs of one study whose mean over the lesions differs by more show them in different phases (assumption: a third of
Choi's 15 % of 100 HU)."""


@dataclass(frozen=True)
class TargetSize:
    """A lesion in two studies: the diameter that counts (the short axis of a node), and the slice it was measured on, mm.

    ``after_mm`` is 0 and ``slice_after_mm`` None where the lesion is not drawn any more.
    """

    lesion: str
    organ: str
    node: bool
    target: bool
    before_mm: float
    after_mm: float
    slice_before_mm: float
    slice_after_mm: float | None


@dataclass(frozen=True)
class StudyResponse:
    """Response of one follow-up against the baseline and the nadir; sums of the targets' diameters in mm.

    ``choi`` is None where a study has no CT, ``mrecist`` where the enhancing parts are not drawn (``mrecist_reason``).
    """

    recist: Response
    sum_before_mm: float
    sum_after_mm: float
    nadir_mm: float
    choi: Response | None
    mrecist: Response | None
    mrecist_reason: str | None
    sizes: tuple[TargetSize, ...]
    pairs: tuple[tuple[str, str], ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    notes: tuple[str, ...]
    choi_reason: str | None = None

    def as_json(self) -> dict[str, object]:
        """The part ``response`` of the measured document."""
        before = self.sum_before_mm
        return {
            "recist": self.recist.name,
            "sum_before_mm": before,
            "sum_after_mm": self.sum_after_mm,
            "nadir_mm": self.nadir_mm,
            "sum_change_pct": 100.0 * (self.sum_after_mm / before - 1.0) if before > 0 else None,
            "choi": None if self.choi is None else self.choi.name,
            "choi_reason": self.choi_reason,
            "mrecist": None if self.mrecist is None else self.mrecist.name,
            "mrecist_reason": self.mrecist_reason,
            "sizes": [vars(size) for size in self.sizes],
            "pairs": [list(p) for p in self.pairs],
            "new": list(self.new),
            "gone": list(self.gone),
            "notes": list(self.notes),
        }


def compare_studies(before: Study, after: Study) -> StudyResponse:
    """Compare the lesions of two studies of one patient; see :func:`follow_studies`."""
    return follow_studies([before, after])[0]


def follow_studies(studies: Sequence[Study]) -> tuple[StudyResponse, ...]:
    """Response at every follow-up; the first study is the baseline.

    Targets are the largest measurable lesions of the baseline, at most two an organ and five in all (RECIST 1.1). A
    lesion's organ is the drawn organ that holds it; where none does, it counts as an organ of its own. Lesions that are
    not drawn any more count 0 mm; one that was not there before is progression. Where names do not match and the studies
    lie in different frames of reference, their CTs are registered so that lesions can be matched by place.

    Raises
    ------
    InputError
        If the studies are of different patients, or the first holds no lesion.
    """
    first = studies[0]
    for later in studies[1:]:
        if later.patient_key != first.patient_key:
            raise InputError(
                "the studies are of different patients",
                found=f"{first.patient_key} and {later.patient_key}",
                remedy="give studies of one patient",
            )
    if not first.lesions():
        raise InputError("the earlier study holds no lesion", remedy="add its lesions as RTSTRUCT or SEG")
    placed, placing = zip(*(_in_frame_of(first, study) for study in studies), strict=True)
    tracks, notes = track_lesions(placed)
    sizes = _sizes(tracks, studies)
    organs = [_organ(track.regions[0], first) for track in tracks if track.regions[0] is not None]
    known = len(organs)
    nodes = np.array([bool(_NODE.search(track.name)) for track in tracks])
    counted = np.where(nodes[:, None], sizes[..., 1], sizes[..., 0])
    slice_mm = max((ct.grid.spacing_mm[2] for ct in first.ct_images()), default=5.0)
    targets = select_targets(organs, counted[:known, 0], node=nodes[:known], slice_mm=slice_mm)
    found = []
    for when in range(1, len(studies)):
        said = [*notes, *(n for part in placing[: when + 1] for n in part)]
        found.append(_response(studies, tracks, counted, sizes[..., 2], organs, nodes, targets, when, said))
    return tuple(found)


def _in_frame_of(first: Study, study: Study) -> tuple[tuple[Region, ...], tuple[str, ...]]:
    """Lesions of a study, moved into the baseline's frame of reference where place is needed to match them."""
    lesions = study.lesions()
    if study is first or not lesions:
        return lesions, ()
    frame = first.volumes[0].grid.frame_of_reference
    if lesions[0].grid.frame_of_reference == frame or {r.name for r in first.lesions()} == {r.name for r in lesions}:
        return lesions, ()
    if not first.ct_images() or not study.ct_images():
        return lesions, ()
    found = register_rigid(first.ct_images()[0], study.ct_images()[0]).require_trusted()
    moved = tuple(found.move_region(region, frame) for region in lesions)
    return moved, (f"Lesions were placed by registering the CTs (estimated error {found.error_mm:.1f} mm).",)


def _sizes(tracks: Sequence[Track], studies: Sequence[Study]) -> Floats:
    """``(lesion, study, 3)``: longest and perpendicular diameter and the slice in mm; 0, 0, NaN where it is not drawn."""
    own = [{region.name: region for region in study.lesions()} for study in studies]  # each in its own frame, not turned
    sizes = np.zeros((len(tracks), len(studies), 3))
    sizes[..., 2] = np.nan
    for n, track in enumerate(tracks):
        for when, region in enumerate(track.regions):
            if region is not None:
                size = longest_diameter(own[when][region.name])
                sizes[n, when] = size.longest_mm, size.perpendicular_mm, size.slice_mm
    return sizes


def _organ(lesion: Region | None, study: Study) -> str:
    """Organ of a lesion: nodes are one organ, then the drawn organ that holds most of it, else the lesion itself."""
    assert lesion is not None
    if _NODE.search(lesion.name):
        return "lymph node"
    held = {organ.name: float((region_on(organ, lesion.grid) * lesion.occupancy).sum()) for organ in study.organs()}
    best = max(held, key=lambda name: held[name], default=None)
    if best is not None and held[best] >= 0.5 * float(lesion.occupancy.sum()):
        return best
    return lesion.name


def _response(
    studies: Sequence[Study],
    tracks: Sequence[Track],
    counted: Floats,
    slices: Floats,
    organs: Sequence[str],
    nodes: Flags,
    targets: Flags,
    when: int,
    notes: Sequence[str],
) -> StudyResponse:
    known = len(organs)
    sums = counted[:known][targets][:, : when + 1].sum(axis=0)
    new = tuple(t.name for t in tracks if t.first > 0 and t.first <= when)
    gone = tuple(t.name for t in tracks[:known] if t.regions[when] is None)
    said = list(notes)
    if not targets.any():
        said.append("No lesion of the baseline is measurable by RECIST 1.1 (10 mm, nodes 15 mm): no sum of diameters.")
    rest = [t for t, is_target in zip(tracks[:known], targets, strict=True) if not is_target]
    non_target = NonTarget.NONE
    if rest:
        non_target = NonTarget.CR if all(t.regions[when] is None for t in rest) else NonTarget.NON_CR_NON_PD
        said.append(f"{len(rest)} non-target lesions: unequivocal progression of them is the reader's to judge.")
    nadir = float(sums[:-1].min())
    before = float(sums[0]) if targets.any() else np.nan
    clear = all_targets_gone(counted[:known][targets][:, when], node=nodes[:known][targets]) if targets.any() else False
    target_code = classify_recist(sums[-1], before, nadir, targets_gone=clear)
    recist = Response(int(overall_response(target_code, int(non_target), bool(new))))
    both = [t for t, is_target in zip(tracks[:known], targets, strict=True) if is_target and t.regions[when] is not None]
    change = float(sums[-1] / sums[0] - 1.0) if targets.any() else np.nan
    mrecist, reason = _mrecist(studies, [t for t, yes in zip(tracks[:known], targets, strict=True) if yes], when, bool(new))
    rows = tuple(
        TargetSize(
            t.name, organs[n], bool(nodes[n]), bool(targets[n]), float(counted[n, 0]), float(counted[n, when]), float(slices[n, 0]),
            None if t.regions[when] is None else float(slices[n, when]),
        )
        for n, t in enumerate(tracks[:known])
    )
    pairs = tuple((t.name, str(r.name)) for t in tracks[:known] if (r := t.regions[when]) is not None)
    choi, why = _choi(studies[0], studies[when], both, when, change, bool(new))
    return StudyResponse(
        recist, float(sums[0]), float(sums[-1]), nadir, choi, mrecist, reason, rows, pairs, new, gone, tuple(said), why
    )


def _mrecist(studies: Sequence[Study], targets: Sequence[Track], when: int, appeared: bool) -> tuple[Response | None, str | None]:
    """Response by mRECIST over the targets whose enhancing part is drawn at the baseline; a reason where it cannot be given."""
    parts = [study.viable_parts() for study in studies]
    chosen = [t for t in targets if t.name in parts[0]]
    if not chosen:
        return None, "needs the arterially enhancing part of each target: draw it as a region named '<lesion>-viable'"
    sums = np.zeros(when + 1)
    for time in range(when + 1):
        for track in chosen:
            region = track.regions[time]
            if region is None:
                continue
            if region.name not in parts[time]:
                return None, f"the enhancing part of {track.name!r} is not drawn in every study"
            sums[time] += longest_diameter(parts[time][region.name]).longest_mm
    return Response(int(classify_mrecist(sums[-1], sums[0], sums[:-1].min(), appeared))), None


def _choi(
    before: Study, after: Study, tracks: Sequence[Track], when: int, size_change: float, appeared: bool
) -> tuple[Response | None, str | None]:
    """Choi's criteria; attenuation is the mean over the targets drawn in both studies. A reason where they cannot be given."""
    own = {r.name: r for r in after.lesions()}  # in the follow-up's own frame of reference
    old = [t.regions[0] for t in tracks if t.regions[0] is not None]
    new = [own[r.name] for t in tracks if (r := t.regions[when]) is not None]
    seen = [_attenuations(before, old), _attenuations(after, new)]
    if not tracks or not all(seen):
        return None, "a study has no CT that shows the lesions, or no lesion is drawn in both"
    for values in seen:
        if max(values) - min(values) > SAME_HU:
            shown = " and ".join(f"{v:.0f}" for v in sorted(values))
            return None, f"a study holds CTs that show the lesions at {shown} HU (phases?): leave the one that both studies have"
    hu_before, hu_after = (float(np.mean(values)) for values in seen)
    change = hu_after / hu_before - 1.0 if hu_before > 0 else np.nan
    return Response(int(classify_choi(size_change, change, appeared))), None


def _attenuations(study: Study, lesions: Sequence[Region]) -> list[float]:
    """Mean HU of the lesions on every CT that shows all of them."""
    return [
        float(np.mean([measure_region(ct, region).mean for region in lesions]))
        for ct in study.ct_images()
        if lesions and all(ct.grid.frame_of_reference == r.grid.frame_of_reference and inside_fraction(r, ct.grid) > 0.95 for r in lesions)
    ]

