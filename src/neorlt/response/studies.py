"""The published evidence on response: one folder a study, read as frozen terms of a likelihood.

``data/evidence/<study>/`` holds the rows as they were read and ``assumptions.toml``: what the paper does not say, and what kind of
likelihood each row is. A term is marked ``fit`` or ``check``; a check is predicted and never fitted. Adding a study adds a folder.
"""

from __future__ import annotations

import csv
import functools
import io
import re
import tomllib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.response.parameters import ORIGINS, ROOM

WEEKS_PER_MONTH = 365.25 / 12 / 7
FOLDER = "evidence"
KINDS = ("lesions", "counts", "pfs")
ENTRIES = ("unstated", "new", "progressive", "stable")
TREATMENTS = ("rlt", "ssa", "placebo")
EFFECTIVE_SHARE = 0.7
"""Where a curve's interval is not printed: its number at risk, as a share of the arm, that a point of it is worth (assumption)."""


@dataclass(frozen=True)
class Term:
    """One published row with its likelihood: lesions, counts of an arm, or a number of a progression-free curve.

    Doses in Gy, log relative volumes, weeks and months as named; ``origin`` holds shares in the order of
    :data:`neorlt.response.parameters.ORIGINS`.
    """

    study: str
    id: str
    kind: str
    use: str
    treatment: str
    origin: tuple[float, ...]
    ki67_median_pct: float
    ki67_log_sd: float
    cycles: int = 0
    interval_weeks: float = 8.0
    activity_gbq: float = 0.0
    nuclide: str = "Lu-177"
    dose_ratio: float = 1.0
    """Lesion dose per activity over that of 177Lu (wash-out kept, decay exchanged, sphere of 35 mm)."""
    first_line: float = 0.5
    sensitiser: float = 0.0
    reading: str = "local"
    entry: str = "unstated"
    read_week: float | None = None
    """Week at which the row was read; None: the best of the visits."""
    response_ratio: float = 0.7
    counts: tuple[int, ...] = ()
    """(responders, others), or (responders, stable, progression)."""
    statistic: str = ""
    month: float = float("nan")
    """Month of a point of a curve."""
    free: float = 0.5
    """Share free of progression at that month; of a hazard ratio, the ratio."""
    log_se: float = float("nan")
    """Standard error of the logit of ``free`` (of the log of a hazard ratio)."""
    control: str = ""
    dose_gy: NDArray[np.float64] | None = None
    log_volume: NDArray[np.float64] | None = None
    dose_log_sd: float = 0.0
    dose_per_cycle_gy: float | None = None
    sign_known: bool = True
    source: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.use not in ("fit", "check") or self.treatment not in TREATMENTS or self.entry not in ENTRIES:
            raise InputError(f"{self.name}: a word of the term is unknown", expected="kind, use, treatment, entry as documented",
                             found=f"{self.kind}, {self.use}, {self.treatment}, {self.entry}", remedy="correct assumptions.toml")
        if abs(sum(self.origin) - 1) > 0.011:
            raise InputError(f"{self.name}: the shares of origins do not sum to 1", found=str(self.origin),
                             remedy="correct assumptions.toml")

    @property
    def name(self) -> str:
        """Study and row."""
        return f"{self.study}: {self.id}"

    @property
    def n(self) -> int:
        """Lesions or patients (0 for a point of a curve)."""
        return len(self.dose_gy) if self.dose_gy is not None else sum(self.counts)


STATED = ("id", "kind", "use", "ki67_median_pct", "ki67_log_sd", "cycles", "interval_weeks", "activity_gbq", "nuclide", "dose_ratio",
          "first_line", "sensitiser", "reading", "entry", "response_ratio", "statistic", "control", "dose_log_sd")
"""Fields of a term that ``assumptions.toml`` gives by the same name."""


def _number(text: str | None) -> float | None:
    found = re.match(r"\s*-?\d+(\.\d+)?", text or "")
    return float(found[0]) if found else None


def _counts(row: dict[str, str], name: str) -> tuple[int, ...]:
    """Responders, stable and progression where the row has them, else responders and the rest."""
    responders = _number(row["orr_n"])
    n = _number(row["n_evaluable"]) or _number(row["n_treated"])
    stable, progression = _number(row["sd"]), _number(row["pd"])
    if responders is None or n is None:
        raise InputError(f"{name}: the row holds no count", remedy="a percentage without a count is no likelihood: mark the term a check")
    if stable is not None and progression is not None and int(responders + stable + progression) == int(n):
        return int(responders), int(stable), int(progression)
    return int(responders), int(n - responders)


