"""The page on every key of every file: keys and examples from the templates, ranges from what the validators say of a wrong value."""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.jobs.new import Key, keys, read_back, template
from neorlt.trials.design import ENDPOINTS
from neorlt.trials.rules import QUANTITIES

PAGES = {
    "patient.toml": ("What the images do not hold", "`neorlt predict`, `plan --patient`, `optimise`, `adapt`"),
    "scheme.toml": ("A scheme, cycle by cycle", "`--scheme FILE`; in words: [schemes.md](schemes.md)"),
    "update.toml": ("What was measured since", "`neorlt adapt --updates`"),
    "settings.toml": ("What the study's images do not state, or state wrongly", "read where it lies in the study's folder"),
    "calibration.toml": ("From counts to activity", "read where it lies in the study's folder"),
    "trial.toml": ("A virtual trial", "`neorlt trial`"),
}
_UNIT_IN_NAME = {"_mm": "mm", "_ml": "ml", "_gbq": "GBq", "_mbq": "MBq", "_gy": "Gy", "_pct": "%", "_kg": "kg", "_cm": "cm",
                 "_deg": "degrees", "_weeks": "weeks", "_months": "months", "_ug": "µg", "_per_m2": "GBq/m²"}


def assemble(name: str) -> dict[str, Any]:
    """The template as a document."""
    return tomllib.loads(template(name))


def place(document: dict[str, Any], table: str) -> dict[str, Any]:
    """The table of a document, the first where there are several; made where it is absent."""
    found: Any = document
    for word in filter(None, table.split(".")):
        found = found.setdefault(word, {})
        if isinstance(found, list):
            found = found[0]
    assert isinstance(found, dict)
    return found


def heading(name: str, table: str) -> str:
    """A table as its file has it: ``[baseline]``, or ``[[lesion]]`` where there may be several."""
    document, (*path, last) = assemble(name), table.split(".")
    several = isinstance(place(document, ".".join(path)).get(last), list)
    return f"[[{table}]]" if several else f"[{table}]"


def refusal(name: str, document: dict[str, Any]) -> InputError | None:
    """What the file's reader says of a document."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            read_back(name, to_toml(document), Path(folder))
        except InputError as error:
            return error
    return None


def to_toml(document: dict[str, Any], path: str = "") -> str:
    """Enough TOML for these files."""
    plain = {k: v for k, v in document.items() if not _is_table(v)}
    lines = [f"{_name(k)} = {_value(v)}" for k, v in plain.items()]
    for key, value in document.items():
        if _is_table(value):
            full = f"{path}.{_name(key)}".lstrip(".")
            for row in value if isinstance(value, list) else [value]:
                head = f"[[{full}]]" if isinstance(value, list) else f"[{full}]"
                lines += [head, to_toml(row, full)]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value))


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    return f'"{value}"'.replace("\n", " ") if isinstance(value, str) else str(value)


def known_keys(name: str, table: str) -> set[str]:
    """The keys that the reader knows in a table, as it lists them when it meets another one."""
    document = assemble(name)
    place(document, table)["zzz"] = 1
    if table.startswith("scenario.effects."):
        document["scenario"]["use"].append(table.rpartition(".")[2])
    error = refusal(name, document)
    if error is None or error.expected is None:
        return set()
    return {word.strip() for word in error.expected.split(",")} - {""}


def range_of(name: str, key: Key) -> str:
    """Range and unit, as the reader states them for a value that is far too large, or no number; empty where it states none."""
    if not re.fullmatch(r"-?[\d.]+", key.example):
        return ""
    for wrong in (-1e9, "zzz"):
        document = assemble(name)
        place(document, key.table)[key.name] = wrong
        error = refusal(name, document)
        if error is not None and error.expected is not None and "=" not in error.expected and re.search(r"\d", error.expected):
            return error.expected.removeprefix("a number from ").removeprefix("numbers ")
        if error is not None and "above 0" in error.problem:
            return "above 0"
    return ""


def kind_of(key: Key) -> str:
    """What is written: a number, a text, a list …"""
    example = key.example
    if example in ("true", "false"):
        return "true or false"
    if re.match(r"\d{4}-\d{2}-\d{2}", example):
        return "date and time"
    kinds = {'"': "text", "[": "list", "{": "table"}
    return kinds.get(example[0], "number")


def unit_of(key: Key) -> str:
    """The unit that the name carries."""
    return next((unit for end, unit in _UNIT_IN_NAME.items() if key.name.endswith(end)), "")


def page() -> str:
    """The whole page."""
    lines = ["<!-- Written by tools/make_docs.py: do not edit. -->\n", "# Files that you write\n",
             "`neorlt new patient|scheme|settings|names|trial|review DIR` writes them with comments. A key that is not known is\n"
             "refused by name, a value out of range with its range and unit. *Left out* says what stands in a key's place; where it is\n"
             "empty the value is unknown, and what needs it is not predicted.\n"]
    for name, (title, used) in PAGES.items():
        lines.append(f"## {name}\n\n{title}: {used}.\n")
        for table, rows in _by_table(name):
            if table:
                lines.append(f"### `{heading(name, table)}`\n")
            lines.append("| key | what | range | left out | example |\n| --- | --- | --- | --- | --- |")
            for key in rows:
                what = f"{kind_of(key)}: {key.text}" if key.text else kind_of(key)
                where = range_of(name, key) or unit_of(key)
                lines.append("| " + " | ".join(text.replace("|", "\\|") for text in (
                    f"`{key.name}`", what, where, key.left_out or "", f"`{key.example}`")) + " |")
            lines.append("")
    lines += _trial_lists()
    lines += [_NAMES, _REVIEW, _LIKELIHOODS]
    return "\n".join(lines).rstrip() + "\n"


def _by_table(name: str) -> Iterator[tuple[str, list[Key]]]:
    found: dict[str, list[Key]] = {}
    for key in keys(name):
        found.setdefault(key.table, []).append(key)
    yield from found.items()


def _trial_lists() -> list[str]:
    values = tables.read_json("trials", "scenarios.json")["base"]["values"]
    rows = [f"| `{key}` | {row['value']:g} | {row.get('label', '')} | {row.get('source', '')} |" for key, row in values.items()]
    return ["### Endpoints\n", ", ".join(f"`{name}`" for name in ENDPOINTS) + ".\n", "### Quantities of `eligibility`\n",
            ", ".join(f"`{name}` ({unit})" for name, unit in QUANTITIES.items()) + ".\n",
            "### `[values]`: the shipped base case\n", "| key | value | label | source |\n| --- | --- | --- | --- |", *rows, ""]


_NAMES = """## names.json

