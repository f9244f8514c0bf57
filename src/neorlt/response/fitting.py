"""The chains of the synthesis: one process, resumable from disk after a kill, the same numbers whether stopped or not.

A chain walks over standard normals (population, studies' effects on sensitivity, studies' effects on growth). Every ``CHUNK`` iterations
its state and draws are written; a run finds what is there and goes on. Settings were chosen by diagnostics of the sampler, never by scores.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import MissingExtraError
from neorlt.response import nuts, synthesis
from neorlt.response.studies import Term
from neorlt.response.synthesis import POPULATION, Seen, Synthesis, constrain, studies_of

N_CHAINS, N_WARMUP, N_SAMPLES, CHUNK = 4, 240, 1800, 20
FEW_SAMPLES = 50
"""Draws a chain below which building the problem in another process takes longer than the draws here."""
TARGET_ACCEPT, MAX_TREE_DEPTH = 0.95, 8
START_SPREAD = 1.5
"""Chains start at draws of the normal about the mode with its curvature, this much wider: dispersed, but not where nothing fits."""
FALL_AT_START = 3.0
"""A chain starts no further below the mode's log density than this times the number of parameters (typical draws: half of it)."""


@dataclass(frozen=True)
class Layout:
    """Which study a term belongs to, among those with an effect on sensitivity (RLT was given) and on growth (all)."""

    treated: tuple[str, ...]
    all: tuple[str, ...]

    @classmethod
    def of(cls, terms: Sequence[Term]) -> Layout:
        """The layout of a list of terms."""
        return cls(studies_of([t for t in terms if t.treatment == "rlt"]), studies_of(terms))

    def index(self, terms: Sequence[Term]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions ``(term,)`` in the two lists; terms without RLT point at 0 (their effect is not used)."""
        return (np.array([self.treated.index(t.study) if t.study in self.treated else 0 for t in terms], np.intp),
                np.array([self.all.index(t.study) for t in terms], np.intp))


class Problem:
    """The posterior of a list of terms as a potential of standard normals."""

    def __init__(self, terms: Sequence[Term], n_points: int = synthesis.N_POINTS) -> None:
        self.terms, self.n_points = tuple(terms), n_points
        self.model = Synthesis(self.terms, n_points)
        self.layout = Layout.of(self.terms)
        self.at_u, self.at_v = self.layout.index(self.terms)
        self.emulator = self.model.emulator()
        self.sizes = {"pop": len(POPULATION), "u": len(self.layout.treated), "v": len(self.layout.all)}

    def population(self, pop: Any) -> dict[str, Any]:
        """The population's parameters from what the chains walk over."""
        return constrain(pop)

    def log_likelihood(self, z: dict[str, Any], seen: Seen | None = None) -> Any:
        """Log likelihood of every term ``(term,)``, by the emulator; ``seen``: other observations than the terms'."""
        free = self.population(z["pop"])
        said = self.model.answer(free, z["u"][self.at_u], z["v"][self.at_v], self.emulator(z["pop"]), seen)
        return self.model.log_likelihood(said, seen)

    def standard(self, z: dict[str, Any]) -> dict[str, Any]:
        """Studies' effects as standard normals. The chains walk over an effect divided by a power of the spread between studies: 0 where
        a study tells its effect well, 1 where it says nothing of it, between by what it says (Papaspiliopoulos, Roberts and Skold 2007,
        doi:10.1214/088342307000000014): so the spread does not stretch what the chains walk over.
        """
        free = self.population(z["pop"])
        return {"pop": z["pop"], "u": z["u"] * free["study_log_sd"][..., None] ** -self.told["u"],
                "v": z["v"] * free["study_growth_log_sd"][..., None] ** -self.told["v"]}

    def log_posterior(self, z: dict[str, Any], seen: Seen | None = None) -> Any:
        """Log density of the population's standard normals and of what the chains walk over, up to a constant."""
        import jax.numpy as jnp

        free, standard = self.population(z["pop"]), self.standard(z)
        spread = self.told["u"].sum() * jnp.log(free["study_log_sd"]) + self.told["v"].sum() * jnp.log(free["study_growth_log_sd"])
        return self.log_of_standard(standard, seen) - spread

    def log_of_standard(self, z: dict[str, Any], seen: Seen | None = None) -> Any:
        """Log density of standard normals, up to a constant."""
        return self.log_likelihood(z, seen).sum() - sum(0.5 * (value**2).sum() for value in z.values())

    def unravel(self, q: Any) -> dict[str, Any]:
        """Population and studies' effects from one flat array ``(..., parameter)``."""
        ends = np.cumsum(list(self.sizes.values()))
        return {name: q[..., end - n : end] for (name, n), end in zip(self.sizes.items(), ends, strict=True)}

    @functools.cached_property
    def mode(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where standard normals are densest ``(parameter,)``, and the curvature there ``(parameter, parameter)``."""
        density = nuts.as_density(self.log_of_standard, self.unravel)
        at = nuts.find_mode(density, np.zeros(sum(self.sizes.values())))
        return at, nuts.curved(density, at)

    @functools.cached_property
    def told(self) -> dict[str, NDArray[np.float32]]:
        """What each study tells of its own effects, 0 to 1: as at the mode, were the spread between studies at its prior's median.

        The mode lies at wide spreads, where every study seems to tell its effect; the draws lie at narrower ones.
        """
        here, usual = self._spreads(self.mode[0]), self._spreads(np.zeros(len(self.mode[0])))
        variance = self.unravel(np.minimum(nuts.inverse(self.mode[1]).diagonal(), 1.0))
        gain = {name: (1 / variance[name] - 1) * (usual[name] / here[name]) ** 2 for name in ("u", "v")}
        return {name: np.asarray(value / (1 + value), np.float32) for name, value in gain.items()}

    def _spreads(self, standard: NDArray[np.float64]) -> dict[str, float]:
        free = self.population(np.asarray(self.unravel(standard)["pop"], np.float32))
        return {"u": float(free["study_log_sd"]), "v": float(free["study_growth_log_sd"])}

    @functools.cached_property
    def density(self) -> nuts.Density:
        """The compiled log density and gradient of what the chains walk over."""
        assert self.told  # found before anything is traced
        return nuts.as_density(self.log_posterior, self.unravel)

    def walked(self, standard: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the chains walk over ``(parameter,)`` at standard normals."""
        z, spread = self.unravel(standard), self._spreads(standard)
        return np.concatenate([z["pop"], *(z[name] * spread[name] ** self.told[name] for name in ("u", "v"))])

    @functools.cached_property
    def metric(self) -> NDArray[np.float64]:
        """The metric to begin with: the covariance of standard normals at the mode, carried to what the chains walk over.

        Standard normals are no wider than their prior: where the density at the mode is flatter, or curves upwards, it says nothing.
        """
        at = self.mode[0]
        turn = np.stack([(self.walked(at + 0.01 * e) - self.walked(at - 0.01 * e)) / 0.02 for e in np.eye(len(at))], axis=1)
        return np.asarray(turn @ nuts.inverse(self.mode[1]) @ turn.T)

    def draw_start(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Where a chain begins: standard normals about the mode with its curvature, wider; nearer where the density is next to nothing."""
        mode, matrix = self.mode
        factor, luck = np.linalg.cholesky(nuts.inverse(matrix)), rng.standard_normal(len(mode))
        least = self.density(self.walked(mode))[0] - FALL_AT_START * len(mode)
        for shrink in 0.7 ** np.arange(20):
            start = self.walked(mode + shrink * START_SPREAD * factor @ luck)
            if self.density(start)[0] > least:
                return start
        return self.walked(mode)

    def sample(self, folder: Path, seed: int, n_chains: int = N_CHAINS, n_warmup: int = N_WARMUP, n_samples: int = N_SAMPLES,
               progress: Any = None, executor: Any = None) -> dict[str, NDArray[Any]]:
        """Run (or go on with) the chains; draws ``(chain, draw, ...)`` by name with ``diverging`` and ``num_steps``.

        Parameters
        ----------
        folder
            Holds a file a chain, and where they start; what it holds is not run again.
        progress
            Called with (iterations done, iterations in all), all chains together.
        executor
            Runs pieces of chains at the same time (anything with the ``submit`` of :mod:`concurrent.futures` that reaches the folder);
            left out, they run here one after the other. The numbers are the same.
        """
        folder.mkdir(parents=True, exist_ok=True)
        total = n_warmup + n_samples
        plan = Plan(self.terms, self.n_points, folder, seed, n_chains, n_warmup)
        plan.start(self)
        done = [plan.length(number) for number in range(n_chains)]
        for stop in (*sorted(nuts.window_ends(n_warmup)), total):  # at each of these all chains wait for each other
            while min(done) < stop:
                behind = [number for number in range(n_chains) if done[number] < stop]
                if executor is None:
                    behind = [min(behind, key=lambda number: done[number])]
                    done[behind[0]] = plan.advance(behind[0], stop, self)
                else:
                    for number, one in [(number, executor.submit(advance_elsewhere, plan, number, stop)) for number in behind]:
                        done[number] = one.result()
                if progress is not None:
                    progress(sum(done), n_chains * total)
        kept = [_Kept.read(plan.path(number)) for number in range(n_chains)]
        late = slice(n_warmup, total)
        chains = [{name: np.asarray(value) for name, value in self.standard(self.unravel(one.q[late])).items()}
                  | {"diverging": one.diverging[late], "num_steps": one.steps[late]} for one in kept]
        return {name: np.stack([chain[name] for chain in chains]) for name in chains[0]}

    def sample_here(self, folder: Path, seed: int, n_chains: int = N_CHAINS, n_warmup: int = N_WARMUP, n_samples: int = N_SAMPLES,
                    progress: Any = None) -> dict[str, NDArray[Any]]:
        """As :meth:`sample`, on the processors of this machine: a chain a process, where that is worth building the problem in each."""
        workers = min(n_chains, len(os.sched_getaffinity(0)))
        if workers < 2 or n_samples < FEW_SAMPLES:
            return self.sample(folder, seed, n_chains, n_warmup, n_samples, progress)
        with ProcessPoolExecutor(workers, get_context("spawn"), one_thread) as pool:
            return self.sample(folder, seed, n_chains, n_warmup, n_samples, progress, pool)


@dataclass(frozen=True)
class Plan:
    """A set of chains on disk: what a process needs to take any of them a piece further."""

    terms: tuple[Term, ...]
    n_points: int
    folder: Path
    seed: int
    n_chains: int
    n_warmup: int

    def path(self, number: int) -> Path:
        """File of a chain."""
        return self.folder / f"chain{number}.npz"

    def length(self, number: int) -> int:
        """Iterations that a chain has done."""
        return len(_Kept.read(self.path(number)).q) if self.path(number).exists() else 0

    def start(self, problem: Problem) -> None:
        """Find where the chains start, once; a problem that finds the file takes it from there."""
        path = self.folder / "start.npz"
        if not path.exists():
            (mode, matrix), metric = problem.mode, problem.metric
            whole = path.with_suffix(".part.npz")
            np.savez(whole, mode=mode, curved=matrix, metric=metric)
            whole.replace(path)
            return
        with np.load(path) as file:
            problem.__dict__["mode"] = (file["mode"], file["curved"])
            problem.__dict__["metric"] = file["metric"]

    def advance(self, number: int, stop: int, problem: Problem) -> int:
        """Take a chain up to :data:`CHUNK` iterations further, not beyond ``stop``; returns how many it has done.

        Where a window of the warm-up ends, all chains have come there: what is on disk gives the metric.
        """
        chain = self._chain(number, problem)
        kept = _Kept.open(self.path(number), chain)
        done, ends = len(kept.q), [0, *sorted(nuts.window_ends(self.n_warmup))]
        if done in ends[1:] and chain.learned < done:
            first = max(ends[ends.index(done) - 1], nuts.FIRST_WINDOW)
            chain.learn(np.concatenate([_Kept.read(self.path(other)).q[first:done] for other in range(self.n_chains)]))
        kept.run(min(CHUNK, stop - done))
        return len(kept.q)

    def _chain(self, number: int, problem: Problem) -> nuts.Chain:
        rng = np.random.default_rng([self.seed, number])
        start = problem.draw_start(rng)
        return nuts.Chain(problem.density, start, int(rng.integers(2**31)), self.n_warmup, TARGET_ACCEPT, MAX_TREE_DEPTH,
                          covariance=problem.metric)


_here: dict[tuple[Any, ...], Problem] = {}


def advance_elsewhere(plan: Plan, number: int, stop: int) -> int:
    """:meth:`Plan.advance` in another process, which keeps the problem that it has built."""
    name = (str(plan.folder), plan.seed, plan.n_points, tuple(term.name for term in plan.terms))
    if name not in _here:
        _here.clear()
        _here[name] = Problem(plan.terms, plan.n_points)
        plan.start(_here[name])
    return plan.advance(number, stop, _here[name])


def one_thread() -> None:
    """What a process does first that shares the machine with others: its arithmetic takes one thread."""
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"


@dataclass
class _Kept:
    """A chain and the file that holds what it has done."""

    path: Path
    q: NDArray[np.float64]
    diverging: NDArray[np.bool_]
    steps: NDArray[np.intp]
    chain: nuts.Chain | None = None

    @classmethod
    def read(cls, path: Path, chain: nuts.Chain | None = None) -> _Kept:
        """What a chain has done; ``chain``, where given, is taken to where it was left."""
        with np.load(path) as file:
            if chain is not None:
                chain.load(file["state"].tobytes())
            return cls(path, file["q"], file["diverging"], file["num_steps"], chain)

    @classmethod
    def open(cls, path: Path, chain: nuts.Chain) -> _Kept:
        """What a chain has done, and the chain as it was left; one that has not begun has done nothing."""
        if path.exists():
            return cls.read(path, chain)
        return cls(path, np.zeros((0, len(chain.start))), np.zeros(0, bool), np.zeros(0, np.intp), chain)

    def run(self, n: int) -> None:
        """``n`` more iterations, then write: a whole file takes the place of the last."""
        assert self.chain is not None
        rows = [self.chain.advance() for _ in range(n)]
        self.q = np.concatenate([self.q, [row[0] for row in rows]])
        self.diverging = np.append(self.diverging, [row[1] for row in rows])
        self.steps = np.append(self.steps, [row[2] for row in rows])
        whole = self.path.with_suffix(".part.npz")
        np.savez(whole, q=self.q, diverging=self.diverging, num_steps=self.steps, state=np.frombuffer(self.chain.dump(), np.uint8))
        whole.replace(self.path)


def need_arviz() -> None:
    """Raise a named error where the extra is not installed."""
    try:
        import arviz  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("arviz", extra="calibrate") from error


def diagnose(draws: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """R-hat (rank-normalised), bulk and tail effective sample sizes, divergences, over everything that was sampled."""
    arviz: Any = importlib.import_module("arviz")
    data = arviz.convert_to_dataset({name: draws[name] for name in ("pop", "u", "v")})
    rhat, bulk, tail = arviz.rhat(data), arviz.ess(data, method="bulk"), arviz.ess(data, method="tail")
    names = {"pop": list(POPULATION)}
    worst = max((float(rhat[name][i]), names.get(name, [f"{name}{k}" for k in range(rhat[name].size)])[i])
                for name in ("pop", "u", "v") for i in range(rhat[name].size))
    return {"rhat_max": worst[0], "rhat_worst": worst[1], "ess_bulk_min": min(float(bulk[name].min()) for name in bulk),
            "ess_tail_min": min(float(tail[name].min()) for name in tail), "divergences": int(draws["diverging"].sum()),
            "median_steps": float(np.median(draws["num_steps"])), "n_chains": int(draws["diverging"].shape[0]),
            "n_samples": int(draws["diverging"].shape[1])}
