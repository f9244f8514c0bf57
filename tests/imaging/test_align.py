"""Time points that lie apart are seen, stop the chain, or are moved together; what is not sure is not used."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from neorlt.core.errors import InputError
from neorlt.imaging.align import AlignMode, align_time_points
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 1, 1, 9)
GRID = Grid((56, 44, 36), np.array([[4.8, 0, 0, -132], [0, 4.8, 0, -103], [0, 0, 4.8, -84], [0, 0, 0, 1]]), "frame")
WHERE = GRID.index_to_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
KIDNEY, LIVER, TUMOUR = np.array([45.0, 40, -15]), np.array([-50.0, -15, 10]), np.array([-20.0, -40, 40])


def _ball(where, centre, radii):  # type: ignore[no-untyped-def]
    r = np.linalg.norm((where - centre) / np.array(radii), axis=-1)
    return np.clip((1 - r) * min(radii) / 4 + 0.5, 0, 1)


def _image(hours: float, shift=(0.0, 0.0, 0.0), kidney_shift=(0.0, 0.0, 0.0), grid: Grid = GRID) -> Volume:  # type: ignore[no-untyped-def]
    at = WHERE - np.array(shift)
    body = 1.0 * _ball(at, np.zeros(3), (110, 80, 300)) + 3 * _ball(at, LIVER, (45, 40, 50)) + 12 * _ball(at, TUMOUR, (12, 12, 12))
    body += 6 * _ball(at - np.array(kidney_shift), KIDNEY, (16, 16, 30)) + 5 * _ball(at, np.array([60.0, -10, 40]), (18, 22, 25))
    noise = np.random.default_rng(int(hours)).normal(0, 0.05, GRID.shape)
    values = np.clip(gaussian_filter(body, 1.1) + noise, 0, None) * 1e5 * np.exp(-hours / 100)
    return Volume(values, grid, Unit.BQ_PER_ML, "NM", T0 + timedelta(hours=hours), "Lu-177")


def _region(name: str, kind: RegionKind, centre, radii) -> Region:  # type: ignore[no-untyped-def]
    return Region(name, kind, np.linalg.norm((WHERE - centre) / np.array(radii), axis=-1) <= 1, GRID)


REGIONS = (
    _region("liver", RegionKind.ORGAN, LIVER, (45, 40, 50)),
    _region("kidney-left", RegionKind.ORGAN, KIDNEY, (16, 16, 30)),
    _region("tumour", RegionKind.LESION, TUMOUR, (12, 12, 12)),
)


def _study(*images: Volume) -> Study:
    return Study("k", images, REGIONS, (Administration("Lu-177", 7400.0, T0),))


def test_images_that_lie_together_pass_and_the_error_is_shown() -> None:
    study = _study(_image(24), _image(96))
    same, found = align_time_points(study)
    assert same.volumes == study.volumes
    (one,) = found
    assert not one.applied
    assert one.shift_mm < 2.4  # half a voxel
    assert 0 < one.error_mm < 5
    assert set(one.as_json()) >= {"time", "shift_mm", "error_mm", "applied"}


def test_images_that_lie_apart_stop_the_chain_and_rigid_moves_them() -> None:
    study = _study(_image(24), _image(96, shift=(9.0, -8.0, 6.0)))
    with pytest.raises(InputError, match="do not lie on one another") as caught:
        align_time_points(study)
    assert "--register rigid" in str(caught.value)
    moved, (one,) = align_time_points(study, "rigid")
    assert one.applied
    assert one.shift_mm == pytest.approx(np.linalg.norm([9, 8, 6]), abs=2.4)
    true = _image(96).array
    inner = (slice(6, -6),) * 3
    before, after = (np.abs(v.array - true)[inner].mean() for v in (study.therapy_images()[1], moved.therapy_images()[1]))
    assert after < 0.3 * before
    assert "registered" in one.sentence


def test_sessions_in_frames_of_their_own_are_registered_or_refused() -> None:
    other = replace(GRID, frame_of_reference="second session")
    study = _study(_image(24), _image(96, shift=(9.0, -8.0, 6.0), grid=other))
    for mode in ("check", "off"):
        with pytest.raises(InputError, match="do not lie|different frames"):
            align_time_points(study, mode)
    moved, _ = align_time_points(study, AlignMode.RIGID)
    assert {v.grid.frame_of_reference for v in moved.therapy_images()} == {"frame"}


def test_a_kidney_that_moved_alone_is_followed() -> None:
    study = _study(_image(24), _image(96, kidney_shift=(0.0, 0.0, 9.0)))
    moved, found = align_time_points(study, "regions")
    own = next(a for a in found if a.region == "kidney-left")
    assert own.applied
    there = next(r for r in moved.regions_at(1, moved.regions) if r.name == "kidney-left")
    centre = there.grid.index_to_mm(np.argwhere(there.occupancy > 0)).mean(0)
    assert centre - KIDNEY == pytest.approx([0, 0, 9], abs=2.5)
    first = next(r for r in moved.regions_at(0, moved.regions) if r.name == "kidney-left")
    assert first.grid.same_as(GRID)


def test_noise_is_not_trusted_and_stops_the_chain() -> None:
    rng = np.random.default_rng(0)
    noise = [Volume(rng.uniform(0, 1, GRID.shape), GRID, Unit.BQ_PER_ML, "NM", T0 + timedelta(hours=h), "Lu-177") for h in (24, 96)]
    with pytest.raises(InputError, match="not trusted") as caught:
        align_time_points(_study(*noise))
    assert "--register off" in str(caught.value)
    assert align_time_points(_study(*noise), "off")[1] == ()


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(InputError, match="unknown registration"):
        align_time_points(_study(_image(24), _image(96)), "elastic")
