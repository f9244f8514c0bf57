"""A nuclide: half-life and emissions, with beta spectra computed from the ENSDF branches."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError

ELECTRON_MEV = 0.51099895
FINE_STRUCTURE = 7.2973525693e-3
BINS = 400


@dataclass(frozen=True)
class BetaBranch:
    """One beta-minus branch: endpoint in MeV, intensity per decay, unique first-forbidden or not."""

    endpoint_mev: float
    per_decay: float
    unique: bool


@dataclass(frozen=True)
class Nuclide:
    """A radionuclide.

    ``gamma``, ``x_ray`` and ``conversion_electron`` are ``(line, 2)`` arrays of energy in MeV and number per decay.
    Where ``emissions_complete`` is false only the half-life is shipped (imaging nuclides): no dose is computed.
    """

    name: str
    half_life_h: float
    daughter_z: int
    mass_number: int
    beta_minus: tuple[BetaBranch, ...]
    gamma: NDArray[np.float64]
    x_ray: NDArray[np.float64]
    conversion_electron: NDArray[np.float64]
    auger_mev: float
    source: str
    emissions_complete: bool = True

    def __post_init__(self) -> None:
        if not self.half_life_h > 0:
            raise InputError("the half-life is not above 0", where=f"nuclide {self.name}", remedy="give half_life_h in hours")

    @property
    def decay_constant_per_h(self) -> float:
        """Decay constant, 1/h."""
        return float(np.log(2) / self.half_life_h)

    @property
    def beta_mev(self) -> float:
        """Mean beta energy per decay, MeV."""
        energy, number = self.beta_spectrum()
        return float((energy * number).sum())

    @property
    def electron_energy_mev(self) -> float:
        """Mean energy of all electrons per decay (beta, conversion, Auger), MeV."""
        lines = self.conversion_electron
        return self.beta_mev + float((lines[:, 0] * lines[:, 1]).sum()) + self.auger_mev

    @property
    def photon_energy_mev(self) -> float:
        """Mean energy of gammas and X rays per decay, MeV."""
        return float(sum((lines[:, 0] * lines[:, 1]).sum() for lines in (self.gamma, self.x_ray)))

    def photons(self) -> NDArray[np.float64]:
        """Gammas and X rays, ``(line, 2)``: MeV and number per decay."""
        return np.concatenate([self.gamma, self.x_ray])

    def beta_spectrum(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Energies (MeV) and number of betas per decay in each of the bins of all branches, ``(bin,)`` each."""
        return _beta_spectrum(self.beta_minus, self.daughter_z, self.mass_number)

    def electrons(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All electrons but Auger, ``(line,)`` each: MeV and number per decay."""
        energy, number = self.beta_spectrum()
        lines = self.conversion_electron
        return np.concatenate([energy, lines[:, 0]]), np.concatenate([number, lines[:, 1]])


@functools.lru_cache(maxsize=64)
def _beta_spectrum(branches: tuple[BetaBranch, ...], z: int, mass: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    energies, numbers = [], []
    for branch in branches:
        edges = np.linspace(0.0, branch.endpoint_mev, BINS + 1)
        energy = 0.5 * (edges[1:] + edges[:-1])
        shape = beta_shape(energy, branch.endpoint_mev, z, mass, branch.unique)
        energies.append(energy)
        numbers.append(branch.per_decay * shape / shape.sum())
    if not energies:
        return np.zeros(0), np.zeros(0)
    return np.concatenate(energies), np.concatenate(numbers)


def fermi_function(k: int, momentum: NDArray[np.float64], z: int, mass: int) -> NDArray[np.float64]:
    """Generalised Fermi function F_(k-1) of a point charge at the nuclear radius (Behrens and Jänecke 1969).

    ``momentum`` in units of the electron mass. k = 1 is the usual Fermi function.
    """
    from scipy.special import gamma, loggamma

    total = np.sqrt(momentum**2 + 1)
    az = FINE_STRUCTURE * z
    gk = np.sqrt(k**2 - az**2)
    y = az * total / momentum
    radius = 1.2e-13 * mass ** (1 / 3) / 3.8615926796e-11
    double_factorial = float(np.prod(np.arange(1, 2 * k, 2)))
    log_gamma = 2 * np.real(loggamma(gk + 1j * y))
    return np.asarray(
        4.0 ** (k - 1) * 2 * k * (k + gk) * double_factorial**2 * (2 * momentum * radius) ** (2 * (gk - k))
        * np.exp(np.pi * y + log_gamma) / gamma(1 + 2 * gk) ** 2
    )


def beta_shape(energy_mev: NDArray[np.float64], endpoint_mev: float, z: int, mass: int, unique: bool) -> NDArray[np.float64]:
    """Unnormalised beta-minus spectrum at these kinetic energies; ``z`` is that of the daughter.

    Allowed shape, and for unique first-forbidden branches the factor q² + λ₂ p² with λ₂ = F₁/F₀.
    """
    total = energy_mev / ELECTRON_MEV + 1.0
    momentum = np.sqrt(total**2 - 1.0)
    neutrino = (endpoint_mev - energy_mev) / ELECTRON_MEV
    fermi = fermi_function(1, momentum, z, mass)
    shape = momentum * total * neutrino**2 * fermi
    if unique:
        shape = shape * (neutrino**2 + fermi_function(2, momentum, z, mass) / fermi * momentum**2)
    return np.asarray(np.maximum(shape, 0.0))


def normalise_name(name: str) -> str:
    """``"177Lu"``, ``"Lu177"``, ``"[177Lu]"`` and ``"lu-177"`` are all ``"Lu-177"``."""
    text = name.strip().strip("[]")
    match = re.fullmatch(r"(?:(\d{1,3})-?([A-Za-z]{1,2})|([A-Za-z]{1,2})-?(\d{1,3}))", text)
    if match is None:
        return text
    mass, symbol = match[1] or match[4], match[2] or match[3]
    return f"{symbol.capitalize()}-{int(mass)}"


@functools.cache
def _table() -> dict[str, Nuclide]:
    def lines(rows: list[list[float]]) -> NDArray[np.float64]:
        array = np.array(rows, dtype=np.float64).reshape(-1, 2)
        array.setflags(write=False)
        return array

    return {
        name: Nuclide(
            name, row["half_life_h"], row["daughter_z"], row["mass_number"],
            tuple(BetaBranch(b["endpoint_mev"], b["per_decay"], b["unique"]) for b in row["beta_minus"]),
            lines(row["gamma"]), lines(row["x_ray"]), lines(row["conversion_electron"]), row["auger_mev_per_decay"], row["source"],
            row["emissions_complete"],
        )
        for name, row in tables.read_json("nuclides", "nuclides.json").items()
    }


def list_nuclides() -> tuple[str, ...]:
    """Names of the nuclides that are shipped with emissions."""
    return tuple(_table())


def get_nuclide(name: str) -> Nuclide:
    """Return a nuclide by any usual spelling of its name.

    Raises
    ------
    InputError
        For a nuclide that is not shipped; the message lists those that are.
    """
    found = _table().get(normalise_name(name))
    if found is None:
        raise InputError("unknown nuclide", expected=", ".join(_table()), found=name, remedy="use one of these")
    return found
