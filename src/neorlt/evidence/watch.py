"""Registry watch: dated versions of a registration, and what changed between them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.importers.ctgov import study_record, version_date
from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.review.versions import store_version

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
        if "outcome" in self.path.lower():
            return "endpoint"
        if any(part in self.path.lower() for part in ("design", "eligibility", "criteria", "arms", "intervention", "enrollment", "phase")):
            return "design"
        return "status" if any(part in self.path.lower() for part in ("statusmodule", "status", "date", "last update")) else "other"

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


def add_version(review: ReviewFolder, study: dict[str, Any], *, dated: str | None = None) -> bool:
    """Store a version of a registration if it differs from every stored one; True when it is new.

    Raises:
        InputError: the registration does not say when it was updated and no date is given.

    """
    record = study_record(study, "registry watch")
    day = dated or version_date(study)
    if day is None:
        raise InputError("the registration does not say when it was updated", remedy="give the date of the version with --dated")
    with review.store.transaction() as sql:
        return store_version(sql, str(record.nct), day, study)


def versions(review: ReviewFolder, nct: str) -> list[tuple[str, dict[str, Any]]]:
    """Stored versions of a registration, oldest first: (date, study)."""
    rows = review.store.connection.execute("SELECT dated, document FROM version WHERE nct = ? ORDER BY dated, fetched, rowid", (nct,))
    return [(str(dated), json.loads(text)) for dated, text in rows]


def _pairs(stored: list[tuple[str, dict[str, Any]]]) -> list[tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]]:
    """Versions beside the one before them of the same shape: a row of a table is not compared with the registry's document."""
    found = []
    for whole in (True, False):
        same = [item for item in stored if ("protocolSection" in item[1]) is whole]
        found += list(zip(same, same[1:], strict=False))
    return sorted(found, key=lambda pair: pair[1][0])


def history(review: ReviewFolder, nct: str) -> dict[str, Any]:
    """Every stored version of a registration with what changed since the one before."""
    stored = versions(review, nct)
    compared = [(old_date, new_date, diff(old, new)) for (old_date, old), (new_date, new) in _pairs(stored)]
    steps = [{"from": old, "to": new, "changes": [change.as_json() for change in changes]} for old, new, changes in compared]
    endpoint = any(change.weight == "endpoint" for _, _, changes in compared for change in changes)
    return {"nct": nct, "versions": [dated for dated, _ in stored], "steps": steps, "endpoint_changed": endpoint}


def watched(review: ReviewFolder) -> list[str]:
    """Registrations with at least one stored version, and those found by a search."""
    stored = {str(row[0]) for row in review.store.connection.execute("SELECT DISTINCT nct FROM version")}
    found = {str(row[0]) for row in review.store.connection.execute("SELECT DISTINCT value FROM naming WHERE kind IN ('nct', 'eudract')")}
    return sorted(stored | found)
