"""Half-lives and emissions against ICRP Publication 107 and against the energy of the nuclear levels."""

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.nuclides.nuclide import get_nuclide, line_origins, list_nuclides, normalise_name
from neorlt.nuclides.spectra import BetaBranch, beta_shape, beta_spectrum

DOSE_NUCLIDES = ("Lu-177", "Y-90", "Ga-68", "In-111", "Cu-64", "Tb-161", "I-131")
LEAST_MEV = 1e-5
"""ICRP 107 is given to 1 eV: kinds of emission that carry less than 10 eV a decay hold no digits to compare."""


def xfail(name: str, reason: str):
    return pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=reason))


@pytest.mark.parametrize("name", DOSE_NUCLIDES)
def test_half_life_matches_icrp107(name, icrp107):
    tolerance = 0.01 if name == "Tb-161" else 0.003
    assert get_nuclide(name).half_life_h == pytest.approx(icrp107.hours(name), rel=tolerance)


@pytest.mark.parametrize(
    "name",
    ["Lu-177", "Y-90", "Ga-68", "Tb-161", "I-131",
     xfail("Cu-64", "0.5 % low: ENSDF gives 38.5 % beta minus where ICRP 107 gives 39.0 %")],
)  # fmt: skip
def test_mean_beta_energy_matches_icrp107(name, icrp107):
    assert get_nuclide(name).beta_mev == pytest.approx(icrp107(name, "beta-", "beta+"), rel=0.003)


@pytest.mark.parametrize(
    "name",
    ["Lu-177", "Y-90", "Ga-68", "Cu-64", "Tb-161", "I-131",
     xfail("In-111", "2.8 % low: ICRP 107 gives more conversion energy than the fed level leaves (see the energy balance)")],
)  # fmt: skip
def test_all_electrons_match_icrp107(name, icrp107):
    assert get_nuclide(name).electron_energy_mev == pytest.approx(icrp107(name, "beta-", "beta+", "IE", "auger"), rel=0.01)


@pytest.mark.parametrize("name", DOSE_NUCLIDES)
def test_conversion_and_auger_electrons_match_icrp107(name, icrp107):
    nuclide = get_nuclide(name)
    compared = 0
    for ours, kind in ((nuclide.conversion_mev, "IE"), (nuclide.auger_mev, "auger")):
        theirs = icrp107(name, kind)
        if theirs >= LEAST_MEV:
            assert ours == pytest.approx(theirs, rel=0.05), kind
            compared += 1
        else:
            assert ours < 2 * LEAST_MEV
    assert compared >= 1


@pytest.mark.parametrize("name", ["Lu-177", "Y-90", "Tb-161", "I-131"])
def test_photons_and_electrons_carry_the_energy_of_the_fed_levels(name):
    """Q less the endpoint of each beta is what gammas, X rays, conversion and Auger electrons must carry."""
    nuclide = get_nuclide(name)
    q = {"Lu-177": 0.4968, "Y-90": 2.2785, "Tb-161": 0.5930, "I-131": 0.9708}[name]
    levels = sum(b.per_decay * (q - b.endpoint_mev) for b in nuclide.beta_minus)
    carried = nuclide.photon_energy_mev + nuclide.conversion_mev + nuclide.auger_mev
    # 131I: the 1.1 % of decays that end in 131mXe leave 164 keV each with that isomer; 90Y: only 0.2 keV in all.
    levels -= 0.0109 * 0.1639 if name == "I-131" else 0.0
    assert carried == pytest.approx(levels, rel=0.03, abs=2e-4)


def test_111in_carries_the_energy_of_the_level_that_capture_feeds():
    """416.63 keV level of 111Cd fed in every decay, plus the binding energy of the captured electrons (K 26.7 keV)."""
    nuclide = get_nuclide("In-111")
    captured = 0.8516 * 0.02671 + 0.1186 * 0.00379 + 0.03 * 0.0006
    carried = nuclide.photon_energy_mev + nuclide.electron_energy_mev
    assert carried - captured == pytest.approx(0.41663, rel=0.002)


def test_unique_forbidden_shape_is_harder_than_the_allowed_one():
    energy = (np.arange(2000) + 0.5) / 2000 * 2.2785
    means = [float((energy * s).sum() / s.sum()) for s in (beta_shape(energy, 2.2785, 40, 90, unique) for unique in (False, True))]
    assert means[1] / means[0] - 1 == pytest.approx(0.006, abs=0.002)


def test_screening_softens_positrons_to_the_mean_of_68ga(icrp107):
    energy, number = beta_spectrum(tuple(b for b in get_nuclide("Ga-68").beta_plus if b.endpoint_mev > 1.5), 68)
    assert (energy * number).sum() / number.sum() == pytest.approx(0.836, rel=0.002)  # ENSDF's own mean of that branch


@pytest.mark.parametrize("name", ["Ac-225", "Fr-221", "At-217", "Po-213", "Bi-212", "Po-212"])
def test_alpha_energy_matches_icrp107(name, icrp107):
    assert get_nuclide(name).alpha_mev == pytest.approx(icrp107(name, "alpha", "alpha_recoil"), rel=0.002)


def test_every_nuclide_is_named_with_its_source():
    assert {"Lu-177", "Y-90", "Ga-68", "In-111", "Cu-64", "Tb-161", "I-131", "Ac-225", "Pb-212"} <= set(list_nuclides())
    for name in list_nuclides():
        nuclide = get_nuclide(name)
        assert "ENSDF" in nuclide.source
        assert nuclide.decay_constant_per_h * nuclide.half_life_h == pytest.approx(np.log(2))


@pytest.mark.parametrize("name", list_nuclides())
def test_every_line_names_its_origin(name):
    nuclide, origins = get_nuclide(name), line_origins(name)
    if not nuclide.emissions_complete:
        return
    for kind in ("beta_minus", "beta_plus", "gamma", "x_ray", "conversion_electron", "auger", "alpha"):
        assert len(origins[kind]) == len(getattr(nuclide, kind)), kind
        assert all(any(source in origin for source in ("ENSDF", "xraydb", "EADL97", "binding energies")) for origin in origins[kind])
    if name == "Lu-177":
        assert "ENSDF Hf177: 208.366 keV from the 321.316 keV level" in origins["gamma"]


def test_a_nuclide_of_the_user_has_no_shipped_origins():
    assert line_origins("Xx-1") == {}


def test_names_in_any_usual_spelling():
    assert {normalise_name(n) for n in ("177Lu", "Lu177", "[177Lu]", "lu-177", "LU-177", " Lu-177 ")} == {"Lu-177"}
    with pytest.raises(InputError, match="unknown nuclide.*Lu-177"):
        get_nuclide("Xx-1")


@pytest.mark.parametrize(("endpoint", "per_decay"), [(-0.1, 1.0), (0.5, 0.0), (0.5, 79.4)])
def test_impossible_beta_branches_are_refused(endpoint, per_decay):
    with pytest.raises(InputError, match="give"):
        BetaBranch(endpoint, per_decay, False, 72)


@pytest.mark.parametrize("name", DOSE_NUCLIDES)
def test_auger_electrons_are_listed_apart_and_counted_once(name):
    nuclide = get_nuclide(name)
    without, everything = (float((e * n).sum()) for e, n in (nuclide.electrons(), nuclide.electrons_and_auger()))
    assert everything - without == pytest.approx(nuclide.auger_mev)
    assert everything == pytest.approx(nuclide.electron_energy_mev)
