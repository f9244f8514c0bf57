"""Contact of a tumour with a vessel on drawn regions, against circles whose contact is known by the cosine rule."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.anatomy import vessels_of
from neorlt.imaging.contact import Contact, _in_plane, contact, vessel_regions
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid

FRAME = "1.2.3"


def _distance(contact_deg: float, tumour_mm: float, vessel_mm: float) -> float:
    """Distance of the centres of two circles at which this part of the small one's wall lies inside the large one."""
    half = np.deg2rad(contact_deg / 2)
    wall = np.array([vessel_mm * np.cos(half), vessel_mm * np.sin(half)])  # the last point inside, seen from the vessel's centre
    return float(wall[0] + np.sqrt(tumour_mm**2 - wall[1] ** 2))


def _pair(
    contact_deg: float, voxel_mm: float, *, vessel_mm: float = 5.0, tumour_mm: float = 14.0, through: int = 2, turn_deg: float = 25.0,
    cut: bool = True, shift_mm: float = 0.0, moved_apart_mm: float = 0.0,
) -> tuple[Region, Region]:
    """A ball and a straight tube along a patient axis; ``cut`` takes the tube out of the ball, as drawn regions exclude each other."""
    size = np.full(3, 60.0)
    size[through] = 32.0
    shape = tuple(int(n) for n in np.ceil(size / voxel_mm))
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * voxel_mm + shift_mm
    grid = Grid(shape, affine, FRAME)  # type: ignore[arg-type]
    place = grid.index_to_mm(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1))
    flat = [axis for axis in range(3) if axis != through]
    far = _distance(contact_deg, tumour_mm, vessel_mm) + moved_apart_mm
    away = far * np.array([np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))])
    tube = np.hypot(place[..., flat[0]] - away[0], place[..., flat[1]] - away[1]) < vessel_mm
    ball = (place**2).sum(-1) < tumour_mm**2
    if cut:
        ball &= ~tube
    masks = (("primary", RegionKind.LESION, ball), ("SMV", RegionKind.OTHER, tube))
    first, second = (Region(name, kind, mask.astype(np.float32), grid) for name, kind, mask in masks)
    return first, second


def _thrice(degrees: float) -> list[Contact]:
    return [contact(*_pair(degrees, 0.8, turn_deg=turn, shift_mm=shift)) for turn, shift in ((10.0, 0.0), (25.0, 0.3), (63.0, 0.55))]


@pytest.mark.parametrize("degrees", [60.0, 120.0, 200.0])
def test_contact_of_a_ball_with_a_tube_is_that_of_two_circles(degrees: float) -> None:
    found = _thrice(degrees)
    assert {one.plane for one in found} == {"axial"}
    for one in found:
        assert 0 < one.doubt_deg < 20.0
        assert one.degrees == pytest.approx(degrees, abs=2 * one.doubt_deg)
    assert np.mean([one.degrees for one in found]) == pytest.approx(degrees, abs=found[0].doubt_deg)


def test_slivers_thinner_than_a_voxel_are_lost_and_an_encased_vessel_stays_encased() -> None:
    """At 270 degrees the ball ends on both sides in slivers that voxels do not hold."""
    for one in _thrice(270.0):
        assert 200.0 < one.degrees < 270.0 + one.doubt_deg


def test_coarse_voxels_say_that_they_are_coarse() -> None:
    fine, coarse = contact(*_pair(120.0, 0.8)), contact(*_pair(120.0, 2.0))
    assert coarse.doubt_deg > 2 * fine.doubt_deg
    assert coarse.degrees == pytest.approx(120.0, abs=2 * coarse.doubt_deg)


def test_the_image_drawn_on_bounds_what_is_known() -> None:
    pair = _pair(120.0, 0.8)
    affine = np.diag([2.4, 2.4, 5.0, 1.0])
    assert contact(*pair, Grid((9, 9, 9), affine, FRAME)).doubt_deg == pytest.approx(3 * contact(*pair).doubt_deg, rel=1e-6)


