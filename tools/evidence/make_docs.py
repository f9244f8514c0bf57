"""Make ``docs/review-claims.md`` and ``docs/pooling-few-series.md`` from the shipped tables and the coverage of every cell.

Usage: ``python tools/evidence/make_docs.py [--check]``. The pages are never edited by hand.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from neorlt.evidence.claims import registry_rows, shipped_claims, summary
from neorlt.evidence.pooling import coverage_table, default_method
from neorlt.evidence.studies import shipped_review

ROOT = Path(__file__).resolve().parents[2]
CELLS = ROOT / "validation/evidence_pooling_by_k.csv"
NOTICE = "<!-- Made by tools/evidence/make_docs.py: do not edit. -->\n"
RULE = "| ---"
SHOWN = ("bayes", "glmm", "glmm-wald-t", "logit/reml/knha", "bayes-0.5", "beta-binomial")
"""Methods whose every cell stands on the page; the rest stand by their worst cell, and in the CSV."""


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |\n"


def claims_page() -> str:
    """The review, claim by claim."""
    claims, table = shipped_claims(), shipped_review()
    text = NOTICE + "# The review, claim by claim\n\n"
    text += "The project starts from a mini-review (Urso et al., Endocrine 2022;78:255, doi 10.1007/s12020-022-03170-0). Each of "
    text += "its "
    text += f"{len(claims)} claims and needs has an answer: " + ", ".join(f"{count} {name}" for name, count in summary(claims).items())
    text += ". *Held true*: what was read since agrees, with the limits said. *Corrected*: the print is wrong, outdated, or says more than "
    text += "its source. *Not known*: nothing that was read can tell. "
    text += "The same stands in `neorlt evidence claims` and on the evidence page.\n"
    section = ""
    for claim in claims:
        if claim.section != section:
            section = claim.section
            text += f"\n## {section}\n\n"
            text += _row("No.", "The review", "Verdict", "What was read", "Since then", "Shown by") + RULE * 6 + " |\n"
        shown = ", ".join(f"`{command}`" for command in claim.shown_by)
        text += _row(claim.n, claim.claim, f"**{claim.verdict}**", claim.answer, claim.since or "", shown)
    text += "\n## Registrations\n\n" + _row("Registration", "Trial", "Design", "Patients", "Status") + RULE * 5 + " |\n"
    for trial in registry_rows(table):
        number = trial["n"] if trial["n"] is not None else trial["n_planned"]
        cells = (trial["nct"] or "not found", trial["name"], trial["design"], number, trial["status"])
        text += _row(*("not found" if cell is None else cell for cell in cells))
    text += "\n## References\n\n" + _row("No.", "Cited for", "Paper", "Identifier", "How it is known") + RULE * 5 + " |\n"
    for item in table.references:
        ids = ", ".join(f"{key} {item[key]}" for key in ("doi", "pmid") if item.get(key))
        text += _row(item["number"], item["cited_for"], item["paper"] or "not known", ids, item["known"] or "")
    return text


def pooling_page() -> str:
    """Coverage and width of the pooling methods."""
    table = coverage_table()
    rows = {(row["method"], row["k"]): row for row in table["by_k"]}
    series = sorted({row["k"] for row in table["by_k"]})
    text = NOTICE + "# Pooling few series: what each method holds\n\n"
    text += f"{table['what'].capitalize()}. {table['n_runs_a_cell']} synthetic reviews a cell, sizes drawn from {table['sizes']}. "
    text += f"Priors, fixed before the run: {table['priors']}. Every cell of every method is in `validation/evidence_pooling_by_k.csv`. "
    gaps = ", ".join(f"{name} {value}" for name, value in table["largest_difference_from_pool"].items())
    text += f"Bounds are read from a grid; largest difference from the shipped methods on a subsample: {gaps}.\n\n"
    text += "The default for a number of series is the narrowest of `bayes`, `glmm-wald-t`, `glmm` that covers at least "
    text += f"{100 * table['enough']:.0f} % in its worst cell (within 5 % of width the first of them): "
    text += ", ".join(f"k = {k} `{default_method(k)}`" for k in series)
    text += ". Below three series there is no pooled number; an interval wider "
    text += "than 0.95 is called not estimable.\n\n## Worst coverage of nine cells (%) and mean width, by number of series\n\n"
    text += _row("Method", *(f"k = {k}" for k in series)) + RULE * (len(series) + 1) + " |\n"
    for name in dict.fromkeys(row["method"] for row in table["by_k"]):
        text += _row(name, *(f"{100 * rows[name, k]['worst_coverage']:.1f}, {rows[name, k]['mean_width']:.2f}" for k in series))
    cells = list(csv.DictReader(CELLS.open(encoding="utf-8")))
    corners = sorted({(float(cell["rate"]), float(cell["tau"])) for cell in cells})
    for name in SHOWN:
        text += f"\n## Every cell: {name}\n\nCoverage (%) and mean width.\n\n"
        text += _row("k", *(f"{100 * rate:.0f} %, tau {tau:g}" for rate, tau in corners)) + RULE * (len(corners) + 1) + " |\n"
        own = {(int(cell["k"]), float(cell["rate"]), float(cell["tau"])): cell for cell in cells if cell["method"] == name}
        for k in series:
            found = [own[k, rate, tau] for rate, tau in corners]
            text += _row(k, *(f"{100 * float(cell['coverage']):.1f}, {float(cell['mean_width']):.2f}" for cell in found))
    return text


PAGES = {"review-claims.md": claims_page, "pooling-few-series.md": pooling_page}


def main() -> int:
    """Write the pages, or say which is stale."""
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / "docs" / name, make()
        if "--check" in sys.argv:
            stale += [name] if not path.is_file() or path.read_text(encoding="utf-8") != text else []
        else:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/{name} is stale: run python tools/evidence/make_docs.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
