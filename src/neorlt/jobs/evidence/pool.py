"""``neorlt evidence pool``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.core.output import write_atomic
from neorlt.evidence.figures import forest_svg, funnel_svg
from neorlt.evidence.pooling import by_subgroup, leave_one_out, pool, read_counts


def pool_command(csv: Path, method: str = "auto", *, out: Path | None = None) -> dict[str, Any]:
    """``neorlt evidence pool``: pool ``study,events,total``; ``out`` takes the forest (and funnel) plot.

    Keys: ``k``, ``n``, ``events``, ``pooled``, ``ci95``, ``prediction95``, ``tau``, ``method``, ``studies[]``, and more.
    """
    studies = read_counts(csv)
    result = pool(studies, method)
    other = "glmm" if result.method.startswith("bayes") else "bayes"
    second = pool(studies, other)
    document = result.as_json()
    document["second"] = {key: second.as_json()[key] for key in ("method", "pooled", "ci95", "prediction95", "tau", "reason")}
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
