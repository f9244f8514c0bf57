"""The drawn primary: longest diameter, vessel contact from the masks, nothing overlapped."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from neorlt.phantoms import headtumour
from neorlt.phantoms.anatomy import fine


def mask_of(anatomy, name):
    return anatomy.label == anatomy.codes[name]


@pytest.mark.parametrize(("name", "diameter"), [("primary", 45.0), ("liver-1", 22.0), ("liver-2", 15.0)])
def test_longest_diameter_from_the_drawn_mask(name, diameter):
    a = headtumour.drawn()
    points = a.grid.index_to_mm(np.argwhere(mask_of(a, name)))
    longest = pdist(points[ConvexHull(points).vertices]).max()
    # voxel centres lie up to half a voxel inside each end
    assert diameter - 2.5 < longest < diameter + 1.0


def contact_from_masks_deg(anatomy, vessel):
    """Largest part of the circle just outside the vessel's wall, slice by slice, whose nearest voxel is tumour."""
    tube, tumour = mask_of(anatomy, vessel), mask_of(anatomy, "primary")
    radius = headtumour.vessels()[vessel].radius_mm
    angle = np.deg2rad(np.arange(0, 360, 1.0))
    best = 0.0
    for k in np.flatnonzero(tube.any(axis=(0, 1))):
        centre = anatomy.grid.index_to_mm(np.append(np.argwhere(tube[:, :, k]).mean(axis=0), k))
        reach = radius + 0.75 * anatomy.grid.spacing_mm[0]
        ring = centre + reach * np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
        index = np.round(anatomy.grid.mm_to_index(ring)).astype(int)
        best = max(best, float(tumour[tuple(index.T)].sum()))
    return best


@pytest.mark.parametrize(("vessel", "wanted"), [("SMV", 220.0), ("SMA", 90.0)])
def test_contact_is_the_stated_one(vessel, wanted):
    assert headtumour.vessels()[vessel].contact_deg() == pytest.approx(wanted, abs=2)
    # drawn on 1.95 mm voxels and 1.5 mm outside the wall: within a sector of two or three voxels
    assert contact_from_masks_deg(headtumour.drawn(), vessel) == pytest.approx(wanted, abs=35)


def test_vein_is_bordering_by_more_than_half_and_artery_by_less():
    a = headtumour.drawn()
    assert contact_from_masks_deg(a, "SMV") > 180 > contact_from_masks_deg(a, "SMA") > 0


def test_artery_lies_left_of_the_vein_and_in_front_of_the_spine():
    smv, sma = headtumour.vessels()["SMV"], headtumour.vessels()["SMA"]
    assert sma.x_mm > smv.x_mm
    gap = np.hypot(sma.x_mm - smv.x_mm, sma.y_mm - smv.y_mm)
    assert gap > sma.radius_mm + smv.radius_mm


def test_primary_replaces_soft_tissue_only():
    base = fine()
    outline = headtumour.drawn_fine().label == headtumour.NEW_CODES["primary"]
    assert np.all(base.label[outline] == 1)
    assert base.hounsfield[outline].max() < 150  # no bone
    assert np.mean(base.hounsfield[outline] < -300) < 0.01  # hardly any bowel gas


def test_organs_keep_their_volume_apart_from_the_liver_that_holds_metastases():
    before, after = fine(), headtumour.drawn_fine()
    for name in ("spleen", "kidney-left", "kidney-right"):
        assert after.volume_ml(name) == before.volume_ml(name)
    lost = before.volume_ml("liver") - after.volume_ml("liver")
    assert lost == pytest.approx(after.volume_ml("liver-1") + after.volume_ml("liver-2"))
