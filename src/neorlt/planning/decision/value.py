"""What knowing more would be worth, and what would change the answer.

Expected value of partial perfect information by regression (Strong, Oakley & Brennan 2014, Med Decis Making 34:311): the
expected utility of every option given an assumption is a smooth curve through the draws. All assumptions are fitted together
as a sum of splines first, and what the others explain is taken off before each is fitted by itself, which leaves little noise
to take a maximum over. A dummy that nothing depends on shows the floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.planning.decision.decide import Decision
from neorlt.planning.decision.rates import causes

Floats = NDArray[np.float64]
DUMMY = "dummy (nothing depends on it)"
N_KNOTS = 5
FEW_DRAWS = 5000
"""Below this many draws parabolas take the place of splines: fewer columns than draws."""
LOW, HIGH = 0.01, 0.99
"""Assumptions are varied between these quantiles when a flip is looked for."""


def world_columns(decision: Decision) -> dict[str, Floats]:
    """Assumptions about the tumour's answer, ``(draw,)`` or ``(draw, column)`` each."""
    p = decision.inputs.world.parameters

    def column(name: str, take: int | None = None) -> Floats:
        value = np.asarray(getattr(p, name), float)
        return value if value.ndim == 1 else value[:, take if take is not None else 0]

    return {
        "scar": column("fibrotic_residue_probability"), "clearance": np.log(column("clearance_half_life_d")),
        "growth": np.log(column("doubling_time_d")),
        "90Y against 177Lu per Gy": column("rho", p.nuclides.index("Y-90")) - column("rho", 0), "unevenness": column("sigma_h", 0),
        "sensitiser": np.log(column("dose_modifying_factor", 2)), "sensitivity to dose": np.log(column("alpha_per_gy")),
    }


def luck_columns(decision: Decision) -> Floats:
    """The patient's own luck ``(draw, column)``: it explains utility, and no study can reveal it."""
    from neorlt.planning.decision import before

    world = decision.inputs.world
    main = world.followed
    columns = [np.asarray(world.effects.alpha_z)[:, main], np.asarray(world.effects.growth_z)[:, main],
               world.generator("captem response").standard_normal(world.n_draws), np.log(world.kinetics[main].gy_per_gbq[:, 0]),
               *before.scarred(world).astype(float).T]
    columns += [state.grade34_blood.astype(float) for state in decision.inputs.restaged.values() if state.grade34_blood is not None]
    return np.stack(columns, axis=1)


def assumption_columns(decision: Decision) -> dict[str, Floats]:
    """Every cause of doubt with its columns ``(draw, column)``, and a dummy; the number that a flip is looked for comes first."""
    rates = decision.inputs.rates
    found = {name: value[:, None] for name, value in world_columns(decision).items()}
    for cause, names in causes().items():
        first = FLIPS[cause][0] if cause in FLIPS else names[0]
        found[cause] = np.stack([rates[name] for name in (first, *(other for other in names if other != first))], axis=1)
    found[DUMMY] = decision.inputs.world.generator("dummy").standard_normal((decision.inputs.world.n_draws, 1))
    return found


