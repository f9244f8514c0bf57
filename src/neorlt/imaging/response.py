"""Response between two studies by the sizes of their lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neorlt.clinic.choi import classify_choi
from neorlt.clinic.recist import Response, classify_recist
from neorlt.core.errors import InputError
from neorlt.imaging.measures import longest_diameter, measure_region
from neorlt.imaging.study import Study
from neorlt.imaging.tracking import match_lesions


@dataclass(frozen=True)
class StudyResponse:
    """RECIST 1.1 and, where both studies have a CT, Choi; sums of longest diameters in mm."""

    recist: Response
    sum_before_mm: float
    sum_after_mm: float
    choi: Response | None
    pairs: tuple[tuple[str, str], ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The part ``response`` of the measured document."""
        return {
            "recist": self.recist.name,
            "sum_before_mm": self.sum_before_mm,
            "sum_after_mm": self.sum_after_mm,
            "sum_change_pct": 100.0 * (self.sum_after_mm / self.sum_before_mm - 1.0),
            "choi": None if self.choi is None else self.choi.name,
            "choi_reason": "a study has no CT" if self.choi is None else None,
            "mrecist": None,
            "mrecist_reason": "needs the arterially enhancing part, which a contour does not state",
            "pairs": [list(p) for p in self.pairs],
            "new": list(self.new),
            "gone": list(self.gone),
            "notes": list(self.notes),
        }


def compare_studies(before: Study, after: Study) -> StudyResponse:
    """Compare the lesions of two studies of one patient; every lesion drawn before counts as a target.

    Lesions that are not drawn any more count 0 mm, a lesion that was not there before is progression.

    Raises
    ------
    InputError
        If the studies are of different patients or hold no lesions to compare.
    """
    if before.patient_key != after.patient_key:
        raise InputError(
            "the studies are of different patients",
            found=f"{before.patient_key} and {after.patient_key}",
            remedy="give two studies of one patient",
        )
    old, new = before.lesions(), after.lesions()
    if not old:
        raise InputError("the earlier study holds no lesion", remedy="add its lesions as RTSTRUCT or SEG")
    matches = match_lesions(old, new)
    size_before = {i: longest_diameter(old[i]).longest_mm for i in range(len(old))}
    size_after = {j: longest_diameter(new[j]).longest_mm for _, j in matches.pairs}
    total_before, total_after = sum(size_before.values()), sum(size_after.values())
    appeared = bool(matches.new)
    recist = Response(int(classify_recist(total_after, total_before, total_before, appeared)))
    choi = _choi(before, after, matches.pairs, total_after / total_before - 1.0, appeared)
    return StudyResponse(
        recist,
        total_before,
        total_after,
        choi,
        tuple((old[i].name, new[j].name) for i, j in matches.pairs),
        tuple(new[j].name for j in matches.new),
        tuple(old[i].name for i in matches.gone),
        matches.notes,
    )


def _choi(before: Study, after: Study, pairs: tuple[tuple[int, int], ...], size_change: float, appeared: bool) -> Response | None:
    """Choi's criteria; attenuation is the mean over the paired lesions."""
    if not before.ct_images() or not after.ct_images() or not pairs:
        return None
    old, new = before.lesions(), after.lesions()
    hu_before = float(np.mean([measure_region(before.ct_images()[0], old[i]).mean for i, _ in pairs]))
    hu_after = float(np.mean([measure_region(after.ct_images()[0], new[j]).mean for _, j in pairs]))
    change = hu_after / hu_before - 1.0 if hu_before > 0 else np.nan
    return Response(int(classify_choi(size_change, change, appeared)))
