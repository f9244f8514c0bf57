"""Ask outside readers what they make of neorlt's files, and write ``docs/who-reads-what.md`` and the table behind README.txt.

``make compat``, or ``python tools/compat/run.py [--only READER]... [--keep FOLDER]``. The readers' pinned packages go into a folder of the
user's cache (``NEORLT_COMPAT_ENV`` names another), Debian's are installed where they are missing. A reader that cannot be installed is an
error: no cell is guessed. With ``--only`` nothing is written but what was seen.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLE = ROOT / "src" / "neorlt" / "core" / "data" / "outside_readers.json"
PAGE = ROOT / "docs" / "who-reads-what.md"
WRITERS = (
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src/neorlt/dicom").glob("write_*.py")),
    *(f"src/neorlt/{name}.py" for name in (
        "dicom/writing", "dicom/export", "dicom/codes", "dicom/sr_items", "dicom/contours", "imaging/nifti",
        "dosimetry/gate_export", "reporting/fhir", "evidence/review/writing", "evidence/review/exchange")),
)  # fmt: skip
ASPECTS = ("value", "place", "unit")
RIGHT, WRONG, REFUSED, NOT_TOLD, NOTHING = "right", "wrong", "refused", "not told", "–"
UNITS = {
    "parametric map": {"Gy"}, "rtdose": {"Gy", "GY"}, "nifti": {"Gy"}, "view": {"Gy"}, "gate": {"MBq*h/ml"}, "nm": {"Bq/ml", "BQML"},
    "pet": {"Bq/ml", "BQML"},
}  # fmt: skip
SCALE = {"parametric map": 1.0, "rtdose": 1.0, "nifti": 1.0, "view": 1.0, "gate": 1.0, "nm": 1e6, "pet": 1e3}
"""Value of a hot voxel over the truth's 50 and 20."""
Cell = dict[str, str]


def writers_stamp() -> str:
    """SHA-256 of the writers' code without its comments and documentation."""
    digest = hashlib.sha256()
    for name in WRITERS:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                node.body = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


def settings() -> tuple[dict[str, Any], dict[str, Any]]:
    """``readers.toml`` and ``kinds.toml``."""
    readers, kinds = (tomllib.loads((HERE / name).read_text(encoding="utf-8")) for name in ("readers.toml", "kinds.toml"))
    return readers, kinds


def install(readers: dict[str, Any], cache: Path) -> None:
    """Make what is missing: one environment a set of packages, named by its content."""
    for name, env in readers["env"].items():
        wanted = env["packages"]
        folder = cache / name
        stamp = folder / ".packages"
        if name == "debian":
            subprocess.run([ROOT / "tools" / "install_system_packages.sh", _listed(cache, wanted)], check=True)
            continue
        if stamp.is_file() and json.loads(stamp.read_text()) == wanted:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if name == "node":
            (folder / "package.json").write_text('{"private": true}\n')
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *wanted], cwd=folder, check=True)
        else:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *wanted], check=True)
        stamp.write_text(json.dumps(wanted))


def _listed(cache: Path, packages: list[str]) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / "debian-packages.txt"
    path.write_text("\n".join(packages) + "\n")
    return path


def version(reader: dict[str, Any], cache: Path) -> str:
    """The version that is really there."""
    if "debian" in reader:
        words = ["dpkg-query", "-W", "-f=${Version}", reader["debian"]]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    if reader["env"] == "node":
        return str(json.loads((cache / "node" / "node_modules" / reader["package"] / "package.json").read_text())["version"])
    words = [str(cache / reader["env"] / "bin" / "python"), "-c", "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"]
    return subprocess.run([*words, reader["package"]], capture_output=True, text=True, check=True).stdout.strip()


def ask(reader: dict[str, Any], cache: Path, *words: str) -> Any:
    """Run a reader's script and return the JSON of its last line; a program that ends without one refused."""
    script = HERE / "readers" / reader["script"]
    program = {".py": [cache / reader["env"] / "bin" / "python"], ".mjs": ["node"], ".R": ["Rscript"]}[script.suffix]
    environment = os.environ | reader.get("environment", {}) | {"NEORLT_NODE": str(cache / "node"), "PYTHONPATH": "", "LC_ALL": "C.UTF-8"}
    # readers may leave caches of their own where they run
    with tempfile.TemporaryDirectory() as where:
        done = subprocess.run([*program, script, *words], capture_output=True, text=True, env=environment, timeout=600, errors="replace",
                              cwd=where)  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError):
        print(done.stderr[-2000:], file=sys.stderr)
        return {"refused": f"ended with status {done.returncode} and no answer"}


