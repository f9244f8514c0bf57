"""Which field of the dictionary a column of a table means, by the words of its header and the kind of its cells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from neorlt.cohorts import words
from neorlt.cohorts.cells import date_parts
from neorlt.cohorts.dictionary import FOLLOW_UPS, QLQ_VISITS, TOXICITY, VESSELS, Field, spec_for
from neorlt.cohorts.grid import Grid
from neorlt.cohorts.mapping import OPEN
from neorlt.cohorts.notation import filled


def _tokens(header: str) -> list[str]:
    text = words.plain(header.replace("_", " ").replace("#", " "))
    text = re.sub(r"\b(fu|tc|ct|scan|visit|visita|tp|qlq|controllo|cycle|instance)(\d+)\b", r"\1 \2", text)
    return text.split()


def find_targets(grid: Grid) -> tuple[dict[str, str], dict[str, str]]:
    """Target of each column (``?`` where it must be asked), and why."""
    candidates: dict[str, tuple[float, str, str]] = {}
    for name in grid.header:
        if spec_for(name) is not None:
            candidates[name] = (100.0, name, "the dictionary's own name")
            continue
        for label in (name, grid.labels.get(name, "")):
            found = _match(label) if label else None
            if found is not None and (name not in candidates or found[0] > candidates[name][0]):
                candidates[name] = (found[0], found[1], f"by the words {found[2]!r}")
    targets: dict[str, str] = {}
    reasons: dict[str, str] = {}
    taken: dict[str, tuple[float, str]] = {}
    for name, (score, target, why) in sorted(candidates.items(), key=lambda item: -item[1][0]):
        if target == OPEN:
            targets[name], reasons[name] = OPEN, why
            continue
        spec = spec_for(target)
        if spec is None or not _fits(grid, name, spec):
            what = "dates" if spec is not None and spec.kind == "date" else "such values"
            reasons[name] = f"named like {target}, but its cells are no {what}: not used"
            continue
        if target in taken:
            reasons[name] = f"named like {target}, which {taken[target][1]!r} gives: not used"
            continue
        taken[target] = (score, name)
        targets[name], reasons[name] = target, why
    both = {t for t in targets.values()}
    for name, target in list(targets.items()):
        if target == "ki67_before_pct" and "ki67_after_pct" not in both and not (
            set(_tokens(f"{name} {grid.labels.get(name, '')}")) & (words.BEFORE | words.AFTER)
        ):
            targets[name] = OPEN
            reasons[name] = "Ki-67 before treatment (ki67_before_pct) or of the resected tumour (ki67_after_pct)?"
    return targets, reasons


def _match(label: str) -> tuple[float, str, str] | None:
    tokens = _tokens(label)
    held = set(tokens)
    number = next((int(token) for token in tokens if token.isdigit() and len(token) <= 2), None)
    before, after = bool(held & words.BEFORE), bool(held & words.AFTER)
    vessel = _vessel(tokens, before, after)
    if vessel is not None:
        return vessel
    if re.fullmatch(r"(tox|ctcae|ae) .*", " ".join(tokens)) and ("grade" in held or "grado" in held or tokens[0] in ("tox", "ae")):
        kind = "_".join(t for t in tokens[1:] if t not in ("grade", "grado", "ctcae", "max", "worst"))
        if kind and TOXICITY.fullmatch(f"tox_{kind}_grade"):
            return 5.0, f"tox_{kind}_grade", label
    item = re.fullmatch(r"(?:qlq )?(?:c30 )?(?:v|t|visit |fu )?(\d+)? ?q(\d+)", " ".join(tokens))
    if item and "qlq" in held:
        return 5.0, f"qlq{item.group(1) or 0}_q{int(item.group(2))}", label
    best: tuple[float, str, str] | None = None
    for target, phrases in words.COLUMNS.items():
        for phrase in phrases:
            parts = phrase.split()
            if not set(parts) <= held:
                continue
            exact = " ".join(tokens) == phrase
            aside = {*parts, *words.NOISE, *words.BEFORE, *words.AFTER}
            rest = [t for t in tokens if t not in aside and not t.isdigit()]
            score = len(parts) * 2.0 + sum(map(len, parts)) * 0.05 + (3.0 if exact else 0.0) - 0.8 * len(rest)
            if len(parts) == 1 and len(parts[0]) <= 3 and rest:
                score -= 2.0
            if score > 0.5 and (best is None or score > best[0]):
                best = (score, target, phrase)
    if best is None:
        return None
    score, target, phrase = best
    if target in words.HAS_AFTER and after and not before:
        target = words.HAS_AFTER[target]
    if target == "sum_before_mm" and number:
        target = f"fu{number}_sum_mm"
    if target.startswith("fu_"):
        if not number:
            return None
        target = f"fu{number}_{target[3:]}" if number <= FOLLOW_UPS else ""
    if target.startswith("qlq_"):
        target = f"qlq{number or 0}_date" if (number or 0) <= QLQ_VISITS else ""
    return (score, target, phrase) if target else None


def _vessel(tokens: Sequence[str], before: bool, after: bool) -> tuple[float, str, str] | None:
    held = set(tokens)
    contact = bool(held & {"deg", "gradi", "grad", "contatto", "contact", "encasement", "degrees", "angle", "kontakt"})
    if before == after or not (contact or len(tokens) <= 3):
        return None
    for vessel in VESSELS:
        for phrase in words.VESSEL_WORDS[vessel]:
            if set(phrase.split()) <= held:
                return 6.0, f"{vessel}_{'before' if before else 'after'}_deg", phrase
    return None


def _fits(grid: Grid, name: str, spec: Field) -> bool:
    """Whether most cells are of the kind of the target."""
    cells = filled(grid, name)[:2000]
    if not cells:
        return True
    if spec.kind == "date":
        good = sum(date_parts(cell) is not None or bool(re.fullmatch(r"\d{5}", cell)) for cell in cells)
    elif spec.kind in ("number", "integer"):
        good = sum(bool(re.search(r"\d", cell)) and date_parts(cell) is None for cell in cells)
    elif spec.kind in ("flag", "choice"):
        good = len(cells) if len(set(cells)) <= max(12, len(spec.choices) + 6) and not all(date_parts(cell) for cell in cells) else 0
    else:
        return True
    return good >= 0.6 * len(cells)
