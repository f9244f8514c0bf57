"""From a case to what its page shows. Words and numbers are those of the report."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader, PrefixLoader
from markupsafe import Markup

from neorlt import __version__
from neorlt.core.notice import NOTICE
from neorlt.drawing.elements import strip
from neorlt.drawing.svg import with_page_colours
from neorlt.jobs.registry import Place, action, actions
from neorlt.nuclides.therapy import therapy_nuclide, therapy_nuclides
from neorlt.planning.decision.choice import Verdict
from neorlt.reporting.drawn import INDEX, PICTURES
from neorlt.reporting.environment import house_environment
from neorlt.reporting.figures.contact import contact_degrees
from neorlt.reporting.rounding import given, is_number, times
from neorlt.reporting.views import front, regions
from neorlt.reporting.views import schemes as scheme_views
from neorlt.reporting.views.cells import block, maps, texts
from neorlt.reporting.views.contact import contact_rows, contact_section, degrees, predicted
from neorlt.reporting.views.decision import decision_opening
from neorlt.reporting.views.warnings import plan_warnings
from neorlt.web import audit
from neorlt.web.store import Case

_VOLUME_NAME = re.compile(r"[a-z]+(-\d+)?")


class Pages:
    """Templates of the page; those of the report are at hand under ``report/``."""

    def __init__(self, *, has_review: bool = False) -> None:
        own, report = PackageLoader("neorlt.web", "templates"), PackageLoader("neorlt.reporting", "templates")
        self._environment = house_environment(ChoiceLoader([own, PrefixLoader({"report": report})]))
        self._environment.globals.update(version=__version__, notice=NOTICE, has_review=has_review,
                                         action=action, actions=actions, Place=Place)

    def render(self, template: str, **content: Any) -> str:
        """Fill a template."""
        return self._environment.get_template(template).render(**content)

    def case(self, case: Case) -> dict[str, Any]:
        """Content of a finished case's page."""
        plan = case.plan()
        schemes = maps(plan.get("schemes"))
        letters = scheme_views.letters_for(len(schemes))
        columns, rows = scheme_views.opening(schemes, letters)
        answer = block(plan.get("answer"))
        baseline = block(answer.get("resectability_baseline"))
        patient_id = str(block(plan.get("patient")).get("id") or "patient")
        made = front.moment(plan.get("generated"))
        lesion_rows = maps(plan.get("lesions"))
        view = view_of(case)
        vessels = contact_rows(plan)
        return {
            "choose_scheme": True,
            "panes_shown": bool(view["volumes"]),
            "contact": contact_section(plan),
            "contact_pictures": {
                one["vessel"]: {**one, "uri": f"/cases/{case.name}/pictures/{one['name']}.png"}
                for one in pictures_of(case) if one["vessel"]
            },
            "contact_figures": {
                str(row.get("vessel")): None if (drawn := contact_degrees(row, schemes, letters, f"contact-{i}")) is None
                else Markup(with_page_colours(drawn))
                for i, row in enumerate(vessels)
            },
            **panes(view),
            "case": case,
            "synthetic": str(plan["synthetic"]) if plan.get("synthetic") else None,
            "patient_id": patient_id,
            "running": front.running(f"{case.title} · {patient_id}" if case.title != patient_id else patient_id, made),
            "facts": [("Patient", patient_id), *front.patient_facts(block(plan.get("patient"))), *([("Report of", made)] if made else []),
                      *([("neorlt", str(plan["neorlt"]))] if plan.get("neorlt") else [])],
            "posterior": front.centre_sentence(plan),
            "sentences": [times(text) for text in texts(answer.get("sentences"))],
            "baseline_class": str(baseline.get("class") or ""),
            "baseline_reason": str(baseline.get("reason") or ""),
            "vessels": [regions.vessel_words(vessel) for vessel in maps(baseline.get("vessels"))],
            "columns": columns,
            "rows": rows,
            "timeline": timeline(schemes, letters, view["events"]),
            "lesions": regions.lesions(lesion_rows),
            "organs": regions.organs(maps(plan.get("organs")) or regions.kidneys_as_organ(block(plan.get("kidneys")))),
            "has_curves": bool(maps(plan.get("curves"))),
            "has_dvh": bool(maps(plan.get("dvh"))),
            "nuclides": usual_activities(plan),
            "second_nuclide": scheme_views.second_nuclide(schemes),
            "has_world": (case.result / "world.npz").is_file(),
            "draws": plan.get("n_draws") or 1000,
            "assumptions": [
                {"text": times(str(row.get("text", ""))), "label": str(row.get("label") or "assumption")}
                for row in maps(plan.get("assumptions"))
            ],
            "warnings": plan_warnings(plan),
            "n_warnings": len(texts(plan.get("warnings"))),
            "decision": decision_opening(plan),
            "citations": front.citations(maps(plan.get("citations"))),
            "labels": front.label_legend(plan),
            "trail": audit.against(audit.read(case.trail), case.shown_hashes()),
        }

    def beside(self, plan: Mapping[str, Any], found: Mapping[str, Any], index: int) -> dict[str, Any]:
        """Content of the slider's answer: the new scheme beside one of the plan, predicted in the same draws."""
        letters, schemes = ["?"], [found["predicted"]]
        if found["other"] is not None:
            schemes.append(found["other"])
            letters.append(scheme_views.letters_for(index + 1)[index])
        columns, rows = scheme_views.opening(schemes, letters)
        return {
            "columns": columns,
            "rows": rows,
            "text": times(str(found["predicted"].get("text", ""))),
            "draws": plan.get("n_draws") or 1000,
            "contact": contact_beside(plan, schemes, letters),
            "verdict": verdict(found["paired"], letters[-1]),
            "lines": json.dumps([line for scheme in schemes if (line := _line(scheme))]),
        }


