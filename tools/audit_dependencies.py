"""Audit what the project installs: pinned, hashed, consistent, and under a licence that may be used here.

Usage: ``python tools/audit_dependencies.py``. Works without a network: known vulnerabilities need a service that is
asked by ``make audit-online`` (pip-audit), where there is one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", re.MULTILINE)
FREE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|Zlib|Unlicense|0BSD|CC0|LGPL|Lesser General Public|"
    r"Historical Permission|public domain|CNRI|Zope|BSL-1\.0|Boost|MIT-0|EPL|Eclipse|"
    r"Permission is hereby granted, free of charge)\b", re.IGNORECASE)
OWN = {"neorlt"}
# Not named well in their metadata; read in the licence file of the package.
READ_BY_HAND = {
    "certifi": "MPL-2.0", "pyradmc": "Apache-2.0", "matplotlib": "PSF-based (matplotlib licence)", "pillow": "MIT-CMU",
}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def licence_of(found: Distribution) -> str:
    meta = found.metadata
    parts = [meta.get("License-Expression") or "", (meta.get("License") or "")[:400]]
    parts += [line for line in meta.get_all("Classifier") or [] if line.startswith("License ::")]
    return " | ".join(part for part in parts if part)


def read_lock(path: Path) -> tuple[dict[str, str], list[str]]:
    """Versions by name, and what is wrong with the file."""
    text = path.read_text(encoding="utf-8")
    problems = []
    versions = {}
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    for block in blocks:
        pin = PIN.match(block)
        if not pin:
            continue
        versions[normalise(pin.group(1))] = pin.group(2)
        if "--hash=sha256:" not in block:
            problems.append(f"{path.name}: {pin.group(1)} has no hash")
    if not versions:
        problems.append(f"{path.name}: no pinned requirement found")
    return versions, problems


def main() -> int:
    problems = []
    locked: dict[str, str] = {}
    for name in LOCKS:
        versions, wrong = read_lock(ROOT / name)
        problems += wrong
        for package, version in versions.items():
            if locked.setdefault(package, version) != version:
                problems.append(f"{package}: {locked[package]} in {LOCKS[0]}, {version} in {name}")
    installed = {normalise(d.metadata["Name"]): d for d in distributions() if d.metadata["Name"]}
    checked = 0
    for name, found in sorted(installed.items()):
        if name not in locked:
            continue
        checked += 1
        if found.version != locked[name]:
            problems.append(f"{name}: {found.version} is installed, {locked[name]} is locked")
        licence = READ_BY_HAND.get(name) or licence_of(found)
        if not licence or (name not in READ_BY_HAND and not FREE.search(licence)):
            problems.append(f"{name}: licence not recognised ({licence[:80] or 'none given'})")
    clash = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    if clash.returncode:
        problems += [line for line in clash.stdout.splitlines() if line]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(locked)} requirements pinned and hashed; {checked} installed ones compared, licences read: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
