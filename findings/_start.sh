# Sourced by every finding: a temporary folder, the pinned packages in it, and the verdict.
#   . "$(dirname "$0")/_start.sh" PACKAGE==VERSION ...     Python packages; words before `--npm` are Python's, after it npm's
# `check` runs a Python program from standard input that sets `holds`; `check_js` one for node that sets `holds`.
# FLIP=1 turns the expectation, so that the script must fail.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python_packages=() npm_packages=() target=python_packages
for word in "$@"; do
    if [ "$word" = --npm ]; then target=npm_packages; continue; fi
    if [ "$target" = python_packages ]; then python_packages+=("$word"); else npm_packages+=("$word"); fi
done
if [ ${#python_packages[@]} -gt 0 ]; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${python_packages[@]}" 2>"$folder/pip.log" ||
        { cat "$folder/pip.log" >&2; exit 2; }
fi
if [ ${#npm_packages[@]} -gt 0 ]; then
    (cd "$folder" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund "${npm_packages[@]}" >/dev/null)
fi
printf '%s\n' "$(basename "$0" .sh): ${python_packages[*]:-} ${npm_packages[*]:-}"
check() {
    { echo 'import warnings; warnings.simplefilter("ignore")'; cat
      echo 'import os, sys; sys.exit(0 if bool(holds) != (os.environ.get("FLIP") == "1") else 1)'; } >"$folder/check.py"
    (cd "$folder" && venv/bin/python check.py 2>"$folder/errors" || { status=$?; cat "$folder/errors" >&2; exit $status; })
}
check_js() {
    { cat; echo 'process.exit(Boolean(holds) !== (process.env.FLIP === "1") ? 0 : 1)'; } >"$folder/check.js"
    (cd "$folder" && node check.js)
}
