import csv
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.trials.designs import predictive, safety
from neorlt.trials.designs.simon import SimonDesigns, evaluate, reject_probability, simon
from neorlt.trials.designs.single_stage import ahern, single_stage

REFERENCE = Path(__file__).parents[1] / "data" / "reference" / "trials"


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@cache
def designs(p0: float, p1: float, alpha: float, beta: float) -> SimonDesigns:
    return simon(p0, p1, alpha, beta)


@pytest.mark.parametrize("row", rows("simon_two_stage.csv"), ids=lambda r: "-".join(list(r.values())[:5]))
def test_simon_is_that_of_clinfun(row: dict[str, str]) -> None:
    found = getattr(designs(*(float(row[key]) for key in ("p0", "p1", "alpha", "beta"))), row["type"])
    assert (found.r1, found.n1, found.r, found.n) == tuple(int(row[key]) for key in ("r1", "n1", "r", "n"))
    assert found.en_p0 == pytest.approx(float(row["EN_p0"]), abs=1e-10)
    assert found.pet_p0 == pytest.approx(float(row["PET_p0"]), abs=1e-12)
    assert found.alpha == pytest.approx(float(row["alpha_actual"]), abs=1e-12)
    assert found.power == pytest.approx(float(row["power_actual"]), abs=1e-12)


def test_the_optimum_is_1_12_5_35_and_not_what_one_tool_says() -> None:
    found = designs(0.1, 0.3, 0.1, 0.1)
    assert (found.optimal.r1, found.optimal.n1, found.optimal.r, found.optimal.n) == (1, 12, 5, 35)
    other = evaluate(0.1, 0.3, 2, 18, 4, 26)
    assert other.alpha <= 0.1
    assert other.power >= 0.9
    assert other.en_p0 > found.optimal.en_p0
    assert other in found.admissible  # a fine design, but not the optimal one


