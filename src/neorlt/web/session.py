"""Who is asking: signed session cookies, the access token, and the token against cross-site requests.

No session is stored: the cookie carries a random identifier and a signature made with a secret that lies in the
server's folder, readable by its owner only. Cases belong to the identifier, so sessions do not see each other's.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic

COOKIE = "neorlt_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
SECRET_FILE = ".secret"
SECRET_BYTES = 32


@dataclass(frozen=True)
class Session:
    """One browser: ``name`` is secret to it, ``owner`` is what is written beside its cases."""

    name: str
    admitted: bool
    known: bool = False
    """Whether a cookie of ours named it: only then is the name kept when its owner is admitted (no session is planted on anyone)."""
    not_before: int = 0
    """Second of the clock that the admission counts from at the earliest."""

    @property
    def owner(self) -> str:
        """A digest of the name: reading a case's file does not let anyone take over the session."""
        return hashlib.sha256(f"owner:{self.name}".encode()).hexdigest()


class Sessions:
    """Makes and checks sessions.

    A cookie names its session for a year, so that a browser finds its cases again. What the access token opened, *admission*, ends
    after ``hours``, when the token is changed, and when its owner logs out.
    """

    def __init__(self, root: Path, token: str | None, hours: float = 12.0) -> None:
        self._root = root
        self._secret = _read_or_make_secret(root / SECRET_FILE)
        self._token = token
        self._seconds = hours * 3600.0
        # Another token makes every admission by the old one void.
        self._purpose = "session" if token is None else f"session:{hashlib.sha256(token.encode()).hexdigest()}"

    def new(self) -> Session:
        """A session that nobody has had; admitted at once where no access token is set."""
        return Session(secrets.token_urlsafe(32), admitted=self._token is None)

    def admit(self, session: Session, token: str) -> Session | None:
        """The session, admitted, if the access token is right, else None. Takes the same time for every wrong token."""
        if self._token is None or not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        name = session.name if session.known else secrets.token_urlsafe(32)
        # Who enters within the second of a log-out enters after it.
        return Session(name, admitted=True, not_before=self._left(name) + 1)

    def cookie(self, session: Session, now: float | None = None) -> str:
        """The cookie's value."""
        issued = max(int(time.time() if now is None else now), session.not_before)
        payload = f"{session.name}.{int(session.admitted)}.{issued}"
        name = self._sign("name", session.name)
        return f"{payload}.{name}.{self._sign(self._purpose, payload)}"

    def read(self, cookie: str | None, now: float | None = None) -> Session | None:
        """The session of a cookie, or None where it is absent or was not signed here."""
        parts = (cookie or "").split(".")
        if len(parts) == 3:
            return self._read_first(*parts)
        if len(parts) != 5:
            return None
        name, admitted, issued, own, signature = parts
        if not hmac.compare_digest(own.encode(), self._sign("name", name).encode()):
            return None
        valid = hmac.compare_digest(signature.encode(), self._sign(self._purpose, f"{name}.{admitted}.{issued}").encode())
        if self._token is None:
            return Session(name, admitted=True, known=True)
        age = (time.time() if now is None else now) - (int(issued) if issued.isdigit() else 0)
        still = valid and admitted == "1" and -60.0 <= age <= self._seconds and int(issued) > self._left(name)
        return Session(name, admitted=still, known=True)

    def _read_first(self, name: str, admitted: str, signature: str) -> Session | None:
        """A cookie of version 0.1: it names its session, so that its cases are found; its admission is void."""
        if not hmac.compare_digest(signature.encode(), self._sign("session", f"{name}.{admitted}").encode()):
            return None
        return Session(name, admitted=self._token is None, known=True)

    def log_out(self, session: Session) -> Session:
        """Withdraw the admission of a session, wherever its cookie went."""
        write_atomic(self._left_file(session.name), str(int(time.time())))
        return Session(session.name, admitted=self._token is None, known=True)

    def _left_file(self, name: str) -> Path:
        return self._root / "left" / hashlib.sha256(f"left:{name}".encode()).hexdigest()

    def _left(self, name: str) -> int:
        try:
            return int(self._left_file(name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return -1

    def csrf(self, session: Session) -> str:
        """The token that every changing request of this session must carry."""
        return self._sign("csrf", session.name)

    def csrf_is_right(self, session: Session, given: str | None) -> bool:
        """Whether a request carries this session's token."""
        return given is not None and hmac.compare_digest(given.encode(), self.csrf(session).encode())

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _read_or_make_secret(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        # Written aside and linked: a crash leaves no empty secret, and of two servers that start at once one wins.
        handle, name = tempfile.mkstemp(prefix=f"{SECRET_FILE}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_bytes(SECRET_BYTES))
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
        finally:
            os.unlink(name)
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise InputError("the server's secret is damaged", where=str(path), remedy="remove the file; every session then starts anew")
    return secret
