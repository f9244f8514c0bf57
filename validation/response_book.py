"""The validation book of the response model: every published data set, what the model says of it, and the verdict.

Each ``validation/response_*.json`` is one data set and says whether the model was tuned to it (by construction), is checked against it
(studies of the fit: with their study left out), or cannot use it. A verdict comes from score and power (:func:`verdict_of`): *better than
the baseline*, *no better than the baseline*, *miss* (a miss stays in the book), or *cannot tell* where the data could not have told the
model from the baseline; beside it stands the chance that a wrong model would have been found out. Checks call the product's functions.
Writes ``src/neorlt/data/validation.json``.

Usage: ``python validation/response_book.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln

from neorlt.clinic.vessels import Resectability, VesselContact
from neorlt.core import tables
from neorlt.core.draws import generator, lognormal_draws
from neorlt.response import blood, centre, course, readouts, studies
from neorlt.response.arrays import LesionArrays, ScheduleArrays, draw_lesion_effects
from neorlt.response.judging import uniform_p
from neorlt.response.parameters import MODEL_VERSION, SENSITISERS, draw_parameters, read_priors
from neorlt.response.simulate import simulate

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "src/neorlt/data/validation.json"
SEED = 7
N_DRAWS = 400
N_REPLICATES = 40
N_COHORTS = 150
RATIO = 3.0
"""Odds of the model's over the baseline's probability from which a count speaks for one of them."""
POWER = 0.5
"""Chance of such odds, were the model right, below which a count cannot tell."""
DIAMETER_MM = 35.0


def population(name: str) -> list[float]:
    """Parameters of one distribution of the population table."""
    return [float(x) for x in tables.read_json("response", "population.json")[name]["parameters"]]


def lesion_doses(rng: np.random.Generator, n_worlds: int, n_lesions: int, gbq: float, n_cycles: int, nuclide: str, ki67_pct: float = 8.0
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Dose ``(world, lesion, cycle, 2)`` and half-life ``(world, lesion, 2)`` of published lesions, by the product's kernels."""
    shape = (n_worlds, n_lesions)
    per_gbq, washout = (lognormal_draws(rng, *population(name), n_worlds * n_lesions).reshape(shape)
                        for name in ("lesion_gy_per_gbq", "lesion_washout_per_h"))
    both, half_life = course.exchange(per_gbq, washout, 4 / 3 * np.pi * (DIAMETER_MM / 20) ** 3)
    activity = np.zeros((n_cycles, 2))
    activity[:, 0 if nuclide == "Lu-177" else 1] = gbq
    dose = course.cycle_doses_gy(both, activity, fall=course.fall_per_cycle(ki67_pct), scatter_z=rng.standard_normal((*shape, n_cycles)),
                                 log_sd=course.lesion_cycle_log_sd())
    return dose.astype(np.float32), np.asarray(half_life, np.float32)


def cohort(entry: dict[str, Any], name: str, times: tuple[float, ...] | None = None, diameter_mm: float = DIAMETER_MM,
           n_draws: int | None = None, n_replicates: int | None = None) -> dict[str, Any]:
    """One lesion a patient, ``n_replicates`` patients in each of ``n_draws`` worlds, under the series' schedule."""
    n_draws, n_replicates = n_draws or N_DRAWS, n_replicates or N_REPLICATES
    data = entry["data"]
    parameters = draw_parameters(n_draws, SEED)
    lesion = LesionArrays(volume_ml=[np.pi / 6 * (diameter_mm / 10) ** 3], ki67_pct=[float(data.get("ki67_pct", 8.0))])
    effects = draw_lesion_effects(parameters, lesion, n_replicates, SEED)
    gbq = data.get("activity_gbq") or data["activity_gbq_per_m2"] * data["body_surface_m2"]
    dose, half_life = lesion_doses(generator(SEED, "validation", name), n_draws * n_replicates, 1, gbq, len(data["weeks"]), data["nuclide"])
    plan = ScheduleArrays(np.asarray(data["weeks"], float), dose, half_life, np.asarray(times or (data["read_week"],), float))
    return {"parameters": parameters, "lesion": lesion, "dose": dose, "outcome": simulate(parameters, lesion, plan, effects)}


