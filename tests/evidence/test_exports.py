# ruff: noqa: E501 (lines as the sources write them)
"""Fourteen exports as people get them: authors, year, journal and identifiers are kept, and what is lost is said.

Bibliographic facts of the review itself, in the shapes that each source writes; the second record is invented.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from neorlt.core.errors import InputError
from neorlt.evidence.dedupe import dedupe
from neorlt.evidence.importers import import_bytes, lacking
from neorlt.evidence.importers.table import split_authors
from neorlt.evidence.review import ReviewFolder

TITLE = "Radioligand therapy (RLT) as neoadjuvant treatment for inoperable pancreatic neuroendocrine tumors: a literature review"
DOI, PMID = "10.1007/s12020-022-03170-0", "36018539"


def _csv(*rows: tuple[str, ...], delimiter: str = ",") -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL).writerows(rows)
    return stream.getvalue().encode("utf-8-sig")


PUBMED_CSV = _csv(
    ("PMID", "Title", "Authors", "Citation", "First Author", "Journal/Book", "Publication Year", "Create Date", "PMCID", "NIHMS ID", "DOI"),
    (PMID, TITLE + ".", "Urso L, Nieri A, Bartolomei M.", "Endocrine. 2022 Nov;78(2):255-261.", "Urso L", "Endocrine", "2022", "2022/08/26", "", "", DOI),
)
EMBASE_BY_COLUMN = _csv(
    ("TITLE", "AUTHOR NAMES", "SOURCE", "SOURCE TITLE", "PUBLICATION YEAR", "VOLUME", "ISSUE", "FIRST PAGE", "LAST PAGE", "PUBLICATION TYPE",
     "DOI", "MEDLINE PMID", "PUI", "ABSTRACT"),
    (TITLE, "Urso L., Nieri A., Bartolomei M.", "Endocrine (2022) 78:2 (255-261). Date of Publication: 1 Nov 2022", "Endocrine", "2022", "78", "2",
     "255", "261", "Review", DOI, PMID, "L2018561234", "Words."),
)  # fmt: skip
EMBASE_BY_ROW = _csv(
    ("TITLE", TITLE), ("AUTHOR NAMES", "Urso L.", "Nieri A.", "Bartolomei M."), ("SOURCE", "Endocrine (2022) 78:2 (255-261)"),
    ("SOURCE TITLE", "Endocrine"), ("PUBLICATION YEAR", "2022"), ("VOLUME", "78"), ("FIRST PAGE", "255"), ("LAST PAGE", "261"),
    ("DOI", DOI), ("MEDLINE PMID", PMID), ("EMBASE ACCESSION ID", "2018561234"), (),
)  # fmt: skip
EMBASE_OVID_RIS = f"""TY  - JOUR
ID  - 2018561234
T1  - {TITLE}
A1  - Urso L.
A1  - Nieri A.
A1  - Bartolomei M.
Y1  - 2022//
JF  - Endocrine
VL  - 78
IS  - 2
SP  - 255
EP  - 261
AN  - 2018561234
DB  - Embase
DO  - https://dx.doi.org/{DOI}
ER  -
""".encode()
SCOPUS_CSV = _csv(
    ("Authors", "Author full names", "Author(s) ID", "Title", "Year", "Source title", "Volume", "Issue", "Art. No.", "Page start", "Page end",
     "Cited by", "DOI", "Link", "Abstract", "Document Type", "PubMed ID", "Source", "EID"),
    ("Urso L.; Nieri A.; Bartolomei M.", "Urso, Luca (57190000000); Nieri, Alberto (57200000000)", "57190000000;57200000000", TITLE, "2022", "Endocrine",
     "78", "2", "", "255", "261", "9", DOI, "https://www.scopus.com/inward/record.uri?eid=2-s2.0-85136900000", "Words.", "Review", PMID, "Scopus",
     "2-s2.0-85136900000"),
)  # fmt: skip
WOS_TEXT = f"""FN Clarivate Analytics Web of Science
VR 1.0
PT J
AU Urso, L
   Nieri, A
   Bartolomei, M
AF Urso, Luca
   Nieri, Alberto
TI Radioligand therapy (RLT) as neoadjuvant treatment for inoperable
   pancreatic neuroendocrine tumors: a literature review
SO ENDOCRINE
LA English
DT Review
PD NOV
PY 2022
VL 78
IS 2
BP 255
EP 261
DI {DOI}
UT WOS:000846000000001
PM {PMID}
ER

