"""Simpler models of the same lesions, fitted beside the mechanistic one; all score the log relative volume."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.response.calibration import Lesions

NAMES = ("constant", "sigmoid", "dose-dependent spread")
_LOG_DOSE_REFERENCE = np.log(100.0)


def predict(name: str, free: dict[str, Any], dose_gy: Any, xp: Any = np) -> tuple[Any, Any]:
    """Mean and SD of the log relative volume, ``(..., lesion)``; parameters are ``(..., 1)``."""
    x = xp.log(xp.asarray(dose_gy)) - _LOG_DOSE_REFERENCE
    if name == "constant":
        return free["mu"] + 0 * x, xp.exp(free["log_sd"]) + 0 * x
    if name == "sigmoid":
        kill = free["most"] / (1 + xp.exp(-free["steep"] * (x - free["middle"])))
        return xp.log(1 - kill), xp.exp(free["log_sd"]) + 0 * x
    return free["mu"] + free["slope"] * x, xp.exp(free["log_sd"] + free["spread_slope"] * x)


def make_model(name: str, lesions: Lesions) -> Any:
    """Return the numpyro model (weakly informative priors, nothing from these data)."""

    def model(y: Any = None) -> None:
        import jax.numpy as jnp
        import numpyro
        import numpyro.distributions as dist

        free: dict[str, Any] = {"log_sd": numpyro.sample("log_sd", dist.Normal(-1.0, 1.0))}
        if name == "sigmoid":
            free["most"] = numpyro.sample("most", dist.Beta(2.0, 1.0))
            free["steep"] = numpyro.sample("steep", dist.HalfNormal(3.0))
            free["middle"] = numpyro.sample("middle", dist.Normal(-1.0, 1.0))
        else:
            free["mu"] = numpyro.sample("mu", dist.Normal(-1.0, 1.0))
        if name == "dose-dependent spread":
            free["slope"] = numpyro.sample("slope", dist.Normal(0.0, 1.0))
            free["spread_slope"] = numpyro.sample("spread_slope", dist.Normal(0.0, 1.0))
        mean, sd = predict(name, free, lesions.dose_gy, jnp)
        numpyro.sample("y", dist.Normal(mean, sd).to_event(1), obs=y)

    return model


def log_density(name: str, draws: dict[str, NDArray[Any]], lesions: Lesions) -> NDArray[np.float64]:
    """Log density of each lesion under each draw, ``(draw, lesion)``."""
    free = {key: np.asarray(value, np.float64).reshape(-1, 1) for key, value in draws.items()}
    mean, sd = predict(name, free, lesions.dose_gy)
    return np.asarray(-0.5 * ((lesions.log_volume - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi))
