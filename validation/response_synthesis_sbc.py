"""Simulation-based calibration of the evidence synthesis on a reduced model, and faults planted to see what it would have found.

Four studies (:data:`STUDIES`: lesions of one figure, best response of an arm, response of an arm at three months, a control arm's
progression-free survival) and the parameters of :data:`FREE` with every study's two effects; all others stand at their priors' medians, so
the courses' polynomials are one constant array. Each replicate draws the truth from the prior, simulates lesions and patients *one by one*
(:class:`Maker`: not the integrals of the likelihood) and refits with the house's likelihood, start, sampler and adaptation. Ranks of the
truth among the draws: every parameter and effect, and, as data that are ignored leave those uniform (Modrak 2023, doi 10.1214/23-BA1404),
the log likelihood and the predicted volume of the first lesion of the figure.

Seeds, sizes and faults were fixed before the first whole run. A fault's *power* is the chance that Holm's test of all quantities at 1 %
rejects as many refits again (:func:`power_of`); beside it stands what chance alone makes of that estimate.

Usage: ``python validation/response_synthesis_sbc.py`` (goes on from what ``--folder`` holds). Writes ``synthesis_sbc.json``. With
``--terms`` nothing is refitted: what is seen of each truth is set against the likelihood at that truth, term by term, with the chains'
number of simulated patients an arm and with eight times as many (``synthesis_sbc_terms.json``).
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import functools
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core import draws as core_draws
from neorlt.core import tables
from neorlt.core.compute import keep_compiled
from neorlt.response import fitting, judging, nuts, ranks, surface, synthesis
from neorlt.response.calibrate import N_PATIENTS
from neorlt.response.parameters import KI67_REFERENCE_PCT, MODEL_VERSION
from neorlt.response.reading import VOLUME_POWER
from neorlt.response.studies import WEEKS_PER_MONTH, Term, read_terms
from neorlt.response.synthesis import POPULATION, Seen

HERE = Path(__file__).resolve().parent
OUT = HERE / "synthesis_sbc.json"
TERMS_OUT = HERE / "synthesis_sbc_terms.json"
SEED = 20261129
N = 200
N_FAULT = 60
"""Refits of each planted fault: their data and truths are those of the first replicates."""
RUN_ON = ("likelihood SD x 1.3", "one study doubled")
"""Faults that :data:`N_FAULT` refits did not find: they are run on to :data:`N`; what :data:`N_FAULT` said stays beside it."""
N_WARMUP, N_SAMPLES, N_RANKED = 100, 198, 99
STUDIES = ("jahn_2021: figure 7A", "minczeles_2022: all: response", "alipour_2023: all: response at 3 months", "radiant3: placebo: PFS")
N_LESIONS = 12
"""Of the figure, every other lesion."""
FREE = ("alpha_per_gy", "omega_alpha", "sigma_d", "study_log_sd", "doubling_time_d", "exit_per_month", "sum_log_sd")
"""The spread of growth between studies is held too: four studies say next to nothing of it, and with it two trial refits (outside the
seeds used here) took 70-79 steps an iteration, some 30 s each."""
N_CURVE = 4000
"""Patients behind a simulated curve (its own error is added as published)."""
SD_FACTOR, PRIOR_SHIFT = 1.3, 1.0
FAULTS = ("likelihood SD x 1.3", "data ignored", "selection dropped", "prior shifted", "one study doubled")
N_UNIFORM = 400
"""Tables of uniform ranks behind :func:`power_if_uniform`."""
LEVEL = 0.01
Free = dict[str, Any]


def reduced_terms() -> tuple[Term, ...]:
    """The terms of the four studies; of the figure, every other lesion."""
    named = {t.name: t for t in read_terms()}
    return tuple(_fewer(named[name]) for name in STUDIES)


def _fewer(term: Term) -> Term:
    if term.dose_gy is None or term.log_volume is None:
        return term
    return dataclasses.replace(term, dose_gy=term.dose_gy[::2][:N_LESIONS], log_volume=term.log_volume[::2][:N_LESIONS])


@dataclass(frozen=True)
class Fault:
    """What is wrong in a refit: nothing, by default."""

    weight: tuple[float, ...] = ()
    """Of each term's log likelihood."""
    sd_factor: float = 1.0
    shift: float = 0.0
    """Of the prior of log sensitivity, in its SD."""
    at_a_week: bool = False
    """The best of the visits is read as one visit."""

    @classmethod
    def named(cls, name: str, n_terms: int) -> Fault:
        """A fault of :data:`FAULTS`; "" for none."""
        one = (1.0,) * n_terms
        return {"": cls(one), "likelihood SD x 1.3": cls(one, sd_factor=SD_FACTOR), "data ignored": cls((0.0,) * n_terms),
                "selection dropped": cls(one, at_a_week=True), "prior shifted": cls(one, shift=PRIOR_SHIFT),
                "one study doubled": cls((2.0, *one[1:]))}[name]


