"""Version 0.1 in a tree of its own, to stand beside this one in one run."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLD = "7a47d7ccc59ac120ce46644439a8c0cc344f6b63"
"""Version 0.1."""
START = "import sys; from neorlt.cli import main; sys.exit(main())"
"""As the script ``neorlt`` starts it, in either version."""


@contextmanager
def source_of(commit: str) -> Iterator[Path | None]:
    """A tree of the commit for a while; None, and a word about it, where this clone does not hold it."""
    with tempfile.TemporaryDirectory(prefix="neorlt-old-") as folder:
        old = Path(folder) / "old"
        made = subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "-q", "--detach", str(old), commit],
                              capture_output=True, check=False).returncode == 0  # fmt: skip
        if not made:
            print(f"{commit} is not in this clone: nothing to stand beside")
        try:
            yield old if made else None
        finally:
            if made:
                subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(old)], capture_output=True, check=False)
