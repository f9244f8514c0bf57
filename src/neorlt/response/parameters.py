"""Parameters of the response model: joint draws, each with its label and its source.

The leading axis of every array is the draw: one draw is one world. Draws come from the shipped posterior where it
exists (population parameters of the tumour) and from the priors for everything that the calibration lesions cannot
inform.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core import anatomy, tables
from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.sensitisers import SENSITISERS
from neorlt.nuclides.crossfire import pattern_left
from neorlt.nuclides.therapy import therapy_nuclides
from neorlt.response.own import Centre, CentrePosterior

ROOM = "response"
FITTED_NUCLIDES = ("Lu-177", "Y-90")
"""Nuclides of the treatments that the model was fitted to. A plan's own order is :attr:`Parameters.nuclides`."""
ORIGINS = tuple(name.replace("-", "_") for name in anatomy.ORIGINS)
"""Order of the origin axis: organ of the primary tumour, as parameters are named."""
KI67_REFERENCE_PCT = 8.0
"""Ki-67 at which growth and sensitivity are told."""
ASSUMED_KI67_PCT = 5.0
"""Where no Ki-67 is known the lesion grows as a G2 (assumption); no Ki-67 or grade is then reported."""

MODEL_VERSION = 1
"""Raised whenever the equations of :mod:`neorlt.response.tumour` change; a posterior belongs to one version."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Parameters:
    """Joint draws of the model's parameters; the first axis of every array is the draw.

    ``alpha_per_gy`` is the population median of an *effective* sensitivity in vivo (it absorbs hypoxia and whatever
    else the model leaves out): never a radiosensitivity. ``residual_fraction`` r is what remains of the baseline
    volume when every cell is dead: ``r = s + phi (1 - s)``.
    """

    alpha_per_gy: Floats
    omega_alpha: Floats
    alpha_beta_gy: Floats
    repair_half_time_h: Floats
    residual_fraction: Floats
    fibrosis_fraction: Floats
    clearance_half_life_d: Floats
    doubling_time_d: Floats
    """Median volume doubling time of lesions whose Ki-67 is :data:`KI67_REFERENCE_PCT`, in a new study."""
    doubling_log_sd: Floats
    """Between-lesion log-SD of the doubling time."""
    ki67_log_growth: Floats
    """Slope of log growth on log Ki-67."""
    ki67_log_alpha: Floats
    """Slope of log sensitivity on log Ki-67."""
    origin_log_alpha: Floats
    """``(draw, origin)`` log sensitivity over that of a pancreatic tumour (0 for the pancreas)."""
    line_log_alpha: Floats
    """Log sensitivity in first line over that in later lines."""
    study_log_alpha: Floats
    """What the patient's centre adds to log(sensitivity x dose): that of a centre that no study described."""
    eta: Floats
    nu: Floats
    clone_fraction: Floats
    clone_ki67_ratio: Floats
    sigma_h: Floats
    """``(draw, nuclide)`` log-SD of the dose between sub-volumes of a clone."""
    rho: Floats
    """``(draw, nuclide)`` share of a clone's extra uptake that stays in it as extra dose; order in :attr:`nuclides`."""
    sigma_d: Floats
    ki67_sampling_log_sd: Floats
    dose_modifying_factor: Floats
    """``(draw, sensitiser)`` factor on alpha; 1 without a sensitiser."""
    fibrotic_residue_probability: Floats
    platelet_transit_time_d: Floats
    sensitiser_toxicity_factor: Floats
    kidney_alpha_beta_gy: Floats
    kidney_repair_half_time_h: Floats
    source: str = "prior"
    nuclides: tuple[str, ...] = FITTED_NUCLIDES
    """Order of every nuclide axis of whatever is computed with these draws."""
    centre: Centre | None = None
    """The centre whose own posterior the draws come from; None for the shipped one."""

    def __post_init__(self) -> None:
        n = len(self.alpha_per_gy)
        for name in ("sigma_h", "rho"):
            if np.shape(getattr(self, name))[1:] != (len(self.nuclides),):
                raise ValueError(f"parameter {name} must have a column for each of {', '.join(self.nuclides)}")
        for name in array_names():
            value = np.asarray(getattr(self, name), dtype=np.float32)
            if value.shape[0] != n or not np.all(np.isfinite(value)):
                raise ValueError(f"parameter {name} must hold {n} finite draws, found shape {value.shape}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        for name in ("residual_fraction", "fibrosis_fraction"):
            value = getattr(self, name)
            if np.any((value < 0) | (value >= 1)):
                raise ValueError(f"parameter {name} must lie in [0, 1)")
        if np.any(self.fibrosis_fraction > self.residual_fraction + 1e-6):
            raise ValueError("fibrosis cannot exceed the residual: r = s + phi (1 - s) with s of 0 or more")

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.alpha_per_gy)

    @property
    def unresponsive_fraction(self) -> Floats:
        """Share s of the baseline volume that neither grows nor dies, ``(draw,)``."""
        s = (self.residual_fraction - self.fibrosis_fraction) / (1 - self.fibrosis_fraction)
        return np.asarray(np.maximum(s, 0), np.float32)

    def take(self, index: NDArray[np.intp]) -> Parameters:
        """Return the draws at ``index`` (repeats allowed)."""
        return dataclasses.replace(self, **{name: getattr(self, name)[index] for name in array_names()})

    def repeat(self, n_replicates: int) -> Parameters:
        """Repeat every draw ``n_replicates`` times in a row: axis (draw, replicate) flattened to one world axis."""
        if n_replicates == 1:
            return self
        return self.take(np.repeat(np.arange(self.n_draws), n_replicates))

    def replace(self, **changes: Any) -> Parameters:
        """Return a copy in which the given arrays (or numbers, spread over the draws) are changed."""
        spread: dict[str, Any] = {
            name: np.broadcast_to(np.asarray(value, np.float32), np.asarray(getattr(self, name)).shape)
            if name not in NO_ARRAYS else value
            for name, value in changes.items()
        }
        return dataclasses.replace(self, **spread)


