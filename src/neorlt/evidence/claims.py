"""The review, claim by claim: what held, what is corrected, what nobody knows, and what has come since."""

from __future__ import annotations

import csv
import functools
import html
import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.tables import read_json
from neorlt.evidence.studies import SHIPPED_REVIEW, ReviewTable, shipped_review

VERDICTS = ("held true", "corrected", "not known")


@dataclass(frozen=True)
class Claim:
    """One claim or need of the review, with our answer; ``sources`` are ids of the study table, ``shown_by`` commands."""

    n: int
    section: str
    claim: str
    verdict: str
    answer: str
    since: str | None
    shown_by: tuple[str, ...]
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise InputError("unknown verdict", found=self.verdict, expected=", ".join(VERDICTS), remedy="use one of them")
        if not self.answer.strip() or not self.shown_by:
            raise InputError("a claim without an answer, or without a command that shows it", where=f"claim {self.n}", remedy="give both")

    def as_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return self.__dict__ | {"shown_by": list(self.shown_by), "sources": list(self.sources)}


@functools.cache
def shipped_claims(name: str = SHIPPED_REVIEW) -> tuple[Claim, ...]:
    """The claims of the shipped review in its own order.

    Raises:
        InputError: no review of this name ships.

    """
    document = read_json("evidence", "claims.json")
    if name != document["review"]:
        raise InputError("no claims of a review of this name", found=name, expected=document["review"], remedy="use the expected name")
    return tuple(Claim(**{**row, "shown_by": tuple(row["shown_by"]), "sources": tuple(row["sources"])}) for row in document["claims"])


def choose(claims: tuple[Claim, ...], *, number: int | None = None, verdict: str | None = None, text: str | None = None) -> list[Claim]:
    """Claims of one number, of one verdict, or that hold a text.

    Raises:
        InputError: an unknown number or verdict.

    """
    if verdict is not None and verdict not in VERDICTS:
        raise InputError("unknown verdict", found=verdict, expected=", ".join(VERDICTS), remedy="use one of them")
    wanted = (text or "").lower()
    found = [
        claim
        for claim in claims
        if number in (None, claim.n)
        and verdict in (None, claim.verdict)
        and wanted in f"{claim.claim} {claim.answer} {claim.since}".lower()
    ]
    if number is not None and not found:
        raise InputError("no such claim", found=str(number), expected=f"1 to {len(claims)}", remedy="see the list without a number")
    return found


