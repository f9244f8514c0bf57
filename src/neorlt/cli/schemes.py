"""How a finished plan is spoken: its answer, a table of schemes, its warnings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neorlt.cli.console import say, say_posterior, sentences, show, table, warn
from neorlt.core.errors import ValidityError


def finish(document: Mapping[str, Any], as_json: bool, strict: bool, report: Path | None = None) -> None:
    """Print a plan or a prediction.

    Raises
    ------
    ValidityError
        If ``strict`` and a result lies outside a stated validity window; the document is printed first.
    """
    warn(*document["warnings"])
    show(document, as_json, lambda d: _for_people(d, report))
    if strict and document["outside_validity"]:
        raise ValidityError("outside a stated validity window: " + " ".join(document["outside_validity"]))


def _for_people(document: Mapping[str, Any], report: Path | None) -> None:
    sentences(*document["answer"]["sentences"])
    say_posterior(document)
    table(["scheme", "response", "resectable", "diameter", "BED Gy", "over", "G3-4"],
          [_row(scheme) for scheme in document["schemes"]])
    limits = sorted({scheme["kidney_bed_gy"]["limit_gy"] for scheme in document["schemes"] if scheme["kidney_bed_gy"] is not None})
    sentences("In %, with 90 % interval: chance of an objective response, of being resectable; change of the diameter. Kidney BED, and the "
              f"chance that it passes {' or '.join(f'{limit:g}' for limit in limits)} Gy; chance of platelets of grade 3 or 4. A dash: an "
              "input is missing.")
    say("", *(f"Limited by: {scheme['name']}: {scheme['limited_by']}" for scheme in document["schemes"] if scheme["limited_by"]))
    sentences(document["notice"])
    if report is not None:
        say(f"Report: {report}")


def _row(scheme: Mapping[str, Any]) -> list[str]:
    """An endpoint whose input is missing is a dash; the document says why."""
    kidney, change, nadir = scheme["kidney_bed_gy"], scheme["diameter_change_pct"], scheme["platelets_nadir"]
    return [
        scheme["name"],
        _percent(scheme, "p_objective_response"),
        _percent(scheme, "p_resectable"),
        "-" if change is None else f"{change['median']:+z.0f} ({change['ci90'][0]:+z.0f}, {change['ci90'][1]:+z.0f})",
        "-" if kidney is None else f"{kidney['median']:.1f}",
        "-" if kidney is None else f"{100 * kidney['p_over_limit']:.0f}",
        "-" if nadir is None else f"{100 * nadir['p_grade34']:.0f}",
    ]


def _percent(scheme: Mapping[str, Any], key: str) -> str:
    value, interval = scheme[key], scheme.get(f"{key}_ci90")
    if value is None:
        return "-"
    if interval is None:
        return f"{100 * value:.0f}"
    return f"{100 * value:.0f} ({100 * interval[0]:.0f}-{100 * interval[1]:.0f})"
