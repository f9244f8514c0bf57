"""Population kinetics per organ and lesion, and what one, two or more points (or the last cycle) make of them.

A region's curve has log-normal biology around its organ's median. The population's own median is uncertain too, and is
shared: that is the hierarchy. A patient's earlier cycle replaces the population by that patient, with the scatter between
cycles on top. With three points or more the points decide; with one or two the population carries the shape and its
spread is the width of the answer.

The medians are assumptions of this project, of the size that is usual for 177Lu-DOTATATE (effective half-lives: kidney
about 50 h, spleen 65 h, liver 65 h, lesions 90 h); none is taken from a table of measured half-lives, because no such
table could be read in full text. A centre replaces them by its own with :func:`population_from_curves`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neorlt.core.anatomy import organ_of
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.dosimetry.objects import TimeIntegratedActivity
from neorlt.dosimetry.priors import WEAK, CurvePrior

LU177_HALF_LIFE_H = 6.647 * 24.0
"""To turn the effective half-lives below (for 177Lu) into biological ones; decay_checks, ICRP 107."""

_SOURCE = "assumption: usual size for 177Lu-DOTATATE, see the module's notes"
BETWEEN_LOG_SD = {"kidney": 0.35, "spleen": 0.40, "liver": 0.45, "lesion": 0.80}
"""Log-SD between patients of the *biological* slow half-life (assumption). That of lesions is wide because a lesion that
keeps what it took up has no finite biological half-life: the effective one then is the physical one."""
MEDIAN_EFFECTIVE_LOG_SD = 0.20
"""Log-SD of the population's own median (the hierarchy's upper level), of the *effective* half-life: another centre's
kidneys may have 60 instead of 50 h, its lesions 110 instead of 90 h (assumption). In the log of the biological half-life,
which the fit uses, that is 0.31 for a kidney and 0.54 for a lesion: the nearer the effective half-life is to the physical
one, the less it says about the biological one."""
BETWEEN_CYCLE_LOG_SD = 0.15
"""Log-SD of a patient's biological half-life from cycle to cycle (assumption)."""


def _biological(effective_h: float) -> float:
    return 1.0 / (1.0 / effective_h - 1.0 / LU177_HALF_LIFE_H)


def median_log_sd(effective_h: float) -> float:
    """Log-SD of the median biological half-life that :data:`MEDIAN_EFFECTIVE_LOG_SD` stands for."""
    return float(np.log(_biological(np.exp(MEDIAN_EFFECTIVE_LOG_SD) * effective_h) / _biological(effective_h)))


def _organ(effective_h: float, log_sd: float, ratio: float, uptake_h: float = 0.7) -> CurvePrior:
    return CurvePrior(
        slow_half_life_h=(_biological(effective_h), float(np.hypot(log_sd, median_log_sd(effective_h)))),
        uptake_half_time_h=(uptake_h, 0.8),
        fast_ratio=(ratio, 0.8),
        fast_half_life_h=(8.0, 0.6),
        knows_shape=True,
        label=Label.ASSUMPTION,
        source=_SOURCE,
    )


POPULATION: dict[str, CurvePrior] = {
    "kidney": _organ(50.0, BETWEEN_LOG_SD["kidney"], 0.3),
    "spleen": _organ(65.0, BETWEEN_LOG_SD["spleen"], 0.2),
    "liver": _organ(65.0, BETWEEN_LOG_SD["liver"], 0.3),
    "lesion": _organ(90.0, BETWEEN_LOG_SD["lesion"], 0.15, uptake_h=2.0),
}
"""Prior per kind of region: between-patient spread and the uncertainty of the median, added."""

REST_OF_BODY = CurvePrior(
    slow_half_life_h=(_biological(60.0), float(np.hypot(0.5, median_log_sd(60.0)))),
    uptake_half_time_h=(0.05, 0.8),
    fast_ratio=(2.0, 0.9),
    fast_half_life_h=(3.0, 0.7),
    knows_shape=True,
    label=Label.ASSUMPTION,
    source="assumption: what the injection leaves outside organs and lesions is there at once, most of it leaves by the kidneys within "
    "hours and the rest with about 60 h effective half-life",
)
"""Prior of the rest of the body. Without it a late image says nothing of the first day, and what is read back to the injection
has no bound."""
LEAST_CURVES = 5
"""Fewer curves than this are no population."""
POPULATION_POINTS = 3
"""Up to so many images the population is every region's prior; with more the points decide, under the weak prior."""


def population_prior(name: str, is_lesion: bool) -> CurvePrior:
    """The population's belief about a region, by its name; the weak prior where the organ is not listed."""
    kind = region_kind(name, is_lesion)
    return WEAK if kind is None else POPULATION[kind]