EF
""".encode()
WOS_TAB = _csv(
    ("PT", "AU", "AF", "TI", "SO", "LA", "DT", "PY", "VL", "IS", "BP", "EP", "DI", "UT", "PM"),
    ("J", "Urso, L; Nieri, A; Bartolomei, M", "Urso, Luca; Nieri, Alberto", TITLE, "ENDOCRINE", "English", "Review", "2022", "78", "2", "255", "261", DOI,
     "WOS:000846000000001", PMID),
    delimiter="\t",
)  # fmt: skip
ENDNOTE_XML = f"""<?xml version="1.0" encoding="UTF-8"?><xml><records><record><database name="My Library.enl">x</database>
<ref-type name="Journal Article">17</ref-type><contributors><authors><author><style face="normal">Urso, L.</style></author>
<author><style face="normal">Nieri, A.</style></author><author><style>Bartolomei, M.</style></author></authors></contributors>
<titles><title><style face="normal">{TITLE}</style></title><secondary-title><style>Endocrine</style></secondary-title></titles>
<periodical><full-title><style>Endocrine</style></full-title></periodical><pages><style>255-261</style></pages><volume><style>78</style></volume>
<dates><year><style>2022</style></year></dates><accession-num><style>{PMID}</style></accession-num>
<electronic-resource-num><style>{DOI}</style></electronic-resource-num><remote-database-name><style>NLM</style></remote-database-name>
<urls><related-urls><url><style>https://www.ncbi.nlm.nih.gov/pubmed/{PMID}</style></url></related-urls></urls></record></records></xml>""".encode()
ENDNOTE_ENW = f"%0 Journal Article\n%T {TITLE}\n%A Urso, Luca\n%A Nieri, Alberto\n%A Bartolomei, Mirco\n%J Endocrine\n%V 78\n%P 255-261\n%D 2022\n%R {DOI}\n".encode()
REFWORKS = f"""RT Journal Article
SR Electronic(1)
ID 12
A1 Urso,Luca
A1 Nieri,Alberto
A1 Bartolomei,Mirco
T1 {TITLE}
JF Endocrine
YR 2022
VO 78
IS 2
SP 255
OP 261
DO {DOI}
LA English

RT Journal Article
A1 Delta,Dora
T1 An invented second record
YR 2019
""".encode()
ZOTERO_CSV = _csv(
    ("Key", "Item Type", "Publication Year", "Author", "Title", "Publication Title", "ISSN", "DOI", "Url", "Abstract Note", "Date", "Pages", "Volume"),
    ("AB12", "journalArticle", "2022", "Urso, Luca; Nieri, Alberto; Bartolomei, Mirco", TITLE, "Endocrine", "1559-0100", DOI, "", "Words.", "2022-11", "255-261", "78"),
)
COVIDENCE_CSV = _csv(
    ("Title", "Authors", "Abstract", "Published Year", "Published Month", "Journal", "Volume", "Issue", "Pages", "Accession Number", "DOI", "Ref",
     "Covidence #", "Study", "Notes", "Tags"),
    (TITLE, "Urso, Luca; Nieri, Alberto; Bartolomei, Mirco", "Words.", "2022", "Nov", "Endocrine", "78", "2", "255-261", "", DOI, "", "#12", "Urso 2022", "", ""),
)  # fmt: skip
MENDELEY_BIB = f"""@article{{Urso2022,
author = {{Urso, Luca and Nieri, Alberto and Bartolomei, Mirco}},
title = {{{{{TITLE}}}}},
doi = {{{DOI}}}, journal = {{Endocrine}}, number = {{2}}, pages = {{255--261}}, pmid = {{{PMID}}}, volume = {{78}}, year = {{2022}} }}
""".encode()
PUBMED_NBIB = f"""
PMID- {PMID}
OWN - NLM
TI  - {TITLE}.
PG  - 255-261
VI  - 78
DP  - 2022 Nov
FAU - Urso, Luca
AU  - Urso L
AU  - Nieri A
AU  - Bartolomei M
JT  - Endocrine
AID - {DOI} [doi]
""".encode()


def _xlsx() -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["a sheet of notes"])
    sheet = book.create_sheet("references")
    sheet.append(["No.", "Author(s)", "Article Title", "Journal", "Year", "PubMed ID", "DOI"])
    sheet.append([1, "Urso L, Nieri A, Bartolomei M", TITLE, "Endocrine", 2022, float(PMID), DOI])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


