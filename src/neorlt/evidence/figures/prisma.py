"""The PRISMA 2020 flow diagram as SVG, drawn as boxes of text (no plotting library needed)."""

from __future__ import annotations

from neorlt.drawing.elements import arrow, box, sheet, text
from neorlt.drawing.svg import standalone
from neorlt.evidence.prisma import Flow

_WIDTH, _LINE = 236, 15
_COLUMNS = (16, 286, 556, 826)


def _n(value: int | None) -> str:
    return "not reported" if value is None else f"n = {value}"


def prisma_svg(flow: Flow, title: str = "PRISMA 2020 flow") -> str:
    """Draw a flow; numbers that a review does not report say so."""
    v = flow.numbers
    reasons = [f"  {reason}: {count}" for reason, count in flow.reasons.items()]
    boxes: dict[str, tuple[int, int, list[str]]] = {
        "previous": (0, 60, [f"Earlier version: studies {_n(v['previous_studies'])}", f"Reports: {_n(v['previous_reports'])}"]),
        "found": (
            1, 60,
            ["Records identified", f"databases: {_n(v['database_results'])}", f"registers: {_n(v['register_results'])}"],
        ),
        "removed": (
            2, 60,
            [
                "Removed before screening", f"duplicates: {_n(v['duplicates'])}",
                f"by automation: {_n(v['excluded_automatic'])}", f"other: {_n(v['excluded_other'])}",
            ],
        ),
        "others": (
            3, 60,
            [
                "Identified by other ways", f"websites: {_n(v['website_results'])}",
                f"organisations: {_n(v['organisation_results'])}", f"citations: {_n(v['citations_results'])}",
            ],
        ),
        "screened": (1, 170, [f"Records screened: {_n(v['records_screened'])}"]),
        "excluded": (2, 170, [f"Records excluded: {_n(v['records_excluded'])}"]),
        "sought": (1, 240, [f"Reports sought: {_n(v['dbr_sought_reports'])}"]),
        "lost": (2, 240, [f"Reports not retrieved: {_n(v['dbr_notretrieved_reports'])}"]),
        "other_sought": (
            3, 240,
            [f"Reports sought: {_n(v['other_sought_reports'])}", f"not retrieved: {_n(v['other_notretrieved_reports'])}"],
        ),
        "assessed": (1, 310, [f"Reports assessed: {_n(v['dbr_assessed'])}"]),
        "dropped": (2, 310, [f"Reports excluded: {_n(v['dbr_excluded'])}", *reasons]),
        "other_assessed": (
            3, 310, [f"Reports assessed: {_n(v['other_assessed'])}", f"excluded: {_n(v['other_excluded'])}"],
        ),
        "new": (1, 420, [f"New studies included: {_n(v['new_studies'])}", f"Reports: {_n(v['new_reports'])}"]),
        "total": (1, 490, [f"Studies in review: {_n(v['total_studies'])}", f"Reports: {_n(v['total_reports'])}"]),
    }  # fmt: skip
    arrows = (
        ("found", "screened"), ("screened", "sought"), ("sought", "assessed"), ("assessed", "new"), ("new", "total"),
        ("found", "removed"), ("screened", "excluded"), ("sought", "lost"), ("assessed", "dropped"),
        ("others", "other_sought"), ("other_sought", "other_assessed"), ("other_assessed", "new"), ("previous", "total"),
    )  # fmt: skip
    height = max(570, 350 + _LINE * (len(reasons) + 2))
    out = [text(16, 28, title, size_px=14, bold=True)]
    if flow.note:
        out.append(text(16, 46, flow.note, "muted", size_px=11))
    shape = {key: (_COLUMNS[c], y, 12 + _LINE * len(lines)) for key, (c, y, lines) in boxes.items()}
    for start, end in arrows:
        (x1, y1, h1), (x2, y2, h2) = shape[start], shape[end]
        points: list[tuple[float, float]]
        if x1 == x2:
            points = [(x1 + _WIDTH / 2, y1 + h1), (x2 + _WIDTH / 2, y2)]
        elif y1 == y2:
            points = [(x1 + _WIDTH, y1 + min(h1, h2) / 2), (x2, y2 + min(h1, h2) / 2)]
        else:
            side = x2 if x1 < x2 else x2 + _WIDTH
            points = [(x1 + _WIDTH / 2, y1 + h1), (x1 + _WIDTH / 2, y2 + h2 / 2), (side, y2 + h2 / 2)]
        out.append(arrow(points, "muted"))
    for key, (_, _, lines) in boxes.items():
        x, y, h = shape[key]
        out.append(box(x, y, _WIDTH, h, "panel", "accent"))
        out += [text(x + 8, y + 17 + _LINE * index, line, size_px=11) for index, line in enumerate(lines)]
    said = "; ".join(", ".join(part.strip() for part in lines) for _, _, lines in boxes.values()) + "."
    return standalone(sheet("".join(out), "prisma", title, said, f"0 0 1080 {height}", (1080, height)))
