"""What a fit of the synthesis is worth: re-weighted to the direct likelihood, scored on studies that it did not see.

A study is left out by importance sampling with its own effects integrated out, so the weights are mild; where Pareto's k is above 0.7 the
study has to be refitted and its row says so. Three models without mechanism stand beside it, each given the other studies only: the pooled
rate (random effects), a constant, and a line in the log of dose.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from neorlt.core import draws as core_draws
from neorlt.core.compute import side_by_side
from neorlt.response import surface
from neorlt.response.fitting import Layout, Problem
from neorlt.response.parameters import LEVEL_NAMES, ROOM, TUMOUR_NAMES, read_priors
from neorlt.response.studies import Term
from neorlt.response.synthesis import POPULATION, UNINFORMED, Synthesis, constrain, lesion_log_density

Floats = NDArray[np.float64]
K_LIMIT = 0.7
N_SAID = 256
"""Simulated patients of an arm that is predicted."""
N_EFFECTS = 32
"""Points of a study's two effects over which its likelihood is integrated."""
SHIPPED = (*TUMOUR_NAMES, "fibrosis_fraction", *LEVEL_NAMES)


def smooth_weights(log_ratio: Floats) -> tuple[Floats, float]:
    """Pareto-smoothed weights ``(draw,)`` that sum to 1, and Pareto's k; ValueError where a log ratio is no number."""
    unknown = np.flatnonzero(np.isnan(log_ratio))
    if len(unknown):
        raise ValueError(f"the log weights of {len(unknown)} draws are no numbers, the first that of draw {unknown[0]}")
    arviz: Any = importlib.import_module("arviz")
    smoothed, k = arviz.psislw(np.asarray(log_ratio, np.float64))
    weight = np.exp(np.asarray(smoothed) - np.max(smoothed))
    return weight / weight.sum(), float(k)


def draw_uninformed(n: int, seed: int) -> NDArray[np.float32]:
    """Standard normals ``(draw, parameter)`` of what the chains kept at its prior's median."""
    return core_draws.generator(seed, ROOM, "synthesis", "uninformed").standard_normal((n, len(UNINFORMED))).astype(np.float32)


def compensate(pop: NDArray[Any], uninformed: NDArray[Any]) -> tuple[NDArray[np.float32], Floats]:
    """The chains' draws ``(draw, parameter)`` with a sensitivity that makes up for what drawn alpha/beta and repair add to it, and the log
    of the prior's density there over that at the chains' draws ``(draw,)``.

    What the data tell is the effect of a dose, alpha (1 + G d / (alpha/beta)) with G = T_repair / (T_repair + T_effective) (Dale 1985,
    doi:10.1259/0007-1285-58-690-515). At a drawn alpha/beta the same alpha has another effect, and next to no draw would keep its
    weight; a shift of log alpha that depends on what was drawn beside it alone changes no volume.
    """
    usual = constrain(np.asarray(pop, np.float32))
    drawn = constrain(np.asarray(pop, np.float32), np.asarray(uninformed, np.float32))

    def quadratic(free: dict[str, Any]) -> Floats:
        repair = np.asarray(free["repair_half_time_h"], np.float64)
        share = repair / (repair + surface.EFFECTIVE_HALF_LIFE_H)
        return np.log1p(share * surface.GY_PER_CYCLE / np.asarray(free["alpha_beta_gy"], np.float64))

    at, prior = POPULATION.index("alpha_per_gy"), read_priors()["alpha_per_gy"]
    if prior["family"] != "lognormal":
        raise ValueError("the shift of log alpha is that of a log-normal prior")
    before = np.asarray(pop[:, at], np.float64)
    after = before + (quadratic(usual) - quadratic(drawn)) / prior["parameters"][1]
    moved = np.array(pop, np.float32)
    moved[:, at] = after
    return moved, 0.5 * (before**2 - after**2)


def direct_likelihood(
    terms: Sequence[Term], z: dict[str, NDArray[Any]], uninformed: NDArray[Any], n_points: int, fine: bool = True
) -> Floats:
    """Log likelihood ``(draw, term)`` without the emulator, with finer courses; more patients an arm hold those that the chains saw."""
    import jax

    model = Synthesis(terms, n_points, fine=fine)
    at_u, at_v = Layout.of(terms).index(terms)

    @jax.jit
    def one(pop: Any, other: Any, u: Any, v: Any) -> Any:
        return model.log_likelihood(model.answer(constrain(pop, other), u[at_u], v[at_v]))

    return np.stack(side_by_side(lambda i: np.asarray(one(z["pop"][i], uninformed[i], z["u"][i], z["v"][i]), np.float64),
                                 range(len(uninformed))))


