"""The anatomy lies as patients lie: head up, left on the left, kidneys behind."""

import numpy as np
import pytest

from neorlt.phantoms.anatomy import fine, native


def centre_mm(anatomy, name):
    index = np.argwhere(anatomy.label == anatomy.codes[name])
    return anatomy.grid.index_to_mm(index).mean(axis=0)


@pytest.mark.parametrize("anatomy", [native, fine])
def test_organs_lie_where_anatomy_has_them(anatomy):
    a = anatomy()
    liver, spleen = centre_mm(a, "liver"), centre_mm(a, "spleen")
    left, right = centre_mm(a, "kidney-left"), centre_mm(a, "kidney-right")
    assert liver[0] < -20
    assert spleen[0] > 40
    assert right[0] < 0 < left[0]
    assert min(left[1], right[1]) > liver[1]  # y grows to the back: kidneys lie behind the liver
    assert right[2] < left[2] < liver[2]  # z grows to the head: right kidney lowest, liver above


def test_spine_lies_behind_and_lung_above():
    a = native()
    bone = a.grid.index_to_mm(np.argwhere(a.hounsfield > 300))
    lung = a.grid.index_to_mm(np.argwhere((a.hounsfield < -600) & (a.label > 0)))
    assert np.median(bone[:, 1]) > 10
    assert np.median(lung[:, 2]) > 100


def test_couch_is_gone():
    a = native()
    assert a.hounsfield.max() < 1500  # the couch was 2000 HU
    assert np.all(a.hounsfield[a.label == 0] == -1000)
    # below the back of every slice there is nothing: the couch lay at the last rows
    assert np.all(a.label[:, -2:, :] == 0)


PUBLISHED_ML = {
    "liver": 1037.3, "spleen": 103.5, "kidney-left": 138.4, "kidney-right": 168.1,
    "tumour-1": 6.27, "tumour-2": 3.71, "tumour-3": 6.07,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED_ML)
def test_volumes_are_the_published_ones_on_both_grids(name):
    assert native().volume_ml(name) == pytest.approx(PUBLISHED_ML[name], rel=2e-3)
    assert fine().volume_ml(name) == pytest.approx(native().volume_ml(name), abs=0.005)


@pytest.mark.parametrize("name", ["liver", "kidney-left", "tumour-1"])
def test_fine_regions_cover_the_published_contour(name):
    coarse, small = native(), fine()
    index = np.round(coarse.grid.mm_to_index(small.grid.index_to_mm(np.argwhere(small.label == small.codes[name])))).astype(int)
    inside = coarse.label[tuple(index.T)] == coarse.codes[name]
    # tumours are a few voxels wide: their smoothed edge may leave the blocks of the drawing
    assert inside.mean() > (0.97 if name == "liver" else 0.93 if name.startswith("kidney") else 0.75)
    assert np.linalg.norm(centre_mm(coarse, name) - centre_mm(small, name)) < 0.6
