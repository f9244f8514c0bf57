"""One world of a patient: everything that is in doubt, drawn once, whoever asks. Plan, page, search, update and trial share it.

Every cause of doubt has one name and one draw: dose per activity of each lesion and of the kidneys, scatter between cycles,
posterior row, the patient's own luck (lesions, readings, scars, marrow). Streams are keyed by seed, place in the cohort and
cause, never by a pseudonym. A world can be kept as ``world.npz`` (:mod:`neorlt.planning.world_file`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core.draws import N_DRAWS
from neorlt.core.errors import InputError
from neorlt.core.sensitisers import SENSITISERS
from neorlt.documents.patient import Lesion, Patient
from neorlt.documents.scheme import MAX_CYCLES, Scheme
from neorlt.dosimetry.objects import Dose
from neorlt.nuclides.therapy import refuse_alpha
from neorlt.planning.doses import (
    Kinetics,
    from_images,
    kidneys_from_images,
    kidneys_from_population,
    lesion_from_file,
    lesion_from_population,
)
from neorlt.planning.earlier import earlier_rlt
from neorlt.response import blood, course, luck
from neorlt.response.arrays import LesionArrays, LesionEffects, ScheduleArrays, origin_code
from neorlt.response.kidney import kidney_bed_gy
from neorlt.response.own import CentrePosterior
from neorlt.response.parameters import ASSUMED_KI67_PCT, Parameters, draw_parameters

Floats = NDArray[np.float64]
EARLIER_EVERY_WEEKS = 8.0
"""Between earlier cycles, of which no date is known: far enough for every repair."""


@dataclass(frozen=True)
class Points:
    """A patient's luck at the points of integration, ``(draw, point, ...)``; standard normal but for ``scar_u`` (uniform)."""

    alpha_z: Floats
    growth_z: Floats
    baseline_z: Floats
    reading_z: Floats
    """``(draw, point, lesion)``: sensitivity, doubling time, error of the baseline reading and of a later one."""
    scar_u: Floats
    """``(draw, point, vessel)``."""
    slope_z: Floats
    """``(draw, point, blood line)`` log sensitivity of the marrow."""
    ki67_z: Floats
    specimen_z: Floats
    """``(draw, point)`` sampling errors of the biopsy and of the specimen."""


