"""The report on paper: PDF/A-3 (archival) with the plan document attached, so that page and numbers travel together."""

from __future__ import annotations

import json
import logging
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from neorlt.core.errors import MissingExtraError
from neorlt.core.manifest import to_json
from neorlt.reporting.drawn import Drawn
from neorlt.reporting.picture import Picture
from neorlt.reporting.report import render_report

VARIANT = "pdf/a-3u"
"""ISO 19005-3, level U: files may be attached, and every letter maps to Unicode."""

ATTACHMENT = "plan.json"


def render_pdf(plan: Mapping[str, Any], pictures: Sequence[Picture | Drawn] = ()) -> bytes:
    """Return the report as PDF/A-3u with ``plan.json`` attached.

    The same HTML as :func:`neorlt.reporting.render_report` is laid out; nothing is fetched.

    Parameters
    ----------
    plan, pictures
        As for :func:`neorlt.reporting.render_report`.

    Raises
    ------
    MissingExtraError
        If WeasyPrint (extra ``pdf``) or Debian's pango is missing.

    """
    weasyprint = _weasyprint()
    page = render_report(plan, pictures, for_paper=True)
    attachment = weasyprint.Attachment(
        string=to_json(plan).encode("utf-8"),
        name=ATTACHMENT,
        description="Every number of this report, unrounded",
        relationship="Source",
        created=_moment(plan),
        modified=_moment(plan),
    )
    document = weasyprint.HTML(string=page, base_url=None, url_fetcher=_fetcher(), media_type="print")
    log = logging.getLogger("weasyprint")
    level = log.level
    try:
        # It warns of every SVG property that it reads elsewhere than in its CSS parser.
        log.setLevel(logging.ERROR)
        content: bytes = document.write_pdf(pdf_variant=VARIANT, attachments=[attachment])
    finally:
        log.setLevel(level)
    return content


def _weasyprint() -> Any:
    try:
        import weasyprint
    except ImportError as error:
        raise MissingExtraError("WeasyPrint", extra="pdf") from error
    except OSError as error:  # cffi found no libpango: WeasyPrint is there, the system's library is not
        raise MissingExtraError("pango, which WeasyPrint needs,", system_package="libpango-1.0-0 libpangoft2-1.0-0") from error
    return weasyprint


def _fetcher() -> Any:
    """:func:`_refuse` in the form that this WeasyPrint takes: a class from version 68 on, a function before."""
    from weasyprint import urls

    if not hasattr(urls, "URLFetcher"):
        return _refuse

    class OnlyData(urls.URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            found = _refuse(url)
            return urls.URLFetcherResponse(url, found["string"], {"Content-Type": found["mime_type"]})

    return OnlyData()


def _refuse(url: str, *_: Any, **__: Any) -> dict[str, Any]:
    """Serve data addresses only: making a PDF reads no file and no network."""
    if not url.startswith("data:"):
        raise ValueError("the report refers to something outside itself")
    import base64

    head, body = url.split(",", 1)
    return {"string": base64.b64decode(body), "mime_type": head.removeprefix("data:").split(";")[0]}


def _moment(plan: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(plan.get("generated")))
    except ValueError:
        return None


def attached_plan(pdf: bytes) -> dict[str, Any]:
    """Read the attached plan document back from a PDF that :func:`render_pdf` made.

    Raises
    ------
    ValueError
        If the file holds no attached plan.

    """
    for content in streams(pdf):
        if content.lstrip().startswith(b"{"):
            try:
                document = json.loads(content)
            except ValueError:
                continue
            if isinstance(document, dict) and "schemes" in document:
                return document
    raise ValueError("the PDF holds no attached plan.json")


def streams(pdf: bytes) -> Iterator[bytes]:
    """Yield the content of every stream of a PDF, unpacked where it is packed."""
    for found in re.finditer(rb"stream\r?\n", pdf):
        content = pdf[found.end() : pdf.find(b"endstream", found.end())]
        try:
            yield zlib.decompressobj().decompress(content)
        except zlib.error:
            yield content