def emulated_likelihood(terms: Sequence[Term], z: dict[str, NDArray[Any]]) -> Floats:
    """Log likelihood ``(draw, term)`` as the chains saw it."""
    import jax

    problem = Problem(terms)
    one = jax.jit(lambda pop, u, v: problem.log_likelihood({"pop": pop, "u": u, "v": v}))
    return np.stack(side_by_side(lambda i: np.asarray(one(z["pop"][i], z["u"][i], z["v"][i]), np.float64), range(len(z["pop"]))))


def parameters_of(pop: NDArray[Any], uninformed: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
    """The shipped arrays ``(draw,)`` by name."""
    free = constrain(np.asarray(pop, np.float32), np.asarray(uninformed, np.float32))
    return {name: np.asarray(free[name], np.float32) for name in SHIPPED}


@dataclass(frozen=True)
class Said:
    """What draws say of terms as if each stood in a new study; ``point`` runs over the two effects of that study.

    ``log_likelihood`` ``(draw, point, term)``; ``counts`` ``(draw, point, count term, 2)`` chances; ``log_curve``
    ``(draw, point, curve term)``; for every lesion term log density and chance of less, ``(draw, point, lesion)`` (of the other reading
    too where the sign is not known).
    """

    terms: tuple[Term, ...]
    log_likelihood: Floats
    counts: Floats
    log_curve: Floats
    lesions: tuple[tuple[Floats, Floats], ...]
    other: tuple[Floats, ...]

    def log_density(self, index: Sequence[int]) -> Floats:
        """Log density ``(draw,)`` of some terms together, as one new study's."""
        both = self.log_likelihood[:, :, list(index)].sum(axis=2)
        return np.asarray(logsumexp(both, axis=1) - np.log(both.shape[1]))


def effects_points(n: int, seed: int = 7) -> NDArray[np.float32]:
    """Standard normals ``(point, 2)`` of a study's effects: a scrambled Sobol set."""
    from scipy.stats import norm, qmc

    return norm.ppf(np.clip(qmc.Sobol(2, rng=np.random.default_rng(seed)).random(n), 1e-5, 1 - 1e-5)).astype(np.float32)


def say(terms: Sequence[Term], pop: NDArray[Any], uninformed: NDArray[Any], n_points: int = N_SAID, n_effects: int = N_EFFECTS) -> Said:
    """Predict terms, each as of a new study, for each draw and each point of a study's effects."""
    import jax
    import jax.numpy as jnp

    model = Synthesis(terms, n_points)
    points = jnp.asarray(effects_points(n_effects))
    n_terms = len(terms)

    @jax.jit
    def one(z: Any, other: Any) -> Any:
        free = constrain(z, other)
        coefficients = model.surfaces(free)

        def at(point: Any) -> Any:
            u, v = jnp.full(n_terms, point[0]), jnp.full(n_terms, point[1])
            said = model.answer(free, u, v, coefficients)
            pit = tuple(below(*model.lesion_volumes(free, coefficients, t, point[0], point[1]), t.log_volume, free["sigma_d"])
                        for t in model.figures)
            return (model.log_likelihood(said), said.counts, said.log_curve, tuple(first for first, _ in said.lesions), pit,
                    tuple(second for _, second in said.lesions))

        return jax.lax.map(at, points)

    rows = side_by_side(lambda i: jax.tree.map(lambda x: np.asarray(x, np.float32), one(pop[i], uninformed[i])), range(len(pop)))
    stacked = [jax.tree.map(lambda *x: np.stack(x), *[row[k] for row in rows]) for k in range(6)]
    return Said(tuple(terms), stacked[0], stacked[1], stacked[2], tuple(zip(stacked[3], stacked[4], strict=True)), stacked[5])


@dataclass(frozen=True)
class LeftOut:
    """One study left out: weights of the draws, log score of its fitted terms together, Pareto's k, and a row a term."""

    study: str
    weight: Floats
    pareto_k: float
    log_score: float
    rows: tuple[dict[str, Any], ...]


def count_mass(n: int, p: Floats, weight: Floats) -> Floats:
    """Predictive mass ``(n + 1,)`` of a count of ``n``; ``p`` (clipped away from 0 and 1) and ``weight`` run over draws and points."""
    from scipy.stats import binom

    p = np.clip(p, 1e-9, 1 - 1e-9)
    return np.asarray((weight[:, None] * binom.pmf(np.arange(n + 1)[None], n, p[:, None])).sum(axis=0))


def count_pit(mass: Floats, seen: int, u: float) -> float:
    """Randomised PIT of a count: ``u`` (uniform) places it within its own mass."""
    return float(np.clip(float(np.cumsum(mass)[seen] - mass[seen]) + u * float(mass[seen]), 0.0, 1.0))


def curve_centre(statistic: str, log_free: Floats) -> Floats:
    """What a point of a curve is read as: the log of a hazard ratio as it is, a log chance of being free as its log odds."""
    if statistic == "hazard_ratio":
        return log_free
    log_free = np.minimum(log_free, -1e-5)
    return np.asarray(log_free - np.log(-np.expm1(log_free)))


def curve_pit(centre: Floats, target: float, log_se: float, weight: Floats) -> float:
    """PIT of a point of a curve; ``centre`` and ``weight`` run over draws and points."""
    from scipy.special import ndtr

    return float((weight * ndtr((target - centre) / log_se)).sum())


def below(volumes: Any, log_weight: Any, log_volume: Any, sigma_d: Any) -> Any:
    """Chance ``(..., lesion)`` of a volume below the one that was seen: the PIT of lesions under one draw (arrays of jax)."""
    import jax.numpy as jnp

    return 1 - jnp.exp(lesion_log_density(volumes, log_weight, log_volume, sigma_d, density=False))


def judge_terms(said: Said, index: Sequence[int], weight: Floats, seed: int) -> list[dict[str, Any]]:
    """Score, PIT and predictive of some terms under weights ``(draw,)`` of the draws."""
    from scipy.special import expit

    counts, curves, figures = ([t for t in said.terms if t.kind == kind] for kind in ("counts", "pfs", "lesions"))
    n_points = said.counts.shape[1]
    w = np.repeat(weight, n_points) / n_points
    rows = []
    for i in index:
        t = said.terms[i]
        rng = core_draws.generator(seed, ROOM, "pit", t.name)
        row: dict[str, Any] = {"study": t.study, "term": t.id, "kind": t.kind, "use": t.use,
                               "log_score": mixture_score(said.log_density([i]), weight)}
        if t.kind == "counts":
            p = said.counts[:, :, counts.index(t), 0].ravel()
            mass = count_mass(t.n, p, w)
            cumulative = np.cumsum(mass)
            low, high = int(np.searchsorted(cumulative, 0.05)), int(np.searchsorted(cumulative, 0.95))
            seen = t.counts[0]
            row |= {"seen": seen, "n": t.n, "predicted_pct": round(100 * float((w * p).sum()), 1),
                    "ci90_pct": [round(100 * low / t.n, 1), round(100 * high / t.n, 1)], "inside_90": low <= seen <= high,
                    "responders_log_score": float(np.log(mass[seen])),
                    "pit": [count_pit(mass, seen, float(rng.uniform()))]}
        elif t.kind == "pfs":
            centre = curve_centre(t.statistic, said.log_curve[:, :, curves.index(t)].ravel())
            target = np.log(t.free) if t.statistic == "hazard_ratio" else np.log(t.free / (1 - t.free))
            drawn = centre + t.log_se * rng.standard_normal(centre.shape)
            order = np.argsort(drawn)
            total = np.cumsum(w[order])
            bounds = np.interp([0.05, 0.5, 0.95], total, drawn[order])
            shown = np.exp(bounds) if t.statistic == "hazard_ratio" else expit(bounds)
            pit = curve_pit(centre, float(target), t.log_se, w)
            row |= {"statistic": t.statistic, "month": t.month, "seen": t.free, "predicted": [round(float(x), 3) for x in shown],
                    "inside_90": bool(0.05 <= pit <= 0.95), "pit": [pit]}
        else:
            density, each_below = said.lesions[figures.index(t)]
            flat = density.reshape(-1, density.shape[-1]).astype(np.float64)
            each = np.log((w[:, None] * np.exp(flat)).sum(axis=0))
            pit = (w[:, None] * each_below.reshape(flat.shape)).sum(axis=0)
            row |= {"n": t.n, "log_score_per_lesion": float(each.mean()), "each": [round(float(x), 4) for x in each],
                    "inside_50_80_90": [round(float(np.mean(np.abs(pit - 0.5) <= half)), 3) for half in (0.25, 0.4, 0.45)],
                    "pit": [round(float(x), 4) for x in pit]}
            if not t.sign_known:
                flat = said.other[figures.index(t)].reshape(flat.shape)
                other = logsumexp(flat.astype(np.float64), b=w[:, None], axis=0)
                # None: a lesion lies where this reading of the sign cannot be (a diameter smaller than nothing).
                row["log_score_per_lesion_other_reading"] = float(other.mean()) if np.isfinite(other).all() else None
        rows.append(row)
    return rows


def mixture_score(log_density: Floats, weight: Floats) -> float:
    """Log of the weighted mean of densities ``(draw,)``."""
    return float(logsumexp(log_density, b=weight))


def leave_out(study: str, said: Said, base_weight: Floats, seed: int) -> LeftOut:
    """Leave one study out of draws that saw it, by importance sampling with the study's effects integrated."""
    index = [i for i, t in enumerate(said.terms) if t.study == study]
    fitted = [i for i in index if said.terms[i].use == "fit"]
    log_density = said.log_density(fitted)
    weight, k = smooth_weights(np.log(np.maximum(base_weight, 1e-300)) - log_density)
    return LeftOut(study, weight, k, mixture_score(log_density, weight), tuple(judge_terms(said, index, weight, seed)))


def model_score(row: dict[str, Any]) -> float:
    """What is set against the models without mechanism: counts by their responders, lesions and curves whole."""
    if row["kind"] == "counts":
        return float(row["responders_log_score"])
    return float(sum(row["each"])) if row["kind"] == "lesions" else float(row["log_score"])


def paired(rows: Sequence[dict[str, Any]], baseline: str) -> dict[str, Any] | None:
    """Sum of the differences of log score from one baseline, its standard error over terms, and whether it is above -1 of these."""
    difference = np.array([model_score(row) - row["baselines"][baseline] for row in rows if baseline in row["baselines"]])
    if len(difference) < 2:
        return None
    error = float(np.sqrt(len(difference)) * difference.std(ddof=1))
    return {"n": len(difference), "difference": round(float(difference.sum()), 2), "standard_error": round(error, 2),
            "holds": bool(difference.sum() > -error), "better_in": int((difference > 0).sum())}


def uniform_p(pit: Sequence[float]) -> dict[str, Any]:
    """Exact two-sided test (Kolmogorov-Smirnov) of uniform PIT, and its power against a shift and a spread of half a standard deviation."""
    from scipy.stats import kstest, norm

    n = len(pit)
    rng = np.random.default_rng(1)
    power = {}
    for name, (shift, scale) in {"shifted by half an SD": (0.5, 1.0), "half again as wide": (0.0, 1.5)}.items():
        drawn = norm.cdf(shift + scale * rng.standard_normal((400, n)))
        power[name] = float(np.mean([kstest(row, "uniform", method="exact" if n < 100 else "auto").pvalue < 0.01 for row in drawn]))
    return {"n": n, "p": float(kstest(pit, "uniform", method="exact" if n < 100 else "auto").pvalue), "power_at_1_pct": power}


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By kind of term: coverage, PIT with its exact P and power, paired differences from every baseline.

    Terms of one study, and lesions of one figure, share the study's effect: their PIT are not independent and the P is only a guide.
    """
    found: dict[str, Any] = {}
    for kind in ("counts", "pfs"):
        some = [row for row in rows if row["kind"] == kind]
        if some:
            found[kind] = {"n": len(some), "inside_90": sum(row["inside_90"] for row in some),
                           "pit": uniform_p([row["pit"][0] for row in some]),
                           "against": {name: paired(some, name) for name in ("pooled", "constant", "log-linear")}}
    figures = [row for row in rows if row["kind"] == "lesions"]
    if figures:
        found["lesions"] = {"n": sum(row["n"] for row in figures), "by_figure": {
            f"{row['study']}: {row['term']}": {
                "n": row["n"], "inside_50_80_90": row["inside_50_80_90"], "pit": uniform_p(row["pit"]),
                "log_score_per_lesion": round(row["log_score_per_lesion"], 3),
                "baselines_per_lesion": {name: round(value / row["n"], 3) for name, value in row["baselines"].items()},
            } for row in figures}, "against": {name: paired(figures, name) for name in ("pooled", "constant", "log-linear")}}
    return found
