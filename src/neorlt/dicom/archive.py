"""What both roads to an archive share: what is asked, what was found, fetched and sent, and how objects are compared.

A fetched study is whole or absent: it is written aside and counted against what the archive announced, class by class; what is not
wanted is left out by name. What was sent is looked for afterwards, and an object that the archive had already under the same
identifier is compared with ours. Names and identifiers of patients are never logged.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from neorlt.core.errors import InputError

WANTED = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "enhanced CT",
    "1.2.840.10008.5.1.4.1.1.128": "PET",
    "1.2.840.10008.5.1.4.1.1.130": "enhanced PET",
    "1.2.840.10008.5.1.4.1.1.20": "NM",
    "1.2.840.10008.5.1.4.1.1.481.3": "RT structure set",
    "1.2.840.10008.5.1.4.1.1.481.2": "RT dose",
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "label map segmentation",
    "1.2.840.10008.5.1.4.1.1.30": "parametric map",
    "1.2.840.10008.5.1.4.1.1.67": "real-world value mapping",
    "1.2.840.10008.5.1.4.1.1.88.33": "comprehensive SR",
    "1.2.840.10008.5.1.4.1.1.88.34": "comprehensive 3D SR",
    "1.2.840.10008.5.1.4.1.1.88.68": "radiopharmaceutical dose SR",
    "1.2.840.10008.5.1.4.1.1.88.73": "patient dose SR",
    "1.2.840.10008.5.1.4.1.1.66.1": "spatial registration",
}
"""Kinds of objects that neorlt reads or writes; the others of a study are left out by name unless all are asked for."""
TIMEOUT_S = 30.0
_NAMING = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
FIELDS = ("StudyInstanceUID", "StudyDate", "ModalitiesInStudy", "StudyDescription", "NumberOfStudyRelatedInstances")


@dataclass(frozen=True)
class Access:
    """How to introduce ourselves to an archive.

    ``own_title`` is our AE title; ``ca_file`` (and ``cert_file``, ``key_file`` where the archive asks who we are) switch TLS on for
    DIMSE; ``user`` and ``password`` are for DICOMweb; ``listen_port`` takes what a C-MOVE sends.
    """

    own_title: str = "NEORLT"
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    listen_port: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.own_title.strip()) <= 16:
            raise InputError("an AE title has 1 to 16 characters (PS3.5 6.2, AE)", found=self.own_title, where="--own-title",
                             remedy="choose the title that the archive knows")
        for path in (self.ca_file, self.cert_file, self.key_file):
            if path is not None and not path.is_file():
                raise InputError("a certificate file is not there", where=str(path), remedy="correct the path")


@dataclass(frozen=True)
class Found:
    """One study as the archive announces it; no name, no identifier of the patient."""

    study_uid: str
    date: str
    modalities: tuple[str, ...]
    description: str
    instances: int | None

    def as_json(self) -> dict[str, Any]:
        """Entry of ``studies``."""
        return {
            "study_uid": self.study_uid,
            "date": self.date,
            "modalities": list(self.modalities),
            "description": self.description,
            "instances": self.instances,
        }


@dataclass(frozen=True)
class Series:
    """One series of a study: its instances by class, ``{sop class uid: [sop instance uid, …]}``."""

    uid: str
    modality: str
    instances: Mapping[str, Sequence[str]]

    def wanted(self, everything: bool) -> dict[str, Sequence[str]]:
        """Instances that neorlt reads or writes; an archive that does not say a class is believed by nothing: it is fetched."""
        return {kind: uids for kind, uids in self.instances.items() if everything or not kind or kind in WANTED}


@dataclass(frozen=True)
class Fetched:
    """What arrived, and what was left out: ``{kind of object: number}``."""

    instances: int
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Sent:
    """What became of every object that was sent.

    ``sent``: stored now, and found in the archive afterwards. ``kept``: the archive had it already, the same. ``conflicts``: the
    archive had another object under the same identifier and kept that one. ``refused``: kind of object and the archive's reason.
    ``missing``: the archive said that it stored them and does not hold them.
    """

    sent: int
    kept: int = 0
    conflicts: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    missing: int = 0

    def as_json(self) -> dict[str, Any]:
        """Keys ``sent``, ``kept``, ``conflicts``, ``refused``, ``missing``."""
        return {"sent": self.sent, "kept": self.kept, "conflicts": list(self.conflicts), "refused": list(self.refused),
                "missing": self.missing}

    @property
    def whole(self) -> bool:
        """Whether the archive holds everything as it was sent."""
        return not (self.conflicts or self.refused or self.missing)


class Node(Protocol):
    """An archive, by whichever road it is reached."""

    @property
    def where(self) -> str:
        """How errors name the archive."""

    def echo(self) -> None:
        """Ask whether it answers; raises InputError where it does not."""

    def find(self, **keys: str) -> list[Found]:
        """Return studies that match ``keys`` (DICOM keywords)."""

    def fetch(self, study_uid: str, folder: Path, *, everything: bool = False, move: bool = False) -> Fetched:
        """Write the wanted instances of a study to ``folder``."""

    def send(self, paths: Sequence[Path]) -> Sent:
        """Send files and say what became of them."""


def found_of(dataset: Dataset) -> Found:
    """One answer of a study search."""
    modalities = dataset.get("ModalitiesInStudy") or []
    count = dataset.get("NumberOfStudyRelatedInstances")
    return Found(
        str(dataset.get("StudyInstanceUID", "")),
        str(dataset.get("StudyDate", "") or ""),
        (modalities,) if isinstance(modalities, str) else tuple(str(m) for m in modalities),
        str(dataset.get("StudyDescription", "") or ""),
        int(count) if count not in (None, "") else None,
    )


def gone(what: str, where: str, detail: str) -> InputError:
    """The archive is not to be reached (any more)."""
    return InputError(f"the archive {what}", found=detail, where=where, remedy="check that it runs and is reachable, then try again")


def not_held(where: str) -> InputError:
    """The study that was asked for is not there."""
    return InputError("the archive does not hold the study", where=where, remedy="look for it with: neorlt pacs find")


def kind_name(sop_class_uid: str) -> str:
    """The field's name of a class of objects."""
    return WANTED.get(sop_class_uid) or UID(sop_class_uid).name.removesuffix(" Storage") or "unknown kind"


