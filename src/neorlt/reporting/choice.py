"""The page of who benefits: chart, the answer in words, assumptions. One file, no outside request."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from neorlt.core.notice import NOTICE
from neorlt.drawing.palette import as_css
from neorlt.drawing.svg import in_page
from neorlt.reporting.figures.choice import sobol_bars
from neorlt.reporting.rounding import number
from neorlt.reporting.views.cells import block, maps, texts
from neorlt.reporting.views.front import centre_sentence

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1.5rem;max-width:60rem;background:var(--paper);color:var(--ink)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line)}
svg{max-width:100%;height:auto}
@media(max-width:760px){.wide{overflow-x:auto}.wide svg{max-width:none;width:760px}}
.notice{background:var(--warn-tint);color:var(--warn);padding:.5rem .8rem}figure{margin:1.5rem 0}"""


def render_benefit(document: Mapping[str, Any]) -> str:
    """Return the page of ``neorlt benefit`` as one self-contained HTML document."""
    features = maps(document.get("features"))
    titles = {"months": "Quality-adjusted months gained against the best option without RLT",
              "resectable": "Gain in the chance of being resectable", "removed": "Share of the tumour's volume removed"}
    figures = "".join(f"<figure>{in_page(sobol_bars(features, outcome, f'sobol-{outcome}', title))}</figure>"
                      for outcome, title in titles.items()
                      if all(block(row.get(outcome)) for row in features))
    rows = "".join(
        f"<tr><th scope='row'>{escape(str(row.get('text')))} ({escape(str(row.get('unit')))})</th>"
        f"<td>{number(row['range'][0])} to {number(row['range'][1])}</td>"
        f"<td>{number(block(row.get('ideal')).get('from'))} to {number(block(row.get('ideal')).get('to'))}</td></tr>" for row in features)
    said = [*texts(block(document.get("answer")).get("sentences")), *filter(None, [centre_sentence(document)])]
    sentences = "".join([*(f"<p>{escape(text)}</p>" for text in said),
                         *(f"<p><strong>{escape(text)}</strong></p>" for text in texts(document.get("warnings")))])
    assumed = "".join(f"<li>{escape(str(row.get('text')))}</li>" for row in maps(document.get("assumptions")))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'\">"
        "<meta name='viewport' content='width=device-width, initial-scale=1'><meta name='color-scheme' content='light dark'>"
        f"<title>Who benefits</title><style>{as_css()}{_STYLE}</style></head><body><main>"
        f"<p class='notice'>{escape(NOTICE)}</p><h1>Who benefits from: {escape(str(document.get('scheme')))}</h1>{sentences}{figures}"
        "<h2>Features looked across</h2><table><thead><tr><th scope='col'>Feature</th><th scope='col'>Range</th>"
        f"<th scope='col'>Middle 80 % of the tenth that gains most</th></tr></thead><tbody>{rows}</tbody></table>"
        f"<h2>Assumed</h2><ul>{assumed}</ul></main></body></html>\n")
