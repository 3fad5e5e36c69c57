"""`horngate serve`: the supervisor's process."""

import argparse
import asyncio
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.budget import MemorySetting
from horngate.server.devices import read_devices, server_cores
from horngate.server.gateway_flags import Flags, add_door_arguments, add_gateway_arguments, gateway_settings
from horngate.server.settings import (
    BuildSettings,
    QueueSettings,
    SequenceSettings,
    ServerSettings,
    seconds,
)
from horngate.server.zoo_settings import ZooSettings, read_networks
from horngate.zoo.weights import Supply

HELP = "serve a folder of Keras files, or networks of the zoo, over gRPC"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `horngate serve`."""
    parser.add_argument(
        "models",
        nargs="?",
        type=Path,
        metavar="MODELS",
        help="folder with NAME.h5, NAME.hdf5, NAME.keras or NAME/VERSION/model.h5, each optionally with "
        "NAME/model.toml; it is watched, and new files and versions are taken in while serving",
    )
    _add_zoo_arguments(parser.add_argument_group("networks of the zoo"))
    add_gateway_arguments(parser.add_argument_group("where and how it is called"))
    add_door_arguments(parser.add_argument_group("who may call"))
    parser.add_argument(
        "--cache",
        type=Path,
        default=ServerSettings.cache,
        help="folder for what is built from the models; a second start is ready at once (default: %(default)s)",
    )
    _add_build_arguments(parser.add_argument_group("what building a model may take"))
    _add_scheduling_arguments(parser.add_argument_group("queues, batches and devices"))
    parser.add_argument(
        "--metrics-port",
        type=int,
        default=ServerSettings.metrics_port,
        help="for /metrics and /healthz, 0 for any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help='written when everything is served: {"grpc": "HOST:PORT", "http": …, "metrics": …}',
    )


def _add_zoo_arguments(flags: Flags) -> None:
    flags.add_argument(
        "--zoo",
        default="",
        metavar="NAME,…",
        help="also serve these networks (`horngate zoo list`): mobilenet_v2,resnet50; with options, as in "
        "mobilenet:alpha=0.25, and under other names, as in eyes=resnet50:include_top=false:pooling=avg",
    )
    flags.add_argument(
        "--zoo-weights",
        default=ZooSettings.weights,
        metavar="WHICH",
        help="weights for --zoo: imagenet (fetched once), none (random), or a file (default: %(default)s)",
    )
    flags.add_argument(
        "--zoo-mirror", metavar="PLACE", help="a URL or a folder to fetch published weights from"
    )
    flags.add_argument(
        "--offline", action="store_true", help="fetch nothing; weights are in Keras's cache, or are missed"
    )


def _zoo(args: argparse.Namespace) -> ZooSettings:
    supply = Supply.from_environment()
    if args.zoo_mirror:
        supply = replace(supply, mirror=args.zoo_mirror)
    if args.offline:
        supply = replace(supply, offline=True)
    return ZooSettings(networks=read_networks(args.zoo), weights=args.zoo_weights, supply=supply)


def _add_scheduling_arguments(flags: Flags) -> None:
    flags.add_argument(
        "--devices",
        default="cpu",
        metavar="NAME,…",
        help="a copy of every model on each: cpu, gpu:0,gpu:1, or virtual ones that share the cores: cpu:0,cpu:1 "
        "(default: %(default)s)",
    )
    flags.add_argument(
        "--memory",
        default="auto",
        metavar="SIZE",
        help='what the workers may hold, models and batches: "6GiB", "60%%" of the machine or container, or auto: '
        "what is available, less a reserve (default: %(default)s)",
    )
    flags.add_argument(
        "--max-delay",
        default="0s",
        metavar="TIME",
        help='how long an idle device waits for company for a request, as in "5ms" (default: %(default)s)',
    )
    flags.add_argument(
        "--sequence-idle",
        default="10m",
        metavar="TIME",
        help='how long a sequence of a stateful model is kept without a step, as in "30s" (default: %(default)s)',
    )
    flags.add_argument(
        "--queue-rows",
        type=int,
        metavar="N",
        help="the most rows of a model that wait on a device (default: what it computes in 30 s)",
    )
    flags.add_argument(
        "--queue-bytes",
        type=int,
        default=QueueSettings.bytes,
        metavar="N",
        help="the most bytes of a model's requests that wait on a device (default: %(default)s)",
    )


def _add_build_arguments(flags: Flags) -> None:
    default = BuildSettings()
    flags.add_argument(
        "--build-timeout",
        type=float,
        default=default.timeout_s,
        metavar="SECONDS",
        help="a file that takes longer to build is not served (default: %(default)g)",
    )
    flags.add_argument(
        "--build-memory",
        type=int,
        default=default.memory_bytes // 2**20,
        metavar="MIB",
        help="memory that building one file may take; 0 for most of what is free (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; 0 once everything accepted is answered."""
    settings = ServerSettings(
        models=args.models,
        zoo=_zoo(args),
        metrics_port=args.metrics_port,
        cache=args.cache,
        memory=MemorySetting.parse(args.memory),
        build=BuildSettings(timeout_s=args.build_timeout, memory_bytes=args.build_memory * 2**20),
        gateway=gateway_settings(args),
        queue=QueueSettings(
            max_delay_s=seconds(args.max_delay), rows=args.queue_rows, bytes=args.queue_bytes
        ),
        sequence=SequenceSettings(idle_s=seconds(args.sequence_idle)),
        devices=read_devices(args.devices, server_cores()),
    )
    if settings.models is None and not settings.zoo.networks:
        raise LoadError("there is nothing to serve: name a folder of models, or networks with --zoo")
    if settings.models is not None and not settings.models.is_dir():
        raise LoadError(f"{settings.models} is no folder; expected the folder that holds the models")
    # The folder of sockets and counters goes with the server; only this user may enter it.
    with tempfile.TemporaryDirectory(prefix="horngate-") as directory:
        return asyncio.run(_serve(settings, Path(directory), args.ready_file))


async def _serve(settings: ServerSettings, directory: Path, ready_file: Path | None) -> int:
    from horngate.server.metrics import configure_metrics

    configure_metrics(directory / "metrics")
    import setproctitle

    from horngate.server.logs import configure_logs
    from horngate.server.supervisor.http import MetricsServer
    from horngate.server.supervisor.screen import Screen
    from horngate.server.supervisor.supervisor import Supervisor

    setproctitle.setproctitle("horngate: supervisor")
    configure_logs("supervisor")
    host = settings.gateway.host
    try:
        metrics = MetricsServer(host, settings.metrics_port, lambda: supervisor.ready)
    except OSError as error:
        raise LoadError(f"metrics: cannot listen on {host}:{settings.metrics_port}: {error}") from error
    screen = Screen(f"{host}:{metrics.port}", ready_file)
    supervisor = Supervisor(settings, directory, screen.show)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    try:
        await supervisor.run()
    finally:
        screen.close()
        metrics.close()
    return 0
