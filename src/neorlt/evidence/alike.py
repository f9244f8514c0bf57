"""Whether two records are one paper: what must not differ, and how much must agree.

Two records are one when nothing speaks against it (an identifier, author, page, journal, number in the title or
abstract that differs) and enough speaks for it. Equal titles alone never merge.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from neorlt.evidence.records import Record, fold

_MARKUP = re.compile(r"<[^>]{1,20}>")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "the",
        "of",
        "for",
        "in",
        "on",
        "with",
        "to",
        "from",
        "by",
        "at",
        "de",
        "la",
        "le",
        "und",
        "der",
        "die",
        "das",
        "et",
    ]
)
_SECONDARY = ("erratum", "correction", "corrigendum", "reply", "response", "comment", "re", "author reply", "retraction")
_NOTICES = ("erratum", "correction", "corrigendum")
_NOTICE_END = re.compile(r"[(\[](?:erratum|correction|corrigendum)[)\]]\W*$|\(vol\.? \w+, pg\.? \w+, \d{4}\)\W*$", re.IGNORECASE)
"""``… [correction]``, and what Web of Science appends to the title of a correction: ``… (vol 64, pg 1, 2023)``."""
_NOTICE_KIND = re.compile(r"^(?:published )?(?:erratum|correction|corrigendum)$", re.IGNORECASE)
PREPRINTS = ("10.1101/", "10.64898/", "10.21203/", "10.20944/", "10.2139/", "10.26434/", "10.31219/", "10.22541/")
"""Prefixes of DOIs of preprint servers: bioRxiv and medRxiv (two), Research Square, Preprints.org, SSRN, ChemRxiv, OSF, Authorea."""
_ROMAN = re.compile(r"^(i{1,3}|iv|vi{0,3}|ix|x)$")
SIMILAR_TITLE = 0.9
SIMILAR_WORD = 0.75
SAME_ABSTRACT, OTHER_ABSTRACT = 0.7, 0.35


@dataclass(frozen=True)
class Features:
    """What is compared of a record, computed once."""

    key: str
    record: Record

    @cached_property
    def title(self) -> str:
        """Folded title without markup, in American spelling of the word that fills these titles."""
        return fold(_MARKUP.sub("", self.record.title)).replace("tumour", "tumor")

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the title that carry meaning."""
        return tuple(word for word in self.title.split() if word not in _STOP)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Numbers and Roman numerals of the title: part I is not part II."""
        return tuple(sorted(re.findall(r"\d+", self.title) + [word for word in self.words if _ROMAN.match(word)]))

    @cached_property
    def secondary(self) -> str:
        """``erratum``, ``reply`` and the like when the title begins so, or its end or the source says that it is an erratum."""
        found = next((word for word in _SECONDARY if self.title.startswith(word + " ")), "")
        noted = _NOTICE_END.search(self.record.title) or any(_NOTICE_KIND.match(kind) for kind in self.record.kinds)
        return "erratum" if found in _NOTICES or (noted and not found) else found

    @cached_property
    def first_page(self) -> str:
        """First page as printed."""
        return fold((self.record.pages or "").split("-")[0].split("–")[0])

    @cached_property
    def author(self) -> str:
        """Family name of the first author; ``Mueller`` and ``Müller`` are one."""
        return self.record.first_author.replace("ae", "a").replace("oe", "o").replace("ue", "u")

    @cached_property
    def abstract(self) -> frozenset[str]:
        """Words of the abstract."""
        return frozenset(fold(self.record.abstract).split()) if self.record.abstract else frozenset()

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Keys under which possible duplicates meet."""
        record, words = self.record, self.words
        keys = [f"i:{kind}:{value}" for kind, value in record.identifiers.items()]
        keys += [f"t:{self.title}"] if words else []
        if len(words) >= 4:
            keys += [f"h:{' '.join(words[:4])}", f"e:{' '.join(words[-4:])}"]
            keys.append("s:" + " ".join(sorted(sorted(words, key=lambda w: (-len(w), w))[:3])))
        if self.author and record.year:
            # Print and online years may differ by one: both years of a neighbour meet under one key.
            keys += [f"a:{self.author}:{record.year}", f"a:{self.author}:{record.year - 1}"]
        if self.first_page and record.volume:
            keys.append(f"p:{record.volume}:{self.first_page}")
        return tuple(keys)


