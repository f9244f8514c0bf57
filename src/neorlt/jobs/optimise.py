"""``neorlt optimise``: the search over schemes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.jobs.choice import write_choice


def run_optimise(
    patient_file: Path, limit_texts: Sequence[str], out: Path | None = None, *, n_screen: int = 10_000, n_screen_draws: int = 100,
    n_full: int = 50, n_draws: int = 1000, seed: int = 1,
) -> dict[str, Any]:
    """Search, and write ``optimise.json``, ``report.html`` and ``run.json`` where a folder is named; returns the document."""
    from neorlt.planning.optimise import optimise, optimise_document, shown_schemes
    from neorlt.planning.patient import read_patient
    from neorlt.planning.search_space import read_limits

    patient = read_patient(patient_file)
    limits, weights, space = read_limits(limit_texts)
    found = optimise(patient, limits, weights, space, n_screen=n_screen, n_screen_draws=n_screen_draws, n_full=n_full, n_draws=n_draws,
                     seed=seed)
    document = optimise_document(found)
    if out is not None:
        options = {"limits": list(limit_texts), "candidates": n_screen, "screen_draws": n_screen_draws, "best": n_full, "draws": n_draws}
        # The report's answer is the search's answer; its section then need not repeat it.
        extra = {"search": document | {"answer": {"sentences": []}}}
        write_choice(out, "optimise", document, patient, shown_schemes(found), extra, document["answer"]["sentences"], [patient_file],
                     options, n_draws, seed)
    return document
