"""uvicorn's HTTP connections, with bounds on how long a caller may take for a head, and on how large that is.

Bodies have theirs in `bodies`; between requests a connection is kept for KEEP_ALIVE_S.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 20.0
"""From a connection's or a request's first byte, whichever comes later, to the end of the request's head."""

KEEP_ALIVE_S = 75
MOST_HEAD_BYTES = 1 << 16


class PatientProtocol(HttpToolsProtocol):
    """One connection. The event loop owns it; a timer runs whenever it waits for its caller's next head."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller is there."""
        super().connection_made(transport)
        self._wait(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """A caller is gone."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes = 0
        self._wait(HEAD_S)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of its first line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is here."""
        self._wait_no_more()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """It is answered; the next may be here already."""
        is_next_here = bool(self.pipeline)
        super().on_response_complete()
        if not is_next_here and not self.transport.is_closing():
            self._wait(KEEP_ALIVE_S)

    def _wait(self, patience_s: float) -> None:
        self._wait_no_more()
        self._timer = self.loop.call_later(patience_s, self._end)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MOST_HEAD_BYTES:
            self._end()

    def _end(self) -> None:
        self.transport.abort()
