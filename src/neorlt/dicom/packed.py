"""A study in a ZIP: unpacked once into a folder that goes away with the process."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from neorlt.core.errors import InputError
from neorlt.core.zips import DAMAGED

MOST_BYTES = 32 * 2**30
"""A study unpacked: thousands of slices are some gigabytes."""
MOST_FILES = 200_000
MOST_RATIO = 200
"""Unpacked over packed: images shrink by 2 to 10, empty ones by a hundred."""
_open: dict[tuple[str, int, int], tempfile.TemporaryDirectory[str]] = {}


def unpacked(path: Path) -> Path:
    """Return the folder of a ZIP's content, or ``path`` itself where it is no ZIP.

    Raises
    ------
    InputError
        If the ZIP is damaged, encrypted, leads outside its folder, or is larger than any study.

    """
    if path.suffix.lower() != ".zip" or not path.is_file():
        return path
    stat = path.stat()
    key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    if key not in _open:
        folder = tempfile.TemporaryDirectory(prefix="neorlt-study-")
        try:
            _unpack(path, Path(folder.name))
        except BaseException:
            folder.cleanup()
            raise
        _open[key] = folder
    return Path(_open[key].name)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            members = [m for m in packed.infolist() if not m.is_dir()]
            _check(members, path)
            for member in members:
                packed.extract(member, folder)
    except InputError:
        raise
    except (*DAMAGED, OSError) as error:
        raise InputError(
            "the ZIP cannot be unpacked", found=type(error).__name__, where=path.name, remedy="pack it again, or unpack it yourself"
        ) from error


def _check(members: list[zipfile.ZipInfo], path: Path) -> None:
    total, small = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if len(members) > MOST_FILES or total > MOST_BYTES or total > MOST_RATIO * max(small, 1) + 2**20:
        raise InputError(
            "the ZIP unpacks to more than any study",
            found=f"{len(members)} files, {total / 2**30:.1f} GiB of {small / 2**20:.0f} MiB",
            where=path.name,
            remedy="unpack it yourself and give the folder",
        )
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if member.flag_bits & 1:
            raise InputError("the ZIP is encrypted", where=path.name, remedy="unpack it with its password and give the folder")
        if ".." in parts or PurePosixPath(member.filename).is_absolute() or (member.external_attr >> 16) & 0o170000 == 0o120000:
            raise InputError("the ZIP leads outside its folder", where=path.name, remedy="pack it again without links")
