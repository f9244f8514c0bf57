"""An archive reached by DIMSE: C-ECHO, C-FIND, C-GET, C-MOVE, C-STORE (PS3.4 A, B, C; PS3.7)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from neorlt.core.errors import InputError, MissingExtraError
from neorlt.core.progress import Told, track
from neorlt.dicom.archive import (
    FIELDS,
    TIMEOUT_S,
    WANTED,
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

PENDING = (0xFF00, 0xFF01)
MOST_CONTEXTS = 126
"""An association has at most 128 presentation contexts (PS3.8 9.3.2.2); one or two are for the service itself."""
SYNTAXES = (
    ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"),  # explicit and implicit little endian
    ("1.2.840.10008.1.2.4.70",), ("1.2.840.10008.1.2.4.57",),  # JPEG lossless
    ("1.2.840.10008.1.2.4.80",), ("1.2.840.10008.1.2.4.81",),  # JPEG-LS
    ("1.2.840.10008.1.2.4.90",), ("1.2.840.10008.1.2.4.91",),  # JPEG 2000
    ("1.2.840.10008.1.2.5",), ("1.2.840.10008.1.2.4.50",), ("1.2.840.10008.1.2.4.51",),  # RLE, JPEG baseline and extended
    ("1.2.840.10008.1.2.1.99",), ("1.2.840.10008.1.2.2",),  # deflated, big endian
)  # fmt: skip
"""One presentation context for each: an archive chooses one syntax a context, and what it stores compressed it may only send so."""

Context = tuple[str, Sequence[str] | None]


@dataclass(frozen=True)
class DimseNode:
    """An archive reached by DIMSE, for example ``DimseNode("127.0.0.1", 4242, "ORTHANC")``."""

    host: str
    port: int
    title: str
    access: Access = field(default_factory=Access)

    @property
    def where(self) -> str:
        """How errors name the archive."""
        return f"{self.title}@{self.host}:{self.port}"

    def _entity(self) -> Any:
        try:
            from pynetdicom import AE
        except ImportError as error:
            raise MissingExtraError("pynetdicom", extra="pacs") from error
        entity: Any = AE(ae_title=self.access.own_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
        entity.maximum_pdu_size = 0
        return entity

    def _associate(self, contexts: Iterable[Context], *, get: Iterable[str] = (), handlers: Iterable[Any] = ()) -> Any:
        entity = self._entity()
        from pynetdicom import build_role

        for abstract, syntaxes in contexts:
            entity.add_requested_context(abstract, list(syntaxes) if syntaxes else None)
        roles: list[Any] = [build_role(uid, scp_role=True) for uid in get]
        tls = (_tls(self.access), self.host) if self.access.ca_file is not None else None
        link = entity.associate(self.host, self.port, ae_title=self.title, ext_neg=roles, tls_args=tls,
                                evt_handlers=[*_prompt(), *handlers])
        if not link.is_established:
            raise gone("does not answer", self.where, "rejected: does it know our AE title?" if link.is_rejected else "no association")
        return link

    def echo(self) -> None:
        """C-ECHO.

        Raises
        ------
        InputError
            If the archive does not answer.
        """
        verification = "1.2.840.10008.1.1"
        link = self._associate([(verification, None)])
        try:
            status = link.send_c_echo()
        finally:
            link.release()
        if not status or status.Status != 0x0000:
            raise gone("does not answer a C-ECHO", self.where, "no answer" if not status else f"status {status.Status:04X}h")

    def find(self, **keys: str) -> list[Found]:
        """Return studies that match ``keys`` (DICOM keywords, for example ``PatientID``, ``StudyDate``).

        Raises
        ------
        InputError
            If the archive does not answer or refuses.
        """
        return [found_of(answer) for answer in self._find("STUDY", FIELDS, keys)]

    def _find(self, level: str, fields: Sequence[str], keys: dict[str, str]) -> list[Dataset]:
        model = _model("Find")
        query = Dataset()
        query.QueryRetrieveLevel = level
        for keyword in fields:
            setattr(query, keyword, None)
        for keyword, value in keys.items():
            setattr(query, keyword, value)
        link = self._associate([(model, None)])
        try:
            return list(_answers(link.send_c_find(query, model), self.where))
        finally:
            link.release()

    def series(self, study_uid: str) -> list[Series]:
        """Series of a study with their instances by class.

        Raises
        ------
        InputError
            If the archive does not answer, or does not hold the study.
        """
        found = []
        for row in self._find("SERIES", ("SeriesInstanceUID", "Modality"), {"StudyInstanceUID": study_uid}):
            uid = str(row.SeriesInstanceUID)
            kinds: dict[str, list[str]] = {}
            for one in self._find("IMAGE", ("SOPInstanceUID", "SOPClassUID"), {"StudyInstanceUID": study_uid, "SeriesInstanceUID": uid}):
                kinds.setdefault(str(one.get("SOPClassUID") or ""), []).append(str(one.SOPInstanceUID))
            found.append(Series(uid, str(row.get("Modality") or ""), kinds))
        if not found:
            raise not_held(self.where)
        return found

    def fetch(self, study_uid: str, folder: Path, *, everything: bool = False, move: bool = False) -> Fetched:
        """Write the wanted instances of a study to ``folder``, series by series, with C-GET or (``move``) C-MOVE.

        Raises
        ------
        InputError
            If the archive goes away, reports a failure, or sends less than it announced.
        """
        series = self.series(study_uid)
        seen: set[str] = set()
        expected: set[str] = set()

        def keep(event: Any) -> int:
            uid = str(event.request.AffectedSOPInstanceUID)
            if uid in expected and uid not in seen:
                # Written as it came, without decoding it: a file of the archive stays what it was.
                (folder / f"{len(seen) + 1:06d}.dcm").write_bytes(event.encoded_dataset())
                seen.add(uid)
                told("fetching", len(seen), len(expected))
            return 0x0000

        wanted = [(one, one.wanted(everything)) for one in series]
        expected.update(uid for _, kinds in wanted for uids in kinds.values() for uid in uids)
        said: list[str] = []
        withheld: Counter[str] = Counter()
        with Told() as told:
            for one, kinds in (row for row in wanted if row[1]):
                query = Dataset()
                query.QueryRetrieveLevel = "SERIES"
                query.StudyInstanceUID, query.SeriesInstanceUID = study_uid, one.uid
                classes = [kind for kind in kinds if kind] or list(WANTED)
                failures, unknown = (self._move if move else self._get)(query, classes, keep)
                said += failures
                for kind in set(unknown) & kinds.keys():
                    # The archive holds such objects and does not know how to send them by this service.
                    expected.difference_update(kinds[kind])
                    withheld[f"{kind_name(kind)} (the archive does not send it by {'C-MOVE' if move else 'C-GET'})"] += len(kinds[kind])
        # What counts is what arrived: an archive reports objects of a series that were not wanted, and had no context, as failures.
        check_whole(seen, expected, self.where, said)
        return Fetched(len(seen), {**left_out(series, everything), **withheld})

    def _get(self, query: Dataset, classes: Sequence[str], keep: Callable[[Any], int]) -> tuple[list[str], list[str]]:
        """Ask for what ``query`` names; returns the failures that the archive reports, and the classes that it does not know."""
        from pynetdicom import evt

        model = _model("Get")
        groups = SYNTAXES[: max(1, MOST_CONTEXTS // len(classes))]
        contexts: list[Context] = [(model, None), *((kind, group) for kind in classes for group in groups)]
        link = self._associate(contexts, get=classes, handlers=[(evt.EVT_C_STORE, keep)])
        try:
            known = {str(context.abstract_syntax) for context in link.accepted_contexts}
            return _failures(link.send_c_get(query, model), self.where), [kind for kind in classes if kind not in known]
        finally:
            link.release()

    def _move(self, query: Dataset, classes: Sequence[str], keep: Callable[[Any], int]) -> tuple[list[str], list[str]]:
        """Ask that what ``query`` names is sent to us; returns the failures that the archive reports."""
        if self.access.listen_port is None:
            raise InputError("a C-MOVE needs a port to listen on", where="--listen-port",
                             remedy="give the port under which the archive knows our AE title")
        from pynetdicom import evt

        receiver = self._entity()
        for kind in classes:
            receiver.add_supported_context(kind, [syntax for group in SYNTAXES for syntax in group])
        server = receiver.start_server(("", self.access.listen_port), block=False,
                                       evt_handlers=[(evt.EVT_C_STORE, keep), *_prompt()])
        try:
            model = _model("Move")
            link = self._associate([(model, None)])
            try:
                return _failures(link.send_c_move(query, self.access.own_title, model), self.where), []
            finally:
                link.release()
        finally:
            server.shutdown()

    def send(self, paths: Sequence[Path]) -> Sent:
        """Send files with C-STORE, then look whether the archive holds them.

        Raises
        ------
        InputError
            If the archive does not answer or goes away.
        """
        files = headers(paths)
        before = self._held(files)
        refused: list[str] = []
        stored: list[tuple[Path, Dataset]] = []
        kinds = list(dict.fromkeys((str(h.file_meta.MediaStorageSOPClassUID), str(h.file_meta.TransferSyntaxUID)) for _, h in files))
        progress = iter(track(range(len(files)), "sending", total=len(files)))
        for start in range(0, len(kinds), MOST_CONTEXTS):
            some = set(kinds[start : start + MOST_CONTEXTS])
            link = self._associate([(kind, [syntax]) for kind, syntax in some])
            try:
                accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in link.accepted_contexts}
                for path, header in files:
                    kind = str(header.file_meta.MediaStorageSOPClassUID), str(header.file_meta.TransferSyntaxUID)
                    if kind not in some:
                        continue
                    next(progress, None)
                    if kind not in accepted:
                        refused.append(f"{kind_name(kind[0])}: the archive does not take this kind of object in this encoding")
                        continue
                    _settle(link)
                    status = self._store(link, path, len(stored), len(files))
                    if status == 0x0000 or status & 0xF000 == 0xB000:
                        stored.append((path, header))
                    else:
                        refused.append(f"{kind_name(kind[0])}: status {status:04X}h{_meaning(status)}")
            finally:
                if link.is_established:
                    link.release()
        return account(stored, before, refused, self._held, self._own_copy)

    def _store(self, link: Any, path: Path, number: int, total: int) -> int:
        from pynetdicom import _config

        try:
            # The file's own bytes, read in parts and never decoded: what is stored is what lies there, whatever its size.
            _config.STORE_SEND_CHUNKED_DATASET = True
            status = link.send_c_store(path).get("Status")
        except (RuntimeError, ValueError) as error:
            raise gone("went away", self.where, f"{number} of {total} objects sent") from error
        if status is None:
            raise gone("went away", self.where, f"{number} of {total} objects sent")
        return int(status)

    def _held(self, files: Sequence[tuple[Path, Dataset]]) -> set[str]:
        """Identifiers among those of ``files`` that the archive holds."""
        held: set[str] = set()
        for study, series in dict.fromkeys((str(h.StudyInstanceUID), str(h.SeriesInstanceUID)) for _, h in files):
            keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
            held.update(str(one.SOPInstanceUID) for one in self._find("IMAGE", ("SOPInstanceUID",), keys))
        return held & {str(header.SOPInstanceUID) for _, header in files}

    def _own_copy(self, header: Dataset) -> Dataset | None:
        """What the archive holds under an object's identifier; None where it does not show it."""
        theirs: list[Dataset] = []

        def keep(event: Any) -> int:
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            theirs.append(dataset)
            return 0x0000

        query = Dataset()
        query.QueryRetrieveLevel = "IMAGE"
        query.StudyInstanceUID, query.SeriesInstanceUID = header.StudyInstanceUID, header.SeriesInstanceUID
        query.SOPInstanceUID = header.SOPInstanceUID
        try:
            self._get(query, [str(header.SOPClassUID)], keep)
        except InputError:
            return None
        return theirs[0] if theirs else None


