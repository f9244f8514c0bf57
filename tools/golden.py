"""Golden outputs: what version 0.1 answered, and what has changed since, each change by name.

``values.json`` holds for every key the value of 0.1 (``first``, made at commit 7a47d7c before any wall moved), the value accepted
now (``now``), and for sampled values their Monte Carlo standard deviation between seeds. A value that leaves ``now`` by more than
its tolerance fails the test; a ``now`` that differs from ``first`` must be named in CHANGELOG under *Dose changes* or *Prediction
changes*.

    python tools/golden.py make      # once, at the old commit: writes tests/golden/values.json (6 seeds)
    python tools/golden.py check     # the test calls this; prints every key that moved
    python tools/golden.py accept    # writes the values of today as ``now`` and prints lines for CHANGELOG
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "golden"
VALUES = FOLDER / "values.json"
SEEDS = (1, 2, 3, 4, 5, 6)
RELATIVE = 1e-6
SIGMAS = 5.0
"""A sampled value may lie this many Monte Carlo errors from the accepted mean of seeds: one key in a million by chance."""

SCHEME = "4 x 7.4 GBq Lu-177 every 8 weeks"
DUAL = "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks"
SCHEME_KEYS = (
    "p_objective_response", "p_resectable", "p_not_locally_advanced", "p_downgrading",
    "diameter_change_pct.median", "diameter_change_pct.ci90",
    "kidney_bed_gy.median", "kidney_bed_gy.ci90", "kidney_bed_gy.p_over_limit", "platelets_nadir.value_e9_per_l",
    "platelets_nadir.p_grade34", "neutrophils_nadir.p_grade34", "liver_burden_change_pct.median", "lesion_dose_gy.*.median",
)
DESIGNS = {
    "simon-10-30": "simon --p0 0.1 --p1 0.3 --alpha 0.1 --beta 0.1", "simon-20-40": "simon --p0 0.2 --p1 0.4 --alpha 0.05 --beta 0.2",
    "exact-10-30": "exact --p0 0.1 --p1 0.3 --alpha 0.05 --beta 0.2",
}


def call(*arguments: str) -> Any:
    """Run one command in this process and return its JSON document."""
    from neorlt.cli import main

    out, errors = io.StringIO(), io.StringIO()
    command, sys.argv = sys.argv, ["neorlt", *arguments, "--json"]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as stop:
        if stop.code not in (0, None):
            raise RuntimeError(f"{' '.join(arguments)}: status {stop.code}\n{errors.getvalue()}") from None
    finally:
        sys.argv = command
    return json.loads(out.getvalue())


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a document with its path; named items of lists go by their name, others by their number."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            name = inner.get("name", inner.get("id", number)) if isinstance(inner, dict) else number
            yield from leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)


def patients() -> list[Path]:
    """Thirty patient files, drawn once over the ranges of the field (see ``write_patients``)."""
    return sorted((FOLDER / "patients").glob("*.toml"))


def write_patients(n: int = 30) -> None:
    """Draw the patient files: sites, sizes, grades, vessels, own doses, missing laboratory values."""
    rng = np.random.default_rng(20_221_015)
    (FOLDER / "patients").mkdir(parents=True, exist_ok=True)
    for number in range(n):
        head = rng.random() < 0.5
        lines = [f'id = "golden-{number:02d}"', "", "[baseline]", f"age_y = {rng.integers(28, 84)}", f'sex = "{rng.choice(["F", "M"])}"',
                 f"weight_kg = {rng.integers(48, 110)}"]
        if rng.random() < 0.8:
            lines.append(f"egfr_ml_min = {rng.integers(45, 110)}")
        if rng.random() < 0.3:
            lines.append('kidney_risk_factors = ["hypertension"]')
        for name, low, high, missing in (("platelets_e9_per_l", 95, 380, 0.1), ("neutrophils_e9_per_l", 2, 7, 0.2),
                                         ("haemoglobin_g_dl", 10, 15, 0.2)):
            if rng.random() > missing:
                lines.append(f"{name} = {rng.uniform(low, high):.1f}")
        lines += ["", "[[lesion]]", 'id = "primary"', f'site = "{"pancreas-head" if head else "pancreas-tail"}"',
                  f"longest_diameter_mm = {rng.integers(18, 95)}"]
        if rng.random() < 0.9:
            lines.append(f"ki67_pct = {rng.choice([1, 2, 4, 8, 12, 19, 25, 40])}")
        dose = rng.random()
        if dose < 0.25:
            lines.append(f"gy_per_gbq = {rng.uniform(0.8, 12):.2f}")
        elif dose < 0.4:
            lines.append(f"dose_gy = [{rng.uniform(10, 60):.1f}]")
        if rng.random() < 0.75:
            vessels = [f'{{ name = "{name}", contact_deg = {rng.integers(0, 300)}, irregular = {str(rng.random() < 0.3).lower()} }}'
                       for name in (("SMV", "SMA") if head else ("celiac", "SMV"))[: rng.integers(1, 3)]]
            lines.append(f"vessels = [{', '.join(vessels)}]")
        for liver in range(rng.integers(0, 3)):
            lines += ["", "[[lesion]]", f'id = "liver-{liver + 1}"', 'site = "liver"', f"longest_diameter_mm = {rng.integers(10, 60)}"]
        (FOLDER / "patients" / f"{number:02d}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def exact_values() -> dict[str, float]:
    """Values without chance: S-values, kernels, designs, pools, sizes and SUV."""
    found: dict[str, float] = {}
    for nuclide in ("Lu-177", "Y-90", "Ga-68"):
        for row in call("sphere", nuclide, "--mass-g", "0.1,1,10,100")["spheres"]:
            found[f"sphere.{nuclide}.{row['mass_g']:g}.s"] = row["s_mgy_per_mbq_s"]
    for nuclide in ("Lu-177", "Y-90"):
        table = call("kernel", nuclide, "--voxel-mm", "4.8")
        for offset in ("0,0,0", "0,0,1", "0,1,1", "1,1,1"):
            found[f"kernel.{nuclide}.4.8.{offset}"] = table["s_mgy_per_mbq_s"][offset]
    for name, words in DESIGNS.items():
        found |= {f"design.{name}.{path}": value for path, value in leaves(call("design", *words.split()))}
    for series, rows in pools().items():
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "table.csv"
            table.write_text("study,events,total\n" + "".join(f"s{i},{x},{n}\n" for i, (x, n) in enumerate(rows)), encoding="utf-8")
            document = call("evidence", "pool", str(table), "--method", "glmm")
        for key in ("pooled", "tau"):
            if document.get(key) is not None:
                found[f"pool.{series}.glmm.{key}"] = document[key]
    return found


def pools() -> dict[str, list[tuple[int, int]]]:
    """Event tables of several shapes."""
    return {"mixed": [(3, 12), (7, 20), (1, 9), (10, 31), (4, 15)], "high": [(8, 10), (15, 19), (28, 31), (12, 14)],
            "rare": [(0, 10), (1, 25), (0, 18), (2, 40), (1, 12)]}


def example_values(seed: int, name: str, study: Path, out: Path) -> dict[str, float]:
    """Doses of a bundled study by the main command."""
    document = call("dose", str(study), "--out", str(out), "--seed", str(seed))
    found: dict[str, float] = {}
    for region in document["regions"]:
        key = f"dose.{name}.{region['name']}"
        found[f"{key}.dose_gy"] = region["dose_gy"].get("median", region["dose_gy"]["mean"])
        found[f"{key}.dose_gy.sd"] = region["dose_gy"]["sd"]
        found[f"{key}.tia_mbq_h"] = region["tia_mbq_h"].get("median", region["tia_mbq_h"]["mean"])
        found[f"{key}.volume_ml"] = region["volume_ml"]
    return found


def patient_values(seed: int) -> dict[str, float]:
    """Predictions of the thirty patients under one scheme, every third one under two."""
    found: dict[str, float] = {}
    for number, path in enumerate(patients()):
        schemes = (SCHEME, DUAL) if number % 3 == 0 else (SCHEME,)
        for name, scheme in zip(("lu", "dual"), schemes, strict=False):
            document = call("predict", str(path), "--scheme", scheme, "--seed", str(seed))
            for key, value in leaves(document["schemes"][0]):
                if any(fnmatch(key, pattern) or fnmatch(key, pattern + ".*") for pattern in SCHEME_KEYS):
                    found[f"predict.{path.stem}.{name}.{key}"] = value
    return found


def write_studies(folder: Path) -> dict[str, Path]:
    """Both bundled studies."""
    return {name: Path(call("example", name, "--out", str(folder / name))["study"]) for name in ("christie", "pannet-head")}


def sampled_values(seed: int, studies: dict[str, Path], work: Path) -> dict[str, float]:
    """Every value that depends on the seed."""
    found = patient_values(seed)
    for name, study in studies.items():
        found |= example_values(seed, name, study, work / f"{name}-{seed}")
    return found


def make() -> None:
    """Write the golden values of this commit."""
    write_patients()
    exact = exact_values()
    with tempfile.TemporaryDirectory(prefix="neorlt-golden-") as folder:
        studies = write_studies(Path(folder))
        runs = []
        for seed in SEEDS:
            runs.append(sampled_values(seed, studies, Path(folder)))
            print(f"seed {seed}: {len(runs[-1])} values", flush=True)
    rows: dict[str, dict[str, float]] = {key: {"first": value, "now": value} for key, value in exact.items()}
    for key in runs[0]:
        values = np.array([run.get(key, math.nan) for run in runs])
        mean = float(values.mean())
        rows[key] = {"first": mean, "now": mean, "sd": float(values.std(ddof=1))}
    VALUES.write_text(json.dumps({"made_at": "7a47d7c", "values": rows}, indent=0, sort_keys=True) + "\n", encoding="utf-8")


def tolerance(row: dict[str, float]) -> float:
    """How far a value of one seed may lie from the accepted one."""
    exact = RELATIVE * max(abs(row["now"]), 1e-12)
    if "sd" not in row:
        return exact
    return SIGMAS * row["sd"] * math.sqrt(1 + 1 / len(SEEDS)) + exact


def moved(values: dict[str, float], rows: dict[str, dict[str, float]]) -> list[str]:
    """Sentences on every key whose value left what was accepted, or that is gone; keys not looked at are not in ``values``."""
    found = []
    for key, value in values.items():
        row = rows.get(key)
        if row is None:
            continue
        if not abs(value - row["now"]) <= tolerance(row):
            found.append(f"{key}: {row['now']:.6g} -> {value:.6g} (tolerance {tolerance(row):.2g})")
    return found


def named_changes(text: str | None = None) -> list[str]:
    """Patterns of keys that CHANGELOG names under *Dose changes* and *Prediction changes* (in backticks at a line's start)."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8") if text is None else text
    patterns: list[str] = []
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE):
        if section.lower().startswith(("dose changes", "prediction changes")):
            patterns += re.findall(r"^- `([^`]+)`", section, flags=re.MULTILINE)
    return patterns


