"""What the server may do, decided once at the start."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from neorlt.core.errors import InputError

MIN_TOKEN_LENGTH = 24
"""Characters of an access token; 24 characters of base 64 hold 144 bits."""


@dataclass(frozen=True)
class Settings:
    """Where cases lie, where the server listens, and its limits.

    Parameters
    ----------
    root
        Folder that holds every case; nothing is written elsewhere.
    host, port
        Address to listen on; anything but loopback needs a token, a certificate and its key.
    token
        What a user must enter where the server is not on loopback.
    certificate, key
        PEM files for TLS.
    max_upload_bytes
        Largest request body.
    max_unpacked_bytes, max_files, max_ratio
        Limits of an uploaded archive: unpacked size, number of files, unpacked over packed size of one file.
    max_cases_per_owner, min_free_bytes
        Cases a session may hold; room on the disk under which no upload is taken.
    retention_days
        Age at which a case is removed at the server's start; None keeps it.
    session_hours
        How long the access token's admission lasts.
    slow_s
        How long a client may take for the head of a request, and between two parts of its body.
    shared
        Finished plan folders that every session may read, by name (for example the bundled example).
    posterior
        Folder of a centre's own posterior that new cases are planned with; None takes the shipped one.
    review
        Folder of a living review that is screened and extracted in the browser; None shows no such page.

    Raises
    ------
    InputError
        If the address is not loopback and token, certificate or key are missing or weak.
    """

    root: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    key: Path | None = None
    max_upload_bytes: int = 2 * 1024**3
    max_unpacked_bytes: int = 6 * 1024**3
    max_files: int = 20_000
    max_ratio: float = 200.0
    max_cases_per_owner: int = 500
    min_free_bytes: int = 2 * 1024**3
    retention_days: float | None = None
    session_hours: float = 12.0
    slow_s: float = 20.0
    shared: tuple[tuple[str, Path], ...] = ()
    review: Path | None = None
    posterior: Path | None = None

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < MIN_TOKEN_LENGTH:
            raise InputError(
                "the access token is too short",
                expected=f"{MIN_TOKEN_LENGTH} characters or more",
                found=str(len(self.token)),
                remedy="make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
        if not self.on_loopback:
            if self.token is None:
                raise InputError(
                    "the server would be open to the network without a token",
                    where=f"host {self.host}",
                    remedy="listen on 127.0.0.1, or set a token in NEORLT_TOKEN",
                )
            if self.certificate is None or self.key is None:
                raise InputError(
                    "the server would send patient data unencrypted",
                    where=f"host {self.host}",
                    remedy="give a certificate and its key, or listen on 127.0.0.1",
                )
        if not 0 < self.port < 65536:
            raise InputError("the port is out of range", expected="1 to 65535", found=str(self.port), remedy="choose a free port")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.certificate is not None
