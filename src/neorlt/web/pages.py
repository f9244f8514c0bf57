"""From a case to what its page shows. Words and numbers are those of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined

from neorlt import __version__
from neorlt.reporting.figures.palette import DARK, LIGHT
from neorlt.reporting.rounding import prose, times
from neorlt.reporting.views import front, regions
from neorlt.reporting.views import schemes as scheme_views
from neorlt.reporting.views.cells import block, maps, texts
from neorlt.web import audit
from neorlt.web.store import Case


class Pages:
    """Templates of the page; those of the report are at hand under ``report/``."""

    def __init__(self) -> None:
        own, report = PackageLoader("neorlt.web", "templates"), PackageLoader("neorlt.reporting", "templates")
        self._environment = Environment(
            loader=ChoiceLoader([own, PrefixLoader({"report": report})]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["label_class"] = front.label_class
        self._environment.globals.update(version=__version__, notice=front.NOTICE, light=LIGHT, dark=DARK)

    def render(self, template: str, **content: Any) -> str:
        """Fill a template."""
        return self._environment.get_template(template).render(**content)

    def case(self, case: Case, volumes: Mapping[str, Path]) -> dict[str, Any]:
        """Content of a finished case's page."""
        plan = case.plan()
        schemes = maps(plan.get("schemes"))
        letters = scheme_views.letters_for(len(schemes))
        columns, rows = scheme_views.opening(schemes, letters)
        answer = block(plan.get("answer"))
        baseline = block(answer.get("resectability_baseline"))
        lesion_rows = maps(plan.get("lesions"))
        return {
            "case": case,
            "synthetic": str(plan["synthetic"]) if plan.get("synthetic") else None,
            "patient_id": str(block(plan.get("patient")).get("id") or "patient"),
            "facts": front.patient_facts(block(plan.get("patient"))),
            "sentences": [prose(text) for text in texts(answer.get("sentences"))],
            "baseline_class": str(baseline.get("class") or ""),
            "baseline_reason": str(baseline.get("reason") or ""),
            "vessels": [regions.vessel_words(vessel) for vessel in maps(baseline.get("vessels"))],
            "columns": columns,
            "rows": rows,
            "timeline": _timeline(schemes, letters),
            "lesions": regions.lesions(lesion_rows),
            "places": lesion_places(case),
            "organs": regions.organs(maps(plan.get("organs")) or regions.kidneys_as_organ(block(plan.get("kidneys")))),
            "has_curves": bool(maps(plan.get("curves"))),
            "has_dvh": bool(maps(plan.get("dvh"))),
            "volumes": sorted(volumes),
            "assumptions": [
                {"text": prose(str(row.get("text", ""))), "label": str(row.get("label") or "assumption")}
                for row in maps(plan.get("assumptions"))
            ],
            "warnings": [prose(text) for text in texts(plan.get("warnings"))],
            "citations": front.citations(maps(plan.get("citations"))),
            "labels": front.label_legend(plan),
            "trail": audit.read(case.trail),
        }

    def beside(self, plan: Mapping[str, Any], predicted: Mapping[str, Any], index: int) -> dict[str, Any]:
        """Content of the slider's answer: the new scheme beside one of the plan."""
        schemes = maps(plan.get("schemes"))
        other = schemes[min(index, len(schemes) - 1)] if schemes else predicted
        letters = ["?", scheme_views.letters_for(len(schemes) or 1)[min(index, max(len(schemes) - 1, 0))]]
        columns, rows = scheme_views.opening([predicted, other], letters)
        from neorlt.web.whatif import DRAWS

        return {"columns": columns, "rows": rows, "text": times(str(predicted.get("text", ""))), "draws": DRAWS}


def lesion_places(case: Case) -> dict[str, list[float]]:
    """Centre of each lesion in millimetres, right-anterior-superior, for the viewer to jump to; empty without images."""
    path = case.folder / "view" / "lesions.json"
    places: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return places


def _timeline(schemes: list[Mapping[str, Any]], letters: list[str]) -> dict[str, Any]:
    """Places of cycles and surgery on a common axis of weeks, as percentages of its length."""
    last = max((float(scheme.get("surgery_week") or 0.0) for scheme in schemes), default=1.0)
    end = max(last, 1.0) * 1.04
    lines = []
    for letter, scheme in zip(letters, schemes, strict=True):
        cycles = [
            (round(100 * float(cycle["week"]) / end, 2), "y" if "Y-90" in block(cycle.get("activity_gbq")) else "lu", float(cycle["week"]))
            for cycle in maps(scheme.get("cycles"))
        ]
        surgery = round(100 * float(scheme.get("surgery_week") or 0.0) / end, 2) if scheme.get("cycles") else None
        words = ", ".join(f"week {week:g}" for _, _, week in cycles) or "no cycle"
        lines.append({"letter": letter, "name": times(str(scheme.get("name", ""))), "cycles": cycles, "surgery": surgery,
                      "words": f"Cycles: {words}. Surgery: week {scheme.get('surgery_week')}."})  # fmt: skip
    step = 8 if end < 90 else 16
    return {"lines": lines, "ticks": [(round(100 * week / end, 2), week) for week in range(0, int(end) + 1, step)]}
