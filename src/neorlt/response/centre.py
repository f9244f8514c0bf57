"""A centre's own lesions: checked against the shipped posterior, or used to learn how that centre differs, without a patient leaving it.

A table has a row a lesion: ``origin, ki67_pct, dose_gy, cycles, activity_gbq, week, change_diameter_pct`` (or ``change_volume_pct``).
``week`` counts from the first cycle; left empty, the change is the best of images every 13 weeks after the last cycle. ``ki67_pct`` may be
empty. Draws come from the shipped posterior and volumes from :func:`neorlt.response.simulate.simulate`: what predicts is what is checked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import log_ndtr, logsumexp, ndtri, softmax

from neorlt.core import draws as core_draws
from neorlt.core.anatomy import ORIGINS, origin_of
from neorlt.core.errors import InputError
from neorlt.core.written import Row, read_rows
from neorlt.response import baselines
from neorlt.response.arrays import LesionArrays, LesionEffects, ScheduleArrays
from neorlt.response.judging import K_LIMIT, smooth_weights, uniform_p
from neorlt.response.parameters import ASSUMED_KI67_PCT, ROOM, STUDY_NAMES, Parameters, assemble, draw_other
from neorlt.response.reading import VOLUME_POWER, best_log_density
from neorlt.response.simulate import simulate
from neorlt.response.studies import Term, fitted

Floats = NDArray[np.float64]
NEEDED = ("origin", "dose_gy", "cycles", "week")
OPTIONAL = ("ki67_pct", "activity_gbq")
CHANGES = {"change_diameter_pct": 3.0, "change_volume_pct": 1.0}
LEAST_DIAMETER = 0.05
"""Share of the diameter that a lesion counts as that can no longer be seen."""
INTERVAL_WEEK, FOLLOW_UP_WEEK, N_FOLLOW_UPS = 8.0, 13.0, 4
HALF_LIFE_H = (85.6, 49.6)
N_LESION_POINTS = 16
MIN_SURVIVORS = 100


@dataclass(frozen=True)
class CentreTable:
    """A centre's lesions, ``(lesion,)`` each: origin's code, Ki-67 in per cent, dose in Gy, cycles, week read (NaN: best), log volume.

    ``line`` is where each stands in its file; left out, as if they stood one below the other under the names of the columns.
    """

    origin: NDArray[np.intp]
    ki67_pct: Floats
    dose_gy: Floats
    cycles: NDArray[np.intp]
    week: Floats
    log_volume: Floats
    line: NDArray[np.intp] | None = None

    @property
    def lines(self) -> NDArray[np.intp]:
        """Line of its file that each lesion stands in."""
        return 2 + np.arange(self.n) if self.line is None else self.line

    @property
    def alike(self) -> list[list[int]]:
        """Lines of lesions that agree in everything: two lesions, or one that was written twice and would count twice."""
        rows = np.column_stack([self.origin, self.ki67_pct, self.dose_gy, self.cycles, np.nan_to_num(self.week, nan=-1.0), self.log_volume])
        kind = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
        groups = (self.lines[kind == k].tolist() for k in dict.fromkeys(kind.tolist()))
        return [lines for lines in groups if len(lines) > 1]

    @property
    def n(self) -> int:
        """Number of lesions."""
        return len(self.dose_gy)

    def take(self, index: NDArray[Any]) -> CentreTable:
        """The lesions at ``index``."""
        held: dict[str, Any] = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        taken: dict[str, Any] = {name: value if value is None else value[index] for name, value in held.items()}
        return CentreTable(**taken)


def twice(lines: Sequence[int]) -> str:
    """What is said of lesions that are alike in everything."""
    return (f"Lines {', '.join(str(line) for line in lines)} are alike in everything: a lesion that was written twice counts twice. Remove "
            "all but one, unless they are lesions of their own.")


def _value(row: Row, name: str, where: str, low: float, high: float, empty: float | None = None) -> float:
    text = row.text(name)
    if not text and empty is not None:
        return empty
    try:
        value = row.number(name)
    except ValueError as error:
        raise InputError(f"{name} is not a number", where=where, found=str(error), remedy="give a number with a point") from None
    if not low <= value <= high:
        raise InputError(f"{name} is out of range", where=where, expected=f"{low:g} to {high:g}", found=text, remedy="check the unit")
    return value


def _whole(row: Row, name: str, where: str, low: int, high: int) -> float:
    value = _value(row, name, where, low, high)
    if value % 1:
        raise InputError(f"{name} is not a whole number", where=where, expected=f"{low} to {high}", found=f"{value:g}",
                         remedy="write a whole number")
    return value


def refuse_misspelt(names: Sequence[str], known: Sequence[str], where: str) -> None:
    """Refuse a column that reads like a known one which is not there: it would be left unread. Others are the centre's own.

    Raises
    ------
    InputError
        For the first such column, with the name that was meant.
    """
    for name in names:
        meant = get_close_matches(name.strip().lower(), [word for word in known if word not in names], 1, 0.6)
        if name not in known and meant:
            raise InputError("a column is not known", where=where, expected=meant[0], found=name,
                             remedy=f"rename it {meant[0]}, or remove it")


def read_table(path: Path) -> CentreTable:
    """Read a centre's table; every bad row is named with what was expected.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing or any row is bad.
    """
    table = read_rows(path, "the table")
    names = table.columns
    change = [name for name in CHANGES if name in names]
    missing = [name for name in NEEDED if name not in names] + ([] if change else [" or ".join(CHANGES)])
    if missing:
        raise InputError("columns are missing", where=str(path), expected=", ".join((*NEEDED, " or ".join(CHANGES))),
                         found=", ".join(names), remedy="add " + ", ".join(missing))
    if len(change) > 1:
        raise InputError("both changes are given", where=str(path), expected=" or ".join(CHANGES), found=", ".join(change),
                         remedy=f"keep the one that was read, and remove the other column: {change[0]} or {change[1]}")
    refuse_misspelt(names, (*NEEDED, *CHANGES, *OPTIONAL), str(path))
    least = LEAST_DIAMETER ** (3.0 / CHANGES[change[0]])
    rows: dict[str, list[float]] = {name: [] for name in ("origin", "ki67_pct", "dose_gy", "cycles", "week", "log_volume", "line")}
    problems = []
    for row in table:
        where = table.where(row)
        try:
            origin = origin_of(row.text("origin"))
            if origin is None:
                raise InputError("origin is unknown", where=where, expected=", ".join(ORIGINS), found=repr(row.text("origin")),
                                 remedy="name the primary's organ")
            left = 1 + _value(row, change[0], where, -100.0, 1000.0) / 100
            one = {"origin": float(ORIGINS.index(origin)), "ki67_pct": _value(row, "ki67_pct", where, 0.01, 100.0, ASSUMED_KI67_PCT),
                   "dose_gy": _value(row, "dose_gy", where, 0.1, 5000.0), "cycles": _whole(row, "cycles", where, 1, 12),
                   "week": _value(row, "week", where, 1.0, 520.0, float("nan")),
                   "log_volume": CHANGES[change[0]] * float(np.log(max(left, least))), "line": float(row.line)}
        except InputError as error:
            problems.append(str(error))
            continue
        for name, value in one.items():
            rows[name].append(value)
    if problems:
        raise InputError(f"{len(problems)} rows of the table are bad", where=str(path), found=" | ".join(problems[:10]),
                         remedy="correct these rows; none was used")
    if not rows["dose_gy"]:
        raise InputError("the table holds no lesion", where=str(path), remedy="give a row a lesion")
    arrays = {name: np.array(values) for name, values in rows.items()}
    whole = {name: arrays[name].astype(np.intp) for name in ("origin", "cycles", "line")}
    return CentreTable(**(arrays | whole))


def log_volumes(parameters: Parameters, table: CentreTable, alpha_z: NDArray[Any], growth_z: NDArray[Any]) -> Floats:
    """Latent log volumes ``(draw, point, lesion, visit)``; a lesion that is read at a week has one visit, repeated."""
    n, points, most = table.n, len(alpha_z), int(table.cycles.max())
    week = np.minimum(np.arange(most), table.cycles[:, None] - 1) * INTERVAL_WEEK
    dose = np.zeros((1, n, most, len(parameters.nuclides)), np.float32)
    dose[0, :, :, 0] = np.where(np.arange(most) < table.cycles[:, None], table.dose_gy[:, None] / table.cycles[:, None], 0.0)
    best = week[:, -1:] + FOLLOW_UP_WEEK * (1 + np.arange(N_FOLLOW_UPS))
    times = np.where(np.isnan(table.week)[:, None], best, table.week[:, None])
    lesions = LesionArrays(volume_ml=np.full(n, 20.0, np.float32), ki67_pct=table.ki67_pct.astype(np.float32), origin=table.origin,
                           patient=np.arange(n))
    half_life = np.broadcast_to(np.asarray(HALF_LIFE_H, np.float32), (1, n, len(parameters.nuclides)))
    wide = (parameters.n_draws * points, n)
    effects = LesionEffects(np.broadcast_to(np.tile(alpha_z, parameters.n_draws)[:, None], wide),
                            np.broadcast_to(np.tile(growth_z, parameters.n_draws)[:, None], wide), np.zeros(wide, np.float32), points, 0)
    plan = ScheduleArrays(week.astype(np.float32), dose, half_life, times.astype(np.float32))
    volume = simulate(parameters, lesions, plan, effects).relative_volume
    return np.log(np.maximum(volume, 1e-6)).reshape(parameters.n_draws, points, n, N_FOLLOW_UPS).astype(np.float64)


LESION_GRID = np.linspace(-5.0, 5.0, 17)
"""Deviations of a lesion's own sensitivity at which the model is asked, in its standard deviations; between them a spline follows."""
LESION_FINE = np.linspace(-5.0, 5.0, 129)
"""Where the chance of a reading is integrated: one step moves a log volume by less than a reading's error."""
GROWTH_POINTS = (-1.0, 1.0)
"""The two points of Gauss and Hermite for the doubling time of a lesion, each of weight a half."""


