"""Bytes to text without guessing silently."""

from __future__ import annotations

import codecs
import re

from neorlt.core.errors import InputError

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_XML_ENCODING = re.compile(rb"<\?xml[^>]*encoding=[\"']([A-Za-z0-9._-]+)[\"']")


def decode(content: bytes, where: str) -> str:
    """Text of a file: byte-order mark, XML declaration, then UTF-8.

    Raises:
        InputError: a file of another encoding, or one that is not text; it is not read as Latin-1, since that never
            fails and turns names into rubbish.

    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _decode(content, encoding, where)
    declared = _XML_ENCODING.search(content[:200])
    encoding = declared.group(1).decode("ascii") if declared else "utf-8"
    if b"\x00" in content[:4096]:
        raise InputError(
            "the file is not text, or is UTF-16 without a byte-order mark", where=where, remedy="export it again as UTF-8 text"
        )
    return _decode(content, encoding, where)


def _decode(content: bytes, encoding: str, where: str) -> str:
    try:
        return content.decode(encoding)
    except LookupError as error:
        raise InputError(
            "the file names an encoding that does not exist", found=encoding, where=where, remedy="save it as UTF-8"
        ) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"the file is not {encoding.upper().removesuffix('-SIG')} text",
            found=f"byte 0x{content[error.start]:02x}",
            where=f"{where}, line {line}",
            remedy="export it again as UTF-8 (it may be Latin-1 or Windows-1252)",
        ) from error
