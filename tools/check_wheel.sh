#!/usr/bin/env bash
# Build the wheel, install it into a clean environment from the locked requirements, and run it from elsewhere.
set -euo pipefail
unset PYTHONPATH  # the wheel is tried, not the source
python=$1
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m build --quiet --no-isolation --wheel --outdir "$work/dist" "$root"
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --require-hashes -r "$root/requirements.lock"
"$work/venv/bin/python" -m pip install --quiet --no-deps "$work"/dist/neorlt-*.whl
cd "$work"
"$work/venv/bin/neorlt" info --json >"$work/info.json"
"$work/venv/bin/python" - "$work/info.json" <<'PY'
import json, sys
info = json.load(open(sys.argv[1]))
assert info["tables"], "the wheel ships no table"
print(f"wheel: neorlt {info['version']} runs from a clean environment, {len(info['tables'])} tables with good hashes")
PY
"$work/venv/bin/neorlt" predict "$root/examples/pannet-head.toml" --scheme "4 x 7.4 GBq Lu-177 every 8 weeks" --draws 200 --json >/dev/null
echo "wheel: prediction without images runs"
"$work/venv/bin/python" -P "$root/tools/base_doors.py"
