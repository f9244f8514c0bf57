"""One bibliographic or registry record, whatever file or service it came from."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import clean_doi, clean_pmid, find_pmc

_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile(r"[a-z0-9]+")
# Letters that Unicode does not take apart into a base letter and an accent.
_LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe", "ı": "i"})


REFUSED = "not an identifier"
"""Key in ``extra`` of what stood in the place of an identifier and does not parse as one."""
REGISTRIES = ("clinicaltrials", "ictrp", "isrctn", "euctr", "ctis")
"""Beginnings of the names of sources that are trial registries."""


def find_year(text: str | None) -> int | None:
    """The first year between 1900 and 2099 inside a text, or None."""
    match = re.search(r"\b(19|20)\d{2}\b", text or "")
    return None if match is None else int(match.group(0))


def fold(text: str | None) -> str:
    """Words of a text without case, accents and punctuation, for comparison; letters of every script count."""
    return " ".join(_WORD.findall(_plain(text)))


def _plain(text: str | None) -> str:
    decomposed = unicodedata.normalize("NFKD", (text or "").translate(_LETTERS)).casefold()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _stable_words(text: str | None) -> str:
    """Words for a fingerprint: the Latin ones, as ids have been made from the beginning, or all where most are of another script."""
    plain = _plain(text)
    latin, every = _LATIN.findall(plain), _WORD.findall(plain)
    return " ".join(latin if 2 * len("".join(latin)) > len("".join(every)) else every)


_SUFFIXES = ("jr", "sr", "2nd", "3rd", "4th")


def _name_parts(name: str) -> tuple[str, str]:
    """Folded family and given name of ``Doe, Jane B.``, ``Doe JB``, ``Doe J. B.``, ``Doe JB 3rd`` or ``Jane B. Doe``."""
    if "," in name:
        family, given = name.split(",", 1)
        return fold(family), fold(given)
    parts = name.replace(".", " ").split()
    while len(parts) > 1 and fold(parts[-1]) in _SUFFIXES:
        parts.pop()
    cut = len(parts)
    while cut > 1 and parts[cut - 1].isupper() and len(fold(parts[cut - 1])) <= 3:
        cut -= 1
    if cut == len(parts):
        return fold(" ".join(parts[-1:])), fold(" ".join(parts[:-1]))
    return fold(" ".join(parts[:cut])), fold(" ".join(parts[cut:]))


def _author_in_ids(authors: tuple[str, ...]) -> str:
    """The first author as ids have been made from the beginning: it takes off one word of initials only."""
    name = authors[0] if authors else ""
    if "," in name:
        return fold(name.split(",", 1)[0])
    words = fold(name).split()
    initials_last = len(words) > 1 and name.split()[-1].isupper() and len(words[-1]) <= 3
    return " ".join(words[:-1]) if initials_last else "".join(words[-1:])


@dataclass(frozen=True)
class Record:
    """A record as a source gave it. ``pages`` is the page range as printed; ``extra`` keeps what has no field."""

    title: str
    source: str
    abstract: str | None = None
    authors: tuple[str, ...] = ()
    year: int | None = None
    journal: str | None = None
    volume: str | None = None
    pages: str | None = None
    doi: str | None = None
    pmid: str | None = None
    pmcid: str | None = None
    nct: str | None = None
    eudract: str | None = None
    accessions: tuple[str, ...] = ()
    """Numbers of other databases, ``embase:622334455``, ``wos:000123456700001``."""
    url: str | None = None
    language: str | None = None
    kinds: tuple[str, ...] = ()
    retracted: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.title.strip() and not (self.doi or self.pmid or self.nct):
            raise InputError("a record without title and without identifier", remedy="remove it from the file")
        object.__setattr__(self, "title", " ".join(self.title.split()))
        refused = {}
        for name, parse in (("doi", clean_doi), ("pmid", clean_pmid), ("pmcid", find_pmc)):
            given = getattr(self, name)
            parsed = parse(given)
            object.__setattr__(self, name, parsed)
            if given and parsed is None:
                refused[name] = str(given)
        if refused:
            object.__setattr__(self, "extra", {**self.extra, REFUSED: refused})

    @property
    def identifiers(self) -> dict[str, str]:
        """Identifiers that name this record in the world, by kind."""
        found = {"pmid": self.pmid, "doi": self.doi, "pmcid": self.pmcid}
        if self.is_registry:
            found |= {"nct": self.nct, "eudract": self.eudract}
        named = {kind: value for kind, value in found.items() if value}
        return named | dict(item.split(":", 1) for item in self.accessions)

    @property
    def refused(self) -> dict[str, str]:
        """What stood in the place of an identifier and is none, by kind."""
        return dict(self.extra.get(REFUSED, {}))

    @property
    def id(self) -> str:
        """Id of the record in a review: its strongest identifier, else its fingerprint."""
        kind, value = next(iter(self.identifiers.items()), ("print", self.fingerprint))
        return f"{kind}:{value}"

    @property
    def is_registry(self) -> bool:
        """True for a trial registration (a paper that merely cites a trial number is not)."""
        return self.source.startswith(REGISTRIES)

    @property
    def first_author(self) -> str:
        """Folded family name of the first author, or an empty string."""
        return _name_parts(self.authors[0])[0] if self.authors else ""

    @property
    def first_initial(self) -> str:
        """Folded first letter of the first author's given name, or an empty string."""
        return _name_parts(self.authors[0])[1][:1] if self.authors else ""

    @property
    def fingerprint(self) -> str:
        """Stable id of a record without identifiers: title, first author, year and first page."""
        parts = (_stable_words(self.title), _author_in_ids(self.authors), str(self.year or ""), (self.pages or "").split("-")[0])
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """Plain dictionary that :meth:`from_json` takes back."""
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Record:
        """The record of :meth:`as_json`."""
        lists = {name: tuple(document.get(name, ())) for name in ("authors", "kinds", "accessions")}
        return cls(**{**document, **lists})
