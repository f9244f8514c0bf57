"""A centre's own population of curves: from a table of activities to a small TOML file, and back to priors.

The table has a row a point: ``patient,region,time_h,activity_mbq``, optionally ``sd_mbq`` (5 % where left out), ``nuclide`` (Lu-177)
and ``kind`` (``lesion`` or an organ's name). Curves with three points or more are fitted under the weak prior; the log of each slow
biological half-life spreads by the patients and by its own uncertainty, and the second is taken off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.toml_file import read_toml, refuse_unknown
from neorlt.core.written import read_rows
from neorlt.dosimetry.fit import fit_curves, physical_half_life_h
from neorlt.dosimetry.objects import TimeActivity
from neorlt.dosimetry.population import (
    LEAST_CURVES,
    POPULATION,
    log_biological_half_life,
    population_from_half_lives,
    region_kind,
)
from neorlt.dosimetry.priors import CurvePrior

NEEDED = ("patient", "region", "time_h", "activity_mbq")
OPTIONAL = ("sd_mbq", "nuclide", "kind")
LEAST_POINTS = 3
POINT_CV = 0.05
_KEYS = {"slow_half_life_h", "log_sd", "curves", "source"}


@dataclass(frozen=True)
class KindPopulation:
    """One kind of region: its prior, number of curves, and the curves left out."""

    kind: str
    prior: CurvePrior
    curves: int

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        median, log_sd = self.prior.slow_half_life_h
        effective = 1.0 / (1.0 / median + 1.0 / physical_half_life_h("Lu-177"))
        return {
            "name": self.kind, "curves": self.curves, "biological_half_life_h": median, "log_sd": log_sd,
            "effective_half_life_h_lu177": effective,
        }  # fmt: skip


def read_curves(path: Path) -> dict[str, list[TimeActivity]]:
    """Curves of a table by kind of region; regions that the population does not know are left to the caller under ``""``.

    Raises
    ------
    InputError
        For a file that cannot be read, a column that lacks or is unknown, or a number that is none.
    """
    table = read_rows(path, "the table of curves", needs=NEEDED)
    refuse_unknown(table.columns, (*NEEDED, *OPTIONAL), table.name)
    points: dict[tuple[str, str, str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for row in table:
        try:
            time, activity = row.number("time_h"), row.number("activity_mbq")
            sd = row.number("sd_mbq") if row.text("sd_mbq") else POINT_CV * abs(activity)
        except ValueError as error:
            raise InputError(
                "a point is not a number", found=str(error), where=table.where(row), remedy="write hours and MBq as numbers"
            ) from error
        if not (time >= 0 and activity > 0 and sd > 0 and np.isfinite([time, activity, sd]).all()):
            raise InputError(
                "a point is out of range", expected="hours of 0 or more, MBq above 0", found=f"{time:g} h, {activity:g} MBq",
                where=table.where(row), remedy="correct or remove the row",
            )  # fmt: skip
        stated = row.text("kind").lower()
        is_lesion = any(word in row.text("region").lower() for word in ("lesion", "tumour", "tumor", "met"))
        kind = stated or region_kind(row.text("region"), is_lesion) or ""
        points[row.text("patient"), row.text("region"), kind, row.text("nuclide") or "Lu-177"].append((time, activity, sd))
    found: dict[str, list[TimeActivity]] = defaultdict(list)
    for n, ((_, region, kind, nuclide), several) in enumerate(points.items()):
        hours, mbq, spread = (np.array(part) for part in zip(*sorted(several), strict=True))
        if np.any(np.diff(hours) <= 0):
            raise InputError("a curve has two points at one time", where=f"{table.name}, region {region}", remedy="keep one of them")
        found[kind].append(TimeActivity(f"{region} {n}", nuclide, 1.0, hours, mbq, spread, mbq))
    return dict(found)


def fit_population(curves: Mapping[str, list[TimeActivity]], *, seed: int, n_draws: int = 400) -> tuple[list[KindPopulation], list[str]]:
    """Populations of the kinds that have enough curves, and sentences on what was left out."""
    made, left = [], []
    for kind, several in sorted(curves.items()):
        good = [curve for curve in several if len(curve.time_h) >= LEAST_POINTS]
        if kind not in POPULATION:
            left.append(f"{len(several)} curves of a region that is none of {', '.join(POPULATION)} were left out: state kind.")
            continue
        if len(good) < len(several):
            left.append(f"{kind}: {len(several) - len(good)} curves have fewer than {LEAST_POINTS} points and were left out.")
        if len(good) < LEAST_CURVES:
            left.append(f"{kind}: {len(good)} curves are too few for a population ({LEAST_CURVES} are needed); the shipped one stays.")
            continue
        fits = fit_curves(good, n_draws=n_draws, seed=seed)
        logs = [log_biological_half_life(fit, physical_half_life_h(fit.nuclide)) for fit in fits]
        made.append(KindPopulation(kind, population_from_half_lives(logs, base=POPULATION[kind]), len(good)))
    return made, left


def population_toml(populations: list[KindPopulation], source: str) -> str:
    """The file that :func:`read_population` reads."""
    lines = ["# Slow biological half-lives of a centre's own curves, for neorlt dose --population and neorlt plan --population.", ""]
    for one in populations:
        median, log_sd = one.prior.slow_half_life_h
        lines += [
            f"[{one.kind}]", f"slow_half_life_h = {median:.4g}", f"log_sd = {log_sd:.4g}", f"curves = {one.curves}",
            f'source = "{source}"', "",
        ]  # fmt: skip
    return "\n".join(lines)


def read_population(path: Path) -> dict[str, CurvePrior]:
    """Priors by kind of region from a file of :func:`population_toml`; the shape of uptake and fast washout stays the shipped one.

    Raises
    ------
    InputError
        For an unknown kind or key, or a number out of range.
    """
    document = read_toml(path, "the population file")
    refuse_unknown(document, POPULATION, Path(path).name)
    found = {}
    for kind, row in document.items():
        where = f"{Path(path).name}, [{kind}]"
        if not isinstance(row, dict):
            raise InputError("a population is not a table", where=where, remedy="write it with neorlt kinetics population")
        refuse_unknown(row, _KEYS, where)
        values = [row.get("slow_half_life_h"), row.get("log_sd")]
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and 0 < v < 1e5 for v in values):
            raise InputError(
                "a population lacks its half-life", expected="slow_half_life_h and log_sd above 0", found=str(row), where=where,
                remedy="write it with neorlt kinetics population",
            )  # fmt: skip
        median, log_sd = (float(v) for v in values)  # type: ignore[arg-type]
        source = f"{row.get('curves', '?')} curves of this centre ({row.get('source', Path(path).name)})"
        found[kind] = replace(POPULATION[kind], slow_half_life_h=(median, log_sd), label=Label.MEASURED, source=source)
    return found