class Reduced(fitting.Problem):
    """The house's posterior of a few terms and parameters. Observations (and a planted fault) are arguments of what is compiled, so all
    refits share it: :meth:`of` gives the problem of one set of observations.
    """

    def __init__(self, terms: tuple[Term, ...], free: tuple[str, ...], n_points: int = synthesis.N_POINTS) -> None:
        import jax
        import jax.numpy as jnp

        self.terms, self.free, self.n_points = terms, free, n_points
        self.model = synthesis.Synthesis(terms, n_points)
        self.layout = fitting.Layout.of(terms)
        self.at_u, self.at_v = self.layout.index(terms)
        self.sizes = {"pop": len(free), "u": len(self.layout.treated), "v": len(self.layout.all)}
        columns = np.array([POPULATION.index(name) for name in free], np.intp)
        medians = synthesis.constrain(np.zeros(len(POPULATION), np.float32))
        self.coefficients = np.asarray(jax.jit(self.model.surfaces)(medians))
        self.population = jax.jit(  # type: ignore[method-assign]
            lambda pop: synthesis.constrain(jnp.zeros((*pop.shape[:-1], len(POPULATION))).at[..., columns].set(pop)))
        self.of_standard = nuts.with_data(self.log_of_standard, self.unravel)
        self.of_walked = nuts.with_data(self._log_walked, self.unravel)
        self.ranked = jax.jit(lambda z, seen: jax.lax.map(lambda one: self._ranked(one, seen), z))
        self.told_of = jax.jit(lambda z, given: jax.lax.map(lambda one: self.log_likelihood(one, given).sum(), z))

    def of(self, seen: Seen, fault: Fault) -> Reduced:
        """The problem of these observations; compiled parts are shared."""
        one = copy.copy(self)
        for name in ("mode", "told", "density", "metric"):
            one.__dict__.pop(name, None)
        one.given = (seen, np.asarray(fault.weight, np.float32), np.float32(fault.sd_factor), np.float32(fault.shift))
        return one

    @functools.cached_property
    def mode(self) -> tuple[Any, Any]:
        """As the house's, of the observations given."""
        density = self.of_standard(self.given)
        at = nuts.find_mode(density, np.zeros(sum(self.sizes.values())))
        return at, nuts.curved(density, at)

    @functools.cached_property
    def density(self) -> nuts.Density:
        """As the house's, of the observations given."""
        return self.of_walked(self.told, self.given)

    def _log_walked(self, z: Free, told: Any, given: Any) -> Any:
        one = copy.copy(self)
        one.__dict__["told"] = told
        return one.log_posterior(z, given)

    def log_likelihood(self, z: Free, seen: Any = None) -> Any:
        """The house's, of observations ``(seen, weight, sd factor, shift)``."""
        import jax.numpy as jnp

        observed, weight, factor, _ = seen
        free = self.population(z["pop"])
        free = free | {name: factor * free[name] for name in ("sigma_d", "sum_log_sd")}
        wide = observed._replace(se=factor * observed.se, log_se=jnp.log(factor) + observed.log_se)
        said = self.model.answer(free, z["u"][self.at_u], z["v"][self.at_v], self.coefficients, observed)
        return weight * self.model.log_likelihood(said, wide)

    def log_of_standard(self, z: Free, seen: Any = None) -> Any:
        """The house's, with the first free parameter's prior shifted where the fault says so."""
        first = z["pop"][0]
        return super().log_of_standard(z, seen) + 0.5 * (first**2 - (first - seen[3]) ** 2)

    def _ranked(self, z: Free, seen: Seen) -> Any:
        """Log likelihood without fault, and the predicted log volume of the figure's first lesion at its last visit."""
        one = np.ones(len(self.terms), np.float32)
        total = self.log_likelihood(z, (seen, one, np.float32(1.0), np.float32(0.0))).sum()
        figure, i = self.model.figures[0], self.model.at["lesions"][0]
        volumes, log_weight = self.model.lesion_volumes(self.population(z["pop"]), self.coefficients, figure, z["u"][self.at_u][i],
                                                        z["v"][self.at_v][i])
        return total, (np.exp(log_weight) * volumes[-1, :, 0]).sum()


