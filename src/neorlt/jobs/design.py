"""``neorlt design``: sizes and boundaries of a trial, and pictures of what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.clinic.by_chance import READER_SD, grade_document, noise_document
from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json
from neorlt.trials.designs.catalogue import KINDS, design_arguments

VISITS = 4
"""Follow-up visits of the example (assumption: every 12 weeks for about a year)."""
NOTE = "One-sided levels. Research software: a statistician checks a design before it is used."


def design_command(kind: str, **options: Any) -> dict[str, Any]:
    """Compute a design.

    Parameters
    ----------
    kind
        ``simon``, ``exact``, ``two-arm``, ``group-sequential``, ``survival``, ``predictive`` or ``safety``.
    options
        As :func:`design_options` lists them; ``None`` counts as not given. ``visits`` (4) and ``reader_sd_pct`` (7 and 10) set
        the readings for which progression by noise alone is shown.

    Returns
    -------
    dict
        JSON-able. For ``simon``: ``optimal`` and ``minimax``, each with r1, n1, r, n, en_p0, pet_p0, alpha, power.
        ``by_noise_alone`` (not for ``safety``): what an endpoint of progression or of a lower grade counts without any change.

    Raises
    ------
    InputError
        For an unknown design or option, a missing one, or values that make no design.
    """
    visits, reader = _readings(options)
    arguments = design_arguments(kind, **_of_design(options))
    document = {"design": kind, **KINDS[kind](**arguments), "note": NOTE}
    if kind == "safety":
        return document
    return document | {"by_noise_alone": {"progression": noise_document(visits + 1, reader_sds=reader), "lower_grade": grade_document()}}


READING_OPTIONS = ("visits", "reader_sd_pct")


def _of_design(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in READING_OPTIONS}


def _readings(options: dict[str, Any]) -> tuple[int, tuple[float, ...]]:
    """Follow-up visits and readers' relative SDs for which progression by noise alone is shown."""
    visits, percent = options.get("visits", VISITS), options.get("reader_sd_pct")
    if not isinstance(visits, int) or not 1 <= visits <= 60:
        raise InputError("the number of visits is out of range", expected="1 to 60 follow-up visits", found=str(visits),
                         remedy="give --visits as a whole number")
    if percent is not None and not (isinstance(percent, int | float) and 0 < percent <= 50):
        raise InputError("a reader's SD is out of range", expected="above 0, up to 50 %", found=str(percent),
                         remedy="give --reader-sd-pct in per cent of a diameter")
    return visits, READER_SD if percent is None else (percent / 100.0,)


def write_pictures(out: Path, document: dict[str, Any], **options: Any) -> list[str]:
    """Write ``design.json``, ``run.json`` and the pictures of a finished design; returns the pictures' names.

    Raises
    ------
    InputError
        If ``out`` holds something that neorlt did not write.
    """
    from neorlt.trials.designs.pictures import design_pictures

    pictures = design_pictures(str(document["design"]), **_of_design(options))
    with result_folder(out, "design", options={"design": document["design"], **options}) as folder:
        write_json(folder / "design.json", document)
        for name, text in pictures.items():
            (folder / name).write_text(text, encoding="utf-8")
    return sorted(pictures)
