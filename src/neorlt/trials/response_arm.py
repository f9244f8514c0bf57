"""What an arm does to the tumours of virtual patients: doses, shrinkage and vessel contact, through ``response.simulate``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.recist import Response, classify_recist
from neorlt.core.draws import generator
from neorlt.core.sensitisers import SENSITISERS
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.documents.patient import sphere_volume_ml
from neorlt.planning.chances import class_chances
from neorlt.planning.evaluate import Evaluator
from neorlt.planning.search_space import candidate_of
from neorlt.planning.world import World
from neorlt.response import blood, course
from neorlt.response.arrays import LesionArrays, ScheduleArrays, draw_lesion_effects
from neorlt.response.kidney import kidney_bed_gy
from neorlt.response.parameters import Parameters
from neorlt.response.simulate import simulate
from neorlt.trials.design import Arm, TrialDesign
from neorlt.trials.population import VESSELS, Patients, resectability_of

Floats = NDArray[np.float64]
BLOOD_REPLICATES = 8


@dataclass(frozen=True)
class ArmResponse:
    """Outcome of an arm before surgery, each ``(draw, patient)``.

    ``week`` is when the tumour is judged, ``contact`` the resectability class then, ``cycles`` how many were given.
    """

    week: Floats
    response: NDArray[np.intp]
    diameter_change_pct: Floats
    resectability: NDArray[np.intp]
    ki67_pct: Floats
    cycles: NDArray[np.intp]
    haematotoxicity: NDArray[np.bool_]


def toxicity_probability(design: TrialDesign, arm: Arm, parameters: Parameters, seed: int) -> Floats:
    """Chance per draw of blood toxicity of grade 3–4 under the full scheme, at the population's mean counts."""
    if arm.scheme is None or not arm.scheme.cycles:
        return np.zeros(parameters.n_draws)
    cycles = arm.scheme.cycles
    dose, half_life = blood.marrow_dose_gy(parameters, arm.scheme.given_gbq(parameters.nuclides), seed)
    counts = blood.blood_course(
        parameters,
        dose,
        half_life,
        [cycle.week for cycle in cycles],
        weeks=13.0 * np.ceil((cycles[-1].week + 12) / 13),
        seed=seed,
        sensitiser=[SENSITISERS.index(cycle.sensitiser) for cycle in cycles],
        n_replicates=BLOOD_REPLICATES,
    )
    from neorlt.trials.population import population_table

    marginals = population_table()["marginals"]
    baselines = {
        "platelets": marginals["platelets_e9_per_l"]["parameters"][0],
        "neutrophils": marginals["neutrophils_e9_per_l"]["parameters"][0],
    }
    return np.asarray(blood.p_grade34(counts, baselines, BLOOD_REPLICATES)["any"], float)


def lesions_of(patients: Patients) -> tuple[LesionArrays, NDArray[np.intp]]:
    """Primaries of all patients, then one liver lesion for each who has them; and the patient of each lesion."""
    liver = np.flatnonzero(patients["liver_metastases"] > 0)
    owner = np.concatenate([np.arange(patients.n), liver])
    diameter = np.concatenate([patients["size_mm"], patients["liver_lesion_mm"][liver]])
    volume = np.array([sphere_volume_ml(float(d)) for d in diameter])
    return LesionArrays(
        volume_ml=volume,
        ki67_pct=patients["ki67_pct"][owner],
        is_liver=np.arange(len(owner)) >= patients.n,
        diameter_mm=diameter,
        patient=owner,
    ), owner


