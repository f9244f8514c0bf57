"""``neorlt benefit``: who benefits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.progress import stages
from neorlt.core.run import result_folder, write_json
from neorlt.jobs.choice import options_of, own_posterior, told
from neorlt.jobs.nuclides import read_therapy_nuclides


def run_benefit(
    scheme_text: str, out: Path | None = None, *, plan: Path | None = None, n_base: int = 128, n_draws: int = 64, seed: int = 1,
    nuclide_files: Sequence[Path] = (), posterior: Path | None = None,
) -> dict[str, Any]:
    """Look who benefits, in the parameters of a finished ``plan`` where one is given, or of a centre's own ``posterior``.

    Writes ``benefit.json``, ``report.html`` and ``run.json`` where a folder is named.
    """
    from neorlt.planning.benefit import benefit_document, who_benefits
    from neorlt.planning.published import load_scheme
    from neorlt.planning.stored import open_world
    from neorlt.reporting.choice import render_benefit
    from neorlt.response.parameters import draw_parameters

    read_therapy_nuclides(nuclide_files)
    own = own_posterior(posterior)
    stored = None if plan is None else open_world(plan, own)
    seed = seed if stored is None else stored.seed
    parameters = draw_parameters(n_draws, seed, own=own) if stored is None else stored.first(n_draws).parameters
    scheme = load_scheme(scheme_text, None if stored is None else stored.patient)
    with stages(("predicting many patients", 90.0), ("writing the report", 10.0)) as at:
        document = told(benefit_document(who_benefits(scheme, n_base, n_draws, seed, parameters)), parameters.centre)
        at("writing the report")
        if out is not None:
            options = {"scheme": scheme_text, "patients": n_base, "draws": n_draws, **options_of(own)}
            inputs = [path for path in (posterior, *nuclide_files) if path is not None]
            with result_folder(out, "benefit", inputs=inputs, options=options, seed=seed) as work:
                write_json(work / "benefit.json", document)
                (work / "report.html").write_text(render_benefit(document), encoding="utf-8")
    return document
