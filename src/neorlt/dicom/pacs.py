"""Talk to a PACS: find studies, fetch one whole, send results; over DIMSE (PS3.7) or DICOMweb (PS3.18).

A fetched study is whole or absent: it is written aside, counted against what the archive announced, and only then put in
its place. Names and identifiers of patients are never logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError, MissingExtraError
from neorlt.core.progress import track

STORAGE = (
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.128",  # PET
    "1.2.840.10008.5.1.4.1.1.20",  # NM
    "1.2.840.10008.5.1.4.1.1.481.3",  # RT Structure Set
    "1.2.840.10008.5.1.4.1.1.481.2",  # RT Dose
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
    "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
    "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
    "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
    "1.2.840.10008.5.1.4.1.1.88.73",  # Patient Radiation Dose SR
    "1.2.840.10008.5.1.4.1.1.88.68",  # Radiopharmaceutical Radiation Dose SR
    "1.2.840.10008.5.1.4.1.1.66.1",  # Spatial Registration
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
)
"""Kinds of objects that are fetched and sent."""
TIMEOUT_S = 30.0
PENDING = (0xFF00, 0xFF01)


@dataclass(frozen=True)
class Found:
    """One study as the archive announces it; no name, no identifier of the patient."""

    study_uid: str
    date: str
    modalities: tuple[str, ...]
    description: str
    instances: int | None

    def as_json(self) -> dict[str, Any]:
        """Entry of ``studies``."""
        return {
            "study_uid": self.study_uid,
            "date": self.date,
            "modalities": list(self.modalities),
            "description": self.description,
            "instances": self.instances,
        }


def _found(dataset: Dataset) -> Found:
    modalities = dataset.get("ModalitiesInStudy") or []
    count = dataset.get("NumberOfStudyRelatedInstances")
    return Found(
        str(dataset.get("StudyInstanceUID", "")),
        str(dataset.get("StudyDate", "") or ""),
        (modalities,) if isinstance(modalities, str) else tuple(str(m) for m in modalities),
        str(dataset.get("StudyDescription", "") or ""),
        int(count) if count not in (None, "") else None,
    )


def _gone(what: str, where: str, detail: str) -> InputError:
    return InputError(f"the archive {what}", found=detail, where=where, remedy="check that it runs and is reachable, then try again")


@dataclass(frozen=True)
class DimseNode:
    """An archive reached by DIMSE, for example ``DimseNode("127.0.0.1", 4242, "ORTHANC")``."""

    host: str
    port: int
    title: str
    own_title: str = "NEORLT"

    @property
    def where(self) -> str:
        """How errors name the archive."""
        return f"{self.title}@{self.host}:{self.port}"

    def _associate(self, contexts: Iterable[tuple[str, Sequence[str] | None]], *, get: bool = False, handlers: Any = None) -> Any:
        try:
            from pynetdicom import AE, build_role
        except ImportError as error:
            raise MissingExtraError("pynetdicom", extra="pacs") from error
        entity: Any = AE(ae_title=self.own_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
        for abstract, syntaxes in contexts:
            entity.add_requested_context(abstract, list(syntaxes) if syntaxes else None)
        roles: list[Any] = [build_role(uid, scp_role=True) for uid in STORAGE] if get else []
        link = entity.associate(self.host, self.port, ae_title=self.title, ext_neg=roles, evt_handlers=handlers or [])
        if not link.is_established:
            raise _gone("does not answer", self.where, "no association")
        return link

    def find(self, **keys: str) -> list[Found]:
        """Return studies that match ``keys`` (DICOM keywords, for example ``PatientID``, ``StudyDate``).

        Raises
        ------
        InputError
            If the archive does not answer or refuses.
        """
        from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Model  # type: ignore[attr-defined]

        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        for keyword in ("StudyInstanceUID", "StudyDate", "ModalitiesInStudy", "StudyDescription", "NumberOfStudyRelatedInstances"):
            setattr(query, keyword, "")
        for keyword, value in keys.items():
            setattr(query, keyword, value)
        link = self._associate([(Model, None)])
        try:
            return [_found(identifier) for identifier in _answers(link.send_c_find(query, Model), self.where)]
        finally:
            link.release()

    def fetch(self, study_uid: str, folder: Path) -> int:
        """Write every instance of a study to ``folder`` with C-GET and return their number.

        Raises
        ------
        InputError
            If the archive goes away, reports a failure, or sends another number than it announced.
        """
        from pynetdicom import evt
        from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as Model  # type: ignore[attr-defined]

        announced = next((f.instances for f in self.find(StudyInstanceUID=study_uid)), None)
        if announced is None:
            raise InputError("the archive does not hold the study", where=self.where, remedy="look for it with: neorlt pacs find")
        seen: set[str] = set()

        def keep(event: Any) -> int:
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            uid = str(dataset.SOPInstanceUID)
            if uid not in seen:
                seen.add(uid)
                dataset.save_as(folder / f"{len(seen):06d}.dcm", enforce_file_format=True)
            return 0x0000

        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.StudyInstanceUID = study_uid
        contexts: list[tuple[str, Sequence[str] | None]] = [(Model, None), *((uid, _syntaxes()) for uid in STORAGE)]
        link = self._associate(contexts, get=True, handlers=[(evt.EVT_C_STORE, keep)])
        try:
            for _ in _answers(link.send_c_get(query, Model), self.where):
                pass
        finally:
            link.release()
        _whole(len(seen), announced, self.where)
        return len(seen)

    def send(self, paths: Sequence[Path]) -> int:
        """Send files with C-STORE and return their number; an instance that the archive has already is no error.

        Raises
        ------
        InputError
            If the archive does not answer, goes away, or refuses an object.
        """
        kinds: dict[tuple[str, str], None] = {}
        for path in paths:
            meta = dcmread(path, stop_before_pixels=True).file_meta
            kinds[str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)] = None
        link = self._associate([(kind, [syntax]) for kind, syntax in kinds])
        try:
            for number, path in enumerate(track(paths, "sending", total=len(paths)), start=1):
                try:
                    status = link.send_c_store(dcmread(path)).get("Status")
                except (RuntimeError, ValueError) as error:
                    raise _gone("went away", self.where, f"{number - 1} of {len(paths)} objects sent") from error
                if status is None:
                    raise _gone("went away", self.where, f"{number - 1} of {len(paths)} objects sent")
                if status != 0x0000 and status & 0xF000 != 0xB000:
                    raise InputError(
                        "the archive refuses an object",
                        found=f"status {status:04X}h for object {number}",
                        where=self.where,
                        remedy="ask its administrator whether it stores this kind of object",
                    )
        finally:
            if link.is_established:
                link.release()
        return len(paths)


def _answers(responses: Iterator[tuple[Dataset, Dataset | None]], where: str) -> Iterator[Dataset]:
    for status, identifier in responses:
        code = status.get("Status") if status else None
        if code is None:
            raise _gone("went away", where, "no answer")
        if code in PENDING:
            if identifier is not None:
                yield identifier
        elif code != 0x0000:
            raise InputError(
                "the archive reports a failure",
                found=f"status {code:04X}h",
                where=where,
                remedy="ask its administrator; some archives allow C-GET only to known stations",
            )


def _whole(got: int, announced: int, where: str) -> None:
    if got != announced:
        raise InputError(
            "the study did not arrive whole",
            expected=f"{announced} objects",
            found=f"{got}",
            where=where,
            remedy="wait until the series is sent completely, then fetch again",
        )


def _syntaxes() -> list[str]:
    from pynetdicom import ALL_TRANSFER_SYNTAXES

    return list(ALL_TRANSFER_SYNTAXES)


@dataclass(frozen=True)
class WebNode:
    """An archive reached by DICOMweb, for example ``WebNode("http://127.0.0.1:8042/dicom-web")``."""

    url: str

    @property
    def where(self) -> str:
        """How errors name the archive: without user and password."""
        return self.url.split("@")[-1]

    def _client(self) -> Any:
        try:
            from dicomweb_client.api import DICOMwebClient
        except ImportError as error:
            raise MissingExtraError("dicomweb-client", extra="pacs") from error
        client: Any = DICOMwebClient(self.url)
        client.set_http_retry_params(retry=False)
        return client

    def _ask(self, what: str, *arguments: Any, **options: Any) -> Any:
        import requests

        try:
            return getattr(self._client(), what)(*arguments, **options)
        except requests.exceptions.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            raise InputError(
                "the archive refuses",
                found=f"HTTP status {code}",
                where=self.where,
                remedy="check the address, the rights, and that the study is there",
            ) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise _gone("does not answer", self.where, type(error).__name__) from error

    def find(self, **keys: str) -> list[Found]:
        """Return studies that match ``keys`` (QIDO-RS).

        Raises
        ------
        InputError
            If the archive does not answer or refuses.
        """
        fields = ["StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"]
        answers = self._ask("search_for_studies", search_filters=dict(keys), fields=fields)
        return [_found(Dataset.from_json(answer)) for answer in answers]

    def fetch(self, study_uid: str, folder: Path) -> int:
        """Write every instance of a study to ``folder`` (WADO-RS) and return their number.

        Raises
        ------
        InputError
            If the archive goes away, or sends another number than it announced.
        """
        announced = self._ask("search_for_instances", study_instance_uid=study_uid)
        if not announced:
            raise InputError("the archive does not hold the study", where=self.where, remedy="look for it with: neorlt pacs find")
        seen: set[str] = set()
        for dataset in self._ask("retrieve_study", study_uid):
            uid = str(dataset.SOPInstanceUID)
            if uid not in seen:
                seen.add(uid)
                dataset.save_as(folder / f"{len(seen):06d}.dcm", enforce_file_format=True)
        _whole(len(seen), len(announced), self.where)
        return len(seen)

    def send(self, paths: Sequence[Path]) -> int:
        """Send files (STOW-RS), a few at a time, and return their number.

        Raises
        ------
        InputError
            If the archive does not answer or refuses an object.
        """
        step = 20
        for start in range(0, len(paths), step):
            answer = self._ask("store_instances", datasets=[dcmread(p) for p in paths[start : start + step]])
            failed = answer.get("FailedSOPSequence") if answer is not None else None
            if failed:
                raise InputError(
                    "the archive refuses an object",
                    found=f"{len(failed)} objects",
                    where=self.where,
                    remedy="ask its administrator whether it stores this kind of object",
                )
        return len(paths)


Node = DimseNode | WebNode


def parse_node(text: str) -> Node:
    """Return the archive that ``TITLE@host:port`` or ``http(s)://…`` names.

    Raises
    ------
    InputError
        If the text is neither.
    """
    if text.startswith(("http://", "https://")):
        return WebNode(text)
    title, _, place = text.partition("@")
    host, _, port = place.rpartition(":")
    if not title or not host or not port.isdigit():
        raise InputError(
            "the archive's address cannot be read",
            expected="TITLE@host:port or http(s)://…/dicom-web",
            found=text,
            where="--pacs",
            remedy="correct it",
        )
    return DimseNode(host, int(port), title)