def lesion_doses(
    arm: Arm,
    patients: Patients,
    lesions: LesionArrays,
    owner: NDArray[np.intp],
    n_draws: int,
    y90_potency: float,
    rng: np.random.Generator,
    nuclides: tuple[str, ...],
) -> tuple[Floats, Floats]:
    """Doses ``(draw, lesion, cycle, nuclide)`` and half-lives ``(draw, lesion, nuclide)`` under the whole scheme.

    A patient's lesions share part of the spread of dose per activity, which goes with the SUV. ``y90_potency`` is a factor
    on 90Y doses, for the scenarios: what a gray of 90Y does beside one of 177Lu is not known.
    """
    assert arm.scheme is not None
    n = len(owner)
    own, washout = rng.standard_normal((n_draws, n)), rng.standard_normal((n_draws, n))
    lu = course.lognormal("lesion_gy_per_gbq", course.share_between_lesions(patients["dose_z"][owner], own))
    mass = np.asarray(lesions.volume_ml, float) * SOFT_TISSUE_G_PER_CM3
    per_gbq, half_life = course.exchange(lu, course.lognormal("lesion_washout_per_h", washout), mass, nuclides)
    dose = course.cycle_doses_gy(
        per_gbq,
        arm.scheme.given_gbq(nuclides),
        fall=course.fall_per_cycle(lesions.ki67_pct),
        scatter_z=rng.standard_normal((n_draws, n, len(arm.scheme.cycles))),
        log_sd=course.lesion_cycle_log_sd(),
    )
    return dose * np.array([y90_potency if name == "Y-90" else 1.0 for name in nuclides]), half_life


