"""What is known of a posterior that a centre made from its own lesions: whose it is, what it descends from, whether it may be trusted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Centre:
    """Where a centre's posterior comes from. A plan's world and every document keep it."""

    name: str
    """Name of the folder that it was written into."""
    posterior_hash: str
    descends_from: str
    """SHA-256 of its draws, and of those of the shipped posterior that were weighed."""
    lesions: int
    """Lesions of the centre's own table; 0 where only other centres' likelihoods were imported."""
    imported: int
    """Likelihoods of other centres."""
    effective_draws: float
    n_draws: int
    """Draws that the weights are worth, of so many shipped ones."""
    pareto_k: float | None
    """Of the weights; None where too few draws carry weight to estimate it."""
    trusted: bool

    @property
    def sentence(self) -> str:
        """One sentence for whoever reads a number that rests on it."""
        others = f" and {self.imported} imported likelihood{'s' if self.imported != 1 else ''}" if self.imported else ""
        trusted = "trusted" if self.trusted else "NOT trusted"
        return (f"Posterior of a centre, {self.name} ({self.posterior_hash[:12]}): {self.lesions} lesion{'s' if self.lesions != 1 else ''}"
                f"{others}, {self.effective_draws:.0f} effective of {self.n_draws} draws, {trusted}.")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What has to be read before a number that rests on it is used."""
        if self.trusted:
            return ()
        k = "unknown" if self.pareto_k is None else f"{self.pareto_k:.2f}"
        return (f"The posterior of the centre {self.name} cannot be trusted: {self.effective_draws:.0f} effective of {self.n_draws} draws "
                f"are left (Pareto's k {k}). Look at the lesions with neorlt calibrate --check, or predict without --posterior.",)

    def as_json(self) -> dict[str, Any]:
        """Plain data, with the sentence."""
        return dataclasses.asdict(self) | {"sentence": self.sentence}


@dataclass(frozen=True, eq=False)
class CentrePosterior:
    """A centre's posterior: its joint draws by name ``(draw,)``, and what is known of it. Two are equal if their draws are."""

    centre: Centre
    draws: Mapping[str, NDArray[np.float32]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CentrePosterior) and other.centre == self.centre

    def __hash__(self) -> int:
        return hash(self.centre)
