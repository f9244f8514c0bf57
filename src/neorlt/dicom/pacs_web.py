"""An archive reached by DICOMweb: QIDO-RS, WADO-RS, STOW-RS (PS3.18)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError, MissingExtraError
from neorlt.core.progress import Told, track
from neorlt.dicom.archive import (
    FIELDS,
    TIMEOUT_S,
    Access,
    Fetched,
    Found,
    Sent,
    Series,
    account,
    check_whole,
    found_of,
    gone,
    headers,
    kind_name,
    left_out,
    not_held,
)

AT_ONCE = 20
"""Objects a request of STOW-RS."""


@dataclass(frozen=True)
class WebNode:
    """An archive reached by DICOMweb, for example ``WebNode("http://127.0.0.1:8042/dicom-web")``."""

    url: str
    access: Access = field(default_factory=Access)

    @property
    def where(self) -> str:
        """How errors name the archive: without user and password."""
        return self.url.split("@")[-1]

    def _client(self) -> Any:
        requests, client_class = _libraries()
        session = requests.Session()
        if self.access.user is not None:
            session.auth = (self.access.user, self.access.password or "")
        if self.access.ca_file is not None:
            session.verify = str(self.access.ca_file)
        if self.access.cert_file is not None:
            key = self.access.key_file
            session.cert = str(self.access.cert_file) if key is None else (str(self.access.cert_file), str(key))
        client: Any = client_class(self.url, session=session, timeout=TIMEOUT_S)
        client.set_http_retry_params(retry=False)
        return client

    def _ask(self, what: str, *arguments: Any, **options: Any) -> Any:
        requests, _ = _libraries()
        client = self._client()
        try:
            answer = getattr(client, what)(*arguments, **options)
            return list(answer) if isinstance(answer, Iterator) and not what.startswith("iter_") else answer
        except requests.exceptions.HTTPError as error:
            raise self._refusal(error) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise gone("does not answer", self.where, type(error).__name__) from error

    def _refusal(self, error: Any) -> InputError:
        code = error.response.status_code if error.response is not None else 0
        remedy = {401: "give user and password (NEORLT_PACS_USER, NEORLT_PACS_PASSWORD)", 403: "ask its administrator for the right"}
        return InputError("the archive refuses", found=f"HTTP status {code}", where=self.where,
                          remedy=remedy.get(code, "check the address, the rights, and that the study is there"))

    def echo(self) -> None:
        """Ask for one study: an archive that answers is there.

        Raises
        ------
        InputError
            If it does not answer or refuses.
        """
        self._ask("search_for_studies", limit=1)

    def find(self, **keys: str) -> list[Found]:
        """Return studies that match ``keys`` (QIDO-RS).

        Raises
        ------
        InputError
            If the archive does not answer or refuses.
        """
        answers = self._ask("search_for_studies", search_filters=dict(keys), fields=list(FIELDS[2:]))
        return [found_of(Dataset.from_json(answer)) for answer in answers]

    def series(self, study_uid: str) -> list[Series]:
        """Series of a study with their instances by class.

        Raises
        ------
        InputError
            If the archive does not answer, or does not hold the study.
        """
        rows: dict[str, dict[str, list[str]]] = {}
        modality: dict[str, str] = {}
        for answer in self._ask("search_for_instances", study_instance_uid=study_uid):
            one = Dataset.from_json(answer)
            uid = str(one.SeriesInstanceUID)
            modality[uid] = str(one.get("Modality") or "")
            rows.setdefault(uid, {}).setdefault(str(one.get("SOPClassUID") or ""), []).append(str(one.SOPInstanceUID))
        if not rows:
            raise not_held(self.where)
        return [Series(uid, modality[uid], kinds) for uid, kinds in rows.items()]

    def fetch(self, study_uid: str, folder: Path, *, everything: bool = False, move: bool = False) -> Fetched:
        """Write the wanted instances of a study to ``folder`` (WADO-RS, series by series) as the archive stores them.

        Raises
        ------
        InputError
            If the archive goes away, or sends less than it announced.
        """
        if move:
            raise InputError("C-MOVE is no service of DICOMweb", where="--move", remedy="leave --move out, or use TITLE@host:port")
        series = self.series(study_uid)
        wanted = [(one, one.wanted(everything)) for one in series]
        expected = {uid for _, kinds in wanted for uids in kinds.values() for uid in uids}
        seen: set[str] = set()
        rows = [row for row in wanted if row[1]]
        with Told() as told:
            for one, kinds in rows:
                whole = kinds.keys() == one.instances.keys()
                single = (uid for uids in kinds.values() for uid in uids)
                source = (self._objects("iter_series", study_uid, one.uid) if whole else
                          (self._ask("retrieve_instance", study_uid, one.uid, uid, media_types=_ANY) for uid in single))
                for dataset in source:
                    uid = str(dataset.SOPInstanceUID)
                    if uid in expected and uid not in seen:
                        seen.add(uid)
                        dataset.save_as(folder / f"{len(seen):06d}.dcm", enforce_file_format=True)
                        told("fetching", len(seen), len(expected))
        check_whole(seen, expected, self.where)
        return Fetched(len(seen), left_out(series, everything))

    def _objects(self, what: str, *uids: str) -> Iterator[Dataset]:
        """Objects one by one, so that a long series does not stand in memory."""
        requests, _ = _libraries()
        try:
            yield from self._ask(what, *uids, media_types=_ANY)
        except requests.exceptions.HTTPError as error:
            raise self._refusal(error) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise gone("went away", self.where, type(error).__name__) from error

    def send(self, paths: Sequence[Path]) -> Sent:
        """Send files (STOW-RS), a few at a time, then look whether the archive holds them.

        Raises
        ------
        InputError
            If the archive does not answer or refuses the request itself.
        """
        files = headers(paths)
        before = self._held(files)
        refused: list[str] = []
        lost: set[str] = set()
        starts = range(0, len(files), AT_ONCE)
        for start in track(starts, "sending", total=len(starts)):
            part = files[start : start + AT_ONCE]
            answer = self._ask("store_instances", datasets=[dcmread(path) for path, _ in part])
            for item in (answer.get("FailedSOPSequence") if answer is not None else None) or []:
                lost.add(str(item.get("ReferencedSOPInstanceUID", "")))
                reason = item.get("FailureReason")
                said = f"status {int(reason):04X}h" if reason is not None else "no reason given"
                refused.append(f"{kind_name(str(item.get('ReferencedSOPClassUID', '')))}: {said}")
        stored = [row for row in files if str(row[1].SOPInstanceUID) not in lost]
        return account(stored, before, refused, self._held, self._own_copy)

    def _own_copy(self, header: Dataset) -> Dataset:
        """What the archive holds under an object's identifier."""
        uids = (str(header.StudyInstanceUID), str(header.SeriesInstanceUID), str(header.SOPInstanceUID))
        found: Dataset = self._ask("retrieve_instance", *uids, media_types=_ANY)
        return found

    def _held(self, files: Sequence[tuple[Path, Dataset]]) -> set[str]:
        held: set[str] = set()
        for study, series in dict.fromkeys((str(h.StudyInstanceUID), str(h.SeriesInstanceUID)) for _, h in files):
            answers = self._ask("search_for_instances", study_instance_uid=study, series_instance_uid=series)
            held.update(str(Dataset.from_json(answer).SOPInstanceUID) for answer in answers)
        return held & {str(header.SOPInstanceUID) for _, header in files}


_ANY = (("application/dicom", "*"),)
"""As stored: an archive that must transcode refuses what it cannot decode."""


def _libraries() -> tuple[Any, Any]:
    """``requests`` and the client of ``dicomweb_client``, which both come with the extra."""
    try:
        import requests
        from dicomweb_client.api import DICOMwebClient
    except ImportError as error:
        raise MissingExtraError("dicomweb-client", extra="pacs") from error
    return requests, DICOMwebClient
