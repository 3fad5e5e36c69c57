"""The certificates of HTTP, which may change while the server runs."""

import asyncio
import ssl
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.logs import logger
from horngate.server.tls import Tls

FOLLOW_S = 1.0


class Certificates:
    """A context for a listener. Each new connection gets what the files held when they last fitted one another.

    That is a context of its own: one that is loaded again keeps the authorities that it had, and half of a new pair
    would leave it with none.
    """

    def __init__(self, tls: Tls) -> None:
        """LoadError if the files do not fit."""
        self._tls = tls
        self._known = tls.changed()
        self._now = tls.context()
        self.context = tls.context()
        self.context.sni_callback = self._hand_over

    async def follow(self) -> None:
        """Look for changes for as long as the listener lives."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            changed = self._tls.changed()
            if changed != self._known:
                try:
                    self._now = self._tls.context()
                    self._known = changed
                except LoadError as error:
                    logger().error("the certificate stays as it was", error=str(error))

    def _hand_over(self, connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called with every handshake, also where the caller names no server."""
        connection.context = self._now
