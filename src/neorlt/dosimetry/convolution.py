"""Linear convolution of a volume with a small centred kernel, in float32 and little memory.

Three things make it faster than a plain padded transform pair. The kernel of a dose is its own mirror image along every axis:
its transfer function is real and follows from one octant by a cosine transform. Transforms skip rows that hold nothing but
padding. And the two slow axes are transformed, multiplied and transformed back for a few frequencies of the third axis at a
time, so that the padded spectrum never exists as a whole.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORKERS = 2
BLOCK_BYTES = 24_000_000
"""Size of a block of frequencies: large enough for the vector units, small beside the volume."""


def convolve(image: NDArray[Any], kernel: NDArray[Any]) -> NDArray[np.float32]:
    """Linear (not circular) convolution with a centred kernel of odd size, same size as ``image``, float32.

    The transform is as long as image plus half a kernel: what wraps round never reaches the image.

    Parameters
    ----------
    image
        ``(x, y, z)``.
    kernel
        ``(2a+1, 2b+1, 2c+1)``; what reaches beyond the image is cut.

    Raises
    ------
    ValueError
        If the kernel has an even length.
    """
    from scipy import fft

    if any(n % 2 == 0 for n in kernel.shape):
        raise ValueError(f"the kernel needs an odd number of voxels along each axis, found {kernel.shape}")
    half = [min((k - 1) // 2, n - 1) for k, n in zip(kernel.shape, image.shape, strict=True)]
    middle = [(k - 1) // 2 for k in kernel.shape]
    cut = np.asarray(kernel[tuple(slice(m - h, m + h + 1) for m, h in zip(middle, half, strict=True))])
    shape = [_even_fast_length(n + h) for n, h in zip(image.shape, half, strict=True)]
    transfer = _Transfer(cut, shape)
    source = np.asarray(image, dtype=np.float32)
    n0, n1, n2 = image.shape
    p0, p1, p2 = shape
    spectrum = np.empty((n0, n1, p2 // 2 + 1), dtype=np.complex64)
    result = np.empty((n0, n1, n2), dtype=np.float32)

    def forward(slab: slice) -> None:
        spectrum[slab] = fft.rfft(source[slab], n=p2, axis=2)

    def middle_axes(block: slice) -> None:
        part = np.ascontiguousarray(np.moveaxis(spectrum[:, :, block], 2, 0))
        part = fft.fft(part, n=p1, axis=2)
        part = fft.fft(part, n=p0, axis=1)
        transfer.multiply(part, block.start)
        part = fft.ifft(part, axis=1, overwrite_x=True)[:, :n0]
        part = fft.ifft(part, axis=2)[:, :, :n1]
        spectrum[:, :, block] = np.moveaxis(part, 0, 2)

    def backward(slab: slice) -> None:
        result[slab] = fft.irfft(spectrum[slab], n=p2, axis=2)[:, :, :n2]

    # Blocks are independent: one thread each (numpy and scipy let go of the interpreter's lock).
    with ThreadPoolExecutor(WORKERS) as pool:
        slabs = _slices(n0, BLOCK_BYTES // (8 * n1 * p2))
        list(pool.map(forward, slabs))
        list(pool.map(middle_axes, _slices(p2 // 2 + 1, BLOCK_BYTES // (8 * p0 * p1))))
        list(pool.map(backward, slabs))
    return result


def _slices(n: int, size: int) -> list[slice]:
    """Slices of at most ``size`` that cover ``n``, at least one a thread."""
    step = max(1, min(size, -(-n // WORKERS)))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _even_fast_length(n: int) -> int:
    """An even length of at least ``n`` that transforms fast (the cosine transform of an octant needs it even)."""
    from scipy import fft

    return 2 * int(fft.next_fast_len((n + 1) // 2, real=True))


class _Transfer:
    """Transfer function of a centred kernel: one real octant where the kernel is its own mirror image, else the whole."""

    def __init__(self, kernel: NDArray[Any], shape: list[int]) -> None:
        from scipy import fft

        self.mirrored = all(np.array_equal(kernel, np.flip(kernel, axis)) for axis in range(3))
        half = [(n - 1) // 2 for n in kernel.shape]
        if self.mirrored:
            octant = np.zeros([p // 2 + 1 for p in shape], dtype=np.float32)
            octant[tuple(slice(0, h + 1) for h in half)] = kernel[tuple(slice(h, None) for h in half)]
            # The DCT-I of an octant is the transform of the mirrored whole.
            octant = fft.dctn(octant, type=1, workers=WORKERS, overwrite_x=True)
            self.values: NDArray[Any] = np.ascontiguousarray(np.moveaxis(octant, 2, 0))
        else:
            spread = np.zeros(shape, dtype=np.float32)
            spread[np.ix_(*(np.arange(-h, h + 1) % p for h, p in zip(half, shape, strict=True)))] = kernel
            self.values = np.moveaxis(fft.rfftn(spread, workers=WORKERS, overwrite_x=True), 2, 0)

    def multiply(self, part: NDArray[np.complex64], start: int) -> None:
        """Multiply ``part`` ``(frequency, p0, p1)``, which begins at frequency ``start`` of the last axis, in place."""
        values = self.values[start : start + len(part)]
        if not self.mirrored:
            part *= values
            return
        n, m = values.shape[1], values.shape[2]
        # Frequencies beyond the middle mirror those before it, without the first and the middle one.
        part[:, :n, :m] *= values
        part[:, n:, :m] *= values[:, n - 2 : 0 : -1]
        part[:, :n, m:] *= values[:, :, m - 2 : 0 : -1]
        part[:, n:, m:] *= values[:, n - 2 : 0 : -1, m - 2 : 0 : -1]
