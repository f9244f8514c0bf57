"""One polite HTTP client: rate limit, retries with growing pauses, and errors that say which service said what."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neorlt.core.errors import InputError, MissingExtraError, NeorltError

RETRIED = (429, 500, 502, 503, 504)
LONGEST_PAUSE_S = 60.0


class ServiceError(NeorltError):
    """A service did not answer, or answered with something that is not an answer; nothing was stored."""

    exit_status = 2

    def __init__(self, service: str, problem: str, *, remedy: str, status: int | None = None) -> None:
        self.service, self.problem, self.remedy, self.status = service, problem, remedy, status
        super().__init__(f"{service}: {problem}: {remedy}.")


@dataclass(frozen=True)
class Answer:
    """Body and address of an answer; the address holds no key."""

    body: bytes
    url: str


class Polite:
    """A client of one service.

    ``per_second`` limits the pace; a busy or broken answer is asked again up to ``attempts`` times, after the pause
    that the service asks for (``Retry-After``) or 1, 2, 4, … times ``pause_s``.
    """

    def __init__(
        self,
        service: str,
        base_url: str,
        *,
        per_second: float,
        attempts: int = 5,
        pause_s: float = 1.0,
        timeout_s: float = 60.0,
        secret: Mapping[str, str] | None = None,
    ) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("httpx", extra="evidence") from error
        if per_second <= 0 or attempts < 1:
            raise InputError("per_second and attempts must be positive", remedy="use the service's own limit")
        self._httpx = httpx
        self.service, self.base_url = service, base_url.rstrip("/")
        self._gap_s, self._attempts, self._pause_s = 1.0 / per_second, attempts, pause_s
        self._last = float("-inf")
        self._secret = dict(secret or {})
        headers = {"User-Agent": "neorlt (research software; https://github.com/neorlt/neorlt)"}
        self._client = httpx.Client(timeout=timeout_s, headers=headers, follow_redirects=True)

    def __enter__(self) -> Polite:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        """GET a path below the base address."""
        return self._ask("GET", path, dict(params or {}))

    def post(self, path: str, params: Mapping[str, Any]) -> Answer:
        """POST form fields (for long lists of ids)."""
        return self._ask("POST", path, dict(params))

    def _ask(self, method: str, path: str, params: dict[str, Any]) -> Answer:
        url = f"{self.base_url}/{path.lstrip('/')}"
        shown = str(self._httpx.URL(url, params=params)) if method == "GET" else url
        problem, status = "no answer", None
        for attempt in range(self._attempts):
            self._wait()
            pause = min(LONGEST_PAUSE_S, self._pause_s * 2**attempt)
            try:
                sent = params | self._secret
                response = self._client.request(
                    method, url, params=sent if method == "GET" else None, data=sent if method == "POST" else None
                )
            except self._httpx.HTTPError as error:
                problem, status = f"no answer ({type(error).__name__})", None
            else:
                status = response.status_code
                if status == 200:
                    self._refuse_page(response)
                    return Answer(response.content, shown)
                problem = f"answered with status {status}"
                if status not in RETRIED:
                    raise ServiceError(self.service, problem, remedy=_remedy(status), status=status)
                asked = response.headers.get("Retry-After", "")
                pause = min(LONGEST_PAUSE_S, float(asked)) if asked.isdigit() else pause
            if attempt + 1 < self._attempts:
                time.sleep(pause)
        raise ServiceError(
            self.service,
            f"{problem}, {self._attempts} times",
            remedy="run the command again later: it goes on where it stopped",
            status=status,
        )

    def _wait(self) -> None:
        left = self._last + self._gap_s - time.monotonic()
        if left > 0:
            time.sleep(left)
        self._last = time.monotonic()

    def _refuse_page(self, response: Any) -> None:
        head = response.content[:400].lstrip().lower()
        html = head.startswith((b"<!doctype html", b"<html")) or "text/html" in response.headers.get("content-type", "")
        if html or not head:
            raise ServiceError(
                self.service,
                "answered with an HTML page as if all were well" if html else "answered with nothing",
                remedy="the service is down or asks for a login: try again later; nothing was stored",
                status=200,
            )


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "check the key, or whether this network may ask"
    if status == 404:
        return "check the number or the address"
    if status == 414:
        return "shorten the query"
    return "check the query"
