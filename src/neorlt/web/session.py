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
from dataclasses import dataclass
from pathlib import Path

from neorlt.core.errors import InputError

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

    @property
    def owner(self) -> str:
        """A digest of the name: reading a case's file does not let anyone take over the session."""
        return hashlib.sha256(f"owner:{self.name}".encode()).hexdigest()


class Sessions:
    """Makes and checks sessions."""

    def __init__(self, root: Path, token: str | None) -> None:
        self._secret = _read_or_make_secret(root / SECRET_FILE)
        self._token = token

    def new(self) -> Session:
        """A session that nobody has had; admitted at once where no access token is set."""
        return Session(secrets.token_urlsafe(32), admitted=self._token is None)

    def admit(self, session: Session, token: str) -> Session | None:
        """The admitted session if the access token is right, else None. Takes the same time for every wrong token."""
        if self._token is None or not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        return Session(secrets.token_urlsafe(32), admitted=True)

    def cookie(self, session: Session) -> str:
        """The cookie's value."""
        payload = f"{session.name}.{int(session.admitted)}"
        return f"{payload}.{self._sign('session', payload)}"

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie, or None where it is absent or was not signed here."""
        parts = (cookie or "").split(".")
        if len(parts) != 3:
            return None
        name, admitted, signature = parts
        if not hmac.compare_digest(signature.encode(), self._sign("session", f"{name}.{admitted}").encode()):
            return None
        return Session(name, admitted == "1")

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