@pytest.mark.parametrize(("through", "plane"), [(0, "sagittal"), (1, "coronal"), (2, "axial")])
def test_the_plane_is_the_one_that_the_vessel_crosses(through: int, plane: str) -> None:
    found = contact(*_pair(150.0, 1.0, through=through))
    assert found.plane == plane
    assert found.degrees == pytest.approx(150.0, abs=2 * found.doubt_deg)
    # At the ball's middle, where contact is greatest.
    assert abs(found.centre_mm[through]) < 6.0


def test_overlapping_regions_touch_as_regions_that_exclude_each_other_do() -> None:
    apart, over = contact(*_pair(150.0, 0.8)), contact(*_pair(150.0, 0.8, cut=False))
    assert over.degrees == pytest.approx(apart.degrees, abs=2 * apart.doubt_deg)


def test_a_vessel_inside_the_tumour_is_touched_all_round() -> None:
    tumour, vessel = _pair(120.0, 1.0, cut=False, moved_apart_mm=-_distance(120.0, 14.0, 5.0))
    found = contact(tumour, vessel)
    assert found.degrees == 360.0
    assert found.doubt_deg == 0.0


def test_a_vessel_that_lies_apart_is_not_touched_and_its_gap_is_said() -> None:
    found = contact(*_pair(1e-3, 1.0, moved_apart_mm=4.0))
    assert found.degrees == 0.0
    assert found.touching == ()
    assert found.gap_mm == pytest.approx(4.0, abs=1.0)
    assert found.length_mm == 0.0


def test_one_free_voxel_is_a_gap() -> None:
    """The fat plane that parts a tumour from a vessel is what contact means: it is not filled in."""
    tumour, vessel = _pair(120.0, 1.0)
    near = np.zeros_like(tumour.occupancy)
    solid = vessel.occupancy > 0
    for axis in range(2):
        for step in (-1, 1):
            near = np.maximum(near, np.roll(solid, step, axis))
    thinned = Region("primary", RegionKind.LESION, tumour.occupancy * (near == 0), tumour.grid)
    assert contact(tumour, vessel).degrees > 90.0
    assert contact(thinned, vessel).degrees < 20.0


def test_the_arc_drawn_is_the_part_measured() -> None:
    found = contact(*_pair(200.0, 0.8))

    def length(lines: tuple[np.ndarray, ...]) -> float:
        return sum(float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum()) for line in lines)

    (outline,) = found.vessel_outline
    assert np.allclose(outline[0], outline[-1])
    assert 360.0 * length(found.touching) / length(found.vessel_outline) == pytest.approx(found.degrees, abs=8.0)
    assert np.ptp(outline[:, 2]) == 0.0
    assert np.abs(np.concatenate(found.touching) - found.centre_mm).max() < 7.0


def test_the_phantoms_vessels_have_their_contact() -> None:
    from neorlt.phantoms import headtumour

    anatomy = headtumour.drawn()

    def region(name: str, kind: RegionKind) -> Region:
        return Region(name, kind, (anatomy.label == anatomy.codes[name]).astype(np.float32), anatomy.grid)

    for name, wanted in headtumour.CONTACT_DEG.items():
        found = contact(region("primary", RegionKind.LESION), region(name, RegionKind.OTHER))
        # The vessels were placed by contact of exact shapes on 1 mm slices; these are voxels of 2 x 2 x 4.4 mm.
        assert found.degrees == pytest.approx(wanted, abs=found.doubt_deg), name


def test_regions_of_two_frames_are_refused() -> None:
    tumour, vessel = _pair(100.0, 2.0)
    other = Region("SMV", RegionKind.OTHER, vessel.occupancy, Grid(vessel.grid.shape, vessel.grid.affine, "9.9"))
    with pytest.raises(ValueError, match="frames"):
        contact(tumour, other)


