"""One hierarchical model behind every prediction: all published lesions, arms and curves speak to the same course of a lesion.

Levels: study (one effect on log(sensitivity x dose), one on log growth), patient, lesion. Fixed effects: origin, log Ki-67 on growth and
on sensitivity, line of therapy, sensitiser. Doses of lesions carry a measurement error; arms without dosimetry take the published
population of doses. Read-outs *best of the visits* and *at a week* are kept apart. Every parameter is a standard normal number ``z`` under
its prior (:func:`constrain`), so priors, data and contraction are told on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.response import arms, surface
from neorlt.response.parameters import KI67_REFERENCE_PCT, LEVEL_NAMES, ROOM, TUMOUR_NAMES, read_priors
from neorlt.response.reading import VOLUME_POWER, best_log_density
from neorlt.response.studies import WEEKS_PER_MONTH, Term
from neorlt.response.tumour import quadrature

UNINFORMED = ("alpha_beta_gy", "repair_half_time_h")
"""What the data do not speak to: the chains keep these at their priors' medians; the draws then take them from the priors and are
re-weighted to the likelihood that holds them all."""
POPULATION = (*(name for name in TUMOUR_NAMES if name not in UNINFORMED), "fibrosis_q", *LEVEL_NAMES)
"""Order of the standard normals that the chains walk over."""
VISITS_WEEK = (16.0, 24.0, 36.0, 48.0, 60.0, 72.0, 96.0, 132.0, 180.0, 240.0)
"""Weeks at which an arm is read (NETTER-2: weeks 16, 24, then 12-weekly; later ones thinned)."""
CONTROL_VISITS_WEEK = (12.0, 24.0, 36.0, 48.0, 60.0, 72.0, 96.0, 132.0, 180.0, 240.0)
N_BEST_VISITS = 7
"""A best response is the best of the first seven visits (to week 96): later ones add next to none."""
FOLLOW_UP_WEEK, N_FOLLOW_UPS = 13.0, 4
"""Lesions without dates: the best of four images, every 13 weeks after the last cycle (assumption, swept)."""
MAX_CYCLES = 6
N_LESION_NODES, LESION_REACH, N_GROWTH_NODES = 24, 4.2, 5
"""Nodes of a lesion's own sensitivity, their reach in standard deviations, and nodes of its growth beside each. On 16 nodes to 3 standard
deviations with growth at plus and minus one, a lesion that lies between nodes or past them was all but impossible where readings are sharp
(12 simulated lesions at the truth: mean log likelihood 3.0 too low); on these it is within 0.2 of 160 x 21 nodes for every figure."""
N_POINTS = 64
SHARED_VARIANCE = 0.5
"""Share of the variance of log(sensitivity x dose) that the lesions of a patient have in common (assumption)."""
EXIT_RANGE = (-2.3, 2.3)


def constrain(z: Any, uninformed: Any = None) -> dict[str, Any]:
    """The population's parameters from standard normals in the order of :data:`POPULATION` (last axis).

    ``uninformed`` holds those of :data:`UNINFORMED`; left out, they stand at their priors' medians.
    """
    import jax.numpy as jnp
    from jax.scipy.special import ndtr, ndtri

    priors, free = read_priors(), {}
    for name in (*TUMOUR_NAMES, *LEVEL_NAMES):
        x = z[..., POPULATION.index(name)] if name in POPULATION else (0.0 * z[..., 0] if uninformed is None
                                                                      else uninformed[..., UNINFORMED.index(name)])
        family, p = priors[name]["family"], priors[name]["parameters"]
        if family == "lognormal":
            free[name] = p[0] * jnp.exp(p[1] * x)
        elif family == "normal":
            free[name] = p[0] + p[1] * x
        elif family == "half-normal":
            free[name] = p[0] * ndtri(0.5 + 0.5 * jnp.clip(ndtr(x), 1e-6, 1 - 1e-6))
        else:
            free[name] = beta_quantile(x, *p)
    # Fibrosis cannot exceed the residual: the residual times the larger of two uniform numbers (its split is an assumption).
    free["fibrosis_fraction"] = free["residual_fraction"] * jnp.sqrt(ndtr(z[..., POPULATION.index("fibrosis_q")]))
    return free


def beta_quantile(z: Any, a: float, b: float) -> Any:
    """Quantile of a beta distribution at a standard normal ``z``: straight on the logit scale between 121 knots of ``z``."""
    import jax.numpy as jnp
    from jax.nn import sigmoid
    from scipy.stats import beta, norm

    knots = np.linspace(-5.0, 5.0, 121)
    share = beta.ppf(norm.cdf(knots), a, b)
    value = np.log(share) - np.log1p(-share)
    return sigmoid(jnp.interp(jnp.clip(z, -5.0, 5.0), jnp.asarray(knots), jnp.asarray(value)))


def dose_per_gbq() -> tuple[float, float]:
    """Median and log-SD of a lesion's first-cycle dose per activity, Gy/GBq (Bruvoll 2023; Jahn 2020)."""
    median, log_sd = tables.read_json(ROOM, "population.json")["lesion_gy_per_gbq"]["parameters"]
    return float(median), float(log_sd)