def lesion_volumes(parameters: Parameters, table: CentreTable) -> tuple[Floats, Floats]:
    """Latent log volumes ``(draw, point, lesion, visit)`` at many points of a lesion's own effects, and the log weight of each point.

    A reading's error is narrow beside what one standard deviation of sensitivity moves: a few points alone would leave most readings
    between two of them.
    """
    alpha = np.tile(LESION_GRID, len(GROWTH_POINTS)).astype(np.float32)
    volume = log_volumes(parameters, table, alpha, np.repeat(np.array(GROWTH_POINTS, np.float32), len(LESION_GRID)))
    by_growth = volume.reshape(parameters.n_draws, len(GROWTH_POINTS), len(LESION_GRID), table.n, N_FOLLOW_UPS)
    fine = PchipInterpolator(LESION_GRID, by_growth, axis=2)(LESION_FINE)
    log_weight = -0.5 * LESION_FINE**2
    return (fine.reshape(parameters.n_draws, -1, table.n, N_FOLLOW_UPS),
            np.tile(log_weight - logsumexp(log_weight), len(GROWTH_POINTS)) - np.log(len(GROWTH_POINTS)))


def densities(parameters: Parameters, table: CentreTable) -> tuple[Floats, Floats]:
    """Log density, and chance of less, of what was read of each lesion, ``(draw, lesion)``; the lesion's own effects integrated."""
    volume, log_weight = lesion_volumes(parameters, table)
    sd = np.asarray(parameters.sigma_d, np.float64)[:, None]
    density, below = np.empty((2, parameters.n_draws, table.n))
    for i, y in enumerate(table.log_volume):
        if np.isnan(table.week[i]):
            by_visit = np.moveaxis(volume[:, :, i], -1, 0)
            each, above = (np.asarray(best_log_density(y, by_visit, sd, kind), np.float64) for kind in (True, False))
        else:
            s = VOLUME_POWER * sd
            a = (y - volume[:, :, i, 0]) / s
            each, above = -0.5 * a**2 - np.log(s) - 0.5 * np.log(2 * np.pi), log_ndtr(-a)
        density[:, i] = logsumexp(each + log_weight, axis=1)
        below[:, i] = 1 - np.exp(logsumexp(above + log_weight, axis=1))
    return density, below


