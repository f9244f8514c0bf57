"""Regions without a role, and those of them that are hot: drawn by somebody, named by nothing that says organ or lesion.

Where a study is read, those are named that are hot against the mean of an image (:func:`hot_on`). A region that gets no dose still
shines into its neighbours: where it is hotter than what surrounds it, after the neighbours' own spill has been counted
(:func:`hot_without_role`), it joins the transfer matrix as a source of its own (:mod:`neorlt.imaging.partial_volume`); its activity
stays with the rest of the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.anatomy import Organ, is_vessel, organ_of
from neorlt.core.errors import InputError
from neorlt.imaging.blur import Blur
from neorlt.imaging.measures import mean_in, positive_mean
from neorlt.imaging.partial_volume import BACKGROUND, build_transfer
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.spreading import near
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume

HOT_ON_IMAGE = 3.0
"""Times the mean of an image from which a region without a role is named."""
_TAKE_UP_NONE = frozenset({
    Organ.BONE, Organ.MARROW, Organ.MUSCLE, Organ.LUNG, Organ.BRAIN, Organ.HEART, Organ.TRACHEA, Organ.OESOPHAGUS, Organ.SPINAL_CORD,
})  # fmt: skip
"""Organs that hold no more of an SSTR ligand than their blood: what is hot there is a lesion, or lies beside one."""
HOT = 1.5
"""So many times its surroundings' concentration: cooler than that, a region of a few centimetres spills less than contours err."""
LEAST_OWN = 0.5
"""A region that lies in others by more than this is a part of them, or a margin drawn round them, and no source of its own."""


@dataclass(frozen=True)
class HotRegion:
    """A region without a role that is ``times`` as hot as its surroundings.

    ``inside`` names the region that it is a part of; ``image`` the image with whose mean it was compared, where nothing else was looked at.
    """

    region: Region
    times: float
    inside: str = ""
    image: str = ""

    @property
    def sentence(self) -> str:
        """What was done with it, and the way out."""
        name, times = self.region.name, f"{self.times:.1f} times"
        if self.image:
            found = f"holds {times} the mean of {self.image}: it is neither organ nor lesion, and gets no dose"
        elif self.inside:
            found = f"lies in {self.inside!r} and is {times} as hot: its activity counts as that of {self.inside!r}"
        else:
            found = f"is {times} as hot as its surroundings: what it spills into other regions was taken from them, and it has no dose"
            found += " of its own"
        return f"Region {name!r} has no role and {found}. If it is a lesion, {remedy(name)}"


def remedy(name: str) -> str:
    """The way out for a region without a role."""
    return f'say so under [roles] in settings.toml, as "{name}" = "lesion".'


def without_role(regions: Sequence[Region]) -> list[Region]:
    """Regions that are neither organ, lesion nor body, and no vessel: a vessel's role is contact, and it shows what lies on it."""
    return [r for r in regions if r.kind is RegionKind.OTHER and not is_vessel(r.name)]


def hot_on(regions: Sequence[Region], image: Volume) -> list[HotRegion]:
    """Regions without a role whose mean is :data:`HOT_ON_IMAGE` times that of the image where there is any."""
    everywhere = positive_mean(image)
    means = [(region, mean_in(region, image)) for region in without_role(regions)]
    return [
        HotRegion(region, mean / everywhere, image=f"the {image.nuclide} image")
        for region, mean in means
        if mean is not None and everywhere > 0 and mean > HOT_ON_IMAGE * everywhere
    ]


def hot_by_name(regions: Sequence[Region], image: Volume) -> list[str]:
    """Sentences on regions that only their name calls an organ, one that takes up no ligand, and that are hot (:data:`HOT_ON_IMAGE`)."""
    everywhere = positive_mean(image)
    said = []
    for region in regions:
        organ = organ_of(region.name)
        if region.kind is not RegionKind.ORGAN or not region.why.startswith("name") or organ not in _TAKE_UP_NONE or everywhere <= 0:
            continue
        mean = mean_in(region, image)
        if mean is not None and mean > HOT_ON_IMAGE * everywhere:
            said.append(
                f"Region {region.name!r} is {organ} by its name alone and holds {mean / everywhere:.1f} times the mean of the"
                f" {image.nuclide} image, which {organ} does not. If it is a lesion, {remedy(region.name)}"
            )
    return said


