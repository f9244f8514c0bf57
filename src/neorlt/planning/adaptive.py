"""The loop over cycles: new measurements re-weight the patient's possible worlds, and the rest of the schedule is judged anew.

Each possible world (a draw of the parameters and doses, and in it a point of the patient's luck) is weighted by how likely it
makes the measurements, through the measurement models that the prediction uses: log-normal reading error of a diameter, of a
dose, of a count. Draws are then taken again by weight (systematic resampling), points by weight within them. Nothing is fitted
outside the model; before the update the numbers are those of the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.limits import STOP_RULES
from neorlt.core.draws import N_DRAWS, summarise
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.sensitisers import SENSITISERS
from neorlt.planning import chances
from neorlt.planning.decision.choice import RULE, Choice
from neorlt.planning.decision.settings import Settings
from neorlt.planning.evaluate import Evaluator, Floats, Outcomes
from neorlt.planning.objectives import OBJECTIVES, allowed
from neorlt.planning.patient import Patient
from neorlt.planning.scheme import Scheme
from neorlt.planning.search_space import Candidate, Limits, candidate_of
from neorlt.planning.updates import COUNT_LOG_SD, DOSE_LOG_SD, Update, as_given
from neorlt.planning.valued import Valued, value_of
from neorlt.planning.world import World, build_world
from neorlt.response import blood, course
from neorlt.response.readouts import blood_grade
from neorlt.response.simulate import simulate

N_PROPOSALS = N_DRAWS
FEW = 50.0
"""Below this effective number of worlds the update is called rough."""
DELAY_WEEKS = 4.0
REDUCTION = 0.5
"""Reduced activity as a share of the planned one: an assumption."""


@dataclass(frozen=True)
class Measured:
    """One measurement beside what was expected of it before and after the update."""

    what: str
    unit: str
    value: float
    before: Floats
    after: Floats

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"what": self.what, "unit": self.unit, "measured": self.value, "expected_before": summarise(self.before).as_json(),
                "expected_after": summarise(self.after).as_json()}


@dataclass(frozen=True)
class Adapted:
    """The remaining schedule's options before and after the update."""

    patient: Patient
    scheme: Scheme
    given: int
    update: Update
    options: tuple[str, ...]
    before: Outcomes
    after: Outcomes
    values: tuple[Valued, Valued] | None
    """The decision's criterion of every option before and after; None where the patient's age is not known."""
    choice: Choice | None
    """None without an age, or where the gate closes every option."""
    measured: tuple[Measured, ...]
    effective_worlds: float
    n_proposals: int
    rules: tuple[str, ...]
    settings: Settings
    limits: Limits


def adapt(
    patient: Patient | World, scheme: Scheme, given: int, update: Update, limits: Limits | None = None, settings: Settings | None = None, *,
    n_proposals: int = N_PROPOSALS, seed: int = 1,
) -> Adapted:
    """Update the patient after ``given`` cycles of a scheme and judge what may follow.

    Parameters
    ----------
    patient, scheme, given
        Whom (or the world of a finished plan), what was planned, and how many cycles of it were given.
    update
        What was measured since.
    limits, settings
        As for the search.
    n_proposals, seed
        Draws that are weighted, seed; those of a finished plan where its world is given.

    Raises
    ------
    InputError
        If the update lies before the last given cycle, or speaks of doses that were not given.
    """
    if not 1 <= given <= len(scheme.cycles):
        raise InputError("the number of cycles given does not fit the scheme", expected=f"1 to {len(scheme.cycles)}", found=str(given),
                         where="--after", remedy="count the cycles that were given")
    scheme = as_given(scheme, given, update.cycles)
    if update.week < scheme.cycles[given - 1].week:
        raise InputError("the update lies before the last given cycle", expected=f"week {scheme.cycles[given - 1].week:g} or later",
                         found=f"week {update.week:g}", remedy="count weeks from baseline")
    for doses in (update.kidney_dose_gy, *(lesion.dose_gy for lesion in update.lesions)):
        if len(doses) > given:
            raise InputError("the update holds doses of cycles that were not given", expected=f"up to {given}", found=str(len(doses)),
                             remedy="give one dose for each cycle given")
    limits, settings = limits or Limits(), settings or Settings()
    world = patient if isinstance(patient, World) else build_world(patient, n_draws=n_proposals, seed=seed)
    log_weight, seen = _likelihood(world, scheme, update)
    weight = np.exp(log_weight - log_weight.max())
    of_draw = weight.sum(axis=1)
    index = _resample(of_draw / of_draw.sum(), world.generator("resample"))
    within = weight / np.maximum(weight.max(axis=1, keepdims=True), 1e-300)
    rules = _rules(update)
    names, candidates = _options(scheme, given, update, bool(rules))
    before = Evaluator(world)(candidates)
    # Only draws that came back need points by weight; where nothing was learnt about luck the integral stays as it was.
    learnt = float(np.ptp(log_weight, axis=1).max()) > 1e-12
    updated = world.take(index)
    after = Evaluator(updated, weight=within[index] if learnt else None)(candidates)
    values, choice = None, None
    if world.patient.age_y is not None:
        values = value_of(world, before, settings), value_of(updated, after, settings)
        choice = values[1].choose(allowed(after, limits)[0].tolist(), settings.delta)
    return Adapted(
        world.patient, scheme, given, update, names, before, after, values, choice,
        tuple(Measured(what, unit, value, expected.ravel(), _drawn(expected[index], within[index]))
              for what, unit, value, expected in seen),
        float(of_draw.sum() ** 2 / np.sum(of_draw**2)), world.n_draws, rules, settings, limits)


