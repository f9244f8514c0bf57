"""The phantom of uneven organs is as uneven as it says, and its committed verdict is that of its rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "validation"))
import dosimetry_uneven as uneven

from neorlt.dosimetry.uncertainty import DEFAULT

small = uneven.small
KIDNEY, LIVER, LESION = small.ORGANS


def depth(organ: small.Organ) -> np.ndarray:
    """Distance from an ellipsoid's centre in half-axes, in each cell of the 2 mm grid."""
    fine = small.grid(small.FINE)
    x, y, z = (fine.affine[a, 3] + fine.spacing_mm[a] * np.arange(fine.shape[a]) for a in range(3))
    (cx, cy, cz), (a, b, c) = organ.centre, organ.axes
    return np.sqrt(((x - cx) / a)[:, None, None] ** 2 + ((y - cy) / b)[:, None] ** 2 + ((z - cz) / c) ** 2)


def test_cortex_twice_the_medulla_and_a_cold_core() -> None:
    shares = uneven.patterns()
    assert all(share.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-4) for share in shares.values())
    r = depth(KIDNEY)
    outer, inner = shares["kidney-left"][(r < 0.99) & (r > 0.81)], shares["kidney-left"][r < 0.78]
    assert outer.mean() == pytest.approx(2.0 * inner.mean(), rel=1e-4) and inner.min() > 0
    assert (shares["kidney-left"][r < 0.7937].sum(), shares["kidney-left"].sum()) == pytest.approx((1 / 3, 1.0), abs=0.01)
    r = depth(LESION)
    assert shares["primary"][r < 0.59].max() == 0 and shares["primary"][(r > 0.61) & (r < 0.99)].min() > 0
    assert np.ptp(shares["liver"][depth(LIVER) < 0.99]) == 0


def test_what_the_regions_hold_is_what_the_electrons_leave() -> None:
    """By hand: 147 keV a decay in the region's mass; kidney and liver lose a few per cent of it and take photons of all the body."""
    found = uneven.true_doses({organ.name: uneven.stated.nominal(organ, uneven.INJECTED_MBQ) for organ in (*small.ORGANS, small.BODY)})
    for organ in (KIDNEY, LIVER):
        kg = 4 / 3 * np.pi * np.prod(organ.axes) / 1000.0 * 1.04e-3
        by_hand = small.true_tia_mbq_h(organ, uneven.INJECTED_MBQ) * 3.6e9 * 0.147 * 1.602e-13 / kg
        assert found[organ.name] == pytest.approx(by_hand, rel=0.12)


def test_even_regions_are_even() -> None:
    for organ in small.ORGANS:
        assert np.ptp(uneven.patterns("even")[organ.name][depth(organ) < 0.99]) == 0


def test_the_committed_verdict_is_that_of_its_rows() -> None:
    written = json.loads(Path(uneven.__file__).with_suffix(".json").read_text())
    assert written["missed"] == uneven.judge(written["rows"])
    assert [(row["filled"], row["region"]) for row in written["rows"]] == [
        (filled, organ.name) for filled in ("uneven", "even") for organ in small.ORGANS]
    good = {"region": "x", "filled": "uneven", "kind": "lesion", "limit": 0.2, "median_error": 0.19, "p_coverage": 0.5, "coverage90": 0.9,
            "uncorrected_error": -0.4}
    assert uneven.judge([good]) == []
    for change in ({"median_error": -0.21}, {"p_coverage": 0.009}, {"uncorrected_error": -0.1}):
        assert len(uneven.judge([good | change])) == 1


def test_the_sizes_that_were_drawn_are_those_of_today() -> None:
    """A size of doubt that moves makes the study stale."""
    written = json.loads(Path(uneven.__file__).with_suffix(".json").read_text())
    assert written["sizes"] == DEFAULT.as_json(), "run validation/dosimetry_uneven.py again"
