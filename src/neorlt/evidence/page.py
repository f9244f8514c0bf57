"""The evidence as files: one folder with the table, the flow, the pools and the figures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neorlt.core.manifest import to_json
from neorlt.core.output import RUN_FILE
from neorlt.core.run import result_folder
from neorlt.core.unbroken import UNBROKEN_CSS, unbroken
from neorlt.drawing.palette import as_css
from neorlt.drawing.stacked import STACKED_CSS
from neorlt.drawing.svg import with_page_colours
from neorlt.evidence import appraisal
from neorlt.evidence.appraisal import Judgement
from neorlt.evidence.claims import claims_csv, claims_html, patients_html, references_html, registry_html, shipped_claims, since_html
from neorlt.evidence.figures import forest_svg, map_svg, prisma_svg, traffic_svg
from neorlt.evidence.outcomes import OUTCOMES, OutcomePool, pool_outcome, pool_review
from neorlt.evidence.pooling import pool
from neorlt.evidence.prisma import Flow
from neorlt.evidence.review.writing import prisma_csv
from neorlt.evidence.studies import ReviewTable
from neorlt.evidence.table1 import table_csv, table_html

BESIDE = "glmm-wald-t"
"""The likelihood method that stands beside the default one."""


def figures(table: ReviewTable, flow: Flow, method: str = "auto", judged: dict[str, Any] | None = None) -> dict[str, str]:
    """SVG text by file name: the flow, the map, one forest plot an outcome that somebody prints."""
    found = {"prisma.svg": prisma_svg(flow), "map.svg": map_svg(table)}
    for outcome in OUTCOMES:
        pooled = pool_outcome(table, outcome, method, with_sensitivity=False)
        if pooled.result.studies or pooled.result.case_reports:
            found[f"forest-{outcome.key}.svg"] = _forest(pooled)
    judgements = [Judgement(**item) for item in (judged or appraisal.summary(table, method))["judgements"]]
    names = {study.id: study.name for study in table.studies}
    for tool, title in (("jbi", "Risk of bias: JBI case series, by item"), ("robins-i", "Risk of bias: ROBINS-I, by domain")):
        if any(item.tool == tool for item in judgements):
            found[f"bias-{tool}.svg"] = traffic_svg(judgements, tool, names, title)
    return found


def _forest(pooled: OutcomePool) -> str:
    second = (
        pool(pooled.result.studies, BESIDE if pooled.result.method != BESIDE else "bayes") if pooled.result.pooled is not None else None
    )
    return forest_svg(pooled.result, pooled.outcome.title, second)


def evidence_html(table: ReviewTable, flow: Flow, method: str = "auto") -> str:
    """All of the evidence as an HTML fragment with its figures inside; no script and no external call."""
    return _fragment(table, pool_review(table, method), figures(table, flow, method), appraisal.summary(table, method))


def _fragment(table: ReviewTable, document: dict[str, Any], drawings: dict[str, str], judged: dict[str, Any]) -> str:
    parts = [f"<h2>{html.escape(table.question)}</h2>", with_page_colours(drawings["prisma.svg"]), table_html(table)]
    names = {study.id: study.name for study in table.studies}
    for key, outcome in document["outcomes"].items():
        parts += [f"<h3>{html.escape(outcome['title'])}</h3>", _sentence(outcome)]
        if f"forest-{key}.svg" in drawings:
            parts.append(with_page_colours(drawings[f"forest-{key}.svg"]))
        then = outcome["without_what_came_since"]
        if then["k"] != outcome["k"]:
            parts.append(f"<p>Without what came since the review: k = {then['k']}, {then['n']} patients; {html.escape(then['why'])}.</p>")
        left = "".join(f"<li>{html.escape(names.get(name, name))}: {html.escape(why)}</li>" for name, why in outcome["left_out"].items())
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in outcome["notes"])
        parts.append(f"<ul>{notes}</ul><details><summary>Left out, and why</summary><ul>{left}</ul></details>")
        if key == "surgery" and document["printed_crude"]:
            parts.append(_crude(document["printed_crude"]))
    parts += [_ratio(ratio, names) for ratio in document["ratios"].values()]
    parts += ["<h3>Evidence map</h3>", with_page_colours(drawings["map.svg"]), "<h3>Risk of bias</h3>"]
    parts += [with_page_colours(drawings[name]) for name in ("bias-jbi.svg", "bias-robins-i.svg") if name in drawings]
    parts.append(_grade(judged))
    if table.references:
        parts += ["<h3>The review, claim by claim</h3>", claims_html(shipped_claims()), registry_html(table)]
        parts += [since_html(table), patients_html(table), references_html(table)]
    return "\n".join(parts)


def _sentence(outcome: dict[str, Any]) -> str:
    chance = f"<p>{html.escape(outcome['by_chance'])}</p>" if outcome.get("by_chance") else ""
    limits = "".join(f"<li>{html.escape(text)}</li>" for text in outcome.get("limits") or ())
    chance += f"<p>Small series, both kinds of limits:</p><ul>{limits}</ul>" if limits else ""
    if outcome["pooled"] is None:
        return f"<p>No pooled rate: {html.escape(str(outcome['reason']))}.</p>{chance}"
    low, high = (100 * bound for bound in outcome["ci95"])
    new_low, new_high = (100 * bound for bound in outcome["prediction95"])
    second = outcome["sensitivity"].get(BESIDE) or outcome["sensitivity"].get("bayes")
    beside = ""
    if second and second["pooled"] is not None:
        beside = (
            f" By maximum likelihood (GLMM, Wald interval, t): {100 * second['pooled']:.0f} % "
            f"({100 * second['ci95'][0]:.0f} to {100 * second['ci95'][1]:.0f})."
        )
    return (
        f"<p>Pooled {100 * outcome['pooled']:.0f} % (95 % interval {low:.0f} to {high:.0f}), k = {outcome['k']}, "
        f"{outcome['n']} patients; in a new centre {new_low:.0f} to {new_high:.0f} %. {html.escape(outcome['method_text'])}.{beside}</p>"
        f"{chance}"
    )


def _ratio(ratio: dict[str, Any], names: dict[str, str]) -> str:
    """A hazard ratio's pool, or why there is none, and the trials behind it."""
    studies = "".join(
        f"<li>{html.escape(item['study'])}: {item['ratio']:.2f} ({item['ci95'][0]:.2f} to {item['ci95'][1]:.2f})</li>"
        for item in ratio["studies"]
    )
    left = "".join(f"<li>{html.escape(names.get(name, name))}: {html.escape(why)}</li>" for name, why in ratio["left_out"].items())
    if ratio["pooled"] is None:
        said = f"No pooled ratio: {html.escape(str(ratio['reason']))}."
    else:
        low, high = ratio["ci95"]
        said = f"Pooled {ratio['pooled']:.2f} (95 % interval {low:.2f} to {high:.2f}). {html.escape(ratio['method_text'])}."
    return f"<h3>{html.escape(ratio['title'])}</h3><p>Of {html.escape(ratio['of'])}. {said}</p><ul>{studies}{left}</ul>"


