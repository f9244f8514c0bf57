"""Find the DICOM objects of a folder (or ZIP) and group them by series; every file's header is read once."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neorlt.core.errors import InputError
from neorlt.core.progress import track
from neorlt.dicom.header import text, where
from neorlt.dicom.packed import unpacked
from neorlt.dicom.part10 import PixelBytes, read_part10

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DICOM_SUFFIXES = {".dcm", ".ima", ".dicom"}
NIFTI_SUFFIXES = (".nii", ".nii.gz", ".mha", ".nrrd")
_OURS = (".toml", ".json", ".md", ".txt", ".csv", ".pdf", *NIFTI_SUFFIXES)
"""Kinds of file that lie beside images for good reasons and are not named when they are passed over."""


@dataclass(frozen=True)
class Instance:
    """One file: its path, its name relative to the study folder, and its header without pixels."""

    path: Path
    name: str
    header: Dataset
    pixels: PixelBytes | None = None
    """Where the pixel data lie in the file; None where the header holds them, or there are none."""
    frame: int | None = None
    """Number (from 0) of the frame of a multi-frame file that this slice is; None for a file of its own."""
    told: frozenset[str] = frozenset()
    """Keywords of the header that the file states by other attributes."""


@dataclass(frozen=True)
class Series:
    """The instances that share a Series Instance UID (0020,000E) and a SOP class (0008,0016)."""

    uid: str
    sop_class: str
    instances: tuple[Instance, ...]

    @property
    def first(self) -> Instance:
        """The instance with the first name; errors about the whole series name it."""
        return self.instances[0]

    @property
    def where(self) -> str:
        """File (and number of files) of the series, for errors."""
        more = len(self.instances) - 1
        return self.first.name + (f" and {more} more" if more else "")


@dataclass(frozen=True)
class Scan:
    """What a folder holds."""

    root: Path
    series: tuple[Series, ...]
    ignored: tuple[str, ...]
    patient_key: str
    notes: tuple[str, ...] = ()
    """What was passed over, by name, and what was taken for granted."""


def scan(study: Path, *, same_person: str = "") -> Scan:
    """Read every header below a folder, in a ZIP, or of one file, and check that it is one patient.

    Linked folders are followed, each once. A DICOMDIR is compared with the files that are there.

    Parameters
    ----------
    same_person
        Reason why files that name different patients are one person, from ``[patient]`` in ``settings.toml``.

    Raises
    ------
    InputError
        If there is nothing to read, a file is damaged or has no SOP class, or two patients are mixed.

    """
    study = unpacked(Path(study))
    if not study.exists():
        raise InputError("the study does not exist", where=str(study), remedy="give the folder that holds the DICOM files")
    root = study if study.is_dir() else study.parent
    paths = files_below(study) if study.is_dir() else [study]
    instances, ignored, listed = [], [], []
    for path in track(paths, "reading headers", total=len(paths)):
        name = path.relative_to(root).as_posix()
        if path.name.startswith("."):
            continue
        if path.name.upper() == "DICOMDIR":
            listed.append(path)
            continue
        instance = read_instance(path, name)
        if instance is None:
            ignored.append(name)
        else:
            instances.append(instance)
    if not instances:
        _refuse_empty(study, ignored)
    notes = [note for path in listed for note in _missing_of(path)]
    other = [name for name in ignored if not name.lower().endswith(_OURS)]
    if other:
        shown = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
        notes.append(f"Files that are not DICOM were left out: {shown}.")
    if same_person:
        notes.append(f"Files that name different patients were taken for one person: {same_person}")
    return Scan(root, tuple(_group(instances)), tuple(ignored), check_one_patient(instances, same_person), tuple(notes))


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, sorted; links to folders are followed, but no folder is entered twice."""
    found, seen = [], set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [path for name in names if (path := Path(here) / name).is_file()]
    return sorted(found)


def _missing_of(dicomdir: Path) -> list[str]:
    """Say how many files a DICOMDIR (PS3.3 F) lists that are not there."""
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            records = dcmread(dicomdir).get("DirectoryRecordSequence") or []
            listed = [record.get("ReferencedFileID") for record in records if record.get("ReferencedFileID")]
    except Exception as error:  # pydicom raises many kinds for broken bytes
        return [f"DICOMDIR cannot be read ({type(error).__name__}) and was not compared with the files."]
    there = {p.relative_to(dicomdir.parent).as_posix().upper() for p in files_below(dicomdir.parent)}
    parts = [[one] if isinstance(one, str) else [str(v) for v in one] for one in listed]
    missing = ["/".join(part) for part in parts if "/".join(part).upper() not in there]
    if not missing:
        return []
    return [f"DICOMDIR lists {len(listed)} files, of which {len(missing)} are not there (first: {missing[0]}): the copy is not whole."]


def _refuse_empty(study: Path, ignored: list[str]) -> None:
    images = [name for name in ignored if name.lower().endswith(NIFTI_SUFFIXES)]
    if images:
        raise InputError(
            "the study holds images without a quantitative scale",
            expected="DICOM images with a unit (Bq/ml), a time and an injected activity",
            found=f"{len(images)} NIfTI files, whose numbers have no unit, no time and no injection",
            where=images[0],
            remedy="give the DICOM series they were made from; label maps go to --regions",
        )
    packed = [name for name in ignored if name.lower().endswith(".zip")]
    if len(packed) == 1:
        raise InputError("the study is packed", where=packed[0], remedy="give the ZIP itself, or unpack it")
    raise InputError(
        "the folder holds no DICOM file",
        found="no file" if not ignored else f"{len(ignored)} files of other kinds",
        where=study.name,
        remedy="point to the folder with the CT, PET or SPECT images",
    )


