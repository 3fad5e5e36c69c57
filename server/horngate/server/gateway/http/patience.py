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
        # Of the head that is not whole yet, but for the part of it that came with what was before it.
        self._head_bytes = 0
        self._in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller is there."""
        super().connection_made(transport)
        self._wait(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """A caller is gone."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes. A head that is not whole with them, and was long before, is too long: the parser keeps it."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._end()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes = 0
        self._in_head = True
        self._wait(HEAD_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is here."""
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """It is answered; the next may be here already, or a part of its head, whose time runs."""
        is_next_here = bool(self.pipeline)
        super().on_response_complete()
        if not is_next_here and not self._in_head and not self.transport.is_closing():
            self._wait(KEEP_ALIVE_S)

    def _wait(self, patience_s: float) -> None:
        self._wait_no_more()
        self._timer = self.loop.call_later(patience_s, self._end)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self.transport.abort()
