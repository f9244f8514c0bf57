"""Unpacking an uploaded study: names are thrown away, so no path can escape; sizes are counted while they are written."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path
from typing import IO

from neorlt.core.errors import InputError
from neorlt.core.zips import DAMAGED
from neorlt.web.settings import Settings

_BLOCK = 1 << 20
KEPT_NAMES = frozenset({"settings.toml", "calibration.toml"})
"""Files that mean something by their name; they stand at the top of the unpacked folder."""
_SMALL = 1 << 20
"""Files below this unpacked size may be packed as tightly as they like, as long as all together stay below :data:`_FREE`."""
_FREE = 64 << 20
"""Unpacked size up to which the ratio of the whole archive does not count."""


def unpack(stream: IO[bytes], folder: Path, settings: Settings) -> int:
    """Unpack a ZIP archive into ``folder`` as ``000001``, ``000002`` …; returns the number of files.

    Only the names in :data:`KEPT_NAMES` are kept.

    Parameters
    ----------
    stream
        The archive, seekable.
    folder
        A folder that does not exist yet; it is removed again when the archive is refused.
    settings
        Limits on number, size and ratio.

    Raises
    ------
    InputError
        If it is no ZIP archive, is encrypted, holds a link or a device, or breaks a limit.
    """
    folder.mkdir(parents=True)
    try:
        return _unpack(stream, folder, settings)
    except InputError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except (*DAMAGED, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and error.errno is not None:  # the disk's own; a damaged bzip2 stream has no number
            raise
        raise InputError("the upload is not a ZIP archive that can be read", remedy="pack the DICOM files as a plain ZIP") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(stream: IO[bytes], folder: Path, settings: Settings) -> int:
    total, count, packed = 0, 0, 0
    with zipfile.ZipFile(stream) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) > settings.max_files:
            raise _too_much("files", str(settings.max_files), str(len(entries)))
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise InputError("the archive holds a link or a device", remedy="pack plain files only")
            count += 1
            packed += max(entry.compress_size, 1)
            written = 0
            name = entry.filename.replace("\\", "/").rsplit("/", 1)[-1]
            path = folder / (name if name in KEPT_NAMES else f"{count:06d}")
            if path.exists():
                raise InputError(f"the archive holds {name} twice", remedy="pack one study at a time")
            with archive.open(entry) as source, path.open("xb") as target:
                while block := source.read(_BLOCK):
                    written += len(block)
                    # The size that an entry states is not believed: what is written is counted.
                    if total + written > settings.max_unpacked_bytes:
                        raise _too_much("unpacked bytes", str(settings.max_unpacked_bytes), "more")
                    if written > _SMALL and written > settings.max_ratio * max(entry.compress_size, 1):
                        raise _too_much("unpacked over packed size", f"{settings.max_ratio:g}", "more")
                    if total + written > _FREE and total + written > settings.max_ratio * packed:
                        raise _too_much("unpacked over packed size of the whole", f"{settings.max_ratio:g}", "more")
                    target.write(block)
            total += written
    if count == 0:
        raise InputError("the archive is empty", remedy="pack the DICOM files of one study")
    return count


def _too_much(what: str, limit: str, found: str) -> InputError:
    return InputError(f"the archive is too large ({what})", expected=f"at most {limit}", found=found, remedy="upload one study at a time")