NO_ARRAYS = ("source", "nuclides", "centre")


@functools.cache
def array_names() -> tuple[str, ...]:
    """Names of the array fields of :class:`Parameters`."""
    return tuple(field.name for field in dataclasses.fields(Parameters) if field.name not in NO_ARRAYS)


def read_priors() -> dict[str, dict[str, Any]]:
    """Return the table of priors: name to distribution, unit, label and source."""
    table: dict[str, dict[str, Any]] = tables.read_json(ROOM, "priors.json")
    return table


def crossfire(patch_diameter_mm: Any, xp: Any = np, nuclides: Sequence[str] = FITTED_NUCLIDES) -> tuple[Any, Any]:
    """Return (own dose share, pattern SD ratio) of patches of this diameter, each ``(..., nuclide)``.

    Both fall from 177Lu to 90Y because 90Y electrons leave the patch. Those of the fitted nuclides stand in a table that
    ``tools/response/make_crossfire.py`` made from the house's point kernels; those of another nuclide are computed from its kernel in
    the same way, at the table's diameters. ``xp`` is numpy or ``jax.numpy``.
    """
    table = tables.read_json(ROOM, "crossfire.json")
    x = xp.log(xp.asarray(table["diameter_mm"]))
    at = xp.log(xp.asarray(patch_diameter_mm))
    rows = [table[name] if name in FITTED_NUCLIDES else pattern_left(name, tuple(table["diameter_mm"])) for name in nuclides]
    own = xp.stack([xp.interp(at, x, xp.asarray(row["own_dose"])) for row in rows], -1)
    sd = xp.stack([xp.interp(at, x, xp.asarray(row["pattern_sd"])) for row in rows], -1)
    return own, sd


def dose_log_sd(activity_log_sd: Any, pattern_sd: Any, xp: Any = np) -> Any:
    """Log-SD of a log-normal dose pattern ``(..., nuclide)`` that cross-fire has smoothed; keeps mean and variance."""
    variance = xp.expm1(xp.asarray(activity_log_sd) ** 2)[..., None]
    return xp.sqrt(xp.log1p(variance * pattern_sd**2))


def truncated_fibrosis(u: NDArray[Any], residual: NDArray[Any]) -> NDArray[np.float64]:
    """Fibrosis fraction: the prior of the table, cut at the residual (its split is an assumption); ``u`` uniform."""
    from scipy.special import betainc, betaincinv

    a, b = read_priors()["fibrosis_fraction"]["parameters"]
    return np.asarray(np.minimum(betaincinv(a, b, u * betainc(a, b, residual)), residual))


