#!/usr/bin/env bash
# Refresh requirements.lock (base) and requirements-dev.lock (all extras and the tools of development).
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pip-tools
common=(--generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --no-strip-extras --no-header --quiet)
printf '%s\n' hatchling editables > "$work/build.in"
"$work/venv/bin/pip-compile" "${common[@]}" -o requirements.lock pyproject.toml "$work/build.in"
"$1" - > "$work/dev.in" <<'PY'
import tomllib
for line in tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"]:
    print(line)
PY
# A constraint may not carry extras, a hashed requirement must: pip 23 asks for a pin of "coverage[toml]" as it is written.
sed -E 's/^([A-Za-z0-9._-]+)\[[^]]*\]==/\1==/' requirements.lock > "$work/constraints.txt"
"$work/venv/bin/pip-compile" "${common[@]}" --all-extras -c "$work/constraints.txt" -o requirements-dev.lock pyproject.toml "$work/build.in" "$work/dev.in"
sed -i "s#$work/##; s#/[^ ]*/build.in#build requirements#; s#-c constraints.txt#-c requirements.lock#" requirements.lock requirements-dev.lock
