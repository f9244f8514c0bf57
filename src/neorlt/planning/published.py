"""Published schemes by name, each with its source and how that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.planning.patient import Patient
from neorlt.planning.scheme import Scheme, parse_scheme, read_scheme


@dataclass(frozen=True)
class PublishedScheme:
    """A scheme that a paper describes. ``level`` says how it was read; ``note`` what had to be chosen here."""

    key: str
    scheme: Scheme
    source: str
    doi: str | None
    pmid: str | None
    registry: str | None
    level: str
    note: str

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"key": self.key, "name": self.scheme.name, "scheme": self.scheme.text, "source": self.source, "doi": self.doi,
                "pmid": self.pmid, "registry": self.registry, "level": self.level, "note": self.note}


def published_schemes() -> tuple[PublishedScheme, ...]:
    """All published schemes whose cycles and activities were found.

    Surgery follows 12 weeks after the last cycle (an assumption: no source fixes it).
    """
    rows: dict[str, dict[str, Any]] = tables.read_json("planning", "published_schemes.json")
    found = []
    for key, row in rows.items():
        if row["words"] is None:
            continue
        parsed = parse_scheme(row["words"], row["name"])
        cycles = tuple(replace(cycle, peptide=row["peptide"]) for cycle in parsed.cycles)
        where = ", ".join(filter(None, (
            row["source"], row["doi"] and f"doi {row['doi']}", row["pmid"] and f"PMID {row['pmid']}", row["registry"])))
        found.append(PublishedScheme(key, replace(parsed, cycles=cycles, source=where), row["source"], row["doi"], row["pmid"],
                                     row["registry"], row["level"], row["note"]))
    return tuple(found)


def named_scheme(name: str) -> Scheme | None:
    """The published scheme of this name (letter case, blanks and hyphens do not matter), or None.

    Raises
    ------
    InputError
        If the study is known and what was read of it does not give its cycles and activities.
    """
    wanted = _plain(name)
    for published in published_schemes():
        if wanted in (_plain(published.key), _plain(published.scheme.name)):
            return published.scheme
    rows: dict[str, dict[str, Any]] = tables.read_json("planning", "published_schemes.json")
    for key, row in rows.items():
        if row["words"] is None and wanted in (_plain(key), _plain(row["name"])):
            raise InputError("the scheme of this study is not complete in what was read", found=row["source"], where=row["note"],
                             remedy="give it in words: 4 x 7.4 GBq Lu-177 every 8 weeks")
    return None


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def load_scheme(text_or_path: str, patient: Patient | None = None) -> Scheme:
    """Read a scheme from words, a published scheme's name or, where such a file exists or the text ends in ``.toml``, from TOML."""
    surface = None if patient is None else patient.body_surface_m2
    if text_or_path.endswith(".toml") or Path(text_or_path).is_file():
        scheme = read_scheme(Path(text_or_path), surface)
    else:
        scheme = named_scheme(text_or_path) or _in_words(text_or_path, surface)
    if patient is None and scheme.kidney_p_over is not None:
        raise InputError("a scheme to the kidney limit needs a patient", where=f"scheme {text_or_path!r}",
                         remedy="give activities in GBq here")
    return scheme


def load_schemes(texts: Sequence[str], patient: Patient | None = None) -> tuple[Scheme, ...]:
    """Read the schemes that are compared, see :func:`load_scheme`.

    Raises
    ------
    InputError
        If two of them have one name: neither could be told from the other in a table.
    """
    schemes = tuple(load_scheme(text, patient) for text in texts)
    names = [scheme.name for scheme in schemes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("two schemes have the same name", found=", ".join(twice), where="--scheme",
                         remedy="give each scheme once, and schemes that differ a name of their own")
    return schemes


def _in_words(text: str, surface: float | None) -> Scheme:
    """The scheme in words; where they are none, a published name that was probably meant is said."""
    try:
        return parse_scheme(text, body_surface_m2=surface)
    except InputError as error:
        names = {_plain(one.key): one.key for one in published_schemes()}
        near = get_close_matches(_plain(text), names, 1, 0.75)
        if not near:
            raise
        raise InputError("no published scheme has this name", found=text, where="--scheme",
                         remedy=f"did you mean {names[near[0]]}? List them with: neorlt predict --list-schemes") from error
