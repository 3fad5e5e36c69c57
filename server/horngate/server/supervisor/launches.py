"""How each process of the server is started: its module, its options, its environment."""

import json
from pathlib import Path
from typing import Any

from horngate.server.gateway_settings import GatewaySettings
from horngate.server.supervisor.children import GIVES_BACK, Child, worker_environment
from horngate.server.supervisor.seats import Seat

PICTURE_CPU_S = 5.0
"""The most processor time that one picture may take; the largest honest ones take two seconds."""


class Launches:
    """Makes children, which are not started yet. Workers and decoders listen in `directory`. Stateless."""

    def __init__(self, settings: GatewaySettings, directory: Path) -> None:
        self._settings = settings
        self._directory = directory

    def worker(self, seat: Seat) -> Child:
        """A worker on its seat."""
        name, device = seat.worker, seat.device
        options = {
            "path": str(self.socket(name)),
            "device": device.name,
            "cores": device.cores,
            "tracing": self._settings.tracing,
        }
        variables = {**worker_environment(seat), **device.environment}
        return Child(name, "horngate.server.worker.main", [name, json.dumps(options)], variables)

    def gateway(self, name: str, port: int | None) -> Child:
        """A gateway that speaks gRPC."""
        settings = self._settings
        return self._gateway(name, port, transport=settings.transport, share_port=settings.gateways > 1)

    def http_gateway(self, name: str, port: int | None) -> Child:
        """A gateway that speaks HTTP."""
        return self._gateway(name, port, transport="http", origins=list(self._settings.http_origins))

    def decoder(self, name: str) -> Child:
        """A decoder of pictures."""
        options = {"path": str(self.socket(name)), "cpu_s": PICTURE_CPU_S}
        return Child(name, "horngate.server.decoder.main", [name, json.dumps(options)], GIVES_BACK)

    def socket(self, name: str) -> Path:
        """Where a worker or decoder listens."""
        return self._directory / f"{name.replace(' ', '-').replace(':', '-')}.sock"

    def _gateway(self, name: str, port: int | None, **options: Any) -> Child:
        options |= {
            "address": f"{self._settings.host}:{port}",
            "max_message_bytes": self._settings.max_message_bytes,
            "max_connections": self._settings.max_connections,
            "directory": str(self._directory),
            "shared_memory": self._settings.shared_memory,
            "upload_bytes": self._settings.upload_bytes,
            "tracing": self._settings.tracing,
            **self._settings.door,
        }
        return Child(name, "horngate.server.gateway.main", [name, json.dumps(options)])
