"""BibTeX: entries, nested braces, quoted values, string macros and the usual LaTeX accents."""

from __future__ import annotations

import re
import unicodedata

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import clean_doi, find_pmc
from neorlt.evidence.records import Record, find_year

_ENTRY = re.compile(r"@\s*(\w+)\s*[{(]")
_ACCENT = re.compile(r"\\([`'^\"~=.]|[uvHcrk](?![A-Za-z]))\s*(?:\{\s*(\\?[A-Za-z])\s*\}|(\\?[A-Za-z]))")
_COMBINING = {"`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
              "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "r": "\u030a", "k": "\u0328"}  # fmt: skip
_LETTERS = {
    r"\ss": "ß",
    r"\o": "ø",
    r"\O": "Ø",
    r"\ae": "æ",
    r"\AE": "Æ",
    r"\aa": "å",
    r"\AA": "Å",
    r"\l": "ł",
    r"\L": "Ł",
    r"\i": "i",
}
_SIGNS = {r"\textbackslash": ("\\", "\ue000"), r"\textasciitilde": ("~", "\ue001"), r"\textasciicircum": ("^", "\ue002")}
"""Commands for signs that mean something to TeX, with the sign and a private letter that stands for it while the rest is read."""
_GREEK = re.compile(r"\\(alpha|beta|gamma|delta|epsilon|kappa|lambda|mu|tau|sigma|omega)(?![A-Za-z])")
_GREEK_NAMES = {"lambda": "lamda"}
_SKIPPED = ("comment", "preamble", "string")


def read_bibtex(text: str, where: str) -> list[Record]:
    """Records of a BibTeX text.

    Raises:
        InputError: an entry whose braces do not close, with the line where it began.

    """
    macros: dict[str, str] = {}
    found = []
    position = 0
    while (match := _ENTRY.search(text, position)) is not None:
        kind = match.group(1).lower()
        end = _closing(text, match.end() - 1)
        if end is None:
            line = text.count("\n", 0, match.start()) + 1
            raise InputError("a BibTeX entry is not closed", where=f"{where}, line {line}", remedy="close its braces or export again")
        body = text[match.end() : end]
        position = end + 1
        if kind == "string":
            macros |= _fields(body, macros)
        elif kind not in _SKIPPED:
            _, _, rest = body.partition(",")
            found.append(_record(kind, _fields(rest, macros)))
    return found


def _closing(text: str, start: int) -> int | None:
    opener = text[start]
    closer = "}" if opener == "{" else ")"
    depth = 0
    index = start
    while index < len(text):
        letter = text[index]
        if letter == "\\":
            index += 2
            continue
        if letter == opener:
            depth += 1
        elif letter == closer:
            depth -= 1
            if depth == 0:
                return index
        index += 1
    return None


def _fields(body: str, macros: dict[str, str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for match in re.finditer(r"([A-Za-z][\w-]*)\s*=\s*", body):
        if body[: match.start()].count("{") - body[: match.start()].count("}") != 0:
            continue
        value = _value(body, match.end(), macros)
        fields.setdefault(match.group(1).lower(), value)
    return fields


def _value(body: str, start: int, macros: dict[str, str]) -> str:
    if start >= len(body):
        return ""
    if body[start] == "{":
        end = _closing(body, start)
        return _latex(body[start + 1 : end])
    if body[start] == '"':
        depth, index = 0, start + 1
        while index < len(body) and not (body[index] == '"' and depth == 0):
            depth += {"{": 1, "}": -1}.get(body[index], 0)
            index += 2 if body[index] == "\\" else 1
        return _latex(body[start + 1 : index])
    word = re.match(r"[^,\s}]+", body[start:])
    name = word.group(0) if word else ""
    return macros.get(name.lower(), name)


def _accented(match: re.Match[str]) -> str:
    letter = match.group(2) or match.group(3)
    return unicodedata.normalize("NFC", letter.lstrip("\\") + _COMBINING[match.group(1)])


def _latex(text: str) -> str:
    for command, letter in _LETTERS.items():
        text = re.sub(re.escape(command) + r"(?![A-Za-z])\s*(\{\})?", letter, text)
    for command, (_, stand_in) in _SIGNS.items():
        text = re.sub(re.escape(command) + r"(?![A-Za-z])(\s*\{\})?", stand_in, text)
    text = _ACCENT.sub(_accented, text)
    text = _GREEK.sub(lambda m: unicodedata.lookup(f"GREEK SMALL LETTER {_GREEK_NAMES.get(m.group(1), m.group(1)).upper()}"), text)
    # What sets type (\textsuperscript{177}Lu, $^{177}$Lu, \emph{or}) goes, and what it sets stays.
    text = re.sub(r"\\[,;:!> ]", " ", re.sub(r"\\(?:[A-Za-z]+\*?)\s*(?=[{}\s$,.]|\Z)", "", text))
    text = re.sub(r"(?<!\\)\$([^$]*)(?<!\\)\$", lambda m: re.sub(r"[\^_]", "", m.group(1)), text)
    text = re.sub(r"\\([&%$#_{}])", r"\1", text).replace("~", " ").replace("--", "-")
    text = text.replace("{", "").replace("}", "")
    for sign, stand_in in _SIGNS.values():
        text = text.replace(stand_in, sign)
    return " ".join(text.split())


def _record(kind: str, fields: dict[str, str]) -> Record:
    names = (name.strip() for name in re.split(r"\s+and\s+", fields.get("author", "")))
    authors = tuple(name for name in names if name and name.lower() != "others")
    return Record(
        title=fields.get("title", ""),
        source="bibtex",
        abstract=fields.get("abstract"),
        authors=authors,
        year=find_year(fields.get("year") or fields.get("date")),
        journal=fields.get("journal") or fields.get("journaltitle") or fields.get("booktitle"),
        volume=fields.get("volume"),
        pages=fields.get("pages"),
        doi=fields.get("doi") or clean_doi(fields.get("url")),
        pmid=fields.get("pmid"),
        pmcid=find_pmc(fields.get("pmcid") or fields.get("pmc")),
        url=fields.get("url"),
        language=fields.get("language"),
        kinds=(kind,),
    )