def hot_without_role(study: Study, blur: Blur) -> tuple[HotRegion, ...]:
    """Regions of no role that are hot on a therapy image.

    Vessels that are drawn for contact are no such regions. A region inside an organ or lesion (by more than half) joins nothing, since
    its activity is in that region's already; it is returned with the region's name where it is hot against it.

    Parameters
    ----------
    study
        With therapy images in Bq/ml and regions.
    blur
        As for :func:`~neorlt.imaging.partial_volume.build_transfer`.
    """
    others = without_role(study.regions)
    named = [r for r in study.regions if r.kind in (RegionKind.ORGAN, RegionKind.LESION)]
    images = study.therapy_images()
    if not others or not named or not images:
        return ()
    image = images[0]  # one grid; a region that is hot is so at every time that a therapy image is taken
    occupied = [region_on(r, image.grid) for r in named]
    taken = np.clip(np.sum(occupied, axis=0), 0.0, 1.0).astype(np.float32)
    inside: list[HotRegion] = []
    apart: list[Region] = []
    for region in others:
        whole = region_on(region, image.grid)
        size = float(whole.sum(dtype=np.float64))
        if size * image.grid.voxel_ml < 0.5 * region.volume_ml or size < 1.0:  # outside the image, or a point
            continue
        own = np.minimum(whole, 1.0 - taken)
        if float(own.sum(dtype=np.float64)) >= LEAST_OWN * size:
            if _contrast(images, own, near(own, image.grid, blur) * np.clip(1.0 - taken - own, 0.0, None)) >= HOT:
                apart.append(region)
            continue
        shared = [float(np.minimum(whole, part).sum(dtype=np.float64)) for part in occupied]
        holder = int(np.argmax(shared))
        if shared[holder] < LEAST_OWN * size or named[holder].kind is RegionKind.LESION:
            continue
        times = _contrast(images, whole, np.clip(occupied[holder] - whole, 0.0, None))
        if times >= HOT:
            inside.append(HotRegion(region, times, named[holder].name))
    return (*_not_explained(images, named, apart, blur, study), *inside)


def _contrast(images: Sequence[Volume], region: NDArray[np.float32], around: NDArray[np.float32]) -> float:
    """Mean of a region over that of its surroundings, on the image where it is largest; 0 without surroundings."""
    if around.sum() <= 0 or region.sum() <= 0:
        return 0.0
    same = [i for i in images if i.grid.same_as(images[0].grid)]
    means = [(float(np.average(i.array, weights=region)), float(np.average(i.array, weights=around))) for i in same]
    return max(one / other if other > 0 else (np.inf if one > 0 else 0.0) for one, other in means)


def _not_explained(images: Sequence[Volume], named: list[Region], apart: list[Region], blur: Blur, study: Study) -> list[HotRegion]:
    """Those whose own concentration is above the background's once every region's spill is counted.

    A margin round a tumour looks hot and is not: what it shows came from the tumour.
    """
    bodies = [r for r in study.regions if r.kind is RegionKind.BODY]
    kept = list(apart)
    while kept:
        try:
            matrix = build_transfer(images[0].grid, (*named, *kept, *bodies), blur)
        except InputError:  # two that cannot be told apart: the larger, less specific one is given up
            kept.remove(max(kept, key=lambda r: r.volume_ml))
            continue
        if BACKGROUND not in matrix.names:
            return []
        true = matrix.correct(images[0]).corrected_mbq / matrix.volume_ml
        floor = max(float(true[matrix.names.index(BACKGROUND)]), 1e-3 * float(true.max()))
        return [HotRegion(r, float(true[len(named) + n] / floor)) for n, r in enumerate(kept) if true[len(named) + n] >= HOT * floor]
    return []
