"""Traffic-light plot of risk of bias: one row a study, one column an item, the judgement as sign and colour."""

from __future__ import annotations

from collections.abc import Sequence

from neorlt.drawing.elements import Anchor, disc, sheet, text
from neorlt.drawing.svg import standalone
from neorlt.evidence.appraisal import JBI_ITEMS, ROBINS_DOMAINS, Judgement

_LOOK = {
    "low": ("+", "good"),
    "yes": ("+", "good"),
    "moderate": ("~", "c5"),
    "unclear": ("?", "c5"),
    "serious": ("-", "y"),
    "no": ("-", "c6"),
    "critical": ("!", "c6"),
    "no_information": ("?", "muted"),
    "not applicable": ("/", "muted"),
}
TOOLS = {"jbi": [str(i) for i in range(1, JBI_ITEMS + 1)], "robins-i": list(ROBINS_DOMAINS)}


def traffic_svg(judgements: Sequence[Judgement], tool: str, names: dict[str, str], title: str) -> str:
    """Draw the judgements of one tool as SVG; a sign stands in every light, so that it reads without colour."""
    items = TOOLS[tool]
    studies = list(dict.fromkeys(item.study for item in judgements if item.tool == tool))
    found = {(item.study, item.item): item.judgement for item in judgements if item.tool == tool}
    # Turned names of domains reach beyond their columns: 31 letters of 11 px upwards, the last ones to the right.
    anchor: Anchor
    left, step, head, right = (220, 42, 146, 70) if tool == "robins-i" else (220, 42, 50, 30)
    width, height = left + step * len(items) + right, head + 28 * len(studies) + 44
    out = [text(8, 18, title, bold=True)]
    for column, item in enumerate(items):
        x = left + step * column + step // 2
        anchor, turn_deg = ("start", -40) if tool == "robins-i" else ("middle", 0)
        out.append(text(x, head - 8, item.replace("_", " "), anchor=anchor, size_px=11, turn_deg=turn_deg))
    for row, study in enumerate(studies):
        y = head + 28 * row + 12
        out.append(text(8, y + 4, names.get(study, study), size_px=11))
        for column, item in enumerate(items):
            sign, tone = _LOOK.get(found.get((study, item), "no_information"), ("?", "muted"))
            x = left + step * column + step // 2
            out += [disc(x, y, 10, tone), text(x, y + 4, sign, "paper", "middle", 11, bold=True)]
    legend = "   ".join(f"{sign} {name.replace('_', ' ')}" for name, (sign, _) in _LOOK.items() if name in _answers(tool))
    out.append(text(8, height - 12, legend, "muted", size_px=11))
    said = "; ".join(
        f"{names.get(study, study)}: "
        + ", ".join(f"{item.replace('_', ' ')} {found.get((study, item), 'no_information').replace('_', ' ')}" for item in items)
        for study in studies
    )
    return standalone(sheet("".join(out), f"bias-{tool}", title, said + ".", f"0 0 {width} {height}", (width, height)))


def _answers(tool: str) -> tuple[str, ...]:
    from neorlt.evidence.appraisal import JBI_ANSWERS, ROBINS_JUDGEMENTS

    return JBI_ANSWERS if tool == "jbi" else ROBINS_JUDGEMENTS
