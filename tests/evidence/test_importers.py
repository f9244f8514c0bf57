"""Files of every kind, and files that must not get in."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.evidence.importers import FORMATS, import_bytes, import_file
from neorlt.evidence.review import ReviewFolder

DATA = Path(__file__).parents[1] / "data" / "evidence"
FILES = {
    "pubmed.xml": "pubmed-xml",
    "pubmed.nbib": "nbib",
    "export.ris": "ris",
    "library.bib": "bibtex",
    "pubmed.csv": "csv",
    "ctgov_page.json": "ctgov-json",
}


@pytest.mark.parametrize(("name", "kind"), FILES.items())
def test_the_format_is_told_from_the_content(name: str, kind: str, tmp_path: Path) -> None:
    disguised = tmp_path / "download.txt"
    disguised.write_bytes((DATA / name).read_bytes())
    found, records = import_file(disguised)
    assert found == kind
    assert len(records) == 2
    assert set(FILES.values()) <= set(FORMATS)


@pytest.mark.parametrize("name", [name for name in FILES if name != "ctgov_page.json"])
def test_the_same_paper_reads_the_same_from_every_format(name: str) -> None:
    first, second = import_file(DATA / name)[1]
    assert first.title.rstrip(".").startswith("Radioligand therapy (RLT) as neoadjuvant treatment for inoperable pancreatic")
    assert first.title.rstrip(".").endswith("a literature review")
    assert (first.doi, first.year, first.first_author, first.first_initial) == ("10.1007/s12020-022-03170-0", 2022, "urso", "l")
    assert second.year == 2019
    assert second.first_author in ("muller",)


def test_what_only_some_formats_carry() -> None:
    _, (first, second) = import_file(DATA / "pubmed.xml")
    assert first.abstract == "PURPOSE: Invented words of a purpose with 177Lu.\nRESULTS: Invented words of a result."
    assert first.authors == ("Urso L", "An Invented Group")
    assert first.pages == "255-261"
    assert not first.retracted
    assert second.retracted
    assert second.nct == "NCT04385992"
    assert second.pmcid == "PMC9900002"
    assert "nct" not in second.identifiers  # a paper that cites a trial is not the trial
    _, (nbib, other) = import_file(DATA / "pubmed.nbib")
    assert nbib.abstract == "Invented words of an abstract that go on over the end of the line."
    assert other.retracted
    _, (ris, linked) = import_file(DATA / "export.ris")
    assert ris.abstract == "Invented words that continue on the next line."
    assert linked.doi == "10.5555/invented.2019.2"
    _, (_, bib) = import_file(DATA / "library.bib")
    assert bib.authors == ("Müller, A. B.", "Sørensen, C.")
    assert bib.journal == "Invented Journal of Surgery"
    assert "177Lu" in bib.title.replace("$^", "").replace("$", "")
    assert "&" in bib.title
    _, (trial, _) = import_file(DATA / "ctgov_page.json")
    assert trial.identifiers == {"nct": "NCT04385992"}
    assert trial.is_registry
    assert "study" in trial.extra


BOMB = b"""<?xml version="1.0"?><!DOCTYPE PubmedArticleSet [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><PubmedArticleSet><PubmedArticle>&c;</PubmedArticle></PubmedArticleSet>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE PubmedArticleSet [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<PubmedArticleSet><PubmedArticle>&x;</PubmedArticle></PubmedArticleSet>"""


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b"   \n \n", "empty"),
        (b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>", "HTML page.*502 Bad Gateway"),
        (b"<html><body>log in</body></html>", "HTML page"),
        (BOMB, "defines entities"),
        (OUTSIDE, "defines entities"),
        (b"<PubmedArticleSet><PubmedArticle></PubmedArticleSet>", "malformed.*line 1"),
        (b'<?xml version="1.0"?><eSearchResult><Count>0</Count></eSearchResult>', "not a PubMed XML"),
        (b'<?xml version="1.0"?><PubmedArticleSet></PubmedArticleSet>', "no record"),
        ("TY  - JOUR\nAU  - Müller\nTI  - x\nER  - \n".encode("latin-1"), "not UTF-8.*line 2"),
        ("TY  - JOUR\nTI  - x\nER  - \n".encode("utf-16-le"), "not text"),
        (b'<?xml version="1.0" encoding="klingon"?><PubmedArticleSet/>', "encoding that does not exist"),
        (b"TY  - JOUR\nTI  - cut short\n", "not closed.*line 1"),
        (b"TY  - JOUR\nTI  - one\nTY  - JOUR\nTI  - two\nER  - \n", "not closed.*line 1"),
        (b"@article{a, title = {never closed", "not closed"),
        (b'{"studies": [', "JSON is malformed"),
        (b'{"error": "nothing"}', "not a ClinicalTrials.gov"),
        (b'{"studies": []}', "no record"),
        (b"title,year\n", "no record"),
        (b'title,year\n"never closed,2020\n', "broken|no record"),
        (b"a plain letter without any record", "format is not known"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not text"),
        (b"author,year\nx,2020\n", "format is not known"),
    ],
)  # fmt: skip
def test_bad_content_is_named_and_nothing_is_stored(content: bytes, match: str, tmp_path: Path) -> None:
    from neorlt.jobs.evidence.review import import_command, status_command

    status_command(tmp_path / "review", new=True)
    good, bad = DATA / "pubmed.nbib", tmp_path / "bad"
    bad.write_bytes(content)
    with pytest.raises(InputError, match=f"(?s){match}"):
        import_command(tmp_path / "review", [good, bad])
    with ReviewFolder(tmp_path / "review") as review:
        assert review.records() == {}


def test_utf16_with_mark_is_read() -> None:
    kind, records = import_bytes("TY  - JOUR\nTI  - Käse\nER  - \n".encode("utf-16"))
    assert kind == "ris"
    assert records[0].title == "Käse"


def test_rispy_reads_what_we_read() -> None:
    import rispy

    theirs = rispy.loads((DATA / "export.ris").read_text(encoding="utf-8"))
    ours = import_file(DATA / "export.ris")[1]
    assert [entry.get("title") or entry.get("primary_title") for entry in theirs] == [record.title for record in ours]


def _places(value: object, path: tuple = ()) -> list[tuple]:
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        found += _places(item, (*path, key))
    return found


@pytest.mark.parametrize("junk", [None, [], {}, 5, "x", True, [None], {"a": 1}], ids=repr)
def test_json_of_another_shape_is_read_or_named(junk: object) -> None:
    original = (DATA / "ctgov_page.json").read_text()
    for place in _places(json.loads(original)):
        document = json.loads(original)
        inner = document
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = junk
        with contextlib.suppress(InputError):
            import_bytes(json.dumps(document).encode())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_files_are_read_or_named(name: str, data: st.DataObject) -> None:
    content = bytearray((DATA / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        length = data.draw(st.integers(0, 60))
        content[place : place + length] = data.draw(st.binary(max_size=8))
    with contextlib.suppress(InputError):
        import_bytes(bytes(content))


def test_json_nested_without_end_is_named() -> None:
    with pytest.raises(InputError, match="nested too deep|malformed"):
        import_bytes(b"[" * 200_000)
