"""A hot region that nobody gave a role spills into its neighbours all the same: their activity must not hold it.

The truth is the simulation's own: analytic activities of ellipsoids on a fine grid, blurred and averaged over voxels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_study import COARSE, FWHM_MM, INJECTION, ORGANS, TIMES_H, Organ, grid, inside, make_study

from neorlt.dosimetry.compute import compute_doses
from neorlt.dosimetry.curves import activity_curves
from neorlt.imaging.hot import hot_without_role
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Study

INJECTED = 7400.0
KIDNEY = ORGANS[0]
BESIDE = Organ("nodule 2", RegionKind.OTHER, (-45.0, -34.0, 2.0), (14.0, 14.0, 14.0), 0.03, 200.0, 1.0)
"""At the kidney's edge, and about fifteen times as hot."""
WITHIN = Organ("nodule 3", RegionKind.OTHER, (45.0, 5.0, 5.0), (12.0, 12.0, 12.0), 0.01, 200.0, 1.0)


def make(*extra: Organ) -> Study:
    return make_study(seed=4, counts_per_mbq_s=2000.0, extra=extra)


def kidney_error(study: Study, **options) -> np.ndarray:
    amplitude, rate = KIDNEY.terms("Lu-177")
    true = np.array([INJECTED * float((amplitude * np.exp(-rate * t)).sum()) for t in TIMES_H])
    curve = next(c for c in activity_curves(study, **options) if c.name == KIDNEY.name)
    return np.asarray(curve.activity_mbq) / true - 1.0


@pytest.fixture(scope="module")
def beside() -> Study:
    return make(BESIDE)


def test_a_hot_neighbour_without_a_role_does_not_raise_the_kidney(beside):
    assert np.abs(kidney_error(beside)).max() < 0.01
    undrawn = replace(beside, regions=tuple(r for r in beside.regions if r.name != BESIDE.name))
    assert kidney_error(undrawn).min() > 0.06  # what the same images give where nothing tells of the neighbour
    assert kidney_error(beside, beside=()).min() > 0.06


def test_it_is_said_and_has_no_dose(beside):
    result = compute_doses(beside, n_draws=200)
    assert BESIDE.name not in {dose.name for dose in result.doses}
    said = [w for w in result.warnings if BESIDE.name in w]
    assert len(said) == 1 and "taken from them" in said[0] and '"nodule 2" = "lesion"' in said[0]


def test_a_lesion_by_role_gives_the_kidney_the_same_activity(beside):
    lesion = replace(beside, regions=tuple(replace(r, kind=RegionKind.LESION) if r.name == BESIDE.name else r for r in beside.regions))
    np.testing.assert_allclose(kidney_error(lesion), kidney_error(beside), atol=0.005)


def test_one_inside_an_organ_is_named_and_joins_nothing():
    study = make(WITHIN)
    # the liver's contour holds the nodule, as a clinic draws it
    liver = next(o for o in ORGANS if o.name == "liver")
    where = grid(COARSE)
    drawn = tuple(replace(r, occupancy=inside(liver, where).astype(np.float32)) if r.name == "liver" else r for r in study.regions)
    found = hot_without_role(replace(study, regions=drawn), FWHM_MM)
    assert [(one.region.name, one.inside) for one in found] == [("nodule 3", "liver")]
    assert "counts as that of 'liver'" in found[0].sentence


@pytest.mark.parametrize(
    ("name", "centre", "axes"),
    [
        ("margin", ORGANS[2].centre, (20.0, 20.0, 20.0)),  # round the tumour: hot by its spill alone
        ("muscle piece", (0.0, -50.0, 0.0), (12.0, 12.0, 12.0)),  # as the background
        ("couch", (0.0, -200.0, 0.0), (40.0, 5.0, 40.0)),  # outside the image
        ("right lobe", (45.0, 0.0, 20.0), (30.0, 30.0, 25.0)),  # a part of the liver, no hotter than it
        ("sma", (-2.0, 3.0, -15.0), (4.0, 4.0, 25.0)),  # a vessel drawn for contact, at the tumour's edge
        ("truncus coeliacus", (-2.0, 3.0, -15.0), (4.0, 4.0, 25.0)),  # another, by a name that is no abbreviation
    ],
)
def test_what_is_no_source_joins_nothing(name, centre, axes):
    study = make()
    whole = inside(Organ(name, RegionKind.OTHER, centre, axes, 0.0, 1.0, 1.0), where := grid(COARSE))
    if not whole.any():
        whole = np.zeros((3, 3, 3), bool)
        whole[1, 1, 1] = True
        affine = where.affine.copy()
        affine[:3, 3] = centre
        where = replace(where, shape=(3, 3, 3), affine=affine)
    region = Region(name, RegionKind.OTHER, whole.astype(np.float32), where, "synthetic")
    assert hot_without_role(replace(study, regions=(*study.regions, region)), FWHM_MM) == ()


def test_the_order_of_regions_keeps_names_and_activities_together(beside):
    """The region without a role stands first in the study: no curve may be given another's numbers."""
    first = tuple(sorted(beside.regions, key=lambda r: r.kind is not RegionKind.OTHER))
    assert first[0].name == BESIDE.name
    assert np.abs(kidney_error(replace(beside, regions=first))).max() < 0.03
    assert beside.therapy_administration().time == INJECTION
