"""Values recomputed from printed counts, beside what the paper printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neorlt.core.proportions import exact_interval, likelihood_interval
from neorlt.evidence.studies import ReviewTable, Study


@dataclass(frozen=True)
class Recomputed:
    """One recomputed value. ``printed`` is the paper's own, ``agrees`` None where nothing is printed."""

    study: str
    what: str
    value: float
    unit: str
    printed: str | None
    agrees: bool | None
    how: str

    def as_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return dict(self.__dict__)


def fisher_p(a: int, a_total: int, b: int, b_total: int) -> float:
    """Two-sided Fisher exact p of ``a/a_total`` against ``b/b_total``."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array([[a, a_total - a], [b, b_total - b]])).pvalue)


def chi_square_p(a: int, a_total: int, b: int, b_total: int) -> float:
    """Chi-square p without continuity correction, to show which test a paper may have used."""
    from scipy.stats import chi2_contingency

    return float(chi2_contingency([[a, a_total - a], [b, b_total - b]], correction=False).pvalue)


def counts_from_percentages(percentages: Sequence[float], totals: Sequence[int]) -> list[int] | None:
    """The only counts that round to the printed whole percentages, or None where there is none or more than one."""
    found = []
    for percentage, total in zip(percentages, totals, strict=True):
        fitting = [count for count in range(total + 1) if round(100 * count / total) == percentage]
        if len(fitting) != 1:
            return None
        found.append(fitting[0])
    return found


def partial_response_counts(study: Study) -> list[int] | None:
    """Responders of Minczeles 2022 by arm, from its percentages and group sizes (26 operated, the rest not)."""
    response = study.fields.get("response") or {}
    by_arm = response.get("pr_pct")
    operated, total = study.fields.get("n_operated"), study.fields.get("n_total")
    if not isinstance(by_arm, dict) or operated is None or total is None or not {"rlt_plus_surgery", "rlt_only"} <= by_arm.keys():
        return None
    return counts_from_percentages([by_arm["rlt_plus_surgery"], by_arm["rlt_only"]], [operated, total - operated])


def recompute(table: ReviewTable) -> list[Recomputed]:
    """Every derived value of the study table, computed here from printed counts."""
    rows: list[Recomputed] = []
    for study in table.studies:
        if study.is_placeholder:
            continue
        rows += _two_arm(study)
        rows += _shares(study)
        rows += _size(study)
    return rows


def _two_arm(study: Study) -> list[Recomputed]:
    rows = []
    surgery = study.fields.get("surgery") or {}
    for outcome in ("pancreatic_fistula", "nodal_metastases"):
        entry = surgery.get(outcome)
        if not isinstance(entry, dict) or entry.get("rlt") is None or entry.get("upfront") is None:
            continue
        (a, n), (b, m) = entry["rlt"], entry["upfront"]
        printed = entry.get("p_printed")
        p, plain = fisher_p(a, n, b, m), chi_square_p(a, n, b, m)
        limit = float(str(printed).lstrip("<= ")) if printed else None
        rows.append(
            Recomputed(
                study.id,
                f"{outcome.replace('_', ' ')} {a}/{n} against {b}/{m}: Fisher p",
                p,
                "p",
                None if printed is None else f"P {printed}",
                None if limit is None else p < limit,
                f"two-sided Fisher exact test; chi-square without correction gives {plain:.3f}",
            )
        )
    if study.id == "minczeles_2022":
        counts = partial_response_counts(study)
        if counts is not None:
            operated, total = study.fields["n_operated"], study.fields["n_total"]
            p = fisher_p(counts[0], operated, counts[1], total - operated)
            printed = study.fields["response"].get("p")
            rows.append(
                Recomputed(
                    study.id,
                    f"partial response {counts[0]}/{operated} against {counts[1]}/{total - operated}: Fisher p",
                    p,
                    "p",
                    f"p {printed}",
                    round(p, 2) == printed,
                    "the only counts that round to the printed percentages",
                )
            )
    return rows


def _shares(study: Study) -> list[Recomputed]:
    rows = []
    total = study.fields.get("n_total")
    pairs: list[tuple[str, int, int]] = []
    if total and total > 1:
        if study.fields.get("n_operated") is not None:
            pairs.append(("operated", study.fields["n_operated"], total))
        if study.fields.get("n_r0") is not None:
            pairs.append(("R0 of all", study.fields["n_r0"], total))
    resectable = ((study.fields.get("vessel_involvement") or {}).get("became_resectable") or {}).get("all")
    if resectable:
        pairs.append(("became resectable", resectable[0], resectable[1]))
    for what, count, of in pairs:
        (low, high), (low_l, high_l) = exact_interval(count, of), likelihood_interval(count, of)
        rows.append(
            Recomputed(
                study.id,
                f"{what} {count}/{of}",
                100 * count / of,
                "%",
                None,
                None,
                f"exact 95 % interval {100 * low:.1f} to {100 * high:.1f} %; by likelihood {100 * low_l:.1f} to {100 * high_l:.1f} %",
            )
        )
    return rows


def _size(study: Study) -> list[Recomputed]:
    size = study.fields.get("primary_size_mm")
    if not isinstance(size, dict) or size.get("before") is None or size.get("after") is None:
        return []
    change = 100 * (size["after"] - size["before"]) / size["before"]
    note = "change of the printed summaries, not the mean of patients' changes"
    return [Recomputed(study.id, f"change of {size.get('stat', 'printed')} size", change, "%", None, None, note)]
