"""The report: one HTML file that a tumour board can read on a screen and on paper, without any outside request."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.notice import NOTICE
from neorlt.core.unbroken import for_weasyprint
from neorlt.drawing.svg import in_page
from neorlt.reporting.drawn import Drawn, draw
from neorlt.reporting.environment import environment
from neorlt.reporting.figures import choice, curves, dvh, schemes, tornado, trajectory
from neorlt.reporting.figures import contact as contact_figure
from neorlt.reporting.picture import Picture
from neorlt.reporting.rounding import given, times
from neorlt.reporting.views import choice as choice_views
from neorlt.reporting.views import front, regions
from neorlt.reporting.views import schemes as scheme_views
from neorlt.reporting.views.cells import block, maps, texts
from neorlt.reporting.views.contact import contact_rows, contact_section
from neorlt.reporting.views.decision import decision_opening
from neorlt.reporting.views.warnings import plan_warnings

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def render_report(plan: Mapping[str, Any], pictures: Sequence[Picture | Drawn] = (), *, for_paper: bool = False) -> str:
    """Return the report as one self-contained HTML document.

    Parameters
    ----------
    plan
        The plan document, as ``plan.json`` holds it. Blocks that are absent are left out; a value that is ``null``
        is shown as not available, with its ``reason``.
    pictures
        Planes of CT with dose or with a vessel's contact, in the order in which they are shown; drawn or still to be drawn.
    for_paper
        Write figure colours out instead of following the page's light and dark; for a PDF maker that knows no CSS variables.

    Raises
    ------
    InputError
        If ``plan`` holds no scheme, lesion or organ: there is nothing to report.

    """
    plan = clean(plan)
    if not isinstance(plan, Mapping) or not any(maps(plan.get(key)) for key in ("schemes", "lesions", "organs")):
        raise InputError("the plan document holds no scheme, lesion or organ", remedy="give the content of a plan.json that neorlt wrote")
    template = environment().get_template("report.html.j2")
    page = template.render(_content(plan, pictures, for_paper)) + "\n"
    return for_weasyprint(page) if for_paper else page


def clean(value: Any) -> Any:
    """Drop characters that no HTML document may hold, in every text of the plan."""
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def _content(plan: Mapping[str, Any], pictures: Sequence[Picture | Drawn], for_paper: bool) -> dict[str, Any]:
    from markupsafe import Markup

    def svg(text: str | None) -> Markup | None:
        # Figures escape the texts that they show (see figures.svg), so their markup may stand as it is.
        return None if text is None else Markup(text if for_paper else in_page(text))

    patient, answer = block(plan.get("patient")), block(plan.get("answer"))
    scheme_rows = maps(plan.get("schemes"))
    rates = maps(plan.get("baseline_rates"))
    letters = scheme_views.letters_for(len(scheme_rows))
    columns, rows = scheme_views.opening(scheme_rows, letters)
    baseline = block(answer.get("resectability_baseline"))
    made = front.moment(plan.get("generated"))
    timing = block(plan.get("timing"))
    histograms = maps(plan.get("dvh"))
    groups = _dvh_groups(histograms, plan)
    drawn = [one if isinstance(one, Drawn) else draw([one])[0] for one in pictures]
    curve_rows = [row for row in maps(plan.get("curves")) if row.get("time_h") and row.get("activity_mbq")]
    return {
        "notice": str(plan.get("notice") or NOTICE),
        "synthetic": str(plan["synthetic"]) if plan.get("synthetic") else None,
        "patient_id": str(patient.get("id") or "patient"),
        "running": front.running(str(patient.get("id") or "patient"), made),
        "facts": [("Patient", str(patient.get("id") or "patient")), *front.patient_facts(patient),
                  *([("Report of", made)] if made else [])],
        "posterior": front.centre_sentence(plan),
        "conflicts": front.conflicts(patient),
        "sentences": [times(text) for text in texts(answer.get("sentences"))],
        "baseline": bool(baseline),
        "baseline_class": front.capital(str(baseline.get("class") or "")),
        "baseline_reason": str(baseline.get("reason") or ""),
        "baseline_vessels": [regions.vessel_words(vessel) for vessel in maps(baseline.get("vessels"))],
        "columns": columns,
        "rows": rows,
        "second_nuclide": scheme_views.second_nuclide(scheme_rows),
        "any_derived": any(row.doses_derived for row in rows),
        "rates": scheme_views.rates(rates),
        "labels": front.label_legend(plan),
        "figure_probability": svg(schemes.probability_bars(scheme_rows, letters, rates)) if scheme_rows else None,
        "has_band": any(schemes.matching_rate(rates, names) is not None for _, _, names in schemes.ENDPOINTS),
        "figure_diameter": svg(trajectory.trajectories(scheme_rows, letters, "diameter_mm")),
        "figure_kidney": svg(schemes.kidney_bed(scheme_rows, letters)),
        "figure_platelets": svg(trajectory.trajectories(scheme_rows, letters, "platelets")),
        "platelets_band": trajectory.has_band(scheme_rows, "platelets"),
        "figure_waiting": svg(trajectory.waiting(timing)) if timing else None,
        "timing_scheme": times(str(timing.get("scheme") or "")),
        "details": scheme_views.details(scheme_rows, letters),
        "lesions": regions.lesions(maps(plan.get("lesions"))),
        "organs": regions.organs(maps(plan.get("organs")) or regions.kidneys_as_organ(block(plan.get("kidneys")))),
        "role_heads": regions.ROLE_HEADS,
        "roles": regions.roles(plan.get("roles")),
        "ledger_heads": regions.LEDGER_HEADS,
        "ledger": regions.ledger(plan.get("ledger")),
        "curves": [
            {
                "name": str(row.get("name", "")),
                "kind": str(row.get("model") or row.get("kind") or ""),
                "nuclide": str(row.get("nuclide") or ""),
                "svg": svg(curves.time_activity(row, f"curve-{i}")),
            }
            for i, row in enumerate(curve_rows)
        ],
        "uncertainty": [
            {
                "name": str(name),
                "svg": svg(tornado.tornado_bars(str(name), maps(bars), f"tornado-{i}")),
                "advice": str(maps(bars)[0].get("advice") or "") if maps(bars) else "",
            }
            for i, (name, bars) in enumerate(block(plan.get("uncertainty")).items())
        ],
        "pictures": [_shown(one) for one in drawn if not one.vessel],
        "contact": contact_section(plan),
        "contact_pictures": {one.vessel: _shown(one) for one in drawn if one.vessel},
        "contact_figures": {str(row.get("vessel")): svg(contact_figure.contact_degrees(row, scheme_rows, letters, f"contact-{i}"))
                            for i, row in enumerate(contact_rows(plan))},
        "dvh_figures": [
            {"title": title, "svg": svg(dvh.dose_volume(part, f"dvh-{i}", f"Dose and volume: {title.lower()}"))}
            for i, (title, part) in enumerate(groups)
        ],
        "dvh_rows": regions.dvh_rows(histograms),
        "assumptions": [
            {"text": times(str(row.get("text", ""))), "label": str(row.get("label") or "assumption")}
            for row in maps(plan.get("assumptions"))
        ],
        "parameters": regions.generic(plan.get("parameters")),
        "warnings": plan_warnings(plan),
        "n_warnings": len(texts(plan.get("warnings"))),
        "citations": front.citations(maps(plan.get("citations"))),
        "sources": texts(plan.get("sources")),
        "glossary": front.GLOSSARY,
        "run": front.run_facts(plan),
        "decision": decision_opening(plan),
        "search": choice_views.search_section(block(plan.get("search"))),
        "figure_search": svg(choice.benefit_against_harm(block(plan.get("search")))) if plan.get("search") else None,
        "update": choice_views.update_section(block(plan.get("update"))),
        "reporting_items": [(str(row.get("item", "")), given(row.get("value"))) for row in maps(plan.get("reporting_items"))],
        "version": re.sub(r"[^\w.+-]", "", str(plan.get("neorlt") or "")),
        "choose_scheme": False,
    }


def _shown(one: Drawn) -> dict[str, Any]:
    from markupsafe import Markup

    uri = Markup("data:image/png;base64," + base64.b64encode(one.png).decode())
    return {"title": clean(one.title), "alt": clean(one.alt), "plane": clean(one.plane), "uri": uri}


def _dvh_groups(histograms: Sequence[Mapping[str, Any]], plan: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Lesions apart from organs, because their doses differ several-fold."""
    drawn = [row for row in histograms if row.get("dose_gy") and row.get("volume_fraction")]
    organ_names = {str(row.get("name") or row.get("id")) for row in maps(plan.get("organs"))}
    tumours = [row for row in drawn if str(row.get("name")) not in organ_names]
    organs = [row for row in drawn if str(row.get("name")) in organ_names]
    return [(title, part) for title, part in (("Lesions", tumours), ("Organs", organs)) if part]