@dataclass(frozen=True)
class World:
    """All that is in doubt about one patient; the leading axis of every array is the draw."""

    patient: Patient
    parameters: Parameters
    lesions: LesionArrays
    kinetics: tuple[Kinetics, ...]
    kidneys: Kinetics
    cycle_z: NDArray[np.float32]
    """``(draw, lesion, MAX_CYCLES)`` scatter of a lesion's dose between cycles; 0 in a cycle that was measured."""
    kidney_cycle_z: NDArray[np.float32]
    """``(draw, MAX_CYCLES)``."""
    marrow_gy_per_gbq: NDArray[np.float32]
    marrow_half_life_h: NDArray[np.float32]
    """``(draw, nuclide)``."""
    slope_centre: NDArray[np.float32]
    slope_spread: NDArray[np.float32]
    """``(draw, blood line)`` median and log-SD between patients of the marrow's log sensitivity."""
    persistent: NDArray[np.float32]
    """``(draw,)`` share of the marrow's loss that stays."""
    neoplasm: NDArray[np.float32]
    """``(draw,)`` risk of a secondary myeloid neoplasm after the usual course."""
    luck_u: NDArray[np.float32]
    """``(draw, dimension)`` uniform shifts of the points of luck; by themselves one patient a draw."""
    seed: int
    index: int = 0
    """Place in a cohort; 0 for a single patient."""
    n_points: int = luck.N_POINTS

    def generator(self, *cause: str) -> np.random.Generator:
        """The stream of one more cause of doubt of this patient."""
        return cause_generator(self.seed, self.index, *cause)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return self.parameters.n_draws

    @property
    def nuclides(self) -> tuple[str, ...]:
        """Order of every nuclide axis."""
        return self.parameters.nuclides

    def given_gbq(self, scheme: Scheme) -> Floats:
        """Activity that a scheme gives, ``(cycle, nuclide)`` in GBq, nuclides in the order of :attr:`nuclides`.

        Raises
        ------
        InputError
            If it gives a nuclide of which this world holds no dose, an alpha emitter by its name.
        """
        for name in set(scheme.nuclides) - set(self.nuclides):
            refuse_alpha(name, "a plan")
        return scheme.given_gbq(self.nuclides)

    @property
    def followed(self) -> int:
        """Number of the lesion that is followed: the pancreatic primary, else the largest."""
        return self.patient.followed

    @property
    def vessels(self) -> tuple[Any, ...]:
        """Vessels of the lesion that is followed."""
        return self.patient.lesions[self.followed].vessels

    @functools.cached_property
    def gy_per_gbq(self) -> Floats:
        """``(draw, lesion, nuclide)``."""
        return np.stack([kinetics.gy_per_gbq for kinetics in self.kinetics], axis=1)

    @functools.cached_property
    def half_life_h(self) -> Floats:
        """Effective half-life ``(draw, lesion, nuclide)``."""
        return np.stack([kinetics.half_life_h for kinetics in self.kinetics], axis=1)

    @functools.cached_property
    def falls(self) -> Floats:
        """Fraction of dose per activity that each lesion loses over a cycle of 7.4 GBq, ``(lesion,)``."""
        return np.array([lesion_fall(self.patient, lesion) for lesion in self.patient.lesions])

    @functools.cached_property
    def points(self) -> Points:
        """The luck at ``n_points`` points of every draw."""
        return _points(self.luck_u, self.patient, self.n_points)

    @functools.cached_property
    def node_weights(self) -> NDArray[np.float32]:
        """Weights that carry results at the nodes to the points, ``(draw, lesion, point, node)``."""
        sd = np.repeat(np.asarray(self.parameters.doubling_log_sd, np.float64)[:, None], self.lesions.n_lesions, axis=1)
        return luck.node_weights(self.points.alpha_z, self.points.growth_z, sd)

    @functools.cached_property
    def node_effects(self) -> LesionEffects:
        """Lesions at the nodes of sensitivity and growth, for :func:`~neorlt.response.simulate.simulate`."""
        alpha, growth = (np.tile(z, self.n_draws)[:, None].repeat(self.lesions.n_lesions, axis=1) for z in luck.node_luck())
        return LesionEffects(_single(alpha), _single(growth), _single(np.zeros_like(alpha)), luck.N_NODES, self.seed)

    @functools.cached_property
    def one(self) -> Points:
        """One patient a draw: the first point of each, with the point axis kept."""
        return _points(self.luck_u, self.patient, 1)

    @property
    def alpha_z(self) -> Floats:
        """One patient a draw: deviation of each lesion's sensitivity, ``(draw, lesion)``."""
        return self.one.alpha_z[:, 0]

    @property
    def growth_z(self) -> Floats:
        """One patient a draw: deviation of each lesion's doubling time, ``(draw, lesion)``."""
        return self.one.growth_z[:, 0]

    @property
    def baseline_z(self) -> Floats:
        """One patient a draw: error of the baseline reading, ``(draw, lesion)``."""
        return self.one.baseline_z[:, 0]

    @property
    def reading_z(self) -> Floats:
        """One patient a draw: error of a later reading, ``(draw, lesion)``."""
        return self.one.reading_z[:, 0]

    @property
    def scar_u(self) -> Floats:
        """One patient a draw: a vessel's contact stays as scar where this is below the scar's probability, ``(draw, vessel)``."""
        return self.one.scar_u[:, 0]

    @property
    def slopes(self) -> NDArray[np.float32]:
        """One patient a draw: sensitivity of the marrow, ``(draw, blood line)`` in 1/Gy."""
        return np.exp(self.slope_centre + self.slope_spread * self.one.slope_z[:, 0]).astype(np.float32)

    @property
    def effects(self) -> LesionEffects:
        """One patient a draw, for :func:`~neorlt.response.simulate.simulate`."""
        return LesionEffects(_single(self.alpha_z), _single(self.growth_z), _single(self.baseline_z), 1, self.seed)

    def lesion_doses_gy(self, activity_gbq: ArrayLike) -> Floats:
        """Dose of every lesion ``(draw, lesion, cycle, nuclide)``; activity ``(cycle, nuclide)`` or ``(draw, cycle, nuclide)``."""
        activity = np.asarray(activity_gbq, np.float64)
        activity = activity[:, None] if activity.ndim == 3 else activity
        sd = course.lesion_cycle_log_sd()
        return course.cycle_doses_gy(self.gy_per_gbq, activity, fall=self.falls, scatter_z=self.cycle_z, log_sd=sd)

    def kidney_doses_gy(self, activity_gbq: ArrayLike) -> Floats:
        """Dose of the kidneys ``(draw, cycle, nuclide)``; activity ``(cycle, nuclide)`` or ``(draw, cycle, nuclide)``."""
        sd = course.kidney_cycle_log_sd()
        return course.cycle_doses_gy(self.kidneys.gy_per_gbq, activity_gbq, scatter_z=self.kidney_cycle_z, log_sd=sd)

    @functools.cached_property
    def earlier_kidney_bed_gy(self) -> Floats:
        """BED of the kidneys by earlier radioligand therapy ``(draw,)`` in Gy; 0 without."""
        found = earlier_rlt(self.patient)
        if found is None:
            return np.zeros(self.n_draws)
        total = self.kidneys.gy_per_gbq[:, 0] * found.activity_gbq if found.kidney_gy is None else np.full(self.n_draws, found.kidney_gy)
        dose = np.repeat(np.asarray(total, float)[:, None, None] / found.cycles, found.cycles, axis=1)
        return kidney_bed_gy(self.parameters, dose, self.kidneys.half_life_h[:, :1], EARLIER_EVERY_WEEKS * np.arange(found.cycles))

    @functools.cached_property
    def earlier_marrow_gy(self) -> Floats:
        """Dose of the marrow by earlier radioligand therapy ``(draw,)`` in Gy; 0 without."""
        found = earlier_rlt(self.patient)
        if found is None:
            return np.zeros(self.n_draws)
        if found.marrow_gy is not None:
            return np.full(self.n_draws, found.marrow_gy)
        return np.asarray(self.marrow_gy_per_gbq[:, 0], float) * found.activity_gbq

    def schedule(self, scheme: Scheme, times_week: ArrayLike) -> ScheduleArrays:
        """A scheme's doses and times, for :func:`~neorlt.response.simulate.simulate`."""
        return ScheduleArrays(
            week=np.array([cycle.week for cycle in scheme.cycles], dtype=np.float32),
            dose_gy=self.lesion_doses_gy(self.given_gbq(scheme)).astype(np.float32),
            effective_half_life_h=self.half_life_h.astype(np.float32),
            times_week=np.asarray(times_week, np.float32),
            sensitiser=np.array([SENSITISERS.index(cycle.sensitiser) for cycle in scheme.cycles], dtype=np.intp),
        )

    def take(self, index: NDArray[np.intp]) -> World:
        """The draws at ``index`` (repeats allowed)."""
        arrays = {name: getattr(self, name)[index] for name in ARRAYS}
        return replace(self, parameters=self.parameters.take(index), kinetics=tuple(k.take(index) for k in self.kinetics),
                       kidneys=self.kidneys.take(index), **arrays)

    def first(self, n: int) -> World:
        """The first ``n`` draws."""
        return self.take(np.arange(min(n, self.n_draws)))


