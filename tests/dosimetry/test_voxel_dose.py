"""Voxel dose: the convolution is linear and does not wrap round; wrong input is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve as direct_convolve

from neorlt.core.errors import InputError
from neorlt.dosimetry.convolution import convolve
from neorlt.dosimetry.density import density_from_ct
from neorlt.dosimetry.voxel_dose import check_kernel, voxel_dose
from neorlt.imaging.volume import Grid, Unit, Volume


def _volume(
    array: np.ndarray, unit: Unit = Unit.TIA_MBQ_H_PER_ML, nuclide: str | None = "Lu-177", spacing: float = 4.0
) -> Volume:
    grid = Grid(array.shape, np.diag([spacing, spacing, spacing, 1.0]), "1.2.3")
    return Volume(array, grid, unit, "NM" if nuclide else "CT", nuclide=nuclide)


@pytest.mark.parametrize(("shape", "kernel"), [((20, 17, 23), (5, 7, 3)), ((6, 9, 4), (15, 15, 15)), ((1, 5, 8), (3, 3, 3))])
def test_convolution_equals_direct_sum_without_wrap_round(shape: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    image, weights = rng.random(shape), rng.random(kernel)
    expected = direct_convolve(image, weights, mode="constant", cval=0.0)
    assert convolve(image.astype(np.float32), weights) == pytest.approx(expected, rel=2e-5, abs=2e-5)


@pytest.mark.parametrize(
    ("shape", "kernel"),
    [((20, 17, 23), (5, 7, 3)), ((6, 9, 4), (15,) * 3), ((1, 5, 8), (3,) * 3), ((1, 1, 1), (1, 1, 1)), ((40, 3, 2), (1, 5, 1))],
)
def test_a_kernel_that_mirrors_itself_takes_the_short_way_to_the_same_sum(shape: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    image, weights = rng.random(shape), rng.random(kernel)
    for axis in range(3):
        weights = weights + np.flip(weights, axis)
    expected = direct_convolve(image, weights, mode="constant", cval=0.0)
    assert convolve(image.astype(np.float32), weights) == pytest.approx(expected, rel=2e-5, abs=2e-5)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    image = rng.random((30, 20, 26), dtype=np.float32)
    weights = np.ones((9, 9, 9))
    whole = convolve(image, weights)
    monkeypatch.setattr("neorlt.dosimetry.convolution.BLOCK_BYTES", 20_000)
    assert convolve(image, weights) == pytest.approx(whole, rel=1e-5)


def test_mixed_nuclides_add_up_and_thin_tissue_gets_more() -> None:
    array = np.zeros((12, 12, 12))
    array[6, 6, 6] = 5.0
    one, two = (_volume(array, nuclide=n) for n in ("Lu-177", "Y-90"))
    density = _volume(np.where(np.arange(12)[:, None, None] < 6, 0.52, 1.04) * np.ones((12, 12, 12)), Unit.G_PER_CM3, None)
    both = voxel_dose([one, two], density=density).array
    assert both == pytest.approx(voxel_dose(one, density=density).array + voxel_dose(two, density=density).array, rel=1e-5, abs=1e-7)
    plain = voxel_dose([one, two]).array
    assert both[:6] == pytest.approx(2 * plain[:6], rel=1e-5)
    assert both[6:] == pytest.approx(plain[6:], rel=1e-5)
    for method in ("kernel", "local"):
        chain = voxel_dose(_volume(array, nuclide="Ac-225"), method=method).array.sum()  # type: ignore[arg-type]
        assert chain * 1.04 * 0.064 == pytest.approx(5.0 * 0.064 * 3.6e9 * (27.99 + 0.69) * 1.602e-13 * 1e3, rel=0.02)


def test_convolution_is_linear_and_symmetric() -> None:
    rng = np.random.default_rng(1)
    weights = rng.random((7, 7, 7))
    weights = weights + weights[::-1, ::-1, ::-1]
    a, b = rng.random((2, 16, 16, 16)).astype(np.float32)
    both = convolve(a + 2 * b, weights)
    assert both == pytest.approx(convolve(a, weights) + 2 * convolve(b, weights), rel=1e-4)
    # Reciprocity of a symmetric kernel: what a gives b, b gives a.
    assert float((convolve(a, weights) * b).sum()) == pytest.approx(float((convolve(b, weights) * a).sum()), rel=1e-5)


def test_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        convolve(np.ones((5, 5, 5), np.float32), np.ones((4, 3, 3)))


def test_a_cropped_kernel_is_refused() -> None:
    class Cropped:
        energy_closure = 0.97

    with pytest.raises(InputError, match="lost energy"):
        check_kernel(Cropped())


def test_refusals() -> None:
    good = _volume(np.ones((5, 5, 5)))
    negative = _volume(np.array([[[1.0, -0.1]]]))
    with pytest.raises(InputError, match="negative"):
        voxel_dose(negative)
    with pytest.raises(InputError, match="needs time-integrated activity"):
        voxel_dose(_volume(np.ones((5, 5, 5)), Unit.GY))
    with pytest.raises(InputError, match="does not say its nuclide"):
        voxel_dose(_volume(np.ones((5, 5, 5)), nuclide=None))
    with pytest.raises(InputError, match="there is no activity"):
        voxel_dose([])
    with pytest.raises(InputError, match="different grids"):
        voxel_dose([good, _volume(np.ones((5, 5, 5)), spacing=3.0)])


def test_density_from_ct_rises_and_knows_water_and_soft_tissue() -> None:
    hu = np.linspace(-1000, 1500, 501).reshape(3, 167, 1)
    density = density_from_ct(_volume(hu, Unit.HU, None))
    assert density.unit is Unit.G_PER_CM3
    assert np.all(np.diff(density.array.ravel()) > -1e-3)
    at = density_from_ct(_volume(np.array([[[-1000.0, 0.0, 50.0]]]), Unit.HU, None)).array.ravel()
    assert at == pytest.approx([0.00121, 1.018, 1.061], abs=0.003)
    with pytest.raises(InputError, match="CT numbers"):
        density_from_ct(_volume(np.ones((3, 3, 3))))