def other_scheme(plan: Mapping[str, Any], index: int) -> Mapping[str, Any] | None:
    """The scheme of the plan with this number, or None."""
    schemes = maps(plan.get("schemes"))
    return schemes[index] if index < len(schemes) else None


def contact_beside(plan: Mapping[str, Any], schemes: Sequence[Mapping[str, Any]], letters: Sequence[str]) -> list[tuple[str, str]]:
    """Each vessel of the patient file with its contact now and after the schemes, in words."""
    lines = []
    for row in contact_rows(plan):
        vessel = str(row.get("vessel"))
        after = [(letter, degrees(predicted(scheme, vessel))) for letter, scheme in zip(letters, schemes, strict=True)]
        if is_number(row.get("stated_deg")) and any(text for _, text in after):
            words = [f"after {'this' if letter == '?' else letter} {text}" for letter, text in after if text]
            lines.append((vessel, f"now {given(row['stated_deg'])}°, {', '.join(words)}"))
    return lines


def verdict(paired: Mapping[str, Any] | None, letter: str) -> str | None:
    """One sentence on two schemes by the decision's rule: tied, told apart, or why neither is said."""
    if paired is None:
        return None
    if "why" in paired:
        return f"This scheme and {letter} are not compared: {paired['why']}."
    low, high = (float(end) for end in paired["ci90"])
    gain = float(paired["mean"])
    first = str(paired["first"]).replace("Beside", letter)
    stands = f" Of all options, first: {first}."
    if low == high == 0.0:
        return f"This scheme and {letter} do the same in every draw.{stands}"
    numbers = [f"{value:+z.1f}".replace("-", "\u2212") for value in (gain, low, high)]
    shift = "{} quality-adjusted months, 90 % interval {} to {}".format(*numbers)
    if paired["verdict"] == Verdict.TIED:
        return f"This scheme and {letter} are tied ({shift}).{stands}"
    if paired["verdict"] == Verdict.NOT_RESOLVED:
        return f"This scheme and {letter} are neither told apart nor tied: the simulation does not say ({shift}).{stands}"
    return f"This scheme {'gains' if gain > 0 else 'loses'} against {letter} ({shift}).{stands}"


def _line(scheme: Mapping[str, Any]) -> dict[str, Any] | None:
    course = block(scheme.get("trajectory"))
    diameter = block(course.get("diameter_mm"))
    if not course.get("week") or not diameter:
        return None
    # What grows beyond every number is not drawn.
    kept = [i for i in range(len(course["week"])) if all(math.isfinite(diameter[key][i]) for key in ("median", "low", "high"))]
    kept = [i for i in kept if course["week"][i] <= float(scheme.get("surgery_week") or 0.0) + 4.0]
    return {
        "name": str(scheme.get("name", "")),
        "week": [course["week"][i] for i in kept],
        **{key: [round(diameter[key][i], 2) for i in kept] for key in ("median", "low", "high")},
    }


def view_of(case: Case) -> dict[str, Any]:
    """What the viewer has: ``volumes``, ``contours`` (or None), ``lesions`` (places) and ``events``; all empty without images."""
    path = case.view / "view.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    volumes = [row for row in found.get("volumes", []) if _VOLUME_NAME.fullmatch(str(row.get("name", "")))]
    contours = block(found.get("contours"))
    kept = contours if _VOLUME_NAME.fullmatch(str(contours.get("name", ""))) else None
    return {"volumes": volumes, "contours": kept, "lesions": found.get("lesions", {}), "events": found.get("events", [])}