ARRAYS = ("cycle_z", "kidney_cycle_z", "marrow_gy_per_gbq", "marrow_half_life_h", "slope_centre", "slope_spread", "persistent",
          "neoplasm", "luck_u")
"""Arrays ``(draw, ...)`` of a world beside its parameters, lesions and kinetics."""


def _single(values: Floats) -> NDArray[np.float32]:
    return values.astype(np.float32)


def cause_generator(seed: int, index: int, *cause: str) -> np.random.Generator:
    """The stream of one cause of doubt of the patient at ``index`` of a cohort."""
    return core_draws.generator(seed, "world", str(index), *cause)


def lesion_fall(patient: Patient, lesion: Lesion) -> float:
    """Fraction of dose per activity that a lesion loses over a cycle of 7.4 GBq, by its Ki-67."""
    return float(course.fall_per_cycle(patient.ki67_of(lesion) or ASSUMED_KI67_PCT))


def _dimensions(patient: Patient) -> dict[str, int]:
    """Column of the luck that each cause has; what matters most comes first, where points are spread most evenly."""
    order = _in_order(patient)
    names = [f"{what} {i}" for i in order for what in ("alpha", "growth", "change")]
    names += ["biopsy", "specimen", *(f"blood {line}" for line in blood.LINES)]
    names += [f"scar {v}" for v in range(len(patient.lesions[patient.followed].vessels))]
    names += [f"both {i}" for i in order]
    return {name: column for column, name in enumerate(names)}


