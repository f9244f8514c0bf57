#!/usr/bin/env bash
# Refresh requirements.lock (base) and requirements-dev.lock (all extras and the tools of development).
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pip-tools
common=(--generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --strip-extras --no-header --quiet)
printf '%s\n' hatchling editables > "$work/build.in"
"$work/venv/bin/pip-compile" "${common[@]}" -o requirements.lock pyproject.toml "$work/build.in"
"$1" - > "$work/dev.in" <<'PY'
import tomllib
for line in tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"]:
    print(line)
PY
"$work/venv/bin/pip-compile" "${common[@]}" --all-extras -c requirements.lock -o requirements-dev.lock pyproject.toml "$work/build.in" "$work/dev.in"
sed -i "s#$work/##; s#/[^ ]*/build.in#build requirements#" requirements.lock requirements-dev.lock
