"""What follows a decision: one semi-Markov course in monthly steps, as arrays over (draw, option).

    waiting -> new metastasis -> death
    waiting -> operation -> died | margin free | margin not free | left in place
    disease-free -> recurrence -> death;  unresected and stable -> progression -> death
    everybody: background mortality by age and sex, second neoplasm with a latency

Whether a tumour can be resected belongs to the tumour, not to the day on which it is found out: who cannot be resected and waits
without treatment stands among the unresected from the start, explored or not. Otherwise the operation, and not the tumour, would
pay for what it finds, and waiting would gain by not looking.

Within a state hazards are constant, so occupancies are sums of exponentials of the time since entry and need no
transition by transition steps; background mortality and the second neoplasm act alike in every state and multiply. A draw
is one world and one patient's tumour; what happens to the patient after that is integrated, not drawn, so a draw carries
doubt and the patient's own response, and no coin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.floating[Any]]
MONTHS = 120
"""Monthly steps; half-yearly ones follow to the end of life."""
LAST_AGE = 105.0
STEP_AFTER = 0.5


@dataclass(frozen=True)
class Paths:
    """Inputs of the course, each ``(draw, option)``; times in years, hazards a year, utilities a year of life."""

    surgery_at: Floats
    """Years until the operation or, where none is meant, 0: the unresected state then starts at once."""
    metastasis: Floats
    """Hazard of a new metastasis while waiting."""
    unresectable: Floats
    """Share that cannot be resected from the start and waits without treatment: unresected until the operation finds it out, and after."""
    growing_in: Floats
    """Hazard, of those who could be resected, of no longer being so: the tumour grows into the vessels while it waits untreated."""
    progression_waiting: Floats
    """Of those who cannot be resected, until the operation."""
    p_r0: Floats
    """At the time of surgery and without a new metastasis: operated, alive after 90 days, margin free."""
    p_r1: Floats
    p_dead: Floats
    """Died of the operation or within 90 days, of those who could be resected."""
    p_dead_in_vain: Floats
    """The same of one who reaches surgery and cannot be resected."""
    recurrence_r0: Floats
    recurrence_r1: Floats
    death_after_recurrence: Floats
    progression: Floats
    """Of those left unresected (the remainder)."""
    death_after_progression: Floats
    u_waiting: Floats
    u_disease_free: Floats
    u_recurrent: Floats
    u_stable: Floats
    u_progressed: Floats
    qaly_at_surgery: Floats
    """Lost once, at the time of surgery, for everybody who could be resected then."""
    qaly_in_vain: Floats
    """The same of one who reaches surgery and cannot be resected."""
    qaly_early: Floats
    """Lost once in the first year by everybody (toxicity, treatment)."""
    kidney_loss: Floats
    """Lost a year of life from five years on (ramp before)."""
    p_neoplasm: Floats
    """Lifetime chance of a second neoplasm through the treatment."""

    def __post_init__(self) -> None:
        shape = np.shape(self.surgery_at)
        for field in fields(self):
            value = np.asarray(getattr(self, field.name), np.float32)
            if value.shape != shape:
                raise ValueError(f"{field.name} has shape {value.shape}, expected {shape}")
            if not np.all(np.isfinite(value)):
                raise ValueError(f"{field.name} holds a value that is not finite")
            object.__setattr__(self, field.name, value)

    def take(self, options: Sequence[int]) -> Paths:
        """The options at these places."""
        return Paths(**{field.name: getattr(self, field.name)[:, list(options)] for field in fields(self)})


@dataclass(frozen=True)
class Background:
    """What is common to all options of a patient."""

    age_y: float | Floats
    """Of the patient, or ``(option,)`` where every option belongs to a patient of its own."""
    gompertz: tuple[tuple[float, float], ...]
    """``(a, b)`` of one sex, or of both where it is not known."""
    hazard_ratio: Floats
    """``(draw,)`` on background mortality."""
    latency_y: Floats
    """``(draw,)`` median latency of a second neoplasm."""
    latency_log_sd: float
    neoplasm_death: Floats
    """``(draw,)`` a year."""
    u_neoplasm: Floats
    """``(draw,)``."""

    def alive(self, years: float) -> Floats:
        """Chance of not having died of other causes, ``(draw, 1)`` or ``(draw, option)``."""
        ratio = self.hazard_ratio[:, None].astype(np.float64)
        parts = [np.exp(-ratio * np.exp(a + b * np.atleast_1d(self.age_y)) * np.expm1(b * years) / b) for a, b in self.gompertz]
        return np.asarray(np.mean(parts, axis=0), np.float32)


@dataclass(frozen=True)
class Outlook:
    """What the course gives, each ``(draw, option)``."""

    event_free_years_5: Floats
    event_free_years_10: Floats
    years_alive_10: Floats
    years_alive: Floats
    qaly_10: Floats
    """Quality-adjusted years of the first ten, not discounted."""
    qaly_10_discounted: Floats
    qaly_lifetime: Floats
    """To the end of life, not discounted."""
    qaly_lifetime_discounted: Floats
    p_operated: Floats
    p_r0: Floats
    p_operative_death: Floats
    p_new_metastasis: Floats
    """Before surgery."""
    p_progressed_waiting: Floats
    """Before surgery: a new metastasis or, where it cannot be resected, progression."""
    p_second_neoplasm_10y: Floats
    event_free_at: Floats
    """Chance of being alive and event-free at the landmark."""


def steps(age_y: float) -> tuple[Floats, Floats]:
    """Middles and lengths of the steps in years: months to ten years, half-years to the end of life."""
    months = (np.arange(MONTHS) + 0.5) / 12.0
    rest = int(np.ceil(max(LAST_AGE - age_y - MONTHS / 12.0, 1.0) / STEP_AFTER))
    later = MONTHS / 12.0 + STEP_AFTER * (np.arange(rest) + 0.5)
    return np.concatenate([months, later]), np.concatenate([np.full(MONTHS, 1 / 12.0), np.full(rest, STEP_AFTER)])


def _apart(first: Floats, second: Floats) -> Floats:
    """``second``, moved by a hair where the two hazards coincide: their difference is divided by."""
    close = np.abs(second - first) < 1e-4
    return np.where(close, first + np.float32(1e-4), second)


def follow(paths: Paths, background: Background, discount: float = 0.03, landmark_years: float = 3.0) -> Outlook:
    """Follow every option from the decision to the end of life.

    Parameters
    ----------
    paths
        ``(draw, option)``.
    background
        Mortality and second neoplasm of the patient.
    discount
        A year.
    landmark_years
        When being event-free is asked for; up to ten years, to the month.
    """
    p = paths
    t_s = p.surgery_at
    m, r0, r1 = p.metastasis, p.recurrence_r0, p.recurrence_r1
    lam, early = p.progression, p.progression_waiting
    g, gp = p.death_after_recurrence, p.death_after_progression
    # Waiting: those who could be resected leave by a new metastasis or by growth into the vessels, the others by progression; both
    # are sums of the two exponentials of `out` and `early`.
    out = m + p.growing_in
    early = _apart(out, early)
    g0, g1, gl, gm, ge = _apart(r0, g), _apart(r1, g), _apart(lam, gp), _apart(out, gp), _apart(early, gp)
    others = 1 - p.unresectable
    turned = others * p.growing_in / (early - out)
    w_out, w_early = others + turned, p.unresectable - turned
    c_out, c_early = (others * m + turned * early) / (gm - out), w_early * early / (ge - early)
    left, quiet = np.exp(-out * t_s), np.exp(-early * t_s)
    spread, advanced = c_out * (left - np.exp(-gm * t_s)), c_early * (quiet - np.exp(-ge * t_s))
    reach = np.exp(-m * t_s)
    w0, w1 = reach * p.p_r0, reach * p.p_r1
    there = w_out * left + w_early * quiet
    found = np.maximum(there - w0 - w1 - reach * p.p_dead, 0)
    dead = reach * p.p_dead + p.p_dead_in_vain * found
    wu = found * (1 - p.p_dead_in_vain)
    c0, c1, cu = w0 * r0 / (g0 - r0), w1 * r1 / (g1 - r1), wu * lam / (gl - lam)
    shape = t_s.shape
    total = {name: np.zeros(shape, np.float32) for name in ("ef5", "ef10", "ly10", "ly", "q10", "q10d", "q", "qd")}
    middles, lengths = steps(float(np.min(background.age_y)))
    n_draws = shape[0]
    developed, ill = np.zeros(n_draws, np.float32), np.zeros(n_draws, np.float32)
    earlier = 0.0
    event_free_at = np.zeros(shape, np.float32)
    look = int(np.clip(round(landmark_years * 12), 1, MONTHS)) - 1
    for number, (t, step) in enumerate(zip(middles.tolist(), lengths.tolist(), strict=True)):
        # Second neoplasm: who has developed it and who of them is alive, per unit of lifetime chance.
        now = np.asarray(ndtr(np.log(t / background.latency_y) / background.latency_log_sd), np.float32)
        gap = t - earlier
        ill = ill * np.exp(-background.neoplasm_death * gap) + (now - developed) * np.exp(-background.neoplasm_death * gap / 2)
        developed, earlier = now, t
        alive = background.alive(t)
        free_of_it = 1.0 - p.p_neoplasm * developed[:, None]
        with_it = p.p_neoplasm * ill[:, None].astype(np.float32)
        since = np.maximum(np.float32(t) - t_s, 0)
        waiting = np.float32(t) < t_s
        e0, e1, eu = np.exp(-r0 * since), np.exp(-r1 * since), np.exp(-lam * since)
        disease_free = w0 * e0 + w1 * e1
        recurrent = c0 * (e0 - np.exp(-g0 * since)) + c1 * (e1 - np.exp(-g1 * since))
        stable = wu * eu
        progressed = cu * (eu - np.exp(-gl * since)) + spread * np.exp(-gm * since) + advanced * np.exp(-ge * since)
        if waiting.any():
            eo, ee = np.exp(np.float32(-t) * out), np.exp(np.float32(-t) * early)
            lost = c_out * (eo - np.exp(np.float32(-t) * gm)) + c_early * (ee - np.exp(np.float32(-t) * ge))
            disease_free, recurrent, stable = (np.where(waiting, 0, x) for x in (disease_free, recurrent, stable))
            progressed = np.where(waiting, lost, progressed)
            waits = np.where(waiting, w_out * eo + w_early * ee, 0)
        else:
            waits = np.zeros(1, np.float32)
        event_free = (waits + disease_free + stable) * alive * free_of_it
        living = waits + disease_free + stable + recurrent + progressed
        everybody = living * alive * (free_of_it + with_it)
        ramp = np.float32(min(t / 5.0, 1.0))
        quality = (waits * p.u_waiting + disease_free * p.u_disease_free + stable * p.u_stable + recurrent * p.u_recurrent
                   + progressed * p.u_progressed - living * p.kidney_loss * ramp) * free_of_it * alive
        quality = quality + living * alive * with_it * background.u_neoplasm[:, None]
        factor = np.exp(-np.log1p(discount) * t)
        if t < 5:
            total["ef5"] += event_free * step
        if t < 10:
            total["ef10"] += event_free * step
            total["ly10"] += everybody * step
            total["q10"] += quality * step
            total["q10d"] += quality * (step * factor)
        total["ly"] += everybody * step
        total["q"] += quality * step
        total["qd"] += quality * (step * factor)
        if number == look:
            event_free_at = np.array(np.broadcast_to(event_free, shape))
    at_surgery = _alive_at(background, t_s)
    lump = (p.qaly_at_surgery * reach + p.qaly_in_vain * found) * at_surgery
    within = t_s < 10
    late = np.exp(-np.float32(np.log1p(discount)) * t_s)
    f64 = np.float64
    return Outlook(
        total["ef5"].astype(f64), total["ef10"].astype(f64), total["ly10"].astype(f64), total["ly"].astype(f64),
        (total["q10"] - np.where(within, lump, 0) - p.qaly_early).astype(f64),
        (total["q10d"] - np.where(within, lump * late, 0) - p.qaly_early).astype(f64),
        (total["q"] - lump - p.qaly_early).astype(f64), (total["qd"] - lump * late - p.qaly_early).astype(f64),
        ((w0 + w1 + dead) * at_surgery).astype(f64), (w0 * at_surgery).astype(f64), (dead * at_surgery).astype(f64),
        (1.0 - reach).astype(f64), (1.0 - there).astype(f64),
        (p.p_neoplasm * np.asarray(ndtr(np.log(10.0 / background.latency_y) / background.latency_log_sd), np.float32)[:, None]).astype(f64),
        event_free_at.astype(f64),
    )


def _alive_at(background: Background, years: Floats) -> Floats:
    """Chance of not having died of other causes by a time of one's own ``(draw, option)``."""
    parts = [np.exp(-background.hazard_ratio[:, None] * np.exp(a + b * background.age_y) * np.expm1(b * years) / b)
             for a, b in background.gompertz]
    return np.asarray(np.mean(parts, axis=0), np.float32)


def residual_life_y(age_y: float, gompertz: tuple[tuple[float, float], ...], hazard_ratio: float = 1.0) -> float:
    """Mean years left by background mortality alone."""
    years = np.linspace(0, max(LAST_AGE + 15 - age_y, 5.0), 4001)
    alive = np.mean([np.exp(-hazard_ratio * np.exp(a + b * age_y) * np.expm1(b * years) / b) for a, b in gompertz], axis=0)
    return float(np.trapezoid(alive, years))


def hazard_ratio_for(life_expectancy_y: float, age_y: float, gompertz: tuple[tuple[float, float], ...]) -> float:
    """Factor on background mortality that gives a stated life expectancy."""
    from scipy.optimize import brentq

    def miss(log_ratio: float) -> float:
        return residual_life_y(age_y, gompertz, float(np.exp(log_ratio))) - life_expectancy_y

    low, high = -3.0, 9.0
    if miss(low) < 0:
        return float(np.exp(low))
    if miss(high) > 0:
        return float(np.exp(high))
    return float(np.exp(brentq(miss, low, high, xtol=1e-4)))
