"""A script as a module, by its path: proofs of ``validation/``, tools, and plain modules beside tests. Needs the standard library alone.

``tests/shared`` is on the path of every test (``pythonpath`` in pyproject.toml).
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load(path: Path, name: str | None = None) -> ModuleType:
    """Run a script anew and return its module, known by ``name`` (or its file's) to whoever asks for it later: pickles, dataclasses."""
    spec = importlib.util.spec_from_file_location(name or path.stem, path)
    assert spec is not None and spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