def _in_order(patient: Patient) -> list[int]:
    """Lesions as their luck is drawn: the one that is followed, then the others by size."""
    others = (i for i in range(len(patient.lesions)) if i != patient.followed)
    return [patient.followed, *sorted(others, key=lambda i: -patient.lesions[i].longest_diameter_mm)]


def _points(shift: NDArray[np.float32], patient: Patient, n_points: int) -> Points:
    column = _dimensions(patient)
    uniform = luck.spread_points(shift.astype(np.float64), n_points, slice(0, shift.shape[1]))
    scar = [i for name, i in column.items() if name.startswith("scar")]
    z = luck.normal(uniform)
    order = _in_order(patient)
    number = np.argsort(order)

    def lesions(what: str) -> Floats:
        return np.asarray(z[:, :, [column[f"{what} {i}"] for i in order]])

    alpha, growth = (course.correlated(lesions(what), course.fixed("lesion_shared_variance"))[:, :, number] for what in ("alpha", "growth"))
    # A response asks for the change between two readings alone: it is one dimension, and what both have in common another.
    change, both = (lesions(what)[:, :, number] / np.sqrt(2.0) for what in ("change", "both"))
    # Platelets, which hold most cycles back, stand first and keep their own deviation.
    lines = z[:, :, [column[f"blood {line}"] for line in blood.LINES]]
    return Points(
        alpha, growth, both - change, both + change, np.asarray(uniform[:, :, scar]),
        course.correlated(lines, float(blood.blood_table()["shared_variance"]["value"])),
        z[:, :, column["biopsy"]], z[:, :, column["specimen"]])