def left_out(series: Iterable[Series], everything: bool) -> dict[str, int]:
    """Number of instances by kind that are not fetched."""
    found: Counter[str] = Counter()
    for one in series:
        kept = one.wanted(everything)
        for kind, uids in one.instances.items():
            if kind not in kept:
                found[kind_name(kind)] += len(uids)
    return dict(found)


def check_whole(got: Iterable[str], expected: Iterable[str], where: str, said: Sequence[str] = ()) -> None:
    """Refuse a study of which less arrived than the archive announced; ``said`` is what the archive reported.

    Raises
    ------
    InputError
        With both numbers.
    """
    arrived, announced = set(got), set(expected)
    if announced - arrived:
        raise InputError(
            "the study did not arrive whole",
            expected=f"{len(announced)} objects",
            found="; ".join([f"{len(arrived & announced)}", *dict.fromkeys(said)]),
            where=where,
            remedy="wait until the series is sent completely, then fetch again; some archives give single kinds of objects only by "
            "C-MOVE (--move)",
        )


def digest(dataset: Dataset) -> str:
    """SHA-256 of what an object says, apart from its file meta information and the way it is encoded; pixel data as it stands."""
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    plain = Dataset({tag: element for tag, element in dataset.items() if tag.group != 2 and tag.element != 0})
    write_dataset(stream, plain)
    return hashlib.sha256(stream.getvalue()).hexdigest()


def differs(ours: Dataset, theirs: Dataset) -> list[str]:
    """Names of the elements in which two objects differ (``PixelData`` only where both are encoded alike)."""
    if digest(ours) == digest(theirs):
        return []
    alike = ours.file_meta.TransferSyntaxUID == theirs.file_meta.TransferSyntaxUID
    tags = {tag for tag in (*ours.keys(), *theirs.keys()) if tag.group not in (0, 2) and tag.element != 0}
    found = []
    for tag in sorted(tags):
        if tag == 0x7FE00010 and not alike:
            continue
        one, other = ours.get(tag), theirs.get(tag)
        if one is None or other is None or one.value != other.value:
            element = one if one is not None else other
            assert element is not None
            found.append(element.keyword or str(tag))
    return found


def account(
    stored: Sequence[tuple[Path, Dataset]], before: set[str], refused: Sequence[str],
    held: Callable[[Sequence[tuple[Path, Dataset]]], set[str]], fetch: Callable[[Dataset], Dataset | None],
) -> Sent:
    """What became of the objects that the archive said it stored.

    Parameters
    ----------
    stored
        File and header of each.
    before
        Identifiers that it held before.
    refused
        Sentences on the others.
    held
        Which of some objects' identifiers it holds now.
    fetch
        The archive's own copy of an object, by our header; None where it does not show it.
    """
    new = [row for row in stored if str(row[1].SOPInstanceUID) not in before]
    old = [row for row in stored if str(row[1].SOPInstanceUID) in before]
    conflicts = []
    for path, header in old:
        theirs, name = fetch(header), kind_name(str(header.SOPClassUID))
        if theirs is None:
            conflicts.append(f"{name}: the archive held one under this identifier and does not show it; it cannot be compared")
        elif elements := differs(dcmread(path), theirs):
            conflicts.append(f"{name}: the archive keeps another object under this identifier (differs in {', '.join(elements[:5])})")
    now = held(new)
    missing = sum(str(header.SOPInstanceUID) not in now for _, header in new)
    return Sent(len(new) - missing, len(old) - len(conflicts), tuple(conflicts), tuple(refused), missing)


def headers(paths: Sequence[Path]) -> list[tuple[Path, Dataset]]:
    """File and what names it (meta information, class, identifiers) of everything that is to be sent; the rest is read when it is sent."""
    return [(path, dcmread(path, stop_before_pixels=True, specific_tags=list(_NAMING))) for path in paths]
