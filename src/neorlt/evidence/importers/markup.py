"""XML that cannot harm: no entities, no external references; errors with line and column."""

from __future__ import annotations

from typing import Any

from neorlt.core.errors import InputError


def parse_xml(text: str, where: str) -> Any:
    """Root element of an XML text (``xml.etree`` element).

    Raises:
        InputError: malformed XML, or a document that defines entities or asks for external ones.

    """
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        # The text is already decoded: the encoding in the declaration no longer holds.
        parser = ElementTree.DefusedXMLParser(encoding="utf-8", forbid_dtd=False, forbid_entities=True, forbid_external=True)
        parser.feed(text.encode("utf-8"))
        return parser.close()
    except DefusedXmlException as error:
        raise InputError(
            "the XML defines entities or refers to other files",
            found=type(error).__name__,
            where=where,
            remedy="do not open this file: export the records again from the source",
        ) from error
    except ElementTree.ParseError as error:
        line, column = error.position
        raise InputError(
            "the XML is malformed",
            found=str(error).split(":")[0],
            where=f"{where}, line {line}, column {column}",
            remedy="export or download it again; nothing was stored",
        ) from error


def text_of(element: Any) -> str:
    """All text below an element, markup such as <i> or <sup> dropped."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
