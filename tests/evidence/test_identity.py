"""A patient counts once: works above records, whatever the order of imports, merges, undone merges and updates."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.evidence.dedupe import dedupe
from neorlt.evidence.identifiers import accession, clean_doi, clean_pmid, find_eudract, find_nct, find_pmc
from neorlt.evidence.importers import import_bytes
from neorlt.evidence.outcomes import OUTCOMES, collect
from neorlt.evidence.records import Record
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.review.exchange import export_asreview, import_decisions
from neorlt.evidence.review.identity import ShippedPapers, as_record
from neorlt.evidence.review.report import folder_table, included, review_flow
from neorlt.evidence.studies import shipped_review
from neorlt.evidence.update import conclusions, update

OLD = Path(__file__).parents[1] / "data" / "evidence" / "review-0.1"


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("10.1016/S0140-6736(24)00701-3", "10.1016/s0140-6736(24)00701-3"),
        ("https://doi.org/10.1093/bjs/znae178.", "10.1093/bjs/znae178"),
        ("(doi:10.1007/s12020-022-03170-0)", "10.1007/s12020-022-03170-0"),
        (
            "10.1002/(SICI)1097-0258(19980815/30)17:15/16<1661::AID-SIM968>3.0.CO;2-2",
            "10.1002/(sici)1097-0258(19980815/30)17:15/16<1661::aid-sim968>3.0.co;2-2",
        ),
        ("10.1016/j.surg.2017.11.007 [doi]", "10.1016/j.surg.2017.11.007"),
        ("https://doi.org/10.1016%2Fj.surg.2017.11.007", "10.1016/j.surg.2017.11.007"),
        ("110.1016/j.surg", None),
        ("10.1016/", None),
        ("PMID 12345", None),
    ],
)
def test_a_doi_is_neither_cut_nor_guessed(text: str, doi: str | None) -> None:
    assert clean_doi(text) == doi


def test_numbers_are_parsed_by_their_grammar() -> None:
    assert [clean_pmid(text) for text in ("39213395", "PMID: 39213395", "622334455", "0123", "39213395.0", "12a", None)] == [
        "39213395", "39213395", None, None, "39213395", None, None,
    ]  # fmt: skip
    assert find_nct("NCT04385992.") == "NCT04385992"
    assert find_nct("NCT043859921") is None
    assert find_eudract("EudraCT 2019-002196-34") == "2019-002196-34"
    assert find_eudract("EUDRACT 20019-002196-34") is None  # the review's number has a digit too many
    assert find_eudract("2022-500014-26-00") == "2022-500014-26-00"
    assert find_pmc("XPMC123456") is None
    assert accession("622334455", "Embase") == ("embase", "622334455")
    assert accession("622334455", None) is None
    assert accession("L622334455", None) == ("embase", "622334455")
    assert accession("29999999", "Ovid MEDLINE(R)") == ("pmid", "29999999")
    assert accession("29999999", "Embase") == ("embase", "29999999")
    assert accession("WOS:000451234500012") == ("wos", "000451234500012")
    assert accession("2-s2.0-85012345678") == ("scopus", "2-s2.0-85012345678")


def test_an_accession_number_of_embase_is_no_pmid(tmp_path: Path) -> None:
    title = "Neoadjuvant peptide receptor radionuclide therapy of pancreatic tumours before surgery"
    ris = f"TY  - JOUR\nA1  - Delta D.\nT1  - {title}\nY1  - 2018/05//\nJF  - European Journal of Testing\nVL  - 12\nSP  - 101\nEP  - 109\n"
    ris += "AN  - 622334455\nDB  - Embase\nER  - \n"
    nbib = f"PMID- 29999999\nTI  - {title}.\nPG  - 101-109\nVI  - 12\nDP  - 2018 May\nAU  - Delta D\nJT  - European Journal of Testing\n"
    with ReviewFolder.create(tmp_path / "review") as review:
        _, (embase,) = import_bytes(ris.encode())
        assert embase.pmid is None
        assert embase.accessions == ("embase:622334455",)
        review.add_records([embase], "ris")
        review.decide(embase.id, "include", who="first", why="fits")
        review.add_records(import_bytes(nbib.encode())[1], "nbib")
        assert dedupe(review)["duplicates"] == 1
        assert list(review.records()) == ["pmid:29999999"]
        assert review.outcome() == {"pmid:29999999": "include"}  # the richer copy does not hide the verdict


def test_books_keep_title_year_and_kind() -> None:
    chapter = (
        '<PubmedBookArticle><BookDocument><PMID Version="1">90000011</PMID><Book><BookTitle book="g">Reviews of Genes</BookTitle>'
        '<PubDate><Year>1993</Year></PubDate></Book><ArticleTitle book="g" part="x">Multiple endocrine neoplasia</ArticleTitle>'
        '<AuthorList Type="authors"><Author><LastName>Eta</LastName><Initials>E</Initials></Author></AuthorList>'
        "<PublicationType>Review</PublicationType><Abstract><AbstractText>Text.</AbstractText></Abstract>"
        "<ContributionDate><Year>2005</Year></ContributionDate></BookDocument></PubmedBookArticle>"
    )
    book = (
        '<PubmedBookArticle><BookDocument><PMID Version="1">90000012</PMID><Book><BookTitle book="m">A whole report</BookTitle>'
        "<PubDate><Year>2010</Year></PubDate></Book></BookDocument></PubmedBookArticle>"
    )
    _, (one, other) = import_bytes(f'<?xml version="1.0" ?><PubmedArticleSet>{chapter}{book}</PubmedArticleSet>'.encode())
    assert (one.title, one.year, one.journal, one.authors) == ("Multiple endocrine neoplasia", 2005, "Reviews of Genes", ("Eta E",))
    assert "Review" in one.kinds
    assert (other.title, other.year) == ("A whole report", 2010)


def test_an_identifier_of_two_papers_joins_neither(tmp_path: Path) -> None:
    with ReviewFolder.create(tmp_path / "review") as review:
        review.add_records([Record(title="A poster", source="ris", doi="10.5555/supplement")], "ris")
        review.add_records([Record(title="One", source="pubmed", doi="10.5555/supplement", pmid="11")], "pubmed")
        review.add_records([Record(title="Two", source="pubmed", doi="10.5555/supplement", pmid="12")], "pubmed")
        assert len(review.records()) == 3
        assert "10.5555/supplement" in review.works().problems[0]


# Copies of four works, and two papers that look like one and are not; the last column is the work that is meant.
LONG = "Invented peptide receptor radionuclide therapy before surgery of pancreatic neuroendocrine tumours"
_A = {"title": LONG, "authors": ("Alpha A",), "year": 2018, "journal": "J Nucl Med", "volume": "59", "pages": "10-19"}
COPIES = (
    (Record(source="ris", doi="10.5555/alpha", **_A), "a"),
    (Record(source="pubmed", pmid="101", **{**_A, "journal": "Journal of Nuclear Medicine"}), "a"),
    (Record(source="csv", **{**_A, "authors": ("Alpha, Anna",), "title": LONG.upper()}), "a"),
    (Record(source="openalex", pmid="101", doi="10.5555/alpha", **{**_A, "journal": None}), "a"),
    (Record(source="ris", accessions=("embase:622334455",), title=LONG + " part II", authors=("Alpha A",), year=2018, pages="20-29"), "b"),
    (Record(source="pubmed", pmid="102", title=LONG + " part II", authors=("Alpha A",), year=2018, pages="20-29"), "b"),
    (Record(source="bibtex", title="Quite another invented report", authors=("Beta B",), year=2001, journal="Ann Surg", pages="3"), "c"),
    (Record(source="clinicaltrials.gov", title="A registered invented study", nct="NCT90000001"), "d"),
)


def _state(folder: Path, order: list[int], merges: list[bool]) -> tuple[object, ...]:
    """Import one by one in an order; decide on every copy's work by its own rule; look for duplicates where ``merges`` says so."""
    with ReviewFolder.create(folder) as review:
        for place, merge in zip(order, merges, strict=True):
            record, work = COPIES[place]
            review.add_records([record], record.source)
            if work in "abc":
                review.decide(record.id, "include" if work != "c" else "exclude", who="first", why="said")
            if merge:
                dedupe(review)
            if place == 2:
                review.add_records([record], "again")
        if "print:" in "".join(review.duplicates()):
            loose = next(key for key in review.duplicates() if key.startswith("print:"))
            review.undo_duplicate(loose, who="second", why="to see")
            review.mark_duplicate(loose, review.work_of(COPIES[1][0].id), who="second", why="no: the same")
        update(review, pubmed=None, ctgov=None, today="2026-11-28")
        verdicts = {(work, who, verdict) for work, by in review.verdicts().items() for who, verdict in by.items()}
        pools = {key: (value["k"], value["n"], value["pooled"]) for key, value in conclusions(review).items()}
        return (
            frozenset(verdicts),
            frozenset(review.works().members),
            review_flow(review).numbers["new_studies"],
            tuple(sorted(pools.items())),
        )


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(COPIES))), merges=st.lists(st.booleans(), min_size=len(COPIES), max_size=len(COPIES)))
def test_no_order_of_imports_merges_and_updates_changes_what_was_decided(
    order: list[int], merges: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("orders")
    expected = {("pmid:101", "first", "include"), ("pmid:102", "first", "include"), (COPIES[6][0].id, "first", "exclude")}
    verdicts, works, new, pools = _state(root / "one", order, merges)
    assert verdicts == expected
    assert works == {"pmid:101", "pmid:102", COPIES[6][0].id, "nct:NCT90000001"}
    assert new == 2
    assert pools == tuple(sorted((key, (value["k"], value["n"], value["pooled"])) for key, value in _shipped_conclusions().items()))


def _shipped_conclusions() -> dict[str, dict[str, object]]:
    from neorlt.evidence.outcomes import pool_outcome

    pools = {outcome.key: pool_outcome(shipped_review(), outcome, with_sensitivity=False).result for outcome in OUTCOMES}
    return {key: {"k": result.k, "n": result.n, "pooled": result.pooled} for key, result in pools.items()}


def _as_nbib(record: Record) -> bytes:
    pmid = record.pmid or str(70_000_000 + abs(int(record.fingerprint, 16)) % 9_999_999)
    lines = [
        f"PMID- {pmid}",
        f"TI  - {record.title}",
        f"DP  - {record.year}",
        f"JT  - {record.journal or ''}",
        f"VI  - {record.volume or ''}",
    ]
    lines += [f"PG  - {record.pages or ''}", *(f"AU  - {name}" for name in record.authors)]
    return "\n".join(
        [line for line in lines if not line.endswith("- ")] + ([f"AID - {record.doi} [doi]"] if record.doi else []) + [""]
    ).encode()


def _as_ris(record: Record) -> bytes:
    first, _, last = (record.pages or "").partition("-")
    pairs = [("TY", "JOUR"), ("TI", record.title), *(("AU", name) for name in record.authors), ("PY", record.year), ("T2", record.journal)]
    pairs += [("VL", record.volume), ("SP", first), ("EP", last), ("DO", record.doi), ("ER", "")]
    return "\n".join(f"{tag}  - {value or ''}" for tag, value in pairs if value or tag == "ER").encode()


def _as_bibtex(record: Record) -> bytes:
    fields = {"title": record.title, "author": " and ".join(record.authors), "year": record.year, "journal": record.journal}
    fields |= {"volume": record.volume, "pages": record.pages, "doi": record.doi, "pmid": record.pmid}
    return ("@article{x,\n" + ",\n".join(f"{key} = {{{value}}}" for key, value in fields.items() if value) + "\n}\n").encode()


def _as_csv(record: Record) -> bytes:
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["PMID", "Title", "Authors", "Publication Year", "Journal/Book", "DOI"])
    writer.writerow([record.pmid, record.title, ", ".join(record.authors) + ".", record.year, record.journal, record.doi])
    return stream.getvalue().encode()


