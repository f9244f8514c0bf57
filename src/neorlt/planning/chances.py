"""Chances given a draw of the parameters, integrated over the patient's luck: one road for plan, page, search and update.

The model runs at the nodes of :mod:`neorlt.response.luck`; its result is carried to the world's points; reading errors and scars
are integrated in closed form. ``weight`` ``(draw, point)``, where given, is what measurements say of each point (1 on average).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.recist import select_targets
from neorlt.clinic.vessels import Resectability, is_head
from neorlt.documents.patient import Patient, Vessel
from neorlt.planning.world import Points, World
from neorlt.response import blood, course, luck
from neorlt.response.tumour import MOST_E_FOLDS, quadrature

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
MAX_SCARS = 6
"""With more vessels than this, scars are taken as drawn at each point."""
NO_VESSELS = "no vessel contact is given for the primary (vessels = [...] in the patient file)"
NOT_MEASURABLE = "no lesion is measurable (10 mm): RECIST 1.1 has nothing to measure"


def mean_over_points(values: NDArray[Any], weight: Floats | None) -> Floats:
    """Mean over the point axis of ``(draw, point, ...)``, by weight where there is one; ``(draw, ...)``."""
    if weight is None:
        return np.asarray(values.mean(axis=1), np.float64)
    total = np.einsum("dp,dp...->d...", weight, values)
    return np.asarray(total / weight.sum(axis=1).reshape(-1, *([1] * (values.ndim - 2))))


def carry(world: World, at_nodes: Singles, lesions: slice | list[int] = slice(None), n_points: int | None = None) -> Singles:
    """Results of the model ``(draw · node, lesion, k)`` at the world's first ``n_points`` points, ``(draw, point, lesion, k)``."""
    shaped = at_nodes.reshape(world.n_draws, luck.N_NODES, *at_nodes.shape[1:])
    weights = world.node_weights[:, lesions, :n_points]
    return np.moveaxis(luck.at_points(weights, np.moveaxis(shaped, 1, 2)), 1, 2)


def carry_log(world: World, at_nodes: Singles, lesions: slice | list[int] = slice(None), n_points: int | None = None) -> Singles:
    """:func:`carry` of the logarithm, for what is above 0: the result stays above 0 (and a number: see ``tumour.MOST_E_FOLDS``)."""
    log_value = carry(world, np.log(np.maximum(at_nodes, 1e-30)), lesions, n_points)
    return np.asarray(np.exp(np.minimum(log_value, MOST_E_FOLDS)))


def targets_of(patient: Patient) -> NDArray[np.bool_]:
    """Target lesions by RECIST 1.1, ``(lesion,)``."""
    lesions = patient.lesions
    return np.asarray(select_targets([lesion.organ for lesion in lesions], [lesion.longest_diameter_mm for lesion in lesions]), bool)


def response_chance(
    world: World, points: Points, diameter_mm: NDArray[Any], targets: NDArray[np.bool_], *, weighted: bool = False
) -> Floats:
    """Chance of objective response ``(draw, point, k)`` from latent diameters ``(draw, point, lesion, k)``.

    ``weighted`` where measurements weigh the points: the error of the baseline reading is then that of each point.
    """
    return course.response_chance(
        np.moveaxis(diameter_mm, 2, 3), world.lesions.diameters_mm, world.parameters.sigma_d[:, None, None],
        points.baseline_z[:, :, None], points.reading_z[:, :, None], targets, baseline_known=weighted)


@dataclass(frozen=True)
class ClassChances:
    """Chances ``(draw, point, k)`` of the classes of resectability; the second is None where an unanswered question decides it."""

    resectable: Floats
    not_locally_advanced: Floats | None
    reason: str = ""


def latent_contacts(world: World, diameter_mm: NDArray[Any]) -> Floats:
    """Contact by geometry alone ``(draw, point, k, vessel)`` of the followed lesion at diameters ``(draw, point, k)``."""
    base = world.patient.lesions[world.followed].longest_diameter_mm
    found = [course.latent_contact_deg(vessel.name, vessel.contact_deg, diameter_mm, base) for vessel in world.vessels]
    return np.stack(found, axis=-1)