def lesion_cycles(term: Term) -> NDArray[np.intp]:
    """Cycles of each lesion of a figure: stated, or as many as its dose needs."""
    assert term.dose_gy is not None
    if term.dose_per_cycle_gy is None:
        return np.full(len(term.dose_gy), term.cycles, np.intp)
    return np.clip(np.round(term.dose_gy / term.dose_per_cycle_gy), 1, MAX_CYCLES).astype(np.intp)


def lesion_nodes(origins: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Standard normals of a lesion's own sensitivity, codes of its origin and weights that sum to 1, ``(node,)`` each."""
    codes = np.flatnonzero(origins)
    z = np.repeat(np.linspace(-LESION_REACH, LESION_REACH, N_LESION_NODES), len(codes))
    code = np.tile(codes, N_LESION_NODES)
    weight = np.exp(-0.5 * z**2) * np.asarray(origins, np.float64)[code]
    return z, code, weight / weight.sum()


def follow_ups(cycles: int, interval_week: float, read_week: float | None) -> tuple[float, ...]:
    """Weeks of a lesion's images."""
    if read_week is not None:
        return (read_week,)
    return tuple((cycles - 1) * interval_week + FOLLOW_UP_WEEK * (1 + k) for k in range(N_FOLLOW_UPS))


@dataclass(frozen=True)
class Answers:
    """What the model says of every term, under one set of parameters.

    ``counts`` ``(count term, 2)``: chance of response, of progression. ``log_curve`` ``(curve term,)``: log share free of progression
    at the term's month (of a hazard ratio: the log of the ratio). ``lesions``: for each lesion term log densities ``(lesion,)``, and
    those of the other reading of the sign.
    """

    counts: Any
    log_curve: Any
    lesions: tuple[tuple[Any, Any], ...]


class Seen(NamedTuple):
    """What was observed, apart from the terms that say how: other observations of the same terms share one compiled likelihood.

    ``counts`` ``(count term, 3)``: responders, others (or stable), progression; ``target``, ``se``, ``log_se`` ``(curve term,)``: logit of
    the share free of progression (of a hazard ratio: its log), its standard error, the log of that; ``log_volume``, ``other``
    ``(lesion,)`` for each lesion term, as read and with the other sign.
    """

    counts: Any
    target: Any
    se: Any
    log_se: Any
    log_volume: tuple[Any, ...]
    other: tuple[Any, ...]


@dataclass(frozen=True)
class _Rows:
    """Arms: what :mod:`arms` needs, ``(row,)`` each."""

    term: NDArray[np.intp]
    origin: NDArray[np.intp]
    """``(row, point)``: patients take the origins in their shares."""
    course: NDArray[np.intp]
    log_dose: NDArray[np.float32]
    visits: NDArray[np.float32]
    column: NDArray[np.intp]
    index: NDArray[np.intp]
    """Position of the term among counts, or among curves."""


class Synthesis:
    """The likelihood of a list of terms.

    Parameters
    ----------
    terms
        Fitted terms, or checks that are to be predicted.
    n_points
        Patients an arm is integrated over (a power of two).
    """

    def __init__(self, terms: Sequence[Term], n_points: int = N_POINTS, seed: int = 5, fine: bool = False) -> None:
        self.terms = tuple(terms)
        self.given = arms.points(n_points, len(VISITS_WEEK), seed)
        self.counts = [t for t in self.terms if t.kind == "counts"]
        self.curves = [t for t in self.terms if t.kind == "pfs"]
        self.figures = [t for t in self.terms if t.kind == "lesions"]
        self.position = {id(t): i for i, t in enumerate(self.terms)}
        self.at = {kind: np.array([self.position[id(t)] for t in group], np.intp)
                   for kind, group in (("counts", self.counts), ("pfs", self.curves), ("lesions", self.figures))}
        self.seen = self._seen()
        plain = self._make_surfaces()
        self.surfaces = surface.finer(plain) if fine else plain

        def rlt(t: Term) -> bool:
            return t.treatment == "rlt"

        def other(t: Term) -> bool:
            return t.treatment != "rlt"

        self.groups = {
            "best": self._rows(self.counts, lambda t: rlt(t) and t.read_week is None),
            "week": self._rows(self.counts, lambda t: rlt(t) and t.read_week is not None),
            "best control": self._rows(self.counts, other),
            "curve": self._rows(self.curves, rlt), "curve control": self._rows(self.curves, other),
        }

    def _seen(self) -> Seen:
        """The observations that the terms hold."""
        counts = [[t.counts[0], t.counts[1] if len(t.counts) == 3 else sum(t.counts[1:]), t.counts[2] if len(t.counts) == 3 else 0]
                  for t in self.counts]
        target = [np.log(t.free) if t.statistic == "hazard_ratio" else np.log(t.free / (1 - t.free)) for t in self.curves]
        se = np.array([t.log_se for t in self.curves])
        return Seen(np.array(counts, np.float32), np.array(target), se, np.log(se), tuple(t.log_volume for t in self.figures),
                    tuple(other_reading(t) for t in self.figures))

    def _make_surfaces(self) -> surface.Surfaces:
        need: dict[tuple[int, float], set[float]] = {}
        for t in self.counts + self.curves:
            if t.treatment == "rlt":
                visits = need.setdefault((t.cycles, t.interval_weeks), set())
                visits |= set(VISITS_WEEK) | ({t.read_week} if t.read_week is not None else set())
        for t in self.figures:
            for n in np.unique(lesion_cycles(t)):
                need.setdefault((int(n), t.interval_weeks), set()).update(follow_ups(int(n), t.interval_weeks, t.read_week))
        if not need:
            need[4, 8.0] = set(VISITS_WEEK)
        most = max(len(visits) for visits in need.values())
        self.course_of = {key: i for i, key in enumerate(need)}
        self.visits_of = [tuple(sorted(visits)) for visits in need.values()]
        return surface.Surfaces(tuple(surface.Course(*key, surface.pad_visits(visits, most))
                                      for key, visits in zip(need, self.visits_of, strict=True)))

    def _rows(self, group: list[Term], wanted: Any) -> _Rows | None:
        found: dict[str, list[Any]] = {name: [] for name in _Rows.__dataclass_fields__}
        median, _ = dose_per_gbq()
        for i, t in enumerate(group):
            if not wanted(t):
                continue
            course = self.course_of[t.cycles, t.interval_weeks] if t.treatment == "rlt" else 0
            visits = list(CONTROL_VISITS_WEEK if t.treatment != "rlt" else VISITS_WEEK)
            if t.read_week is not None:
                visits = [t.read_week] * len(VISITS_WEEK)
            given = (1 - surface.FALL) ** np.arange(t.cycles)
            log_dose = np.log(median * t.activity_gbq * t.dose_ratio * given.sum()) if t.treatment == "rlt" else 0.0
            column = [self.visits_of[course].index(week) for week in visits] if t.treatment == "rlt" else [0] * len(visits)
            origin = np.searchsorted(np.cumsum(t.origin)[:-1], self.given.origin, side="right")
            row = {"term": self.position[id(t)], "origin": origin, "course": course, "log_dose": log_dose, "visits": visits,
                   "column": column, "index": i}
            for name, value in row.items():
                found[name].append(value)
        if not found["term"]:
            return None
        whole = ("term", "origin", "course", "column", "index")
        arrays: dict[str, Any] = {name: np.array(value, np.intp if name in whole else np.float32) for name, value in found.items()}
        return _Rows(**arrays)

    def _field(self, rows: _Rows, name: str) -> NDArray[np.float32]:
        return np.array([float(getattr(self.terms[i], name)) for i in rows.term], np.float32)

    def _growth(self, free: dict[str, Any], rows: _Rows, v: Any) -> tuple[Any, Any, Any]:
        """Log growth per hour ``(row, point)``, hazard of other exits per week ``(row, point)``, log Ki-67 over the reference."""
        import jax.numpy as jnp

        given = self.given
        log_ki67 = np.log(self._field(rows, "ki67_median_pct") / KI67_REFERENCE_PCT)[:, None] \
            + self._field(rows, "ki67_log_sd")[:, None] * given.ki67[None]
        entry = [self.terms[i].entry for i in rows.term]
        shift = free["entry_progressive"] * np.array([e == "progressive" for e in entry]) \
            + free["entry_stable"] * np.array([e == "stable" for e in entry]) \
            + free["analogue_log_growth"] * np.array([self.terms[i].treatment == "ssa" for i in rows.term]) \
            + free["study_growth_log_sd"] * v[rows.term]
        relative = shift[:, None] + free["ki67_log_growth"] * log_ki67 + free["growth_log_sd"] * given.growth[None]
        rlt = np.array([self.terms[i].treatment == "rlt" for i in rows.term])
        exits = free["exit_per_month"] / WEEKS_PER_MONTH * jnp.exp(jnp.clip(relative, *EXIT_RANGE)) \
            * jnp.where(rlt, free["exit_ratio_rlt"], 1.0)[:, None]
        return jnp.log(np.log(2.0) / (24.0 * free["doubling_time_d"])) + relative, exits, log_ki67

    def _shift(self, free: dict[str, Any], origin: Any, first_line: Any, sensitiser: Any) -> Any:
        """Log sensitivity over that of a pancreatic tumour of the reference Ki-67 without sensitiser, between lines."""
        import jax.numpy as jnp

        by_origin = jnp.stack([jnp.zeros_like(free["origin_other"]), free["origin_small_intestine"], free["origin_other"]])
        return jnp.log(free["alpha_per_gy"]) + by_origin[origin] + free["line_log_alpha"] * (first_line - 0.5) \
            + jnp.log(free["dose_modifying_factor"]) * sensitiser

    def _sums(self, free: dict[str, Any], coefficients: Any, rows: _Rows, u: Any, v: Any, n_visits: int) -> tuple[Any, Any]:
        """Latent log sum of targets ``(row, point, visit)`` and the hazard of other exits."""
        import jax.numpy as jnp

        given, n = self.given, len(rows.term)
        growth, exits, log_ki67 = self._growth(free, rows, v)
        if self.terms[rows.term[0]].treatment != "rlt":
            log_volume = surface.untreated(free, growth, rows.visits[:, None, :n_visits])
            return log_volume / 3, exits
        _, dose_sd = dose_per_gbq()
        sd = jnp.sqrt(free["omega_alpha"] ** 2 + dose_sd**2)
        own = np.sqrt(SHARED_VARIANCE) * given.patient[:, None] + np.sqrt(1 - SHARED_VARIANCE) * given.lesion
        centre = self._shift(free, rows.origin, self._field(rows, "first_line")[:, None], self._field(rows, "sensitiser")[:, None]) \
            + (free["study_log_sd"] * u[rows.term] + rows.log_dose)[:, None]
        effect = (centre + free["ki67_log_alpha"] * log_ki67)[:, :, None] + sd * own[None]
        points = effect.shape[1] * arms.N_TARGETS
        wide = jnp.broadcast_to(growth[:, :, None], effect.shape)
        read = self.surfaces.read_at(coefficients, rows.course, rows.column[:, :n_visits], effect.reshape(n, points),
                                     wide.reshape(n, points))
        return arms.sum_of_targets(read.reshape(*effect.shape, n_visits)), exits

    def _reading_sd(self, free: dict[str, Any], rows: _Rows) -> Any:
        import jax.numpy as jnp

        local = np.array([self.terms[i].reading != "central" for i in rows.term])
        return free["sum_log_sd"] * jnp.where(local, free["local_reading_ratio"], 1.0) / np.sqrt(2.0)

    def emulator(self) -> surface.Emulator:
        """The surfaces as polynomials of the parameters that shape them."""
        columns = np.array([POPULATION.index(name) for name in surface.SHAPE], np.intp)
        return surface.Emulator(self.surfaces, constrain, len(POPULATION), columns)

    def answer(self, free: dict[str, Any], u: Any, v: Any, coefficients: Any = None, seen: Seen | None = None) -> Answers:
        """What the model says of every term; ``u`` and ``v`` ``(term,)`` are the studies' standard normals.

        ``coefficients`` of the surfaces, where an emulator gave them; else they are run. ``seen``: other observations than the terms'.
        """
        import jax.numpy as jnp

        coefficients = self.surfaces(free) if coefficients is None else coefficients
        counts = jnp.zeros((max(len(self.counts), 1), 2))
        curve = jnp.zeros(max(len(self.curves), 1))
        for name, rows in self.groups.items():
            if rows is None:
                continue
            sd = self._reading_sd(free, rows)
            if "curve" in name:
                sums, exits = self._sums(free, coefficients, rows, u, v, len(VISITS_WEEK))
                free_of = arms.free_of_progression(sums, rows.visits, exits, sd, self.given).mean(axis=1)
                weeks = np.array([self.curves[i].month * WEEKS_PER_MONTH for i in rows.index], np.float32)
                curve = curve.at[rows.index].set(arms.log_curve_at(free_of, rows.visits, weeks))
                if name == "curve control":
                    curve = self._ratios(curve, free_of, rows)
                continue
            log_ratio = np.log(self._field(rows, "response_ratio"))
            sums, exits = self._sums(free, coefficients, rows, u, v, 1 if name == "week" else N_BEST_VISITS)
            if name == "week":
                found = arms.at_week(sums[:, :, 0], exits, rows.visits[:, 0], sd, log_ratio)
            else:
                found = arms.best_response(sums, rows.visits[:, :N_BEST_VISITS], exits, sd, log_ratio, self.given)
            mean = jnp.stack([part.mean(axis=1) for part in found], axis=-1)
            if name == "best control":
                analogue = np.array([self.terms[i].treatment == "ssa" for i in rows.term])
                extra = (free["response_without_rlt"] * analogue)[:, None]
                mean = mean * (1 - extra) + jnp.concatenate([extra, jnp.zeros_like(extra)], axis=1)
            counts = counts.at[rows.index].set(mean)
        seen = self.seen if seen is None else seen
        lesions = tuple(self._figure(free, coefficients, t, u[i], v[i], seen.log_volume[k], seen.other[k])
                        for k, (t, i) in enumerate(zip(self.figures, self.at["lesions"], strict=True)))
        return Answers(counts[: len(self.counts)], curve[: len(self.curves)], lesions)

    def _ratios(self, curve: Any, controls: Any, rows: _Rows) -> Any:
        """Where a term is a hazard ratio: log of the cumulative hazard over that of its control arm at the same month."""
        import jax.numpy as jnp

        for i, t in enumerate(self.curves):
            if t.statistic == "hazard_ratio":
                control = next(k for k, c in enumerate(self.curves) if c.study == t.study and c.id == t.control)
                week = np.array([t.month * WEEKS_PER_MONTH], np.float32)
                here = list(rows.index).index(control)
                other = arms.log_curve_at(controls[here : here + 1], rows.visits[:1], week)[0]
                curve = curve.at[i].set(jnp.log(jnp.maximum(-curve[i], 1e-4) / jnp.maximum(-other, 1e-4)))
        return curve

    def lesion_volumes(self, free: dict[str, Any], coefficients: Any, term: Term, u: Any, v: Any, dose_gy: Any = None
                       ) -> tuple[Any, NDArray[np.float64]]:
        """Log volumes ``(visit, node, lesion)`` and log weights ``(node,)`` of a figure's lesions at nodes of what is not known."""
        import jax.numpy as jnp

        assert term.dose_gy is not None
        log_dose = np.log(term.dose_gy if dose_gy is None else dose_gy)
        spread = max(float(np.var(np.log(term.dose_gy))) - term.dose_log_sd**2, 0.1)
        trust = spread / (spread + term.dose_log_sd**2)
        centre_dose = float(np.mean(np.log(term.dose_gy)))
        log_dose = centre_dose + trust * (log_dose - centre_dose)
        sd = jnp.sqrt(free["omega_alpha"] ** 2 + trust * term.dose_log_sd**2 + (free["ki67_log_alpha"] * term.ki67_log_sd) ** 2)
        log_ki67 = np.log(term.ki67_median_pct / KI67_REFERENCE_PCT)
        growth = jnp.log(np.log(2.0) / (24.0 * free["doubling_time_d"])) + free["ki67_log_growth"] * log_ki67 \
            + free["study_growth_log_sd"] * v
        growth_sd = jnp.sqrt(free["growth_log_sd"] ** 2 + (free["ki67_log_growth"] * term.ki67_log_sd) ** 2)
        (own, origin, weight), (z_growth, share) = lesion_nodes(term.origin), quadrature(N_GROWTH_NODES)
        shift = self._shift(free, origin, term.first_line, term.sensitiser) + free["study_log_sd"] * u \
            + free["ki67_log_alpha"] * log_ki67 + sd * own
        cycles = lesion_cycles(term)
        course = np.array([self.course_of[int(n), term.interval_weeks] for n in cycles])
        column = np.array([[self.visits_of[c].index(week) for week in follow_ups(int(n), term.interval_weeks, term.read_week)]
                           for c, n in zip(course, cycles, strict=True)])
        read = self.surfaces.read_product(coefficients, course, column, jnp.asarray(log_dose, jnp.float32)[:, None] + shift[None],
                                          growth + growth_sd * jnp.asarray(z_growth, jnp.float32))
        return jnp.transpose(read, (3, 1, 2, 0)).reshape(column.shape[1], -1, len(cycles)), np.log(np.outer(weight, share)).ravel()

    def _figure(self, free: dict[str, Any], coefficients: Any, term: Term, u: Any, v: Any, y: Any, other: Any) -> tuple[Any, Any]:
        volumes, log_weight = self.lesion_volumes(free, coefficients, term, u, v)
        read = lesion_log_density(volumes, log_weight, y, free["sigma_d"])
        return read, read if term.sign_known else lesion_log_density(volumes, log_weight, other, free["sigma_d"])

    def log_likelihood(self, said: Answers, seen: Seen | None = None) -> Any:
        """Log likelihood of every term, ``(term,)``; ``said`` was asked with the same observations."""
        import jax.numpy as jnp
        from jax.scipy.special import gammaln

        seen = self.seen if seen is None else seen
        total = jnp.zeros(len(self.terms))
        if self.counts:
            both = np.array([len(t.counts) == 3 for t in self.counts])
            response, progression = said.counts[:, 0], said.counts[:, 1]
            rest = jnp.where(both, 1 - response - progression, 1 - response)
            p = jnp.clip(jnp.stack([response, rest, progression], axis=1), 1e-5, 1.0)
            constant = gammaln(seen.counts.sum(1) + 1) - gammaln(seen.counts + 1).sum(1)
            total = total.at[self.at["counts"]].set(constant + (seen.counts * jnp.log(p)).sum(1))
        if self.curves:
            ratio = np.array([t.statistic == "hazard_ratio" for t in self.curves])
            log_free = jnp.minimum(said.log_curve, -1e-5)
            value = jnp.where(ratio, said.log_curve, log_free - jnp.log(-jnp.expm1(log_free)))
            total = total.at[self.at["pfs"]].set(-0.5 * ((seen.target - value) / seen.se) ** 2 - seen.log_se - 0.5 * np.log(2 * np.pi))
        for i, t, (read, other) in zip(self.at["lesions"], self.figures, said.lesions, strict=True):
            value = read.sum() if t.sign_known else jnp.logaddexp(read.sum(), other.sum()) - np.log(2.0)
            total = total.at[i].set(value)
        return total


def other_reading(term: Term) -> NDArray[np.float64]:
    """Log volumes where the axis of a figure of diameters means the opposite; a diameter below a tenth is read as a tenth."""
    assert term.log_volume is not None
    return np.asarray(3.0 * np.log(np.maximum(1.0 - np.expm1(term.log_volume / 3.0), 0.1)))


def lesion_log_density(volumes: Any, log_weight: NDArray[np.float64], y: Any, sigma_d: Any, density: bool = True) -> Any:
    """Log density (or log of the chance of more) ``(lesion,)`` of what was read, over nodes; one visit, or the best of several."""
    import jax.numpy as jnp
    from jax.scipy.special import log_ndtr, logsumexp

    if volumes.shape[0] > 1:
        found = best_log_density(jnp.asarray(y), volumes, sigma_d, density)
    else:
        s = VOLUME_POWER * sigma_d
        a = (jnp.asarray(y) - volumes[0]) / s
        found = -0.5 * a**2 - jnp.log(s) - 0.5 * np.log(2 * np.pi) if density else log_ndtr(-a)
    return logsumexp(found + jnp.asarray(log_weight)[:, None], axis=0)


def studies_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """Names of the studies, sorted; the order of the studies' effects."""
    return tuple(sorted({t.study for t in terms}))


def prior_names() -> dict[str, Any]:
    """The table of priors of everything the synthesis samples."""
    return {name: read_priors()[name] for name in (*TUMOUR_NAMES, *LEVEL_NAMES)}
