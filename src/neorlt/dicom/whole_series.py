"""What series as a whole say of themselves: slices that are missing, compression with loss, siblings that differ."""

from __future__ import annotations

from neorlt.dicom.absent import corrected_by_absent_ct
from neorlt.dicom.header import number, text
from neorlt.dicom.judged import Judged
from neorlt.dicom.read_pet import is_therapy
from neorlt.dicom.scan import Series
from neorlt.imaging.volume import Grid

MOST_APART = 1.5
"""Slices that lie this many thicknesses apart leave gaps: some may be missing evenly."""


def of_whole_series(found: Judged) -> list[str]:
    """Compare series with the number of slices that they state (0054,0081) and with their siblings."""
    said = []
    for pet in found.pet:
        first = pet.series.first
        stated = number(first.header, "NumberOfSlices", first.name)
        if stated is not None and stated > len(pet.series.instances):
            said.append(
                f"PET: the header counts {stated:g} slices (0054,0081), {len(pet.series.instances)} are there: the series was cropped or is"
                " not whole."
            )
    for spect in found.spect:
        stated, frames = number(spect.instance.header, "NumberOfSlices", spect.instance.name), spect.grid.shape[2]
        if stated is not None and stated != frames:
            said.append(
                f"SPECT: the header counts {stated:g} slices (0054,0081), {frames} are there: the series was cropped or is not whole."
            )
    for series, _ in found.ct:
        for keyword, word in (("RescaleSlope", "Rescale Slope (0028,1053)"), ("RescaleIntercept", "Rescale Intercept (0028,1052)")):
            values = {round(v, 9) for i in series.instances if (v := number(i.header, keyword, i.name)) is not None}
            if len(values) > 1:
                said.append(
                    f"CT: {word} differs between slices ({min(values):g} to {max(values):g}), which no scanner does: some were changed, and"
                    " their HU with them."
                )
    if not found.ct and any(corrected_by_absent_ct(p.series.first) for p in found.pet):
        said.append("PET: a CT corrected its attenuation (0054,1101), and no CT is there: nothing can be said about HU or the body.")
    return [*said, *_unlike_siblings(found)]


def lossy(found: Judged) -> list[str]:
    """Say which images were compressed with loss (0028,2110): their numbers are not the scanner's."""
    used = [("CT", s.first) for s, _ in found.ct] + [("PET", p.series.first) for p in found.pet]
    used += [("SPECT", s.instance) for s in found.spect]
    said = []
    for word, first in used:
        if text(first.header, "LossyImageCompression", first.name) == "01":
            ratio = text(first.header, "LossyImageCompressionRatio", first.name)
            times = f", {ratio} times" if ratio else ""
            what = f"{word}: compressed with loss (0028,2110){times}: its numbers are not the scanner's"
            said.append(f"{what}. Use the original where it is kept.")
    return list(dict.fromkeys(said))


def _unlike_siblings(found: Judged) -> list[str]:
    """Say where images of one therapy nuclide have different numbers of slices."""
    shown = {(p.scale.nuclide, len(p.series.instances)) for p in found.pet if is_therapy(p.scale)}
    shown |= {(s.injection.nuclide, s.grid.shape[2]) for s in found.spect}
    said = []
    for nuclide in sorted({n for n, _ in shown}):
        counts = sorted(count for n, count in shown if n == nuclide)
        if len(counts) > 1:
            said.append(
                f"Images of {nuclide} have {', '.join(map(str, counts[:-1]))} and {counts[-1]} slices: is the shortest whole? What lies"
                " outside it is not in its activity."
            )
    return said


def gaps(word: str, series: Series, grid: Grid) -> list[str]:
    """Say where slices lie further apart than they are thick (0018,0050): every second one may be missing, and the rest is even."""
    thick = number(series.first.header, "SliceThickness", series.first.name)
    if not thick or len(series.instances) < 2 or grid.spacing_mm[2] <= MOST_APART * thick:
        return []
    return [f"{word}: slices are {thick:g} mm thick (0018,0050) and {grid.spacing_mm[2]:g} mm apart: is every second one missing?"]
