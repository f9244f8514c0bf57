"""The jobs of the choice: search, update between cycles, who benefits; each may write a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.manifest import build_manifest, to_json
from neorlt.core.output import atomic_folder

SYNTHETIC = "Synthetic patient: invented clinical values."


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
        _write(out, "optimise", document, patient, shown_schemes(found), extra, document["answer"]["sentences"], [patient_file], options,
               n_draws, seed)
    return document


def run_adapt(
    patient_file: Path, scheme_text: str, given: int, update_file: Path, limit_texts: Sequence[str] = (), out: Path | None = None, *,
    n_proposals: int = 4000, seed: int = 1,
) -> dict[str, Any]:
    """Update, and write ``adapt.json``, ``report.html`` and ``run.json`` where a folder is named; returns the document."""
    from neorlt.planning.adaptive import adapt, adapt_document
    from neorlt.planning.patient import read_patient
    from neorlt.planning.scheme import load_scheme
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
        _write(out, "adapt", document, patient, (scheme,), {"update": document}, [*document["rules_applied"], *conclusions],
               [patient_file, update_file], options, 1000, seed)
    return document


def run_benefit(scheme_text: str, out: Path | None = None, *, n_base: int = 256, n_draws: int = 64, seed: int = 1) -> dict[str, Any]:
    """Look who benefits, and write ``benefit.json``, ``report.html`` and ``run.json`` where a folder is named."""
    from neorlt.planning.benefit import benefit_document, who_benefits
    from neorlt.planning.scheme import load_scheme
    from neorlt.reporting.choice import render_benefit

    document = benefit_document(who_benefits(load_scheme(scheme_text), n_base, n_draws, seed))
    if out is not None:
        with atomic_folder(out) as work:
            (work / "benefit.json").write_text(to_json(document), encoding="utf-8")
            (work / "report.html").write_text(render_benefit(document), encoding="utf-8")
            options = {"scheme": scheme_text, "patients": n_base, "draws": n_draws}
            (work / "run.json").write_text(to_json(build_manifest("benefit", options=options, seed=seed)), encoding="utf-8")
    return document


def _write(
    out: Path, name: str, document: dict[str, Any], patient: Any, schemes: Sequence[Any], extra: dict[str, Any],
    sentences: Sequence[str], inputs: Sequence[Path], options: dict[str, Any], n_draws: int, seed: int,
) -> None:
    from neorlt.planning.document import plan_document
    from neorlt.reporting.report import render_report

    synthetic = SYNTHETIC if "synthetic" in patient.id.lower() else None
    plan = plan_document(patient, schemes, synthetic=synthetic, n_draws=n_draws, seed=seed) | extra
    plan["answer"] = plan["answer"] | {"sentences": list(sentences)}
    plan["warnings"] = list(dict.fromkeys([*plan["warnings"], *document.get("warnings", ())]))
    plan["run"] = {"command": name, "seed": seed, "n_draws": n_draws}
    with atomic_folder(out) as work:
        (work / f"{name}.json").write_text(to_json(document), encoding="utf-8")
        (work / "plan.json").write_text(to_json(plan), encoding="utf-8")
        (work / "report.html").write_text(render_report(plan), encoding="utf-8")
        (work / "run.json").write_text(to_json(build_manifest(name, inputs=inputs, options=options, seed=seed)), encoding="utf-8")