def answers(reader: dict[str, Any], cache: Path, objects: Path) -> dict[str, Any]:
    """All that a reader is asked: in one process, or one a kind where that ends without an answer."""
    if reader["script"].endswith(".py"):
        found = ask(reader, cache, str(objects), "--all")
        if "refused" not in found:
            return dict(found)
    return {kind: ask(reader, cache, str(objects), kind) for kind in ask(reader, cache, "--kinds")}


def near(found: float, true: float, part: float) -> bool:
    return abs(found - true) <= part * abs(true)


def apart(found: Any, true: Any) -> float:
    return float("inf") if found is None else max(abs(float(a) - float(b)) for a, b in zip(found, true, strict=True))


def judge(kind: str, answer: dict[str, Any], truth: dict[str, Any], objects: Path) -> Cell:
    """Compare what a reader found with what was put in."""
    if "refused" in answer:
        said = str(answer["refused"]).replace(f"{objects}/", "").replace("|", "/")
        return {"value": REFUSED, "place": NOTHING, "unit": NOTHING, "seen": said}
    if "errors" in answer:
        if answer["errors"]:
            return {"value": REFUSED, "place": NOTHING, "unit": NOTHING, "seen": "; ".join(answer["errors"])[:160]}
        return {"value": RIGHT, "place": NOTHING, "unit": NOTHING, "seen": "no error"}
    if kind in SCALE:
        return _image(kind, answer, truth)
    if "regions" in answer:
        return _regions(answer["regions"], truth)
    if "numbers" in answer:
        return _numbers(answer["numbers"], truth)
    if kind == "asreview csv":
        return _screened(answer, objects)
    if "records" in answer:
        true = [[row[0], row[1], row[2], row[3], row[4]] for row in truth["records"].values()]
        bad = [(a, b) for a, b in zip(answer["records"], true, strict=False) if a != b]
        right = not bad and len(answer["records"]) == len(true)
        seen = f"{len(answer['records'])} of {len(true)} records" + (f"; {bad[0][0]} for {bad[0][1]}" if bad else "")
        return {"value": RIGHT if right else WRONG, "place": NOTHING, "unit": NOTHING, "seen": seen}
    right = answer["events"] == truth["events"] and answer["patients"] == truth["patients"] and apart(
        [answer["pooled"], *answer["ci95"]], [truth["pooled"], *truth["ci95"]]) < 1e-5  # fmt: skip
    seen = (f"{answer['events']} of {answer['patients']}; logit, REML, z: {answer['pooled']:.5f} "
            f"({answer['ci95'][0]:.5f} to {answer['ci95'][1]:.5f})")  # fmt: skip
    return {"value": RIGHT if right else WRONG, "place": NOTHING, "unit": NOTHING, "seen": seen}


def _image(kind: str, answer: dict[str, Any], truth: dict[str, Any]) -> Cell:
    scale = SCALE[kind]
    value = near(answer["peak"], truth["peak"] * scale, 2e-4) and near(answer["spot"], truth["spot"] * scale, 1e-3)
    off = max(apart(answer["peak_mm"], truth["peak_mm"]), apart(answer["spot_mm"], truth["spot_mm"]))
    unit = answer.get("unit")
    shown = ", ".join(f"{v:g}" for v in answer["peak_mm"])
    return {
        "value": RIGHT if value else WRONG, "place": RIGHT if off < 0.1 else WRONG,
        "unit": NOT_TOLD if not unit else RIGHT if unit in UNITS[kind] else WRONG,
        "seen": f"{answer['peak']:g} {unit or ''}".strip() + f" at ({shown}) mm",
    }  # fmt: skip


