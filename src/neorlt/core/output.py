"""Output that is whole or absent: nothing is ever half-written, and nothing is left behind.

Work in progress stands beside its place in a hidden entry ``.NAME.neorlt-XXXX`` that its process holds locked. What a killed
process left is known by its free lock, and the next writer to the same place takes it away.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from neorlt.core.errors import InputError

RUN_FILE = "run.json"
"""Every folder that neorlt writes holds this file; a folder without it is not ours to replace."""
_MARK = ".neorlt-"
_KEPT = ".neorlt-was-"
"""An old result on its way out, where the file system cannot exchange two folders in one step."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of ``path`` only when the block ends without error.

    An existing folder is replaced only if it is empty or was written by neorlt (it holds ``run.json``). At every moment a reader
    finds the old folder or the new one.

    Raises
    ------
    InputError
        If ``path`` is a file, or a folder with content that neorlt did not write, or the disk refuses (full, read-only, no right).
    """
    path = Path(path)
    with disk_sentences(path):
        sweep(path)
        if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / RUN_FILE).is_file())):
            raise InputError(
                "the output folder holds something that neorlt did not write",
                where=str(path),
                remedy="name a new or empty folder with --out",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with _parent_locked(path):
            work = Path(tempfile.mkdtemp(prefix=f".{path.name}{_MARK}", dir=path.parent))
            lock = _lock(work)
        try:
            yield work
            work.chmod(0o777 & ~_umask())
            if not path.exists():
                os.replace(work, path)
            elif not _exchange(work, path):
                old = path.parent / f".{path.name}{_KEPT}{os.getpid()}"
                os.replace(path, old)
                os.replace(work, path)
                shutil.rmtree(old, ignore_errors=True)
        finally:
            # After an exchange the hidden folder is the old result; after a failure what was half done.
            if work.exists():
                shutil.rmtree(work, ignore_errors=True)
            if lock is not None:
                os.close(lock)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part."""
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}{_MARK}", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            _try_lock(stream.fileno())
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def sweep(path: Path) -> list[str]:
    """Take away what killed writers left beside ``path``, bring back an old result that lost its place; returns what was done.

    An entry that a living process holds locked is left alone.
    """
    path = Path(path)
    if not path.parent.is_dir():
        return []
    done: list[str] = []
    with _parent_locked(path):
        for entry in sorted(path.parent.glob(f".{_escaped(path.name)}{_MARK}*")):
            if entry.name.startswith(f".{path.name}{_KEPT}"):
                if not path.exists():
                    os.replace(entry, path)
                    done.append(f"the old result of an interrupted run was put back: {path.name}")
                    continue
            elif not _is_free(entry):
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
            done.append(f"what an interrupted run had left was removed: {entry.name}")
    return done


def sweep_folder(folder: Path) -> list[str]:
    """:func:`sweep` for every entry that killed writers left inside ``folder``, whatever it was to become."""
    if not folder.is_dir():
        return []
    names = {entry.name[1:].split(_MARK, 1)[0] for entry in folder.iterdir() if entry.name.startswith(".") and _MARK in entry.name}
    return [line for name in sorted(names) for line in sweep(folder / name)]


_DISK = {
    errno.ENOSPC: ("the disk is full", "free space there, or write to another disk"),
    errno.EDQUOT: ("your quota on this disk is used up", "free space there, or write to another disk"),
    errno.EROFS: ("the disk is read-only", "write to another folder"),
    errno.EACCES: ("this user may not read or write there", "choose a folder of your own, or ask for the right"),
    errno.EPERM: ("this user may not do that there", "choose a folder of your own, or ask for the right"),
    errno.ENAMETOOLONG: ("the name is too long for this disk", "choose a shorter one"),
    errno.ENOENT: ("there is no such file or folder", "correct the path"),
    errno.EEXIST: ("a file stands where a folder belongs", "name another place"),
    errno.ENOTDIR: ("a part of the path is a file", "name a folder"),
    errno.EISDIR: ("this is a folder where a file belongs", "name a file"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n), or close other programs"),
    errno.EIO: ("the disk does not answer (input/output error)", "check the disk or the network drive"),
    errno.ESTALE: ("the network drive has gone", "connect it again"),
    errno.ELOOP: ("links lead in a circle", "name the folder itself"),
}


def disk_error(error: OSError, path: Path | None = None) -> InputError | None:
    """The sentence for an error of the disk, or None where it is none of the user's disk."""
    if error.errno not in _DISK or _is_ours(error.filename):
        return None
    problem, remedy = _DISK[error.errno]
    place = error.filename if error.filename is not None else path
    return InputError(problem, where=None if place is None else os.fspath(place), remedy=remedy)


def _is_ours(name: object) -> bool:
    """Whether a file of the package itself is meant: that it is missing is our own fault."""
    return isinstance(name, str | os.PathLike) and Path(__file__).resolve().parents[1] in Path(os.fspath(name)).resolve().parents


@contextlib.contextmanager
def disk_sentences(path: Path) -> Iterator[None]:
    """Turn an error of the disk into an :class:`InputError` that says which and what to do."""
    try:
        yield
    except OSError as error:
        said = disk_error(error, path)
        if said is None:
            raise
        raise said from error


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (Linux ``renameat2``); False where system or file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return bool(call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _umask() -> int:
    """The mask of this process; read where that is possible, since setting it to read it would open a moment for other threads."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


@contextlib.contextmanager
def _parent_locked(path: Path) -> Iterator[None]:
    """Making and locking a hidden entry is one step for whoever sweeps."""
    lock = _lock(path.parent, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock(folder: Path, *, wait: bool = False) -> int | None:
    """A descriptor that holds the folder locked until it is closed; None where the system has no such locks."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    if _try_lock(handle, wait=wait):
        return handle
    os.close(handle)
    return None


def _try_lock(handle: int, *, wait: bool = False) -> bool:
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _is_free(entry: Path) -> bool:
    handle = _lock(entry)
    if handle is None:
        return False
    os.close(handle)
    return True
