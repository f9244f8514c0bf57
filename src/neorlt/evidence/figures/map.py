"""Evidence map: nuclide against outcome, a bubble for the patients behind each cell."""

from __future__ import annotations

from neorlt.drawing.axes import light_grid, rows_down
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import drawing, new_figure, standalone, to_svg
from neorlt.evidence.outcomes import nuclide_of
from neorlt.evidence.studies import ReviewTable

OUTCOME_FIELDS = {
    "response": "response",
    "size": "primary_size_mm",
    "vessels": "vessel_involvement",
    "grade": "grade_change",
    "liver": "liver_metastases",
    "operated": "n_operated",
    "R0": "n_r0",
    "toxicity": "toxicity",
    "survival": "survival",
}


def evidence_map(table: ReviewTable) -> dict[tuple[str, str], tuple[int, int]]:
    """For each (nuclide, outcome): number of records and of patients; records without a patient count add none."""
    cells: dict[tuple[str, str], tuple[int, int]] = {}
    for study in table.of_table():
        if study.is_placeholder:
            continue
        for outcome, field in OUTCOME_FIELDS.items():
            if study.fields.get(field) is not None:
                key = (nuclide_of(study), outcome)
                records, patients = cells.get(key, (0, 0))
                cells[key] = (records + 1, patients + int(study.fields.get("n_total") or 0))
    return cells


def map_svg(table: ReviewTable, title: str = "Evidence map: patients behind each outcome") -> str:
    """Draw the map as SVG; the number in a bubble is the number of records (overlapping cohorts counted each)."""
    cells = evidence_map(table)
    nuclides = sorted({nuclide for nuclide, _ in cells})
    outcomes = list(OUTCOME_FIELDS)
    with drawing("map"):
        figure = new_figure(80 + 74 * max(1, len(nuclides)), margins_px=(24 + 7 * max(map(len, nuclides), default=0), 12, 30, 34))
        axes = figure.subplots()
        light_grid(axes, "both")
        rows_down(axes, nuclides)
        for (nuclide, outcome), (records, patients) in cells.items():
            x, y = outcomes.index(outcome), nuclides.index(nuclide)
            axes.scatter([x], [y], s=110 + 18 * patients, color=colour("tint"), edgecolor=colour("accent"), zorder=2)
            axes.text(x, y, str(records), ha="center", va="center", fontsize=11, zorder=3)
        axes.set_xticks(range(len(outcomes)), outcomes)
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.6, len(outcomes) - 0.4)
        axes.set_title(title)
        said = "; ".join(f"{nuclide}, {outcome}: {records} records, {patients} patients" for (nuclide, outcome), (records, patients)
                         in sorted(cells.items()))
        return standalone(to_svg(figure, "map", title, said + "."))
