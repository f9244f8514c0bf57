"""``neorlt evidence pool``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic
from neorlt.core.progress import stages
from neorlt.evidence.figures import forest_svg, funnel_svg
from neorlt.evidence.pooling import by_subgroup, holds_ratios, leave_one_out, pool, pool_ratios, read_counts, read_ratios, with_limits


def pool_command(csv: Path, method: str = "auto", *, out: Path | None = None) -> dict[str, Any]:
    """``neorlt evidence pool``: pool ``study,events,total``, or hazard ratios ``study,ratio,low,high``; ``out`` takes the forest plot.

    Keys: ``k``, ``n``, ``events``, ``pooled``, ``ci95``, ``prediction95``, ``tau``, ``method``, ``studies[]``, and more.
    """
    if holds_ratios(csv):
        return _ratios(csv, out)
    studies = read_counts(csv)
    with stages(("pooling", 1.0), ("pooling by another method", 1.0), ("leaving one out", float(len(studies)))) as at:
        result = pool(studies, method)
        other = "glmm" if result.method.startswith("bayes") else "bayes"
        at("pooling by another method")
        second = pool(studies, other)
        document = with_limits(result.as_json(), result)
        document["second"] = {key: second.as_json()[key] for key in ("method", "pooled", "ci95", "prediction95", "tau", "reason")}
        at("leaving one out")
        document["leave_one_out"] = leave_one_out(studies, method)
        document["subgroups"] = by_subgroup(studies, method) if any(study.subgroup for study in studies) else None
    document["files"] = []
    if out is not None:
        write_atomic(Path(out), forest_svg(result, "Pooled rate", second))
        document["files"].append(str(out))
        if result.k >= 10 and result.pooled is not None and 0 < result.pooled < 1:
            funnel = Path(out).with_name(f"{Path(out).stem}-funnel.svg")
            write_atomic(funnel, funnel_svg(result))
            document["files"].append(str(funnel))
    return document


def _ratios(csv: Path, out: Path | None) -> dict[str, Any]:
    """The pool of printed ratios, with the same fixed keys as one of counts."""
    ratios = read_ratios(csv)
    if out is not None:
        raise InputError("a forest plot is drawn of proportions only", where=str(out), remedy="leave --out away for ratios")
    document = pool_ratios(ratios)
    empty: dict[str, Any] = {"n": None, "events": None, "limits": [], "notes": [], "files": []}
    return document | empty | {"method": "bayes-normal", "second": document["likelihood"]}
