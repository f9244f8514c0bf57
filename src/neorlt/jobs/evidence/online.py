"""What asks services: search, chase, update, watch."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence import chase as chasing
from neorlt.evidence import update as updating
from neorlt.evidence import watch as watching
from neorlt.evidence.importers import import_file
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.search.citations import CROSSREF_URL, OPENALEX_URL, Crossref, OpenAlex
from neorlt.evidence.search.ctgov import BASE_URL as CTGOV_URL
from neorlt.evidence.search.ctgov import ClinicalTrials
from neorlt.evidence.search.pubmed import BASE_URL as PUBMED_URL
from neorlt.evidence.search.pubmed import PubMed


@dataclass(frozen=True)
class Services:
    """Addresses of the services and who asks; ``api_key`` is NCBI's."""

    pubmed: str | None = PUBMED_URL
    ctgov: str | None = CTGOV_URL
    openalex: str | None = OPENALEX_URL
    crossref: str | None = CROSSREF_URL
    email: str | None = None
    api_key: str | None = None


def chase_command(folder: Path, *, ids: list[str] | None = None, services: Services | None = None) -> dict[str, Any]:
    """``neorlt evidence chase``: backward and forward citations of the included records."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        openalex = stack.enter_context(OpenAlex(base_url=use.openalex, email=use.email)) if use.openalex else None
        crossref = stack.enter_context(Crossref(base_url=use.crossref, email=use.email)) if use.crossref else None
        return chasing.chase(review, openalex=openalex, crossref=crossref, ids=ids)


def search_command(folder: Path, *, reading: str = "all", services: Services | None = None) -> dict[str, Any]:
    """``neorlt evidence search``: run or go on with the protocol's searches."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        pubmed, ctgov = _clients(use, stack)
        return updating.search(review, pubmed=pubmed, ctgov=ctgov, reading=reading)


def update_command(folder: Path, *, today: str | None = None, services: Services | None = None) -> dict[str, Any]:
    """``neorlt evidence update``: search again, show what is new and whether a conclusion moves."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        pubmed, ctgov = _clients(use, stack)
        return updating.update(review, pubmed=pubmed, ctgov=ctgov, today=today)


def _clients(use: Services, stack: ExitStack) -> tuple[PubMed | None, ClinicalTrials | None]:
    pubmed = stack.enter_context(PubMed(base_url=use.pubmed, api_key=use.api_key, email=use.email)) if use.pubmed else None
    ctgov = stack.enter_context(ClinicalTrials(base_url=use.ctgov)) if use.ctgov else None
    return pubmed, ctgov


def watch_command(
    folder: Path,
    *,
    nct: list[str] | None = None,
    add: Path | None = None,
    dated: str | None = None,
    services: Services | None = None,
) -> dict[str, Any]:
    """``neorlt evidence watch``: fetch the current version of registrations (or add one from a file), show changes."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        if add is not None:
            _, records = import_file(add)
            names = []
            for record in records:
                if "study" not in record.extra:
                    raise InputError("not a registration", where=str(add), remedy="give ClinicalTrials.gov JSON")
                watching.add_version(review, record.extra["study"], dated=dated)
                names.append(str(record.nct))
        else:
            names = nct or watching.watched(review)
            if use.ctgov:
                client = stack.enter_context(ClinicalTrials(base_url=use.ctgov))
                for name in (number for number in names if number.startswith("NCT")):
                    watching.add_version(review, client.study(name))
        return {"registrations": [watching.history(review, name) for name in dict.fromkeys(names)]}
