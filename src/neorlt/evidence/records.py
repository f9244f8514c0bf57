"""One bibliographic or registry record, whatever file or service it came from."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import asdict, dataclass, field
from typing import Any

from neorlt.core.errors import InputError

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+", re.IGNORECASE)
_NCT = re.compile(r"\bNCT\d{8}\b", re.IGNORECASE)
_PMC = re.compile(r"\bPMC\d+\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9]+")
# Letters that Unicode does not take apart into a base letter and an accent.
_LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe", "ı": "i"})


def clean_doi(text: str | None) -> str | None:
    """The DOI inside a text, lower case and without a resolver, or None."""
    match = _DOI.search(text or "")
    return None if match is None else match.group(0).rstrip(".,;)]").lower()


def find_nct(text: str | None) -> str | None:
    """The first ClinicalTrials.gov number inside a text, or None."""
    match = _NCT.search(text or "")
    return None if match is None else match.group(0).upper()


def find_pmc(text: str | None) -> str | None:
    """The first PubMed Central number inside a text, or None."""
    match = _PMC.search(text or "")
    return None if match is None else match.group(0).upper()


def find_year(text: str | None) -> int | None:
    """The first year between 1900 and 2099 inside a text, or None."""
    match = re.search(r"\b(19|20)\d{2}\b", text or "")
    return None if match is None else int(match.group(0))


def fold(text: str | None) -> str:
    """Words of a text without case, accents and punctuation, for comparison."""
    decomposed = unicodedata.normalize("NFKD", (text or "").translate(_LETTERS)).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_WORD.findall(plain))


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
    url: str | None = None
    language: str | None = None
    kinds: tuple[str, ...] = ()
    retracted: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.title.strip() and not (self.doi or self.pmid or self.nct):
            raise InputError("a record without title and without identifier", remedy="remove it from the file")
        object.__setattr__(self, "title", " ".join(self.title.split()))
        object.__setattr__(self, "doi", clean_doi(self.doi))

    @property
    def identifiers(self) -> dict[str, str]:
        """Identifiers that name this record in the world, by kind."""
        found = {"pmid": self.pmid, "doi": self.doi, "pmcid": self.pmcid}
        if self.is_registry:
            found["nct"] = self.nct
        return {kind: value for kind, value in found.items() if value}

    @property
    def is_registry(self) -> bool:
        """True for a trial registration (a paper that merely cites a trial number is not)."""
        return self.source.startswith("clinicaltrials")

    @property
    def first_author(self) -> str:
        """Folded family name of the first author, or an empty string."""
        if not self.authors:
            return ""
        name = self.authors[0]
        if "," in name:
            return fold(name.split(",", 1)[0])
        words = fold(name).split()
        if not words:
            return ""
        initials_last = len(words) > 1 and name.split()[-1].isupper() and len(words[-1]) <= 3
        return " ".join(words[:-1]) if initials_last else words[-1]

    @property
    def first_initial(self) -> str:
        """Folded first letter of the first author's given name, or an empty string."""
        if not self.authors:
            return ""
        name = self.authors[0]
        if "," in name:
            given = fold(name.split(",", 1)[1])
            return given[:1]
        words = name.replace(".", " ").split()
        if len(words) < 2:
            return ""
        initials_last = words[-1].isupper() and len(fold(words[-1])) <= 3
        return fold(words[-1] if initials_last else words[0])[:1]

    @property
    def fingerprint(self) -> str:
        """Stable id of a record without identifiers: title, first author, year and first page."""
        parts = (fold(self.title), self.first_author, str(self.year or ""), (self.pages or "").split("-")[0])
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """Plain dictionary that :meth:`from_json` takes back."""
        return asdict(self) | {"authors": list(self.authors), "kinds": list(self.kinds)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Record:
        """The record of :meth:`as_json`."""
        return cls(**{**document, "authors": tuple(document["authors"]), "kinds": tuple(document["kinds"])})
