"""``neorlt optimise``: the search over schemes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.progress import stages
from neorlt.jobs.choice import options_of, own_posterior, told, world_of, write_choice
from neorlt.jobs.nuclides import read_therapy_nuclides


def run_optimise(
    patient_file: Path | None, limit_texts: Sequence[str], out: Path | None = None, *, plan: Path | None = None, n_screen: int = 10_000,
    n_screen_draws: int = 100, n_full: int = 50, n_draws: int = 1000, seed: int = 1, nuclide_files: Sequence[Path] = (),
    posterior: Path | None = None,
) -> dict[str, Any]:
    """Search in the world of a patient file or of a finished ``plan``; returns the document.

    Writes ``optimise.json``, ``plan.json`` with its world, ``report.html`` and ``run.json`` where a folder is named.
    """
    from neorlt.planning.optimise import optimise, optimise_document, shown_schemes
    from neorlt.planning.search import need_pymoo
    from neorlt.planning.search_space import read_limits

    need_pymoo()
    read_therapy_nuclides(nuclide_files)
    own = own_posterior(posterior)
    with stages(("screening", 60.0), ("writing the report", 40.0)) as at:
        world = world_of(patient_file, plan, n_draws, seed, own)
        limits, settings, space = read_limits(limit_texts)
        found = optimise(world, limits, settings, space, n_screen=n_screen, n_screen_draws=n_screen_draws, n_full=n_full)
        document = told(optimise_document(found), world.parameters.centre)
        at("writing the report")
        if out is not None:
            options = {"limits": list(limit_texts), "candidates": n_screen, "screen_draws": n_screen_draws, "best": n_full,
                       "draws": world.n_draws, **options_of(own)}
            # The report's answer is the search's answer; its section then need not repeat it.
            extra = {"search": document | {"answer": {"sentences": []}}}
            inputs = [path for path in (patient_file, plan, posterior, *nuclide_files) if path is not None]
            write_choice(out, "optimise", document, shown_schemes(found), extra, document["answer"]["sentences"], inputs, options, world)
    return document
