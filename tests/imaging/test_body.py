"""The body is found without the couch."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.imaging.body import body_region
from neorlt.imaging.region import RegionKind
from neorlt.imaging.volume import Grid, Unit, Volume


def test_body_with_lung_and_couch() -> None:
    grid = Grid((100, 100, 4), np.diag([4.0, 4.0, 4.0, 1.0]), "f")
    x, y = np.meshgrid(np.arange(100) - 50, np.arange(100) - 45, indexing="ij")
    body = (x / 38) ** 2 + (y / 25) ** 2 <= 1
    ct = np.full((100, 100, 4), -1000.0)
    ct[body] = 30.0
    ct[(x + 15) ** 2 + y**2 <= 64] = -850.0  # lung
    ct[10:90, 78:80] = 100.0  # couch
    found = body_region(Volume(ct, grid, Unit.HU, "CT"))
    assert found.kind is RegionKind.BODY
    assert found.occupancy[:, :, 1].sum() == pytest.approx(body.sum(), rel=0.02)
    assert found.occupancy[35, 45, 1] == 1  # lung is body
    assert found.occupancy[:, 77:].sum() == 0


def test_no_body_is_refused() -> None:
    grid = Grid((10, 10, 2), np.eye(4), "f")
    with pytest.raises(InputError, match="no body"):
        body_region(Volume(np.full((10, 10, 2), -1000.0), grid, Unit.HU, "CT"))
