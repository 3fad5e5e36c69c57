"""Where a command's server is and how it is spoken to: the flags that all of them share."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from horngate.client.blocking import Client
from horngate.contract.errors import InvalidRequest

TOKEN_VARIABLE = "HORNGATE_TOKEN"  # noqa: S105 - its name, not its value.


def add_server_arguments(option: Callable[..., Any], *, timeout_s: float, own: bool = False) -> None:
    """The flags, through a parser's `add_argument`. `own`: without --server the command starts one for itself."""
    option(
        "--server",
        metavar="HOST:PORT",
        default=None if own else "localhost:8001",
        help="a running server; default: one for this run alone"
        if own
        else "or several, a:8001,b:8001; default: %(default)s",
    )
    option("--timeout", metavar="S", type=float, default=timeout_s, help="seconds; default: %(default)g")
    option("--gzip", action="store_true", help="pack what is sent, for networks slower than that")
    option("--token", metavar="TEXT", help=f"a token that the server knows; default: ${TOKEN_VARIABLE}")
    option("--tls", action="store_true", help="speak TLS, with a certificate of a known authority's")
    option("--tls-ca", metavar="FILE", type=Path, help="speak TLS; PEM file with the server's authority")
    option("--tls-certificate", metavar="FILE", type=Path, help="PEM file with a certificate of one's own")
    option("--tls-key", metavar="FILE", type=Path, help="PEM file with its key")


def connect(args: argparse.Namespace) -> Client:
    """The client that the flags ask for. InvalidRequest: a file that cannot be read."""
    token = args.token or os.environ.get(TOKEN_VARIABLE) or None
    return Client(
        args.server,
        timeout=args.timeout,
        token=token,
        credentials=_credentials(args),
        compression="gzip" if args.gzip else None,
    )


def check_own(args: argparse.Namespace) -> None:
    """InvalidRequest: flags that say how a server is spoken to, for one that the command starts for itself."""
    flags = {"--token": args.token, "--tls": args.tls, "--tls-ca": args.tls_ca, "--tls-key": args.tls_key}
    flags["--tls-certificate"] = args.tls_certificate
    given = ", ".join(flag for flag, value in flags.items() if value)
    if given and args.server is None:
        raise InvalidRequest(f"{given}: that is for a server that runs; name it with --server")


def _credentials(args: argparse.Namespace) -> grpc.ChannelCredentials | None:
    files = (args.tls_ca, args.tls_key, args.tls_certificate)
    if bool(args.tls_key) != bool(args.tls_certificate):
        raise InvalidRequest("TLS: a certificate of one's own takes both --tls-certificate and --tls-key")
    if not args.tls and not any(files):
        return None
    try:
        return grpc.ssl_channel_credentials(*(file.read_bytes() if file else None for file in files))
    except OSError as error:
        raise InvalidRequest(f"TLS: {error}") from error