@dataclass(frozen=True)
class Maker:
    """Simulates observations: lesions and patients drawn and read one by one."""

    problem: Reduced

    def make(self, z: Free, rng: np.random.Generator) -> Seen:
        """Observations under the standard normals of a truth."""
        free = {name: float(value) for name, value in self.problem.population(np.asarray(z["pop"], np.float32)).items()}
        model, given = self.problem.model, self.problem.model.seen
        counts, target, volumes = np.array(given.counts), np.array(given.target, float), []
        for t in self.problem.terms:
            i = model.position[id(t)]
            u, v = (float(z[name][at[i]]) for name, at in (("u", self.problem.at_u), ("v", self.problem.at_v)))
            if t.kind == "lesions":
                volumes.append(self._figure(free, t, u, v, rng))
            elif t.kind == "counts":
                counts[model.counts.index(t)] = self._arm(free, t, u, v, rng)
            else:
                target[model.curves.index(t)] = self._curve(free, t, u, v, rng)
        return Seen(counts.astype(np.float32), target.astype(np.float32), np.asarray(given.se, np.float32),
                    np.asarray(given.log_se, np.float32), tuple(x.astype(np.float32) for x in volumes),
                    tuple(np.zeros_like(x, np.float32) for x in volumes))

    def _volumes(self, t: Term, cycles: np.ndarray, weeks: list[tuple[float, ...]], effect: np.ndarray, growth: np.ndarray) -> np.ndarray:
        """Log volumes ``(lesion, visit)`` read off the courses."""
        model = self.problem.model
        course = np.array([model.course_of[int(n), t.interval_weeks] for n in cycles])
        # One row a course: lesions of a schedule are its points.
        found = np.empty((len(effect), len(weeks[0])))
        for c in np.unique(course):
            here = np.flatnonzero(course == c)
            read = np.asarray(model.surfaces.read(self.problem.coefficients, np.array([c]), effect[here][None].astype(np.float32),
                                                  growth[here][None].astype(np.float32)))[0]
            found[here] = read[:, [model.visits_of[c].index(week) for week in weeks[here[0]]]]
        return found

    @staticmethod
    def _base(free: Free, t: Term, u: float, origin: np.ndarray, log_ki67: np.ndarray) -> np.ndarray:
        by_origin = np.array([0.0, free["origin_small_intestine"], free["origin_other"]])
        return np.asarray(np.log(free["alpha_per_gy"]) + by_origin[origin] + free["line_log_alpha"] * (t.first_line - 0.5)
                          + np.log(free["dose_modifying_factor"]) * t.sensitiser + free["study_log_sd"] * u
                          + free["ki67_log_alpha"] * log_ki67)

    def _figure(self, free: Free, t: Term, u: float, v: float, rng: np.random.Generator) -> np.ndarray:
        assert t.dose_gy is not None
        n, log_dose = len(t.dose_gy), np.log(t.dose_gy)
        cycles = synthesis.lesion_cycles(t)
        weeks = [synthesis.follow_ups(int(k), t.interval_weeks, t.read_week) for k in cycles]
        # Given the dose that was measured, the true one lies nearer to the figure's centre, with what is left of its error.
        spread = max(float(np.var(log_dose)) - t.dose_log_sd**2, 0.1)
        trust = spread / (spread + t.dose_log_sd**2)
        true_dose = log_dose.mean() + trust * (log_dose - log_dose.mean()) + np.sqrt(trust) * t.dose_log_sd * rng.standard_normal(n)
        log_ki67 = np.log(t.ki67_median_pct / KI67_REFERENCE_PCT) + t.ki67_log_sd * rng.standard_normal(n)
        origin = rng.choice(len(t.origin), n, p=np.array(t.origin) / sum(t.origin))
        effect = self._base(free, t, u, origin, log_ki67) + true_dose + free["omega_alpha"] * rng.standard_normal(n)
        growth = np.log(np.log(2) / (24 * free["doubling_time_d"])) + free["ki67_log_growth"] * log_ki67 \
            + free["study_growth_log_sd"] * v + free["growth_log_sd"] * rng.standard_normal(n)
        latent = self._volumes(t, cycles, weeks, effect, growth)
        if t.read_week is not None:
            return np.asarray(latent[:, 0] + VOLUME_POWER * free["sigma_d"] * rng.standard_normal(n))
        one = VOLUME_POWER * free["sigma_d"] / np.sqrt(2)
        return np.asarray((latent + one * (rng.standard_normal(latent.shape) - rng.standard_normal((n, 1)))).min(axis=1))

    def _patients(self, free: Free, t: Term, u: float, v: float, n: int, visits: tuple[float, ...], rng: np.random.Generator
                  ) -> tuple[np.ndarray, np.ndarray]:
        """What was read of the sum of targets over its baseline (log, ``(patient, visit)``), and the week of another exit."""
        log_ki67 = np.log(t.ki67_median_pct / KI67_REFERENCE_PCT) + t.ki67_log_sd * rng.standard_normal(n)
        shift = {"progressive": free["entry_progressive"], "stable": free["entry_stable"]}.get(t.entry, 0.0)
        shift += free["analogue_log_growth"] * (t.treatment == "ssa") + free["study_growth_log_sd"] * v
        relative = shift + free["ki67_log_growth"] * log_ki67 + free["growth_log_sd"] * rng.standard_normal(n)
        growth = np.log(np.log(2) / (24 * free["doubling_time_d"])) + relative
        hazard = free["exit_per_month"] / WEEKS_PER_MONTH * np.exp(np.clip(relative, *synthesis.EXIT_RANGE))
        if t.treatment == "rlt":
            hazard = hazard * free["exit_ratio_rlt"]
            median, dose_sd = synthesis.dose_per_gbq()
            origin = rng.choice(len(t.origin), n, p=np.array(t.origin) / sum(t.origin))
            log_dose = np.log(median * t.activity_gbq * t.dose_ratio * ((1 - surface.FALL) ** np.arange(t.cycles)).sum())
            own = np.sqrt(synthesis.SHARED_VARIANCE) * rng.standard_normal((n, 1)) \
                + np.sqrt(1 - synthesis.SHARED_VARIANCE) * rng.standard_normal((n, 2))
            effect = (self._base(free, t, u, origin, log_ki67) + log_dose)[:, None] + np.hypot(free["omega_alpha"], dose_sd) * own
            volume = np.stack([self._volumes(t, np.full(n, t.cycles), [visits] * n, effect[:, k], growth) for k in range(2)])
            latent = np.log(np.exp(volume / 3).mean(axis=0))
        else:
            latent = np.asarray(surface.untreated(free, growth, np.asarray(visits))) / 3
        sd = free["sum_log_sd"] * (1.0 if t.reading == "central" else free["local_reading_ratio"]) / np.sqrt(2)
        read = latent + sd * (rng.standard_normal(latent.shape) - rng.standard_normal((n, 1)))
        return read, rng.exponential(1 / hazard)

    def _arm(self, free: Free, t: Term, u: float, v: float, rng: np.random.Generator) -> tuple[int, int, int]:
        visits = synthesis.VISITS_WEEK[: synthesis.N_BEST_VISITS] if t.read_week is None else (t.read_week,)
        read, out = self._patients(free, t, u, v, t.n, visits, rng)
        response = progression = 0
        for row, week in zip(read, out, strict=True):
            nadir = 0.0
            for k, (sum_, visit) in enumerate(zip(row, visits, strict=True)):
                if week < visit or sum_ >= np.log(1.2) + nadir:
                    progression += k == 0
                    break
                if sum_ <= np.log(t.response_ratio):
                    response += 1
                    break
                nadir = min(nadir, sum_)
        if len(t.counts) == 2:
            return response, t.n - response, 0
        return response, t.n - response - progression, progression

    def _curve(self, free: Free, t: Term, u: float, v: float, rng: np.random.Generator) -> float:
        visits = synthesis.CONTROL_VISITS_WEEK if t.treatment != "rlt" else synthesis.VISITS_WEEK
        read, out = self._patients(free, t, u, v, N_CURVE, visits, rng)
        nadir = np.minimum.accumulate(np.concatenate([np.zeros((N_CURVE, 1)), read[:, :-1]], axis=1), axis=1)
        stopped = (read >= np.log(1.2) + nadir) | (out[:, None] < np.asarray(visits))
        left = 1 - np.maximum.accumulate(stopped, axis=1).mean(axis=0)
        log_left = np.log(np.concatenate([[1.0], np.maximum(left, 0.5 / N_CURVE)]))
        free_log = min(float(np.interp(t.month * WEEKS_PER_MONTH, (0.0, *visits), log_left)), -1e-5)
        return float(free_log - np.log(-np.expm1(free_log)) + t.log_se * rng.standard_normal())


