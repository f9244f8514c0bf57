"""Table 1 of the review, rebuilt: one row a paper, each cell with its source and how it was read, as HTML or CSV."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neorlt.evidence.derived import recompute
from neorlt.evidence.studies import WITHHELD, Cell, ReviewTable, Source, Study

NOT_FOUND = "not found"
NOT_READ = "not read"
REVIEW = "doi:10.1007/s12020-022-03170-0"
_SAME, _READ = "Same patients as", "Read as"
REVIEW_SAYS = "(the review says; not seen in the paper)"
"""Marks a cell that only the continued review's own text fills."""


@dataclass(frozen=True)
class Column:
    """One column: heading, the fields whose cells it shows, and how they become text."""

    key: str
    heading: str
    fields: tuple[str, ...]
    text: Callable[[Study], str | None]


def _plain(field: str) -> Callable[[Study], str | None]:
    def text(study: Study) -> str | None:
        return _words(study.cell(field).value, field)

    return text


_RANGES = ("weeks", "months", "ci95", "range", "iqr", "ci")
_SHORT = {
    "rlt": "RLT", "pfs": "PFS", "os": "OS", "dss": "DSS", "cr": "CR", "pr": "PR", "sd": "SD", "pd": "PD", "pct": "%", "orr": "ORR",
    "mds": "MDS", "hr": "HR", "r0": "R0", "pppd": "PPPD", "mets": "metastases", "dcr": "DCR", "g3plus": "G3+", "p": "P",
    "sstr2a": "SSTR2A", "cd163": "CD163", "m2": "M2",
}  # fmt: skip


def _label(key: str) -> str:
    return " ".join(_SHORT.get(word, word) for word in str(key).split("_"))


def _words(value: Any, key: str = "") -> str | None:
    """A nested value as short words; None stays None. Two whole numbers are a range or a fraction, by their key."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        parts = [
            text if name in ("text", "note") else f"{_label(name)} {text}"
            for name, item in value.items()
            if (text := _words(item, str(name))) is not None
        ]
        return "; ".join(parts) or None
    if isinstance(value, list):
        whole = len(value) == 2 and all(isinstance(item, int | float) for item in value)
        if whole and key.split("_")[-1] in _RANGES:
            return f"{value[0]} to {value[1]}"
        if whole and all(isinstance(item, int) for item in value):
            return f"{value[0]}/{value[1]}"
        return ", ".join(str(_words(item)) for item in value)
    return str(value)


def _patients(study: Study) -> str | None:
    total, pancreas = study.fields.get("n_total"), study.fields.get("n_pannet")
    if total is None:
        return None
    return f"{total}" if pancreas == total else f"{total} (PanNET {'not stated' if pancreas is None else pancreas})"


def _fraction(numerator: str, denominator: str) -> Callable[[Study], str | None]:
    def text(study: Study) -> str | None:
        a, b = study.fields.get(numerator), study.fields.get(denominator)
        return None if a is None else f"{a}/{b}" if b is not None else str(a)

    return text


def _size(study: Study) -> str | None:
    size = study.fields.get("primary_size_mm")
    if not isinstance(size, Mapping) or size.get("before") is None or size.get("after") is None:
        return _words(size, "primary_size_mm") or None
    p = f", p {size['p']}" if size.get("p") is not None else ""
    stat = f"{size['stat']} " if size.get("stat") else ""
    return f"{stat}{size['before']} to {size['after']} mm{p}"


def _activity(study: Study) -> str | None:
    parts = []
    if study.fields.get("activity_per_cycle_gbq") is not None:
        parts.append(f"{_words(study.fields['activity_per_cycle_gbq'])} GBq a cycle")
    if study.fields.get("activity_per_cycle_gbq_per_m2") is not None:
        parts.append(f"GBq per m2: {_words(study.fields['activity_per_cycle_gbq_per_m2'])}")
    if study.fields.get("cumulative_activity_gbq") is not None:
        parts.append(f"cumulative GBq: {_words(study.fields['cumulative_activity_gbq'])}")
    return "; ".join(parts) or None


_HISTOLOGY = ("stroma_pct", "tumour_diameter", "sstr2a_retained_pct", "cd163_m2_density_p", "epithelioid_m2_p", "pfs")


def _histology(study: Study) -> str | None:
    """What a histological series prints of the tissue after RLT."""
    if study.role != "histology":
        return None
    found = {key: value for key, value in (study.fields.get("other") or {}).items() if key in _HISTOLOGY}
    return _words(found)


COLUMNS = (
    Column("country", "Country", ("country",), _plain("country")),
    Column("design", "Design", ("design",), lambda s: s.design.replace("_", " ") if s.design else None),
    Column("patients", "Patients", ("n_total", "n_pannet"), _patients),
    Column("nuclide", "Nuclide", ("isotopes",), _plain("isotopes")),
    Column("peptide", "Peptide", ("peptide",), _plain("peptide")),
    Column("cycles", "Cycles", ("cycles",), _plain("cycles")),
    Column("activity", "Activity", ("activity_per_cycle_gbq",), _activity),
    Column("chemotherapy", "With chemotherapy", ("concomitant_chemo",), _plain("concomitant_chemo")),
    Column("response", "Response", ("response",), _plain("response")),
    Column("size", "Primary size", ("primary_size_mm",), _size),
    Column("vessels", "Vessels, downstaging", ("vessel_involvement",), _plain("vessel_involvement")),
    Column("grade", "Grade change", ("grade_change",), _plain("grade_change")),
    Column("liver", "Liver metastases", ("liver_metastases",), _plain("liver_metastases")),
    Column("operated", "Operated", ("n_operated",), _fraction("n_operated", "n_total")),
    Column("r0", "R0", ("n_r0",), _fraction("n_r0", "n_operated")),
    Column("surgery", "Surgery", ("surgery",), _plain("surgery")),
    Column("histology", "Histology after RLT", ("other",), _histology),
    Column("toxicity", "Toxicity", ("toxicity",), _plain("toxicity")),
    Column("survival", "Follow-up and survival", ("survival",), _plain("survival")),
)


def cell_text(study: Study, column: Column) -> tuple[str, Cell]:
    """Text of a cell and the cell behind it; an empty cell says why it is empty."""
    cell = study.cell(column.fields[0])
    text = None if study.is_placeholder else column.text(study)
    if text is not None:
        return text, cell
    said = study.attributed.get(column.fields[0])
    if said is not None:
        return f"{said} {REVIEW_SAYS}", Cell(said, (Source(REVIEW, "the review's text on this reference"),), "secondary")
    if study.is_placeholder:
        return NOT_READ, cell
    return (WITHHELD if cell.withheld else NOT_FOUND), cell


def table_csv(table: ReviewTable) -> str:
    """Table 1 as CSV: for each column its text, and beside it where and how it was read."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    header = ["id", "study", "counted_by_review", "overlapping_cohort", "overlaps_with", "read_as", "doi"]
    for column in COLUMNS:
        header += [column.key, f"{column.key}_source"]
    writer.writerow([*header, "conflicts"])
    for study in table.of_table():
        row = [
            study.id,
            study.name,
            "yes" if study.in_review else "no",
            study.cohort or "",
            " ".join(study.overlap_with),
            study.verified,
            study.bibliography.get("doi") or "",
        ]
        for column in COLUMNS:
            text, cell = cell_text(study, column)
            row += [text, cell.how if text not in (NOT_FOUND, NOT_READ) else ""]
        writer.writerow([*row, " | ".join(study.conflicts)])
    return stream.getvalue()


