"""``neorlt adapt``: the update between cycles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.jobs.choice import write_choice


def run_adapt(
    patient_file: Path, scheme_text: str, given: int, update_file: Path, limit_texts: Sequence[str] = (), out: Path | None = None, *,
    n_proposals: int = 4000, seed: int = 1,
) -> dict[str, Any]:
    """Update, and write ``adapt.json``, ``report.html`` and ``run.json`` where a folder is named; returns the document."""
    from neorlt.planning.adaptive import adapt, adapt_document
    from neorlt.planning.patient import read_patient
    from neorlt.planning.published import load_scheme
    from neorlt.planning.search_space import read_limits
    from neorlt.planning.updates import read_update

    patient = read_patient(patient_file)
    scheme = load_scheme(scheme_text, patient)
    limits, weights, _ = read_limits(limit_texts)
    document = adapt_document(adapt(patient, scheme, given, read_update(update_file, patient), limits, weights,
                                    n_proposals=n_proposals, seed=seed))
    if out is not None:
        options = {"scheme": scheme_text, "after": given, "limits": list(limit_texts), "worlds": n_proposals}
        conclusions = document["changes"][len(document["measured"]) + len(document["rules_applied"]):]
        write_choice(out, "adapt", document, patient, (scheme,), {"update": document}, [*document["rules_applied"], *conclusions],
               [patient_file, update_file], options, 1000, seed)
    return document
