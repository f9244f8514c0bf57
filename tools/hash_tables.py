"""Refresh the SHA-256 of every table in every room's ``data/MANIFEST.json``.

Usage: ``python tools/hash_tables.py [--check]``. A table that is not yet listed is an error: its entry
(made_by, source, licence) is written by hand first.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "src" / "neorlt"


def main() -> int:
    check = "--check" in sys.argv
    status = 0
    for manifest_path in sorted(ROOT.glob("*/data/MANIFEST.json")):
        folder = manifest_path.parent
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p != manifest_path}
        files = {name for name in files if "__pycache__" not in name}
        for name in sorted(files ^ set(manifest)):
            print(f"{manifest_path}: {name} is {'not listed' if name in files else 'listed but missing'}")
            status = 1
        for name in sorted(files & set(manifest)):
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            if manifest[name].get("sha256") != digest:
                print(f"{manifest_path.parent}/{name}: {'stale hash' if check else 'hash refreshed'}")
                status = 1 if check else status
                manifest[name]["sha256"] = digest
        if not check:
            manifest_path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
