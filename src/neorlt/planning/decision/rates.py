"""Base rates of the decision: one draw of each in every world, each with its source and the cause of doubt it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from neorlt.core import tables
from neorlt.core.draws import generator

Floats = NDArray[np.float64]
ROOM = "planning"


def rate_table() -> dict[str, dict[str, Any]]:
    """Name to family, parameters, cause, label and source (``tools/planning/make_decision.py``)."""
    entries: dict[str, dict[str, Any]] = tables.read_json(ROOM, "decision.json")["entries"]
    return entries


def fixed(name: str) -> float:
    """A single number of the table that is not drawn."""
    return float(tables.read_json(ROOM, "decision.json")["fixed"][name]["value"])


def gompertz(sex: str | None) -> tuple[tuple[float, float], ...]:
    """``(a, b)`` of the yearly hazard ``exp(a + b age)``: one pair, or both where the sex is not known."""
    table = tables.read_json(ROOM, "decision.json")["fixed"]["gompertz"]
    wanted = {"M": ("male",), "F": ("female",)}.get(sex or "", ("male", "female"))
    return tuple((float(table[name][0]), float(table[name][1])) for name in wanted)


def resectability_table() -> dict[str, Any]:
    """The two published endpoints of conversion, fitted apart with a level for the series."""
    found: dict[str, Any] = tables.read_json(ROOM, "resectability.json")
    return found


@dataclass(frozen=True)
class Rates:
    """One draw of every rate: name to ``(draw,)``; ``became_resectable_logit`` is the published conversion in a new series."""

    values: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        return self.values[name]

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(next(iter(self.values.values())))

    def replaced(self, **changes: Any) -> Rates:
        """The same rates with some set to numbers or arrays."""
        new = {name: np.broadcast_to(np.asarray(value, float), (self.n_draws,)) for name, value in changes.items()}
        return replace(self, values={**self.values, **new})

    def take(self, index: NDArray[np.intp]) -> Rates:
        """The draws at ``index``."""
        return replace(self, values={name: value[index] for name, value in self.values.items()})


def _draw(entry: Mapping[str, Any], rng: np.random.Generator, n: int) -> Floats:
    family, p = entry["family"], entry["parameters"]
    if family == "fixed":
        return np.full(n, float(p[0]))
    if family == "normal":
        return np.asarray(rng.normal(p[0], p[1], n))
    if family == "positive":
        # A log-normal with this mean and standard deviation.
        variance = np.log1p((p[1] / p[0]) ** 2)
        return np.asarray(np.exp(np.log(p[0]) - variance / 2 + np.sqrt(variance) * rng.standard_normal(n)))
    if family == "lognormal":
        return np.asarray(p[0] * np.exp(p[1] * rng.standard_normal(n)))
    if family == "logitnormal":
        return np.asarray(expit(logit(p[0]) + p[1] * rng.standard_normal(n)))
    if family == "beta":
        return np.asarray(rng.beta(p[0], p[1], n))
    raise ValueError(f"unknown family {family!r} in the table of the decision")


def draw_rates(n_draws: int, seed: int = 1) -> Rates:
    """Draw all rates; they belong to the published series, not to a patient, so only the seed decides."""
    values = {name: _draw(entry, generator(seed, "decision", name), n_draws) for name, entry in rate_table().items()}
    quantiles = np.asarray(resectability_table()["became_resectable"]["logit_quantiles"], float)
    u = generator(seed, "decision", "became resectable").uniform(size=n_draws)
    values["became_resectable_logit"] = np.interp(u, (np.arange(len(quantiles)) + 0.5) / len(quantiles), quantiles)
    values["unmodelled_z"] = generator(seed, "decision", "log_hr_unmodelled").standard_normal(n_draws)
    values["log_hr_unmodelled"] = rate_table()["log_hr_unmodelled"]["parameters"][1] * values["unmodelled_z"]
    return Rates(values)


def causes() -> dict[str, tuple[str, ...]]:
    """Cause of doubt to the names of its rates."""
    found: dict[str, list[str]] = {}
    for name, entry in rate_table().items():
        if entry["cause"] and entry["family"] != "fixed":
            found.setdefault(entry["cause"], []).append(name)
    found["operability"].append("became_resectable_logit")
    return {cause: tuple(names) for cause, names in found.items()}