def _drawn(expected: Floats, weight: Floats) -> Floats:
    """One point of each draw ``(draw, point)``, taken by weight at evenly spread quantiles."""
    if expected.shape[1] == 1:
        return expected[:, 0]
    share = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    golden = np.modf((np.arange(len(expected)) + 0.5) * 0.6180339887498949)[0]
    at = np.minimum((share < golden[:, None]).sum(axis=1), expected.shape[1] - 1)
    return np.asarray(expected[np.arange(len(expected)), at])


def _likelihood(world: World, scheme: Scheme, update: Update) -> tuple[Floats, list[tuple[str, str, float, Floats]]]:
    """Log weight of each point of luck ``(draw, point)``, and each measurement beside its expectation ``(draw, point or 1)``."""
    patient, points = world.patient, world.points
    total = np.zeros((world.n_draws, world.n_points))
    seen: list[tuple[str, str, float, Floats]] = []

    def learn(what: str, unit: str, value: float, expected: Floats, log_sd: Floats | float, shift: Floats | float = 0.0) -> None:
        nonlocal total
        z = (np.log(value) - np.log(np.maximum(expected, 1e-9)) - shift) / log_sd
        total = total - 0.5 * z**2 - np.log(log_sd)
        seen.append((what, unit, value, np.asarray(expected, np.float64)))

    schedule = world.schedule(scheme, np.array([update.week]))
    reader = course.reading_log_sd(world.parameters.sigma_d)[:, None]
    number = {lesion.id: i for i, lesion in enumerate(patient.lesions)}
    if any(lesion.longest_diameter_mm is not None for lesion in update.lesions):
        outcome = simulate(world.parameters, world.lesions, schedule, world.node_effects)
        diameter = world.lesions.diameters_mm * np.cbrt(chances.carry_log(world, outcome.relative_volume)[..., 0])
    for lesion in update.lesions:
        i = number[lesion.id]
        if lesion.longest_diameter_mm is not None:
            learn(f"{lesion.id}: longest diameter", "mm", lesion.longest_diameter_mm, diameter[:, :, i].astype(np.float64), reader,
                  -reader * points.baseline_z[:, :, i])
        for cycle, dose in enumerate(lesion.dose_gy):
            expected = schedule.dose_gy[:, i, cycle].sum(axis=-1).astype(np.float64)
            learn(f"{lesion.id}: dose of cycle {cycle + 1}", "Gy", dose, expected[:, None], DOSE_LOG_SD)
    kidneys = world.kidney_doses_gy(world.given_gbq(scheme)).sum(axis=2)
    for cycle, dose in enumerate(update.kidney_dose_gy):
        learn(f"kidneys: dose of cycle {cycle + 1}", "Gy", dose, kidneys[:, cycle, None], DOSE_LOG_SD)
    baselines = patient.blood_baselines
    counts = {line: value for line, value in (update.counts or {}).items() if line in baselines}
    if counts:
        marrow = chances.marrow_course(
            world, world.given_gbq(scheme), [c.week for c in scheme.cycles], [SENSITISERS.index(c.sensitiser) for c in scheme.cycles],
            float(13.0 * np.ceil((update.week + 1) / 13.0)))
        day = int(round(update.week * 7))
        for line, value in counts.items():
            z = points.slope_z[:, :, blood.LINES.index(line)]
            expected = baselines[line] * chances.counts_at_points(marrow.nodes(line)[:, :, day : day + 1], z)[:, :, 0]
            learn(line, "g/dl" if line == "haemoglobin" else "10^9/l", value, expected, COUNT_LOG_SD)
    return total, seen


