"""What of a study can be used: its series by kind, as judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from neorlt.dicom.header import numbers, text
from neorlt.dicom.read_nm import SpectObject
from neorlt.dicom.read_pet import PetSeries
from neorlt.dicom.scan import Instance, Series
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid

Stack = tuple[Grid, tuple[Instance, ...]]


@dataclass
class Judged:
    """Series that can be used, by kind, and what a reader should know."""

    ct: list[tuple[Series, Stack]] = field(default_factory=list)
    pet: list[PetSeries] = field(default_factory=list)
    spect: list[SpectObject] = field(default_factory=list)
    injected: list[datetime] = field(default_factory=list)
    """Moment of injection of each SPECT."""
    structures: list[Series] = field(default_factory=list)
    segmentations: list[Series] = field(default_factory=list)
    administrations: list[Administration] = field(default_factory=list)
    weight_kg: float | None = None
    warnings: list[str] = field(default_factory=list)
    uids: frozenset[str] = frozenset()
    """SOP Instance UIDs of all objects, also of those left out."""


def slice_positions(found: Judged) -> dict[str, NDArray[np.float64]]:
    """Image Position (Patient) of every CT and PET slice by its SOP Instance UID."""
    slices = [i for series in (*(s for s, _ in found.ct), *(p.series for p in found.pet)) for i in series.instances]
    return {
        text(i.header, "SOPInstanceUID", i.name): np.array(position)
        for i in slices
        if (position := numbers(i.header, "ImagePositionPatient", 3, i.name)) is not None
    }


def series_of_slices(found: Judged) -> dict[str, str]:
    """Series Instance UID of every CT and PET slice by its SOP Instance UID."""
    every = (*(s for s, _ in found.ct), *(p.series for p in found.pet))
    return {text(i.header, "SOPInstanceUID", i.name): series.uid for series in every for i in series.instances}
