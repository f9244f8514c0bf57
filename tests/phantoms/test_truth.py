"""The truth: Monte Carlo numbers that obey physics, and a document that says how it was made."""

import json

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.core.tables import read_json
from neorlt.phantoms.cases import CASES, LU177_ADMINISTERED_MBQ, case
from neorlt.phantoms.truth import region_truths, truth_document

J_PER_KEV = 1.602176634e-16


@pytest.fixture(scope="module", params=list(CASES))
def name(request):
    return request.param


def matrix(name):
    table = read_json("phantoms", f"truth_{name}.json")
    return table, table["target_from_source"]


def test_energy_balance_of_each_source(name):
    """Electrons and Auger (147.95 keV) stay in the body but for a little bremsstrahlung; photons (33.3 keV) partly leave."""
    table, rows = matrix(name)
    for source in case(name).active():
        kev = sum(
            rows[t][source.name]["gy_per_mbq_h"] / 3.6e9 * table["mass_g"][t] * 1e-3 / J_PER_KEV for t in rows
        )
        # source near the diaphragm or the skin loses more of its photons than one in the middle
        assert 147.0 + 9.0 < kev < 147.95 + 22.0, source.name


def test_photon_doses_are_reciprocal(name):
    """S(a from b) = S(b from a) in a nearly uniform medium: an independent check on sampling and scoring."""
    _, rows = matrix(name)
    for a, b in (("liver", "spleen"), ("kidney-left", "kidney-right"), ("liver", "kidney-left"), ("spleen", "kidney-right")):
        one, other = rows[a][b], rows[b][a]
        error = np.hypot(one["standard_error"], other["standard_error"])
        # beyond chance, tissue between and the fall of attenuation with density leave a few per cent
        assert abs(one["gy_per_mbq_h"] - other["gy_per_mbq_h"]) < 3 * error + 0.06 * one["gy_per_mbq_h"]


def test_self_dose_is_bounded_by_full_absorption_of_electrons(name):
    """A large organ absorbs nearly all electron energy: S·m between 0.985 and 1 times it, photons aside."""
    table, rows = matrix(name)
    for organ in ("liver", "spleen", "kidney-left", "kidney-right"):
        entry = rows[organ][organ]
        electrons_kev = entry["gy_per_mbq_h"] * entry["electron_share"] / 3.6e9 * table["mass_g"][organ] * 1e-3 / J_PER_KEV
        assert 0.97 * 147.95 < electrons_kev < 1.002 * 147.95


def test_statistics_are_better_than_half_a_per_cent(name):
    for region in region_truths(name):
        if region.kind in ("organ", "lesion"):
            assert region.dose_gy_se < 0.005 * region.dose_gy, region.name


def test_doses_have_the_published_size(name):
    """177Lu-DOTATATE: kidneys 0.57 +- 0.09 and 0.43 [0.27-0.91], liver 0.27 +- 0.05, spleen 1.17 +- 0.14 Gy/GBq."""
    per_gbq = {r.name: r.dose_gy / (LU177_ADMINISTERED_MBQ / 1000) for r in region_truths(name)}
    assert 0.27 < per_gbq["kidney-left"] < 0.91
    assert 0.27 < per_gbq["kidney-right"] < 0.91
    assert 0.17 < per_gbq["liver"] < 0.37
    assert 0.9 < per_gbq["spleen"] < 1.45
    lesions = [per_gbq[s.name] for s in case(name).sources if s.kind.value == "lesion"]
    assert all(2.0 < dose < 6.0 for dose in lesions)


def test_truth_does_not_depend_on_the_seed_of_the_noise(name):
    one, other = truth_document(name, 1, 12.6), truth_document(name, 2, 12.6)
    assert one.pop("seed") == 1
    assert other.pop("seed") == 2
    assert json.dumps(one) == json.dumps(other)
    assert one["synthetic"] is True
    assert "synthetic" in one["readme"]


def test_pattern_is_uneven_in_lesions_only_and_sums_to_one():
    patient = case("christie")
    for source in patient.active():
        pattern = patient.pattern(source)
        assert pattern.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-4)
        inside = pattern[pattern > 0]
        if source.kind.value == "lesion":
            assert np.std(np.log(inside)) == pytest.approx(0.35, abs=0.01)
            assert np.array_equal(pattern, patient.pattern(source))
        elif source.kind.value == "organ":
            assert np.ptp(inside) == 0


def test_unknown_example_is_refused_with_the_choices():
    with pytest.raises(InputError, match="christie or pannet-head"):
        case("nobody")