def predicted_pct(parameters: Parameters, table: CentreTable, seed: int = 0) -> Floats:
    """Change of diameter in per cent that would be read, ``(quantile, lesion)`` at :data:`LEVELS`: lesions and readings drawn."""
    volume, log_weight = lesion_volumes(parameters, table)
    rng, sd = core_draws.generator(seed, ROOM, "centre", "readings"), VOLUME_POWER * np.asarray(parameters.sigma_d, np.float64)[:, None]
    mass = np.broadcast_to(np.exp(log_weight), volume.shape[:2]).ravel()
    found = np.empty((len(LEVELS), table.n))
    for i in range(table.n):
        latent = volume[:, :, i]
        if np.isnan(table.week[i]):  # every visit against one baseline, the best told
            error = rng.standard_normal(latent.shape) - rng.standard_normal((*latent.shape[:2], 1))
            drawn = (latent + sd[:, :, None] / np.sqrt(2) * error).min(axis=-1).ravel()
        else:
            drawn = (latent[..., 0] + sd * rng.standard_normal(latent.shape[:2])).ravel()
        order = np.argsort(drawn)
        found[:, i] = np.interp(LEVELS, np.cumsum(mass[order]) / mass.sum(), drawn[order])
    return np.asarray(100 * np.expm1(found / 3))


LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def check(table: CentreTable, parameters: Parameters, figures: Sequence[Term] | None = None) -> dict[str, Any]:
    """A centre's lesions against the posterior, nothing fitted: coverage, bias, log score, models without mechanism, PIT.

    ``figures`` are the published lesions that the models without mechanism are given; left out, all that the synthesis fits.
    """
    density, below = densities(parameters, table)
    each = logsumexp(density, axis=0) - np.log(parameters.n_draws)
    pit = below.mean(axis=0)
    z, weight = np.polynomial.hermite_e.hermegauss(N_LESION_POINTS)
    volume = log_volumes(parameters, table, z.astype(np.float32), np.zeros(N_LESION_POINTS, np.float32)).min(axis=-1)
    expected = (100 * np.expm1(volume / 3) * (weight / weight.sum())[None, :, None]).sum(axis=1).mean(axis=0)
    seen = 100 * np.expm1(table.log_volume / 3)
    predicted = predicted_pct(parameters, table)
    figures = [t for t in fitted() if t.kind == "lesions"] if figures is None else figures
    stand_in = Term("centre", "table", "lesions", "check", "rlt", (1.0, 0.0, 0.0), ASSUMED_KI67_PCT, 0.0, dose_gy=table.dose_gy,
                    log_volume=table.log_volume)
    others = baselines.lesion_baselines(stand_in, figures)
    told = {name: float(value.mean()) for name, value in others.items()}
    # One lesion has no spread between lesions: no error is given, not an error of nothing.
    differences = {name: {"mean": float((each - value).mean()),
                          "standard_error": float((each - value).std(ddof=1) / np.sqrt(table.n)) if table.n > 1 else None}
                   for name, value in others.items()}
    return {
        "n": table.n, "coverage": {str(level): float(np.mean(np.abs(pit - 0.5) <= level / 200)) for level in (50, 80, 90)},
        "bias_pp": float(np.mean(expected - seen)), "log_score_per_lesion": float(each.mean()), "baselines": told, "against": differences,
        "pit": [round(float(p), 4) for p in pit], "pit_uniform": uniform_p(pit.tolist()),
        "lesions": [{"line": int(table.lines[i]), "seen_pct": round(float(seen[i]), 1), "expected_pct": round(float(expected[i]), 1),
                     "median_pct": round(float(predicted[2, i]), 1), "dose_gy": float(table.dose_gy[i]),
                     "interval50_pct": [round(float(x), 1) for x in predicted[[1, 3], i]],
                     "interval90_pct": [round(float(x), 1) for x in predicted[[0, 4], i]],
                     "log_score": round(float(each[i]), 3), "pit": round(float(pit[i]), 3)} for i in range(table.n)],
        "warnings": [twice(lines) for lines in table.alike],
        "note": "lesions of one patient are not told apart: where they are many, coverage and P are only a guide; changes are of diameter",
    }


def study_log_likelihood(table: CentreTable, parameters: Parameters) -> Floats:
    """Log likelihood ``(draw,)`` of the whole table, each draw's own study effect in it."""
    return np.asarray(densities(parameters, table)[0].sum(axis=1))


UPDATE_TIMES = 8
"""Effects of a new study that each draw of the posterior brings to an update."""


