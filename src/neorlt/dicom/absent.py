"""Images that a study's objects name and that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from neorlt.dicom.header import raw, text
from neorlt.dicom.scan import Instance

_CT = re.compile(r"(?<![a-z])ct(?![a-z])", re.IGNORECASE)


def absent_images(instance: Instance, known: frozenset[str]) -> list[str]:
    """Return a sentence for every series that a structure set or segmentation was drawn on and that is not whole.

    A structure set names the slices of its image in the Contour Image Sequence (3006,0016) of a series, a segmentation in the
    Referenced Series Sequence (0008,1115), else frame by frame (0008,2112).

    Parameters
    ----------
    known
        SOP Instance UIDs of every object of the study, also of those that are left out by name.
    """
    structures = text(instance.header, "SOPClassUID", instance.name) == RTStructureSetStorage
    what = "structure set" if structures else "segmentation"
    said = []
    for named in _of_structures(instance) if structures else _of_segments(instance):
        missing = len(named - known)
        if not missing:
            continue
        slices = f"{len(named)} slice{'s' if len(named) > 1 else ''}"
        if missing < len(named):
            said.append(f"The {what} names {slices} of its image, of which {missing} are not there.")
        else:
            said.append(f"The {what} names {slices} of the image that it was drawn on, and that image is not there.")
    return said


def series_of_structures(header: Dataset, name: str) -> Iterator[tuple[Dataset, Dataset]]:
    """Items of the frame of reference and of each series that a structure set was drawn on."""
    for frame in raw(header, "ReferencedFrameOfReferenceSequence", name) or []:
        for study in raw(frame, "RTReferencedStudySequence", name) or []:
            for series in raw(study, "RTReferencedSeriesSequence", name) or []:
                yield frame, series


def _of_structures(instance: Instance) -> Iterator[set[str]]:
    for _, series in series_of_structures(instance.header, instance.name):
        yield _named(series, "ContourImageSequence", instance.name)


def _of_segments(instance: Instance) -> Iterator[set[str]]:
    header, name = instance.header, instance.name
    listed = list(raw(header, "ReferencedSeriesSequence", name) or [])
    if listed:
        for series in listed:
            yield _named(series, "ReferencedInstanceSequence", name)
        return
    groups = [*(raw(header, "SharedFunctionalGroupsSequence", name) or []), *(raw(header, "PerFrameFunctionalGroupsSequence", name) or [])]
    derived = [item for group in groups for item in raw(group, "DerivationImageSequence", name) or []]
    yield set().union(*(_named(item, "SourceImageSequence", name) for item in derived))


def _named(holder: Dataset, keyword: str, name: str) -> set[str]:
    return {text(image, "ReferencedSOPInstanceUID", name) for image in raw(holder, keyword, name) or []} - {""}


def corrected_by_absent_ct(instance: Instance) -> bool:
    """Whether a PET says that a CT corrected its attenuation, in Attenuation Correction Method (0054,1101)."""
    return _CT.search(text(instance.header, "AttenuationCorrectionMethod", instance.name)) is not None