def journals_agree(one: str | None, other: str | None) -> bool | None:
    """Whether two journal names can be one journal (an abbreviation counts); None where one is missing."""
    if not one or not other:
        return None
    a, b = ([w for w in fold(re.sub(r"\(.*?\)|[:=].*", "", name)).split() if w not in _STOP] for name in (one, other))
    if not a or not b:
        return None
    return len(a) == len(b) and all(x.startswith(y) or y.startswith(x) for x, y in zip(a, b, strict=True))


def same_paper(a: Features, b: Features) -> str | None:
    """The reason why two records are one, or None.

    Against: any identifier, first author (name or initial), first page, journal, number in the title, kind (paper,
    registration, erratum, reply) that both have and that differs; years more than one apart; abstracts that do not
    match. For: each of those that agree. A near-equal title needs three more that agree, an equal one two;
    one less where the title is long.
    """
    one, other = a.record, b.record
    if one.is_registry != other.is_registry or a.secondary != b.secondary:
        return None
    if one.pmid and other.pmid and one.pmid != other.pmid:
        return None
    for name in ("pmid", "doi", "pmcid"):
        left, right = getattr(one, name), getattr(other, name)
        if left and right:
            return f"the same {name}" if left == right else None
    if one.is_registry and one.nct and other.nct:
        return "the same registration" if one.nct == other.nct else None
    if a.numbers != b.numbers or (one.year and other.year and abs(one.year - other.year) > 1):
        return None
    agree = []
    for what, left, right in (("first author", a.author, b.author), ("first page", a.first_page, b.first_page)):
        if left and right:
            if left != right:
                return None
            agree.append(what)
    if one.first_initial and other.first_initial and one.first_initial != other.first_initial:
        return None
    if one.volume and other.volume:
        if one.volume != other.volume and one.year == other.year:
            return None
        agree += ["volume"] if one.volume == other.volume else []
    journal = journals_agree(one.journal, other.journal)
    if journal is False:
        return None
    agree += ["journal"] if journal else []
    if one.year and one.year == other.year:
        agree.append("year")
    if a.abstract and b.abstract:
        overlap = len(a.abstract & b.abstract) / max(1, min(len(a.abstract), len(b.abstract)))
        if overlap < OTHER_ABSTRACT:
            return None
        agree += ["abstract"] if overlap >= SAME_ABSTRACT else []
    title = _titles(a, b)
    if title is None or not _enough(title, set(agree), len(a.words)):
        return None
    return f"{title} title, same {', '.join(agree)}"


def preprint_of(a: Features, b: Features) -> bool:
    """Whether one of two records with different DOIs is a preprint whose title and first author are those of the other."""
    served = [(item.record.doi or "").startswith(PREPRINTS) for item in (a, b)]
    known = bool(a.record.doi and b.record.doi) and served[0] != served[1]
    return known and len(a.words) >= 4 and a.title == b.title and a.author == b.author and a.secondary == b.secondary


def _enough(title: str, agree: set[str], words: int) -> bool:
    """Whether what agrees carries a merge: a person, a page or an abstract must be among it, or journal and year."""
    if title == "near":
        return len(agree) >= (2 if words >= 8 else 3) and bool(agree & {"first author", "first page", "abstract"})
    if agree & {"first author", "first page", "abstract"}:
        return len(agree) >= (1 if words >= 8 else 2)
    return words >= 6 and {"journal", "year"} <= agree


def _titles(a: Features, b: Features) -> str | None:
    """``equal``, ``near`` (a typing error, a spelling, a title cut short) or None."""
    if not a.words or not b.words:
        return None
    if a.title.replace(" ", "") == b.title.replace(" ", ""):
        return "equal"
    short, long = sorted((a, b), key=lambda item: len(item.title))
    if len(short.words) >= 6 and long.title.startswith(short.title):
        return "near"
    matcher = SequenceMatcher(None, short.title, long.title, autojunk=False)
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < SIMILAR_TITLE or matcher.ratio() < SIMILAR_TITLE:
        return None
    left, right = Counter(short.title.split()), Counter(long.title.split())
    ours, theirs = sorted((left - right).elements()), sorted((right - left).elements())
    if len(ours) != len(theirs):
        if "".join(ours) == "".join(theirs):
            return "near"
        ours, theirs = ([word for word in words if word not in _STOP] for words in (ours, theirs))
    # Arm A is not arm B and men are not women: words that differ must be the same word in another spelling.
    same = len(ours) == len(theirs) and all(_same_word(x, y) for x, y in zip(ours, theirs, strict=True))
    return "near" if same else None


def _same_word(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(long) == len(short) + 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long))):
        return True
    return len(short) >= 4 and SequenceMatcher(None, short, long).ratio() > SIMILAR_WORD