def _curve(row: dict[str, str], statistic: str, n: float) -> dict[str, Any]:
    """Month, share free of progression and its standard error on the logit scale, from a median, a landmark or a hazard ratio."""
    number = {key: _number(value) for key, value in row.items()}
    if statistic == "hazard_ratio":
        ratio, low, high = number["hr_vs_control"], number["hr_ci_low"], number["hr_ci_high"]
        if ratio is None or low is None or high is None:
            raise InputError("a hazard ratio without an interval", found=str(row), remedy="take a curve in its place")
        return {"month": 18.0, "free": ratio, "log_se": float(np.log(high / low) / 3.92)}
    if statistic == "median":
        month, low, high = number["median_months"], number["ci_low"], number["ci_high"]
        if month is None:
            raise InputError("a median that was not reached", found=str(row), remedy="take a landmark in its place")
        if low is not None:
            spread = np.log(high / low) / 3.92 if high is not None else np.log(month / low) / 1.96
            # S falls by ln(2)/2 per unit of log time at the median of an exponential curve; a logit is four times a share there.
            return {"month": month, "free": 0.5, "log_se": max(float(2 * np.log(2) * spread), 2 / np.sqrt(n))}
        return {"month": month, "free": 0.5, "log_se": float(2 / np.sqrt(EFFECTIVE_SHARE * n))}
    month, free = number["landmark_months"], number["landmark_pct"]
    if month is None or free is None:
        raise InputError("a landmark without its month", found=str(row), remedy="take a median in its place")
    p, low, high = free / 100, number["landmark_ci_low"], number["landmark_ci_high"]
    if low is not None and high is not None:
        def logit(x: float) -> float:
            return float(np.log(x / (100 - x)))
        return {"month": month, "free": p, "log_se": (logit(high) - logit(low)) / 3.92}
    return {"month": month, "free": p, "log_se": float(1 / np.sqrt(EFFECTIVE_SHARE * n * p * (1 - p)))}


def _lesions(rows: list[dict[str, str]], figure: str, quantity: str) -> dict[str, Any]:
    """Doses and log relative volumes of one figure; a diameter's change counts three times on the log scale."""
    rows = [row for row in rows if row["figure"] == figure and not row["quality_flag"].startswith("impossible")]
    text = "change_percent_negative_is_shrinkage"
    known = all(row[text] for row in rows)
    # Where the sign is unproved the axis is read as shrinkage; the likelihood holds the other reading too.
    change = np.array([float(row[text]) if known else -float(row["y_as_digitised"]) for row in rows])
    power = 3.0 if quantity == "diameter" else 1.0
    return {"dose_gy": np.array([float(row["dose_gy"]) for row in rows]), "log_volume": power * np.log1p(change / 100)}


def _term(study: str, entry: dict[str, Any]) -> Term:
    rows = list(csv.DictReader(io.StringIO(tables.read_text(ROOM, f"{FOLDER}/{study}/{entry['table']}"))))
    name = f"{study}: {entry['id']}"
    read = entry.get("read", "best")
    plain: dict[str, Any] = {key: entry[key] for key in STATED if key in entry}
    plain |= {"study": study, "treatment": entry.get("treatment", "rlt"),
              "origin": tuple(float(entry["origin"].get(o, 0.0)) for o in ORIGINS),
              "read_week": None if read == "best" else float(read.split()[1])}
    if entry["kind"] == "lesions":
        figure: dict[str, Any] = _lesions(rows, entry["row"], entry["quantity"])
        return Term(**plain, **figure, dose_per_cycle_gy=entry.get("dose_per_cycle_gy"), sign_known=entry["sign"] == "known",
                    source=rows[0]["doi"])
    found = [row for row in rows if row["arm"] == entry["row"] and row["study"] == entry.get("report", row["study"])]
    if len(found) != 1:
        raise InputError(f"{name}: the row is not there once", found=str(len(found)), remedy="name the arm as the table does")
    row = found[0]
    if entry["use"] == "fit" and row["use"] != "fit":
        raise InputError(f"{name}: the row is marked {row['use']} and cannot be fitted", remedy="mark the term a check")
    if entry["kind"] == "counts":
        return Term(**plain, counts=_counts(row, name), source=row["source"])
    return Term(**plain, **_curve(row, entry["statistic"], entry.get("n") or _number(row["n"]) or 1.0), source=row["source"])


@functools.cache
def read_terms() -> tuple[Term, ...]:
    """Every term of every study, in the order of the folders' names."""
    folders = sorted(t.name.split("/")[1] for t in tables.list_tables()
                     if t.room == ROOM and t.name.startswith(f"{FOLDER}/") and t.name.endswith("/assumptions.toml"))
    terms = []
    for study in folders:
        content = tomllib.loads(tables.read_text(ROOM, f"{FOLDER}/{study}/assumptions.toml"))
        terms += [_term(study, entry) for entry in content["term"]]
    return tuple(terms)


def fitted(leave_out: str | None = None) -> tuple[Term, ...]:
    """The terms of the likelihood, one study left out if asked.

    Raises
    ------
    InputError
        If no fitted study has that name.
    """
    terms = tuple(term for term in read_terms() if term.use == "fit")
    names = sorted({term.study for term in terms})
    if leave_out is not None and leave_out not in names:
        raise InputError(f"no fitted study is called {leave_out!r}", expected=", ".join(names), remedy="name one of these")
    return tuple(term for term in terms if term.study != leave_out)


def checks() -> tuple[Term, ...]:
    """The terms that are predicted and never fitted."""
    return tuple(term for term in read_terms() if term.use == "check")


def assumptions(study: str) -> dict[str, Any]:
    """Title and list of assumptions of one study."""
    content = tomllib.loads(tables.read_text(ROOM, f"{FOLDER}/{study}/assumptions.toml"))
    return {"title": content["title"], "assumed": content["assumed"], **({"doi": content["doi"]} if "doi" in content else {})}


def titles() -> dict[str, str]:
    """Title of every study that has a term, fitted or checked."""
    return {study: str(assumptions(study)["title"]) for study in dict.fromkeys(term.study for term in read_terms())}
