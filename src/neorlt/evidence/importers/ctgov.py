"""ClinicalTrials.gov API v2 JSON: a page of a search, a list of studies, or one study."""

from __future__ import annotations

import json
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.records import Record, find_year


def read_ctgov_json(text: str, where: str) -> list[Record]:
    """Registry records of a JSON document.

    Raises:
        InputError: malformed JSON, or a document of another kind.

    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            "the JSON is malformed", found=error.msg, where=f"{where}, line {error.lineno}", remedy="download it again"
        ) from error
    if isinstance(document, dict) and "studies" in document:
        studies = document["studies"]
    else:
        studies = document if isinstance(document, list) else [document]
    return [study_record(study, where) for study in studies]


def study_record(study: Any, where: str) -> Record:
    """One study of the API as a record; the whole study stays in ``extra`` for comparison of versions."""
    try:
        protocol = study["protocolSection"]
        identification = protocol["identificationModule"]
        nct = str(identification["nctId"])
    except (KeyError, TypeError) as error:
        raise InputError("not a ClinicalTrials.gov v2 study", where=where, remedy="export it as JSON from the v2 API or site") from error
    status = protocol.get("statusModule", {})
    design = protocol.get("designModule", {})
    sponsor = protocol.get("sponsorCollaboratorsModule", {}).get("leadSponsor", {}).get("name")
    return Record(
        title=identification.get("officialTitle") or identification.get("briefTitle") or nct,
        source="clinicaltrials.gov",
        abstract=protocol.get("descriptionModule", {}).get("briefSummary"),
        authors=(sponsor,) if sponsor else (),
        year=find_year(status.get("startDateStruct", {}).get("date")),
        journal="ClinicalTrials.gov",
        nct=nct,
        url=f"https://clinicaltrials.gov/study/{nct}",
        kinds=tuple(design.get("phases", ())),
        extra={"study": study},
    )
