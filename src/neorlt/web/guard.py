"""What stands before every request: host, size, and the headers that tell a browser what a page may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neorlt.web.session import COOKIE, Sessions
from neorlt.web.settings import Settings

_LOGIN_BYTES = 4096
_TOO_LARGE = (413, "The upload is larger than this server takes.")

PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; font-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Scripts come from this server only. Width and place of a bar are style attributes; NiiVue unpacks in a worker of its own."""

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The report carries its own style and pictures and runs no script."""

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: a browser would then send "Origin: null" with the page's own forms, which is what a foreign page sends too.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """Refuses foreign host names (DNS rebinding), foreign origins, bodies over the limit or too slow; adds headers to every answer.

    Who has not been admitted may send no body but the access token's: it is refused before a byte of it is read. ``page`` makes the
    page that tells a person so.
    """

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions, page: Callable[[str], str]) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        started = False

        async def add_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    if name == "cache-control" and scope["path"].startswith("/static/"):
                        continue
                    answer.setdefault(name, value)
                answer.setdefault("content-security-policy", PAGE_POLICY)
                if self._settings.secure:
                    answer.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await self._say(headers, *refusal)(scope, receive, add_headers)
            return
        received, whole = 0, False
        limit = _LOGIN_BYTES if scope["path"] == "/login" else self._settings.max_upload_bytes

        async def count() -> Message:
            nonlocal received, whole
            # The body of a request comes in parts; after it, receive() waits for the client to go, as long as that takes.
            message = await asyncio.wait_for(receive(), None if whole else self._settings.slow_s)
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLargeError
            return message

        try:
            await self._app(scope, count, add_headers)
        except TooLargeError:
            if not started:
                await self._say(headers, *_TOO_LARGE)(scope, receive, add_headers)
        except TimeoutError:
            if not started:
                await self._say(headers, 408, "The request came too slowly.")(scope, receive, add_headers)

    def _say(self, headers: Headers, status: int, text: str) -> Response:
        more = {"connection": "close"} if status in (401, 408) else None
        if "hx-request" in headers or "text/html" not in headers.get("accept", ""):
            return PlainTextResponse(text, status, more)
        return HTMLResponse(self._page(text), status, more)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._host_is_ours(host):
            return 421, "This server does not answer to that name."
        if scope["method"] not in ("GET", "HEAD"):
            origin = headers.get("origin")
            if origin is not None and _place(origin) != host:
                return 403, "The request comes from another page."
            if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return 403, "The request comes from another page."
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > (_LOGIN_BYTES if scope["path"] == "/login" else self._settings.max_upload_bytes):
                return _TOO_LARGE
            if scope["path"] != "/login":
                cookies = cookie_parser(headers.get("cookie", ""))
                session = self._sessions.read(cookies.get(COOKIE))
                if session is None or not session.admitted:
                    return 401, "Nobody is logged in here, or no longer: open the page, enter the access token, and send it again."
        return None

    def _host_is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:  # no address at all, for example a bracket that is never closed
            return False
        if self._settings.on_loopback:
            return name in {"127.0.0.1", "localhost", "::1"}
        # Bound elsewhere, the machine may have any name; the token and the cookie's origin protect there.
        return bool(name)


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


class TooLargeError(Exception):
    """The body went over the limit while it was read."""