def _basis(columns: Floats) -> list[Floats]:
    """Centred splines of every column; a column with few values enters as it is, one that does not vary is empty."""
    from sklearn.preprocessing import SplineTransformer

    spread = columns.std(axis=0)
    z = (columns - columns.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    smooth = np.array([len(np.unique(column[:200])) >= 10 for column in z.T]) & (spread > 1e-12)
    parts: list[Floats] = [column[:, None] if varies else np.zeros((len(z), 0)) for column, varies in zip(z.T, spread > 1e-12, strict=True)]
    if smooth.any() and len(columns) < FEW_DRAWS:
        for column in np.flatnonzero(smooth):
            square = z[:, column] ** 2
            parts[column] = np.stack([z[:, column], square - square.mean()], axis=1)
    elif smooth.any():
        spline = SplineTransformer(n_knots=N_KNOTS, degree=3, knots="quantile", include_bias=False, extrapolation="linear")
        made = np.asarray(spline.fit_transform(z[:, smooth]))
        width = made.shape[1] // int(smooth.sum())
        made -= made.mean(axis=0)
        for k, column in enumerate(np.flatnonzero(smooth)):
            parts[column] = made[:, k * width : (k + 1) * width]
    return parts


def _fit(basis: Floats, target: Floats) -> Floats:
    """Coefficients ``(column, option)`` of a lightly penalised least-squares fit to centred targets."""
    from sklearn.linear_model import Ridge

    if basis.shape[1] == 0:
        return np.zeros((0, target.shape[1]))
    model = Ridge(alpha=1.0, fit_intercept=False, solver="cholesky")
    return np.asarray(model.fit(basis, target).coef_).reshape(target.shape[1], -1).T


@dataclass(frozen=True)
class Effects:
    """Expected utility given what is known, ``(draw, option)`` by the assumption's name."""

    mean: Floats
    curves: Mapping[str, Floats]
    """Given all numbers of an assumption."""
    first: Mapping[str, Floats]
    """Given its first number alone."""
    known: Floats
    """Given everything about the world, the patient's own luck left open."""
    explained: float
    """Share of the variance of the differences between options that the sum of splines explains."""


def main_effects(utility: Floats, assumptions: Mapping[str, Floats], luck: Floats | None = None, together: Sequence[str] = ()) -> Effects:
    """Fit the effect of every assumption on every option's utility.

    Parameters
    ----------
    utility
        ``(draw, option)``.
    assumptions
        ``(draw, column)`` by name; columns of one assumption are independent of one another.
    luck
        ``(draw, column)`` of what else moves utility.
    together
        Names of assumptions that are correlated with one another (one posterior): none of these is taken off before another
        of them is fitted.
    """
    mean = utility.mean(axis=0)
    centred = utility - mean
    wide = [np.asarray(columns, float) for columns in assumptions.values()]
    parts = _basis(np.concatenate([*wide, *([] if luck is None else [luck])], axis=1))
    bases: dict[str, list[Floats]] = {}
    start = 0
    for name, columns in zip(assumptions, wide, strict=True):
        bases[name] = parts[start : start + columns.shape[1]]
        start += columns.shape[1]
    joint = np.concatenate(parts, axis=1)
    coefficients = _fit(joint, centred)
    widths = [part.shape[1] for part in parts]
    ends = np.cumsum([0, *widths])
    fitted = [part @ coefficients[low:high] for part, low, high in zip(parts, ends[:-1], ends[1:], strict=True)]
    total = joint @ coefficients
    by_name: dict[str, Floats] = {}
    first: dict[str, Floats] = {}
    start = 0
    for name, basis in bases.items():
        by_name[name] = np.sum(fitted[start : start + len(basis)], axis=0)
        first[name] = mean + fitted[start]
        start += len(basis)
    curves = {name: mean + part for name, part in by_name.items()}
    correlated = [name for name in together if name in bases]
    shared = sum((by_name[name] for name in correlated), start=np.zeros_like(centred))
    for name in correlated:
        # One posterior: what its other members explain may be this one's doing.
        basis_of = np.concatenate(bases[name], axis=1)
        curves[name] = first[name] = mean + basis_of @ _fit(basis_of, centred - (total - shared))
    known = mean + sum(by_name.values(), start=np.zeros_like(centred))
    spread = (centred[:, 1:] - centred[:, :1]).var()
    left = ((centred - total)[:, 1:] - (centred - total)[:, :1]).var()
    return Effects(mean, curves, first, known, float(1 - left / spread) if spread > 0 else 1.0)


@dataclass(frozen=True)
class Value:
    """Worth of knowing one assumption exactly, in quality-adjusted months a patient, with its Monte Carlo error."""

    assumption: str
    months: float
    mc_error: float

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"assumption": self.assumption, "months": self.months, "mc_error": self.mc_error}


def worth(conditional: Floats, mean: Floats, eligible: Sequence[bool]) -> tuple[float, float]:
    """Expected gain of choosing after ``conditional`` ``(draw, option)`` is known, and its Monte Carlo error."""
    pool = np.flatnonzero(eligible)
    best = int(pool[np.argmax(mean[pool])])
    gain = conditional[:, pool].max(axis=1) - conditional[:, best]
    return float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))


def effects_of(decision: Decision) -> Effects:
    """Effects of all assumptions of a decision."""
    return main_effects(decision.utility, assumption_columns(decision), luck_columns(decision), tuple(world_columns(decision)))


