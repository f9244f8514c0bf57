"""``neorlt serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Posterior, sentences


def command(
    cases: Annotated[Path, typer.Option("--cases", help="Folder for cases; made if it is absent.")] = Path("neorlt-cases"),
    host: Annotated[str, typer.Option(help="Loopback unless a token is set in NEORLT_TOKEN.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 8765,
    certificate: Annotated[Path | None, typer.Option(help="PEM certificate for TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM key for TLS.")] = None,
    plan: Annotated[list[Path] | None, typer.Option("--plan", help="Finished output folder of `neorlt plan`; may be repeated.")] = None,
    keep_days: Annotated[float | None, typer.Option("--keep-days", min=0.04, help="Remove older cases at a start of the server.")] = None,
    posterior: Posterior = None,
    review: Annotated[Path | None, typer.Option("--review", help="Folder of a living review to screen and extract in the browser.")] = None,
) -> None:
    """Serve the tumour board's page."""
    from neorlt.web.serve import serve

    serve(cases, host=host, port=port, certificate=certificate, key=key, shared=tuple(plan or ()), retention_days=keep_days,
          review=review, posterior=posterior,
          announce=lambda address: sentences(f"The tumour board's page: {address} (Ctrl+C ends it)."))  # fmt: skip