def class_chances(world: World, points: Points, latent_deg: Floats) -> ClassChances:
    """Chances of resectability with the scars integrated, from contacts ``(draw, point, k, vessel)``."""
    vessels: Sequence[Vessel] = world.vessels
    head = is_head(world.patient.lesions[world.followed].site)
    unanswered = any(vessel.reconstructible is None for vessel in vessels)
    milder, worse = (course.contact_classes([replace(v, reconstructible=answer if v.reconstructible is None else v.reconstructible)
                                             for v in vessels], head=head) for answer in (True, False))
    states = milder.states(latent_deg)
    p = np.asarray(world.parameters.fibrotic_residue_probability, np.float64)[:, None, None]
    touched = [i for i, vessel in enumerate(vessels) if vessel.contact_deg > 0]
    if len(touched) > MAX_SCARS:
        states = np.where(points.scar_u[:, :, None] < p[..., None], np.maximum(states, milder.baseline), states)
        touched = []
    number = milder.number(states)
    resectable = np.zeros(number.shape)
    kept_milder, kept_worse = resectable.copy(), resectable.copy()
    for kept in product((False, True), repeat=len(touched)):
        scar = np.zeros(len(vessels), bool)
        scar[touched] = kept
        share = p ** sum(kept) * (1.0 - p) ** (len(kept) - sum(kept))
        code = milder.with_scar(scar)
        resectable += share * (code == int(Resectability.RESECTABLE))[number]
        kept_milder += share * (code != int(Resectability.LOCALLY_ADVANCED))[number]
        if unanswered:
            kept_worse += share * (worse.with_scar(scar) != int(Resectability.LOCALLY_ADVANCED))[number]
    if unanswered and np.abs(kept_milder - kept_worse).max(initial=0.0) > 1e-9:
        names = ", ".join(vessel.name for vessel in vessels if vessel.reconstructible is None)
        return ClassChances(resectable, None, f"whether {names} can be reconstructed is not stated (reconstructible = true or false)")
    return ClassChances(resectable, kept_milder)


@dataclass(frozen=True)
class Marrow:
    """Blood counts of one scheme at the nodes of the marrow's sensitivity."""

    course: blood.BloodCourse
    n_draws: int

    def nodes(self, line: str) -> NDArray[np.float32]:
        """Relative counts ``(draw, node, day)``."""
        rows = self.course.relative[:, blood.LINES.index(line)]
        return np.asarray(rows.reshape(self.n_draws, len(luck.SLOPE_NODES), -1))

    def log_fall(self, line: str) -> Floats:
        """``log(-log nadir)`` at the nodes, ``(draw, node)``: nearly straight in the deviation."""
        lowest = self.course.lowest[:, blood.LINES.index(line)].reshape(self.n_draws, -1).astype(np.float64)
        return np.log(np.maximum(-np.log(np.clip(lowest, 1e-12, 1.0)), 1e-9))


def marrow_course(
    world: World, activity_gbq: Floats, weeks: Sequence[float], codes: Sequence[int], until_week: float, keep_days: bool = True
) -> Marrow:
    """Run the blood model at the nodes for one scheme's activities ``(cycle, nuclide)``, every cycle given as planned."""
    n = len(luck.SLOPE_NODES)
    slopes = np.exp(world.slope_centre[:, None] + world.slope_spread[:, None] * luck.SLOPE_NODES[:, None]).astype(np.float32)
    dose = (world.marrow_gy_per_gbq[:, None, :] * np.asarray(activity_gbq)).astype(np.float32)
    found = blood.blood_course(
        world.parameters, dose, world.marrow_half_life_h, weeks, weeks=until_week, seed=world.seed, sensitiser=codes, n_replicates=n,
        slopes=slopes.reshape(-1, len(blood.LINES)), persistent=np.repeat(world.persistent, n), keep_days=keep_days)
    return Marrow(found, world.n_draws)