def count_distribution(p: np.ndarray, n: int) -> np.ndarray:
    """Predictive distribution of a count of ``n``: binomial mixed over the draws' probabilities."""
    k = np.arange(n + 1)
    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    q = np.clip(p, 1e-9, 1 - 1e-9)[:, None]
    return np.exp(choose + k * np.log(q) + (n - k) * np.log1p(-q)).mean(axis=0)


def baseline_distribution(events: int, total: int, n: int) -> np.ndarray:
    """Beta-binomial of ``n`` patients given another series and Jeffreys' prior: every patient has the pooled rate."""
    a, b, k = events + 0.5, total - events + 0.5, np.arange(n + 1)
    return np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + betaln(k + a, n - k + b) - betaln(a, b))


def verdict_of(model: np.ndarray, baseline: np.ndarray, seen: int) -> dict[str, Any]:
    """Verdict from the score against the baseline and the power it had; both are distributions ``(count,)`` of what may be seen.

    *power*: chance, were the model right, that the odds speak for it. *could_fail*: chance, were the baseline right, of a *miss*.
    """
    odds = np.log(np.maximum(model, 1e-300)) - np.log(np.maximum(baseline, 1e-300))
    cumulative = np.cumsum(model)
    low, high = int(np.searchsorted(cumulative, 0.05)), int(np.searchsorted(cumulative, 0.95))
    count = np.arange(len(model))
    miss = (count < low) | (count > high) | (odds < -np.log(RATIO))
    power, could_fail = float(model[odds > np.log(RATIO)].sum()), float(baseline[miss].sum())
    if miss[seen]:
        verdict = "miss"
    elif odds[seen] > np.log(RATIO):
        verdict = "better than the baseline"
    else:
        verdict = "no better than the baseline" if power >= POWER else "cannot tell"
    return {"verdict": verdict, "power": power, "could_fail": could_fail, "could_discriminate": power >= POWER,
            "log_odds": float(odds[seen])}


def judge_count(p: np.ndarray, events: int, total: int, baseline: list[int] | None) -> dict[str, Any]:
    """Interval, score, baseline's score and verdict for a count; without another series the baseline knows nothing."""
    model = count_distribution(p, total)
    other = np.full(total + 1, 1 / (total + 1)) if baseline is None else baseline_distribution(baseline[0], baseline[1], total)
    cumulative = np.cumsum(model)
    low, high = int(np.searchsorted(cumulative, 0.05)), int(np.searchsorted(cumulative, 0.95))
    rate, exact_low, exact_high = readouts.exact_interval(events, total)
    return {
        "observed": {"events": events, "total": total, "rate": rate, "exact_ci95": [exact_low, exact_high]},
        "predicted": {"probability": float(p.mean()), "events_ci90": [low, high], "rate_ci90": [low / total, high / total]},
        "log_score": float(np.log(model[events])), "log_score_baseline": float(np.log(other[events])),
        "baseline": "any count is as likely as any other" if baseline is None
        else f"every patient has the rate of another series ({baseline[0]} of {baseline[1]})", **verdict_of(model, other, events),
    }


def judge_number(draws: np.ndarray, observed: float, digits: int = 2, without: float | None = None) -> dict[str, Any]:
    """Interval and verdict for one number; ``draws`` is its predictive distribution, ``without`` what no effect would give.

    Where no effect lies in the interval too, the number cannot tell.
    """
    low, mid, high = np.quantile(draws, [0.05, 0.5, 0.95])
    predicted = {"median": round(float(mid), digits), "ci90": [round(float(low), digits), round(float(high), digits)]}
    tells = without is not None and not low <= without <= high
    verdict = "miss" if not low <= observed <= high else "better than the baseline" if tells else "cannot tell"
    return {"observed": observed, "predicted": predicted, "verdict": verdict, "could_discriminate": tells}


