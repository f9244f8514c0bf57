"""Ranks of true values among draws, tested for uniformity: simulation-based calibration (Talts 2018, arXiv 1804.06788)."""

from __future__ import annotations

from typing import Any

import numpy as np

N_BINS = 10
N_RANKED = 99
LEVEL = 0.01


def holm(p: dict[str, float], level: float = LEVEL) -> dict[str, bool]:
    """Whether each hypothesis is rejected, by Holm's step-down rule."""
    rejected = dict.fromkeys(p, False)
    for i, name in enumerate(sorted(p, key=lambda key: p[key])):
        if p[name] > level / (len(p) - i):
            break
        rejected[name] = True
    return rejected


def uniformity(ranks: dict[str, list[int]], n_ranked: int = N_RANKED) -> dict[str, Any]:
    """Chi-square p-value of each quantity's ranks (0 to ``n_ranked``) and Holm's verdict."""
    from scipy.stats import chisquare

    p = {}
    for name, values in ranks.items():
        counts = np.histogram(values, bins=N_BINS, range=(0, n_ranked + 1))[0]
        p[name] = float(chisquare(counts).pvalue)
    rejected = holm(p)
    return {"p": p, "rejected": [name for name, bad in rejected.items() if bad], "uniform": not any(rejected.values())}
