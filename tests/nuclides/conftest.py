"""Reference rows for the tests of this room."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "data" / "reference" / "physics"


@pytest.fixture(scope="session")
def reference() -> Callable[[str], list[dict[str, str]]]:
    def rows(name: str) -> list[dict[str, str]]:
        with (FOLDER / name).open(newline="") as stream:
            return list(csv.DictReader(stream))

    return rows


@pytest.fixture(scope="session")
def icrp107(reference):
    """One nuclide's row of energies per decay (ICRP Publication 107)."""
    table = {row["nuclide"]: row for row in reference("decay_checks.csv")}

    def mev(nuclide: str, *kinds: str) -> float:
        return sum(float(table[nuclide][f"E_MeV_per_decay_{kind}"]) for kind in kinds)

    def hours(nuclide: str) -> float:
        row = table[nuclide]
        return float(row["half_life"]) * {"d": 24.0, "h": 1.0, "m": 1 / 60, "s": 1 / 3600}[row["unit"]]

    mev.hours = hours  # type: ignore[attr-defined]
    return mev
