#!/usr/bin/env bash
# Whether both locks install into an empty environment with the pip of Debian 12 and of Python 3.11: every requirement pinned, hashed,
# resolvable. Nothing is installed (--dry-run): pip resolves and checks the hash of what it would take.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 23.0.1 23.2.1; do
    "$python" -m venv "$work/$version"
    "$work/$version/bin/python" -m pip install --quiet --disable-pip-version-check "pip==$version"
    for lock in requirements.lock requirements-dev.lock; do
        "$work/$version/bin/python" -m pip install --quiet --disable-pip-version-check --dry-run --require-hashes -r "$lock"
        echo "locks: $lock resolves with pip $version, every hash right"
    done
done