def with_new_studies(posterior: Mapping[str, NDArray[Any]], seed: int, times: int) -> list[dict[str, NDArray[Any]]]:
    """The draws of a posterior ``times`` over, each time with another new study's effects.

    The effects of one draw lie in as many strata of equal probability as there are times, one in each, so that every draw is tried over
    the whole width of what a centre may be.
    """
    n = len(posterior["alpha_per_gy"])
    effects = {}
    for name in STUDY_NAMES:
        rng = core_draws.generator(seed, ROOM, "centre", name)
        stratum = np.argsort(rng.uniform(size=(times, n)), axis=0)
        effects[name] = ndtri((stratum + rng.uniform(size=(times, n))) / times)
    return [{name: np.asarray(value, np.float64) for name, value in posterior.items()} | {name: z[i] for name, z in effects.items()}
            for i in range(times)]


def trust(pareto_k: float, survivors: float) -> dict[str, Any]:
    """Whether weighed draws may be used, and what to do where they may not."""
    if pareto_k <= K_LIMIT and survivors >= MIN_SURVIVORS:
        return {"trusted": True}
    return {"trusted": False, "note": f"{survivors:.0f} draws are left of the posterior ({MIN_SURVIVORS} are needed, Pareto's k at most "
            f"{K_LIMIT:g}): these lesions lie too far from what it expects, or are too many to weigh it. Do not predict with it; look at "
            "the lesions with --check."}


@dataclass(frozen=True)
class Updated:
    """What lesions leave of a posterior: its draws, what they taught of the centre, and what the weights are worth."""

    posterior: dict[str, NDArray[np.float32]]
    log_likelihood: Floats | None
    """``(draw,)`` of the centre's own table under each draw of the posterior before; None without a table."""
    study_effect: dict[str, Any] | None
    effective_draws: float
    """Draws of the posterior before that carry the weight: one divided by the sum of the squared weights."""
    pareto_k: float | None

    @property
    def trust(self) -> dict[str, Any]:
        """Effective draws, Pareto's k (None where too few draws carry weight to estimate it), and whether they may be used."""
        k = np.inf if self.pareto_k is None else self.pareto_k
        return {"effective_draws": self.effective_draws, "pareto_k": self.pareto_k, **trust(k, self.effective_draws)}


def update(
    table: CentreTable | None, posterior: Mapping[str, NDArray[Any]], seed: int, shared: Floats | None = None, times: int = UPDATE_TIMES
) -> Updated:
    """Weigh the draws of a posterior by a centre's table and by what other centres' lesions say of them.

    With a table every draw is tried with the effects of ``times`` new studies; what is kept holds the centre's own. ``shared`` is the log
    likelihood ``(draw,)`` of other centres, each with effects of its own that are integrated. All is weighed at once, so that a draw
    counts once however much speaks for it. Where few draws survive, the report says so (``trust``).
    """
    n = len(posterior["alpha_per_gy"])
    log_weight = np.zeros(n) if shared is None else np.asarray(shared, np.float64)
    if table is None:
        weight, k = smooth_weights(log_weight)
        index = core_draws.systematic(weight, n, core_draws.generator(seed, "calibrate", "import"))
        kept = {name: np.asarray(value[index], np.float32) for name, value in posterior.items()}
        return Updated(kept, None, None, float(1 / (weight**2).sum()), _finite(k))
    widened = with_new_studies(posterior, seed, times)
    each = np.stack([study_log_likelihood(table, assemble(free, draw_other(n, seed), "posterior")) for free in widened])
    own = np.asarray(logsumexp(each, axis=0) - np.log(times))
    # A draw weighs what is left once the centre's effects are integrated; which effects go with it, the lesions say.
    of_draw, k = smooth_weights(own + log_weight)
    weight = of_draw * softmax(each, axis=0)
    survivors = float(min(1 / (of_draw**2).sum(), 1 / (weight**2).sum()))
    index = core_draws.systematic(weight.ravel(), n, core_draws.generator(seed, ROOM, "centre"))
    free = {name: np.concatenate([part[name] for part in widened]) for name in widened[0]}
    effect = free["study_log_sd"] * free["study_alpha_z"]
    kept = {name: np.asarray(value[index], np.float32) for name, value in free.items()}
    return Updated(kept, own, {"n": table.n, "before": _told(effect), "after": _told(effect[index])}, survivors, _finite(k))


def _finite(k: float) -> float | None:
    return k if np.isfinite(k) else None


def _told(values: Floats) -> dict[str, Any]:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"median": float(median), "ci90": [float(low), float(high)], "unit": "log ratio of sensitivity x dose to other centres"}
