"""Decay chains: members, decays per decay of the parent, and activities over time (Bateman 1910)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.errors import InputError
from neorlt.nuclides.nuclide import get_nuclide, list_nuclides


@dataclass(frozen=True)
class Chain:
    """A parent and its radioactive daughters.

    ``names`` ``(member,)``, parent first, every member after its parents; ``branch`` ``(member, member)``, row the
    daughter, column the parent; ``decays_per_parent`` ``(member,)`` when everything has decayed.
    """

    names: tuple[str, ...]
    branch: NDArray[np.float64]
    decays_per_parent: NDArray[np.float64]


def decay_chain(parent: str) -> Chain:
    """The chain below ``parent``; a nuclide without radioactive daughters that we hold is a chain of one."""
    known = set(list_nuclides())
    names: list[str] = []

    def visit(name: str) -> None:
        if name in names:
            names.remove(name)
        names.append(name)
        for daughter, _ in get_nuclide(name).daughters:
            if daughter in known:
                visit(daughter)

    visit(get_nuclide(parent).name)
    branch = np.zeros((len(names), len(names)))
    for column, name in enumerate(names):
        for daughter, ratio in get_nuclide(name).daughters:
            if daughter in names:
                branch[names.index(daughter), column] = ratio
    decays = np.zeros(len(names))
    decays[0] = 1.0
    for row in range(1, len(names)):
        decays[row] = branch[row, :row] @ decays[:row]
    return Chain(tuple(names), branch, decays)


def chain_activity(parent: str, activity_mbq: float, time_h: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Activities of a chain that starts with the parent alone.

    Parameters
    ----------
    parent
        Name, any usual spelling.
    activity_mbq
        Activity of the parent at time 0, MBq.
    time_h
        ``(time,)`` hours after that, not below 0.

    Returns
    -------
    dict
        Activity in MBq ``(time,)`` of every member. No member escapes from where its parent decayed.
    """
    time = np.atleast_1d(np.asarray(time_h, dtype=np.float64))
    if np.any(~np.isfinite(time)) or np.any(time < 0):
        raise InputError("a time is below 0 h", found=str(time.tolist()), remedy="give hours after the start")
    if not activity_mbq >= 0:
        raise InputError("the activity is below 0 MBq", found=f"{activity_mbq:g}", remedy="give an activity of 0 MBq or more")
    chain = decay_chain(parent)
    rate = np.array([get_nuclide(name).decay_constant_per_h for name in chain.names])
    n = len(rate)
    # Triangular eigenvectors of the rate matrix; column j solves (rate_i - rate_j) c_ij = sum_k branch_ik rate_k c_kj.
    vectors = np.eye(n)
    for j in range(n):
        for i in range(j + 1, n):
            vectors[i, j] = (chain.branch[i, j:i] * rate[j:i]) @ vectors[j:i, j] / (rate[i] - rate[j])
    start = np.zeros(n)
    start[0] = activity_mbq / rate[0]
    weight = np.linalg.solve(vectors, start)
    atoms = (vectors * weight) @ np.exp(-np.outer(rate, time))
    return {name: np.maximum(rate[i] * atoms[i], 0.0) for i, name in enumerate(chain.names)}


def emitters(parent: str) -> tuple[tuple[str, float], ...]:
    """Every member of the chain with its decays per decay of the parent, parent first.

    What a time-integrated activity of the parent stands for when no member leaves the place of its parent's decay.
    """
    chain = decay_chain(parent)
    return tuple((name, float(n)) for name, n in zip(chain.names, chain.decays_per_parent, strict=True) if n > 0)


def charged_mev(parent: str) -> tuple[float, float]:
    """Energy of electrons and of alphas with recoils that the whole chain emits per decay of the parent, MeV."""
    electron = sum(n * get_nuclide(name).electron_energy_mev for name, n in emitters(parent))
    alpha = sum(n * get_nuclide(name).alpha_mev for name, n in emitters(parent))
    return electron, alpha