def build_world(
    patient: Patient, lesion_doses: Mapping[str, Dose] | None = None, kidney_doses: Mapping[str, Dose] | None = None, *,
    n_draws: int = N_DRAWS, n_replicates: int = luck.N_POINTS, seed: int = 1, index: int = 0, nuclides: Sequence[str] | None = None,
    own: CentrePosterior | None = None,
) -> World:
    """Draw everything that does not depend on the scheme.

    Parameters
    ----------
    patient
        The patient at baseline.
    lesion_doses, kidney_doses
        Measured doses by lesion id and by kidney, with as many draws as ``n_draws``; left out, the patient file or
        the population speaks.
    n_draws, n_replicates, seed
        Draws of the parameters, points of luck within each, seed.
    index
        Place in a cohort; 0 for a single patient.
    nuclides
        Those that a scheme may give, 177Lu first; all of the registry where left out.
    own
        A centre's own posterior, in the place of the shipped one.

    Raises
    ------
    InputError
        If measured doses have another number of draws.
    """
    images = lesion_doses or {}
    for dose in (*images.values(), *(kidney_doses or {}).values()):
        if len(dose.draws_gy) != n_draws:
            raise InputError("measured doses have another number of draws", expected=str(n_draws), found=str(len(dose.draws_gy)),
                             where=dose.name, remedy="compute doses and plan with the same number of draws")

    def normal(*cause: str) -> Floats:
        return cause_generator(seed, index, *cause).standard_normal(n_draws)

    parameters = draw_parameters(n_draws, seed, nuclides=nuclides, own=own)
    nuclides = parameters.nuclides
    lesions = LesionArrays(
        volume_ml=np.array([lesion.volume_ml for lesion in patient.lesions]),
        ki67_pct=np.array([patient.ki67_of(lesion) or ASSUMED_KI67_PCT for lesion in patient.lesions]),
        is_liver=np.array([lesion.is_liver for lesion in patient.lesions]),
        diameter_mm=np.array([lesion.longest_diameter_mm for lesion in patient.lesions]),
        origin=np.full(len(patient.lesions), patient_origin(patient)[0]),
    )
    patient_z = course.patient_dose_z(normal("dose per activity"), _suv_max(patient))
    kinetics = []
    for i, lesion in enumerate(patient.lesions):
        if lesion.id in images:
            kinetics.append(from_images(lesion.id, images[lesion.id], nuclides))
            continue
        lesion_z, washout = normal("dose per activity", f"lesion {i}"), normal("wash-out", f"lesion {i}")
        if lesion.gy_per_gbq is not None or lesion.dose_gy:
            kinetics.append(lesion_from_file(lesion, lesion_fall(patient, lesion), lesion_z, washout, nuclides))
        else:
            kinetics.append(lesion_from_population(lesion, course.share_between_lesions(patient_z, lesion_z), washout, nuclides))
    if kidney_doses:
        kidneys = kidneys_from_images(kidney_doses, nuclides)
    else:
        kidneys = kidneys_from_population(normal("dose per activity", "kidneys"), normal("wash-out", "kidneys"), nuclides)
    cycle_z = np.stack([cause_generator(seed, index, "cycle scatter", f"lesion {i}").standard_normal((n_draws, MAX_CYCLES))
                        for i in range(len(patient.lesions))], axis=1)
    kidney_z = cause_generator(seed, index, "cycle scatter", "kidneys").standard_normal((n_draws, MAX_CYCLES))
    for i, known in enumerate(kinetics):
        if known.origin == "images":
            cycle_z[:, i, 0] = 0.0
    if kidneys.origin == "images":
        kidney_z[:, 0] = 0.0
    marrow, half_life = blood.marrow_per_gbq(cause_generator(seed, index, "marrow dose"), n_draws, nuclides)
    centre, spread = blood.draw_sensitivity(cause_generator(seed, index, "marrow sensitivity"), n_draws)
    factor = blood.covariate_factor(patient.age_y, patient.egfr_ml_min, patient.leukocytes_e9_per_l)
    low, high = blood.myeloid_risk()["range"]
    return World(
        patient, parameters, lesions, tuple(kinetics), kidneys, cycle_z.astype(np.float32), kidney_z.astype(np.float32), marrow, half_life,
        (centre + np.log(factor)).astype(np.float32), spread,
        blood.draw_persistent(cause_generator(seed, index, "persistent share"), n_draws),
        cause_generator(seed, index, "neoplasm").uniform(low, high, n_draws).astype(np.float32),
        luck.strata(cause_generator(seed, index, "luck"), n_draws, len(_dimensions(patient))).astype(np.float32),
        seed, index, n_replicates,
    )


def patient_origin(patient: Patient) -> tuple[int, bool]:
    """Code of the organ of the patient's primary, and whether it is known or was assumed."""
    return origin_code([lesion.site for lesion in patient.lesions], patient.origin)


def _suv_max(patient: Patient) -> float | None:
    """SUVmax of the followed lesion, else the highest that is known."""
    followed = patient.lesions[patient.followed].suv_max
    known = [lesion.suv_max for lesion in patient.lesions if lesion.suv_max is not None]
    return followed if followed is not None else max(known, default=None)
