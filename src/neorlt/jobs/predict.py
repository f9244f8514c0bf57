"""``neorlt predict``: the plan without images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.progress import stages
from neorlt.jobs.choice import own_posterior, world_of
from neorlt.jobs.nuclides import read_therapy_nuclides


def run_predict(
    patient_file: Path | None, schemes: Sequence[str] = (), *, plan: Path | None = None, nuclide_files: Sequence[Path] = (),
    n_draws: int = 1000, seed: int = 1, posterior: Path | None = None,
) -> dict[str, Any]:
    """The plan document of a patient file, or of the world of a finished ``plan``.

    ``schemes`` in words, files or published names; the standard ones where none is given. ``nuclide_files`` add nuclides that they may
    give; a plan keeps those that it was made with. ``posterior`` is the folder of a centre's own.

    Raises
    ------
    InputError
        If the patient or a scheme cannot be read.
    """
    from neorlt.planning.document import plan_document
    from neorlt.planning.published import load_schemes
    from neorlt.planning.scheme import standard_schemes

    read_therapy_nuclides(nuclide_files)
    with stages(("reading the patient", 30.0), ("predicting", 70.0)) as at:
        world = world_of(patient_file, plan, n_draws, seed, own_posterior(posterior))
        chosen = load_schemes(schemes, world.patient) if schemes else standard_schemes()
        at("predicting")
        return plan_document(world, chosen).as_json()
