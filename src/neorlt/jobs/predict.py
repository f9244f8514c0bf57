"""``neorlt predict``: the plan without images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run_predict(patient_file: Path, schemes: Sequence[str] = (), *, n_draws: int = 1000, seed: int = 1) -> dict[str, Any]:
    """The plan document of a patient file; ``schemes`` in words, files or published names, the standard ones where none is given.

    Raises
    ------
    InputError
        If the patient or a scheme cannot be read.
    """
    from neorlt.planning.document import plan_document
    from neorlt.planning.patient import read_patient
    from neorlt.planning.published import load_scheme
    from neorlt.planning.scheme import standard_schemes

    known = read_patient(patient_file)
    chosen = tuple(load_scheme(text, known) for text in schemes) if schemes else standard_schemes()
    return plan_document(known, chosen, n_draws=n_draws, seed=seed)
