"""The HTTP transport: uvicorn on the gateway's own event loop."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from horngate.server.gateway.core import Gateway
from horngate.server.gateway.http.app import application
from horngate.server.gateway.http.certificates import Certificates
from horngate.server.gateway.http.patience import KEEP_ALIVE_S, PatientProtocol
from horngate.server.tls import Tls

UNREAD_S = 60.0
"""A caller that takes nothing of its answer for so long is given up."""


class HttpTransport:
    """Serves the application. `start` says the port; `stop` answers what was accepted first."""

    def __init__(
        self, gateway: Gateway, most_connections: int, origins: tuple[str, ...] = (), tls: Tls | None = None
    ) -> None:
        config = uvicorn.Config(
            application(gateway, origins, gateway.repository.uploads.limit_bytes),
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=most_connections,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._tls = tls
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self, address: str) -> int:
        """Listen and serve; the port that was bound. OSError if the address is taken."""
        host, _, port = address.rpartition(":")
        listener = _listen(host.strip("[]"), int(port))
        if self._tls is not None:
            config = self._server.config
            config.load()
            certificates = Certificates(self._tls)
            config.ssl = certificates.context
            self._following = asyncio.get_running_loop().create_task(certificates.follow())
        bound: int = listener.getsockname()[1]
        self._serving = asyncio.get_running_loop().create_task(self._server.serve([listener]))
        return bound

    async def stop(self, grace_s: float) -> None:
        """Take no more calls; give those that were taken `grace_s` to be answered."""
        self._server.config.timeout_graceful_shutdown = int(grace_s)
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the supervisor says when to stop."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    # Connections inherit it. asyncio leaves it off for listeners that others made, and an answer's body then waits
    # 40 ms for the caller's acknowledgement of its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNREAD_S * 1000))
    return listener
