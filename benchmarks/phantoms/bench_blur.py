"""Time and peak memory of the position-dependent blur, beside scipy's stationary Gaussian with block sums.

Run: ``python benchmarks/phantoms/bench_blur.py``.
"""

import json
import time
import tracemalloc

import numpy as np
from scipy import ndimage

from neorlt.phantoms.anatomy import axis_grid
from neorlt.phantoms.camera import N_WIDTHS, blurred
from neorlt.phantoms.cases import SPECT

SOURCE, IMAGE = axis_grid((212, 136, 200), (2.0, 2.0, 2.0)), axis_grid((106, 68, 100), (4.0, 4.0, 4.0))


def measured(function):
    """Best of three in seconds, and peak megabytes of one more run."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"seconds": round(min(times), 3), "peak_mb": round(peak / 1e6, 1)}


def main():
    """Print one JSON document."""
    activity = np.random.default_rng(0).random(SOURCE.shape).astype(np.float32)

    def baseline():
        smooth = ndimage.gaussian_filter(activity, 5.5 / 2)
        return smooth.reshape(106, 2, 68, 2, 100, 2).sum(axis=(1, 3, 5))

    ours = measured(lambda: blurred(activity, SOURCE, IMAGE, SPECT.blur))
    print(json.dumps({"blurred": {**ours, "gaussians": N_WIDTHS + 1}, "scipy one Gaussian": measured(baseline)}, indent=1))


if __name__ == "__main__":
    main()
