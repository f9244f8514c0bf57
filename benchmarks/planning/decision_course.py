"""Time of the decision's course beside a vectorised NumPy walk through the months with the same outputs, in one run.

Usage: ``python benchmarks/planning/decision_course.py``. Seven options, 10 000 draws, ten years and the rest of life; best of three. Then the
doors: ``decide`` cold and warm, EVPPI, EVSI.
"""

# ruff: noqa: E501

from __future__ import annotations

import os
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from neorlt.planning.decision.course import Background, Paths, follow, steps
from neorlt.planning.decision.rates import gompertz

N_DRAWS, N_OPTIONS, AGE = 10_000, 7, 58.0
ROOT = Path(__file__).resolve().parents[2]


def inputs() -> tuple[Paths, Background]:
    rng = np.random.default_rng(1)
    middle = dict(surgery_at=0.5, metastasis=0.05, unresectable=0.1, growing_in=0.05, progression_waiting=0.4, p_dead_in_vain=0.01,
        qaly_in_vain=0.04, p_r0=0.5, p_r1=0.15, p_dead=0.02, recurrence_r0=0.1, recurrence_r1=0.2,
        death_after_recurrence=0.2,
                  progression=0.4, death_after_progression=0.25, u_waiting=0.8, u_disease_free=0.85, u_recurrent=0.6, u_stable=0.75,
                      u_progressed=0.55,
                  qaly_at_surgery=0.04, qaly_early=0.01, kidney_loss=0.001, p_neoplasm=0.03)
    draws = {field.name: middle[field.name] * np.exp(0.2 * rng.standard_normal((N_DRAWS, N_OPTIONS))) for field in fields(Paths)}
    draws["surgery_at"] = np.round(draws["surgery_at"] * 12) / 12
    ones = np.ones(N_DRAWS)
    return Paths(**draws), Background(AGE, gompertz("F"), ones, 3.4 * ones, 0.45, 0.55 * ones, 0.5 * ones)


def walk(p: Paths, background: Background, discount: float = 0.03) -> dict[str, np.ndarray]:
    """States moved month by month by their transition probabilities, with the outputs of ``follow``."""
    shape = p.surgery_at.shape
    met, free0, free1, back, stable, prog = (np.zeros(shape) for _ in range(6))
    wait, in_place, quiet = 1 - p.unresectable, p.unresectable.copy(), np.ones(shape)
    out = {name: np.zeros(shape) for name in ("event_free_years_5", "event_free_years_10", "years_alive_10", "years_alive", "qaly_10",
                                              "qaly_10_discounted", "qaly_lifetime", "qaly_lifetime_discounted", "p_operated", "p_r0",
                                              "p_operative_death", "p_new_metastasis", "p_progressed_waiting")}
    a, b = background.gompertz[0]
    operated = np.zeros(shape, bool)
    end = float(steps(AGE)[0][-1])
    one = {name: 1 - np.exp(-getattr(p, name) / 12) for name in (
        "metastasis", "growing_in", "progression_waiting", "recurrence_r0", "recurrence_r1", "death_after_recurrence", "progression", "death_after_progression")}
    alive = np.ones((len(wait), 1))
    ill, developed = np.zeros((len(wait), 1)), np.zeros((len(wait), 1))
    for month in range(int(end * 12)):
        t = month / 12
        now = ~operated & (t >= p.surgery_at - 1e-6)
        vain = np.maximum(wait + in_place - quiet * (p.p_r0 + p.p_r1 + p.p_dead), 0)
        lump = np.where(now, (quiet * p.qaly_at_surgery + vain * p.qaly_in_vain) * alive, 0)
        dead = quiet * p.p_dead + vain * p.p_dead_in_vain
        for name, share in (("p_operated", quiet * (p.p_r0 + p.p_r1) + dead), ("p_r0", quiet * p.p_r0), ("p_operative_death", dead)):
            out[name] += np.where(now, share * alive, 0)
        free0 += np.where(now, quiet * p.p_r0, 0)
        free1 += np.where(now, quiet * p.p_r1, 0)
        stable += np.where(now, vain * (1 - p.p_dead_in_vain), 0)
        wait, in_place = np.where(now, 0, wait), np.where(now, 0, in_place)
        operated |= now
        had = ndtr(np.log(max(t, 1e-9) / background.latency_y) / background.latency_log_sd)[:, None]
        ill = ill * np.exp(-background.neoplasm_death[:, None] / 12) + had - developed
        developed = had
        clear, sick = 1 - p.p_neoplasm * developed, p.p_neoplasm * ill
        states = wait + in_place + free0 + free1 + stable + back + prog + met
        event_free = (wait + in_place + free0 + free1 + stable) * alive * clear
        living = states * alive * (clear + sick)
        quality = ((wait + in_place) * p.u_waiting + (free0 + free1) * p.u_disease_free + stable * p.u_stable + back * p.u_recurrent + (prog + met) * p.u_progressed
                   - states * p.kidney_loss * min(t / 5, 1)) * alive * clear + states * alive * sick * background.u_neoplasm[:, None]
        worth = (1 + discount) ** -t
        out["event_free_years_5"] += event_free / 12 * (t < 5)
        out["event_free_years_10"] += event_free / 12 * (t < 10)
        out["years_alive_10"] += living / 12 * (t < 10)
        out["years_alive"] += living / 12
        for name, factor in (("qaly_lifetime", 1.0), ("qaly_lifetime_discounted", worth)):
            out[name] += factor * (quality / 12 - lump)
        for name, factor in (("qaly_10", 1.0), ("qaly_10_discounted", worth)):
            out[name] += factor * (quality / 12 - lump) * (t < 10)
        new, turned, early = wait * one["metastasis"], wait * one["growing_in"], in_place * one["progression_waiting"]
        out["p_new_metastasis"] += np.where(operated, 0, quiet * one["metastasis"])
        out["p_progressed_waiting"] += new + early
        quiet = quiet * np.where(operated, 1, 1 - one["metastasis"])
        first, second, third = free0 * one["recurrence_r0"], free1 * one["recurrence_r1"], stable * one["progression"]
        met += new + early - met * one["death_after_progression"]
        wait, in_place = wait - new - turned, in_place + turned - early
        back += first + second - back * one["death_after_recurrence"]
        free0, free1 = free0 - first, free1 - second
        prog += third - prog * one["death_after_progression"]
        stable = stable - third
        alive = alive * np.exp(-background.hazard_ratio[:, None] * np.exp(a + b * (AGE + t)) / 12)
    for name in ("qaly_10", "qaly_10_discounted", "qaly_lifetime", "qaly_lifetime_discounted"):
        out[name] -= p.qaly_early
    return out


