"""How a server is spoken to, as its operator sets it."""

import ipaddress
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.tls import Tls

TRANSPORTS = ("native", "grpcio")
MOST_MESSAGE_BYTES = (1 << 31) - 1
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^\s/?#@]+", re.IGNORECASE)

CORES_A_GATEWAY = 4
"""What the workers of a tiny network need beside one gateway at the most; with others it has less to do."""


def usual_gateways(cores: int) -> int:
    """How many gateways a server has that is not told."""
    return max(1, cores // CORES_A_GATEWAY)


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """How the server is spoken to. Port 0 is any free one. Several gateways share gRPC's port.

    `native` carries plaintext unary calls at a tenth of the CPU; `grpcio` carries everything. Each gateway holds
    `max_connections` at most. `http_port` is for HTTP and JSON, None for none; pages of `http_origins` may call it
    from a browser. `shared_memory` lets callers name shared memory of this machine's for the server to read and
    write; `upload_bytes` is how much of models' files they may upload in all, 0 for none. `decoders` are processes
    that decode pictures, started with the first model that takes some; 0: one for each core. `tokens` is the file
    of tokens that callers need. Spans go to the collector at `tracing`, "" where OpenTelemetry's own variables say
    which; None: there are none.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    transport: str = "native"
    gateways: int = 1
    decoders: int = 0
    max_message_bytes: int = MOST_MESSAGE_BYTES
    max_connections: int = 4096
    http_port: int | None = 8000
    http_origins: tuple[str, ...] = ()
    shared_memory: bool = False
    upload_bytes: int = 0
    tls: Tls | None = None
    tokens: Path | None = None
    tracing: str | None = None

    def __post_init__(self) -> None:
        if self.transport not in TRANSPORTS:
            raise LoadError(f"transport is {self.transport!r}; expected one of {', '.join(TRANSPORTS)}")
        if self.tls is not None and self.transport == "native":
            raise LoadError("transport is 'native', which has no TLS; expected grpcio")
        if self.gateways < 1:
            raise LoadError(f"gateways is {self.gateways}; expected 1 or more")
        if not 1 <= self.max_message_bytes <= MOST_MESSAGE_BYTES:
            raise LoadError(
                f"max_message_bytes is {self.max_message_bytes}; expected 1 to {MOST_MESSAGE_BYTES}, gRPC's limit"
            )
        if self.max_connections < 1:
            raise LoadError(f"max_connections is {self.max_connections}; expected 1 or more")
        strays = [origin for origin in self.http_origins if not _ORIGIN.fullmatch(origin)]
        if strays:
            raise LoadError(
                f"http_origin has {strays[0]!r}; expected SCHEME://HOST or SCHEME://HOST:PORT, with nothing behind "
                'it, as in https://lab.example, or "*"'
            )
        if self.upload_bytes < 0:
            raise LoadError(f"upload bytes is {self.upload_bytes}; expected 0, which is none, or more")
        if self.decoders < 0:
            raise LoadError(f"decoders is {self.decoders}; expected 0, which is one for each core, or more")

    @property
    def listens_at_home(self) -> bool:
        """Whether only this machine can call."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def door(self) -> dict[str, Any]:
        """What decides who may call, for a gateway's process."""
        files = {} if self.tls is None else asdict(self.tls)
        return {
            "tls": {name: str(file) for name, file in files.items() if file} or None,
            "tokens": str(self.tokens or ""),
            "admin_is_open": self.tokens is not None or self.listens_at_home,
        }
