"""Whether a CT's values are on the Hounsfield scale: air and soft tissue must lie where the scale puts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neorlt.imaging.volume import Volume

AIR_HU = -800.0
"""Round a patient there is air, −1000 HU by definition; scanners show −1046…−986 (manual of the Catphan 503/600 phantom, range of its
air insert; noise and the edges of a coarse image widen it). A field of view that lies inside the body has no air."""
TISSUE_HU = (-200.0, 200.0)
"""Fat lies at about −100, water at 0 (−7…7 in that manual) and contrast-filled organs below 200: the middle of what is not air."""
BODY_HU = -500.0
"""Above this is body."""
LEAST_PART = 0.001
"""Part of the voxels that air and body each must fill at the least."""
LOOKED_AT = 1_000_000
"""Voxels that are enough to see air and body."""


def off_the_scale(volumes: Sequence[Volume]) -> list[str]:
    """Return a sentence for every CT without air, or whose body is not soft tissue in the middle: its slope or intercept was changed."""
    said = []
    for volume in volumes:
        found = _not_found(volume) if volume.modality == "CT" else []
        if found:
            said.append(
                f"The CT shows {' and '.join(found)}: its Rescale Slope (0028,1053) or Intercept (0028,1052) was changed, or it shows a"
                " part of the body alone. Its HU are in doubt; export the series again."
            )
    return said


def _not_found(ct: Volume) -> list[str]:
    step = max(1, int((ct.array.size / LOOKED_AT) ** (1.0 / 3.0)))
    values = ct.array[::step, ::step, ::step].ravel()
    least = int(LEAST_PART * values.size)
    found = []
    lowest = float(np.partition(values, least)[least])
    if lowest > AIR_HU:
        found.append(f"no air (expected below {AIR_HU:g} HU, found {lowest:.0f} HU)")
    body = values[values > BODY_HU]
    middle = float(np.median(body)) if body.size > least else None
    if middle is None or not TISSUE_HU[0] <= middle <= TISSUE_HU[1]:
        seen = f"nothing above {BODY_HU:g} HU" if middle is None else f"{middle:.0f} HU"
        found.append(f"no soft tissue (expected {TISSUE_HU[0]:g} to {TISSUE_HU[1]:g} HU in the middle of the body, found {seen})")
    return found
