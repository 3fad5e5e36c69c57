"""The gateway's process: one event loop, one transport."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import setproctitle

from horngate.server.frames.channel import Channel
from horngate.server.gateway.baton import Baton, YieldingSelector
from horngate.server.gateway.core import Gateway
from horngate.server.gateway.crowd import Crowd, room_for
from horngate.server.gateway.door import Door
from horngate.server.gateway.regions import Regions
from horngate.server.gateway.spans import Spans
from horngate.server.gateway.uploads import Uploads
from horngate.server.logs import configure_logs, logger
from horngate.server.orders import UPLOADS
from horngate.server.tls import Tls

GRACE_S = 30.0


class Transport(Protocol):
    """What carries calls to a Gateway and answers back."""

    async def start(self, address: str) -> int:
        """Listen and serve; the port that was bound. OSError if the address is taken."""

    async def stop(self, grace_s: float) -> None:
        """Take no more calls; give those that were taken `grace_s` to be answered."""


def transport_named(options: Mapping[str, Any], gateway: Gateway, baton: Baton) -> Transport:
    """The transport that the options name: `native`, `grpcio` or `http`; only its library is imported."""
    tls = read_tls(options["tls"])
    if options["transport"] == "http":
        from horngate.server.gateway.http.transport import HttpTransport

        return HttpTransport(gateway, options["max_connections"], tuple(options["origins"]), tls)
    share_port = options["share_port"]
    if options["transport"] == "native":
        from horngate.server.gateway.native_transport import NativeTransport

        return NativeTransport(gateway, Path(options["directory"]), baton, share_port=share_port)
    from horngate.server.gateway.grpcio_transport import GrpcioTransport

    return GrpcioTransport(gateway, share_port=share_port, tls=tls)


def read_tls(files: Mapping[str, str] | None) -> Tls | None:
    """The certificate's files that the options name."""
    return None if files is None else Tls(**{name: Path(file) for name, file in files.items()})


async def serve(name: str, options: Mapping[str, Any], control: Channel, baton: Baton) -> None:
    """Serve until the supervisor says stop, or is gone; then answer what was accepted."""
    spans = None if options["tracing"] is None else Spans(options["tracing"], name)
    regions = Regions(Path(options["directory"]) / "regions") if options["shared_memory"] else None
    tokens = Path(options["tokens"]) if options["tokens"] else None
    gateway = Gateway(
        control,
        max_message_bytes=options["max_message_bytes"],
        uploads=Uploads(Path(options["directory"]) / UPLOADS, options["upload_bytes"]),
        regions=regions,
        door=Door(tokens, admin_is_open=options["admin_is_open"]),
        spans=spans,
    )
    sweeper = asyncio.get_running_loop().create_task(gateway.sweep())
    transport = transport_named(options, gateway, baton)
    try:
        port = await transport.start(options["address"])
    except OSError as error:
        gateway.tell("unable", str(error))
        return
    crowd = asyncio.get_running_loop().create_task(Crowd(port, room_for(options["max_connections"])).watch())
    gateway.tell("started", port)
    await gateway.stopping.wait()
    crowd.cancel()
    await transport.stop(GRACE_S)
    sweeper.cancel()
    if spans is not None:
        await asyncio.to_thread(spans.stop)
    logger().info("gateway stopped")


def main() -> None:
    """`python -m horngate.server.gateway.main NAME OPTIONS_JSON CONTROL_FD`"""
    name, options, control_fd = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    setproctitle.setproctitle(f"horngate: {name}")
    configure_logs(name)
    baton = Baton()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(YieldingSelector(baton))) as runner:
        runner.run(serve(name, options, Channel(socket.socket(fileno=control_fd)), baton))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
