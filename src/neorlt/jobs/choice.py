"""What the jobs of the choice share: the folder with the document, the plan of its schemes and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json

if TYPE_CHECKING:
    from neorlt.planning.world import World
    from neorlt.response.own import Centre, CentrePosterior


def write_choice(
    out: Path, name: str, document: dict[str, Any], schemes: Sequence[Any], extra: dict[str, Any],
    sentences: Sequence[str], inputs: Sequence[Path], options: dict[str, Any], world: World,
) -> None:
    """Write the document, the plan of its schemes in the same world, that world and the report."""
    from neorlt.planning.document import plan_document
    from neorlt.planning.world_file import WORLD_FILE, save_world
    from neorlt.reporting.report import render_report

    plan = plan_document(world, schemes, warnings=document.get("warnings", ()),
                         command=name, answer=sentences, blocks=extra).as_json()
    with result_folder(out, name, inputs=inputs, options=options, seed=world.seed) as work:
        write_json(work / f"{name}.json", document)
        save_world(world, work / WORLD_FILE)
        write_json(work / "plan.json", plan)
        (work / "report.html").write_text(render_report(plan), encoding="utf-8")


def told(document: dict[str, Any], centre: Centre | None) -> dict[str, Any]:
    """The document with what has to be known of the posterior that its numbers rest on: ``warnings``, and ``posterior`` of a centre."""
    from neorlt.response.parameters import response_warnings

    warnings = [*document.get("warnings", ()), *response_warnings(centre)]
    of_centre = {} if centre is None else {"posterior": centre.as_json()}
    return document | {"warnings": warnings} | of_centre


def options_of(own: CentrePosterior | None) -> dict[str, Any]:
    """What ``run.json`` says of the posterior of a centre; nothing for the shipped one."""
    return {} if own is None else {"posterior": {"name": own.centre.name, "posterior_hash": own.centre.posterior_hash}}


def own_posterior(folder: Path | None) -> CentrePosterior | None:
    """The posterior of ``--posterior``; None where it is left out, without loading anything.

    Raises
    ------
    InputError
        If the folder holds none that this version can use.
    """
    if folder is None:
        return None
    from neorlt.response.own_posterior import read_posterior

    return read_posterior(folder)


def world_of(patient_file: Path | None, plan: Path | None, n_draws: int, seed: int, own: CentrePosterior | None = None) -> World:
    """The world of a finished plan, or that of a patient file; ``own`` is the centre's posterior that it rests on.

    Raises
    ------
    InputError
        If both or neither are given, one cannot be read, or the plan rests on another posterior.
    """
    from neorlt.planning.patient import read_patient
    from neorlt.planning.stored import open_world
    from neorlt.planning.world import build_world

    if (patient_file is None) == (plan is None):
        raise InputError("one patient is needed", expected="patient.toml or --plan DIR", found="both" if plan is not None else "neither",
                         remedy="give the patient file, or the folder of a finished plan")
    if plan is not None:
        return open_world(plan, own)
    assert patient_file is not None
    return build_world(read_patient(patient_file), n_draws=n_draws, seed=seed, own=own)