def _as_xml(record: Record) -> bytes:
    from xml.sax.saxutils import escape

    names = [name.rpartition(" ") for name in record.authors]
    author = "".join(f"<Author><LastName>{escape(last)}</LastName><Initials>{initials}</Initials></Author>" for last, _, initials in names)
    ids = f'<ArticleId IdType="doi">{record.doi}</ArticleId>' if record.doi else ""
    issue = f"<JournalIssue><Volume>{record.volume or ''}</Volume><PubDate><Year>{record.year}</Year></PubDate></JournalIssue>"
    article = f"<Article><Journal>{issue}<Title>{escape(record.journal or '')}</Title></Journal>"
    article += f"<ArticleTitle>{escape(record.title)}</ArticleTitle><Pagination><MedlinePgn>{record.pages or ''}</MedlinePgn></Pagination>"
    article += f"<AuthorList>{author}</AuthorList></Article>"
    citation = f"<MedlineCitation><PMID>{record.pmid or 70000001}</PMID>{article}</MedlineCitation>"
    data = f"<PubmedData><ArticleIdList>{ids}</ArticleIdList></PubmedData>"
    return f"<PubmedArticleSet><PubmedArticle>{citation}{data}</PubmedArticle></PubmedArticleSet>".encode()


FORMATS = (_as_nbib, _as_ris, _as_bibtex, _as_csv, _as_xml)


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_reimporting_the_shipped_papers_changes_no_pool_and_no_count(write: object, tmp_path: Path) -> None:
    papers = [
        record for study in shipped_review().of_table() if (record := as_record(study)) is not None and study.bibliography.get("title")
    ]
    before = _shipped_conclusions()
    with ReviewFolder.create(tmp_path / "review") as review:
        for record in papers if write is not _as_xml else papers[::-1]:
            review.add_records(import_bytes(write(record))[1], "file")  # type: ignore[operator]
        dedupe(review)
        for key in review.records():
            review.decide(key, "include", who="first", why="of the review")
            review.extract(key, "country", "somewhere", who="first", where="title page", how="abstract")
        for key, value in conclusions(review).items():
            assert {name: value[name] for name in ("k", "n", "pooled")} == before[key]
        table = folder_table(review)
        assert len(table.of_table()) == len(shipped_review().of_table())
        counted = {study.id for study in shipped_review().studies if study.in_review}
        find = ShippedPapers(shipped_review()).find
        assert review_flow(review).numbers["new_studies"] == sum(find(review.require(key)) not in counted for key in included(review))


