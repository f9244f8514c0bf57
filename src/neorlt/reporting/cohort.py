"""The report of a cohort: one HTML file with flow, characteristics, outcomes, figures and limits; the look of the plan's report.

Everything is read from the document that :mod:`neorlt.jobs.cohort` makes; nothing is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from neorlt import __version__
from neorlt.core.notice import NOTICE
from neorlt.drawing.svg import in_page
from neorlt.reporting.environment import environment
from neorlt.reporting.figures import cohort as draw
from neorlt.reporting.report import clean
from neorlt.reporting.rounding import given
from neorlt.reporting.views.cells import block, maps, texts
from neorlt.reporting.views.cohort import (
    GROUPS,
    NAMES,
    RATE_HEADS,
    RATES,
    RATIOS,
    SCALES,
    answer_sentences,
    characteristic,
    grade_cells,
    key_text,
    rate_rows,
    ratio_rows,
    score_text,
    time_rows,
)

LIMITS = (
    "Not randomised: what was not recorded is not balanced, so no difference between the groups is shown to be caused by the treatment.",
    "Intervals are 95 %: exact for rates, log-log for survival (exact before its first event). They hold chance only, not bias.",
    "Patients who were lost are taken to be like those who were not.",
    "Multiple imputation is right where what is missing depends on what was recorded only.",
    "Response, grade, fistula and toxicity follow the rules of the field in the versions named; a blank is never a class.",
)


def render_cohort(document: Mapping[str, Any]) -> str:
    """Return the report of a cohort as one self-contained HTML document."""
    document = block(clean(document))
    template = environment().get_template("cohort.html.j2")
    sections = [
        section
        for section in (
            _patients(document),
            _response(document),
            _surgery(document),
            _survival(document),
            _comparison(document),
            _toxicity(document),
            _quality(document),
        )
        if section is not None
    ]
    return (
        template.render(
            {
                "notice": NOTICE,
                "synthetic": "Every patient is invented." if "synth" in str(document.get("table", "")).lower() else None,
                "facts": [
                    ("Table", str(document.get("table") or "")),
                    ("Patients", str(document.get("n"))),
                    *((GROUPS.get(g, g), str(n)) for g, n in block(document.get("groups")).items() if n),
                ],
                "sentences": answer_sentences(document),
                "sections": sections,
                "warnings": texts(document.get("warnings")),
                "limits": LIMITS,
                "absent": [(key_text(k), str(v)) for k, v in block(document.get("reasons")).items()],
                "run": [
                    ("neorlt", __version__),
                    *(
                        (key_text(k), given(v) if not isinstance(v, bool) else "yes" if v else "no")
                        for k, v in block(document.get("run")).items()
                    ),
                ],
                "version": re.sub(r"[^\w.+-]", "", __version__),
            }
        )
        + "\n"
    )


def figure_names(document: Mapping[str, Any]) -> list[str]:
    """Names of the figures that the report of a document holds."""
    found = ["flow"] + [f"survival-{key}" for key in block(document.get("curves"))]
    found += [f"incidence-{key}" for key, curve in block(document.get("curves")).items() if "incidence" in block(curve)]
    found += ["waterfall"] if block(document.get("response")).get("waterfall") else []
    found += ["swimmer"] if block(document.get("swimmers")).get("rows") else []
    found += ["forest", "balance"] if ratio_rows(document) else []
    return found


def _svg(text: str) -> Any:
    from markupsafe import Markup

    # Figures escape the texts that they show (see figures.svg), so their markup may stand as it is.
    return Markup(in_page(text))


def _section(identity: str, title: str) -> dict[str, Any]:
    return {"id": identity, "title": title, "intro": [], "tables": [], "figures": []}


def _figure(svg: str, caption: str, title: str = "", fit: bool = False) -> dict[str, Any]:
    return {"svg": _svg(svg), "caption": caption, "title": title, "fit": fit}


def _patients(document: Mapping[str, Any]) -> dict[str, Any]:
    section = _section("patients", "Patients")
    flow = block(document.get("flow"))
    if flow:
        section["figures"].append(
            _figure(
                draw.flow(flow),
                "Each box counts all patients of the group who reached it; steps that the table does not record are left out.",
                "Flow",
                fit=len(flow) == 1,
            )
        )
    groups = [g for g, n in block(document.get("groups")).items() if n]
    rows = []
    for row in maps(document.get("table_one")):
        cells = [characteristic(block(block(row.get("groups")).get(g))) for g in groups]
        rows.append([NAMES.get(str(row["name"]), key_text(str(row["name"]))), *cells])
    if rows:
        section["tables"].append(
            {
                "title": "At baseline",
                "heads": ["", *(GROUPS.get(g, g) for g in groups)],
                "rows": rows,
                "caption": "Median (quartiles), or counts; what is missing is counted.",
            }
        )
    return section


def _response(document: Mapping[str, Any]) -> dict[str, Any] | None:
    response, grade = block(document.get("response")), block(document.get("downgrading"))
    rows = [row for row in rate_rows(document) if row[0] not in {words for _, words in RATES}]
    if not rows:
        return None
    section = _section("response", "Response, stage and grade")
    section["tables"].append(
        {
            "title": "",
            "heads": RATE_HEADS,
            "rows": rows,
            "caption": "Patients without a usable follow-up stay in the denominator of response, as not evaluated. Two 95 % intervals: the "
            "exact one (Clopper–Pearson) never holds less than 95 % and is wide in small series; the likelihood's holds the rates that the "
            "counts do not speak against.",
        }
    )
    if response:
        counts = response["counts"]
        confirmed = "confirmed after 4 weeks" if response["confirmed"] else "not confirmed"
        section["intro"].append(
            f"{response['rule']}, best of the visits before surgery, {confirmed}; stable disease from week "
            f"{response['least_weeks_of_stable_disease']:g}: " + ", ".join(f"{v} {draw.RESPONSE_WORDS[k]}" for k, v in counts.items()) + "."
        )
        if response["waterfall"]:
            section["figures"].append(
                _figure(
                    draw.waterfall(maps(response["waterfall"])),
                    "Dashed lines: −30 % and +20 %. Colour is the best response, which also counts new lesions: a bar below −30 % of "
                    "another colour had its smallest sum when a new lesion was seen, at a visit that could not be evaluated, or "
                    "without the confirmation asked for.",
                    "Best change of the sum of diameters",
                )
            )
    against = block(grade.get("against_sampling"))
    if against:
        low, high = against["ci95"]
        section["intro"].append(
            f"A biopsy and a resection differ by sampling alone. A lower grade after radioligand therapy, less a lower grade after "
            f"upfront surgery: {100 * against['difference']:+z.0f} points ({100 * low:+z.0f} to {100 * high:+z.0f}; "
            f"Fisher P = {against['fisher_p']:.2g}).".replace("-", "−")
        )
    null = block(block(grade.get("rlt")).get("counting_null"))
    if null:
        section["intro"].append(
            f"Counting {null['cells']} cells twice would alone put {null['expected']:.1f} of {null['n']} into a lower grade "
            f"(assumption; seen {null['observed']}); {null['expected_if_hottest']:.1f}, had the biopsy been counted in the hottest of "
            f"{null['fields']} fields and the specimen in one."
        )
    if block(grade.get("by_counting_alone")):
        section["intro"].append(f"{block(grade['by_counting_alone'])['sentence']} (Assumption: fields of one tumour are alike.)")
    if block(document.get("swimmers")).get("rows"):
        shown = block(document["swimmers"])
        some = (
            ""
            if shown["shown"] == shown["of"]
            else f" {shown['shown']} of {shown['of']} patients, spread evenly over the length of follow-up."
        )
        section["figures"].append(
            _figure(
                draw.swimmer(shown),
                "One line a patient planned for radioligand therapy, longest follow-up first." + some,
                "Course of single patients",
            )
        )
    return section


def _surgery(document: Mapping[str, Any]) -> dict[str, Any] | None:
    surgery = block(document.get("surgery"))
    if not surgery:
        return None
    section = _section("surgery", "Surgery")
    rows = [row for row in rate_rows(document) if row[0] in {words for _, words in RATES}]
    section["tables"].append(
        {
            "title": "",
            "heads": RATE_HEADS,
            "rows": rows,
            "caption": "R0 has two denominators: all who were planned, and the resected with a margin stated.",
        }
    )
    for group, part in surgery.items():
        stay = block(part.get("length_of_stay_days"))
        if stay:
            low, high = stay["quartiles"]
            section["intro"].append(
                f"Length of stay, {GROUPS.get(group, group)}: median {stay['median']:g} nights (quartiles {low:g} to {high:g}; "
                f"{stay['n']} patients, {stay['missing']} missing)."
            )
        rules = part.get("margin_rules_mm") or []
        if rules:
            section["intro"].append(f"Margins, {GROUPS.get(group, group)}: R1 by the rule of {' and '.join(f'{r:g} mm' for r in rules)}.")
    return section


def _survival(document: Mapping[str, Any]) -> dict[str, Any] | None:
    curves = block(document.get("curves"))
    if not curves:
        return None
    section = _section("survival", "Survival")
    section["tables"].append(
        {
            "title": "",
            "heads": ["time to event", "group", "events / patients", "median, months (95 % interval)", "median follow-up, months"],
            "rows": time_rows(document),
            "caption": "Kaplan–Meier; follow-up by the reverse estimate. Each outcome names its time zero.",
        }
    )
    words = {
        "overall_survival": "alive",
        "progression_free_survival": "without progression",
        "recurrence_free_survival": "without recurrence",
    }
    for key, curve in curves.items():
        section["figures"].append(
            _figure(
                draw.survival(block(curve), f"survival-{key}", words.get(key, "event-free")),
                "Shaded: 95 % interval. Below: patients at risk.",
                str(block(curve)["title"]),
            )
        )
        if "incidence" in block(curve):
            section["figures"].append(
                _figure(
                    draw.incidence(block(curve), f"incidence-{key}"),
                    "Aalen–Johansen: each cause with the others competing, stacked.",
                    f"{block(curve)['title']}: which event came first",
                )
            )
    effect = block(document.get("surgery_effect"))
    if effect:
        section["intro"].append(
            "Operated against not operated, within radioligand therapy (hazard ratio of death): "
            + "; ".join(
                f"{name} {part['hazard_ratio']:.2f} ({part['ci95'][0]:.2f} to {part['ci95'][1]:.2f})"
                for name, part in (
                    ("time-varying", block(effect.get("time_varying"))),
                    ("landmark", block(block(effect.get("landmark")).get("fit"))),
                    ("naive, biased by immortal time", block(effect.get("naive"))),
                )
                if part
            )
            + "."
        )
    return section


def _comparison(document: Mapping[str, Any]) -> dict[str, Any] | None:
    comparison = block(document.get("comparison"))
    rows = ratio_rows(document)
    if not comparison or not rows:
        return None
    section = _section("comparison", "The groups compared")
    section["intro"].append(str(comparison["caution"]))
    difference = block(comparison.get("rmst_difference_months"))
    if difference:
        low, high = difference["ci95"]
        section["intro"].append(
            f"Within {comparison['tau_months']:g} months, patients planned for radioligand therapy first lived "
            f"{difference['estimate']:+z.1f} months ({low:+z.1f} to {high:+z.1f}) against upfront surgery, weighted.".replace("-", "−")
        )
    for name, value in block(comparison.get("e_value")).items():
        section["intro"].append(
            f"E-value ({RATIOS.get(name, name)}): an unrecorded cause would need a risk ratio of {value['estimate']:.2f} with "
            f"both treatment and death to explain the estimate away, and {value['interval']:.2f} for the interval."
        )
    section["figures"].append(
        _figure(
            draw.forest(rows, "forest", "Hazard ratios of death"),
            "Radioligand therapy first against upfront surgery.",
            "Hazard ratio of death",
        )
    )
    section["figures"].append(
        _figure(draw.balance(block(comparison.get("balance")), NAMES), "Dotted line: 0.1.", "Balance of the groups", fit=True)
    )
    return section


def _toxicity(document: Mapping[str, Any]) -> dict[str, Any] | None:
    toxicity = block(document.get("toxicity"))
    if not toxicity:
        return None
    section = _section("toxicity", "Toxicity")
    rows = []
    for name, part in block(toxicity.get("laboratory")).items():
        rows.append([key_text(name), str(toxicity["laboratory_version"]), *grade_cells(part)])
    for name, part in block(toxicity.get("recorded")).items():
        rows.append([key_text(name), ", ".join(toxicity["recorded_version"]) or "version not stated", *grade_cells(part)])
    section["tables"].append(
        {
            "title": "",
            "heads": ["", "version", "grade 0", "1", "2", "3", "4", "5", "grade 3 or above"],
            "rows": rows,
            "caption": "Worst grade under radioligand therapy; a grade that needs a limit of normal is not guessed without it.",
        }
    )
    return section


def _quality(document: Mapping[str, Any]) -> dict[str, Any] | None:
    quality = block(document.get("quality_of_life"))
    if not quality:
        return None
    section = _section("quality", "Quality of life")
    section["intro"].append(
        f"QLQ-C30, 0 to 100. A change of {quality['noticed_change_points']:g} points is one that patients notice (convention)."
    )
    for group, visits in block(quality.get("groups")).items():
        scales = list(dict.fromkeys(scale for visit in maps(visits) for scale in block(visit.get("scales"))))
        heads = [
            "scale",
            *(
                f"visit {v['visit']}"
                + (f", month {v['median_months']:.0f}" if v["median_months"] is not None else "")
                + f" ({v['answered']} of {v['of']})"
                for v in maps(visits)
            ),
        ]
        rows = [
            [SCALES.get(scale, scale), *(score_text(block(block(v.get("scales")).get(scale))) for v in maps(visits))] for scale in scales
        ]
        section["tables"].append(
            {
                "title": GROUPS.get(group, group).capitalize(),
                "heads": heads,
                "rows": rows,
                "caption": "Mean of those who answered; in brackets the change of the same patients since baseline, with its interval. "
                "High is good for functioning and quality of life, bad for symptoms.",
            }
        )
    return section