def pictures_of(case: Case) -> list[dict[str, str]]:
    """The words of the case's pictures; empty for a plan that kept none."""
    path = case.result / PICTURES / INDEX
    rows: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [row for row in rows if _VOLUME_NAME.fullmatch(str(row.get("name", "")))]


def panes(view: Mapping[str, Any]) -> dict[str, Any]:
    """Which images the two panes open with: the earliest PET (else SPECT) on the left, the last image after it or the dose."""
    rows = maps(view.get("volumes"))
    under = [row for row in rows if row["kind"] == "ct"]
    images = sorted((row for row in rows if row["kind"] in ("pet", "spect")), key=lambda row: float(row["week"] or 0.0))
    dose = [row for row in rows if row["kind"] == "dose"]
    first = next(iter(images or dose), None)
    later_pet = [row for row in images[1:] if row["kind"] == "pet" and first is not None and row["week"] != first["week"]]
    after = next(iter(later_pet[-1:] or dose or images[-1:]), None)

    def pane(row: Mapping[str, Any] | None) -> dict[str, str]:
        same = [ct for ct in under if row is None or ct["frame"] == row["frame"]] or under
        return {"under": str(same[0]["name"]) if same else "", "over": str(row["name"]) if row else ""}

    total = sum(int(row["bytes"]) for row in rows)
    voxels = max((math.prod(row["shape"]) for row in rows), default=0)
    return {
        "view": view,
        "first": pane(first),
        "second": pane(after),
        "view_size": f"{total / 1e6:.1f} MB" if total > 1e6 else f"{total / 1e3:.0f} kB",
        "view_voxels": f"{voxels / 1e3:.0f} thousand",
    }


def timeline(schemes: list[Mapping[str, Any]], letters: list[str], events: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Places of images, cycles and surgery on a common axis of weeks, as percentages of its length."""
    last = max((float(scheme.get("surgery_week") or 0.0) for scheme in schemes), default=1.0)
    begin = min([0.0, *(float(event["week"]) for event in events)])
    end = max(last, 1.0, *(float(event["week"]) for event in events)) + 1.5
    begin -= 0.5 if begin < 0 else 0.0

    def place(week: float) -> float:
        return round(100 * (week - begin) / (end - begin), 2)

    lines: list[dict[str, Any]] = []
    if events:
        marks = [(place(float(event["week"])), _event_class(event), float(event["week"])) for event in events]
        words = "; ".join(f"week {float(event['week']):.1f}: {event['text']}" for event in events)
        lines.append({"letter": "", "name": "Done so far", "marks": marks, "words": f"{words}."})
    for letter, scheme in zip(letters, schemes, strict=True):
        cycles = [
            (place(float(cycle["week"])), "y" if set(block(cycle.get("activity_gbq"))) - {"Lu-177"} else "lu", float(cycle["week"]))
            for cycle in maps(scheme.get("cycles"))
        ]
        words = ", ".join(f"week {week:g}" for _, _, week in cycles) or "no cycle"
        surgery = float(scheme.get("surgery_week") or 0.0)
        marks = [*cycles, (place(surgery), "surgery", surgery)] if cycles else cycles
        lines.append({"letter": letter, "name": times(str(scheme.get("name", ""))), "marks": marks,
                      "words": f"Cycles: {words}. Surgery: week {surgery:g}."})  # fmt: skip
    for line in lines:
        line["strip"] = Markup(strip([(at, kind) for at, kind, _ in line["marks"]], f"{line['name']}. {line['words']}"))
    step = 8 if end < 90 else 16
    return {"lines": lines, "ticks": [(place(week), week) for week in range(0, int(end) + 1, step)]}


def _event_class(event: Mapping[str, Any]) -> str:
    if event["kind"] != "therapy":
        return "image"
    return "y" if "Y-90" in str(event["text"]) else "lu"


def usual_activities(plan: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Nuclides that the plan's doses are known of, and an activity of a cycle to begin with: the plan's first, else the usual one."""
    given = [item for scheme in maps(plan.get("schemes")) for cycle in maps(scheme.get("cycles"))
             for item in block(cycle.get("activity_gbq")).items()]
    names = list(block(block(plan.get("kidneys")).get("gy_per_gbq"))) or list(therapy_nuclides()[:2])
    return [(name, therapy_nuclide(name).activity_gbq if name in therapy_nuclides()
             else next((float(gbq) for known, gbq in given if known == name), 1.0)) for name in names]
