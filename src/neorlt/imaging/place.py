"""Law of place: whether regions lie where they should, by what the images show there.

Inside the body, Hounsfield units of the organ that a region names, its side, its volume within the population's range, and uptake
where it must be: a set of organs that fits the activity much better when all of it is moved was drawn on another image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.anatomy import Organ, organ_of, side_of
from neorlt.imaging.hot import hot_by_name, hot_on
from neorlt.imaging.measures import mean_in, positive_mean
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import inside_fraction, region_part
from neorlt.imaging.study import Study
from neorlt.imaging.suv import shows_ligand
from neorlt.imaging.volume import Grid, Volume

Floats = NDArray[np.float64]

AIR_HU = -500.0
"""Below this is air or lung."""
HU: dict[Organ, tuple[float, float]] = {
    Organ.KIDNEY: (-30.0, 350.0),
    Organ.LIVER: (-60.0, 250.0),
    Organ.SPLEEN: (-30.0, 300.0),
    Organ.PANCREAS: (-100.0, 250.0),
    Organ.LUNG: (-1000.0, -300.0),
}
"""Mean HU of an organ, from fat liver to the arterial phase (assumption, wider than any organ that is drawn right)."""
ML: dict[Organ, tuple[float, float]] = {
    Organ.KIDNEY: (40.0, 600.0),
    Organ.LIVER: (400.0, 6000.0),
    Organ.SPLEEN: (20.0, 3000.0),
    Organ.PANCREAS: (10.0, 300.0),
    Organ.LUNG: (300.0, 6000.0),
}
"""Volume of one organ of an adult, with room for a single kidney, a tumour liver and a portal spleen (assumption)."""
_WITH_GAS = {Organ.LUNG, Organ.BOWEL, Organ.COLON, Organ.STOMACH, Organ.DUODENUM, Organ.TRACHEA, Organ.OESOPHAGUS, Organ.HEART}
_TAKING_UP = (Organ.KIDNEY, Organ.LIVER, Organ.SPLEEN)
"""Organs that show uptake of every SSTR ligand."""
IN_BODY = 0.5
COARSE_MM = 8.0
REACH_MM = 120.0
LEAST_SHIFT_MM = 24.0
"""Smaller shifts are the business of registration."""
SAID, DISPLACED, FAR_OFF = 1.1, 1.3, 1.6
"""Uptake at the best common place over that at the stated one: 1.0 in the digital patients, 1.25 to 1.6 for a shift of 32 mm.
Beyond the last a shift counts however small it is: organs as thin as it lie beside their uptake."""


@dataclass(frozen=True)
class Misplaced:
    """What does not fit: the sentence, and whether the study must not be used with it."""

    sentence: str
    refuses: bool


def check_place(study: Study) -> list[Misplaced]:
    """Return what does not fit between the regions of a study and its images, the gravest first."""
    found: list[Misplaced] = []
    for region in study.regions:
        if region.kind in (RegionKind.ORGAN, RegionKind.LESION):
            found += _volume(region)
            shown = [ct for ct in study.ct_images() if ct.grid.frame_of_reference == region.grid.frame_of_reference]
            if shown:
                found += _tissue(region, max(shown, key=lambda ct: inside_fraction(region, ct.grid)) if len(shown) > 1 else shown[0])
    found += _sides(study.regions)
    images = _ligand(study)
    if images:
        image = images[0]
        for source in dict.fromkeys(r.source for r in study.regions):
            drawn = [r for r in study.regions if r.source == source]
            found += _displaced(drawn, image)
            found += [said for other in images[1:] for said in _displaced_there(drawn, other)]
        found += _cold(study.lesions(), image)
        taking_up = [r for r in study.organs() if organ_of(r.name) in _TAKING_UP]
        found += [said for other in images for said in _cold_organs(taking_up, other)]
        found += [Misplaced(one.sentence, False) for one in hot_on(study.regions, image)]
        found += [Misplaced(sentence, False) for sentence in hot_by_name(study.regions, image)]
    return sorted(found, key=lambda one: not one.refuses)


def _volume(region: Region) -> list[Misplaced]:
    organ = organ_of(region.name) if region.kind is RegionKind.ORGAN else None
    if organ not in ML:
        return []
    low, high = ML[organ]
    if organ in (Organ.KIDNEY, Organ.LUNG) and side_of(region.name) is None:
        high *= 2.0
    if low <= region.volume_ml <= high:
        return []
    size = f"{region.volume_ml:.4g} ml is outside the range of a {organ}, {low:g} to {high:g} ml"
    return [Misplaced(f"Region {region.name!r}: {size}.", False)]


def _tissue(region: Region, ct: Volume) -> list[Misplaced]:
    """What the CT shows inside a region."""
    organ = organ_of(region.name) if region.kind is RegionKind.ORGAN else None
    box, weight = region_part(region, ct.grid)
    total = float(weight.sum(dtype=np.float64))
    if total <= 0:
        return []
    hu = ct.array[box]
    tissue = float(weight[hu > AIR_HU].sum(dtype=np.float64)) / total
    if organ not in _WITH_GAS and tissue < IN_BODY:
        return [Misplaced(f"Region {region.name!r} lies outside the body or in air: {100 * (1 - tissue):.0f} % of it on the CT.", True)]
    if organ in HU and region.kind is RegionKind.ORGAN:
        low, high = HU[organ]
        mean = float((hu * weight).sum(dtype=np.float64)) / total
        if not low <= mean <= high:
            return [Misplaced(f"Region {region.name!r}: a mean of {mean:.0f} HU is not that of a {organ} ({low:g} to {high:g} HU).", False)]
    return []


def _sides(regions: Sequence[Region]) -> list[Misplaced]:
    """A left kidney on the right of the right one (x grows to the patient's left): names or images are mirrored."""
    kidneys = {side_of(r.name): r for r in regions if r.kind is RegionKind.ORGAN and organ_of(r.name) is Organ.KIDNEY}
    left, right = kidneys.get("left"), kidneys.get("right")
    if left is None or right is None or left.grid.frame_of_reference != right.grid.frame_of_reference:
        return []
    apart = _centre(left)[0] - _centre(right)[0]
    if apart >= 0:
        return []
    return [Misplaced(f"{left.name!r} lies {-apart:.0f} mm to the right of {right.name!r}: sides are exchanged or mirrored.", True)]


def _centre(region: Region) -> Floats:
    index = np.argwhere(region.occupancy > 0)
    weight = region.occupancy[tuple(index.T)].astype(np.float64)
    return np.asarray(region.grid.index_to_mm((index * weight[:, None]).sum(axis=0) / weight.sum()))


def _ligand(study: Study) -> list[Volume]:
    """Images that show where the ligand went: therapy images, then PET that is no FDG."""
    return [*study.therapy_images(), *(v for v in study.pet_images() if v.nuclide != "F-18" and shows_ligand(study, v))]


def _displaced(regions: Sequence[Region], image: Volume) -> list[Misplaced]:
    """Move all regions of one source together over the image: organs that take up must fit best where they are."""
    used = [r for r in regions if r.grid.frame_of_reference == image.grid.frame_of_reference and r.kind is not RegionKind.BODY]
    organs = [r for r in used if r.kind is RegionKind.ORGAN and organ_of(r.name) in _TAKING_UP]
    if len(organs) < 2:
        return []
    seen = fit_of_places(organs, image)
    if seen is None:
        return []
    gain, shift = seen
    far = float(np.linalg.norm(shift))
    if gain < SAID or far < 0.5 * LEAST_SHIFT_MM:
        return []
    names = ", ".join(repr(r.name) for r in organs)
    return [
        Misplaced(
            f"Regions of the {organs[0].source} do not lie on the uptake: {names} hold {gain:.1f} times as much {far:.0f} mm away"
            f" (x {shift[0]:+z.0f}, y {shift[1]:+z.0f}, z {shift[2]:+z.0f} mm).",
            gain >= (DISPLACED if far >= LEAST_SHIFT_MM else FAR_OFF),
        )
    ]


def _of(image: Volume) -> str:
    return f"the {image.nuclide} image" + ("" if image.time is None else f" of {image.time:%Y-%m-%d %H:%M}")


def _displaced_there(regions: Sequence[Region], image: Volume) -> list[Misplaced]:
    """The same on an image after the first: only what would be refused there, and only said, since the patient lies anew on each."""
    return [
        Misplaced(f"On {_of(image)}: {one.sentence} Is it mirrored, or was the patient moved?", False)
        for one in _displaced(regions, image)
        if one.refuses
    ]


def fit_of_places(regions: Sequence[Region], image: Volume) -> tuple[float, Floats] | None:
    """Uptake of regions at their best common place over that at their stated one, and the shift there in patient mm ``(3,)``.

    Every region counts the same; uptake by its square root, so that one hot spot does not draw all of them. None where nothing of
    the regions lies on the image, or the image shows nothing.
    """
    coarse, grid = _coarse(image)
    mask = np.zeros(grid.shape)
    for region in regions:
        box, weight = region_part(region, grid)
        mask[box] += weight / (region.volume_ml / grid.voxel_ml)  # what lies outside the image holds nothing
    if not mask.any() or not (coarse > 0).any():
        return None
    reach = [int(np.ceil(REACH_MM / s)) for s in grid.spacing_mm]
    from scipy.fft import irfftn, next_fast_len, rfftn

    size = [next_fast_len(n + r, real=True) for n, r in zip(grid.shape, reach, strict=True)]
    seen = np.asarray(irfftn(rfftn(np.sqrt(np.maximum(coarse, 0.0)), size) * np.conj(rfftn(mask, size)), size))
    for axis, r in enumerate(reach):
        seen = np.take(seen, np.r_[np.arange(-r, r + 1)], axis=axis, mode="wrap")
    here = float(seen[tuple(reach)])
    best = np.unravel_index(int(seen.argmax()), seen.shape)
    steps = np.array(best) - np.array(reach)
    shift = grid.affine[:3, :3] @ steps
    return float(seen[best]) / max(here, 1e-9 * float(seen[best])), np.asarray(shift)


def _coarse(image: Volume) -> tuple[Floats, Grid]:
    """Block means of an image in voxels of about ``COARSE_MM``."""
    parts = [min(max(1, round(COARSE_MM / s)), n) for s, n in zip(image.grid.spacing_mm, image.grid.shape, strict=True)]
    shape = [n // p for n, p in zip(image.grid.shape, parts, strict=True)]
    cut = image.array[tuple(slice(0, n * p) for n, p in zip(shape, parts, strict=True))]
    blocks = cut.reshape(shape[0], parts[0], shape[1], parts[1], shape[2], parts[2]).mean(axis=(1, 3, 5), dtype=np.float64)
    affine = np.array(image.grid.affine)
    affine[:3, 3] = image.grid.index_to_mm((np.array(parts) - 1) / 2.0)
    affine[:3, :3] = affine[:3, :3] * np.array(parts)
    return blocks, Grid((shape[0], shape[1], shape[2]), affine, image.grid.frame_of_reference)


def _cold(lesions: Sequence[Region], image: Volume) -> list[Misplaced]:
    """Lesions that hold less than the mean of the image where there is any: said, since cold lesions exist."""
    everywhere = positive_mean(image)
    said = []
    for lesion in lesions:
        mean = mean_in(lesion, image)
        if mean is not None and mean < everywhere:
            where = f"less than the mean of the {image.nuclide} image"
            said.append(Misplaced(f"Lesion {lesion.name!r} holds {where}: cold, or not in its place.", False))
    return said


def _cold_organs(organs: Sequence[Region], image: Volume) -> list[Misplaced]:
    """Organs that take up every ligand and hold less than the mean of an image: it is mirrored or shifted, or they are."""
    everywhere = positive_mean(image)
    cold = [r for r in organs if (mean := mean_in(r, image)) is not None and mean < everywhere]
    if not cold:
        return []
    names = ", ".join(repr(r.name) for r in cold)
    names += " holds" if len(cold) == 1 else " hold"
    return [Misplaced(f"On {_of(image)} {names} less than its mean (where it is above zero): not in place, mirrored, or really cold.",
                      False)]
