"""Time of the decision's course beside a vectorised NumPy walk through the months with the same outputs, in one run.

Usage: ``python benchmarks/decision_course.py``. Seven options, 10 000 draws, ten years and the rest of life; best of three.
"""

# ruff: noqa: E501

from __future__ import annotations

import time
from dataclasses import fields

import numpy as np

from neorlt.planning.decision.course import Background, Paths, follow, steps
from neorlt.planning.decision.rates import gompertz

N_DRAWS, N_OPTIONS, AGE = 10_000, 7, 58.0


def inputs() -> tuple[Paths, Background]:
    rng = np.random.default_rng(1)
    middle = dict(surgery_at=0.5, metastasis=0.05, p_r0=0.5, p_r1=0.15, p_dead=0.02, recurrence_r0=0.1, recurrence_r1=0.2,
        death_after_recurrence=0.2,
                  progression=0.4, death_after_progression=0.25, u_waiting=0.8, u_disease_free=0.85, u_recurrent=0.6, u_stable=0.75,
                      u_progressed=0.55,
                  qaly_at_surgery=0.04, qaly_early=0.01, kidney_loss=0.001, p_neoplasm=0.03)
    draws = {field.name: middle[field.name] * np.exp(0.2 * rng.standard_normal((N_DRAWS, N_OPTIONS))) for field in fields(Paths)}
    draws["surgery_at"] = np.round(draws["surgery_at"] * 12) / 12
    ones = np.ones(N_DRAWS)
    return Paths(**draws), Background(AGE, gompertz("F"), ones, 3.4 * ones, 0.45, 0.55 * ones, 0.5 * ones)


def walk(p: Paths, background: Background) -> dict[str, np.ndarray]:
    """States moved month by month by their transition probabilities."""
    shape = p.surgery_at.shape
    wait, met, free0, free1, back, stable, prog = (np.zeros(shape) for _ in range(7))
    wait += 1
    out = {name: np.zeros(shape) for name in ("ef5", "ef10", "ly", "q10", "q", "qd")}
    a, b = background.gompertz[0]
    operated = np.zeros(shape, bool)
    end = float(steps(AGE)[0][-1])
    one = {name: 1 - np.exp(-getattr(p, name) / 12) for name in (
        "metastasis", "recurrence_r0", "recurrence_r1", "death_after_recurrence", "progression", "death_after_progression")}
    alive = 1.0
    for month in range(int(end * 12)):
        t = month / 12
        now = ~operated & (t >= p.surgery_at - 1e-6)
        free0 += np.where(now, wait * p.p_r0, 0)
        free1 += np.where(now, wait * p.p_r1, 0)
        stable += np.where(now, wait * (1 - p.p_r0 - p.p_r1 - p.p_dead), 0)
        wait = np.where(now, 0, wait)
        operated |= now
        event_free = (wait + free0 + free1 + stable) * alive
        living = (wait + free0 + free1 + stable + back + prog + met) * alive
        quality = (wait * p.u_waiting + (free0 + free1) * p.u_disease_free + stable * p.u_stable + back * p.u_recurrent + (prog + met) * p.u_progressed) * alive
        out["ef5"] += event_free / 12 * (t < 5)
        out["ef10"] += event_free / 12 * (t < 10)
        out["ly"] += living / 12
        out["q10"] += quality / 12 * (t < 10)
        out["q"] += quality / 12
        out["qd"] += quality / 12 * 1.03**-t
        new = wait * one["metastasis"]
        first, second, third = free0 * one["recurrence_r0"], free1 * one["recurrence_r1"], stable * one["progression"]
        met += new - met * one["death_after_progression"]
        wait = wait - new
        back += first + second - back * one["death_after_recurrence"]
        free0, free1 = free0 - first, free1 - second
        prog += third - prog * one["death_after_progression"]
        stable = stable - third
        alive *= np.exp(-np.exp(a + b * (AGE + t)) / 12)
    return out


def best_of(run, n: int = 3) -> float:
    times = []
    for _ in range(n):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    paths, background = inputs()
    ours, theirs = best_of(lambda: follow(paths, background)), best_of(lambda: walk(paths, background))
    found, walked = follow(paths, background), walk(paths, background)
    print(f"course {ours:.2f} s, walk through the months {theirs:.2f} s, ratio {ours / theirs:.2f}")
    print(f"event-free years of ten {found.event_free_years_10.mean():.3f} and {walked['ef10'].mean():.3f} (the walk has no second neoplasm and counts "
          "the start of each month)")


if __name__ == "__main__":
    main()
