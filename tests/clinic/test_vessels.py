import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neorlt.clinic.vessels import Resectability, Vessel, VesselContact, classify_resectability, is_head, resectability_code, vessel_codes
from neorlt.core.errors import InputError

R, B, LA = Resectability.RESECTABLE, Resectability.BORDERLINE, Resectability.LOCALLY_ADVANCED


def contact(name: str, deg: float, **more: bool) -> VesselContact:
    return VesselContact(name, deg, **more)


@pytest.mark.parametrize(
    ("site", "contacts", "expected"),
    [
        ("pancreas-head", [], R),
        ("pancreas-head", [contact("SMV", 180)], R),
        ("pancreas-head", [contact("SMV", 181)], B),
        ("pancreas-head", [contact("SMV", 90, irregular=True)], B),
        ("pancreas-head", [contact("PV", 0, irregular=True)], R),
        ("pancreas-head", [contact("PV", 90, occluded=True)], B),
        ("pancreas-head", [contact("SMV", 220, reconstructible=False)], LA),
        ("pancreas-head", [contact("SMV", 90, reconstructible=False)], R),
        ("pancreas-head", [contact("SMA", 1)], B),
        ("pancreas-head", [contact("SMA", 180)], B),
        ("pancreas-head", [contact("SMA", 181)], LA),
        ("pancreas-head", [contact("CHA", 90)], B),
        ("pancreas-head", [contact("CHA", 90), contact("celiac axis", 20)], LA),
        ("pancreas-head", [contact("CA", 181)], LA),
        ("pancreas-tail", [contact("CA", 180)], B),
        ("pancreas-tail", [contact("CA", 200)], LA),
        ("pancreas-tail", [contact("CA", 200), contact("GDA", 0)], B),
        ("pancreas-tail", [contact("CA", 200), contact("GDA", 30)], LA),
        ("pancreas-tail", [contact("CA", 200), contact("GDA", 0), contact("aorta", 10)], LA),
        ("pancreas-head", [contact("aorta", 10)], LA),
        ("pancreas-head", [contact("IVC", 30)], B),
        ("pancreas-tail", [contact("splenic vein", 360, occluded=True)], R),
        ("pancreas-head", [contact("SMV", 220, irregular=True), contact("SMA", 90)], B),  # the bundled example
    ],
)
def test_resectability(site: str, contacts: list[VesselContact], expected: Resectability) -> None:
    assert classify_resectability(site, contacts) == expected


def test_draws_agree_with_one_by_one() -> None:
    rng = np.random.default_rng(2)
    names = ["SMA", "CA", "CHA", "SMV", "IVC"]
    deg = np.where(rng.random((300, 5)) < 0.5, 0.0, rng.uniform(0, 360, (300, 5)))
    irregular = rng.random((300, 5)) < 0.3
    rebuild = rng.random((300, 5)) < 0.7
    codes = resectability_code(vessel_codes(names), deg, irregular, reconstructible=rebuild)
    for i in range(300):
        row = [contact(n, d, irregular=bool(u), reconstructible=bool(r)) for n, d, u, r in
               zip(names, deg[i], irregular[i], rebuild[i], strict=True)]
        assert classify_resectability("head", row) == codes[i]
    assert set(codes.tolist()) == {0, 1, 2}


@given(st.lists(st.tuples(st.sampled_from(sorted(Vessel)), st.floats(0, 360), st.floats(0, 1)), min_size=1, max_size=5),
       st.booleans())
def test_less_contact_is_never_worse(rows: list[tuple[Vessel, float, float]], head: bool) -> None:
    kinds = [r[0] for r in rows]
    now = np.array([r[1] for r in rows])
    less = now * np.array([r[2] for r in rows])
    assert int(resectability_code(kinds, less, head=head)) <= int(resectability_code(kinds, now, head=head))


def test_works_under_jax() -> None:
    import jax
    import jax.numpy as jnp

    kinds = vessel_codes(["SMA", "SMV"])
    deg = np.array([[0.0, 200.0], [90.0, 0.0], [200.0, 0.0], [0.0, 10.0]])
    assert np.asarray(jax.jit(lambda d: resectability_code(kinds, d))(jnp.asarray(deg))).tolist() == [1, 1, 2, 0]


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="renal"):
        contact("renal artery", 10)
    with pytest.raises(InputError, match="360"):
        contact("SMA", 400)
    with pytest.raises(InputError, match="part of the pancreas"):
        classify_resectability("liver", [])
    with pytest.raises(InputError, match="do not fit"):
        resectability_code([0, 1], np.zeros((4, 3)))


def test_an_occluded_vessel_is_involved_whatever_its_contact_and_the_neck_is_head():
    closed = [VesselContact("SMA", 0.0, occluded=True)]
    assert classify_resectability("pancreas-head", closed) is Resectability.LOCALLY_ADVANCED
    assert classify_resectability("pancreas-head", [VesselContact("IVC", 0.0, occluded=True)]) is Resectability.BORDERLINE
    assert is_head("pancreas-neck") and not is_head("pancreas-tail")