def at_a_week(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """The terms with every best of visits taken for one reading at week 36 (arms) or 37 (lesions)."""
    return tuple(t if t.read_week is not None or t.kind == "pfs" else
                 dataclasses.replace(t, read_week=37.0 if t.kind == "lesions" else 36.0) for t in terms)


class Bench:
    """Problems, compiled once, and what a replicate is."""

    def __init__(self, terms: tuple[Term, ...], free: tuple[str, ...] | None = None) -> None:
        free = free or FREE
        self.sound, self.more = Reduced(terms, free), Reduced(terms, free, N_PATIENTS)
        self.maker = Maker(self.sound)
        layout = self.sound.layout
        self.names = [*free, *(f"sensitivity of {s}" for s in layout.treated), *(f"growth of {s}" for s in layout.all),
                      "log likelihood", "predicted volume"]

    @functools.cached_property
    def wrong(self) -> tuple[Reduced, Reduced]:
        """The likelihood that takes the best of visits for one reading: the chain's, and that of more patients."""
        terms = at_a_week(self.sound.terms)
        return Reduced(terms, self.sound.free), Reduced(terms, self.sound.free, N_PATIENTS)

    def truth(self, k: int) -> tuple[Free, Seen]:
        """Standard normals of the ``k``-th truth, and what is seen of it."""
        rng = np.random.default_rng([SEED, k])
        z = {name: rng.standard_normal(n).astype(np.float32) for name, n in self.sound.sizes.items()}
        return z, self.maker.make(z, rng)

    def replicate(self, k: int, name: str = "") -> dict[str, Any]:
        """Ranks ``(quantity,)`` of the truth among the draws of one refit, divergences, steps."""
        z, seen = self.truth(k)
        fault = Fault.named(name, len(self.sound.terms))
        problem, more = self.wrong if fault.at_a_week else (self.sound, self.more)
        draws, diverging, steps = self._refit(problem, seen, fault, k)
        draws, pareto_k = self._weigh(draws, problem, more, problem.of(seen, fault).given, k)
        rank = self._quantities({key: value[None] for key, value in z.items()}, seen)[0]
        among = self._quantities(draws, seen)
        # Ties (data that say nothing of a quantity) are broken at random.
        noise = np.random.default_rng([SEED, k, 1]).uniform(size=(len(among) + 1, 1))
        below = (among < rank) | ((among == rank) & (noise[1:] < noise[0]))
        return {"ranks": below.sum(axis=0).tolist(), "diverging": diverging, "steps": steps, "pareto_k": round(pareto_k, 3)}

    @staticmethod
    def _weigh(draws: Free, few: Reduced, more: Reduced, given: Any, k: int) -> tuple[Free, float]:
        """:data:`N_RANKED` of the draws, taken by the likelihood of more patients an arm over the chain's, and Pareto's k."""
        change = np.asarray(more.told_of(draws, given), np.float64) - np.asarray(few.told_of(draws, given), np.float64)
        weight, pareto_k = judging.smooth_weights(change)
        index = core_draws.systematic(weight, N_RANKED, np.random.default_rng([SEED, k, 3]))
        return {name: value[index] for name, value in draws.items()}, pareto_k

    def _refit(self, shared: Reduced, seen: Seen, fault: Fault, k: int) -> tuple[Free, int, int]:
        """One chain with the house's start, metric and adaptation; its draws as standard normals, divergences, steps."""
        problem, rng = shared.of(seen, fault), np.random.default_rng([SEED, k, 2])
        start = problem.draw_start(rng)
        chain = nuts.Chain(problem.density, start, int(rng.integers(2**31)), N_WARMUP, fitting.TARGET_ACCEPT, fitting.MAX_TREE_DEPTH,
                           covariance=problem.metric)
        ends, rows = [0, *sorted(nuts.window_ends(N_WARMUP))], []
        for done in range(N_WARMUP + N_SAMPLES):
            if done in ends[1:]:
                chain.learn(np.array([row[0] for row in rows[max(ends[ends.index(done) - 1], nuts.FIRST_WINDOW) :]]))
            rows.append(chain.advance())
        late = rows[N_WARMUP:]
        picked = np.array([row[0] for row in late])
        z = problem.standard(problem.unravel(picked.astype(np.float32)))
        return {name: np.asarray(value, np.float32) for name, value in z.items()}, sum(row[1] for row in late), sum(row[2] for row in late)

    def _quantities(self, z: Free, seen: Seen) -> np.ndarray:
        total, volume = self.more.ranked(z, seen)
        return np.column_stack([z["pop"], z["u"], z["v"], total, volume])


def judge(rows: list[list[int]], names: list[str]) -> dict[str, Any]:
    """P of every quantity's ranks, and Holm's verdict."""
    table = np.array(rows)
    return {**ranks.uniformity({name: table[:, i].tolist() for i, name in enumerate(names)}, N_RANKED), "n": len(rows)}


def power_of(rows: np.ndarray) -> float:
    """Chance that as many refits again reject uniform ranks of any quantity, from ranks ``(refit, quantity)``.

    A quantity's chi-square of those refits has the noncentrality that is seen here: chi-square less its degrees of freedom, 0 at least.
    (Ranks that are drawn again from the seen ones double it instead: nearly every sound fit looks like a fault.) What chance alone makes
    of it is :func:`power_if_uniform`; it is no less where quantities go together.
    """
    from scipy.stats import chi2, ncx2

    table = np.asarray(rows)
    bins, df = (table * ranks.N_BINS) // (N_RANKED + 1), ranks.N_BINS - 1
    counts, expected = np.stack([(bins == b).sum(axis=0) for b in range(ranks.N_BINS)]), len(table) / ranks.N_BINS
    beyond = np.maximum(((counts - expected) ** 2 / expected).sum(axis=0) - df, 1e-9)
    return float(1 - np.prod(ncx2.cdf(chi2.isf(LEVEL / table.shape[1], df), df, beyond)))


def _fewer_rows(rows: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """What the first refits alone say."""
    table = [row["ranks"] for row in rows]
    one = judge(table, names)
    return {"n": one["n"], "found": not one["uniform"], "smallest_p": min(one["p"].values()), "power": power_of(np.array(table))}


def power_if_uniform(n: int, n_quantities: int) -> float:
    """Mean of :func:`power_of` over tables of ``n`` uniform ranks of so many quantities: what it says where there is nothing to find."""
    rng = np.random.default_rng(SEED)
    return float(np.mean([power_of(rng.integers(N_RANKED + 1, size=(n, n_quantities))) for _ in range(N_UNIFORM)]))


def terms_at_the_truth(n: int, n_points: int) -> dict[str, dict[str, Any]]:
    """PIT of what is seen of ``n`` truths under the likelihood at that truth: its test of uniformity, and the share outside 90 %."""
    import jax
    from scipy.stats import kstest

    sound = Reduced(reduced_terms(), FREE, n_points)
    maker, model = Maker(sound), sound.model

    @jax.jit
    def said(pop: Any, u: Any, v: Any) -> Any:
        free = sound.population(pop)
        answer = model.answer(free, u[sound.at_u], v[sound.at_v], sound.coefficients)
        at = model.at["lesions"]
        figures = [model.lesion_volumes(free, sound.coefficients, t, u[sound.at_u][i], v[sound.at_v][i])
                   for t, i in zip(model.figures, at, strict=True)]
        return answer.counts, answer.log_curve, figures, free["sigma_d"]

    pit: dict[str, list[float]] = {t.name: [] for t in sound.terms}
    one = np.ones(1)  # the truth, with all the weight
    for k in range(n):
        rng = np.random.default_rng([SEED, k])
        z = {name: rng.standard_normal(size).astype(np.float32) for name, size in sound.sizes.items()}
        seen = maker.make(z, rng)
        counts, log_curve, figures, sd = said(z["pop"], z["u"], z["v"])
        for t, shown, lesions in zip(model.figures, figures, seen[4], strict=True):
            pit[t.name] += np.asarray(judging.below(*shown, lesions, sd), float).ravel().tolist()
        for j, t in enumerate(model.counts):
            mass = judging.count_mass(t.n, np.ravel(np.asarray(counts[j]))[:1], one)
            pit[t.name].append(judging.count_pit(mass, int(seen.counts[j][0]), np.random.default_rng([SEED, k, 2]).uniform()))
        for j, t in enumerate(model.curves):
            centre = judging.curve_centre(t.statistic, np.asarray(log_curve[j], float))
            pit[t.name].append(judging.curve_pit(centre, float(seen.target[j]), t.log_se, one))
    return {name: {"n": len(values), "p": float(kstest(values, "uniform").pvalue),
                   "outside_90": float(np.mean(np.abs(np.array(values) - 0.5) > 0.45))} for name, values in pit.items()}


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-') or 'sound'}.jsonl"


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """The refits that are on disk."""
    path = _path(folder, name)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def run(bench: Bench, folder: Path, name: str, n: int) -> list[dict[str, Any]]:
    """The refits of one fault ("" for none), from disk where they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    path, done = _path(folder, name), _rows(folder, name)
    started = time.process_time()
    with path.open("a") as stream:
        for k in range(len(done), n):
            done.append(bench.replicate(k, name))
            stream.write(json.dumps(done[-1]) + "\n")
            stream.flush()
            if k % 10 == 9:
                print(f"{name or 'sound'} {k + 1}/{n} {time.process_time() - started:.0f} s", file=sys.stderr, flush=True)
    return done[:n]


def main(folder: Path = HERE.parent / "sbc", n: int | None = None, n_fault: int | None = None) -> int:
    """Run what is missing in ``folder``, judge, write; 0 if the sound fit is not rejected and every fault is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=folder, help="Where refits are kept; a run that was stopped goes on from it.")
    parser.add_argument("--judge", action="store_true", help="Refit no fault: judge those that the folder holds whole, name the others.")
    parser.add_argument("--terms", action="store_true", help="Only set what is seen against the likelihood at the truth, term by term.")
    given = parser.parse_args()
    started = time.process_time()
    keep_compiled()
    if given.terms:
        found_terms = {str(k): terms_at_the_truth(n or N, k) for k in (synthesis.N_POINTS, 8 * synthesis.N_POINTS)}
        TERMS_OUT.write_text(json.dumps({"patients_an_arm": found_terms, "seed": SEED}, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(found_terms, indent=1))
        return 0
    bench = Bench(reduced_terms())
    n, n_fault = n or N, n_fault or N_FAULT
    wanted = {name: n if name in RUN_ON else n_fault for name in FAULTS}
    whole = [name for name in FAULTS if not given.judge or len(_rows(given.folder, name)) >= n_fault]
    sound = run(bench, given.folder, "", n)
    if given.judge:  # those that were run on but not to their end stand with what was asked of all
        wanted = {name: k if len(_rows(given.folder, name)) >= k else n_fault for name, k in wanted.items()}
    faults = {name: run(bench, given.folder, name, wanted[name]) for name in whole}
    names = bench.names
    found = {"": judge([row["ranks"] for row in sound], names)} \
        | {name: judge([row["ranks"] for row in rows], names) for name, rows in faults.items()}
    report = {
        "what": "simulation-based calibration of the evidence synthesis on a reduced model, and planted faults",
        "made": date.today().isoformat(), "seed": SEED, "n": n, "n_fault": n_fault, "n_ranked": N_RANKED, "n_warmup": N_WARMUP,
        "n_samples": N_SAMPLES,
        "patients_an_arm": {"chains": synthesis.N_POINTS, "weighed": N_PATIENTS}, "level": LEVEL,
        "studies": [t.name for t in bench.sound.terms], "n_lesions": N_LESIONS,
        "free": list(bench.sound.free), "held": "all other parameters of the population at their priors' medians",
        "quantities": names, "bins": ranks.N_BINS, "faults_that_wait": [name for name in FAULTS if name not in whole],
        "sound": {**found[""], "chance_of_rejection_if_uniform": LEVEL,
                  "divergences": sum(row["diverging"] for row in sound), "mean_steps": float(np.mean([row["steps"] for row in sound])),
                  "pareto_k_above_0_7": sum(not row["pareto_k"] <= 0.7 for row in sound)},
        "faults": {name: {**found[name], "found": not found[name]["uniform"], "power": power_of(np.array([row["ranks"] for row in rows])),
                          "with_fewer": None if len(rows) <= n_fault else _fewer_rows(rows[:n_fault], names)}
                   for name, rows in faults.items()},
        "power_if_uniform": power_if_uniform(n_fault, len(names)),
        "ranks": {"": [row["ranks"] for row in sound]} | {name: [row["ranks"] for row in rows] for name, rows in faults.items()},
    }
    content = json.dumps(report["ranks"], separators=(",", ":"))
    report["ranks_sha256"] = hashlib.sha256(content.encode()).hexdigest()
    priors = next(t.sha256 for t in tables.list_tables() if t.name == "priors.json")
    report["model"] = {"model_version": MODEL_VERSION, "priors_sha256": priors}
    OUT.write_text(json.dumps(report, indent=1).replace("\n    ", " ") + "\n", encoding="utf-8")
    print(f"{time.process_time() - started:.0f} CPU s")
    for name, row in found.items():
        worst = min(row["p"], key=row["p"].__getitem__)
        told = ", ".join(row["rejected"]) or "none"
        print(f"{name or 'sound':22s} n {row['n']:4d} rejected: {told}; smallest P {row['p'][worst]:.2g} ({worst})")
    return int(not found[""]["uniform"] or any(found[name]["uniform"] for name in whole))


if __name__ == "__main__":
    sys.exit(main())
