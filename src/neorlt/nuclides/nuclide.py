"""A nuclide: half-life and emissions, with beta spectra computed from the ENSDF branches."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.nuclides.spectra import ELECTRON_MEV, BetaBranch, beta_spectrum

Lines = NDArray[np.float64]


def _no_lines() -> Lines:
    return as_lines(())


def as_lines(rows: Any) -> Lines:
    """Read-only ``(line, 2)`` array of energy in MeV and number per decay."""
    array = np.array(rows, dtype=np.float64).reshape(-1, 2)
    array.setflags(write=False)
    return array


def _energy(lines: Lines) -> float:
    return float((lines[:, 0] * lines[:, 1]).sum())


@dataclass(frozen=True, eq=False)
class Nuclide:
    """A radionuclide.

    ``gamma``, ``x_ray``, ``conversion_electron``, ``auger`` and ``alpha`` are ``(line, 2)`` arrays of energy in MeV and
    number per decay; ``beta_table`` likewise holds a beta spectrum that a user gave point by point. ``daughters`` are
    names with branching ratios. Where ``emissions_complete`` is false only the half-life is shipped (imaging nuclides):
    no dose is computed.
    """

    name: str
    half_life_h: float
    mass_number: int
    beta_minus: tuple[BetaBranch, ...] = ()
    beta_plus: tuple[BetaBranch, ...] = ()
    beta_table: Lines = field(default_factory=_no_lines)
    gamma: Lines = field(default_factory=_no_lines)
    x_ray: Lines = field(default_factory=_no_lines)
    conversion_electron: Lines = field(default_factory=_no_lines)
    auger: Lines = field(default_factory=_no_lines)
    alpha: Lines = field(default_factory=_no_lines)
    daughters: tuple[tuple[str, float], ...] = ()
    source: str = ""
    emissions_complete: bool = True

    def __post_init__(self) -> None:
        where = f"nuclide {self.name}"
        if not (np.isfinite(self.half_life_h) and self.half_life_h > 0):
            raise InputError("the half-life is not above 0", where=where, remedy="give half_life_h in hours")
        for kind in ("beta_table", "gamma", "x_ray", "conversion_electron", "auger", "alpha"):
            lines = getattr(self, kind)
            if lines.ndim != 2 or lines.shape[1] != 2 or not np.all(np.isfinite(lines)) or np.any(lines < 0):
                raise InputError(
                    f"{kind} is not a table of energy and number per decay",
                    where=where,
                    remedy="give rows of [MeV, number per decay], none below 0",
                )
        particles = sum(b.per_decay for b in self.beta_minus + self.beta_plus)
        particles += float(self.beta_table[:, 1].sum()) + float(self.alpha[:, 1].sum())
        if particles > 1.005:
            raise InputError(
                "betas and alphas sum to more than one per decay",
                expected="at most 1",
                found=f"{particles:.4f}",
                where=where,
                remedy="scale the intensities to numbers per decay",
            )

    @property
    def decay_constant_per_h(self) -> float:
        """Decay constant, 1/h."""
        return float(np.log(2) / self.half_life_h)

    @property
    def beta_mev(self) -> float:
        """Mean energy of betas of both signs per decay, MeV."""
        energy, number = self.beta_spectrum()
        return float((energy * number).sum())

    @property
    def conversion_mev(self) -> float:
        """Energy of conversion electrons per decay, MeV."""
        return _energy(self.conversion_electron)

    @property
    def auger_mev(self) -> float:
        """Energy of Auger and Coster-Kronig electrons per decay, MeV."""
        return _energy(self.auger)

    @property
    def electron_energy_mev(self) -> float:
        """Mean energy of all electrons per decay (beta, conversion, Auger), MeV."""
        return self.beta_mev + self.conversion_mev + self.auger_mev

    @property
    def photon_energy_mev(self) -> float:
        """Mean energy of gammas, X rays and annihilation photons per decay, MeV."""
        return _energy(self.photons())

    @property
    def alpha_mev(self) -> float:
        """Energy of alphas and of the recoiling nuclei per decay, MeV."""
        return _energy(self.alpha) * self.mass_number / (self.mass_number - 4) if len(self.alpha) else 0.0

    def photons(self) -> Lines:
        """Gammas, X rays and annihilation photons, ``(line, 2)``: MeV and number per decay."""
        positrons = sum(b.per_decay for b in self.beta_plus)
        annihilation = as_lines([[ELECTRON_MEV, 2 * positrons]] if positrons else ())
        return np.concatenate([self.gamma, self.x_ray, annihilation])

    def beta_spectrum(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Energies (MeV) and number of betas per decay in each of the bins of all branches, ``(bin,)`` each."""
        energy, number = beta_spectrum(self.beta_minus + self.beta_plus, self.mass_number)
        return np.concatenate([energy, self.beta_table[:, 0]]), np.concatenate([number, self.beta_table[:, 1]])

    def electrons(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All electrons but Auger, ``(line,)`` each: MeV and number per decay. Positrons slow down as electrons do."""
        energy, number = self.beta_spectrum()
        lines = self.conversion_electron
        return np.concatenate([energy, lines[:, 0]]), np.concatenate([number, lines[:, 1]])

    def electrons_and_auger(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All electrons, Auger and Coster-Kronig included, ``(line,)`` each: MeV and number per decay."""
        energy, number = self.electrons()
        return np.concatenate([energy, self.auger[:, 0]]), np.concatenate([number, self.auger[:, 1]])


def normalise_name(name: str) -> str:
    """``"177Lu"``, ``"Lu177"``, ``"[177Lu]"`` and ``"lu-177"`` are all ``"Lu-177"``."""
    text = name.strip().strip("[]")
    match = re.fullmatch(r"(?:(\d{1,3})-?([A-Za-z]{1,2})|([A-Za-z]{1,2})-?(\d{1,3}))", text)
    if match is None:
        return text
    mass, symbol = match[1] or match[4], match[2] or match[3]
    return f"{symbol.capitalize()}-{int(mass)}"


_LINES = ("gamma", "x_ray", "conversion_electron", "auger", "alpha")


def from_row(name: str, row: Mapping[str, Any]) -> Nuclide:
    """A nuclide from a row of ``nuclides.json``, or from one that :func:`as_row` made."""

    def branches(key: str, sign: int) -> tuple[BetaBranch, ...]:
        return tuple(BetaBranch(b["endpoint_mev"], b["per_decay"], b["unique"], sign * b["z"]) for b in row[key])

    return Nuclide(
        name,
        row["half_life_h"],
        row["mass_number"],
        branches("beta_minus", 1),
        branches("beta_plus", -1),
        beta_table=as_lines(row.get("beta_table", ())),
        **{kind: as_lines(row[kind]) for kind in _LINES},
        daughters=tuple((n, b) for n, b in row["daughters"]),
        source=row["source"],
        emissions_complete=row["emissions_complete"],
    )


def as_row(nuclide: Nuclide) -> dict[str, Any]:
    """A nuclide as a row of ``nuclides.json``, so that what was computed with it can be opened where its file is not."""

    def branches(found: tuple[BetaBranch, ...]) -> list[dict[str, Any]]:
        return [{"endpoint_mev": b.endpoint_mev, "per_decay": b.per_decay, "unique": b.unique, "z": abs(b.z)} for b in found]

    return {
        "half_life_h": nuclide.half_life_h,
        "mass_number": nuclide.mass_number,
        "beta_minus": branches(nuclide.beta_minus),
        "beta_plus": branches(nuclide.beta_plus),
        **{kind: getattr(nuclide, kind).tolist() for kind in ("beta_table", *_LINES)},
        "daughters": [list(daughter) for daughter in nuclide.daughters],
        "source": nuclide.source,
        "emissions_complete": nuclide.emissions_complete,
    }


@functools.cache
def _table() -> dict[str, Nuclide]:
    return {name: from_row(name, row) for name, row in tables.read_json("nuclides", "nuclides.json").items()}


def shipped_nuclides() -> tuple[str, ...]:
    """Names of the nuclides whose data are shipped."""
    return tuple(_table())


def list_nuclides() -> tuple[str, ...]:
    """Names of the nuclides that are known: shipped ones, then those that a user registered."""
    return shipped_nuclides() + tuple(_USER)


def get_nuclide(name: str) -> Nuclide:
    """Return a nuclide by any usual spelling of its name.

    Raises
    ------
    InputError
        For a nuclide that is not known; the message lists those that are.
    """
    key = normalise_name(name)
    found = _table().get(key) or _USER.get(key)
    if found is None:
        raise InputError("unknown nuclide", expected=", ".join(list_nuclides()), found=name, remedy="use one of these")
    return found


def line_origins(name: str) -> dict[str, tuple[str, ...]]:
    """Where each line of a shipped nuclide comes from, in the order of its arrays and branches.

    Keys are those of :class:`Nuclide` (``beta_minus``, ``gamma``, ``auger`` and so on); a nuclide of the user has none.
    """
    row = tables.read_json("nuclides", "nuclides.json").get(normalise_name(name))
    if row is None:
        return {}
    lines = {key: tuple(origins) for key, origins in row["origin"].items()}
    return lines | {key: tuple(branch["origin"] for branch in row[key]) for key in ("beta_minus", "beta_plus")}


_USER: dict[str, Nuclide] = {}


def register_nuclide(nuclide: Nuclide) -> Nuclide:
    """Make a user's nuclide known to every function that takes a name, in this process.

    Raises
    ------
    InputError
        If the name is one of the shipped nuclides, or was registered before with other data.
    """
    if nuclide.name in _table():
        raise InputError(
            "a shipped nuclide cannot be replaced", found=nuclide.name, remedy="give your nuclide another name, such as 'My-177'"
        )
    if nuclide.name in _USER and not _same(_USER[nuclide.name], nuclide):
        raise InputError("a nuclide of this name is registered already", found=nuclide.name, remedy="give it another name")
    return _USER.setdefault(nuclide.name, nuclide)


def _same(one: Nuclide, other: Nuclide) -> bool:
    """Whether two nuclides hold the same data: a file may be read twice."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(Nuclide))
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)
