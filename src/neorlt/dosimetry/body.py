"""The body of a study: its CT in a frame of reference, and its outline."""

from __future__ import annotations

import numpy as np

from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume


def body_region_of(study: Study, frame_of_reference: str) -> Region | None:
    """The body: its contour, else the outline in CT; None where there is neither in this frame of reference."""
    outline = [region for region in study.regions if region.kind is RegionKind.BODY]
    if outline:
        return outline[0]
    ct = ct_of(study, frame_of_reference)
    if ct is None:
        return None
    from neorlt.imaging.body import body_region

    return body_region(ct)


def ct_of(study: Study, frame_of_reference: str) -> Volume | None:
    """The largest CT in a frame of reference."""
    same = [ct for ct in study.ct_images() if ct.grid.frame_of_reference == frame_of_reference]
    return max(same, key=lambda v: float(np.prod(v.grid.shape)) * v.grid.voxel_ml, default=None)