def _regions(found: dict[str, Any], truth: dict[str, Any]) -> Cell:
    volumes, centres = truth["volume_ml"], truth["centre_mm"]
    if set(found) == {"all"}:
        total = sum(volumes.values())
        middle = [sum(volumes[name] * centres[name][axis] for name in volumes) / total for axis in range(3)]
        volumes, centres = {"all": total}, {"all": middle}
    value = set(found) == set(volumes) and "all" not in found and all(
        near(found[name]["volume_ml"], true, 0.02) for name, true in volumes.items())  # fmt: skip
    place = set(found) == set(centres) and all(apart(found[name]["centre_mm"], true) < 0.5 for name, true in centres.items())
    parts = []
    for name, one in found.items():
        middle = "nowhere" if one["centre_mm"] is None else "(" + ", ".join(f"{v:.4g}" for v in one["centre_mm"]) + ") mm"
        parts.append(f"{'one stack' if name == 'all' else name} {one['volume_ml']:.3g} ml at {middle}")
    return {"value": RIGHT if value else WRONG, "place": RIGHT if place else WRONG, "unit": NOTHING, "seen": "; ".join(parts)}


def _numbers(found: dict[str, Any], truth: dict[str, Any]) -> Cell:
    true = {
        "volume": (truth["volume_ml"]["primary"], "ml"), "dose": (truth["dose_gy"]["primary"], "Gy"),
        "injected": (truth["injected_mbq"], "MBq"), "platelets": (truth["platelets"], "10*9/L"),
        "lesion": (truth["lesion_mm"], "mm"),
    }  # fmt: skip
    value = bool(found) and all(one is not None and near(one[0], true[key][0], 1e-3) for key, one in found.items())
    unit = bool(found) and all(one is not None and one[1] == true[key][1] for key, one in found.items())
    seen = "; ".join(f"{key} {one[0]:g} {one[1]}" if one else f"{key} not found" for key, one in found.items())
    return {"value": RIGHT if value else WRONG, "place": NOTHING, "unit": RIGHT if unit else WRONG, "seen": seen or "nothing"}


def _screened(answer: dict[str, Any], objects: Path) -> Cell:
    """Import what ASReview gave back: of four records the second was changed there, the last two were decided there."""
    from neorlt.evidence.review import ReviewFolder
    from neorlt.evidence.review.exchange import import_decisions

    with tempfile.TemporaryDirectory() as work:
        copy = Path(work, "review")
        shutil.copytree(objects / "review", copy)
        with ReviewFolder(copy) as review:
            import_decisions(review, answer["csv"].encode(), who="second", where="ASReview's export")
            verdicts = review.verdicts("title")
            mine = {key: by["second"] for key, by in verdicts.items() if "second" in by}
    true = dict(zip(list(answer["labels"])[1:], ("include", "include", "exclude"), strict=True))
    seen = ", ".join(f"{key} {word}" for key, word in sorted(mine.items()))
    unchanged = answer["included_column"]
    kept = [key for key, label in answer["labels"].items() if (unchanged[key] or "")[:1] != label]
    seen += f" taken from asreview_label; the column `included` says otherwise or nothing for {len(kept)} of them"
    return {"value": RIGHT if mine == true else WRONG, "place": NOTHING, "unit": NOTHING, "seen": seen}


def sentences(kinds: dict[str, Any], cells: list[dict[str, str]]) -> tuple[list[dict[str, Any]], list[str]]:
    """What is said beside each kind of file, and the cells that nobody speaks of."""
    spoken: dict[tuple[str, str], list[str]] = {}
    open_cells = []
    for cell in cells:
        for aspect in ASPECTS:
            verdict = cell[aspect]
            if verdict not in (WRONG, REFUSED):
                continue
            wanted = "refused" if verdict == REFUSED else aspect
            rule = next((one for one in kinds["warning"] if one["kind"] in ("*", cell["kind"]) and one["aspect"] == wanted
                         and cell["reader"] in one.get("readers", [cell["reader"]])), None)  # fmt: skip
            if rule is None:
                open_cells.append(f"{cell['kind']}, {cell['reader']}: {wanted}")
                continue
            named = spoken.setdefault((cell["kind"], rule["text"]), [])
            if cell["reader"] not in named:
                named.append(cell["reader"])
    return [{"kind": kind, "readers": readers, "text": text} for (kind, text), readers in spoken.items()], open_cells