def critical_z(log_fall: Floats, baseline: float, limit: float) -> Floats:
    """Deviation of the marrow's log sensitivity from which the nadir lies below a limit, ``(draw,)``; infinite where it never does."""
    if baseline < limit:
        return np.full(len(log_fall), -np.inf)
    grid = np.linspace(-4.0, 4.0, 161)
    curve = np.maximum.accumulate(log_fall @ luck.slope_weights(grid).T.astype(np.float64), axis=1)
    wanted = np.log(max(np.log(baseline / limit), 1e-9))
    over = curve > wanted
    at = over.argmax(axis=1)
    left = np.maximum(at - 1, 0)
    rows = np.arange(len(curve))
    low, high = curve[rows, left], curve[rows, at]
    share = np.clip((wanted - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    z = grid[left] + share * (grid[at] - grid[left])
    return np.where(over.any(axis=1), np.where(over[:, 0], -np.inf, z), np.inf)


def grade34_chances(fall: Mapping[str, Floats], baselines: Mapping[str, float]) -> dict[str, Floats]:
    """Chance per draw of CTCAE grade 3 or 4 at any time, by line and for ``any`` of the lines given, ``(draw,)``.

    ``fall`` is :meth:`Marrow.log_fall` of each line. A patient's lines share part of their deviation: that part is integrated by
    quadrature, the lines' own parts in closed form.
    """
    from scipy.special import ndtr

    shared = float(blood.blood_table()["shared_variance"]["value"])
    critical = {line: critical_z(fall[line], value, blood.grade_limit(line, 3)) for line, value in baselines.items()}
    found = {line: ndtr(-z) for line, z in critical.items()}
    nodes, weights = quadrature(32)
    none = np.ones((len(nodes), len(next(iter(critical.values())))))
    for z in critical.values():
        none = none * ndtr((z - np.sqrt(shared) * nodes[:, None]) / np.sqrt(1.0 - shared))
    return {**found, "any": np.asarray(1.0 - weights @ none)}


def nadir_at_points(log_fall: Floats, z: Floats) -> Floats:
    """Relative nadir ``(draw, point)`` at deviations ``z`` of the marrow's log sensitivity."""
    value = np.einsum("dpn,dn->dp", luck.slope_weights(z), log_fall)
    return np.asarray(np.exp(-np.exp(np.minimum(value, 4.0))))


def counts_at_points(nodes: NDArray[np.float32], z: Floats) -> Floats:
    """Relative counts ``(draw, point, day)`` at deviations ``z`` from those at the nodes ``(draw, node, day)``."""
    return np.asarray(np.exp(np.matmul(luck.slope_weights(z), np.log(np.maximum(nodes, 1e-12)))))


RULE = 16
"""One in so many points of luck is asked the label's rule on counts."""


def cycle_rules(
    world: World, activity_gbq: Floats, weeks: Sequence[float], codes: Sequence[int], until_week: float, baselines: Mapping[str, float]
) -> tuple[Floats, Floats]:
    """Chances ``(cycle,)`` that the product label's rule on counts holds each cycle back, and that the treatment has ended before it.

    Both follow from courses in which a cycle that is held back is not given, and later cycles move with it.
    """
    n = max(world.n_points // RULE, 1)
    z = world.points.slope_z[:, :n]
    slopes = np.exp(world.slope_centre[:, None] + world.slope_spread[:, None] * z).astype(np.float32)
    dose = (world.marrow_gy_per_gbq[:, None, :] * np.asarray(activity_gbq)).astype(np.float32)
    found = blood.blood_course(
        world.parameters, dose, world.marrow_half_life_h, weeks, weeks=until_week, seed=world.seed, sensitiser=codes, n_replicates=n,
        slopes=slopes.reshape(-1, len(blood.LINES)), persistent=np.repeat(world.persistent, n), hold=dict(baselines), keep_days=False)
    decided = blood.cycle_decisions(found, n)
    return decided["delay"].mean(axis=0), decided["stop"].mean(axis=0)