def _model(operation: str) -> Any:
    try:
        from pynetdicom import sop_class
    except ImportError as error:
        raise MissingExtraError("pynetdicom", extra="pacs") from error
    return getattr(sop_class, f"StudyRootQueryRetrieveInformationModel{operation}")


def _prompt() -> list[Any]:
    """Handlers that let neither side wait for the other's acknowledgement: a C-STORE is a question and an answer for every object."""
    from pynetdicom import evt

    return [(evt.EVT_CONN_OPEN, _without_delay)]


def _without_delay(event: Any) -> None:
    """Small messages of ours must not wait for the next packet (Nagle), nor the archive's answer for us."""
    held = event.assoc.dul.socket
    if held is not None and held.socket is not None:
        held.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        held.socket = _QuickSocket(held.socket)


class _QuickSocket:
    """A connection that acknowledges at once what it reads.

    An archive that writes an answer in two parts and leaves Nagle on keeps the second part until we acknowledge the first, which Linux
    puts off by 40 ms for a side that sends itself. Linux drops the option again while data flow (tcp(7)), so it is set before each read.
    """

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def recv(self, size: int) -> bytes:
        """Read, and acknowledge at once, where this system has the option (Linux)."""
        option = getattr(socket, "TCP_QUICKACK", None)
        if option is not None:
            # A connection that has ended says so in what follows.
            with contextlib.suppress(OSError):
                self._wrapped.setsockopt(socket.IPPROTO_TCP, option, 1)
        return bytes(self._wrapped.recv(size))