def is_dicom(path: Path) -> bool:
    """Whether the file has the DICOM prefix (PS3.10 7.1)."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def read_instance(path: Path, name: str) -> Instance | None:
    """Return a DICOM file's header and where its pixels lie, or None for a file of another kind.

    Raises
    ------
    InputError
        If the file is damaged, or its SOP class is missing.

    """
    if not is_dicom(path):
        if path.suffix.lower() in DICOM_SUFFIXES:
            raise InputError("the file is not DICOM, or was cut short", where=name, remedy="copy the file again, or take it out")
        if _looks_bare(path):
            raise InputError(
                "the file is a DICOM data set without its file header (PS3.10 7.1)",
                where=name,
                remedy="write it anew with its header (dcmtk: dcmconv +F), or export it again",
            )
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values that break their VR are judged where they are used
            header, pixels = read_part10(path, name)
            sop_class = text(header, "SOPClassUID", name)
            series = text(header, "SeriesInstanceUID", name)
    except InputError:
        raise
    except Exception as error:  # pydicom raises many kinds for broken bytes
        raise InputError(
            "the file cannot be read; it is damaged or cut short",
            found=type(error).__name__,
            where=name,
            remedy="copy the file again, or take it out",
        ) from error
    if not sop_class:
        raise InputError(
            "the file does not say what kind of object it is",
            where=where(name, "SOPClassUID"),
            remedy="export the series again with its SOP Class UID",
        )
    if not series:
        raise InputError(
            "the file belongs to no series",
            where=where(name, "SeriesInstanceUID"),
            remedy="export the series again, or copy the file again: it may be cut short",
        )
    return Instance(path, name, header, pixels)


def _looks_bare(path: Path) -> bool:
    """Whether the file begins like a data set of group 0008 (PS3.5 7.1): length, character set, image type or a UID."""
    with path.open("rb") as stream:
        start = stream.read(8)
    return start[:2] == b"\x08\0" and start[2:4] in (b"\0\0", b"\x01\0", b"\x05\0", b"\x08\0", b"\x16\0", b"\x18\0")


def _fingerprint(parts: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(("neorlt patient", *parts)).encode()).hexdigest()[:12]


def check_one_patient(instances: list[Instance], same_person: str = "") -> str:
    """Return the pseudonym of the one patient; with a reason, that of the first of several names of one person.

    Raises
    ------
    InputError
        If identifier, name or date of birth differ between files. The message shows pseudonyms only.

    """
    seen: dict[tuple[str, str, str], str] = {}
    for instance in instances:
        header = instance.header
        name = "^".join(part.strip() for part in text(header, "PatientName", instance.name).upper().rstrip("^").split("^"))
        who = (text(header, "PatientID", instance.name), name, text(header, "PatientBirthDate", instance.name))
        seen.setdefault(who, instance.name)
    if len(seen) > 1 and not same_person:
        (one, file_one), (two, file_two) = list(seen.items())[:2]
        tags = ("PatientID", "PatientName", "PatientBirthDate")
        differs = next(tag for tag, a, b in zip(tags, one, two, strict=True) if a != b)
        raise InputError(
            "the study mixes patients",
            expected="one patient",
            found=f"pseudonym {_fingerprint(one)} in {file_one}, {_fingerprint(two)} in {file_two}",
            where=where(file_two, differs),
            remedy="give the files of one patient; where it is one person, correct the identity in the PACS, or state treat_as_one = true"
            " with a reason under [patient] in settings.toml",
        )
    return _fingerprint(next(iter(seen)))


def _group(instances: list[Instance]) -> list[Series]:
    groups: dict[tuple[str, str], list[Instance]] = {}
    for instance in instances:
        key = (text(instance.header, "SeriesInstanceUID", instance.name), text(instance.header, "SOPClassUID", instance.name))
        groups.setdefault(key, []).append(instance)
    return [Series(uid, sop_class, _without_copies(members)) for (uid, sop_class), members in groups.items()]


def _without_copies(members: list[Instance]) -> tuple[Instance, ...]:
    """Drop files that are byte for byte the same object; refuse two different objects of one identifier."""
    uids = Counter(text(m.header, "SOPInstanceUID", m.name) for m in members)
    kept: dict[str, Instance] = {}
    for member in members:
        uid = text(member.header, "SOPInstanceUID", member.name)
        if not uid:
            raise InputError("the object has no identifier", where=where(member.name, "SOPInstanceUID"), remedy="export it again")
        if uid in kept:
            if uids[uid] > 1 and _digest(member.path) != _digest(kept[uid].path):
                raise InputError(
                    "two different objects carry the same identifier",
                    found=kept[uid].name,
                    where=where(member.name, "SOPInstanceUID"),
                    remedy="take one of the two files out",
                )
            continue
        kept[uid] = member
    return tuple(kept.values())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