def allowed_cycles(arm: Arm, parameters: Parameters, n_patients: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Cycles ``(draw, patient)`` until the next would take the kidneys over 40 Gy BED, by each patient's own kidney dose."""
    assert arm.scheme is not None
    cycles = arm.scheme.cycles
    total = len(cycles)
    shape = (parameters.n_draws, n_patients)
    if not arm.dosimetry_guided:
        return np.full(shape, total, np.intp)
    lu = course.lognormal("kidney_gy_per_gbq", rng.standard_normal(shape))
    washout = course.lognormal("kidney_washout_per_h", rng.standard_normal(shape))
    per_gbq, half_life = course.exchange(lu, washout, course.fixed("kidney_mass_g"), parameters.nuclides)
    scatter = rng.standard_normal((*shape, total))
    dose = course.cycle_doses_gy(
        per_gbq, arm.scheme.given_gbq(parameters.nuclides), scatter_z=scatter, log_sd=course.kidney_cycle_log_sd()
    ).reshape(-1, total, len(parameters.nuclides))
    worlds = parameters.repeat(n_patients)
    weeks = [cycle.week for cycle in cycles]
    fits = np.zeros(dose.shape[0], np.intp)
    for k in range(1, total + 1):
        bed = kidney_bed_gy(worlds, dose[:, :k], half_life.reshape(-1, len(parameters.nuclides)), weeks[:k])
        fits = np.where((bed <= course.kidney_limit_gy(())) & (fits == k - 1), k, fits)
    return np.asarray(np.maximum(fits, 1).reshape(shape), np.intp)


def chances_of(arm: Arm, world: World) -> dict[str, Floats | None]:
    """What an arm before surgery does to one patient whose world is known: chances per draw ``(draw,)``, None without input.

    The same kernels, world and integrals as the patient's plan. An operation at once leaves size and contact as they are; what
    chemotherapy does is known of populations only.
    """
    if arm.scheme is not None:
        found = Evaluator(world)([candidate_of(arm.scheme)])
        return {name: None if (values := found.draws(name)) is None else values[0] for name in ("p_objective_response", "p_resectable")}
    if arm.kind == "upfront-surgery" and world.vessels:
        latent = np.array([vessel.contact_deg for vessel in world.vessels], float)[None, None, None]
        now = class_chances(world.first(1), world.one, latent).resectable.ravel()
        return {"p_objective_response": None, "p_resectable": np.full(world.n_draws, now[0])}
    return {"p_objective_response": None, "p_resectable": None}


def treat(
    design: TrialDesign, arm: Arm, patients: Patients, parameters: Parameters, p_toxicity: Floats, y90_potency: float, seed: int
) -> ArmResponse:
    """Treat every patient in every world ``(draw, patient)`` and judge the tumour before surgery."""
    shape = (parameters.n_draws, patients.n)
    if arm.kind == "upfront-surgery":
        contact = np.stack([patients["vein_deg"], patients["artery_deg"]], axis=1)
        classes = np.broadcast_to(resectability_of(contact, patients["head"] > 0), shape)
        return ArmResponse(
            np.full(shape, arm.surgery_week),
            np.full(shape, int(Response.SD), np.intp),
            np.zeros(shape),
            classes,
            np.broadcast_to(patients["ki67_pct"], shape),
            np.zeros(shape, np.intp),
            np.zeros(shape, bool),
        )
    rng = generator(seed, "trial", "treatment", arm.kind)
    v = design.values
    if arm.kind == "chemotherapy":
        change = v["chemotherapy_log_volume"] + v["chemotherapy_log_volume_sd"] * rng.standard_normal(shape)
        return _judged(
            patients,
            np.exp(change / 3.0),
            np.full(shape, arm.surgery_week),
            parameters,
            rng,
            np.broadcast_to(patients["ki67_pct"], shape),
            np.zeros(shape, np.intp),
            np.zeros(shape, bool),
        )
    assert arm.scheme is not None
    cycles = arm.scheme.cycles
    total = len(cycles)
    toxic = rng.random(shape) < p_toxicity[:, None]
    after = rng.integers(1, max(total, 2), shape)
    stops = toxic & (rng.random(shape) < v["p_stop_after_toxicity"])
    given = allowed_cycles(arm, parameters, patients.n, generator(seed, "trial", "kidney"))
    given = np.where(stops, np.minimum(given, after), given)
    delay = np.where(toxic & ~stops, v["delay_weeks"], 0.0)
    start = np.array([cycle.week for cycle in cycles])
    week = start[given - 1] + arm.scheme.surgery_weeks_after_last + delay
    lesions, owner = lesions_of(patients)
    dose, half_life = lesion_doses(
        arm, patients, lesions, owner, parameters.n_draws, y90_potency, generator(seed, "trial", "dose"),
        parameters.nuclides,
    )
    dose = dose * (np.arange(total) < given[:, owner, None])[..., None]
    looks = np.unique(
        np.concatenate(
            [start + arm.scheme.surgery_weeks_after_last, start[-1:] + arm.scheme.surgery_weeks_after_last + v["delay_weeks"]]
        )
    )
    outcome = simulate(
        parameters,
        lesions,
        ScheduleArrays(
            week=start.astype(np.float32),
            dose_gy=dose.astype(np.float32),
            effective_half_life_h=half_life.astype(np.float32),
            times_week=looks.astype(np.float32),
            sensitiser=np.array([SENSITISERS.index(cycle.sensitiser) for cycle in cycles], np.intp),
        ),
        draw_lesion_effects(parameters, lesions, 1, seed),
    )
    at = np.clip(np.searchsorted(looks, week - 1e-6), 0, len(looks) - 1)

    def when(values: NDArray[np.float32]) -> Floats:
        return np.asarray(np.take_along_axis(values, at[:, owner, None], axis=2)[..., 0], float)

    base = np.asarray(lesions.diameter_mm, float)
    ratio = when(outcome.diameter_mm) / base
    measured = when(outcome.diameter_measured_mm)
    sums = np.zeros(shape)
    np.add.at(sums.T, owner, measured.T)
    before = np.zeros(patients.n)
    np.add.at(before, owner, base)
    return _judged(
        patients,
        ratio[:, : patients.n],
        week,
        parameters,
        rng,
        when(outcome.ki67_pct)[:, : patients.n],
        given,
        toxic,
        sums,
        before,
    )


def _judged(
    patients: Patients,
    ratio: Floats,
    week: Floats,
    parameters: Parameters,
    rng: np.random.Generator,
    ki67: Floats,
    cycles: NDArray[np.intp],
    toxic: NDArray[np.bool_],
    sums: Floats | None = None,
    before: Floats | None = None,
) -> ArmResponse:
    """RECIST class and vessel contact at the scan before surgery.

    The nadir is the baseline: one scan decides. Contact follows the sphere that touches a cylinder; a scar may keep it.
    """
    size = patients["size_mm"]
    total = size * ratio if sums is None else sums
    base = size if before is None else before
    code = np.asarray(classify_recist(total, base, base), np.intp)
    contacts = []
    for name, column in zip(VESSELS, ("vein_deg", "artery_deg"), strict=True):
        baseline = patients[column]
        latent = course.latent_contact_deg(name, baseline, size * ratio, size, clip=True)
        scar = rng.random(ratio.shape) < np.asarray(parameters.fibrotic_residue_probability, float)[:, None]
        contacts.append(course.seen_contact_deg(latent, baseline, scar & (baseline > 0)))
    classes = resectability_of(np.stack(contacts, axis=-1), patients["head"] > 0)
    return ArmResponse(week, code, 100.0 * (total / base - 1.0), classes, ki67, cycles, toxic)
