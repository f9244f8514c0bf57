"""One road to a folder of results: whole or absent, with ``run.json`` and the hash of every file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neorlt.core.beside import README_FILE, readme
from neorlt.core.manifest import build_manifest, hash_file, to_json
from neorlt.core.output import RUN_FILE, atomic_folder, write_atomic


@contextlib.contextmanager
def result_folder(
    out: Path, command: str, *, inputs: Iterable[Path] = (), options: Mapping[str, Any] | None = None, seed: int | None = None,
    dated: bool = True,
) -> Iterator[Path]:
    """Yield a folder that takes the place of ``out`` when the block ends without error, ``run.json`` in it.

    ``README.txt`` stands beside it where the folder holds files that other programs are known to misread.

    Parameters
    ----------
    out
        Where the results are to stand; replaced only if it is empty or holds results of neorlt.
    command
        The command whose results these are.
    inputs
        Files and folders that were read; their contents are hashed.
    options, seed
        What the run can be repeated by. ``options`` may be filled while the block runs.

    dated
        Whether ``run.json`` says when the run started.

    Raises
    ------
    InputError
        If ``out`` holds something that neorlt did not write.
    """
    started = datetime.now(UTC)
    with atomic_folder(Path(out)) as work:
        yield work
        text = readme(path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file())
        if text is not None:
            write_atomic(work / README_FILE, text)
        manifest = build_manifest(command, inputs=inputs, options=options, seed=seed, started=started)
        if not dated:
            del manifest["started"]
        manifest["outputs"] = {
            str(path.relative_to(work)): hash_file(path) for path in sorted(work.rglob("*")) if path.is_file()
        }
        write_json(work / RUN_FILE, manifest)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document into a folder of results."""
    path.write_text(to_json(document), encoding="utf-8")
