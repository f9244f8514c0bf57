"""The report of a cohort: one HTML file with flow, characteristics, outcomes, figures and limits; the look of the plan's report.

Everything is read from the document that :mod:`neorlt.jobs.cohort` makes; nothing is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from neorlt import __version__
from neorlt.reporting.figures import cohort as draw
from neorlt.reporting.figures.svg import with_page_colours
from neorlt.reporting.report import clean, environment
from neorlt.reporting.rounding import given
from neorlt.reporting.views import front
from neorlt.reporting.views.cells import block, maps, texts

GROUPS = draw.GROUP_NAMES
NAMES = {
    "age_y": "age (years)",
    "male": "male",
    "sex": "sex",
    "site": "part of the pancreas",
    "size_before_mm": "longest diameter (mm)",
    "sum_before_mm": "sum of target diameters (mm)",
    "ki67_before_pct": "Ki-67 (%)",
    "grade_before": "WHO grade by Ki-67",
    "stage_before": "stage",
    "nodes_positive": "nodal metastases",
    "liver_metastases": "liver metastases",
    "cycles": "cycles",
    "activity_gbq": "cumulative activity (GBq)",
    "platelets_e9_per_l": "platelets (10⁹/l)",
    "haemoglobin_g_dl": "haemoglobin (g/dl)",
    "egfr_ml_min": "eGFR (ml/min)",
    "log2_size": "longest diameter (log2)",
    "log2_ki67": "Ki-67 (log2)",
}
RATIOS = {
    "crude": "crude",
    "adjusted": "adjusted, complete cases",
    "imputed": "adjusted, multiple imputation",
    "weighted": "overlap weights",
    "matched": "matched pairs",
}
RATES = (
    ("operated", "resected, of all planned"),
    ("r0_of_enrolled", "R0, of all planned"),
    ("r0_of_resected", "R0, of the resected"),
    ("severe_complication", "Clavien–Dindo III or above"),
    ("fistula_b_or_c", "pancreatic fistula B or C"),
    ("mortality_90_days", "death within 90 days of surgery"),
)
TIMES = (
    ("survival", "overall survival"),
    ("progression_free", "progression-free survival"),
    ("recurrence_free", "recurrence-free survival"),
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
                "notice": front.NOTICE,
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
                "absent": [(_words(k), str(v)) for k, v in block(document.get("reasons")).items()],
                "run": [
                    ("neorlt", __version__),
                    *(
                        (_words(k), given(v) if not isinstance(v, bool) else "yes" if v else "no")
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
    found += ["forest", "balance"] if _ratio_rows(document) else []
    return found


def _words(key: str) -> str:
    return key.replace("_", " ")


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %" if 0.095 <= value <= 0.905 or value in (0.0, 1.0) else f"{100 * value:.1f} %"


def _percents(value: float, low: float, high: float) -> str:
    """A share with its interval, all with the same decimals: one where an end lies within a tenth of 0 or 1."""
    digits = 0 if all(0.095 <= v <= 0.905 for v in (value, low, high)) else 1
    return f"{100 * value:.{digits}f} % ({100 * low:.{digits}f} % to {100 * high:.{digits}f} %)"


def rate_text(rate: Any) -> str:
    """A rate with its interval and counts."""
    part = block(rate)
    if part.get("rate") is None:
        return "not available"
    return _percents(part["rate"], *part["ci95"])


def likelihood_text(rate: Any) -> str:
    """Limits of the likelihood, which in small series lie apart from the exact ones."""
    limits = block(rate).get("likelihood95")
    return "not available" if limits is None else f"{100 * limits[0]:.1f} % to {100 * limits[1]:.1f} %"


def _counted(rate: Any) -> str:
    part = block(rate)
    return f"{part.get('events')} of {part.get('total')}"


def _months(value: Any) -> str:
    return "not reached" if value is None else f"{value:.1f}"


def _rests(ends: Any) -> str:
    """Where a curve lies at one half for a while: the median is then the middle by R's rule, and programs differ."""
    return "" if ends is None else f"; the curve rests at one half from {_months(ends[0])} to {_months(ends[1])}"


