"""``neorlt serve``: start the page."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from neorlt.core.errors import InputError, MissingExtraError
from neorlt.jobs.choice import own_posterior
from neorlt.web.settings import Settings
from neorlt.web.store import absent

TOKEN_VARIABLE = "NEORLT_TOKEN"


def serve(
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    certificate: Path | None = None,
    key: Path | None = None,
    shared: tuple[Path, ...] = (),
    retention_days: float | None = None,
    review: Path | None = None,
    posterior: Path | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the tumour board's page until it is interrupted.

    Uploaded images and results are readable by the user who runs the server alone.

    Parameters
    ----------
    root
        Folder for cases; made if it is absent.
    host, port
        Where to listen. The token of a server that is not on loopback comes from the environment (``NEORLT_TOKEN``),
        never from the command line, which other users of the machine can read.
    certificate, key
        PEM files for TLS.
    shared
        Finished output folders of ``neorlt plan`` that every session may read.
    retention_days
        Age at which a case is removed at a start of the server; None keeps it.
    review
        Folder of a living review to screen and extract in the browser.
    posterior
        Folder of a centre's own posterior that new cases are planned with; finished plans keep the one they were made with.
    announce
        Called with the page's address once nothing stands against serving it.

    Raises
    ------
    MissingExtraError
        If FastAPI or uvicorn is not installed.
    InputError
        If the settings are not safe, a shared folder holds no plan, or the posterior cannot be used.
    """
    if os.name != "posix":
        raise InputError("the tumour board's page needs a POSIX system (Linux, macOS): it locks its files there",
                         found=os.name, remedy="run it on such a machine, or use neorlt plan and open report.html")
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("The tumour board's page", extra="web") from error
    from neorlt.web.app import create_app
    from neorlt.web.slow import patient_protocol

    if review is not None:
        from neorlt.evidence.review import ReviewFolder

        with ReviewFolder(review):  # refused here, with the remedy, and not in a browser
            pass
    own_posterior(posterior)  # refused here too; each case reads it again and keeps its hash
    os.umask(0o077)
    settings = replace(make_settings(root, host, port, certificate, key, shared), retention_days=retention_days, review=review,
                       posterior=None if posterior is None else posterior.resolve())
    application = create_app(settings)
    if announce is not None:
        announce(f"{'http' if certificate is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}")
    # A browser that comes back after some seconds finds its connection open, not closed under its request.
    uvicorn.run(application, host=host, port=port, log_level="warning", http=patient_protocol(settings.slow_s),
                server_header=False, timeout_keep_alive=75, ssl_certfile=None if certificate is None else str(certificate),
                ssl_keyfile=None if key is None else str(key))  # fmt: skip


def make_settings(root: Path, host: str, port: int, certificate: Path | None, key: Path | None, shared: tuple[Path, ...]) -> Settings:
    """Settings from the options of the command line and the environment."""
    named: list[tuple[str, Path]] = []
    for folder in shared:
        if lacking := absent(folder):
            raise InputError(f"the folder holds no {' and no '.join(lacking)}", where=str(folder),
                             remedy="name an output folder of neorlt plan")
        name = "".join(char if char.isalnum() else "-" for char in folder.resolve().name.lower())[:40] or "case"
        name = name.encode("ascii", "replace").decode().replace("?", "-")
        # Two folders may bear one name (A/out and B/out): each is listed.
        taken = {one for one, _ in named}
        name = next(choice for choice in (name, *(f"{name}-{number}" for number in range(2, len(shared) + 2))) if choice not in taken)
        named.append((name, folder.resolve()))
    return Settings(root=root, host=host, port=port, token=os.environ.get(TOKEN_VARIABLE) or None, certificate=certificate, key=key,
                    shared=tuple(named))  # fmt: skip
