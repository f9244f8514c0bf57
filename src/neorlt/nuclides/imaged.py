"""What an image of a nuclide shows: a therapy or not, by single photons or not. Whoever reads or sorts images asks here.

The register of therapies leads (:mod:`neorlt.nuclides.therapy`, a user's file included), then the emissions; what neither holds
stands in ``data/imaged.toml``.
"""

from __future__ import annotations

import functools
import tomllib

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.therapy import therapy_nuclides


@functools.cache
def _table() -> dict[str, frozenset[str]]:
    return {key: frozenset(names) for key, names in tomllib.loads(tables.read_text("nuclides", "imaged.toml")).items()}


def given_to_treat(name: str | None) -> bool:
    """Whether an image of the nuclide is one of a therapy, whatever object it is stored in."""
    return name in therapy_nuclides() or name in _table()["treats"]


def seen_by_single_photons(name: str | None) -> bool:
    """Whether an image of the nuclide is a SPECT, also where it is stored as PET: it gives gammas and no positrons.

    90Y gives neither: what is stored as PET of it was made by pairs, and stays a PET.
    """
    if name is None or name in _table()["single_photon"]:
        return name is not None
    try:
        nuclide = get_nuclide(name)
    except InputError:
        return False
    return bool(len(nuclide.gamma)) and not nuclide.beta_plus


def joins_a_curve(name: str | None) -> bool:
    """Whether images of the nuclide are points of a time-activity curve, and so count at the moment when they were taken."""
    return given_to_treat(name) or seen_by_single_photons(name)


def imaged_nuclides() -> frozenset[str]:
    """Names that a header may hold: of the table and of the register, a user's own included."""
    return frozenset(therapy_nuclides()).union(*_table().values())
