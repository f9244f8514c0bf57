"""Warnings grouped by kind: sentences that differ only in the region that they name are said once, for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neorlt.reporting.rounding import joined, times
from neorlt.reporting.views.cells import maps, texts
from neorlt.reporting.views.contact import contact_rows

_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.]*\w)")


@dataclass
class _Kind:
    first: str
    slots: tuple[str, ...]
    figures: tuple[str, ...]
    place: int | None = None
    others: list[str] = field(default_factory=list)


def warning_groups(warnings: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """Warnings by kind, in the order in which each kind appears first.

    Parameters
    ----------
    warnings
        Sentences.
    names
        Names of lesions and organs. Two sentences are of one kind where nothing differs but one of these names, and
        figures that go with it ("recovery 0.38"). A sentence that names no region is a kind of its own.

    Returns
    -------
    list
        ``text``, the first sentence of the kind, whole; ``also``, the other regions of which it holds, each with the figures
        that differ from the first; ``count``, how many warnings the group stands for. The counts add up to ``len(warnings)``.

    """
    words = "|".join(re.escape(name) for name in sorted({name for name in names if name}, key=len, reverse=True))
    name_of = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])") if words else None
    kinds: list[tuple[str, _Kind]] = []
    for text in warnings:
        slots = tuple(name_of.findall(text)) if name_of else ()
        mask = name_of.sub("\x00", text) if name_of else text
        figures = tuple(_NUMBER.findall(mask))
        # Without a name, figures alone do not make two sentences alike.
        mask = _NUMBER.sub("\x01", mask) if slots else mask
        for key, kind in kinds:
            if key == mask and (place := _only_difference(kind, slots)) is not None:
                kind.place = place
                kind.others.append(_named(slots[place], figures, kind.figures))
                break
        else:
            kinds.append((mask, _Kind(text, slots, figures)))
    return [{"text": times(kind.first), "also": times(joined(kind.others)), "count": 1 + len(kind.others)} for _, kind in kinds]


def plan_warnings(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The warnings of a plan document, grouped by its own lesions, organs and vessels."""
    names = [str(row.get("id") or row.get("name") or "") for key in ("lesions", "organs") for row in maps(plan.get(key))]
    names += [str(row.get("vessel") or "") for row in contact_rows(plan)]
    return warning_groups(texts(plan.get("warnings")), names)


def _only_difference(kind: _Kind, slots: tuple[str, ...]) -> int | None:
    """Where the one name stands that differs from the kind's first sentence; None where none or several differ."""
    places = [i for i, (a, b) in enumerate(zip(kind.slots, slots, strict=True)) if a != b]
    return places[0] if len(places) == 1 and kind.place in (None, places[0]) else None


def _named(name: str, figures: tuple[str, ...], first: tuple[str, ...]) -> str:
    other = [f"{new} instead of {old}" for new, old in zip(figures, first, strict=True) if new != old]
    return f"{name} ({', '.join(other)})" if other else name