def test_what_comes_back_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Contact("a", "b", 0.0, 0.0, None, "axial", np.zeros(3), 0.0).degrees = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("SMV", {"SMV"}), ("superior_mesenteric_artery", {"SMA"}), ("A. mesenterica superior", {"SMA"}),
        ("V. mesenterica superior", {"SMV"}),
        ("veine mésentérique supérieure", {"SMV"}), ("inferior mesenteric artery", set()), ("portal_vein_and_splenic_vein", {"PV", "SV"}),
        ("Pfortader", {"PV"}), ("vena porta", {"PV"}), ("SMV/PV", {"PV", "SMV"}),
        ("Truncus coeliacus", {"CA"}), ("celiac artery", {"CA"}),
        ("celiac lymph node", set()), ("common hepatic artery", {"CHA"}), ("hepatic artery proper", set()), 
        ("inferior_vena_cava", {"IVC"}),
        ("superior_vena_cava", set()), ("untere Hohlvene", {"IVC"}), ("aorta", {"AORTA"}), ("Milzvene", {"SV"}), ("spleen", set()),
        ("gastroduodenal artery", {"GDA"}), ("renal vein", set()), ("tętnica krezkowa górna", {"SMA"}),
        ("portacath", set()), ("liver", set()),
    ],
)  # fmt: skip
def test_vessels_are_known_by_their_names(name: str, wanted: set[str]) -> None:
    assert vessels_of(name) == wanted


def test_a_lesion_named_after_a_vessel_is_no_vessel() -> None:
    tumour, vessel = _pair(100.0, 4.0)
    named = Region("node at SMA", RegionKind.LESION, tumour.occupancy, tumour.grid)
    assert vessel_regions([named, vessel, tumour]) == [vessel]


@pytest.mark.parametrize("cut", [True, False], ids=["excluding", "overlapping"])
def test_the_doubt_holds_nine_times_in_ten(cut: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Random pairs of circles on thick slices: voxels of 0.8 to 2 mm, vessels of 7 and 12 mm, contacts of 60 to 220 degrees."""
    rng = np.random.default_rng(20260301)
    errors, doubts = [], []
    for _ in range(40):
        voxel, radius, wanted = rng.choice([0.8, 1.5, 2.0]), rng.choice([3.5, 6.0]), rng.uniform(60.0, 220.0)
        middle, angle = rng.uniform(-voxel, voxel, 2), rng.uniform(0, 2 * np.pi)
        vessel = middle + _distance(wanted, 20.0, radius) * np.array([np.cos(angle), np.sin(angle)])
        n = int(64 / voxel)
        affine = np.diag([voxel, voxel, 3.0, 1.0])
        affine[:2, 3] = -(n - 1) / 2 * voxel
        grid = Grid((n, n, 3), affine, FRAME)
        place = grid.index_to_mm(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))[..., :2]
        tube, ball = np.linalg.norm(place - vessel, axis=-1) < radius, np.linalg.norm(place - middle, axis=-1) < 20.0
        if cut:
            ball &= ~tube
        lesion, lumen = (Region(name, RegionKind.OTHER, mask.astype(np.float32), grid) for name, mask in (("t", ball), ("v", tube)))
        box = np.array([[*(vessel - 20.0), 0.0], [*(vessel + 20.0), 6.0]])
        # One plane, because three slices show no course by which the plane could be chosen.
        found = _in_plane(lesion, lumen, "axial", 3.0, box, float(voxel))
        assert found is not None
        errors.append(found.degrees - wanted)
        doubts.append(found.doubt_deg)
    held = float(np.mean(np.abs(errors) <= doubts))
    with capsys.disabled():
        print(f" contact: {100 * held:.0f} % within the doubt (mean {np.mean(doubts):.0f}°), mean error {np.mean(errors):+.0f}° ", end="")
    assert held >= 0.85