def curve_priors(
    names: Sequence[str],
    lesions: Collection[str],
    n_points: int,
    *,
    own: Mapping[str, CurvePrior] | None = None,
    previous: Mapping[str, LastCycle] | None = None,
) -> list[CurvePrior]:
    """Prior of each region of a study.

    Parameters
    ----------
    names, lesions
        Regions in order, and which of them are lesions.
    n_points
        Images of the study.
    own
        A centre's own population by kind of region (``kidney``, ``lesion``, …): used whatever the number of images.
    previous
        The last cycle by region: its own half-life, with the scatter between cycles, in the place of the population's.
    """
    found = []
    for name in names:
        kind = region_kind(name, name in lesions)
        prior = (own or {}).get(kind or "") or (
            population_prior(name, name in lesions) if n_points <= POPULATION_POINTS or name in (previous or {}) else WEAK
        )
        if previous and name in previous:
            prior = prior_from_last_cycle(previous[name], base=prior)
        found.append(prior)
    return found


def region_kind(name: str, is_lesion: bool) -> str | None:
    """Kind of region as the population knows it: ``lesion``, or the organ that stands in the name; None for any other."""
    if is_lesion:
        return "lesion"
    organ = organ_of(name)
    return str(organ) if organ is not None and str(organ) in POPULATION else None


def population_from_curves(tias: Sequence[TimeIntegratedActivity], half_life_h: float, *, base: CurvePrior = WEAK) -> CurvePrior:
    """A centre's own population from its well-sampled curves of one organ.

    The log half-life of each curve (its median over draws) spreads by the patients and by its own uncertainty; the
    second is taken off (method of moments). The median's uncertainty is added.

    Raises
    ------
    InputError
        With fewer than five curves.
    """
    return population_from_half_lives([log_biological_half_life(tia, half_life_h) for tia in tias], base=base)


def population_from_half_lives(logs: Sequence[np.ndarray[tuple[int], np.dtype[np.float64]]], *, base: CurvePrior) -> CurvePrior:
    """The same from draws of the log biological half-life of each curve, ``(draw,)`` each."""
    if len(logs) < LEAST_CURVES:
        raise InputError(
            "too few curves for a population",
            expected=f"{LEAST_CURVES} or more",
            found=str(len(logs)),
            remedy="use the shipped population",
        )
    table = np.stack(logs)
    centre = np.median(table, axis=1)
    within = table.var(axis=1).mean()
    between = max(float(centre.var(ddof=1)) - float(within), 0.05**2)
    median_variance = float(centre.var(ddof=1)) / len(logs)
    return replace(
        base,
        slow_half_life_h=(float(np.exp(centre.mean())), float(np.sqrt(between + median_variance))),
        label=Label.MEASURED,
        source=f"{len(logs)} curves of this centre",
    )


@dataclass(frozen=True)
class LastCycle:
    """What a region's last cycle says of its slow biological half-life: log of hours, mean and variance."""

    log_mean: float
    log_variance: float

    @classmethod
    def of(cls, tia: TimeIntegratedActivity, half_life_h: float) -> LastCycle:
        """From the draws of the last cycle's curve."""
        logs = log_biological_half_life(tia, half_life_h)
        return cls(float(np.median(logs)), float(logs.var()))


def prior_from_last_cycle(last: LastCycle, *, base: CurvePrior) -> CurvePrior:
    """What a region's last cycle says of the next one: its own half-life, with the scatter between cycles.

    Precision-weighted with ``base`` (the population), so that a poorly measured cycle does not overrule it.
    """
    own_mean, own_variance = last.log_mean, last.log_variance + BETWEEN_CYCLE_LOG_SD**2
    base_mean, base_variance = np.log(base.slow_half_life_h[0]), base.slow_half_life_h[1] ** 2
    # The last cycle's posterior already holds the population once; weighting it again would count it twice.
    if own_variance < base_variance:
        return replace(base, slow_half_life_h=(float(np.exp(own_mean)), float(np.sqrt(own_variance))), source="the last cycle")
    weight = base_variance / (base_variance + own_variance)
    mean = weight * own_mean + (1 - weight) * base_mean
    return replace(
        base, slow_half_life_h=(float(np.exp(mean)), float(np.sqrt(base_variance))), source="last cycle and population"
    )


def log_biological_half_life(tia: TimeIntegratedActivity, half_life_h: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Log of the slow biological half-life of each draw, ``(draw,)``."""
    decay = np.log(2.0) / half_life_h
    slowest = np.where(tia.amplitude_mbq > 0, tia.rate_per_h, np.inf).min(axis=1)
    return np.asarray(np.log(np.log(2.0) / np.maximum(slowest - decay, 1e-6)))