def test_a_paper_without_a_cohort_is_not_pooled_and_three_records_of_one_cohort_enter_once(tmp_path: Path) -> None:
    surgery = next(outcome for outcome in OUTCOMES if outcome.key == "surgery")
    with ReviewFolder.create(tmp_path / "review") as review:
        for number, total in enumerate((20, 30, 25)):
            record = Record(title=f"Invented report {number} of one centre", source="pubmed", pmid=str(500 + number))
            review.add_records([record], "pubmed")
            review.decide(record.id, "include", who="first", why="fits")
            for field, value in (("n_total", total), ("n_operated", 10), ("design", "retrospective_series")):
                review.extract(record.id, field, value, who="first", where="table 1", how="fulltext")
        studies, _, left_out = collect(folder_table(review), surgery)
        assert not any(study.total in (20, 30, 25) for study in studies)
        assert "cohort" in left_out["pmid:500"]
        for number in range(3):
            review.extract(
                f"pmid:{500 + number}",
                "cohort",
                "Invented centre" if number else "invented  Centre",
                who="first",
                where="methods",
                how="fulltext",
            )
        studies, _, _ = collect(folder_table(review), surgery)
        assert [study.total for study in studies if study.cohort == "invented centre"] == [30]


def test_what_cannot_be_is_refused_at_entry(tmp_path: Path) -> None:
    with ReviewFolder.create(tmp_path / "review") as review:
        review.add_records([Record(title="Invented", source="pubmed", pmid="5")], "pubmed")
        key = "pmid:5"
        review.extract(key, "n_total", 5, who="first", where="t1", how="fulltext")
        for field, value, match in (
            ("n_operated", 9, "n_operated is larger than n_total"),
            ("n_operated", "9 of 5", "not a whole number"),
            ("response", {"n_evaluable": 5, "cr": 0, "pr": 4, "sd": 3, "pd": 0}, "more than were evaluated"),
            ("activity_per_cycle_gbq", 7400, "an activity that cannot be"),
            ("toxicity", {"g3_4_pct": {"rlt": 140}}, "percentage outside"),
            ("surgery", {"complications_severe": [7, 5]}, "fraction above one"),
        ):
            with pytest.raises(InputError, match=match):
                review.extract(key, field, value, who="first", where="t1", how="fulltext")
        assert set(review.cells(key)) == {"n_total"}


