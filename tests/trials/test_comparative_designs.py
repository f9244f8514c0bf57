import csv
import inspect
import json
import math
from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.jobs.design import design_command
from neorlt.trials.designs import plots
from neorlt.trials.designs.catalogue import KINDS
from neorlt.trials.designs.group_sequential import Kind, crossing_probabilities, group_sequential
from neorlt.trials.designs.pictures import PICTURES, design_pictures
from neorlt.trials.designs.safety import safety_boundary
from neorlt.trials.designs.simon import simon
from neorlt.trials.designs.single_stage import single_stage
from neorlt.trials.designs.survival import event_probability, survival_design
from neorlt.trials.designs.two_arm import (
    constrained_rates,
    exact_two_arm,
    fisher_p,
    largest_level,
    rejection_region,
    two_arm,
)

REFERENCE = Path(__file__).parents[1] / "data" / "reference" / "trials" / "design_and_survival.csv"
with REFERENCE.open(encoding="utf-8") as _stream:
    ROWS = list(csv.DictReader(_stream))
KIND: dict[str, Kind] = {
    "OF": "obrien-fleming",
    "P": "pocock",
    "asOF": "spending-obrien-fleming",
    "asP": "spending-pocock",
    "asHSD": "spending-hsd",
}


def of(topic: str) -> list[dict[str, str]]:
    return [row for row in ROWS if row["topic"] == topic]


@pytest.mark.parametrize("case", sorted({row["case"] for row in of("gs_boundary")}))
def test_boundaries_are_those_of_rpact(case: str) -> None:
    # rpact solves to 1e-8 and prints that: its last cumulative level reads 0.02499999. Ours solves to 1e-13.
    design = group_sequential(KIND[case.split("_")[0]], looks=3, alpha=0.025)
    for row in of("gs_boundary"):
        if row["case"] == case:
            k = int(row["quantity"][-1]) - 1
            found = design.z[k] if row["quantity"].startswith("z") else design.cumulative_alpha[k]
            assert found == pytest.approx(float(row["value"]), abs=1.1e-8)
    assert design.cumulative_alpha[-1] == pytest.approx(0.025, abs=1e-12)


def test_crossing_probabilities_are_those_of_the_multivariate_normal() -> None:
    from scipy.stats import multivariate_normal

    t, z = (0.3, 0.7, 1.0), (2.5, 2.3, 2.0)
    cov = np.array([[math.sqrt(min(a, b) / max(a, b)) for a in t] for b in t])
    for drift in (0.0, 2.8):
        mean = drift * np.sqrt(t)
        stay = multivariate_normal.cdf(np.array(z), mean, cov, abseps=1e-9, releps=1e-9, rng=np.random.default_rng(1))
        assert sum(crossing_probabilities(t, z, drift)) == pytest.approx(1 - float(stay), abs=2e-6)


def test_more_looks_cost_more_patients_and_power_is_reached() -> None:
    inflation = [group_sequential("pocock", looks=k).inflation for k in (1, 2, 3, 5)]
    assert inflation[0] == pytest.approx(1.0, abs=1e-10)
    assert inflation == sorted(inflation)
    design = group_sequential("obrien-fleming", looks=4, beta=0.1)
    assert sum(crossing_probabilities(design.information, design.z, design.drift)) == pytest.approx(0.9, abs=1e-10)


@pytest.mark.parametrize("row", of("two_rates_fixed"), ids=lambda r: r["case"])
def test_two_rates_are_those_of_rpact(row: dict[str, str]) -> None:
    a, b = (float(v) for v in row["case"].split("_vs_"))
    assert two_arm(a, b).n_total_exact == pytest.approx(float(row["value"]), rel=5e-10)


@pytest.mark.parametrize("row", of("survival_fixed") + of("schoenfeld"), ids=lambda r: r["case"] + r["quantity"])
def test_survival_sizes_are_those_of_rpact(row: dict[str, str]) -> None:
    text = row["case"] if row["topic"] == "survival_fixed" else row["quantity"].removeprefix("events_")
    ratio = float(text.split("_")[0].removeprefix("HR"))
    design = survival_design(ratio, 24.0, accrual=24.0, follow_up=24.0)
    found = design.n_total_exact if row["quantity"] == "N_total" else design.events
    assert found == pytest.approx(float(row["value"]), rel=5e-10)


def test_event_probability_is_that_of_simulated_patients() -> None:
    rng = np.random.default_rng(3)
    n = 400_000
    entry, event, lost = rng.uniform(0, 24, n), rng.exponential(1 / 0.03, n), rng.exponential(1 / 0.01, n)
    seen = (event < lost) & (event < 24 - entry + 12)
    assert event_probability(0.03, 24, 12, 0.01) == pytest.approx(float(seen.mean()), abs=0.003)


