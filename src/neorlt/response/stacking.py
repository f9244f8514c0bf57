"""The stacked prediction: where simpler models predict the published lesions as well or better, they speak too.

Weights come from the leave-one-out scores of the shipped calibration (Yao 2018, 10.1214/17-BA1091). The simpler models
know dose and best response only: they say nothing of time, grade, vessels or a second nuclide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.response import alternatives
from neorlt.response.parameters import ROOM, calibration_report


def read_comparison() -> dict[str, Any] | None:
    """The shipped comparison of models, or None where predictions do not rest on a calibration."""
    report = calibration_report()
    if report is None or not report["converged"]:
        return None
    found: dict[str, Any] = report["comparison"]
    return found


def read_weights() -> dict[str, float]:
    """Stacking weight by model; the mechanistic model and its two variants count as one (sum 1)."""
    comparison = read_comparison()
    if comparison is None:
        return {"mechanistic": 1.0}
    weight = {name: float(row["stacking_weight"]) for name, row in comparison["models"].items()}
    total = sum(weight.values())
    simple = {name: weight[name] / total for name in alternatives.NAMES}
    return {"mechanistic": 1.0 - sum(simple.values()), **simple}


def simpler_model_sentence() -> str | None:
    """What to say where a simpler model has the best score; None where none has."""
    comparison = read_comparison()
    if comparison is None or comparison["best"] == "mechanistic":
        return None
    best = comparison["best"]
    row = comparison["models"][best]
    return (f"Of the models fitted to the 23 published lesions, a simpler one ({best}) predicts lesions that were left out best: log score "
            f"{row['elpd']:.1f} against {comparison['models']['mechanistic']['elpd']:.1f} (difference {row['difference']:.1f}, standard "
            f"error {row['difference_se']:.1f}). The change of size is therefore also given as the stacked prediction of all models; "
            "what only the mechanistic model knows (time, grade, vessels, other nuclides) rests on it alone.")


def stacked_change(dose_gy: NDArray[Any], log_volume: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """Log relative volume at best response ``(sample,)``, a mixture over models by their stacking weights.

    Parameters
    ----------
    dose_gy
        ``(sample,)`` dose to the lesion over all cycles, in Gy.
    log_volume
        ``(sample,)`` log relative volume as the mechanistic model gives it for the same samples.
    seed
        The same seed gives the same samples.

    """
    weights = read_weights()
    rng = core_draws.generator(seed, ROOM, "stacking")
    names = list(weights)
    chosen = rng.choice(len(names), len(dose_gy), p=np.array([weights[name] for name in names]))
    out = np.array(log_volume, np.float64)
    comparison = read_comparison()
    if comparison is None:
        return out
    for i, name in enumerate(names[1:], start=1):
        rows = np.flatnonzero(chosen == i)
        draws = {key: np.asarray(values) for key, values in comparison["draws"][name].items()}
        pick = rng.integers(len(next(iter(draws.values()))), size=len(rows))
        free = {key: values[pick] for key, values in draws.items()}
        mean, sd = alternatives.predict(name, free, np.maximum(np.asarray(dose_gy, np.float64)[rows], 1.0))
        out[rows] = mean + sd * rng.standard_normal(len(rows))
    return out
