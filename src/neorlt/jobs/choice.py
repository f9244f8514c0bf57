"""What the jobs of the choice share: the folder with the document, the plan of its schemes and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.run import result_folder, write_json

SYNTHETIC = "Synthetic patient: invented clinical values."


def write_choice(
    out: Path, name: str, document: dict[str, Any], patient: Any, schemes: Sequence[Any], extra: dict[str, Any],
    sentences: Sequence[str], inputs: Sequence[Path], options: dict[str, Any], n_draws: int, seed: int,
) -> None:
    """Write the document, the plan of its schemes and the report."""
    from neorlt.planning.document import plan_document
    from neorlt.reporting.report import render_report

    synthetic = SYNTHETIC if "synthetic" in patient.id.lower() else None
    plan = plan_document(patient, schemes, synthetic=synthetic, n_draws=n_draws, seed=seed) | extra
    plan["answer"] = plan["answer"] | {"sentences": list(sentences)}
    plan["warnings"] = list(dict.fromkeys([*plan["warnings"], *document.get("warnings", ())]))
    plan["run"] = {"command": name, "seed": seed, "n_draws": n_draws}
    with result_folder(out, name, inputs=inputs, options=options, seed=seed) as work:
        write_json(work / f"{name}.json", document)
        write_json(work / "plan.json", plan)
        (work / "report.html").write_text(render_report(plan), encoding="utf-8")
