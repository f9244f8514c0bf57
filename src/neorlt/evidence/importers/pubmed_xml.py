"""PubMed XML (``PubmedArticleSet``), as E-utilities ``efetch`` and PubMed's own export give it."""

from __future__ import annotations

from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import find_eudract, find_nct
from neorlt.evidence.importers.markup import parse_xml, text_of
from neorlt.evidence.records import Record, find_year


def read_pubmed_xml(text: str, where: str) -> list[Record]:
    """Records of a PubMed XML document; books are taken too.

    Raises:
        InputError: malformed or hostile XML, or another kind of XML.

    """
    root = parse_xml(text, where)
    if root.tag not in ("PubmedArticleSet", "PubmedArticle"):
        raise InputError(
            "not a PubMed XML document",
            expected="PubmedArticleSet",
            found=root.tag,
            where=where,
            remedy="export it as PubMed XML",
        )
    articles = [root] if root.tag == "PubmedArticle" else list(root)
    return [_article(article) for article in articles if article.tag in ("PubmedArticle", "PubmedBookArticle")]


def _article(article: Any) -> Record:
    book = article.find("BookDocument")
    if article.tag == "PubmedBookArticle" and book is not None:
        return _book(article, book)
    citation = article.find("MedlineCitation")
    if citation is None or citation.find("Article") is None:
        raise InputError("a PubMed record without a citation", found=article.tag, remedy="export the records again")
    holder = citation.find("Article")
    ids = {node.get("IdType"): text_of(node) for node in article.findall("PubmedData/ArticleIdList/ArticleId")}
    location = next((text_of(n) for n in holder.findall("ELocationID") if n.get("EIdType") == "doi"), None)
    kinds = tuple(text_of(node) for node in holder.findall("PublicationTypeList/PublicationType"))
    banks = [text_of(node) for node in holder.findall("DataBankList/DataBank/AccessionNumberList/AccessionNumber")]
    corrections = [node.get("RefType") for node in citation.findall("CommentsCorrectionsList/CommentsCorrections")]
    return Record(
        title=text_of(holder.find("ArticleTitle")) or text_of(holder.find("VernacularTitle")),
        source="pubmed",
        abstract=_abstract(holder),
        authors=tuple(_author(node) for node in holder.findall("AuthorList/Author")),
        year=_year(holder, citation),
        journal=text_of(holder.find("Journal/Title")) or None,
        volume=text_of(holder.find("Journal/JournalIssue/Volume")) or None,
        pages=text_of(holder.find("Pagination/MedlinePgn")) or None,
        doi=ids.get("doi") or location or None,
        pmid=text_of(citation.find("PMID")) or ids.get("pubmed"),
        pmcid=ids.get("pmc"),
        nct=next((found for value in banks if (found := find_nct(value))), None),
        eudract=next((found for value in banks if (found := find_eudract(value))), None),
        language=text_of(holder.find("Language")) or None,
        kinds=kinds,
        retracted="Retracted Publication" in kinds or "RetractionIn" in corrections,
    )


def _book(article: Any, chapter: Any) -> Record:
    """A chapter of a book, or a whole book: the chapter's own title and year, else the book's."""
    book = chapter.find("Book")
    ids = {
        node.get("IdType"): text_of(node)
        for node in [*chapter.findall("ArticleIdList/ArticleId"), *article.findall("PubmedBookData/ArticleIdList/ArticleId")]
    }
    part, whole = text_of(chapter.find("ArticleTitle")), text_of(book.find("BookTitle")) if book is not None else ""
    authors = chapter.findall("AuthorList/Author") or (book.findall("AuthorList/Author") if book is not None else [])
    years = [
        chapter.find("ContributionDate/Year"),
        *([book.find("PubDate/Year"), book.find("PubDate/MedlineDate")] if book is not None else []),
    ]
    return Record(
        title=part or whole or text_of(chapter.find("VernacularTitle")),
        source="pubmed",
        abstract=_abstract(chapter),
        authors=tuple(_author(node) for node in authors),
        year=next((year for node in years if (year := find_year(text_of(node))) is not None), None),
        journal=whole if part and whole else None,
        volume=(text_of(book.find("Volume")) or None) if book is not None else None,
        pages=text_of(chapter.find("Pagination/MedlinePgn")) or None,
        doi=ids.get("doi"),
        pmid=text_of(chapter.find("PMID")) or ids.get("pubmed"),
        pmcid=ids.get("pmc"),
        language=text_of(chapter.find("Language")) or None,
        kinds=(*(text_of(node) for node in chapter.findall("PublicationType")), "Book Chapter" if part else "Book"),
    )


def _abstract(holder: Any) -> str | None:
    parts = []
    for node in holder.findall("Abstract/AbstractText"):
        label = node.get("Label")
        parts.append(f"{label}: {text_of(node)}" if label else text_of(node))
    return "\n".join(part for part in parts if part) or None


def _author(node: Any) -> str:
    collective = text_of(node.find("CollectiveName"))
    if collective:
        return collective
    initials = text_of(node.find("Initials"))
    return f"{text_of(node.find('LastName'))} {initials}".strip()


def _year(holder: Any, citation: Any) -> int | None:
    for path in ("Journal/JournalIssue/PubDate/Year", "Journal/JournalIssue/PubDate/MedlineDate", "ArticleDate/Year"):
        year = find_year(text_of(holder.find(path)))
        if year is not None:
            return year
    return find_year(text_of(citation.find("DateCompleted/Year")))