def page(table: dict[str, Any]) -> str:
    """The table as a page."""
    kinds = [row["kind"] for row in table["kinds"]]
    by = {(cell["kind"], cell["reader"]): cell for cell in table["cells"]}
    lines = [
        "<!-- Written by make compat: do not edit. -->\n", "# Who reads what\n",
        "What other programs make of the files that neorlt writes, measured by running them (`make compat`) on an invented patient "
        "who looks different along every axis: three different spacings, matrices that are not square, a dose of 50 Gy in one corner and "
        "of 20 Gy in the opposite one, two regions of which one has a gap. *Right* means: 50 and 20 to 0.1 %, both points to 0.1 mm; a "
        "region's volume to 2 % and its middle to 0.5 mm; a report's numbers to 0.1 % with their units. A cell is empty where the reader "
        "is not made for "
        f"that kind of file. Run on {table['date']}, writers {table['writers_sha256'][:12]}.\n",
        "What is not right here is said in the `README.txt` of every folder that holds such a file.\n",
    ]  # fmt: skip
    lines.append("| reader | version | " + " | ".join(kinds) + " |\n|" + " --- |" * (len(kinds) + 2))
    for reader in table["readers"]:
        row = [_short(by.get((kind, reader["name"]))) for kind in kinds]
        lines.append(f"| {reader['name']} | {reader['version']} | " + " | ".join(row) + " |")
    lines.append("")
    for row in table["kinds"]:
        cells = [cell for cell in table["cells"] if cell["kind"] == row["kind"]]
        lines.append(f"## {row['kind'][:1].upper()}{row['kind'][1:]}\n\n{row['title'][:1].upper()}{row['title'][1:]}: "
                     + ", ".join(f"`{name}`" for name in row["files"]) + ".\n")  # fmt: skip
        lines.append("| reader | value | place | unit | what it gave |\n| --- | --- | --- | --- | --- |")
        lines += [f"| {c['reader']} | {_strong(c['value'])} | {_strong(c['place'])} | {c['unit']} | {c['seen']} |" for c in cells]
        lines.append("")
        for said in table["warnings"]:
            if said["kind"] == row["kind"]:
                lines.append(f"- {', '.join(said['readers'])}: {said['text']}.")
        if row.get("always"):
            lines.append(f"- {row['always']}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _short(cell: dict[str, str] | None) -> str:
    if cell is None:
        return ""
    if cell["value"] == REFUSED:
        return REFUSED
    wrong = [aspect for aspect in ASPECTS if cell[aspect] == WRONG]
    return "**" + ", ".join(wrong) + " wrong**" if wrong else RIGHT


def _strong(word: str) -> str:
    return f"**{word}**" if word in (WRONG, REFUSED) else word


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--keep", type=Path, help="folder for objects and answers: what is there is not asked again")
    options = parser.parse_args()
    readers, kinds = settings()
    cache = Path(os.environ.get("NEORLT_COMPAT_ENV") or Path.home() / ".cache" / "neorlt-compat").absolute()
    install(readers, cache)
    with tempfile.TemporaryDirectory() as work:
        objects = (options.keep or Path(work, "objects")).resolve()
        if not objects.exists():
            subprocess.run([sys.executable, HERE / "make_objects.py", objects], check=True)
        truth = json.loads((objects / "truth.json").read_text(encoding="utf-8"))
        cells, who = [], []
        for reader in readers["reader"]:
            if options.only and reader["name"] not in options.only:
                continue
            who.append({"name": reader["name"], "version": version(reader, cache)})
            kept = objects / "answers" / f"{reader['name']}.json"
            if not kept.is_file():
                kept.parent.mkdir(exist_ok=True)
                kept.write_text(json.dumps(answers(reader, cache, objects)), encoding="utf-8")
            for kind, answer in json.loads(kept.read_text(encoding="utf-8")).items():
                cell = judge(kind, answer, truth, objects)
                cells.append({"kind": kind, "reader": reader["name"], **cell})
                print(*cells[-1].values(), sep=" | ", flush=True)
    said, open_cells = sentences(kinds, cells)
    for line in open_cells:
        print(f"no sentence in kinds.toml: {line}", file=sys.stderr)
    if options.only or open_cells:
        return 1 if open_cells else 0
    table = {
        "date": date.today().isoformat(), "writers_sha256": writers_stamp(), "readers": who,
        "kinds": [{"kind": row["name"], **{key: row[key] for key in ("title", "files", "always") if key in row}} for row in kinds["kind"]],
        "warnings": said, "cells": cells,
    }  # fmt: skip
    TABLE.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(table), encoding="utf-8")
    return subprocess.run([sys.executable, ROOT / "tools" / "hash_tables.py"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
