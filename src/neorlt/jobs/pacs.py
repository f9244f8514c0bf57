"""``neorlt pacs find``, ``fetch`` and ``send``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.run import result_folder
from neorlt.dicom.pacs import parse_node
from neorlt.dicom.scan import is_dicom


def read_keys(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``Keyword=value`` pairs.

    Raises
    ------
    InputError
        If one is no pair, or its keyword is not in the DICOM dictionary (PS3.6).
    """
    from pydicom.datadict import tag_for_keyword

    found = {}
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
        found[keyword] = value
    return found


def pacs_find_command(pacs: str, *, keys: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return ``{"studies": [...]}`` of an archive (``TITLE@host:port`` or a DICOMweb address).

    ``keys`` are DICOM keywords with the values to look for. The answer holds no name and no identifier of a patient.
    """
    return {"studies": [found.as_json() for found in parse_node(pacs).find(**dict(keys or {}))]}


def pacs_fetch_command(pacs: str, study_uid: str, out: Path) -> dict[str, Any]:
    """Fetch a study into ``out``: whole, or nothing is left there."""
    node = parse_node(pacs)
    with result_folder(out, "pacs fetch", options={"pacs": node.where}) as folder:
        count = node.fetch(study_uid, folder)
    return {"studies": [{"study_uid": study_uid, "instances": count, "folder": str(out)}]}


def pacs_send_command(pacs: str, source: Path) -> dict[str, Any]:
    """Send every DICOM file of a folder (or one file) to an archive.

    Raises
    ------
    InputError
        If there is nothing to send, or the archive does not take it.
    """
    source = Path(source)
    candidates = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    paths = [p for p in candidates if p.is_file() and is_dicom(p)]
    if not paths:
        raise InputError("there is no DICOM file to send", where=str(source), remedy="point to the folder with the results")
    return {"studies": [], "sent": parse_node(pacs).send(paths)}
