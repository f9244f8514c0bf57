"""Compiled functions are kept between runs in the user's cache directory, so that only the first run compiles."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any


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
