"""Works above records: the copies of one paper, or of one registration, are one work, and decisions belong to it.

Which records are one work is a pure function of what the review holds (the identifiers that each record has ever carried,
the look-alikes that were found, and what people said), so no order of imports, merges and undone merges changes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

KINDS = ("pmid", "doi", "pmcid", "nct", "eudract", "embase", "wos", "scopus", "print")
"""Identifiers from the strongest to the weakest; the id of a work is its strongest record's."""
Pair = frozenset[str]
_ALL_PAIRS = 8
"""Up to so many records of one identifier are joined pair by pair; more are joined to the strongest one."""


@dataclass(frozen=True)
class Works:
    """``of`` maps each record to its work, ``members`` each work to its records; a work bears the id of one of them."""

    of: Mapping[str, str]
    members: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...] = ()

    def of_record(self, record_id: str) -> str:
        """The work of a record, or the id itself where the review holds no such record."""
        return self.of.get(record_id, record_id)


def strength(record_id: str) -> tuple[int, str]:
    """Sorts record ids from the strongest identifier to the weakest."""
    kind = record_id.partition(":")[0]
    return (KINDS.index(kind) if kind in KINDS else len(KINDS), record_id)


def assemble(
    records: Iterable[str],
    naming: Iterable[tuple[str, str, str]],
    *,
    alike: Iterable[Pair] = (),
    said_same: Mapping[Pair, str] | None = None,
    said_distinct: Iterable[Pair] = (),
) -> Works:
    """Group records into works.

    ``naming`` are ``(kind, value, record)``. ``said_same`` maps a pair to the record of it that a person called the
    duplicate. Joined first: what people called the same; then records that share an identifier, the strongest kind first;
    then look-alikes. Nothing is joined that would bring two records together that a person called distinct, and, except
    by a person, nothing that would give one work two PMIDs. An identifier that records with different PMIDs carry joins
    nobody and is named in ``problems``.
    """
    parent = {key: key for key in records}
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    pmids: dict[str, set[str]] = {}
    for kind, value, record in naming:
        holders[kind, value].append(record)
        if kind == "pmid":
            pmids.setdefault(record, set()).add(value)
    own = {record: frozenset(values) for record, values in pmids.items()}
    apart = {pair for pair in said_distinct if len(pair) == 2}
    group = {key: {key} for key in parent} if apart else {}
    problems: list[str] = []

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def join(one: str, other: str, why: str | None) -> None:
        if one not in parent or other not in parent:
            return
        a, b = root(one), root(other)
        if a == b:
            return
        if apart and any(frozenset((x, y)) in apart for x in group[a] for y in group[b]):
            return
        left, right = pmids.get(a, set()), pmids.get(b, set())
        if why is not None and left and right and not left & right:
            problems.append(f"{one} and {other} have {why}, and different PMIDs: they stay apart")
            return
        if strength(b) < strength(a):
            a, b = b, a
        parent[b] = a
        if left or right:
            pmids[a] = left | right
        if apart:
            group[a] |= group.pop(b)

    people = said_same or {}
    for one, other in sorted((min(pair), max(pair)) for pair in people if len(pair) == 2):
        join(one, other, None)
    several = (key for key, found in holders.items() if len(found) > 1)
    shared = sorted(several, key=lambda item: (KINDS.index(item[0]) if item[0] in KINDS else len(KINDS), item[1]))
    for kind, value in shared:
        found = sorted(set(holders[kind, value]), key=strength)
        numbers = frozenset().union(*(own.get(record, frozenset()) for record in found))
        if kind != "pmid" and len(numbers) > 1:
            problems.append(f"{kind} {value} stands in records with the PMIDs {', '.join(sorted(numbers))}: it joins none of them")
            continue
        for one, other in combinations(found, 2) if len(found) <= _ALL_PAIRS else ((found[0], other) for other in found[1:]):
            join(one, other, f"the same {kind}")
    look_alikes = [(min(pair, key=strength), max(pair, key=strength)) for pair in alike if len(pair) == 2]
    for one, other in sorted(look_alikes, key=lambda pair: (strength(pair[0]), strength(pair[1]))):
        join(one, other, "look-alike titles")
    called_duplicate = set(people.values())
    gathered: dict[str, list[str]] = defaultdict(list)
    for key in parent:
        gathered[root(key)].append(key)
    of: dict[str, str] = {}
    members: dict[str, tuple[str, ...]] = {}
    for keys in gathered.values():
        ordered = sorted(keys, key=lambda key: (key in called_duplicate, *strength(key))) if len(keys) > 1 else keys
        members[ordered[0]] = tuple(ordered)
        of |= dict.fromkeys(ordered, ordered[0])
    return Works(of, members, tuple(dict.fromkeys(problems)))