def test_a_second_reading_stands_beside_the_first_until_there_is_a_consensus(tmp_path: Path) -> None:
    with ReviewFolder.create(tmp_path / "review") as review:
        review.add_records([Record(title="Invented", source="pubmed", pmid="5")], "pubmed")
        review.extract("pmid:5", "n_total", 20, who="first", where="t1", how="fulltext")
        review.extract("pmid:5", "n_total", 21, who="second", where="t1", how="fulltext")
        assert "n_total" not in review.cells("pmid:5")
        assert {who: cell["value"] for who, cell in review.disagreements("pmid:5")["n_total"].items()} == {"first": 20, "second": 21}
        with pytest.raises(InputError, match="not a reviewer"):
            review.agree("pmid:5", "n_total", 21, who="passer-by", why="x", where="t1", how="fulltext")
        review.agree("pmid:5", "n_total", 21, who="third", why="the table counts one twice", where="t1", how="fulltext")
        assert review.cells("pmid:5")["n_total"]["value"] == 21
        assert review.disagreements("pmid:5") == {}
        review.extract("pmid:5", "n_total", 22, who="first", where="t2", how="fulltext")
        assert "n_total" in review.disagreements("pmid:5")


def test_an_untouched_round_trip_through_asreview_stores_nothing(tmp_path: Path) -> None:
    import csv

    with ReviewFolder.create(tmp_path / "review") as review:
        review.add_records([Record(title=f"Invented {n}", source="pubmed", pmid=str(10 + n)) for n in range(6)], "pubmed")
        review.decide("pmid:10", "include", who="first", why="fits")
        review.decide("pmid:11", "exclude", who="first", why="letter")
        review.decide("pmid:12", "include", who="first", why="fits")
        review.decide("pmid:12", "exclude", who="second", why="letter")
        review.resolve("pmid:12", "include", who="third", why="fits")
        events = len(review.store.events())
        text = export_asreview(review)
        assert import_decisions(review, text.encode(), who="second")["added"] == 0
        rows = list(csv.DictReader(io.StringIO(text)))
        for row in rows:  # as ASReview 2 gives them back: what it was given is prior knowledge
            row["asreview_label"], row["asreview_prior"] = row["included"], "1" if row["included"] else ""
        rows[4]["asreview_label"], rows[4]["asreview_prior"] = "0", "0"
        stream = io.StringIO()
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        assert import_decisions(review, stream.getvalue().encode(), who="second")["added"] == 1
        assert len(review.store.events()) == events + 1
        assert review.conflicts() == []
        assert review.outcome()["pmid:14"] == "exclude"