EXPORTS = {
    "PubMed CSV": (PUBMED_CSV, {"pmid", "doi"}),
    "PubMed nbib": (PUBMED_NBIB, {"pmid", "doi"}),
    "Embase CSV by column": (EMBASE_BY_COLUMN, {"pmid", "doi", "embase"}),
    "Embase CSV by row": (EMBASE_BY_ROW, {"pmid", "doi", "embase"}),
    "Embase RIS by Ovid": (EMBASE_OVID_RIS, {"doi", "embase"}),
    "Scopus CSV": (SCOPUS_CSV, {"pmid", "doi", "scopus"}),
    "Web of Science text": (WOS_TEXT, {"pmid", "doi", "wos"}),
    "Web of Science tab-delimited": (WOS_TAB, {"pmid", "doi", "wos"}),
    "EndNote XML": (ENDNOTE_XML, {"pmid", "doi"}),
    "EndNote tagged": (ENDNOTE_ENW, {"doi"}),
    "RefWorks": (REFWORKS, {"doi"}),
    "Zotero CSV": (ZOTERO_CSV, {"doi"}),
    "Covidence CSV": (COVIDENCE_CSV, {"doi"}),
    "Mendeley BibTeX": (MENDELEY_BIB, {"pmid", "doi"}),
    "Excel workbook": (_xlsx(), {"pmid", "doi"}),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_keeps_authors_year_journal_and_identifiers(name: str) -> None:
    content, kinds = EXPORTS[name]
    _, records = import_bytes(content)
    record = records[0]
    assert record.title.rstrip(".") == TITLE
    assert len(record.authors) == 3
    assert (record.first_author, record.first_initial) == ("urso", "l")
    assert (record.year, (record.journal or "").lower()) == (2022, "endocrine")
    assert set(record.identifiers) == kinds
    assert record.doi == DOI
    assert record.pmid in (None, PMID)
    assert lacking(records[:1]) == {}


def test_all_fifteen_exports_are_one_work(tmp_path: Path) -> None:
    with ReviewFolder.create(tmp_path / "review") as review:
        for name, (content, _) in EXPORTS.items():
            review.add_records(import_bytes(content)[1], name)
        dedupe(review)
        assert len(EXPORTS) == 15
        assert sorted(record.title for record in review.records().values()) == ["An invented second record", TITLE]


def test_what_an_export_does_not_carry_is_said() -> None:
    _, records = import_bytes(REFWORKS)
    assert lacking(records) == {"journal": 1, "identifier": 1}
    _, records = import_bytes(_csv(("Title", "PMID", "DOI"), ("Invented", "622334455", "see paper")))
    assert lacking(records) == {"authors": 1, "year": 1, "journal": 1, "identifier": 1, "not_an_identifier": ["doi see paper", "pmid 622334455"]}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Urso L, Nieri A.", ("Urso L", "Nieri A.")),
        ("van Vliet EI, de Herder WW", ("van Vliet EI", "de Herder WW")),
        ("Urso, Luca, Nieri, Alberto", ("Urso, Luca", "Nieri, Alberto")),
        ("Urso, Luca", ("Urso, Luca",)),
        ("Urso, L., Nieri, A.", ("Urso, L.", "Nieri, A.")),
        ("Luca Urso and Alberto Nieri", ("Luca Urso", "Alberto Nieri")),
        ("Urso L.|Nieri A.", ("Urso L.", "Nieri A.")),
        ("World Health Organization", ("World Health Organization",)),
        ("", ()),
    ],
)
def test_names_of_a_cell_are_parted(text: str, names: tuple[str, ...]) -> None:
    assert split_authors(text) == names


def test_a_workbook_without_titles_and_a_zip_are_refused() -> None:
    import zipfile

    from openpyxl import Workbook

    stream = io.BytesIO()
    book = Workbook()
    book.active.append(["a", "b"])
    book.save(stream)
    with pytest.raises(InputError, match="no sheet has a title column"):
        import_bytes(stream.getvalue())
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.txt", "x")
    with pytest.raises(InputError, match="no Excel workbook"):
        import_bytes(stream.getvalue())
    with pytest.raises(InputError, match="cut short"):
        import_bytes(WOS_TEXT.replace(b"\nER\n", b"\n"))