def _settle(link: Any) -> None:
    """Wait until the association's own thread has taken note that the last answer is in.

    pynetdicom 2.1 to 3.0 pauses that thread for every message by a flag that it takes back late; a message sent at once after another
    can lose its answer to the thread, which drops it, and then waits for ever.
    """
    until = time.monotonic() + 1.0
    while getattr(link, "_is_paused", False) and time.monotonic() < until:
        time.sleep(0.0005)


def _tls(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(access.ca_file))
    if access.cert_file is not None:
        context.load_cert_chain(str(access.cert_file), None if access.key_file is None else str(access.key_file))
    return context


def _meaning(status: int) -> str:
    """What a failure of C-STORE says (PS3.4 B.2.3)."""
    if status & 0xFF00 == 0xA700:
        return " (out of resources)"
    if status & 0xFF00 == 0xA900:
        return " (the object does not match its class)"
    if status & 0xF000 == 0xC000:
        return " (cannot be understood)"
    return " (not supported)" if status == 0x0122 else ""


def _answers(responses: Iterator[tuple[Dataset, Dataset | None]], where: str) -> Iterator[Dataset]:
    for status, identifier in responses:
        code = status.get("Status") if status else None
        if code is None:
            raise gone("went away", where, "no answer")
        if code in PENDING:
            if identifier is not None:
                yield identifier
        elif code != 0x0000:
            raise InputError(
                "the archive reports a failure",
                found=f"status {code:04X}h",
                where=where,
                remedy="ask its administrator; some archives answer only known stations (--own-title)",
            )


def _failures(responses: Iterator[tuple[Dataset, Dataset | None]], where: str) -> list[str]:
    """The final failure of a C-GET or C-MOVE, in words; nothing where all went well."""
    for status, _ in responses:
        code = status.get("Status") if status else None
        if code is None:
            raise gone("went away", where, "no answer; some archives end the talk with a station that they do not know (--own-title)")
        if code not in (*PENDING, 0x0000):
            reason = " (it does not know where to send to: --own-title, --listen-port)" if code == 0xA801 else ""
            return [f"status {code:04X}h{reason}"]
    return []
