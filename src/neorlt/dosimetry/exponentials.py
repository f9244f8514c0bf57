"""The family of time–activity curves: sums of exponentials that start anywhere and never outlive physical decay.

All curves are one expression, ``A [E1 + q E2 − s (1 + q) E3]`` with ``E1 = exp(−(λ+k) t)``, ``E2 = exp(−(λ+k+d) t)`` and
``E3 = exp(−(λ+k+d+u) t)``: ``k`` is the slow biological rate, ``d`` what the fast washout adds, ``u`` the uptake. Excretion
(k, d) and decay (λ) stay apart, so a curve measured with one nuclide can be re-decayed with another. Every biological
rate is an exponential of a free parameter and therefore above 0: no curve is ever slower than physical decay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PARAMETERS = ("log_amplitude", "log_slow_rate", "log_uptake_rate", "log_fast_ratio", "log_fast_rate")
"""Order of the free parameters; rates per hour, amplitude in MBq."""


@dataclass(frozen=True)
class CurveModel:
    """One member of the family: which parameters are free."""

    name: str
    uptake: bool
    two_phase: bool

    @property
    def free(self) -> tuple[int, ...]:
        """Indices into :data:`PARAMETERS` of the free parameters."""
        return (0, 1, *((2,) if self.uptake else ()), *((3, 4) if self.two_phase else ()))

    @property
    def n_free(self) -> int:
        """Number of free parameters."""
        return len(self.free)


MONO = CurveModel("mono-exponential", uptake=False, two_phase=False)
UPTAKE = CurveModel("bi-exponential (uptake and washout)", uptake=True, two_phase=False)
TWO_PHASE = CurveModel("bi-exponential (two washouts)", uptake=False, two_phase=True)
TRI = CurveModel("tri-exponential (uptake and two washouts)", uptake=True, two_phase=True)
MODELS = (MONO, UPTAKE, TWO_PHASE, TRI)


def terms(model: CurveModel, theta: Floats, decay_per_h: Floats | float) -> tuple[Floats, Floats]:
    """Amplitudes (MBq) and effective rates (1/h) of the exponentials.

    Parameters
    ----------
    model
        Member of the family.
    theta
        ``(..., n_free)`` values of the free parameters, in the order of ``model.free``.
    decay_per_h
        Physical decay constant λ, one or broadcasting against the leading axes of ``theta``.

    Returns
    -------
    amplitude, rate
        Each ``(..., 3)``; a term that the model lacks has amplitude 0 and the rate of the slow term.
    """
    amplitude = np.exp(theta[..., 0])
    slow = decay_per_h + np.exp(theta[..., 1])
    uptake = np.exp(theta[..., 2]) if model.uptake else np.zeros_like(slow)
    ratio = np.exp(theta[..., -2]) if model.two_phase else np.zeros_like(slow)
    fast = np.exp(theta[..., -1]) if model.two_phase else np.zeros_like(slow)
    last = -amplitude * (1.0 + ratio) if model.uptake else np.zeros_like(slow)
    amplitudes = np.stack([amplitude, amplitude * ratio, last], axis=-1)
    rates = np.stack([slow, slow + fast, slow + fast + uptake], axis=-1)
    return amplitudes, rates


def evaluate(model: CurveModel, theta: Floats, time_h: Floats, decay_per_h: Floats | float) -> Floats:
    """Activity ``(..., t)`` in MBq; ``time_h`` broadcasts against the leading axes of ``theta`` with ``t`` last."""
    slow = (decay_per_h + np.exp(theta[..., 1]))[..., None]
    curve = np.exp(-slow * time_h)
    shape = np.ones_like(curve)
    if model.two_phase:
        fast = np.exp(theta[..., -1])[..., None]
        ratio = np.exp(theta[..., -2])[..., None]
        fast_decay = np.exp(-fast * time_h)
        shape = shape + ratio * fast_decay
        if model.uptake:
            shape = shape - (1.0 + ratio) * fast_decay * np.exp(-np.exp(theta[..., 2])[..., None] * time_h)
    elif model.uptake:
        shape = -np.expm1(-np.exp(theta[..., 2])[..., None] * time_h)
    return np.asarray(np.exp(theta[..., 0])[..., None] * curve * shape)


def jacobian(model: CurveModel, theta: Floats, time_h: Floats, decay_per_h: Floats | float) -> tuple[Floats, Floats]:
    """Activity ``(..., t)`` and its derivative by the free parameters ``(..., t, n_free)``."""
    amplitudes, rates = terms(model, theta, decay_per_h)
    each = amplitudes[..., None, :] * np.exp(-rates[..., None, :] * time_h[..., None])
    value = each.sum(axis=-1)
    slow = np.exp(theta[..., 1])[..., None]
    columns = [value, -slow * time_h * value]
    if model.uptake:
        columns.append(-np.exp(theta[..., 2])[..., None] * time_h * each[..., 2])
    if model.two_phase:
        ratio = np.exp(theta[..., -2])[..., None]
        columns.append(each[..., 1] + each[..., 2] * ratio / (1.0 + ratio))
        columns.append(-np.exp(theta[..., -1])[..., None] * time_h * (each[..., 1] + each[..., 2]))
    return value, np.stack(columns, axis=-1)


def integrate(amplitude_mbq: Floats, rate_per_h: Floats, start_h: float = 0.0) -> Floats:
    """Integral of the curve from ``start_h`` to infinity, MBq·h, over the last axis (term)."""
    return np.asarray((amplitude_mbq / rate_per_h * np.exp(-rate_per_h * start_h)).sum(axis=-1))
