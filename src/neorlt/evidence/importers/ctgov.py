"""ClinicalTrials.gov API v2 JSON: a page of a search, a list of studies, or one study."""

from __future__ import annotations

import json
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import find_eudract, find_nct
from neorlt.evidence.loose import mapping, mappings, text, texts
from neorlt.evidence.records import Record, find_year


def read_ctgov_json(content: str, where: str) -> list[Record]:
    """Registry records of a JSON document.

    Raises:
        InputError: malformed JSON, or a document of another kind.

    """
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        raise InputError(
            "the JSON is malformed", found=error.msg, where=f"{where}, line {error.lineno}", remedy="download it again"
        ) from error
    except RecursionError as error:
        raise InputError("the JSON is nested too deep", where=where, remedy="download it again") from error
    studies = document
    if isinstance(document, dict):
        studies = document.get("studies", [document])
    if not isinstance(studies, list):
        raise InputError("the list of studies is no list", where=where, remedy="download it again from the v2 API or site")
    return [study_record(study, where) for study in studies]


def version_date(study: Any) -> str | None:
    """Date of a version: when its last update was submitted, else posted; None where the registration does not say."""
    status = mapping(study, "protocolSection", "statusModule")
    return text(status.get("lastUpdateSubmitDate")) or text(mapping(status, "lastUpdatePostDateStruct").get("date"))


def study_record(study: Any, where: str) -> Record:
    """One study of the API as a record; the whole study stays in ``extra`` for comparison of versions.

    Raises:
        InputError: the study carries no ClinicalTrials.gov number.

    """
    protocol = mapping(study, "protocolSection")
    identification = mapping(protocol, "identificationModule")
    nct = find_nct(text(identification.get("nctId")))
    if nct is None:
        raise InputError("not a ClinicalTrials.gov v2 study", where=where, remedy="export it as JSON from the v2 API or site")
    sponsor = text(mapping(protocol, "sponsorCollaboratorsModule", "leadSponsor").get("name"))
    return Record(
        title=text(identification.get("officialTitle")) or text(identification.get("briefTitle")) or nct,
        source="clinicaltrials.gov",
        abstract=text(mapping(protocol, "descriptionModule").get("briefSummary")),
        authors=(sponsor,) if sponsor else (),
        year=find_year(text(mapping(protocol, "statusModule", "startDateStruct").get("date"))),
        journal="ClinicalTrials.gov",
        nct=nct,
        eudract=_eudract(identification),
        url=f"https://clinicaltrials.gov/study/{nct}",
        kinds=tuple(texts(mapping(protocol, "designModule").get("phases"))),
        extra={"study": study},
    )


def _eudract(identification: dict[str, Any]) -> str | None:
    """The EudraCT or EU CT number among a registration's secondary numbers."""
    return next(
        (number for item in mappings(identification.get("secondaryIdInfos")) if (number := find_eudract(text(item.get("id"))))), None
    )