def draw_from(entry: dict[str, Any], rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Draw ``(n,)`` values of one entry of the table of priors."""
    family, p = entry["family"], entry["parameters"]
    if family == "fixed":
        return np.full(n, float(p[0]))
    if family == "normal":
        return np.asarray(rng.normal(p[0], p[1], n))
    if family == "half-normal":
        return np.asarray(np.abs(rng.normal(0.0, p[0], n)))
    if family == "lognormal":
        return np.asarray(p[0] * np.exp(p[1] * rng.standard_normal(n)))
    if family == "beta":
        return np.asarray(rng.beta(p[0], p[1], n))
    raise ValueError(f"unknown family {family!r} in the table of priors")


@functools.cache
def calibration_report() -> dict[str, Any] | None:
    """What the shipped calibration says of itself; None where none belongs to this version of the model. Not to be changed."""
    try:
        report: dict[str, Any] = tables.read_json(ROOM, "posterior.json")
    except tables.TableError:
        return None
    return report if report["model_version"] == MODEL_VERSION else None


def has_posterior() -> bool:
    """Whether a posterior that belongs to this version of the model is shipped."""
    return calibration_report() is not None


def is_calibrated() -> bool:
    """Whether a posterior of this model version is shipped whose chains met the house's rule: only then is it the default."""
    report = calibration_report()
    return report is not None and bool(report["converged"])


def calibration_warnings() -> list[dict[str, str]]:
    """Named warnings about the shipped calibration: none exists, or its chains did not meet the house's rule."""
    report = calibration_report()
    if report is None:
        return [{"name": "not-calibrated", "where": "response model",
                 "text": "No calibration is shipped: every response number rests on priors (assumptions)."}]
    if report["converged"]:
        return []
    return [{"name": "calibration-not-converged", "where": "response model",
             "text": f"The shipped calibration misses the rule for its chains (R-hat {report['rhat_max']:.3f}, smallest effective "
                     f"sample {report['ess_min']:.0f}, {report['divergences']} divergences), or the re-weighting of its draws cannot be "
                     "trusted, so it is not used: "
                     "every response number rests on priors (assumptions)."}]


def response_warnings(centre: Centre | None) -> tuple[str, ...]:
    """What has to be read before a number of the model is used: of a centre's own posterior, or of the shipped calibration."""
    if centre is not None:
        return centre.warnings
    return tuple(warning["text"] for warning in calibration_warnings())


def draw_parameters(
    n_draws: int = core_draws.N_DRAWS, seed: int = 0, source: Literal["default", "prior", "posterior"] = "default",
    nuclides: Sequence[str] | None = None, own: CentrePosterior | None = None,
) -> Parameters:
    """Draw joint parameters.

    Parameters
    ----------
    n_draws
        Number of draws (leading axis).
    seed
        Any whole number; the same seed gives the same draws.
    source
        ``"posterior"`` for the shipped calibration, ``"prior"`` for the priors alone, ``"default"`` for the
        posterior where one is shipped that has converged.
    nuclides
        Order of the nuclide axes; the registry's (:func:`~neorlt.nuclides.therapy.therapy_nuclides`) where left out. No draw of any
        parameter depends on it.
    own
        A centre's own posterior, whose draws take the place of the shipped ones.

    Raises
    ------
    InputError
        If a posterior is asked for and none belongs to this version of the model.
    """
    if n_draws < 1:
        raise InputError("the number of draws is below 1", found=str(n_draws), remedy="ask for at least one draw")
    if own is not None:
        source = "posterior"
    if source == "default":
        source = "posterior" if is_calibrated() else "prior"
    if source == "posterior" and not has_posterior():
        raise InputError("no posterior of this model version is shipped", remedy="refit with: neorlt calibrate --out DIR")
    priors = read_priors()

    def prior(name: str) -> NDArray[np.float64]:
        return draw_from(priors[name], core_draws.generator(seed, ROOM, "parameters", name), n_draws)

    free = {name: prior(name) for name in TUMOUR_NAMES}
    u = core_draws.generator(seed, ROOM, "parameters", "fibrosis_u").uniform(size=n_draws)
    free["fibrosis_fraction"] = truncated_fibrosis(u, free["residual_fraction"])
    free.update({name: prior(name) for name in LEVEL_NAMES})
    if source == "posterior":
        posterior = tables.read_npz(ROOM, "posterior.npz") if own is None else own.draws
        n_posterior = len(posterior["alpha_per_gy"])
        rng = core_draws.generator(seed, ROOM, "parameters", "posterior")
        rounds = -(-n_draws // n_posterior)
        index = np.concatenate([rng.permutation(n_posterior) for _ in range(rounds)])[:n_draws]
        free.update({name: value[index].astype(np.float64) for name, value in posterior.items()})
    for name in STUDY_NAMES:  # a new study's, where the posterior holds no centre's own
        if name not in free:
            free[name] = core_draws.generator(seed, ROOM, "parameters", name).standard_normal(n_draws)
    return assemble(free, draw_other(n_draws, seed), source, therapy_nuclides() if nuclides is None else tuple(nuclides),
                    None if own is None else own.centre)


def draw_other(n_draws: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Draws ``(draw,)`` of what no response tells: organs, blood, scar, biopsies."""
    priors = read_priors()
    return {name: draw_from(priors[name], core_draws.generator(seed, ROOM, "parameters", name), n_draws) for name in OTHER_NAMES}


TUMOUR_NAMES = (
    "alpha_per_gy", "omega_alpha", "alpha_beta_gy", "repair_half_time_h", "residual_fraction", "clearance_half_life_d",
    "eta", "nu", "clone_fraction", "clone_ki67_ratio", "activity_log_sd", "patch_diameter_mm", "sigma_d",
)
"""Parameters of a lesion's course that the calibration samples (with ``fibrosis_fraction``)."""
LEVEL_NAMES = (
    "study_log_sd", "study_growth_log_sd", "origin_small_intestine", "origin_other", "ki67_log_alpha", "ki67_log_growth", "line_log_alpha",
    "doubling_time_d", "growth_log_sd", "entry_progressive", "entry_stable", "analogue_log_growth", "exit_per_month", "exit_ratio_rlt",
    "sum_log_sd", "local_reading_ratio", "response_without_rlt", "dose_modifying_factor",
)
"""Parameters of the levels above a lesion: studies, patients, origins, reading, exits; the calibration samples these too."""
STUDY_NAMES = ("study_alpha_z", "study_growth_z")
"""Standard normals of the patient's centre; a posterior that a centre's table has updated holds its own."""
OTHER_NAMES = (
    "ki67_sampling_log_sd", "fibrotic_residue_probability", "platelet_transit_time_d",
    "sensitiser_toxicity_factor", "kidney_alpha_beta_gy", "kidney_repair_half_time_h",
)


def assemble(
    free: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]], source: str, nuclides: tuple[str, ...] = FITTED_NUCLIDES,
    centre: Centre | None = None,
) -> Parameters:
    """Build :class:`Parameters` from sampled quantities (cross-fire follows from them; a new study's effects are theirs)."""
    n = len(free["alpha_per_gy"])
    own, smoothing = crossfire(free["patch_diameter_mm"], nuclides=nuclides)
    factor = free["dose_modifying_factor"]
    return Parameters(
        **{name: free[name] for name in TUMOUR_NAMES if name not in {"activity_log_sd", "patch_diameter_mm"}},
        fibrosis_fraction=np.minimum(free["fibrosis_fraction"], free["residual_fraction"]),
        doubling_time_d=free["doubling_time_d"] * np.exp(-free["study_growth_log_sd"] * free["study_growth_z"]),
        doubling_log_sd=free["growth_log_sd"],
        ki67_log_growth=free["ki67_log_growth"], ki67_log_alpha=free["ki67_log_alpha"], line_log_alpha=free["line_log_alpha"],
        origin_log_alpha=np.stack([np.zeros(n), free["origin_small_intestine"], free["origin_other"]], axis=1),
        study_log_alpha=free["study_log_sd"] * free["study_alpha_z"],
        sigma_h=dose_log_sd(free["activity_log_sd"], smoothing),
        rho=own,
        dose_modifying_factor=np.stack([np.ones(n)] + [factor] * (len(SENSITISERS) - 1), axis=1),
        **{name: other[name] for name in OTHER_NAMES},
        source=source,
        nuclides=nuclides,
        centre=centre,
    )


def _spoken_to() -> set[str]:
    """Parameters that the data of the shipped fit moved or narrowed: variance down by a tenth, or the median moved by half a prior SD."""
    report = calibration_report()
    if report is None:
        return set()
    return {"fibrosis_fraction" if name == "fibrosis_q" else name for name, row in report["contraction"].items() if row["spoken_to"]}


def parameter_table(source: str | None = None) -> list[dict[str, Any]]:
    """Every parameter with its prior, unit, label and source, for reports and ``neorlt info``."""
    source = source or ("posterior" if is_calibrated() else "prior")
    spoken_to = _spoken_to() if source == "posterior" else set()
    rows = []
    for name, entry in read_priors().items():
        label = Label(entry["label"])
        if name in spoken_to:
            label = Label.CALIBRATED
        numbers = ", ".join(f"{value:g}" for value in entry["parameters"])
        rows.append(
            {
                "name": name, "unit": entry["unit"], "prior": f"{entry['family']}({numbers})",
                "label": str(label), "source": entry["source"],
            }
        )
    return rows
