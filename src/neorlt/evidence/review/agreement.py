"""Agreement of two reviewers: Cohen's kappa with its standard error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Kappa over ``n`` records that both judged; None where it cannot be told, with the reason."""

    n: int
    observed: float | None
    kappa: float | None
    se: float | None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return dict(self.__dict__)


def cohen_kappa(pairs: Mapping[str, tuple[str, str]]) -> Agreement:
    """Cohen's kappa (Educ Psychol Meas 1960;20:37); the large-sample SE of Fleiss, Cohen and Everitt 1969."""
    n = len(pairs)
    if n == 0:
        return Agreement(0, None, None, None, "no record was judged by both")
    labels = sorted({label for pair in pairs.values() for label in pair})
    index = {label: i for i, label in enumerate(labels)}
    table = np.zeros((len(labels), len(labels)))
    for a, b in pairs.values():
        table[index[a], index[b]] += 1
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float(np.trace(p)), float(rows @ columns)
    if expected >= 1.0:
        return Agreement(n, observed, None, None, "both gave one and the same verdict throughout: kappa is not defined")
    kappa = (observed - expected) / (1 - expected)
    diagonal = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in range(len(labels)))
    off = (1 - kappa) ** 2 * sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i in range(len(labels)) for j in range(len(labels)) if i != j)
    variance = (diagonal + off - (kappa - expected * (1 - kappa)) ** 2) / (n * (1 - expected) ** 2)
    return Agreement(n, observed, float(kappa), float(np.sqrt(max(0.0, variance))))


def agreement(verdicts: Mapping[str, Mapping[str, str]], first: str, second: str) -> Agreement:
    """Kappa of two named reviewers over the records that both judged."""
    pairs = {key: (by[first], by[second]) for key, by in verdicts.items() if first in by and second in by}
    return cohen_kappa(pairs)
