import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.cohorts.hazards import cox
from neorlt.cohorts.imputation import e_value, impute, nelson_aalen, pool
from neorlt.core.errors import InputError

from .test_survival import FOLDER, R, of, table

DATA = table(FOLDER / "imputation.csv")
NAMES = ("rlt", "lsize", "lki", "nodes", "liver", "age")


def test_rubins_rules_match_mice_pool_scalar() -> None:
    found = pool([[0.4], [0.55], [0.47], [0.61], [0.52]], [[0.04], [0.05], [0.045], [0.042], [0.048]], 197)
    expected = of("rubin")
    values = {"estimate": found.estimate, "total": found.variance, "between": found.between, "within": found.within, "df": found.df,
              "fmi": found.fmi}
    for name, value in values.items():
        assert float(value[0]) == pytest.approx(expected[name], rel=1e-9), name
    with pytest.raises(InputError, match="two imputations"):
        pool([[1.0]], [[1.0]], 10)


def test_nelson_aalen_matches_r() -> None:
    hazard = nelson_aalen(DATA["time"], DATA["event"])
    assert hazard.sum() == pytest.approx(DATA["event"].sum())  # an identity of the estimate
    assert hazard.sum() == pytest.approx(R["nelson_aalen", "sum"])
    assert hazard.max() == pytest.approx(R["nelson_aalen", "max"])


def test_pooled_cox_is_that_of_mice_within_its_monte_carlo_error() -> None:
    """200 imputations there, 60 here: the difference of two means over imputations."""
    hazard = nelson_aalen(DATA["time"], DATA["event"])
    m = 60
    copies = impute({name: DATA[name] for name in NAMES[1:]}, np.column_stack([DATA["event"], hazard, DATA["rlt"]]), m, 7,
                    flags=frozenset({"nodes", "liver"}))
    assert all(np.isfinite(copy["lki"]).all() for copy in copies)
    fits = [cox(DATA["time"], DATA["event"], np.column_stack([DATA["rlt"], *(copy[n] for n in NAMES[1:])]), NAMES) for copy in copies]
    found = pool([f.coefficients for f in fits], [np.diag(f.covariance) for f in fits], len(DATA["time"]) - len(NAMES))
    expected = of("mice_pmm")
    for j, name in enumerate(NAMES):
        error = np.sqrt(found.between[j] * (1 / m + 1 / 200))
        assert abs(found.estimate[j] - expected[f"coef_{name}"]) < 4 * error, name
        assert np.sqrt(found.variance[j]) == pytest.approx(expected[f"se_{name}"], rel=0.08), name
        assert found.fmi[j] == pytest.approx(expected[f"fmi_{name}"], abs=0.15), name
    complete = np.isfinite(DATA["lki"])
    assert int(complete.sum()) == R["mice_complete", "n"]
    x = np.column_stack([DATA[n] for n in NAMES])[complete]
    alone = cox(DATA["time"][complete], DATA["event"][complete], x, NAMES)
    for name, b in zip(NAMES, alone.coefficients, strict=True):
        assert float(b) == pytest.approx(R["mice_complete", f"coef_{name}"], rel=1e-6)


def test_known_intervals_are_kept() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(5, 2, 300)
    y = x + rng.normal(0, 0.5, 300)
    low, high = np.full(300, np.nan), np.full(300, np.nan)
    y[:40], y[40:60] = np.nan, np.nan
    low[:20], high[:20] = 0.0, 3.0
    low[20:30], high[20:30] = 50.0, 60.0  # nobody was measured there
    for copy in impute({"x": x, "y": y}, np.zeros((300, 0)), 3, 1, intervals={"y": (low, high)}):
        assert ((copy["y"][:20] >= 0) & (copy["y"][:20] <= 3)).all()
        assert ((copy["y"][20:30] >= 50) & (copy["y"][20:30] <= 60)).all()
        assert np.corrcoef(copy["y"][30:60], x[30:60])[0, 1] > 0.7
    with pytest.raises(InputError, match="no value"):
        impute({"x": x, "y": np.full(300, np.nan)}, np.zeros((300, 0)), 2, 1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_nothing_missing_changes_nothing_and_the_seed_decides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, flag = rng.normal(size=40), (rng.random(40) < 0.5).astype(float)
    assert np.array_equal(impute({"x": x}, np.zeros((40, 0)), 2, seed)[1]["x"], x)
    gappy = np.where(rng.random(40) < 0.3, np.nan, flag)
    if np.isnan(gappy).all() or not np.isnan(gappy).any():
        return
    first, again = (impute({"x": x, "f": gappy}, np.zeros((40, 0)), 2, seed, flags=frozenset({"f"})) for _ in range(2))
    assert all(np.array_equal(a["f"], b["f"]) for a, b in zip(first, again, strict=True))
    assert set(np.unique(first[0]["f"])) <= {0.0, 1.0}


def test_e_values_of_the_paper() -> None:
    # VanderWeele & Ding 2017: risk ratio 3.9 (1.8 to 8.7): 7.26 and 3.0.
    found = e_value(3.9, 1.8, 8.7, common=False)
    assert found["estimate"] == pytest.approx(7.26, abs=0.005)
    assert found["interval"] == pytest.approx(3.0, abs=0.005)
    assert e_value(1 / 3.9, 1 / 8.7, 1 / 1.8, common=False)["estimate"] == pytest.approx(7.26, abs=0.005)
    assert e_value(0.8, 0.6, 1.1, common=True)["interval"] == 1.0
    assert e_value(1.0, 1.0, 1.0, common=False)["estimate"] == 1.0