def brute_force(p0: float, p1: float, alpha: float, beta: float, n_max: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    best: list[tuple[float, tuple[int, ...]]] = []
    for n in range(2, n_max + 1):
        for n1 in range(1, n):
            for r1 in range(n1):
                for r in range(r1, n):
                    if reject_probability(p0, r1, n1, r, n) <= alpha:
                        if reject_probability(p1, r1, n1, r, n) >= 1 - beta:
                            best.append((evaluate(p0, p1, r1, n1, r, n).en_p0, (r1, n1, r, n)))
                        break
    optimal = min(best, key=lambda item: item[0])[1]
    least = min(item[1][3] for item in best)
    return optimal, min((item for item in best if item[1][3] == least), key=lambda item: item[0])[1]


@pytest.mark.parametrize(("p0", "p1", "alpha", "beta"), [(0.2, 0.6, 0.1, 0.1), (0.5, 0.9, 0.05, 0.2), (0.05, 0.4, 0.1, 0.2)])
def test_simon_is_that_of_a_plain_search(p0: float, p1: float, alpha: float, beta: float) -> None:
    found = designs(p0, p1, alpha, beta)
    optimal, minimax = brute_force(p0, p1, alpha, beta, 24)
    assert (found.optimal.r1, found.optimal.n1, found.optimal.r, found.optimal.n) == optimal
    assert (found.minimax.r1, found.minimax.n1, found.minimax.r, found.minimax.n) == minimax


def test_admissible_designs_lie_between_and_are_a_convex_chain() -> None:
    chain = designs(0.2, 0.4, 0.05, 0.1).admissible
    assert chain[0] == designs(0.2, 0.4, 0.05, 0.1).minimax
    assert chain[-1] == designs(0.2, 0.4, 0.05, 0.1).optimal
    slopes = [(b.en_p0 - a.en_p0) / (b.n - a.n) for a, b in zip(chain, chain[1:], strict=False)]
    assert all(s < 0 for s in slopes)
    assert slopes == sorted(slopes)


def test_simon_takes_at_most_2_seconds() -> None:
    simon(0.1, 0.3)
    for p0 in (0.05, 0.3, 0.45, 0.8):
        start = time.process_time()
        simon(p0, p0 + 0.1, 0.05, 0.1)
        assert time.process_time() - start < 4.0  # 2 s on an idle machine; doubled for a shared one


def test_a_difference_of_5_points_takes_at_most_2_seconds_too() -> None:
    start = time.process_time()
    found = simon(0.5, 0.55, 0.05, 0.1)
    assert time.process_time() - start < 4.0
    # Values of a search that leaves out nothing: every n1, r1 and r up to 1179 patients.
    assert (found.optimal.r1, found.optimal.n1, found.optimal.r, found.optimal.n) == (195, 382, 522, 996)
    assert (found.minimax.r1, found.minimax.n1, found.minimax.r, found.minimax.n) == (442, 843, 450, 853)


@pytest.mark.parametrize(("p0", "p1", "alpha", "beta"), [(0.3, 0.6, 0.3, 0.4), (0.02, 0.2, 0.05, 0.5)])
def test_odd_error_levels_find_what_a_plain_search_finds(p0: float, p1: float, alpha: float, beta: float) -> None:
    found = designs(p0, p1, alpha, beta)
    optimal, minimax = brute_force(p0, p1, alpha, beta, found.searched_to)
    assert (found.optimal.r1, found.optimal.n1, found.optimal.r, found.optimal.n) == optimal
    assert (found.minimax.r1, found.minimax.n1, found.minimax.r, found.minimax.n) == minimax


@pytest.mark.parametrize("row", rows("single_stage_exact.csv"), ids=lambda r: f"{r['p0']}-{r['p1']}-{r['alpha']}-{r['beta']}")
def test_single_stage_is_exact(row: dict[str, str]) -> None:
    found = single_stage(*(float(row[key]) for key in ("p0", "p1", "alpha", "beta")))
    assert (found.n, found.r) == (int(row["n"]), int(row["r_reject_if_greater_than"]))
    assert found.alpha == pytest.approx(float(row["alpha_actual"]), abs=1e-13)
    assert found.beta == pytest.approx(float(row["beta_actual"]), abs=1e-13)


def test_a_stable_size_never_loses_its_power() -> None:
    from neorlt.trials.designs.single_stage import at_size

    design = ahern(0.1, 0.3, 0.05, 0.2, stable=True)
    assert design.n > ahern(0.1, 0.3, 0.05, 0.2).n
    assert all(at_size(0.1, 0.3, 0.05, n).power >= 0.8 for n in range(design.n, 150))
    assert at_size(0.1, 0.3, 0.05, design.n - 1).power < 0.8


@pytest.mark.parametrize(("p0", "p1"), [(0.3, 0.1), (0.0, 0.2), (0.2, 1.0), (0.2, 0.2)])
def test_wrong_rates_are_refused(p0: float, p1: float) -> None:
    with pytest.raises(InputError, match="p0"):
        simon(p0, p1)


def test_predictive_probability_is_the_share_of_simulated_ends() -> None:
    rng = np.random.default_rng(5)
    draws = rng.beta(0.5 + 6, 0.5 + 12, 400_000)
    ends = 6 + rng.binomial(18, draws)
    exact = predictive.predictive_probability(6, 18, 36, 10, (0.5, 0.5))
    assert exact == pytest.approx(float((ends > 10).mean()), abs=0.004)


def test_predictive_design_holds_both_errors() -> None:
    design = predictive.two_stage_predictive(0.2, 0.4, 0.1, 0.1)
    assert design.alpha <= 0.1
    assert design.power >= 0.9
    rng = np.random.default_rng(6)
    first = rng.binomial(design.looks[0], 0.2, 200_000)
    total = first + rng.binomial(design.n - design.looks[0], 0.2, 200_000)
    positive = (first > design.stop_at[0]) & (total > design.r)
    assert positive.mean() == pytest.approx(design.alpha, abs=0.003)


def test_safety_boundary_holds_its_level_and_no_wider_one_does() -> None:
    design = safety.safety_boundary(0.15, 31, alpha=0.05)
    assert design.stop_probability_acceptable <= 0.05
    rng = np.random.default_rng(7)
    events = np.cumsum(rng.random((100_000, 31)) < 0.15, axis=1)[:, np.array(design.looks) - 1]
    assert (events >= np.array(design.bounds)).any(axis=1).mean() == pytest.approx(design.stop_probability_acceptable, abs=0.003)
    assert safety.stopping(0.4, design.looks, design.bounds)[0] > 0.8


def test_posterior_rule_follows_the_beta_distribution() -> None:
    from scipy.stats import beta

    design = safety.safety_boundary(0.2, 20, rule="posterior", posterior=0.9)
    for look, bound in zip(design.looks, design.bounds, strict=True):
        assert beta.sf(0.2, 0.5 + bound, 0.5 + look - bound) > 0.9
        assert beta.sf(0.2, 0.5 + bound - 1, 0.5 + look - bound + 1) <= 0.9
