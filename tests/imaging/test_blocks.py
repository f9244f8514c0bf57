"""A box of a packed volume is what numpy cuts from the whole, wherever it lies."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from neorlt.imaging.blocks import open_blocks, write_blocks
from neorlt.imaging.view import detail

RNG = np.random.default_rng(4)
VALUES = RNG.integers(-1024, 3000, (70, 33, 40)).astype(np.float32)


@pytest.mark.parametrize(
    ("low", "high"), [((0, 0, 0), (70, 33, 40)), ((31, 31, 31), (33, 33, 33)), ((-5, -5, -5), (4, 4, 4)), ((60, 0, 30), (99, 99, 99))]
)
def test_a_box_is_the_part_of_the_whole(tmp_path: Path, low: tuple[int, int, int], high: tuple[int, int, int]) -> None:
    size = write_blocks(VALUES, 1.0, tmp_path / "a.blocks")
    assert size == (tmp_path / "a.blocks").stat().st_size
    found = open_blocks(tmp_path / "a.blocks").read(low, high)
    np.testing.assert_array_equal(found, VALUES[tuple(slice(max(a, 0), b) for a, b in zip(low, high, strict=True))])


def test_values_keep_their_unit_to_half_a_step(tmp_path: Path) -> None:
    values = RNG.gamma(2.0, 1e5, (20, 20, 20)).astype(np.float32)
    write_blocks(values, float(values.max()) / 32_000, tmp_path / "a.blocks")
    found = open_blocks(tmp_path / "a.blocks").read((0, 0, 0), (20, 20, 20))
    np.testing.assert_allclose(found, values, atol=float(values.max()) / 64_000 * 1.001)


def test_what_is_no_file_of_blocks_or_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.blocks"
    for content in (b"", b"x" * 40, (4).to_bytes(8, "little") + b"null"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no file of blocks"):
            open_blocks(path)
    write_blocks(VALUES, 1.0, path)
    content = bytearray(path.read_bytes())
    content[-40:] = b"\0" * 40
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="damaged"):
        open_blocks(path).read((64, 32, 32), (70, 33, 40))
    with pytest.raises(ValueError, match="outside"):
        open_blocks(path).read((70, 0, 0), (80, 5, 5))


@pytest.mark.parametrize("at", [(0.0, 0.0, 0.0), (-1e4, 1e4, 0.0)])
def test_a_detail_holds_the_voxels_where_they_lie(tmp_path: Path, at: tuple[float, float, float]) -> None:
    """Another reader finds at each place what the whole holds there."""
    sitk = pytest.importorskip("SimpleITK")
    whole = RNG.integers(-1000, 1000, (200, 150, 20)).astype(np.float32)
    affine = np.array([[0.8, 0, 0, -80], [0, -0.8, 0, 60], [0, 0, 3.0, -30], [0, 0, 0, 1.0]])
    write_blocks(whole, 1.0, tmp_path / "ct-1.blocks")
    row = {"name": "ct-1", "full": {"shape": list(whole.shape), "affine": affine.tolist()}}
    (tmp_path / "box.nii.gz").write_bytes(detail(tmp_path, row, np.array(at)))
    assert gzip.decompress((tmp_path / "box.nii.gz").read_bytes())[344:347] == b"n+1"
    image = sitk.ReadImage(str(tmp_path / "box.nii.gz"))
    assert image.GetSize() == (128, 128, 20)
    for index in ((0, 0, 0), (127, 127, 19), (64, 3, 10)):
        place = np.linalg.solve(affine, [*image.TransformIndexToPhysicalPoint(index), 1.0])[:3]
        np.testing.assert_allclose(place, np.rint(place), atol=1e-3)
        assert image[index] == whole[tuple(np.rint(place).astype(int))]
    if at == (0.0, 0.0, 0.0):
        middle = np.array(image.TransformContinuousIndexToPhysicalPoint([63.5, 63.5, 9.5]))
        assert np.abs(middle[:2]).max() < 20.0


def test_an_image_that_was_not_kept_whole_has_no_detail(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no more voxels"):
        detail(tmp_path, {"name": "pet-1", "full": None}, np.zeros(3))