def test_decisions_of_asreview_3_stand_in_its_own_column(tmp_path: Path) -> None:
    # The columns as ASReview 3.0.8 exports them (docs/who-reads-what.md): no asreview_prior, labels as 1.0, `included` left as it came.
    with ReviewFolder.create(tmp_path / "review") as review:
        review.add_records([Record(title=f"Invented {n}", source="pubmed", pmid=str(10 + n)) for n in range(4)], "pubmed")
        review.decide("pmid:10", "include", who="first", why="fits")
        review.decide("pmid:11", "exclude", who="first", why="letter")
        rows = list(csv.DictReader(io.StringIO(export_asreview(review))))
        for row, label in zip(rows, ("1", "1", "1", "0"), strict=True):
            for name in ("included", "neorlt_label"):
                row[name] = f"{row[name]}.0" if row[name] else ""
            row |= {"asreview_group_id": row["record_id"], "asreview_label": label, "asreview_time": "", "asreview_note": ""}
        stream = io.StringIO()
        writer = csv.DictWriter(stream, ["", *rows[0]])
        writer.writeheader()
        writer.writerows({"": row["record_id"], **row} for row in rows)
        assert import_decisions(review, stream.getvalue().encode(), who="second")["added"] == 3
        mine = {key: by["second"] for key, by in review.verdicts().items() if "second" in by}
        assert mine == {"pmid:11": "include", "pmid:12": "include", "pmid:13": "exclude"}