def evppi(decision: Decision, effects: Effects | None = None) -> list[Value]:
    """Value of knowing each assumption, largest first; the dummy shows the floor."""
    effects = effects_of(decision) if effects is None else effects
    found = []
    for name, curve in effects.curves.items():
        gain, error = worth(curve, effects.mean, decision.eligible)
        found.append(Value(name, 12 * gain, 12 * error))
    return sorted(found, key=lambda value: -value.months)


def evpi(decision: Decision) -> Value:
    """Value of knowing everything about the world and the patient's own answer (not his fate)."""
    gain, error = worth(decision.utility, decision.utility.mean(axis=0), decision.eligible)
    return Value("everything", 12 * gain, 12 * error)


FLIPS = {
    "scar": ("fibrotic_residue_probability", "chance that a vessel stays bound by scar", ""),
    "clearance": ("clearance_half_life_d", "half-life of clearance of dead cells", "days"),
    "growth": ("doubling_time_d", "median doubling time", "days"),
    "90Y against 177Lu per Gy": ("rho", "dose that stays in a clone, 90Y less 177Lu", ""),
    "unevenness": ("sigma_h", "log-SD of dose within the tumour", ""),
    "sensitiser": ("dose_modifying_factor", "factor of a sensitiser on dose", ""),
    "unmodelled effect of RLT": ("log_hr_unmodelled", "hazard ratio of recurrence after RLT beyond the margin", ""),
    "operative risk": ("p_operative_death", "operative death at 60 years, distal", ""),
    "metastasis while waiting": ("metastasis_per_year", "new metastasis a year at 20 mm", "1/year"),
    "margin": ("log_hr_recurrence_r1", "hazard ratio of recurrence after R1", ""),
    "operability": ("became_resectable_logit", "chance that a tumour with the series' vessel contact can be resected, now or later",
                    ""),
    "recurrence": ("recurrence_per_year", "recurrence a year at Ki-67 2 %", "1/year"),
    "progression unresected": ("progression_per_year", "progression a year untreated at Ki-67 3 %", "1/year"),
    "systemic treatments": ("log_hr_progression_rlt", "hazard ratio of progression under the usual course", ""),
}
"""One number for each cause whose change may flip the choice."""


_LOGGED = ("clearance_half_life_d", "doubling_time_d", "dose_modifying_factor")


def _shown(name: str, value: float) -> float:
    """The number as a person reads it."""
    if name.startswith("log_hr") or name in _LOGGED:
        return float(np.exp(value))
    if name.endswith("_logit"):
        return float(1 / (1 + np.exp(-value)))
    return value


def flips(decision: Decision, effects: Effects | None = None) -> list[dict[str, Any]]:
    """For each assumption the value at which another option becomes best, likeliest first; ``to`` is None where none does.

    The expected utilities given one number follow from the same sum of splines; the number is varied between its 1 % and 99 %
    quantiles while all else stays as doubtful as it is.
    """
    effects = effects_of(decision) if effects is None else effects
    columns = assumption_columns(decision)
    pool = np.flatnonzero(decision.eligible)
    best = decision.choice.best
    found = []
    for cause, (name, words, unit) in FLIPS.items():
        x = columns[cause][:, 0]
        now = float(np.median(x))
        low, high = np.quantile(x, [LOW, HIGH])
        winner = pool[np.argmax(effects.first[cause][:, pool], axis=1)]
        changed = np.flatnonzero((x >= low) & (x <= high) & (winner != best))
        row: dict[str, Any] = {
            "assumption": cause, "quantity": words, "unit": unit, "from": _shown(name, now), "to": None, "new_best": None,
            "range": [_shown(name, float(low)), _shown(name, float(high))], "p_beyond": 0.0}
        if len(changed):
            at = changed[np.argmin(np.abs(x[changed] - now))]
            row |= {"to": _shown(name, float(x[at])), "new_best": decision.options[int(winner[at])].name,
                    "p_beyond": float(np.mean((x >= x[at]) if x[at] >= now else (x <= x[at])))}
        found.append(row)
    return sorted(found, key=lambda r: (r["to"] is None, -r["p_beyond"]))
