# Sourced by every finding: a temporary folder, the pinned packages in it, and the verdict.
#   . "$(dirname "$0")/_start.sh" PACKAGE==VERSION ...     Python packages; words before `--npm` are Python's, after it npm's
# `check` runs a Python program from standard input that sets `holds`; `check_js` one for node that sets `holds`.
# FINDINGS_PACKAGES=FOLDER keeps the installed packages there, for later runs with the same ones.
# FLIP=1 turns the expectation, so that the script must fail. Status 0: as stated; 1: not as expected, said in the last line;
# 2: nothing was seen, since a package could not be installed or the program ended with an error.
set -euo pipefail
name=$(basename "$0" .sh)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python_packages=() npm_packages=() target=python_packages
for word in "$@"; do
    if [ "$word" = --npm ]; then target=npm_packages; continue; fi
    if [ "$target" = python_packages ]; then python_packages+=("$word"); else npm_packages+=("$word"); fi
done
nothing_seen() {
    cat "$folder/errors" >&2
    echo "$name: nothing was seen: $1" >&2
    exit 2
}
packages=$folder/packages
if [ -n "${FINDINGS_PACKAGES:-}" ]; then packages=$FINDINGS_PACKAGES/$(printf '%s\n' "$@" | cksum | tr ' ' -); fi
if [ ! -e "$packages/whole" ]; then
    rm -rf "$packages"
    mkdir -p "$packages"
    if [ ${#python_packages[@]} -gt 0 ]; then
        { python3 -m venv "$packages/venv" && "$packages/venv/bin/python" -m pip install --quiet --no-compile \
            --disable-pip-version-check "${python_packages[@]}"; } >"$folder/errors" 2>&1 ||
            nothing_seen "a Python package could not be installed"
    fi
    if [ ${#npm_packages[@]} -gt 0 ]; then
        (cd "$packages" && npm init -y && npm install --no-audit --no-fund "${npm_packages[@]}") >"$folder/errors" 2>&1 ||
            nothing_seen "a package of npm could not be installed"
    fi
    touch "$packages/whole"
fi
printf '%s\n' "$name: ${python_packages[*]:-} ${npm_packages[*]:-}"
check() {
    { echo 'import warnings; warnings.simplefilter("ignore")'; cat
      echo 'with open("holds", "w") as told: told.write("yes" if holds else "no")'; } >"$folder/check.py"
    (cd "$folder" && "$packages/venv/bin/python" check.py 2>errors) || nothing_seen "the program ended with an error"
    verdict
}
check_js() {
    { cat; echo 'require("fs").writeFileSync("holds", holds ? "yes" : "no");'; } >"$folder/check.js"
    (cd "$folder" && NODE_PATH="$packages/node_modules" node check.js 2>errors) || nothing_seen "the program ended with an error"
    verdict
}
verdict() {
    local expected=yes found
    found=$(cat "$folder/holds")
    if [ "${FLIP:-}" = 1 ]; then expected=no; fi
    if [ "$found" = "$expected" ]; then return 0; fi
    if [ "$expected" = no ]; then
        echo "$name: FLIP=1 turns the expectation, and the behaviour was seen as stated: this run fails, as it must" >&2
    else
        echo "$name: the behaviour is not as stated any more" >&2
    fi
    exit 1
}
