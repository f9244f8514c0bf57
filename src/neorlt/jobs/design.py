"""``neorlt design``: sizes and boundaries of a trial, and pictures of what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.core.run import result_folder, write_json
from neorlt.trials.designs.catalogue import KINDS, design_arguments

NOTE = "One-sided levels. Research software: a statistician checks a design before it is used."


def design_command(kind: str, **options: Any) -> dict[str, Any]:
    """Compute a design.

    Parameters
    ----------
    kind
        ``simon``, ``exact``, ``two-arm``, ``group-sequential``, ``survival``, ``predictive`` or ``safety``.
    options
        As :func:`design_options` lists them; ``None`` counts as not given.

    Returns
    -------
    dict
        JSON-able. For ``simon``: ``optimal`` and ``minimax``, each with r1, n1, r, n, en_p0, pet_p0, alpha, power.

    Raises
    ------
    InputError
        For an unknown design or option, a missing one, or values that make no design.
    """
    arguments = design_arguments(kind, **options)
    return {"design": kind, **KINDS[kind](**arguments), "note": NOTE}
def write_pictures(out: Path, document: dict[str, Any], **options: Any) -> list[str]:
    """Write ``design.json``, ``run.json`` and the pictures of a finished design; returns the pictures' names.

    Raises
    ------
    InputError
        If ``out`` holds something that neorlt did not write.
    """
    from neorlt.trials.designs.pictures import design_pictures

    pictures = design_pictures(str(document["design"]), **options)
    with result_folder(out, "design", options={"design": document["design"], **options}) as folder:
        write_json(folder / "design.json", document)
        for name, text in pictures.items():
            (folder / name).write_text(text, encoding="utf-8")
    return sorted(pictures)