def summary(claims: tuple[Claim, ...]) -> dict[str, int]:
    """How many claims of each verdict."""
    counted = Counter(claim.verdict for claim in claims)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def claims_csv(claims: tuple[Claim, ...]) -> str:
    """All claims as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["n", "section", "claim", "verdict", "answer", "since", "shown_by", "sources"])
    for c in claims:
        writer.writerow([c.n, c.section, c.claim, c.verdict, c.answer, c.since or "", "; ".join(c.shown_by), " ".join(c.sources)])
    return stream.getvalue()


def claims_html(claims: tuple[Claim, ...]) -> str:
    """All claims as an HTML table, the verdict in words (and as a class for colour)."""
    rows = []
    for c in claims:
        css = c.verdict.replace(" ", "-")
        shown = ", ".join(f"<code>{html.escape(command)}</code>" for command in c.shown_by)
        cells = (
            html.escape(c.claim),
            f'<strong class="{css}">{c.verdict}</strong>',
            html.escape(c.answer),
            html.escape(c.since or ""),
            shown,
        )
        rows.append(f'<tr id="claim-{c.n}"><th scope="row">{c.n}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in summary(claims).items())
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("No.", "The review", "Verdict", "What was read", "Since then", "Shown by"))
    return (
        f'<table class="evidence-claims"><caption>The review, claim by claim: {counted}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def registry_rows(table: ReviewTable) -> list[dict[str, Any]]:
    """Registrations of the field: number, name, design, patients, status, source; None where it was not found."""
    keys = ("nct", "name", "design", "n", "n_planned", "status", "source")
    return [{key: trial.get(key) for key in keys} for trial in table.trials]


def registry_html(table: ReviewTable) -> str:
    """The review's section on ongoing trials as a table of registrations, as far as they are known."""
    rows = []
    for trial in registry_rows(table):
        cells = [
            trial["nct"] or "number not found",
            trial["name"],
            trial["design"],
            trial["n"] if trial["n"] is not None else trial["n_planned"],
            trial["status"],
        ]
        rows.append("<tr>" + "".join(f"<td>{html.escape(str(cell)) if cell is not None else 'not found'}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Registration", "Trial", "Design", "Patients (or planned)", "Status"))
    note = "The review's EudraCT number 20019-002196-34 has a digit too many and names no registration."
    return (
        f'<table class="evidence-trials"><caption>Registrations, once the review\'s section on ongoing trials. {note}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def since_html(table: ReviewTable) -> str:
    """What was published after the review, with how it was read."""
    rows = []
    for item in table.since:
        where = next((str(item[key]) for key in ("doi", "pmid", "registry", "source") if item.get(key)), "")
        cells = (item["name"], item["facts"], where, item.get("verified") or "")
        rows.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("What", "Facts", "Where", "Read as"))
    return (
        '<table class="evidence-since"><caption>Published since the review</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def references_html(table: ReviewTable) -> str:
    """The review's references: what each is cited for and which paper it is, as far as that is known."""
    rows = []
    for item in table.references:
        ids = ", ".join(f"{kind} {item[key]}" for key, kind in (("doi", "doi"), ("pmid", "PMID")) if item.get(key))
        cells = (item["cited_for"], item.get("paper") or "not known", ids, item.get("known") or "")
        rows.append(
            f"<tr><th scope='row'>{item['number']}</th>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>"
        )
    known = sum(bool(item.get("paper")) for item in table.references)
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("No.", "Cited for", "Paper", "Identifiers", "How it is known"))
    return (
        f'<table class="evidence-references"><caption>References of the review: {known} of {len(table.references)} known</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


_HEADS = {"isotope": "Nuclide", "liver_mets": "Liver metastases", "suvmax_before": "SUVmax before", "suvmax_after": "SUVmax after"}


def patients_html(table: ReviewTable) -> str:
    """Patients described one by one, Fig. 1 of the review among them."""
    columns = (
        "study",
        "age",
        "sex",
        "site",
        "grade",
        "isotope",
        "cycles",
        "vessel",
        "liver_mets",
        "suvmax_before",
        "suvmax_after",
        "operated",
        "outcome",
    )
    heads = [_HEADS.get(key, key.capitalize().replace("_", " ")) for key in columns]
    names = {study.id: html.escape(study.name) for study in table.studies}
    rows = []
    for patient in table.patients:
        values = ("yes" if value is True else "no" if value is False else value for value in (patient.get(key) for key in columns))
        first, *cells = ["not found" if value is None else html.escape(str(value)) for value in values]
        named = "".join(f'<td data-head="{head}">{cell}</td>' for head, cell in zip(heads[1:], cells, strict=True))
        rows.append(f'<tr><th scope="row">{names.get(first, first.replace("_", " "))}</th>{named}</tr>')
    head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
    return (
        '<table class="evidence-patients stacked"><caption>Patients described one by one (never pooled)</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def document(*, number: int | None = None, verdict: str | None = None, text: str | None = None) -> dict[str, Any]:
    """``neorlt evidence claims`` as JSON: claims, counts, references, patients and what came since."""
    claims, table = shipped_claims(), shipped_review()
    return {
        "review": SHIPPED_REVIEW,
        "of": read_json("evidence", "claims.json")["of"],
        "as_of": read_json("evidence", "claims.json")["as_of"],
        "counts": summary(claims),
        "claims": [claim.as_json() for claim in choose(claims, number=number, verdict=verdict, text=text)],
        "references": [dict(item) for item in table.references],
        "since": [dict(item) for item in table.since],
        "patients": [dict(item) for item in table.patients],
    }
