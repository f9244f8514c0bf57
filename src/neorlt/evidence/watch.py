"""Registry watch: dated versions of a registration, and what changed between them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.importers.ctgov import study_record
from neorlt.evidence.loose import mapping
from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.review.store import now

IGNORED = ("derivedSection", "hasResults", "resultsSection.moreInfoModule")
OUTCOME_LISTS = ("primaryOutcomes", "secondaryOutcomes", "otherOutcomes")


@dataclass(frozen=True)
class Change:
    """One change: ``path`` in the record, what it was, what it is; None where it was not there or is gone."""

    path: str
    before: Any
    after: Any

    @property
    def weight(self) -> str:
        """``endpoint``, ``design``, ``status`` or ``other``: what a reader must look at first."""
        if "outcomesModule" in self.path:
            return "endpoint"
        if any(part in self.path for part in ("designModule", "eligibilityModule", "armsInterventionsModule")):
            return "design"
        return "status" if "statusModule" in self.path else "other"

    def as_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {"path": self.path, "before": self.before, "after": self.after, "weight": self.weight}


def diff(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Changes between two versions, endpoints first.

    Outcomes are matched by what they measure, so that an outcome that moves down the list is not a change and one whose
    description changes is one.
    """
    left, right = _flatten(before), _flatten(after)
    changes = [
        Change(path, left.get(path), right.get(path))
        for path in sorted(left.keys() | right.keys())
        if left.get(path) != right.get(path) and not path.startswith(IGNORED)
    ]
    order = {"endpoint": 0, "design": 1, "status": 2, "other": 3}
    return sorted(changes, key=lambda change: (order[change.weight], change.path))


def _flatten(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for key, item in value.items():
            found |= _flatten(item, f"{path}.{key}" if path else key)
        return found
    if isinstance(value, list):
        if path.rsplit(".", 1)[-1] in OUTCOME_LISTS:
            found = {}
            seen: dict[str, int] = {}
            for item in value:
                name = str(item.get("measure", "")) if isinstance(item, dict) else str(item)
                seen[name] = seen.get(name, 0) + 1
                label = name if seen[name] == 1 else f"{name} #{seen[name]}"
                found |= _flatten(item, f"{path}[{label}]")
            return found
        if all(not isinstance(item, dict | list) for item in value):
            return {path: list(value)}
        found = {}
        for index, item in enumerate(value):
            found |= _flatten(item, f"{path}[{index}]")
        return found
    return {path: value}


def version_date(study: dict[str, Any]) -> str:
    """Date of a version: when its last update was submitted, else posted.

    Raises:
        InputError: the record carries no date of its version.

    """
    status = mapping(study, "protocolSection", "statusModule")
    for key in ("lastUpdateSubmitDate", "lastUpdatePostDateStruct"):
        value = status.get(key)
        value = value.get("date") if isinstance(value, dict) else value
        if value:
            return str(value)
    raise InputError("the registration does not say when it was updated", remedy="give the date of the version with --dated")


def add_version(review: ReviewFolder, study: dict[str, Any], *, dated: str | None = None) -> bool:
    """Store a version of a registration if it differs from every stored one; True when it is new."""
    record = study_record(study, "registry watch")
    text = json.dumps(study, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with review.store.transaction() as sql:
        sql.execute(
            "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?, ?)",
            (record.nct, dated or version_date(study), now(), digest, text),
        )
        return bool(sql.rowcount == 1)


def versions(review: ReviewFolder, nct: str) -> list[tuple[str, dict[str, Any]]]:
    """Stored versions of a registration, oldest first: (date, study)."""
    rows = review.store.connection.execute("SELECT dated, document FROM version WHERE nct = ? ORDER BY dated, fetched", (nct,))
    return [(str(dated), json.loads(text)) for dated, text in rows]


def history(review: ReviewFolder, nct: str) -> dict[str, Any]:
    """Every stored version of a registration with what changed since the one before."""
    stored = versions(review, nct)
    steps = []
    for (old_date, old), (new_date, new) in zip(stored, stored[1:], strict=False):
        changes = diff(old, new)
        steps.append({"from": old_date, "to": new_date, "changes": [change.as_json() for change in changes]})
    endpoint = any(change.weight == "endpoint" for (_, old), (_, new) in zip(stored, stored[1:], strict=False) for change in diff(old, new))
    return {"nct": nct, "versions": [dated for dated, _ in stored], "steps": steps, "endpoint_changed": endpoint}


def watched(review: ReviewFolder) -> list[str]:
    """Registrations with at least one stored version, and those found by a search."""
    stored = {str(row[0]) for row in review.store.connection.execute("SELECT DISTINCT nct FROM version")}
    found = {record.nct for record in review.records().values() if record.is_registry and record.nct}
    return sorted(stored | found)
