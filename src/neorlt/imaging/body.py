"""The body's outline from CT."""

from __future__ import annotations

import numpy as np

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Unit, Volume

SKIN_HU = -300.0
"""Half way between air (−1000 HU) and soft tissue, as far as fat (about −100 HU) and clothing allow."""
OPENING_MM = 6.0
"""Bridges between body and couch thinner than this are cut."""


def body_region(ct: Volume) -> Region:
    """Return the largest connected part of the CT above −300 HU, its air spaces filled plane by plane.

    Raises
    ------
    InputError
        If the volume is no CT, or nothing in it is denser than air.
    """
    from scipy.ndimage import binary_closing, binary_dilation, binary_erosion, binary_fill_holes, label

    if ct.unit is not Unit.HU:
        raise InputError("the body's outline is made from CT", expected=str(Unit.HU), found=str(ct.unit), remedy="give the CT")
    dense = ct.array > SKIN_HU
    steps = max(1, int(round(OPENING_MM / 2.0 / min(ct.grid.spacing_mm[:2]))))
    plus = np.zeros((3, 3, 1), bool)
    plus[1, :, 0] = plus[:, 1, 0] = True
    core = binary_erosion(dense, plus, iterations=steps, border_value=1)
    parts, count = label(core)
    if count == 0:
        raise InputError("the CT shows no body", found=f"at most {ct.array.max():.0f} HU", remedy="give the patient's CT")
    largest = int(np.bincount(parts.ravel())[1:].argmax()) + 1
    body = binary_dilation(parts == largest, plus, iterations=steps) & dense
    body = binary_closing(body, plus)
    for k in range(body.shape[2]):
        body[:, :, k] = binary_fill_holes(body[:, :, k])
    return Region("body", RegionKind.BODY, body.astype(np.float32), ct.grid, f"CT above {SKIN_HU:.0f} HU")