def table_html(table: ReviewTable) -> str:
    """Table 1 as an HTML fragment (no script, no external call); the source of a cell stands in its title."""
    out = [
        '<table class="evidence-table stacked">',
        f"<caption>{html.escape(table.question)} {html.escape(str(table.notes['table1_note']))}.</caption>",
        "<thead><tr><th scope='col'>Study</th>",
        *[f"<th scope='col'>{html.escape(column.heading)}</th>" for column in COLUMNS],
        f"<th scope='col'>{_SAME}</th><th scope='col'>{_READ}</th></tr></thead><tbody>",
    ]
    levels = table.notes["verified_levels"]
    names = {study.id: study.name for study in table.studies}
    for study in table.of_table():
        doi = study.bibliography.get("doi")
        name = html.escape(study.name)
        label = f'<a href="https://doi.org/{html.escape(doi)}">{name}</a>' if doi else name
        mark = "" if study.in_review else " <small>(not in the review)</small>"
        out.append(f'<tr id="{html.escape(study.id)}"><th scope="row">{label}{mark}</th>')
        for column in COLUMNS:
            text, cell = cell_text(study, column)
            empty = text in (NOT_FOUND, NOT_READ, WITHHELD)
            title = "" if empty and text != WITHHELD else f' title="{html.escape(cell.how)}"'
            css = ' class="empty"' if empty else ""
            out.append(f'<td{css}{title} data-head="{html.escape(column.heading)}">{html.escape(text)}</td>')
        overlap = ", ".join(names.get(other, other) for other in study.overlap_with)
        shown = f"cohort {study.cohort}: {overlap}; never pooled together" if overlap else "no overlap known"
        read = levels[study.verified] + ("; results withheld" if study.results_withheld else "")
        out.append(f'<td data-head="{_SAME}">{html.escape(shown)}</td><td data-head="{_READ}">{html.escape(read)}</td></tr>')
    out.append("</tbody></table>")
    out.append(_recomputed_html(table))
    out.append(_blocked_html(table))
    return "\n".join(out) + "\n"


def _recomputed_html(table: ReviewTable) -> str:
    rows = []
    for row in recompute(table):
        value = f"{row.value:.3f}" if row.unit == "p" else f"{row.value:.1f} {row.unit}"
        verdict = "" if row.agrees is None else ("agrees" if row.agrees else "does not agree")
        cells = (table.study(row.study).name, row.what, value, row.printed or "", verdict, row.how)
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Study", "Value", "Recomputed", "Printed", "", "How"))
    return (
        '<table class="evidence-recomputed"><caption>Values recomputed from printed counts</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _blocked_html(table: ReviewTable) -> str:
    items = "".join(f"<li>{html.escape(item['pmcid'])}: {html.escape(item['why'])}</li>" for item in table.blocked)
    return f'<section class="evidence-blocked"><h3>Blocked</h3><ul>{items}</ul></section>'
