"""``neorlt pacs echo``, ``find``, ``fetch`` and ``send``."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.output import RUN_FILE
from neorlt.core.pairs import once
from neorlt.core.run import result_folder
from neorlt.dicom.archive import Access
from neorlt.dicom.pacs import parse_node
from neorlt.dicom.scan import is_dicom


def read_keys(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``Keyword=value`` pairs.

    Raises
    ------
    InputError
        If one is no pair, its keyword is not in the DICOM dictionary (PS3.6), or it stands twice.
    """
    from pydicom.datadict import tag_for_keyword

    found = []
    for pair in pairs:
        keyword, equals, value = pair.partition("=")
        if not equals or tag_for_keyword(keyword) is None:
            raise InputError(
                "a search key is not understood",
                expected="a DICOM keyword and its value, for example StudyDate=20260101-20260331",
                found=keyword or pair,
                where="--key",
                remedy="correct the keyword",
            )
        found.append((keyword, value))
    return once(found, "--key")


def pacs_echo_command(pacs: str, *, access: Access | None = None) -> dict[str, Any]:
    """Ask an archive whether it answers to us (C-ECHO, or a search for one study).

    Raises
    ------
    InputError
        If it does not.
    """
    node = parse_node(pacs, access)
    node.echo()
    return {"archive": node.where, "answers": True}


def pacs_find_command(pacs: str, *, keys: Mapping[str, str] | None = None, access: Access | None = None) -> dict[str, Any]:
    """Return ``{"studies": [...]}`` of an archive (``TITLE@host:port`` or a DICOMweb address).

    ``keys`` are DICOM keywords with the values to look for. The answer holds no name and no identifier of a patient.
    """
    return {"studies": [found.as_json() for found in parse_node(pacs, access).find(**dict(keys or {}))]}


def pacs_fetch_command(
    pacs: str, study_uid: str | Sequence[str], out: Path, *, everything: bool = False, move: bool = False, access: Access | None = None
) -> dict[str, Any]:
    """Fetch one study or several into ``out``: each whole in a folder of its own, or nothing is changed there.

    Studies that an earlier fetch laid into ``out`` stay; one that is fetched again is replaced. ``everything`` fetches also the kinds
    of objects that neorlt does not read; otherwise they are left out by name (``left_out``).

    Raises
    ------
    InputError
        If the archive does not answer, does not hold a study, or sends less than it announced.
    """
    node = parse_node(pacs, access)
    uids = [study_uid] if isinstance(study_uid, str) else list(dict.fromkeys(study_uid))
    earlier = _fetched_before(Path(out))
    options: dict[str, Any] = {"pacs": node.where, "everything": everything, "move": move}
    studies = []
    with result_folder(out, "pacs fetch", options=options) as folder:
        for uid in earlier:
            if uid not in uids:
                _keep(Path(out) / uid, folder / uid)
        for uid in uids:
            (folder / uid).mkdir()
            got = node.fetch(uid, folder / uid, everything=everything, move=move)
            studies.append({"study_uid": uid, "instances": got.instances, "left_out": dict(got.left_out), "folder": str(Path(out) / uid)})
        options["studies"] = [*(uid for uid in earlier if uid not in uids), *uids]
    return {"studies": studies}


def _fetched_before(out: Path) -> list[str]:
    """Studies that lie in ``out`` from earlier fetches."""
    try:
        run = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if run.get("command") != "pacs fetch":
        return []
    return [uid for uid in run.get("options", {}).get("studies", []) if (out / uid).is_dir()]


def _keep(source: Path, target: Path) -> None:
    """The same files in another place: by links where the disk has them, else copied."""
    try:
        shutil.copytree(source, target, copy_function=os.link)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


def pacs_send_command(pacs: str, source: Path, *, access: Access | None = None) -> dict[str, Any]:
    """Send every DICOM file of a folder (or one file) to an archive, and compare what it holds afterwards.

    Keys: ``sent`` (stored now and found there), ``kept`` (it had the same already), ``conflicts`` (it keeps another object under the
    same identifier), ``refused`` (kind and reason), ``missing`` (said to be stored, and not found).

    Raises
    ------
    InputError
        If there is nothing to send, or the archive does not answer.
    """
    source = Path(source)
    candidates = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    paths = [p for p in candidates if p.is_file() and is_dicom(p)]
    if not paths:
        raise InputError("there is no DICOM file to send", where=str(source), remedy="point to the folder with the results")
    return {"studies": [], **parse_node(pacs, access).send(paths).as_json()}
