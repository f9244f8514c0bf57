"""The options of the decision, and which of two is the milder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from neorlt.core.errors import InputError
from neorlt.nuclides.therapy import REFERENCE
from neorlt.planning.scheme import Scheme, parse_scheme


class Kind(StrEnum):
    """What an option does."""

    OPERATE_NOW = "operate-now"
    OBSERVE = "observe"
    RLT_THEN_SURGERY = "rlt-then-surgery"
    RLT_ALONE = "rlt-alone"
    CHEMOTHERAPY_THEN_SURGERY = "chemotherapy-then-surgery"
    SOMATOSTATIN_ANALOGUE = "somatostatin-analogue"

    @property
    def is_rlt(self) -> bool:
        """Whether radioligand therapy is given."""
        return self in (Kind.RLT_THEN_SURGERY, Kind.RLT_ALONE)

    @property
    def has_surgery(self) -> bool:
        """Whether an operation is meant from the start."""
        return self in (Kind.OPERATE_NOW, Kind.RLT_THEN_SURGERY, Kind.CHEMOTHERAPY_THEN_SURGERY)


WORDS = {
    Kind.OPERATE_NOW: "operate now",
    Kind.OBSERVE: "observe, operate if it grows",
    Kind.CHEMOTHERAPY_THEN_SURGERY: "CAPTEM, then surgery",
    Kind.SOMATOSTATIN_ANALOGUE: "somatostatin analogue alone",
}
USUAL = ("4 x 7.4 GBq Lu-177 every 8 weeks", "2 x 7.4 GBq Lu-177 every 8 weeks")
"""Schemes that are always compared: the usual course, and half of it."""


@dataclass(frozen=True)
class Option:
    """One option; ``scheme`` belongs to those with radioligand therapy."""

    name: str
    kind: Kind
    scheme: Scheme | None = None

    def __post_init__(self) -> None:
        if self.kind.is_rlt != (self.scheme is not None):
            raise InputError("an option and its scheme do not fit", found=self.name, remedy="give a scheme to radioligand therapy alone")

    @property
    def mildness(self) -> tuple[float, ...]:
        """Lower is milder: nothing, an analogue, an operation, fewer cycles, less activity, 177Lu before others, chemotherapy last."""
        if self.kind is Kind.OBSERVE:
            return (0, 0, 0, 0)
        if self.kind is Kind.SOMATOSTATIN_ANALOGUE:
            return (1, 0, 0, 0)
        if self.kind is Kind.OPERATE_NOW:
            return (2, 0, 0, 0)
        if self.scheme is None:
            return (5, 0, 0, 0)
        rough = 4 if set(self.scheme.nuclides) - {REFERENCE} or self.scheme.sensitiser != "none" else 3
        given = round(sum(sum(cycle.activity_gbq.values()) for cycle in self.scheme.cycles), 3)
        return (rough, len(self.scheme.cycles), given, int(self.kind is Kind.RLT_THEN_SURGERY))


def options_for(schemes: Sequence[Scheme] = (), *, all_alone: bool = False) -> tuple[Option, ...]:
    """All options, with these schemes (the usual two where none is given).

    Radioligand therapy without an operation is shown for the first scheme, or for all of them.
    """
    schemes = tuple(schemes) or tuple(parse_scheme(text) for text in USUAL)
    names = [scheme.name for scheme in schemes]
    if len(set(names)) != len(names):
        raise InputError("two schemes have the same name", found=", ".join(names), remedy="name each scheme once")
    found = [Option(WORDS[Kind.OPERATE_NOW], Kind.OPERATE_NOW), Option(WORDS[Kind.OBSERVE], Kind.OBSERVE)]
    short = [name.split(", surgery ")[0] for name in names]
    # Schemes that differ by the week of surgery alone keep it in their names.
    called = short if len(set(short)) == len(short) else names
    found += [Option(f"{name}, then surgery", Kind.RLT_THEN_SURGERY, scheme) for name, scheme in zip(called, schemes, strict=True)]
    found += [Option(f"{name}, no surgery", Kind.RLT_ALONE, scheme)
              for name, scheme in list(zip(called, schemes, strict=True))[: None if all_alone else 1]]
    found += [Option(WORDS[kind], kind) for kind in (Kind.CHEMOTHERAPY_THEN_SURGERY, Kind.SOMATOSTATIN_ANALOGUE)]
    return tuple(found)
