"""``neorlt decide``: the decision with the operation in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neorlt.core.progress import stages
from neorlt.core.run import result_folder, write_json
from neorlt.jobs.choice import options_of, own_posterior, told
from neorlt.jobs.nuclides import read_therapy_nuclides


def run_decide(
    patient_file: Path | None, schemes: Sequence[str] = (), plan: Path | None = None, out: Path | None = None, *,
    criterion: str | None = None, delta_months: float = 0.5, discount: float = 0.03, ask: Sequence[str] = (), n_draws: int = 10_000,
    seed: int = 1, nuclide_files: Sequence[Path] = (), posterior: Path | None = None,
) -> dict[str, Any]:
    """Decide for a patient file, for a finished plan, or for the file's facts in the plan's world.

    Writes ``decide.json``, ``report.html`` and ``run.json`` where a folder is named; returns the document.

    Raises
    ------
    InputError
        If the patient, a scheme or a setting cannot be used, or the plan belongs to another patient or another posterior.
    """
    from neorlt.core.errors import InputError
    from neorlt.planning.decision.decide import CRITERIA, Settings, decide
    from neorlt.planning.decision.document import decision_document
    from neorlt.planning.decision.options import Kind
    from neorlt.planning.document import synthetic_note
    from neorlt.planning.patient import read_patient
    from neorlt.planning.published import load_schemes

    if patient_file is None and plan is None:
        raise InputError("one patient is needed", expected="patient.toml, --plan DIR, or both", found="neither",
                         remedy="give the patient file, or the folder of a finished plan")
    read_therapy_nuclides(nuclide_files)
    own = own_posterior(posterior)
    patient = read_patient(patient_file) if patient_file is not None else planned_patient(plan)
    unknown = [word for word in ask if word not in {str(kind) for kind in Kind}]
    if unknown:
        raise InputError("the option asked for is not known", expected=", ".join(Kind), found=unknown[0], remedy="use one of these")
    settings = Settings(criterion or CRITERIA[0], delta_months, discount, tuple(Kind(word) for word in ask))
    with stages(("comparing the options", 70.0), ("what knowing more is worth", 20.0), ("writing the report", 10.0)) as at:
        found = decide(patient, load_schemes(schemes, patient), settings, n_draws=n_draws, seed=seed,
                       own=own, make_world=None if plan is None else stored_world(plan, patient, own))
        at("what knowing more is worth")
        document = told(decision_document(found), found.inputs.world.parameters.centre)
        if out is None:
            return document
        at("writing the report")
        from neorlt.reporting.decision import render_decision
        from neorlt.trials.value import trial_table

        document["trials"] = trial_table(found)
        options = {"scheme": list(schemes), "criterion": settings.criterion, "delta_months": delta_months, "discount": discount,
                   "ask": list(ask), "draws": n_draws, **options_of(own)}
        inputs = [path for path in (patient_file, posterior, *nuclide_files) if path is not None]
        with result_folder(out, "decide", inputs=inputs, options=options, seed=seed) as work:
            write_json(work / "decide.json", document)
            (work / "report.html").write_text(render_decision(
                document, patient.id, made=datetime.now(UTC).isoformat(timespec="seconds"),
                synthetic=synthetic_note(patient.id)), encoding="utf-8")
    return document


def planned_patient(plan: Path | None) -> Any:
    """The patient of a finished plan."""
    from neorlt.planning.stored import open_plan

    assert plan is not None
    return open_plan(plan).world.patient


def stored_world(plan: Path, patient: Any, own: Any = None) -> Any:
    """A maker that gives the world of a finished plan as it is, whatever the number of draws asked for: doors then agree.

    Raises
    ------
    InputError
        If the plan's lesions are not those of the patient file, or it rests on another posterior than ``own``.
    """
    from dataclasses import replace

    from neorlt.core.errors import InputError
    from neorlt.planning.stored import open_world

    stored = open_world(plan, own)
    mine, theirs = [lesion.id for lesion in patient.lesions], [lesion.id for lesion in stored.patient.lesions]
    if mine != theirs:
        raise InputError("the plan belongs to another patient", expected=", ".join(theirs), found=", ".join(mine), where=str(plan),
                         remedy="give the patient file that the plan was made with")
    world = replace(stored, patient=patient)
    return lambda n_draws: world


def decision_of(world: Any, schemes: Sequence[Any]) -> Any:
    """The decision in a plan's own world with the plan's schemes among its options; None where it cannot be made."""
    from neorlt.planning.decision.assemble import cannot_decide

    if cannot_decide(world.patient) is not None:
        return None
    from neorlt.planning.decision.decide import decide_in

    return decide_in(world, schemes)


def decision_block(found: Any) -> dict[str, Any] | None:
    """What opens a plan's report: the decision, with the trials that would tell; None without one."""
    if found is None:
        return None
    from neorlt.planning.decision.document import decision_document
    from neorlt.trials.value import trial_table

    return decision_document(found) | {"trials": trial_table(found)}
