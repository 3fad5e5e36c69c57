"""The server's settings, made of the values of what is declared."""

from collections.abc import Mapping
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.budget import MemorySetting
from horngate.server.devices import read_devices, server_cores
from horngate.server.gateway.door import read_tokens
from horngate.server.gateway_settings import GatewaySettings, usual_gateways
from horngate.server.precision import Precision
from horngate.server.settings import BuildSettings, QueueSettings, SequenceSettings, ServerSettings
from horngate.server.tls import Tls
from horngate.server.tracing import chosen_endpoint
from horngate.server.zoo_settings import ZooSettings, read_networks
from horngate.zoo.weights import Supply
from horngate.zoo.weights.supply import read_pins

Values = Mapping[str, Any]


def server_settings(values: Values) -> ServerSettings:
    """One server. LoadError if settings contradict one another, or a file that they name is wrong."""
    settings = ServerSettings(
        models=values["models"],
        zoo=_zoo(values),
        metrics_port=values["metrics_port"],
        cache=values["cache"],
        memory=MemorySetting.parse(values["memory"]),
        build=BuildSettings(timeout_s=values["build_timeout"], memory_bytes=values["build_memory"]),
        gateway=_gateway(values),
        queue=QueueSettings(
            max_delay_s=values["max_delay"], rows=values["queue_rows"], bytes=values["queue_bytes"]
        ),
        sequence=SequenceSettings(idle_s=values["sequence_idle"]),
        batch_timeout_s=values["batch_timeout"],
        devices=read_devices(values["devices"], server_cores()),
        precision=Precision(name=values["precision"]),
    )
    if settings.models is not None and not settings.models.is_dir():
        raise LoadError(f"{settings.models} is no folder; expected the folder that holds the models")
    return settings


def _zoo(values: Values) -> ZooSettings:
    pins = values["zoo_pins"]
    supply = Supply(
        mirror=values["zoo_mirror"] or "",
        offline=values["zoo_offline"],
        pins={} if pins is None else read_pins(pins),
    )
    return ZooSettings(networks=read_networks(values["zoo"]), weights=values["zoo_weights"], supply=supply)


def _gateway(values: Values) -> GatewaySettings:
    tls = _tls(values)
    if values["tokens"] is not None:
        read_tokens(values["tokens"])
    return GatewaySettings(
        host=values["host"],
        port=values["grpc_port"],
        transport=values["transport"] or ("native" if tls is None else "grpcio"),
        gateways=values["gateways"] or usual_gateways(len(server_cores())),
        decoders=values["decoders"],
        max_message_bytes=values["max_message_bytes"],
        max_connections=values["max_connections"],
        http_port=values["http_port"] if values["http"] else None,
        http_origins=values["http_origin"],
        shared_memory=values["shared_memory"],
        upload_bytes=values["upload_bytes"],
        tls=tls,
        tokens=values["tokens"],
        tracing=chosen_endpoint(values["tracing"] or ""),
    )


def _tls(values: Values) -> Tls | None:
    """The certificate's files, found to be right. LoadError if they are not, or only one of two is named."""
    certificate, key, client_ca = (values[f"tls_{name}"] for name in ("certificate", "key", "client_ca"))
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise LoadError("TLS takes both --tls-certificate and --tls-key")
    tls = Tls(certificate=certificate, key=key, client_ca=client_ca)
    tls.check()
    return tls
