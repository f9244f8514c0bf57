"""Compiled functions: kept between runs in the user's cache directory, so that only the first run compiles, and run side by side."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/neorlt`` or ``~/.cache/neorlt``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neorlt"


@functools.cache
def keep_compiled() -> None:
    """Let jax keep compiled functions on disk, unless the user has chosen a place already. Holds no patient data."""
    import jax

    config: Any = jax.config
    if config.jax_compilation_cache_dir is None:
        config.update("jax_compilation_cache_dir", str(cache_folder() / "jax"))
        config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def side_by_side(run: Callable[[int], T], starts: Sequence[int]) -> list[T]:
    """``run(start)`` of every batch, in order, on all processors; what comes back does not depend on their number.

    A compiled function lets go of the interpreter, so threads do run side by side.
    """
    if len(starts) == 1:
        return [run(starts[0])]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(run, starts))
