"""Digital patients and phantoms whose true activity and dose are known.

The truth here is made by another road than the estimate it judges: activity on a 2 mm grid, analytic
time-integrated activity, and absorbed dose from a Monte Carlo run shipped as numbers. Nothing in this
room uses the point kernels, voxel S-values or recovery factors of the other rooms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.phantoms.cases import Case, case
    from neorlt.phantoms.example import write_example
    from neorlt.phantoms.images import study_in_memory
    from neorlt.phantoms.truth import truth_document

__all__ = [
    "Case",
    "case",
    "study_in_memory",
    "truth_document",
    "write_example",
]

__getattr__ = offers(__name__)
