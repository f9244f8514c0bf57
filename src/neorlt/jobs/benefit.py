"""``neorlt benefit``: who benefits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.core.run import result_folder, write_json


def run_benefit(scheme_text: str, out: Path | None = None, *, n_base: int = 256, n_draws: int = 64, seed: int = 1) -> dict[str, Any]:
    """Look who benefits, and write ``benefit.json``, ``report.html`` and ``run.json`` where a folder is named."""
    from neorlt.planning.benefit import benefit_document, who_benefits
    from neorlt.planning.published import load_scheme
    from neorlt.reporting.choice import render_benefit

    document = benefit_document(who_benefits(load_scheme(scheme_text), n_base, n_draws, seed))
    if out is not None:
        options = {"scheme": scheme_text, "patients": n_base, "draws": n_draws}
        with result_folder(out, "benefit", options=options, seed=seed) as work:
            write_json(work / "benefit.json", document)
            (work / "report.html").write_text(render_benefit(document), encoding="utf-8")
    return document
