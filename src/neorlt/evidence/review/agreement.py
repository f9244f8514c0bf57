"""Agreement of two reviewers: Cohen's kappa with its standard error."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    share = {(a, b): count / n for (a, b), count in Counter(pairs.values()).items()}
    rows = {label: sum(value for (a, _), value in share.items() if a == label) for label in labels}
    columns = {label: sum(value for (_, b), value in share.items() if b == label) for label in labels}
    observed = sum(share.get((label, label), 0.0) for label in labels)
    expected = sum(rows[label] * columns[label] for label in labels)
    if expected >= 1.0:
        return Agreement(n, observed, None, None, "both gave one and the same verdict throughout: kappa is not defined")
    kappa = (observed - expected) / (1 - expected)
    diagonal = sum(share.get((a, a), 0.0) * (1 - (rows[a] + columns[a]) * (1 - kappa)) ** 2 for a in labels)
    off = (1 - kappa) ** 2 * sum(value * (columns[a] + rows[b]) ** 2 for (a, b), value in share.items() if a != b)
    variance = (diagonal + off - (kappa - expected * (1 - kappa)) ** 2) / (n * (1 - expected) ** 2)
    return Agreement(n, observed, kappa, math.sqrt(max(0.0, variance)))


def agreement(verdicts: Mapping[str, Mapping[str, str]], first: str, second: str) -> Agreement:
    """Kappa of two named reviewers over the records that both judged."""
    pairs = {key: (by[first], by[second]) for key, by in verdicts.items() if first in by and second in by}
    return cohen_kappa(pairs)