def _resample(weight: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """Systematic resampling: world numbers, as many as there are weights."""
    n = len(weight)
    return np.minimum(np.searchsorted(np.cumsum(weight), (np.arange(n) + rng.random()) / n), n - 1).astype(np.intp)


def _rules(update: Update) -> tuple[str, ...]:
    """What the label's rule says of the counts now; empty where the next cycle may go ahead."""
    said = []
    for line, value in (update.counts or {}).items():
        grade = int(np.asarray(blood_grade(line, value)))
        if line in blood.WITHHOLD_FROM and grade >= blood.WITHHOLD_FROM[line]:
            rule = STOP_RULES["thrombocytopenia" if line == "platelets" else "anaemia_neutropenia"]
            said.append(f"{line} {value:g} are of CTCAE grade {grade}: the next cycle waits (product label: {rule}).")
    return tuple(said)


def _options(scheme: Scheme, given: int, update: Update, withheld: bool) -> tuple[tuple[str, ...], tuple[Candidate, ...]]:
    """What may follow: go on, wait, give less, stop earlier, stop now."""
    planned = candidate_of(scheme)
    weeks = planned.cycle_weeks
    rest = len(weeks) - given
    found: dict[str, Candidate] = {}
    if rest and not withheld:
        found["as planned"] = planned
        reduced = tuple(tuple(a * REDUCTION for a in row) if i >= given else row for i, row in enumerate(planned.activity_gbq))
        found["half the activity from the next cycle on"] = replace(planned, activity_gbq=reduced)
    if rest:
        late = max(DELAY_WEEKS, update.week - weeks[given] + (DELAY_WEEKS if withheld else 0.0))
        found[f"the next cycle {late:g} weeks later"] = replace(
            planned, weeks=tuple(w + late if i >= given else w for i, w in enumerate(weeks)))
    for fewer in range(1, rest):
        if not withheld:
            keep = len(weeks) - fewer
            found[f"{fewer} cycle{'s' if fewer > 1 else ''} fewer"] = replace(
                planned, activity_gbq=planned.activity_gbq[:keep], weeks=weeks[:keep])
    last = weeks[given - 1]
    gap = max(planned.surgery_weeks_after_last, update.week - last)
    found["stop now, surgery"] = replace(planned, activity_gbq=planned.activity_gbq[:given], weeks=weeks[:given],
                                         surgery_weeks_after_last=gap)
    return tuple(found), tuple(found.values())


def adapt_document(adapted: Adapted) -> dict[str, Any]:
    """The document of ``neorlt adapt --json``, which the report shows as its update section."""
    choice = adapted.choice
    rows = [_option(adapted, i) for i in range(len(adapted.options))]
    answer = _answer(adapted, rows)
    warnings = [f"Surprising: {item.what} of {item.value:g} {item.unit} lies outside all that was thought possible. Look at it again."
                for item in adapted.measured if not item.before.min() <= item.value <= item.before.max()]
    warnings += [f"The {line} now were not used: those at baseline are not known. Give them in patient.toml."
                 for line in adapted.update.counts or {} if line not in adapted.patient.blood_baselines]
    if adapted.effective_worlds < FEW:
        warnings.append(f"The measurements leave {adapted.effective_worlds:.0f} effective of {adapted.n_proposals} possible worlds: the "
                        "updated intervals are rough. Weigh more worlds.")
    return {
        "patient": {"id": adapted.patient.id}, "scheme": adapted.scheme.text, "cycles_given": adapted.given, "week": adapted.update.week,
        "measured": [item.as_json() for item in adapted.measured],
        "options": rows, "chosen": None if choice is None else rows[choice.mildest],
        "chosen_reason": _no_choice(adapted), "rule": RULE.format(delta=adapted.settings.delta_months),
        "rules_applied": list(adapted.rules),
        "indistinguishable": [[adapted.options[choice.mildest], adapted.options[i]] for i in _tied(choice)] if choice else [],
        "changes": [*adapted.rules, *_readings(adapted), *answer],
        "answer": {"sentences": [*adapted.rules, *answer]},
        "effective_worlds": adapted.effective_worlds, "n_proposals": adapted.n_proposals, "warnings": warnings,
        "method": "Each possible world of this patient was weighted by how likely it makes the measurements, through the model's own "
                  "reading errors, and worlds were drawn again by weight. The update holds for this patient only.",
        "assumptions": [
            {"text": f"A blood count scatters from day to day with log-SD {COUNT_LOG_SD:g}, a measured dose with {DOSE_LOG_SD:g}.",
             "label": str(Label.ASSUMPTION)},
            {"text": f"Less activity means {100 * REDUCTION:.0f} % of the planned one.", "label": str(Label.ASSUMPTION)}],
    }


def _tied(choice: Choice) -> list[int]:
    return [i for i in (choice.best, *choice.tied) if i != choice.mildest]


def _no_choice(adapted: Adapted) -> str | None:
    if adapted.choice is not None:
        return None
    if adapted.values is None:
        return "No option is put first: the decision needs the patient's age."
    return "No option is put first: the gate leaves none of them open."


def _option(adapted: Adapted, i: int) -> dict[str, Any]:
    candidate = adapted.after.candidates[i]
    row: dict[str, Any] = {"option": adapted.options[i], "scheme": candidate.scheme().text, "surgery_week": candidate.surgery_week,
                           "cycles": [cycle.as_json() for cycle in candidate.scheme().cycles],
                           "best_minus_this": None if adapted.choice is None else adapted.choice.losses[i].as_json()}
    for k, (when, outcomes) in enumerate((("before", adapted.before), ("after", adapted.after))):
        value = None if adapted.values is None else float(adapted.values[k].utility[:, i].mean())
        numbers: dict[str, Any] = {"utility": value, "kidney_bed_gy": summarise(outcomes.kidney_bed_gy[i]).as_json()}
        for name, _, _ in OBJECTIVES:
            if name != "surgery_week":
                draws = outcomes.draws(name)
                numbers[name] = None if draws is None else float(draws[i].mean())
        row[when] = numbers
    return row


def _readings(adapted: Adapted) -> list[str]:
    """What was measured beside what was expected, in words."""
    said = []
    for item in adapted.measured:
        expected = summarise(item.before)
        where = "inside" if expected.low <= item.value <= expected.high else "above" if item.value > expected.high else "below"
        unit = f"x {item.unit}" if item.unit.startswith("10^") else item.unit
        said.append(f"{item.what}: {item.value:g} {unit} measured, {expected.median:.3g} expected "
                    f"({expected.low:.3g} to {expected.high:.3g}): {where} the 90 % interval.")
    return said


def _answer(adapted: Adapted, rows: Sequence[dict[str, Any]]) -> list[str]:
    """What follows now, and what the update made of its chance."""
    if adapted.choice is None:
        return [_no_choice(adapted) or ""]
    chosen = rows[adapted.choice.mildest]
    said = [f"First now: {chosen['option']} ({chosen['scheme']})."]
    name = "p_resectable" if chosen["before"]["p_resectable"] is not None else "p_objective_response"
    words = "being resectable" if name == "p_resectable" else "an objective response"
    if chosen["before"][name] is not None:
        said.append(f"Its chance of {words}: {100 * chosen['before'][name]:.0f} % before, {100 * chosen['after'][name]:.0f} % after the "
                    "update.")
    if tied := _tied(adapted.choice):
        said.append(f"It is tied with {'; '.join(adapted.options[i] for i in tied)}, and may cost "
                    f"{12 * adapted.choice.price_of_mildest:.1f} quality-adjusted months against the best.")
    return said