def _old_review(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(OLD / "protocol.toml", folder)
    connection = sqlite3.connect(folder / "review.sqlite")
    connection.executescript((OLD / "review.sql").read_text(encoding="utf-8"))
    connection.close()
    return folder


def test_a_review_of_version_0_1_is_copied_and_goes_on(tmp_path: Path) -> None:
    folder = _old_review(tmp_path)
    before = sqlite3.connect(folder / "review.sqlite").execute("SELECT * FROM event ORDER BY id").fetchall()
    with ReviewFolder(folder) as review:
        review.store.verify_history()
        after = review.store.connection.execute("SELECT * FROM event ORDER BY id").fetchall()
        assert after[: len(before)] == before
        assert [event["kind"] for event in review.store.events()][len(before) :] == ["migrated"]
        assert {(work, who, verdict) for work, by in review.verdicts().items() for who, verdict in by.items()} == {
            ("doi:10.5555/alpha.1", "first", "include"), ("doi:10.5555/alpha.1", "second", "include"),
            ("doi:10.5555/beta.2", "first", "include"), ("doi:10.5555/beta.2", "second", "exclude"),
            (next(key for key in review.records() if key.startswith("print:")), "first", "exclude"),
        }  # fmt: skip
        assert review.outcome()["doi:10.5555/beta.2"] == "include"
        assert len(review.records()) == 3
        # 0.1 stored "9 of 5 operated": the table says so and stands.
        study = folder_table(review).study("doi:10.5555/beta.2")
        assert study.fields == {"n_total": 5}
        assert "n_operated is larger than n_total" in study.conflicts[0]
        # PubMed's richer copy takes the old decisions over.
        rich = Record(title="Invented series of beta", source="pubmed", authors=("Beta B",), year=2019, pmid="777", doi="10.5555/beta.2")
        review.add_records([rich], "pubmed")
        assert review.outcome()["pmid:777"] == "include"
        assert [item["id"] for item in update(review, pubmed=None, ctgov=None)["new"]] == []
    assert (folder / "review-0.1.sqlite").is_file()
    with ReviewFolder(folder) as review:
        assert [event["kind"] for event in review.store.events()].count("migrated") == 1


def test_an_imported_registration_is_a_version_and_counts_as_a_register(tmp_path: Path) -> None:
    data = OLD.parent
    with ReviewFolder.create(tmp_path / "review") as review:
        for name in ("nct_v1.json", "nct_v2.json"):
            counts = review.add_records(import_bytes((data / name).read_bytes())[1], "a file from a colleague")
            assert counts["versions"] == 1
        numbers = review_flow(review).numbers
        assert (numbers["register_results"], numbers["database_results"]) == (1, 0)
        found = update(review, pubmed=None, ctgov=None)
        assert [item["id"] for item in found["new"]] == ["nct:NCT04385992"]
        assert found["registry"][0]["changes"][0]["weight"] == "endpoint"
        assert update(review, pubmed=None, ctgov=None)["new"] == []


def test_merging_is_undone_one_by_one_and_by_people_only(tmp_path: Path) -> None:
    with ReviewFolder.create(tmp_path / "review") as review:
        review.add_records([replace(record) for record, _ in COPIES[:4]], "file")
        dedupe(review)
        assert list(review.works().members) == ["pmid:101"]
        loose = next(key for key in review.duplicates() if key.startswith("print:"))
        review.undo_duplicate(loose, who="first", why="another report")
        assert sorted(review.works().members) == sorted(["pmid:101", loose])
        dedupe(review)
        assert sorted(review.works().members) == sorted(["pmid:101", loose])