def _crude(crude: dict[str, Any]) -> str:
    why = "".join(f"<li>{html.escape(reason)}</li>" for reason in crude["explanation"])
    low, high = (100 * bound for bound in crude["ci95"])
    return (
        f"<p>The review prints {crude['events']}/{crude['total']} = {100 * crude['rate']:.1f} % (as a plain sum {low:.1f} to "
        f"{high:.1f} %). It is not the pooled rate:</p><ul>{why}</ul>"
    )


def _grade(judged: dict[str, Any]) -> str:
    rows = []
    titles = {outcome.key: outcome.title for outcome in OUTCOMES}
    for item in judged["grade"]:
        steps = "; ".join(f"{step['factor'].replace('_', ' ')} {step['levels']:+d}: {step['why']}" for step in item["steps"])
        rows.append(
            f"<tr><th scope='row'>{html.escape(titles[item['outcome']])}</th><td>{item['certainty']}</td><td>{html.escape(steps)}</td></tr>"
        )
    return (
        '<table class="evidence-grade"><caption>Certainty of the evidence (GRADE), with reasons</caption><thead><tr>'
        "<th scope='col'>Outcome</th><th scope='col'>Certainty</th><th scope='col'>Why</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def write_evidence(table: ReviewTable, flow: Flow, out: Path, method: str = "auto", made: Sequence[Judgement] = ()) -> list[str]:
    """Write ``index.html``, ``table1.html``, ``table1.csv``, ``pooled.json``, ``appraisal.json``, ``claims.csv``, figures and ``run.json``.

    The folder is whole or absent. Returns the names of the files.
    """
    style = (
        f"{as_css()}body{{font:14px/1.45 var(--sans);margin:2rem;max-width:120rem;background:var(--paper);color:var(--ink)}}"
        "table{border-collapse:collapse;margin:1rem 0}a{color:var(--accent)}"
        "th,td{border:1px solid var(--line);padding:.3rem .5rem;vertical-align:top;text-align:left}svg{max-width:100%;height:auto}"
        ".empty{color:var(--muted);font-style:italic}caption{text-align:left;font-weight:bold;padding:.3rem 0}"
        f"{UNBROKEN_CSS}{STACKED_CSS}"
        "@page{size:A4;margin:11mm 13mm 15mm;@bottom-right{content:counter(page) ' / ' counter(pages);font:8pt sans-serif}}"
        "@media print{body{margin:0;font-size:8.5pt}table{font-size:7.6pt}th,td{padding:2pt 3pt}svg,tr{break-inside:avoid}}"
    )
    head = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    head += "<title>Evidence</title>"
    head += f"<style>{style}</style></head><body>\n"
    notice = "<p>Research software: not a medical device, not for clinical decisions.</p>\n"
    document, judged = pool_review(table, method), appraisal.summary(table, method, made)
    drawings = figures(table, flow, method, judged)
    files = {
        "index.html": head + unbroken(notice + _fragment(table, document, drawings, judged)) + "</body></html>\n",
        "table1.html": head + unbroken(notice + table_html(table)) + "</body></html>\n",
        "table1.csv": table_csv(table),
        "pooled.json": to_json(document),
        "prisma.json": to_json({"numbers": dict(flow.numbers), "reasons": dict(flow.reasons), "note": flow.note}),
        "appraisal.json": to_json(judged),
        "prisma.csv": prisma_csv(flow),
        "claims.csv": claims_csv(shipped_claims()),
        **drawings,
    }
    with result_folder(out, "evidence table", options={"review": table.name, "method": method}) as folder:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    return sorted([*files, RUN_FILE])
