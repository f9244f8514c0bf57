"""Traffic-light plot of risk of bias: one row a study, one column an item, the judgement as sign and colour."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from neorlt.evidence.appraisal import JBI_ITEMS, ROBINS_DOMAINS, Judgement

_LOOK = {
    "low": ("+", "#2e7d32"),
    "yes": ("+", "#2e7d32"),
    "moderate": ("~", "#c28e0e"),
    "unclear": ("?", "#c28e0e"),
    "serious": ("-", "#c0501e"),
    "no": ("-", "#a32020"),
    "critical": ("!", "#a32020"),
    "no_information": ("?", "#777777"),
    "not applicable": ("/", "#777777"),
}
TOOLS = {"jbi": [str(i) for i in range(1, JBI_ITEMS + 1)], "robins-i": list(ROBINS_DOMAINS)}


def traffic_svg(judgements: Sequence[Judgement], tool: str, names: dict[str, str], title: str) -> str:
    """Draw the judgements of one tool as SVG; a sign stands in every light, so that it reads without colour."""
    items = TOOLS[tool]
    studies = list(dict.fromkeys(item.study for item in judgements if item.tool == tool))
    found = {(item.study, item.item): item.judgement for item in judgements if item.tool == tool}
    # Turned names of domains reach beyond their columns: 31 letters of 11 px upwards, the last ones to the right.
    left, step, head, right = (220, 42, 146, 70) if tool == "robins-i" else (220, 42, 50, 30)
    width, height = left + step * len(items) + right, head + 28 * len(studies) + 44
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<text x="8" y="18" font-size="13" font-weight="bold">{escape(title)}</text>',
    ]
    for column, item in enumerate(items):
        x = left + step * column + step // 2
        turn = f' transform="rotate(-40 {x} {head - 8})" text-anchor="start"' if tool == "robins-i" else ' text-anchor="middle"'
        out.append(f'<text x="{x}" y="{head - 8}"{turn}>{escape(item.replace("_", " "))}</text>')
    for row, study in enumerate(studies):
        y = head + 28 * row + 12
        out.append(f'<text x="8" y="{y + 4}">{escape(names.get(study, study))}</text>')
        for column, item in enumerate(items):
            sign, colour = _LOOK.get(found.get((study, item), "no_information"), ("?", "#777777"))
            x = left + step * column + step // 2
            out.append(f'<circle cx="{x}" cy="{y}" r="10" fill="{colour}"/>')
            out.append(f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="#fff" font-weight="bold">{escape(sign)}</text>')
    legend = "   ".join(f"{sign} {name.replace('_', ' ')}" for name, (sign, _) in _LOOK.items() if name in _answers(tool))
    out.append(f'<text x="8" y="{height - 12}" fill="#555">{escape(legend)}</text></svg>')
    return "\n".join(out) + "\n"


def _answers(tool: str) -> tuple[str, ...]:
    from neorlt.evidence.appraisal import JBI_ANSWERS, ROBINS_JUDGEMENTS

    return JBI_ANSWERS if tool == "jbi" else ROBINS_JUDGEMENTS
