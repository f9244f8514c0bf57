"""Names of organs as tables spell them: the same organ under other words, and organs that lie inside other organs."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIDES = {"l": "left", "r": "right", "lt": "left", "rt": "right", "sin": "left", "dex": "right"}
_SINGULAR = {"kidneys": "kidney", "lungs": "lung", "adrenals": "adrenal", "breasts": "breast", "ovaries": "ovary", "testes": "testis",
             "eyes": "eye", "lesions": "lesion", "tumours": "tumour", "tumors": "tumour", "tumor": "tumour"}  # fmt: skip
_PARTS = frozenset("cmp")
"""Letters of compositions such as kidney C+M+P: cortex, medulla and pelvis together."""
_BODY = ({"total", "body"}, {"whole", "body"}, {"body"})
OVERLAPPING = frozenset({"osteogenic", "endosteum", "endosteal", "surface", "tm50", "effective"})
"""Tissues that lie inside other targets whatever their name, and rows that are no tissue."""


def words_of(name: str) -> frozenset[str]:
    """Words of a name in one form: sides spelt out, singular, letters of a composition left out."""
    words = []
    for word in re.findall(r"[a-z0-9]+", name.lower()):
        word = _SIDES.get(word, _SINGULAR.get(word, word))
        if word in _PARTS and "+" in name:
            continue
        words.append("kidney" if word == "renal" else word)
    return frozenset(words)


def is_body(name: str) -> bool:
    """Whether a name is that of the whole body."""
    words = set(words_of(name))
    return any(words == body for body in _BODY) or ("body" in words and bool(words & {"total", "whole", "remainder", "remaining", "rest"}))


def contains(one: str, other: str) -> bool:
    """Whether the organ ``one`` holds the organ ``other``, by their names: kidneys the left kidney, that its cortex, the body all."""
    if one == other:
        return False
    if is_body(one):
        return not is_body(other)
    ours, theirs = words_of(one), words_of(other)
    return ours < theirs or (ours == theirs and "+" in one and "+" not in other)


def disjoint(names: Sequence[str]) -> tuple[int, ...]:
    """Places of the names that hold no other name and are no overlapping tissue: a partition in which nothing counts twice."""
    return tuple(
        n
        for n, name in enumerate(names)
        if not words_of(name) & OVERLAPPING and not is_body(name) and not any(contains(name, other) for other in names)
    )