def unnamed(rows: dict[str, dict[str, float]], patterns: list[str]) -> list[str]:
    """Keys whose accepted value differs from 0.1 by more than their tolerance and that no line of CHANGELOG names."""
    return [key for key, row in rows.items()
            if abs(row["now"] - row["first"]) > tolerance(row | {"now": row["first"]}) and not any(fnmatch(key, p) for p in patterns)]


def today() -> dict[str, float]:
    """All values of this commit, at the first seed."""
    found = exact_values()
    with tempfile.TemporaryDirectory(prefix="neorlt-golden-") as folder:
        studies = write_studies(Path(folder))
        return found | sampled_values(SEEDS[0], studies, Path(folder))


def accept() -> None:
    """Take the values of today; print one line a group of keys for CHANGELOG."""
    stored = json.loads(VALUES.read_text(encoding="utf-8"))
    rows = stored["values"]
    found = today()
    for key, value in found.items():
        row = rows.get(key)
        if row is not None and abs(value - row["now"]) > tolerance(row):
            print(f"- `{key}`: {row['first']:.4g} -> {value:.4g}.")
            row["now"] = value
    for key in [key for key in rows if key not in found]:
        print(f"gone: {key}")
    VALUES.write_text(json.dumps(stored, indent=0, sort_keys=True) + "\n", encoding="utf-8")


def check() -> int:
    """Print every key that moved; status 1 if any did."""
    rows = json.loads(VALUES.read_text(encoding="utf-8"))["values"]
    found = today()
    lines = moved(found, rows) + [f"gone: {key}" for key in rows if key not in found]
    print("\n".join(lines) or "nothing moved")
    return int(bool(lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif sys.argv[1:] == ["accept"]:
        accept()
    elif sys.argv[1:] == ["check"]:
        sys.exit(check())
    else:
        sys.exit("usage: golden.py make | check | accept")
