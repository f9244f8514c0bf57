"""A connection that sends half a request and waits takes a place from nobody for long."""

from __future__ import annotations

import asyncio
from typing import Any


def patient_protocol(seconds: float) -> type[asyncio.Protocol]:
    """Uvicorn's protocol that closes a connection whose request has no whole head after ``seconds``.

    uvicorn itself waits for ever there (its keep-alive time runs between requests only). The body is timed by the guard.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class PatientProtocol(H11Protocol):
        """As its base, with a limit for the head of each request."""

        _alarm: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            super().connection_lost(exc)

        def _watch(self) -> None:
            waiting = self.cycle is None or self.cycle.response_complete
            if not waiting:
                self._rest()
            elif self._alarm is None:
                self._alarm = self.loop.call_later(seconds, self._too_slow)

        def _rest(self) -> None:
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

        def _too_slow(self) -> None:
            self._alarm = None
            if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
                self.transport.close()

    return PatientProtocol