def check_other_lesions(entry: dict[str, Any]) -> dict[str, Any]:
    """Lesions of a figure that the posterior did not see, by the function behind ``neorlt calibrate --check``; both readings of a sign."""
    data = entry["data"]
    term = next(t for t in studies.read_terms() if t.study == data["study"] and t.kind == "lesions")
    others = [t for t in studies.fitted() if t.kind == "lesions" and t.study == "jahn_2021"]
    parameters = draw_parameters(N_DRAWS, SEED, "posterior")
    readings = {"as read": term.log_volume}
    if not term.sign_known:
        from neorlt.response.synthesis import other_reading

        readings["the other sign"] = other_reading(term)
    found = {}
    for name, log_volume in readings.items():
        n = term.n
        week = np.full(n, np.nan if term.read_week is None else term.read_week)
        cycles = np.clip(np.round(term.dose_gy / (term.dose_per_cycle_gy or 1e9)), 1, 6).astype(int) if term.dose_per_cycle_gy \
            else np.full(n, term.cycles)
        table = centre.CentreTable(np.zeros(n, int), np.full(n, term.ki67_median_pct), term.dose_gy, cycles, week, log_volume)
        said = centre.check(table, parameters, others)
        kept = ("n", "coverage", "bias_pp", "log_score_per_lesion", "baselines", "against", "pit_uniform")
        found[name] = {key: said[key] for key in kept}
    best = {name: max(row["baselines"].values()) for name, row in found.items()}
    verdicts = {}
    for name, row in found.items():
        against = row["against"][max(row["baselines"], key=row["baselines"].__getitem__)]
        verdicts[name] = ("better than the baseline" if against["mean"] > against["standard_error"]
                          else "miss" if against["mean"] < -against["standard_error"] else "no better than the baseline")
    first = found["as read"]
    verdict = verdicts["as read"] if len(verdicts) == 1 else "both readings: " + ", ".join(f"{k}: {v}" for k, v in verdicts.items())
    return {"observed": {"n": first["n"], "coverage": first["coverage"], "bias_pp": first["bias_pp"]},
            "predicted": {"coverage": [50, 80, 90]}, "readings": found, "log_score": first["n"] * first["log_score_per_lesion"],
            "log_score_baseline": first["n"] * best["as read"],
            "baseline": "best of pooled, constant and log-linear, given the lesions of Jahn 2021", "verdict": verdict,
            "could_discriminate": True, "note": "lesions of one patient are not told apart; origins are mixed and taken as pancreatic"}


def judge_estimate(model: np.ndarray, nothing: np.ndarray, observed: float) -> dict[str, Any]:
    """Interval, verdict and power for an estimate that a study of the published size would have printed.

    ``model`` and ``nothing`` are what such studies print where the model, or no effect of dose, is right. *power*: chance, were the model
    right, of an estimate outside the central 90 % of no effect; *could_fail*: chance, were there no effect, of one outside the model's.
    """
    low, mid, high = np.quantile(model, [0.05, 0.5, 0.95])
    least, most = np.quantile(nothing, [0.05, 0.95])
    power = float(np.mean((model < least) | (model > most)))
    could_fail = float(np.mean((nothing < low) | (nothing > high)))
    tells = power >= POWER
    verdict = "miss" if not low <= observed <= high else "cannot tell" if not tells or least <= observed <= most \
        else "better than the baseline"
    return {"observed": observed, "verdict": verdict, "power": power, "could_fail": could_fail, "could_discriminate": tells,
            "predicted": {"median": round(float(mid), 2), "ci90": [round(float(low), 2), round(float(high), 2)]},
            "no_effect": {"ci90": [round(float(least), 2), round(float(most), 2)]}, "baseline": "dose has no effect"}