def answer_sentences(document: Mapping[str, Any]) -> list[str]:
    """The outcomes that matter most, in sentences."""
    found = []
    groups = block(document.get("groups"))
    response, surgery = block(document.get("response")), block(block(document.get("surgery")).get("rlt"))
    if groups.get("rlt"):
        parts = []
        if response:
            rate = response["objective_response"]
            parts.append(f"{rate['events']} had an objective response ({rate_text(rate).replace(' (', '; ').rstrip(')')})")
        if surgery:
            margins = surgery["r0_of_resected"]
            stated = f", {margins['events']} R0 of {margins['total']} with a margin stated" if margins["total"] else ""
            parts.append(f"{surgery['operated']['events']} were resected{stated}")
        lead = f"Of {groups['rlt']} patients planned for radioligand therapy first"
        found.append(f"{lead}, {', and '.join(parts)}." if parts else f"{lead} the table records neither response nor surgery.")
    survival = block(document.get("survival"))
    for name, part in block(survival.get("groups")).items():
        alive = block(block(part).get("survival"))
        if alive:
            month = max(alive, key=lambda m: int(m) if int(m) <= 36 else -1)
            at = alive[month]
            low, high = at["ci95"]
            known = low is not None and high is not None
            share = _percents(at["estimate"], low, high) if known else _percent(at["estimate"])
            followed = part["median_follow_up_months"]
            long = "not reached" if followed is None else f"{_months(followed)} months"
            found.append(f"{GROUPS.get(name, name).capitalize()}: {share} alive {month} months after the baseline scan; "
                         f"median follow-up {long}.")
    comparison = block(document.get("comparison"))
    ratios = block(comparison.get("hazard_ratio"))
    best = block(ratios.get("imputed") or ratios.get("adjusted"))
    if best:
        low, high = best["ci95"]
        found.append(
            f"Hazard ratio of death, radioligand therapy first against upfront surgery, adjusted: {best['hazard_ratio']:.2f} "
            f"({low:.2f} to {high:.2f}). Not randomised."
        )
    return found or ["The table allows no outcome to be summarised: see what is missing below."]


RATE_HEADS = ["outcome", "group", "patients", "rate (exact 95 % interval)", "likelihood limits", "missing"]


def _limits(rate: Any) -> tuple[str, str]:
    return rate_text(rate), likelihood_text(rate)


def rate_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """Rates as rows of a table under :data:`RATE_HEADS`."""
    rows = []
    response = block(document.get("response"))
    for key, words in (("objective_response", "objective response"), ("disease_control", "disease control")):
        if response:
            rows.append([words, GROUPS["rlt"], _counted(response[key]), *_limits(response[key]), str(response[key]["missing"])])
    staging = block(block(document.get("downstaging")).get("stage"))
    if staging:
        rows.append(
            ["lower stage after", GROUPS["rlt"], _counted(staging["lower"]), *_limits(staging["lower"]), str(staging["lower"]["missing"])]
        )
    improved = block(block(document.get("downstaging")).get("resectability"))
    if improved:
        rate = improved["improved"]
        rows.append(["better resectability class by vessels", GROUPS["rlt"], _counted(rate), *_limits(rate), str(rate["missing"])])
    for group, name in GROUPS.items():
        lower = block(block(document.get("downgrading")).get(group)).get("lower")
        if lower:
            rows.append(["lower WHO grade after", name, _counted(lower), *_limits(lower), str(lower["missing"])])
    for group, part in block(document.get("surgery")).items():
        for key, words in RATES:
            rate = block(part)[key]
            if rate["total"]:
                rows.append([words, GROUPS.get(group, group), _counted(rate), *_limits(rate), str(rate["missing"])])
    return rows


def time_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """Times to an event as rows of a table."""
    rows = []
    for key, words in TIMES:
        part = block(document.get(key))
        for group, g in block(part.get("groups")).items():
            low, high = g["median_ci95"]
            rows.append(
                [
                    f"{words} (from {part['time_zero']})",
                    GROUPS.get(group, group),
                    f"{g['events']} / {g['n']}",
                    f"{_months(g['median_months'])} ({_months(low)} to {_months(high)})" + _rests(g.get("median_rests_months")),
                    _months(g["median_follow_up_months"]),
                ]
            )
    return rows


def _svg(text: str) -> Any:
    from markupsafe import Markup

    # Figures escape the texts that they show (see figures.svg), so their markup may stand as it is.
    return Markup(with_page_colours(text))


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
        cells = [_characteristic(block(block(row.get("groups")).get(g))) for g in groups]
        rows.append([NAMES.get(str(row["name"]), _words(str(row["name"]))), *cells])
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