What the numbers of a label map mean, for `--regions LABELS.nii.gz --names names.json`: `{"1": "liver", "5": "primary"}`, or the other
way round, `{"liver": 1}`. Names decide what a region is: words such as *lesion*, *tumour*, *primary*, *met* make a lesion, names of organs
an organ, *body* the outline of the patient.
"""

_REVIEW = """## protocol.toml

The protocol of a living review, in its folder: `neorlt new review DIR` writes one. Needed: `name`, `question`, `date_from`, `date_to`
(YYYY-MM-DD), `reviewers` (two or more), `[query]` (source to query), `[rules]` with `include` and `exclude`. May be left out: `language`,
`[form] fields`, `[screening] stop_after_irrelevant` (50).
"""

_LIKELIHOODS = """## A centre's own posterior

`neorlt calibrate --with TABLE.csv --out DIR` reads a row a lesion: `origin` (pancreas, small-intestine, other), `dose_gy` (of all cycles),
`cycles`, `week` of the reading from the first cycle (empty: the best change), `change_diameter_pct` or `change_volume_pct`; `ki67_pct` may
be left out, `activity_gbq` is not read. Rows that agree in everything are told with their lines. DIR holds `posterior.npz` (joint draws by
name), `posterior.json` and `run.json`. In `posterior.json`:
`format` (`neorlt-centre-posterior/1`), `model_version`, `fingerprint` and `descends_from` (hash of the shipped posterior whose draws were
weighed), `posterior_hash`, `name`, `lesions`, `imported`, `n_draws`, `effective_draws`, `pareto_k`, `trusted`, `study_effect`.

`--posterior DIR` on `predict`, `plan`, `decide`, `optimise`, `adapt`, `benefit`, `trial` and `serve` takes these draws in the place of the
shipped ones. Refused is a folder that was changed by hand or damaged, of another version of the model, or that descends from another
posterior than this version ships: make it again. One with too few effective draws (`trusted` false) is used with a warning; `--strict` then
ends with 3, and no number of response is called calibrated. A plan keeps its posterior in `world.npz` and names it in `plan.json`
(`posterior`): `--plan` goes on with it and refuses another one. A trial rests on the posterior that it is given, and `--plan` beside it
must have the same.

## What a centre shares for the response model

Two commands have `--export-likelihood`; their files differ because they hold different things, and `--import-likelihood` says so of the one
that it cannot use.

- `neorlt calibrate --with TABLE.csv --export-likelihood FILE.npz`, from lesions with doses: `log_likelihood`, a number for each draw of one
  posterior, and `posterior`, the hash of that posterior. It belongs to that posterior and is refused by another.
  `neorlt calibrate --import-likelihood` weighs the draws by it. Two files that say the same of every draw (within 0.01), or a table and its
  own export, are the same lesions and are refused; that some lesions stand in two tables is not seen.
- `neorlt cohort TABLE --export-likelihood` (`likelihood.json`, `neorlt-contributions/1`), from patients by WHO grade, five or more each:
  counts of best response, moments, person-time. It belongs to no posterior. No command reads it: such an arm enters the next fit as a
  study (`response/data/evidence/STUDY/`).

One format cannot do for both: a number a draw forgets the data and works at once; counts keep the data and need a fit. Nothing of a single
patient is in either.
"""
