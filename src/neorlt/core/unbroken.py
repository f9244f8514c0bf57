"""Terms that stay on one line of a page: ``Ki-67``, ``177Lu-DOTATATE``, ``mL/min``, ``36 Gy``, ``4 × 177Lu``, ``3–4``.

A browser and a PDF maker may end a line after every hyphen and slash. Other characters (a non-breaking hyphen, a word joiner) would
hold a term together too, but whoever searches for ``Ki-67`` would not find it and whoever copies it would paste something else. So the
letters stay as they are and the term stands in an element that does not wrap.
"""

from __future__ import annotations

import re

UNBROKEN_CLASS = "unbroken"
UNBROKEN_CSS = f".{UNBROKEN_CLASS} {{ white-space: nowrap; }}"
"""The rule that every page's style holds."""

# An element that no rule of a page's style speaks of, as many do of spans: a term looks as the words round it.
_OPEN = f'<bdi class="{UNBROKEN_CLASS}">'

LONGEST = 18
"""Letters of the longest term that is kept whole: an identifier or an address must be able to wrap on a telephone."""

_UNITS = (
    r"(?:%|°|(?:[kM]?Gy|[kMG]?Bq|mm|cm|m[lL]|[kmµ]?g|h|d|HU|SUV|draws|years?|months?|weeks?|days?|patients|series)(?![\w-]))"
)
_NUMBER = r"[−+±]?\d(?:[\d.,\u202f]*\d)?[⁰-⁹]?"
_DIVIDED = r"(?:[/·][\w⁹]+)?"
_TERM = re.compile(
    # a factor: 4 × 7.4 GBq, 4 × 177Lu
    rf"(?<![\w.]){_NUMBER} × {_NUMBER}(?: {_UNITS}|[A-Za-z]{{1,2}}(?![\w-]))?{_DIVIDED}"
    # a number with its unit, with what the unit is divided by: 36 Gy, 0.5 Gy/GBq, 10 × 10⁹/l, 5-10 %
    rf"|(?<![\w.]){_NUMBER}(?:[–-]{_NUMBER})? (?:[<>≥≤] )?{_UNITS}{_DIVIDED}"
    # a week by its number: week −2
    rf"|\b[Ww]eek {_NUMBER}"
    # two ends: 3.3–4.2
    rf"|(?<![\w./–-]){_NUMBER}[–-]{_NUMBER}(?![\w/–-]|\.\d)"
    # joined by hyphens, where one part has a digit or is a single letter: Ki-67, Lu-177, 5-FU, 3–4, S-value, SHA-256
    r"|(?<![\w./&-])(?:\w+[-–])*(?:\w*\d\w*[-–]\w+|\w+[-–]\w*\d\w*|[A-Za-z][-–][A-Za-z]+)(?:[-–]\w+)*(?![\w/-])"
    # units and counts divided by a slash: mL/min, MBq/ml, 10⁹/l, 72/148
    r"|(?<![\w./&-])[\w⁹µ·]{1,6}/[\w⁹µ·]{1,6}(?![\w./-])"
)
# What a page's text is told apart from: comments, elements whose content is no running text, and every other tag.
_NOT_TEXT = re.compile(
    r"<!--.*?-->|<(script|style|title|textarea|option|svg|code|pre|head)\b(?:\"[^\"]*\"|'[^']*'|[^'\">])*>.*?</\1\s*>"
    # what was held together before
    rf"|{_OPEN}[^<]*</bdi>"
    r"|<(?:\"[^\"]*\"|'[^']*'|[^'\">])*>",
    re.DOTALL | re.IGNORECASE,
)


def unbroken(page: str) -> str:
    """HTML in which every term of a text stands in an element that does not wrap; tags, attributes, scripts and figures stay as they are.

    The text itself is the same letter by letter, so that it is found and copied as it was written.

    Parameters
    ----------
    page
        A document or a part of one; its style must hold :data:`UNBROKEN_CSS`.
    """
    parts, at = [], 0
    for tag in _NOT_TEXT.finditer(page):
        parts += [_TERM.sub(_whole, page[at : tag.start()]), tag.group()]
        at = tag.end()
    return "".join([*parts, _TERM.sub(_whole, page[at:])])


def for_weasyprint(page: str) -> str:
    """The same page with the space before every whole term in an element of its own.

    WeasyPrint (seen in 70.0) ends a line after its first word where all but the space before a term fits on it; at a space that is a box of
    its own it breaks as it should.
    """
    return re.sub(rf" (\(?){_OPEN}", rf"<span> </span>\1{_OPEN}", page)


def _whole(found: re.Match[str]) -> str:
    term = found.group()
    return term if len(term) > LONGEST else f"{_OPEN}{term}</bdi>"