def _characteristic(part: Mapping[str, Any]) -> str:
    missing = f"; {part['missing']} missing" if part.get("missing") else ""
    if "counts" in part:
        total = sum(part["counts"].values())
        return ", ".join(f"{k} {v} ({_percent(v / total)})" for k, v in part["counts"].items() if total) + missing
    if part.get("median") is None:
        return "not available" + missing
    low, high = part["quartiles"]
    return f"{part['median']:.3g} ({low:.3g} to {high:.3g})" + missing


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
            "caption": "Patients without a usable follow-up stay in the denominator of response, as not evaluated.",
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
                    "Dotted lines: −30 % and +20 %. Colour is the best response, which also counts new lesions.",
                    "Best change of the sum of diameters",
                )
            )
    against = block(grade.get("against_sampling"))
    if against:
        low, high = against["ci95"]
        section["intro"].append(
            f"A biopsy and a resection differ by sampling alone. A lower grade after radioligand therapy, less a lower grade after "
            f"upfront surgery: {100 * against['difference']:+.0f} points ({100 * low:+.0f} to {100 * high:+.0f}; "
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


def _ratio_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    ratios = block(block(document.get("comparison")).get("hazard_ratio"))
    return [
        {"text": f"{words} (n = {ratios[key]['n']})", "hazard_ratio": ratios[key]["hazard_ratio"], "ci95": ratios[key]["ci95"]}
        for key, words in RATIOS.items()
        if ratios.get(key)
    ]


def _comparison(document: Mapping[str, Any]) -> dict[str, Any] | None:
    comparison = block(document.get("comparison"))
    rows = _ratio_rows(document)
    if not comparison or not rows:
        return None
    section = _section("comparison", "The groups compared")
    section["intro"].append(str(comparison["caution"]))
    difference = block(comparison.get("rmst_difference_months"))
    if difference:
        low, high = difference["ci95"]
        section["intro"].append(
            f"Within {comparison['tau_months']:g} months, patients planned for radioligand therapy first lived "
            f"{difference['estimate']:+.1f} months ({low:+.1f} to {high:+.1f}) against upfront surgery, weighted.".replace("-", "−")
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
        rows.append([_words(name), str(toxicity["laboratory_version"]), *_grades(part)])
    for name, part in block(toxicity.get("recorded")).items():
        rows.append([_words(name), ", ".join(toxicity["recorded_version"]) or "version not stated", *_grades(part)])
    section["tables"].append(
        {
            "title": "",
            "heads": ["", "version", "grade 0", "1", "2", "3", "4", "5", "grade 3 or above"],
            "rows": rows,
            "caption": "Worst grade under radioligand therapy; a grade that needs a limit of normal is not guessed without it.",
        }
    )
    return section


def _grades(part: Mapping[str, Any]) -> list[str]:
    if "reason" in part:
        return [str(part["reason"]), *[""] * 6]
    cells = [str(part["counts"][str(g)]) for g in range(6)]
    apart = part.get("grade_0_or_1_not_told_apart")
    if apart:
        cells[0] = f"{cells[0]} (and {apart} of 0 or 1)"
    return [*cells, f"{_counted(part['grade_3_or_4'])}: {rate_text(part['grade_3_or_4'])}"]


SCALES = {
    "QL2": "global quality of life",
    "PF2": "physical functioning",
    "RF2": "role functioning",
    "EF": "emotional functioning",
    "CF": "cognitive functioning",
    "SF": "social functioning",
    "FA": "fatigue",
    "NV": "nausea and vomiting",
    "PA": "pain",
    "DY": "dyspnoea",
    "SL": "insomnia",
    "AP": "appetite loss",
    "CO": "constipation",
    "DI": "diarrhoea",
    "FI": "financial difficulties",
    "summary": "summary score",
}


def _signed(value: float) -> str:
    """A change in whole points, with its sign unless it is none."""
    whole = round(value)
    return "0" if whole == 0 else f"{whole:+d}".replace("-", "−")


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
        rows = [[SCALES.get(scale, scale), *(_score(block(block(v.get("scales")).get(scale))) for v in maps(visits))] for scale in scales]
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


def _score(entry: Mapping[str, Any]) -> str:
    mean = block(entry.get("mean")).get("mean")
    if mean is None:
        return "–"
    change = block(entry.get("change"))
    if change.get("mean") is None:
        return f"{mean:.0f}"
    interval = f", {_signed(change['ci95'][0])} to {_signed(change['ci95'][1])}" if change.get("ci95") else ""
    return f"{mean:.0f} ({_signed(change['mean'])}{interval})"
