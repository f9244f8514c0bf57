"""Duplicates across sources: found by more than a title, and undone one by one.

Two records are one when nothing speaks against it (an identifier, author, page, journal, number in the title or
abstract that differs) and enough speaks for it. Equal titles alone never merge. On the synthetic corpus of
``benchmarks/evidence`` the rule finds over 99 % of planted duplicates and merges none of the distinct records that
share a title; see the figures there for the counts and their exact interval.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from neorlt.core.tables import read_json
from neorlt.evidence.records import Record, fold
from neorlt.evidence.review.folder import MACHINE, ReviewFolder
from neorlt.evidence.review.works import strength

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
_ROMAN = re.compile(r"^(i{1,3}|iv|vi{0,3}|ix|x)$")
LARGEST_BLOCK = 60
"""A key shared by more records than this says nothing and is not compared pair by pair."""
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
        """``erratum``, ``reply`` and the like when the title begins so."""
        return next((word for word in _SECONDARY if self.title.startswith(word + " ")), "")

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


def find_duplicates(records: Mapping[str, Record], *, distinct: Iterable[frozenset[str]] = ()) -> dict[str, tuple[str, str]]:
    """Duplicate id → (id of the record that stays, reason).

    ``distinct`` are pairs that a person has called distinct. The record that stays is the one with most identifiers,
    then the strongest one, so that the order of imports does not matter. A record joins a group only when it matches
    the record that stays, so that chains of look-alikes do not run together.
    """
    forbidden = set(distinct)
    features = {key: Features(key, record) for key, record in records.items()}
    blocks: dict[str, list[str]] = defaultdict(list)
    for key, feature in features.items():
        for block in feature.blocks:
            blocks[block].append(key)
    pairs: dict[frozenset[str], str] = {}
    seen: set[tuple[str, str]] = set()
    for members in blocks.values():
        if not 2 <= len(members) <= LARGEST_BLOCK:
            continue
        for i, left in enumerate(members):
            for right in members[i + 1 :]:
                if (left, right) in seen:
                    continue
                seen.add((left, right))
                pair = frozenset((left, right))
                if pair not in forbidden and (why := same_paper(features[left], features[right])):
                    pairs[pair] = why
    neighbours: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        left, right = sorted(pair)
        neighbours[left].add(right)
        neighbours[right].add(left)
    found: dict[str, tuple[str, str]] = {}
    kept: set[str] = set()
    rank = sorted(neighbours, key=lambda key: (-len(records[key].identifiers), strength(key)))
    for key in rank:
        if key in found:
            continue
        kept.add(key)
        for other in sorted(neighbours[key], key=strength):
            if other not in kept and other not in found:
                found[other] = (key, pairs[frozenset((key, other))])
    return found


def dedupe(review: ReviewFolder, *, who: str = MACHINE) -> dict[str, Any]:
    """Find the look-alikes of a review afresh; each new one is one event and can be undone alone.

    Copies that share an identifier are one work already. What is found is a function of the records and of what people
    said, whatever was imported first: a look-alike that a later import has shown to be another paper is taken back.
    """
    before = review.works()
    ties = review.ties()
    works = review.works(with_look_alikes=False)
    records = review.records(works=works)
    distinct = {frozenset(works.of_record(key) for key in pair) for pair in ties.distinct}
    found = find_duplicates(records, distinct=distinct)
    wanted = {frozenset((key, kept)): (key, kept, why) for key, (kept, why) in found.items()}
    standing = {frozenset(works.of_record(key) for key in pair): pair for pair in ties.alike}
    with review.store.transaction():
        for pair, known in standing.items():
            if len(pair) == 2 and pair not in wanted:
                one, other = sorted(known)
                review.store.add_event(who, "not-alike", one, {"of": other}, "what came since shows two papers")
        for pair, (key, kept, why) in wanted.items():
            if pair not in standing:
                review.store.add_event(who, "duplicate", key, {"of": kept}, why)
    after = review.works()
    fresh = [(key, work) for key, work in after.of.items() if key != work and before.of_record(key) == key]
    return {
        "records": len(after.of),
        "duplicates": len(fresh),
        "duplicates_in_all": len(after.of) - len(after.members),
        "left": len(after.members),
        "stated": read_json("evidence", "dedupe_check.json"),
        "pairs": [{"duplicate": key, "of": kept, "why": why} for key, kept, why in wanted.values()],
        "problems": list(after.problems),
    }
