"""The shipped review, claim by claim, and the registrations of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.core.output import write_atomic
from neorlt.evidence import claims as claiming
from neorlt.evidence import watch as watching
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.studies import shipped_review


def claims_command(
    *, number: int | None = None, verdict: str | None = None, text: str | None = None, out: Path | None = None
) -> dict[str, Any]:
    """``neorlt evidence claims``: the founding review, claim by claim; ``out`` takes all of them as CSV."""
    document = claiming.document(number=number, verdict=verdict, text=text)
    if out is not None:
        write_atomic(out, claiming.claims_csv(claiming.shipped_claims()))
    return document | {"file": None if out is None else str(out)}


def trials_command(folder: Path | None = None) -> dict[str, Any]:
    """``neorlt evidence trials``: the registrations that are known, and those of a folder with their dated versions."""
    rows = claiming.registry_rows(shipped_review())
    if folder is None:
        return {"review": shipped_review().name, "trials": rows}
    with ReviewFolder(folder) as review:
        known = {str(row["nct"]): row for row in rows}
        found = []
        for nct in watching.watched(review):
            state = watching.history(review, nct)
            key = review.works().of.get(f"nct:{nct}")
            name = review.require(key).title if key else None
            found.append(
                {
                    "nct": nct,
                    "name": name,
                    **(known.get(nct) or {}),
                    "versions": state["versions"],
                    "endpoint_changed": state["endpoint_changed"],
                }
            )
        return {"review": review.protocol.name, "trials": found or rows}