def lesions_of_study(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Cohorts of lesions, each lesion simulated: doses measured with error, readings, origins, lesions of a patient sharing sensitivity.

    Doses are those that ``doses_of`` (a figure) holds, drawn with replacement, or log-normal with a printed median and range. They are the
    *measured* ones; the true lie nearer to the centre, with the rest of the dosimetry's error about them. Returns ``measured`` total dose
    and ``true``, ``(cohort, lesion)``, and ``ratio`` of measured diameter to baseline, ``(cohort, lesion)``: at the week, or the best of
    the weeks.
    """
    n, error = data["n"], data["dose_log_sd"]
    rng, parameters = generator(SEED, "validation", name), draw_parameters(N_COHORTS, SEED)
    if "doses_of" in data:
        term = next(t for t in studies.read_terms() if t.study == data["doses_of"] and t.kind == "lesions")
        log_dose = np.log(np.asarray(term.dose_gy))
        spread = float(log_dose.var())
        measured = rng.choice(log_dose, (N_COHORTS, n))
    else:
        spread = (np.log(data["dose_range_gy"][1] / data["dose_range_gy"][0]) / (2 * normal_reach(data["n_range"]))) ** 2
        measured = np.log(data["dose_median_gy"]) + np.sqrt(spread) * rng.standard_normal((N_COHORTS, n))
    trust = max(1 - error**2 / spread, 0.0)
    true = measured.mean(axis=1, keepdims=True) + trust * (measured - measured.mean(axis=1, keepdims=True)) \
        + np.sqrt(trust) * error * rng.standard_normal(measured.shape)
    shares = np.array(data["origin"]) / sum(data["origin"])
    patient = np.sort(np.arange(n) % data.get("patients", n))
    origin = rng.choice(len(shares), patient.max() + 1, p=shares)[patient]
    lesions = LesionArrays(volume_ml=np.full(n, np.pi / 6 * (DIAMETER_MM / 10) ** 3), ki67_pct=np.full(n, data["ki67_pct"]), origin=origin,
                           patient=patient)
    effects = draw_lesion_effects(parameters, lesions, 1, SEED)
    given = course.uptake_left(np.full(len(data["weeks"]), data["activity_gbq"]), course.fall_per_cycle(data["ki67_pct"]))
    dose = np.zeros((N_COHORTS, n, len(given), 2))
    dose[..., 0] = np.exp(true)[..., None] * given / given.sum()
    plan = ScheduleArrays(np.asarray(data["weeks"], float), dose.astype(np.float32), np.broadcast_to(np.float32([85.6, 49.6]), (1, n, 2)),
                          np.asarray(data["read_weeks"], float))
    outcome = simulate(parameters, lesions, plan, effects)
    return {"measured": np.exp(measured), "true": np.exp(true),
            "ratio": (outcome.diameter_measured_mm / lesions.diameters_mm[:, None]).min(axis=2)}


def normal_reach(n: int) -> float:
    """Expected largest of ``n`` standard normal values (Blom)."""
    from scipy.special import ndtri

    return float(ndtri((n - 0.375) / (n + 0.25)))


def odds_ratios(dose_gy: np.ndarray, response: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Odds ratios per 50 Gy of cohorts ``(cohort, lesion)``, and those of the same cohorts with doses dealt anew: no effect."""
    dealt = rng.permuted(dose_gy, axis=1)
    found = [np.array([logistic_slope(x, y) for x, y in zip(some / 50.0, response.astype(float), strict=True)])
             for some in (dose_gy, dealt)]
    first, second = (np.exp(np.clip(slopes[np.isfinite(slopes)], -20, 20)) for slopes in found)
    return first, second


def check_odds_ratio(entry: dict[str, Any]) -> dict[str, Any]:
    """Odds ratio of response per 50 Gy of first-cycle dose in simulated cohorts of the published size, each patient simulated.

    The dose that enters the regression carries the error of its dosimetry, as the published one did.
    """
    data = entry["data"]
    n = data["n"]
    found = cohort(entry, entry["name"], n_draws=N_COHORTS, n_replicates=n)
    response = (found["outcome"].diameter_measured_mm[:, 0, 0] / found["lesion"].diameters_mm[0] <= 0.7).reshape(-1, n)
    rng = generator(SEED, "validation", "odds")
    first = found["dose"][:, 0, 0, 0].reshape(-1, n) * np.exp(data["dose_log_sd"] * rng.standard_normal((N_COHORTS, n)))
    return _odds_row(first, response, data, rng)


def check_total_odds_ratio(entry: dict[str, Any]) -> dict[str, Any]:
    """Odds ratio per 50 Gy of *total* dose of a change of volume up to a limit, in simulated cohorts with the published doses."""
    data = entry["data"]
    found = lesions_of_study(data, entry["name"])
    response = found["ratio"] ** 3 <= 1 + data["volume_change_pct"] / 100
    row = _odds_row(found["measured"], response, data, generator(SEED, "validation", "total odds"))
    if data["doses_of"] in tables.read_json("response", "posterior.json").get("studies", ()):
        row["reason"] = "the shipped fit saw half of these lesions: this says that the fit holds their slope, not that it foresaw it"
    return row


def _odds_row(dose_gy: np.ndarray, response: np.ndarray, data: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    ratios, nothing = odds_ratios(dose_gy, response, rng)
    if len(ratios) < 2:
        return {"observed": data["odds_ratio"], "predicted": None, "verdict": "cannot tell", "could_discriminate": False,
                "reason": "no simulated cohort had a finite estimate"}
    row = judge_estimate(ratios, nothing, data["odds_ratio"])
    low, high = np.quantile(ratios, [0.05, 0.95])
    row["observed"] = {"odds_ratio": data["odds_ratio"], "ci95": data["ci95"]}
    # The published estimate has an error of its own: a model whose interval meets it is not refuted.
    if row["verdict"] == "miss" and low <= data["ci95"][1] and high >= data["ci95"][0]:
        row["note_interval"] = "the predicted interval meets the published one, not its estimate"
    row["note"] = f"{len(ratios)} of {len(response)} simulated cohorts of {response.shape[1]} had a finite estimate"
    return row


def check_no_correlation(entry: dict[str, Any]) -> dict[str, Any]:
    """A study that found no significant correlation of dose and change of size: how often would the model have found one?"""
    from scipy.stats import spearmanr

    data = entry["data"]
    found = lesions_of_study(data, entry["name"])
    both = [spearmanr(x, y) for x, y in zip(found["measured"], found["ratio"], strict=True)]
    rho = np.array([one.statistic for one in both])
    significant = float(np.mean([one.pvalue < 0.05 for one in both]))
    row = verdict_of(np.array([significant, 1 - significant]), np.array([0.05, 0.95]), 1)
    shrank = (found["ratio"] < 1).sum(axis=1)
    return {"observed": {"correlation": "not significant", "shrank": data["shrank"], "n": data["n"]},
            "predicted": {"p_not_significant": 1 - significant, "rho_ci90": [round(float(x), 2) for x in np.quantile(rho, [0.05, 0.95])],
                          "shrank_ci90": [int(x) for x in np.quantile(shrank, [0.05, 0.95])]},
            "log_score": float(np.log(max(1 - significant, 1e-9))), "log_score_baseline": float(np.log(0.95)),
            "baseline": "dose has no effect: 5 % of studies find one", **row}


def check_left_out(entry: dict[str, Any]) -> dict[str, Any]:
    """A published row that the synthesis predicted without its study: read from the shipped fit's own table of studies left out."""
    data = entry["data"]
    report = tables.read_json("response", "posterior.json")
    rows = [row for part in ("left_out", "checks") for row in report[part]["rows"]]
    row = next(row for row in rows if (row["study"], row["term"]) == (data["study"], data["term"]))
    score, inside, against = row["log_score"], row.get("inside_90"), row["baselines"]
    found: dict[str, Any] = {"observed": data["observed"], "pareto_k": row["pareto_k"]}
    if row["kind"] == "counts":
        score = row["responders_log_score"]
        found |= {"predicted": {"rate": row["predicted_pct"] / 100, "rate_ci90": [x / 100 for x in row["ci90_pct"]]}}
    elif row["kind"] == "lesions":
        # Each lesion by itself, as a user meets one; so is it scored by the models without mechanism.
        score, uniform = sum(row["each"]), uniform_p(row["pit"])
        inside = uniform["p"] >= 0.01
        found |= {"predicted": {"coverage": [50, 80, 90]}, "pit_uniform": uniform,
                  "observed": data["observed"] | {"coverage": dict(zip(("50", "80", "90"), row["inside_50_80_90"], strict=True))}}
    else:
        found |= {"predicted": {"free_at_the_published_median": row["predicted"][1], "ci90": [row["predicted"][0], row["predicted"][2]]}}
    best = max(against, key=against.__getitem__) if against else None
    odds = score - against[best] if best is not None else float("nan")
    verdict = "miss" if not inside or odds < -np.log(RATIO) else "better than the baseline" if odds > np.log(RATIO) \
        else "cannot tell" if best is None else "no better than the baseline"
    trusted = row["pareto_k"] is None or row["pareto_k"] <= 0.7
    return found | {"log_score": score, "verdict": verdict, "could_discriminate": bool(best is not None and abs(odds) > np.log(RATIO)),
                    **({} if best is None else {"log_score_baseline": against[best], "baseline": f"{best}, given the other studies"}),
                    **({} if trusted else {"reason": "Pareto's k above 0.7: this study has to be refitted before the row is believed"})}


def logistic_slope(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of a one-variable logistic regression with Firth's penalty (finite under separation), NaN if it fails."""
    if y.min() == y.max():
        return float("nan")
    design = np.column_stack([np.ones_like(x), x - x.mean()])
    beta = np.zeros(2)
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        w = p * (1 - p)
        information = design.T @ (w[:, None] * design)
        hat = w * np.einsum("ij,jk,ik->i", design, np.linalg.pinv(information), design)
        step = np.linalg.pinv(information) @ (design.T @ (y - p + hat * (0.5 - p)))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-6:
            return float(beta[1])
    return float("nan")


def check_lesion_dose(entry: dict[str, Any]) -> dict[str, Any]:
    """Mean first-cycle dose over lesions of the population."""
    dose, _ = lesion_doses(generator(SEED, "validation", "dose"), 400, entry["data"]["n"], entry["data"]["activity_gbq"], 1, "Lu-177")
    return judge_number(dose[:, :, 0, 0].mean(axis=1), entry["data"]["mean_gy"], 1)


def check_kidney_dose(entry: dict[str, Any]) -> dict[str, Any]:
    """Published means against the spread of the population."""
    median, log_sd = population("kidney_gy_per_gbq")
    means = np.asarray(entry["data"]["means_gy_per_gbq"])
    low, high = median * np.exp(-1.645 * log_sd), median * np.exp(1.645 * log_sd)
    return {"observed": {"means_gy_per_gbq": means.tolist()}, "predicted": {"median": median, "ci90": [round(low, 3), round(high, 3)]},
            "verdict": "cannot tell" if np.all((means > low) & (means < high)) else "miss", "could_discriminate": False,
            "reason": "the population was made to span these means"}


def blood_cohort(sensitiser: str = "none", weeks: float = 52.0, cycles: int = 4) -> tuple[blood.BloodCourse, dict[str, np.ndarray]]:
    """Blood counts of the fit's population over 7.4 GBq cycles every 8 weeks, and their baselines."""
    parameters = draw_parameters(N_DRAWS, SEED)
    dose, half_life = blood.marrow_dose_gy(parameters, np.array([[7.4, 0.0]] * cycles), SEED)
    code = np.full(cycles, SENSITISERS.index(sensitiser))
    course = blood.blood_course(parameters, dose, half_life, 8.0 * np.arange(cycles), weeks=weeks, seed=SEED, sensitiser=code,
                                n_replicates=N_REPLICATES)
    rng = generator(SEED, "validation", "baseline counts")
    lines = blood.blood_table()["lines"]
    baselines = {line: lognormal_draws(rng, *lines[line]["baseline_population"], N_DRAWS * N_REPLICATES) for line in blood.LINES}
    return course, baselines


def check_platelet_nadir(entry: dict[str, Any]) -> dict[str, Any]:
    """Week of the median patient's lowest platelets after the first cycle."""
    course, _ = blood_cohort(cycles=1, weeks=12.0)
    week = course.relative[:, 0, :57].argmin(axis=1) / 7
    row = judge_number(week, entry["data"]["week"])
    close = abs(np.median(week) - entry["data"]["week"]) <= entry["data"]["tolerance_week"]
    row.update(verdict="cannot tell" if close else "miss", could_discriminate=False, reason="the transit time was set to give this week")
    return row


def check_blood_rates(entry: dict[str, Any]) -> dict[str, Any]:
    """Grade 3-4 of the lines that the slopes were solved for."""
    course, baselines = blood_cohort()
    rates = blood.p_grade34(course, {line: baselines[line] for line in entry["data"]}, N_REPLICATES)
    rows = {line: judge_count(rates[line], *entry["data"][line], None) for line in entry["data"]}
    return {"observed": {k: v["observed"] for k, v in rows.items()}, "predicted": {k: v["predicted"] for k, v in rows.items()},
            "verdict": "miss" if any(v["verdict"] == "miss" for v in rows.values()) else "cannot tell", "could_discriminate": False,
            "reason": "the slopes were solved for these rates"}


def check_blood_any(entry: dict[str, Any]) -> dict[str, Any]:
    """Grade 3-4 of any of platelets, neutrophils, haemoglobin."""
    course, baselines = blood_cohort(entry["data"].get("sensitiser", "none"))
    lines = ("platelets", "neutrophils", "haemoglobin")
    p = blood.p_grade34(course, {line: baselines[line] for line in lines}, N_REPLICATES)["any"]
    return judge_count(p, entry["data"]["events"], entry["data"]["total"], entry["data"]["baseline"])


def check_resectable(entry: dict[str, Any]) -> dict[str, Any]:
    """Share of unresectable tumours whose contacts end in the resectable class."""
    found = cohort(entry, entry["name"], diameter_mm=45.0)
    rng = generator(SEED, "validation", "contact")
    n = N_DRAWS * N_REPLICATES
    diameter = found["outcome"].diameter_mm[:, 0, 0]
    scars = rng.uniform(size=(n, 2)) < found["parameters"].repeat(N_REPLICATES).fibrotic_residue_probability[:, None]
    starts = np.stack([rng.uniform(180, 360, n), np.where(rng.uniform(size=n) < 0.5, 0.0, rng.uniform(0, 270, n))], axis=1)
    latent = [course.latent_contact_deg(name, starts[:, i], diameter, 45.0, clip=True) for i, name in enumerate(("SMV", "SMA"))]
    seen = np.stack([course.seen_contact_deg(latent[i], starts[:, i], scars[:, i]) for i in range(2)], axis=1)
    outlines = [VesselContact(name, 0.0) for name in ("SMV", "SMA")]
    resectable = course.resectability(outlines, seen, head=True) == int(Resectability.RESECTABLE)
    data = entry["data"]
    row = judge_count(readouts.probability(resectable, N_REPLICATES), data["events"], data["total"], data["baseline"])
    row["note"] = "rests on contacts that were assumed and on a prior for scar: it can neither confirm nor refute the model"
    row["could_discriminate"] = False
    row["verdict"] = "miss" if row["verdict"] == "miss" else "cannot tell"
    return row


def check_no_denominator(entry: dict[str, Any]) -> dict[str, Any]:
    """A percentage without a count: nothing can be scored."""
    return {"observed": entry["data"], "predicted": None, "verdict": "not usable", "could_discriminate": False,
            "reason": "no denominator was published, so no interval exists"}


def check_median_width(entry: dict[str, Any]) -> dict[str, Any]:
    """Median width after treatment of cohorts of the published size that start at the published median."""
    data = entry["data"]
    found = cohort(entry, entry["name"], diameter_mm=float(data["before_mm"]))
    ratio = found["outcome"].diameter_measured_mm[:, 0, 0].reshape(N_DRAWS, N_REPLICATES) / data["before_mm"]
    medians = np.median(ratio[:, : data["n"]], axis=1) * data["before_mm"]
    row = judge_number(medians, data["after_mm"], 1, without=float(data["before_mm"]))
    row["baseline"] = "no change"
    return row


def check_grade_change(entry: dict[str, Any]) -> dict[str, Any]:
    """Lower, same, higher grade: the model against biopsy sampling alone."""
    data = entry["data"]
    found = cohort(entry, entry["name"])
    change = readouts.grade_change(found["parameters"], found["outcome"], found["lesion"], 0, 0, SEED)
    counts = np.array([data["lower"], data["same"], data["higher"]])
    n = int(counts.sum())
    coefficient = gammaln(n + 1) - gammaln(counts + 1).sum()

    def score(parts: tuple[np.ndarray, ...]) -> float:
        p = np.clip(np.stack(parts, axis=1), 1e-3, None)
        p = p / p.sum(axis=1, keepdims=True)
        return float(np.log(np.exp(coefficient + (counts * np.log(p)).sum(axis=1)).mean()))

    row = judge_count(change.lower, data["lower"], n, None)
    row.update(
        observed={"lower": data["lower"], "same": data["same"], "higher": data["higher"]},
        log_score=score((change.lower, change.same, change.higher)),
        log_score_baseline=score((change.null_lower, change.null_same, change.null_higher)), baseline="biopsy sampling alone",
        predicted={**row["predicted"], "lower_same_higher": [float(x.mean()) for x in (change.lower, change.same, change.higher)],
                   "sampling_alone": [float(x.mean()) for x in (change.null_lower, change.null_same, change.null_higher)]},
    )
    odds = row["log_score"] - row["log_score_baseline"]
    # The power of the count alone, against a baseline that is not this row's, is not that of the comparison that stands here.
    row = {key: value for key, value in row.items() if key not in ("power", "could_fail", "log_odds")} | {"could_discriminate": False}
    row["verdict"] = "miss" if odds < -np.log(RATIO) else "better than the baseline" if odds > np.log(RATIO) else "cannot tell"
    return row


CHECKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "other_lesions": check_other_lesions, "odds_ratio": check_odds_ratio, "total_odds_ratio": check_total_odds_ratio,
    "no_correlation": check_no_correlation,
    "left_out": check_left_out, "lesion_dose": check_lesion_dose, "kidney_dose": check_kidney_dose,
    "platelet_nadir": check_platelet_nadir, "blood_rates": check_blood_rates, "blood_any": check_blood_any,
    "resectable": check_resectable, "no_denominator": check_no_denominator, "median_width": check_median_width,
    "grade_change": check_grade_change,
}


def stamp() -> dict[str, Any]:
    """What the results belong to: model version, hashes of the room's tables and of the data sets."""
    held = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("response_*.json")))
    sets = hashlib.sha256(b"".join(content for content in held if b'"check"' in content))  # records of other proofs stand beside them
    return {"model_version": MODEL_VERSION, "data_sets_sha256": sets.hexdigest(),
            "tables": {t.name: t.sha256 for t in tables.list_tables() if t.room == "response"}}


def run_validation() -> list[dict[str, Any]]:
    """Run every data set and write the book; returns its rows."""
    read_priors()
    rows = []
    for path in sorted(Path(__file__).parent.glob("response_*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if "check" not in entry:  # the record of another proof stands beside the data sets
            continue
        entry["name"] = path.stem.removeprefix("response_")
        result = CHECKS[entry["check"]](entry)
        rows.append({"name": entry["name"], "title": entry["title"], "role": entry["role"], "source": entry["source"], **result,
                     **({"assumed": entry["assumed"]} if "assumed" in entry else {})})
    book = {"made": date.today().isoformat(), "stamp": stamp(), "results": rows}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(book, indent=1, ensure_ascii=False, default=float) + "\n", encoding="utf-8")
    return rows


if __name__ == "__main__":
    for result in run_validation():
        print(f"{result['name']:28s} {result['role'][:16]:16s} {result['verdict']}")
