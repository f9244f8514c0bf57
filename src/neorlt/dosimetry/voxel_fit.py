"""Mono-exponential fit in every voxel: log-linear least squares, bounded by physical decay, in one pass over the arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]
_BLOCK = 1 << 16


def fit_voxels(images: Sequence[NDArray[np.float32]], time_h: Sequence[float], half_life_h: float) -> tuple[Floats32, Floats32]:
    """Time-integrated activity and effective half-life of every voxel.

    The fit is least squares in the logarithm with weights y² (constant relative error back in activity). A decay slower
    than physical is set to physical and the amplitude refitted. Voxels without activity at every time give 0.

    Parameters
    ----------
    images
        ``(t)`` arrays of one shape, activity concentration at ``time_h`` (not decay-corrected away).
    time_h
        Hours after injection, at least two.
    half_life_h
        Physical half-life.

    Returns
    -------
    tia, effective_half_life_h
        Shape of the images; unit of the images times hours, and hours.
    """
    times = np.asarray(time_h, dtype=np.float32)
    if len(images) != len(times) or len(times) < 2:
        raise ValueError(f"two or more images with their times are needed, found {len(images)} and {len(times)}")
    decay = np.float32(np.log(2.0) / half_life_h)
    shape = images[0].shape
    flat = [np.ascontiguousarray(image, dtype=np.float32).ravel() for image in images]
    tia = np.zeros(flat[0].size, dtype=np.float32)
    rate = np.full(flat[0].size, decay, dtype=np.float32)
    # Blocks fit the cache: all sums of a block are taken before it leaves.
    for start in range(0, tia.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        y = [image[part] for image in flat]
        largest = np.maximum.reduce(y)
        alive = np.minimum.reduce(y) > 0
        scale = np.where(alive, largest, np.float32(1.0))
        s0 = np.zeros_like(scale)
        st, sl, stt, stl = np.zeros_like(s0), np.zeros_like(s0), np.zeros_like(s0), np.zeros_like(s0)
        for value, t in zip(y, times, strict=True):
            relative = np.where(alive, value / scale, np.float32(1.0))
            log, w = np.log(relative), relative * relative
            s0 += w
            st += w * t
            sl += w * log
            stt += w * (t * t)
            stl += w * (t * log)
        slope = (st * sl - s0 * stl) / np.maximum(s0 * stt - st * st, np.float32(1e-20))
        k = np.maximum(slope, decay)
        amplitude = np.exp((sl + k * st) / s0) * scale
        tia[part] = np.where(alive, amplitude / k, np.float32(0.0))
        rate[part] = np.where(alive, k, decay)
    return tia.reshape(shape), (np.float32(np.log(2.0)) / rate).reshape(shape)
