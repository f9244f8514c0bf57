"""Talk to an archive: ask whether it answers, find studies, fetch them, send results; over DIMSE (PS3.7) or DICOMweb (PS3.18)."""

from __future__ import annotations

from neorlt.core.errors import InputError
from neorlt.dicom.archive import Access, Node
from neorlt.dicom.pacs_dimse import DimseNode
from neorlt.dicom.pacs_web import WebNode


def parse_node(text: str, access: Access | None = None) -> Node:
    """Return the archive that ``TITLE@host:port`` or ``http(s)://…`` names.

    Raises
    ------
    InputError
        If the text is neither.
    """
    access = access or Access()
    if text.startswith(("http://", "https://")):
        return WebNode(text, access)
    title, _, place = text.partition("@")
    host, _, port = place.rpartition(":")
    if not title or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(
            "the archive's address cannot be read",
            expected="TITLE@host:port or http(s)://…/dicom-web",
            found=text,
            where="--pacs",
            remedy="correct it",
        )
    return DimseNode(host, int(port), title, access)