def doors(n_draws: int) -> None:
    """Wall and processor time of what a user asks for; the cold run is a fresh process, as the command is."""
    import subprocess
    import sys

    from neorlt.planning.decision import value
    from neorlt.planning.decision.decide import decide
    from neorlt.planning.patient import read_patient
    from neorlt.trials.value import evsi, known, usual_studies

    patient = read_patient(ROOT / "examples/pannet-head.toml")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "neorlt.cli", "decide", str(ROOT / "examples/pannet-head.toml"), "--json"], check=True,
                   stdout=subprocess.DEVNULL)
    print(f"decide, cold, as a command, with flips and EVPPI: {time.perf_counter() - start:.1f} s wall")
    decide(patient, n_draws=n_draws, max_draws=n_draws)
    kept = {}

    def timed(name: str, run) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        kept[name] = run()
        print(f"{name}: {time.perf_counter() - wall:.1f} s wall, {time.process_time() - cpu:.1f} s CPU", flush=True)

    timed("decide, warm", lambda: decide(patient, n_draws=n_draws, max_draws=n_draws, seed=2))
    found = kept["decide, warm"]
    timed(f"EVPPI of {len(value.assumption_columns(found))} assumptions", lambda: value.evppi(found))
    studies = usual_studies(found)
    timed(f"EVSI of {len(studies)} designs", lambda: [evsi(found, study, 0.3, known(found, studies)) for study in studies])


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
    load = os.getloadavg()[0]
    print(f"load {load:.1f}: course {ours:.2f} s, walk through the months {theirs:.2f} s, ratio {ours / theirs:.2f}")
    for name, values in walked.items():
        mine = getattr(found, name)
        errors = [v.std() / np.sqrt(len(v)) for v in (mine[:, 0], values[:, 0])]
        print(f"  {name}: {mine.mean():.3f} and {values.mean():.3f}; Monte Carlo error {errors[0]:.4f} and {errors[1]:.4f}")
    doors(N_DRAWS)


if __name__ == "__main__":
    main()
