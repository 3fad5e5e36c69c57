"""The flags of `horngate serve` that are about its gateways."""

import argparse
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.gateway.door import read_tokens
from horngate.server.gateway_settings import TRANSPORTS, GatewaySettings
from horngate.server.tls import Tls

Flags = argparse._ArgumentGroup


def add_gateway_arguments(flags: Flags) -> None:
    """Flags of where a server listens and what it takes in."""
    default = GatewaySettings()
    flags.add_argument(
        "--host",
        default=default.host,
        help="address to listen on; 0.0.0.0 for every interface (default: %(default)s)",
    )
    flags.add_argument(
        "--grpc-port", type=int, default=default.port, help="0 for any free one (default: %(default)s)"
    )
    flags.add_argument(
        "--http-port",
        type=int,
        default=default.http_port,
        help="for the same protocol as HTTP and JSON, 0 for any free one (default: %(default)s)",
    )
    flags.add_argument("--no-http", action="store_true", help="no HTTP and JSON; metrics and health stay")
    flags.add_argument(
        "--http-origin",
        action="append",
        default=[],
        metavar="URL",
        help="pages of this origin may call HTTP from a browser; may be given several times",
    )
    flags.add_argument(
        "--transport",
        choices=TRANSPORTS,
        help="native: unary calls at a tenth of the CPU; grpcio: all of gRPC's own stack (default: native; with "
        "TLS grpcio)",
    )
    flags.add_argument(
        "--gateways",
        type=int,
        default=default.gateways,
        help="gateway processes that share the port (default: %(default)s)",
    )
    flags.add_argument(
        "--shared-memory",
        action="store_true",
        help="callers on this machine may register their shared memory, and have tensors read and written there; "
        "any of the server's user that they name (default: off)",
    )
    flags.add_argument(
        "--decoders",
        type=int,
        default=default.decoders,
        metavar="N",
        help="processes that decode pictures, started with the first model that takes some; 0: one for each core "
        "(default: %(default)s)",
    )
    flags.add_argument(
        "--max-message-bytes",
        type=int,
        default=default.max_message_bytes,
        help="largest request that is taken (default: %(default)s)",
    )


def add_door_arguments(flags: Flags) -> None:
    """Flags of who may call."""
    for name, help_text in (
        ("certificate", "PEM file with the server's certificate and its chain: gRPC and HTTP over TLS"),
        ("key", "PEM file with its key"),
        ("client-ca", "PEM file with an authority: callers need a certificate that it signed"),
    ):
        flags.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=help_text)
    flags.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help='callers need a bearer token of this TOML file: [NAME] with token or sha256, and scopes = ["infer", '
        '"read", "admin"]',
    )


def gateway_settings(args: argparse.Namespace) -> GatewaySettings:
    """What the flags say. LoadError if they contradict one another, or a file of theirs is wrong."""
    tls = _tls(args)
    if args.tokens is not None:
        read_tokens(args.tokens)
    return GatewaySettings(
        host=args.host,
        port=args.grpc_port,
        transport=args.transport or ("native" if tls is None else "grpcio"),
        gateways=args.gateways,
        decoders=args.decoders,
        max_message_bytes=args.max_message_bytes,
        http_port=None if args.no_http else args.http_port,
        http_origins=tuple(args.http_origin),
        shared_memory=args.shared_memory,
        tls=tls,
        tokens=args.tokens,
    )


def _tls(args: argparse.Namespace) -> Tls | None:
    """The certificate's files, found to be right. LoadError if they are not, or only one of two is named."""
    if args.tls_certificate is None and args.tls_key is None and args.tls_client_ca is None:
        return None
    if args.tls_certificate is None or args.tls_key is None:
        raise LoadError("TLS takes both --tls-certificate and --tls-key")
    tls = Tls(certificate=args.tls_certificate, key=args.tls_key, client_ca=args.tls_client_ca)
    tls.check()
    return tls
