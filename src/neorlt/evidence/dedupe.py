"""Duplicates across sources: found by more than a title, and undone one by one.

On the synthetic corpus of ``benchmarks/evidence`` the rule of :mod:`neorlt.evidence.alike` finds 99 % of planted duplicates and
merges none of the distinct records that share a title; the rest match two papers alike and are left to a person. See the figures
there for the counts and their exact interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neorlt.core.tables import read_json
from neorlt.evidence.alike import PREPRINTS, Features, preprint_of, same_paper
from neorlt.evidence.records import Record
from neorlt.evidence.review.folder import MACHINE, ReviewFolder
from neorlt.evidence.review.works import strength

LARGEST_BLOCK = 60
"""A key shared by more records than this says nothing and is not compared pair by pair."""


@dataclass(frozen=True)
class LookAlikes:
    """``found`` maps a duplicate to the record that stays and the reason; ``unclear`` a record to the papers that it may be.

    ``preprints`` maps a preprint to the paper of the same title and first author: two works with the same patients.
    """

    found: Mapping[str, tuple[str, str]]
    unclear: Mapping[str, tuple[str, ...]]
    preprints: Mapping[str, str] = field(default_factory=dict)


def find_duplicates(records: Mapping[str, Record], *, distinct: Iterable[frozenset[str]] = ()) -> LookAlikes:
    """Records that are one paper.

    ``distinct`` are pairs that a person has called distinct. The record that stays is the one with most identifiers,
    then with most else that is known, then the strongest one, so that the order of imports does not matter. A record joins a
    group only when it matches the record that stays, so that chains of look-alikes do not run together; one that matches two
    papers alike, and shares an identifier with neither, joins none: a person must say which it is.
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
    rank = sorted(neighbours, key=lambda key: (-len(records[key].identifiers), -_known(records[key]), strength(key)))
    for key in rank:
        if key in found:
            continue
        kept.add(key)
        for other in sorted(neighbours[key], key=strength):
            if other not in kept and other not in found:
                found[other] = (key, pairs[frozenset((key, other))])
    unclear: dict[str, tuple[str, ...]] = {}
    for other in list(found):
        papers = sorted(neighbours[other] & kept, key=strength)
        named = [key for key in papers if records[key].identifiers.items() & records[other].identifiers.items()]
        if len(papers) > 1 and len(named) != 1:
            unclear[other] = tuple(papers)
            del found[other]
        elif len(papers) > 1:
            found[other] = (named[0], pairs[frozenset((named[0], other))])
    return LookAlikes(found, unclear, _preprints(features, blocks))


def _preprints(features: Mapping[str, Features], blocks: Mapping[str, list[str]]) -> dict[str, str]:
    """Each preprint with the paper that it became."""
    found: dict[str, str] = {}
    for key, feature in features.items():
        if (feature.record.doi or "").startswith(PREPRINTS):
            same_title = blocks[f"t:{feature.title}"] if feature.words else []
            papers = [other for other in same_title if other != key and preprint_of(feature, features[other])]
            if papers:
                found[key] = min(papers, key=strength)
    return found


def _known(record: Record) -> int:
    """How many of the fields that tell papers apart a record fills."""
    return sum(bool(getattr(record, name)) for name in ("abstract", "authors", "year", "journal", "volume", "pages"))


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
    look_alikes = find_duplicates(records, distinct=distinct)
    wanted = {frozenset((key, kept)): (key, kept, why) for key, (kept, why) in look_alikes.found.items()}
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
        "problems": [
            *after.problems,
            *(
                f"{key} is a preprint with the title of {paper}: exclude one, or give both the same cohort, so that no patient counts twice"
                for key, paper in sorted(look_alikes.preprints.items())
            ),
            *(f"{key} may be {' or '.join(papers)}: a person must say which (--same, --of)" for key, papers in look_alikes.unclear.items()),
        ],
    }
