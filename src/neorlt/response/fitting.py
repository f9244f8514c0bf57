"""The chains of the synthesis: one process, resumable from disk after a kill, the same numbers whether stopped or not.

A chain walks over standard normals (population, studies' effects on sensitivity, studies' effects on growth). Every ``CHUNK`` iterations
its state and draws are written; a run finds what is there and goes on. Settings were chosen by diagnostics of the sampler, never by scores.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import MissingExtraError
from neorlt.response import nuts, synthesis
from neorlt.response.studies import Term
from neorlt.response.synthesis import POPULATION, Synthesis, constrain, studies_of

N_CHAINS, N_WARMUP, N_SAMPLES, CHUNK = 4, 300, 600, 20
TARGET_ACCEPT, MAX_TREE_DEPTH = 0.85, 7
START_SPREAD = 1.5
"""Chains start at draws of the normal about the mode with its curvature, this much wider: dispersed, but not where nothing fits."""


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
        self.terms = tuple(terms)
        self.model = Synthesis(self.terms, n_points)
        self.layout = Layout.of(self.terms)
        self.at_u, self.at_v = self.layout.index(self.terms)
        self.emulator = self.model.emulator()
        self.sizes = {"pop": len(POPULATION), "u": len(self.layout.treated), "v": len(self.layout.all)}

    def log_likelihood(self, z: dict[str, Any]) -> Any:
        """Log likelihood of every term ``(term,)``, by the emulator."""
        free = constrain(z["pop"])
        return self.model.log_likelihood(self.model.answer(free, z["u"][self.at_u], z["v"][self.at_v], self.emulator(z["pop"])))

    def standard(self, z: dict[str, Any]) -> dict[str, Any]:
        """Studies' effects as standard normals. The chains walk over the effects themselves: every study tells its own well, and in
        these the spread between studies does not stretch what each has told.
        """
        free = constrain(z["pop"])
        return {"pop": z["pop"], "u": z["u"] / free["study_log_sd"][..., None], "v": z["v"] / free["study_growth_log_sd"][..., None]}

    def log_posterior(self, z: dict[str, Any]) -> Any:
        """Log density of the population's standard normals and the studies' effects, up to a constant."""
        import jax.numpy as jnp

        free, standard = constrain(z["pop"]), self.standard(z)
        spread = self.sizes["u"] * jnp.log(free["study_log_sd"]) + self.sizes["v"] * jnp.log(free["study_growth_log_sd"])
        return self.log_likelihood(standard).sum() - sum(0.5 * (value**2).sum() for value in standard.values()) - spread

    def unravel(self, q: Any) -> dict[str, Any]:
        """Population and studies' effects from one flat array ``(..., parameter)``."""
        ends = np.cumsum(list(self.sizes.values()))
        return {name: q[..., end - n : end] for (name, n), end in zip(self.sizes.items(), ends, strict=True)}

    @functools.cached_property
    def density(self) -> nuts.Density:
        """The compiled log density and gradient."""
        return nuts.as_density(self.log_posterior, self.unravel)

    @functools.cached_property
    def start(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where chains begin, and the metric there.

        The mode is that of the density of standard normals (that of the effects themselves grows without bound as all effects and their
        spread go to nothing together); the curvature is that of what the chains walk over.
        """
        import jax
        import jax.numpy as jnp
        from jax.flatten_util import ravel_pytree

        def walked(q: Any) -> tuple[Any, Any]:
            z = self.unravel(q)
            free = constrain(z["pop"])
            tau, growth = free["study_log_sd"], free["study_growth_log_sd"]
            volume = self.sizes["u"] * jnp.log(tau) + self.sizes["v"] * jnp.log(growth)
            return ravel_pytree({"pop": z["pop"], "u": tau * z["u"], "v": growth * z["v"]})[0], volume

        @jax.jit
        def back(q: Any, gradient: Any) -> Any:
            return jax.vjp(walked, q)[1]((gradient, jnp.float32(1.0)))[0]

        forth = jax.jit(walked)

        def standard_density(q: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            at, volume = forth(np.asarray(q, np.float32))
            value, gradient = self.density(np.asarray(at, np.float64))
            return value + float(volume), np.asarray(back(np.asarray(q, np.float32), np.asarray(gradient, np.float32)), np.float64)

        mode = nuts.find_mode(standard_density, np.zeros(sum(self.sizes.values())))
        at = np.asarray(forth(np.asarray(mode, np.float32))[0], np.float64)
        return at, nuts.curvature(self.density, at)

    def sample(self, folder: Path, seed: int, n_chains: int = N_CHAINS, n_warmup: int = N_WARMUP, n_samples: int = N_SAMPLES,
               progress: Any = None) -> dict[str, NDArray[Any]]:
        """Run (or go on with) the chains; draws ``(chain, draw, ...)`` by name with ``diverging`` and ``num_steps``.

        Parameters
        ----------
        folder
            Holds a file a chain; what it holds is not run again.
        progress
            Called with (iterations done, iterations in all), all chains together.
        """
        folder.mkdir(parents=True, exist_ok=True)
        total = n_warmup + n_samples
        kept = [_Kept.open(folder / f"chain{number}.npz", self._chain(seed, number, n_warmup)) for number in range(n_chains)]
        while (behind := min(kept, key=lambda one: len(one.q))) and len(behind.q) < total:  # chains take turns, so all are of one age
            behind.run(min(CHUNK, total - len(behind.q)))
            if progress is not None:
                progress(sum(len(one.q) for one in kept), n_chains * total)
        late = slice(n_warmup, total)
        chains = [{name: np.asarray(value) for name, value in self.standard(self.unravel(one.q[late])).items()}
                  | {"diverging": one.diverging[late], "num_steps": one.steps[late]} for one in kept]
        return {name: np.stack([chain[name] for chain in chains]) for name in chains[0]}

    def _chain(self, seed: int, number: int, n_warmup: int) -> nuts.Chain:
        rng = np.random.default_rng([seed, number])
        mode, covariance = self.start
        for shrink in (1.0, 0.5, 0.25):
            start = mode + shrink * START_SPREAD * np.linalg.cholesky(covariance) @ rng.standard_normal(len(mode))
            if np.isfinite(self.density(start)[0]):
                break
        return nuts.Chain(self.density, start, int(rng.integers(2**31)), n_warmup, TARGET_ACCEPT, MAX_TREE_DEPTH, covariance=covariance)


@dataclass
class _Kept:
    """A chain and the file that holds what it has done."""

    path: Path
    chain: nuts.Chain
    q: NDArray[np.float64]
    diverging: NDArray[np.bool_]
    steps: NDArray[np.intp]

    @classmethod
    def open(cls, path: Path, chain: nuts.Chain) -> _Kept:
        if not path.exists():
            return cls(path, chain, np.zeros((0, len(chain.start))), np.zeros(0, bool), np.zeros(0, np.intp))
        with np.load(path) as file:
            chain.load(file["state"].tobytes())
            return cls(path, chain, file["q"], file["diverging"], file["num_steps"])

    def run(self, n: int) -> None:
        """``n`` more iterations, then write: a whole file takes the place of the last."""
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
