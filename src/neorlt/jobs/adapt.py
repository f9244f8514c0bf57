"""``neorlt adapt``: the update between cycles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.progress import stages
from neorlt.jobs.choice import options_of, own_posterior, told, world_of, write_choice
from neorlt.jobs.nuclides import read_therapy_nuclides


def run_adapt(
    patient_file: Path | None, scheme_text: str, given: int, update_file: Path, limit_texts: Sequence[str] = (),
    out: Path | None = None, *, plan: Path | None = None, n_proposals: int = 1000, seed: int = 1,
    nuclide_files: Sequence[Path] = (), posterior: Path | None = None,
) -> dict[str, Any]:
    """Update, and write ``adapt.json``, ``report.html`` and ``run.json`` where a folder is named; returns the document."""
    from neorlt.planning.adaptive import adapt, adapt_document
    from neorlt.planning.published import load_scheme
    from neorlt.planning.search_space import read_limits
    from neorlt.planning.updates import read_update

    read_therapy_nuclides(nuclide_files)
    own = own_posterior(posterior)
    with stages(("updating", 70.0), ("writing the report", 30.0)) as at:
        world = world_of(patient_file, plan, n_proposals, seed, own)
        scheme = load_scheme(scheme_text, world.patient)
        limits, settings, _ = read_limits(limit_texts)
        adapted = adapt(world, scheme, given, read_update(update_file, world.patient), limits, settings)
        document = told(adapt_document(adapted), world.parameters.centre)
        at("writing the report")
        if out is not None:
            options = {"scheme": scheme_text, "after": given, "limits": list(limit_texts), "worlds": world.n_draws,
                       **options_of(own)}
            inputs = [path for path in (patient_file, plan, update_file, posterior, *nuclide_files) if path is not None]
            # What was measured stands in a table of the report, and its answer is the update's.
            write_choice(out, "adapt", document, (adapted.scheme,), {"update": document | {"changes": []}},
                         document["answer"]["sentences"], inputs, options, world)
    return document