def test_constrained_rates_maximise_the_likelihood_on_the_margin() -> None:
    from scipy.optimize import minimize_scalar

    rng = np.random.default_rng(4)
    for _ in range(40):
        n1, n2 = rng.integers(10, 60, 2)
        x, y = rng.integers(1, n1), rng.integers(1, n2)
        d = float(rng.uniform(-0.3, 0.3))

        def minus(p: float, x: int = x, y: int = y, n1: int = n1, n2: int = n2, d: float = d) -> float:
            q = p - d
            return -(x * math.log(p) + (n1 - x) * math.log(1 - p) + y * math.log(q) + (n2 - y) * math.log(1 - q))

        low, high = max(0.0, d) + 1e-9, min(1.0, 1.0 + d) - 1e-9
        best = minimize_scalar(minus, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
        found, other = constrained_rates(x / n1, y / n2, d, n1 / n2)
        assert float(found) == pytest.approx(best, abs=2e-5)
        assert float(found - other) == pytest.approx(d, abs=1e-12)


def test_fisher_is_that_of_scipy_and_holds_its_level() -> None:
    from scipy.stats import fisher_exact

    table = fisher_p(12, 15)
    for x, y in ((0, 0), (5, 3), (12, 0), (7, 9)):
        expected = fisher_exact([[x, 12 - x], [y, 15 - y]], alternative="greater").pvalue
        assert table[x, y] == pytest.approx(expected, rel=1e-9)
    region = rejection_region(30, 30, 0.025, test="fisher")
    level, at = largest_level(region)
    assert level <= 0.025
    rng = np.random.default_rng(8)
    x, y = rng.binomial(30, at, (2, 300_000))
    assert region[x, y].mean() == pytest.approx(level, abs=0.001)


def test_boschloo_wins_power_and_keeps_the_level() -> None:
    fisher, _ = exact_two_arm(0.7, 0.3, test="fisher")
    boschloo, level = exact_two_arm(0.7, 0.3, test="boschloo")
    assert boschloo.n_total <= fisher.n_total
    assert level <= 0.025


def test_a_margin_turns_superiority_into_non_inferiority() -> None:
    design = two_arm(0.8, 0.8, margin=0.1)
    region = rejection_region(design.n_experimental, design.n_control, 0.025, test="score", margin=0.1)
    from neorlt.trials.designs.two_arm import reject_probability

    assert reject_probability(region, 0.8, 0.8) == pytest.approx(0.8, abs=0.015)
    assert reject_probability(region, 0.7, 0.8) == pytest.approx(0.025, abs=0.002)
    with pytest.raises(InputError, match="margin"):
        two_arm(0.6, 0.8, margin=0.1)


def test_every_door_answers_in_json() -> None:
    options = {
        "simon": {"p0": 0.1, "p1": 0.3, "alpha": 0.1, "beta": 0.1},
        "exact": {"p0": 0.1, "p1": 0.3},
        "two-arm": {"p_experimental": 0.6, "p_control": 0.4},
        "group-sequential": {"looks": 2, "gamma": None},
        "survival": {"hazard_ratio": 0.6, "control_median": 24, "accrual": 24, "follow_up": 12, "dropout_fraction": 0.1},
        "predictive": {"p0": 0.2, "p1": 0.45},
        "safety": {"acceptable_rate": 0.2, "n": 20},
    }
    assert set(options) == set(KINDS)
    for kind, given in options.items():
        answer = json.loads(json.dumps(design_command(kind, **given)))
        assert answer["design"] == kind
        pictures = design_pictures(kind, **given)
        assert pictures
        assert all("<svg" in text for text in pictures.values())
        assert inspect.signature(PICTURES[kind]).parameters.keys() == inspect.signature(KINDS[kind]).parameters.keys()
    assert set(design_command("simon", **options["simon"])["optimal"]) == {
        "r1",
        "n1",
        "r",
        "n",
        "en_p0",
        "pet_p0",
        "alpha",
        "power",
    }
    with pytest.raises(InputError, match="missing: p1"):
        design_command("simon", p0=0.1)
    with pytest.raises(InputError, match="unknown: p2"):
        design_command("simon", p0=0.1, p1=0.3, p2=1)
    with pytest.raises(InputError, match="crossover"):
        design_command("crossover")


def test_pictures_are_svg_and_the_same_each_time() -> None:
    found = simon(0.1, 0.3, 0.1, 0.1)
    make = [
        lambda: plots.plot_two_stage({"optimal": found.optimal, "minimax": found.minimax}, 0.1, 0.3),
        lambda: plots.plot_power(single_stage(0.1, 0.3), 0.1, 0.3),
        lambda: plots.plot_group_sequential({"Pocock": group_sequential("pocock")}),
        lambda: plots.plot_safety(safety_boundary(0.15, 31)),
    ]
    for draw in make:
        text = draw()
        assert "<svg" in text
        assert draw() == text
