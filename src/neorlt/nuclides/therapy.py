"""Nuclides that a therapy is planned with: a registry, so that another one is an entry and not a change of code.

Shipped entries stand in ``data/therapy.toml``. A user's nuclide file with a ``[therapy]`` table adds one for the process. The dose
response of tumours and kidneys is that of betas: a nuclide whose chain gives alphas is refused by name where beta response is asked
for, since its dose per decay means another effect (no relative biological effectiveness is shipped).

The registry gives the order of every *nuclide* axis. :data:`REFERENCE` stands first: what the population and the marrow are known to
receive per activity is known of it, and every other nuclide is derived from it.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.nuclides.chains import charged_mev
from neorlt.nuclides.nuclide import as_row, from_row, get_nuclide, normalise_name, register_nuclide, shipped_nuclides

REFERENCE = "Lu-177"
"""The nuclide whose doses per activity, wash-out and fall between cycles were observed."""


@dataclass(frozen=True)
class TherapyNuclide:
    """A nuclide that is given for therapy, its usual activity of one cycle in GBq, and where that comes from."""

    name: str
    activity_gbq: float
    source: str


@functools.cache
def _shipped() -> dict[str, TherapyNuclide]:
    rows = tomllib.loads(tables.read_text("nuclides", "therapy.toml"))
    return {name: TherapyNuclide(name, float(row["activity_gbq"]), str(row["source"])) for name, row in rows.items()}


_USER: dict[str, TherapyNuclide] = {}


def therapy_nuclides() -> tuple[str, ...]:
    """Names in order: :data:`REFERENCE`, the other shipped ones, then those that a user registered."""
    return (REFERENCE, *(name for name in _shipped() if name != REFERENCE), *_USER)


def added_nuclides() -> tuple[TherapyNuclide, ...]:
    """The entries that a user registered in this process."""
    return tuple(_USER.values())


def planned_nuclide(name: str) -> str:
    """The name, in the house's spelling, of a nuclide that a response to betas can be planned with.

    Raises
    ------
    InputError
        If it is not known, gives alphas, or is not in the registry.
    """
    refuse_alpha(name, "a plan")
    return therapy_nuclide(name).name


def therapy_nuclide(name: str) -> TherapyNuclide:
    """The entry of a nuclide.

    Raises
    ------
    InputError
        If it is not in the registry.
    """
    key = normalise_name(name)
    found = _shipped().get(key) or _USER.get(key)
    if found is None:
        raise InputError(
            f"no therapy is planned with {name}",
            expected=", ".join(therapy_nuclides()),
            found=name,
            remedy="use one of these, or give --nuclide-file a file of it with a [therapy] table",
        )
    return found


def register_therapy(entry: TherapyNuclide) -> TherapyNuclide:
    """Add a therapy nuclide for this process; its emissions must be known.

    Raises
    ------
    InputError
        If the nuclide is not known, gives alphas, or stands in the registry with other values.
    """
    refuse_alpha(entry.name, "planning a therapy")
    known = _shipped().get(entry.name) or _USER.get(entry.name)
    if known is not None and known != entry:
        raise InputError("a therapy nuclide of this name is registered already", found=entry.name, remedy="give it another name")
    if known is None:
        _USER[entry.name] = entry
    return entry


def added_row(name: str) -> dict[str, Any]:
    """What a user registered under this name, as plain data: entry and, unless they are shipped, emissions."""
    entry = _USER[name]
    return {"name": name, "activity_gbq": entry.activity_gbq, "source": entry.source,
            "emissions": None if name in shipped_nuclides() else as_row(get_nuclide(name))}


def register_row(row: Mapping[str, Any]) -> TherapyNuclide:
    """Register what :func:`added_row` described.

    Raises
    ------
    InputError
        If another nuclide of this name is registered.
    """
    if row["emissions"] is not None:
        register_nuclide(from_row(row["name"], row["emissions"]))
    return register_therapy(TherapyNuclide(row["name"], float(row["activity_gbq"]), row["source"]))


def gives_alphas(name: str) -> bool:
    """Whether the nuclide or a daughter of its chain emits alphas."""
    return charged_mev(get_nuclide(name).name)[1] > 0


def refuse_alpha(name: str, purpose: str) -> None:
    """Refuse an alpha emitter where the response of betas would be read from its dose.

    Raises
    ------
    InputError
        Naming the nuclide.
    """
    if gives_alphas(name):
        raise InputError(
            f"{get_nuclide(name).name} gives alphas, and {purpose} is for betas",
            expected="a beta emitter such as " + ", ".join(therapy_nuclides()),
            found=get_nuclide(name).name,
            remedy="use neorlt sphere, kernel or crossfire for its absorbed dose; no relative biological effectiveness is shipped, and a "
            "gray of alphas is not a gray of betas",
        )
