"""`horngate serve`: the supervisor's process."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from horngate.contract.errors import LoadError
from horngate.server.config.building import server_settings
from horngate.server.config.flags import add_setting_flags, effective
from horngate.server.runtime_folder import runtime_folder
from horngate.server.settings import ServerSettings

HELP = "serve a folder of Keras files, or networks of the zoo, over gRPC"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `horngate serve`: those of its settings."""
    add_setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; 0 once everything accepted is answered."""
    found = effective(args, dict(os.environ))
    for warning in found.warnings:
        print(f"horngate serve: {warning}", file=sys.stderr)
    values = found.values()
    with found.for_processes(), runtime_folder() as directory:
        settings = server_settings(values)
        if settings.models is None and not settings.zoo.networks:
            raise LoadError("there is nothing to serve: name a folder of models, or networks with --zoo")
        return asyncio.run(_serve(settings, directory, values["ready_file"]))


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
    supervisor: Supervisor | None = None  # whoever asks before it is there hears that nothing is ready
    try:
        metrics = MetricsServer(
            host, settings.metrics_port, lambda: supervisor is not None and supervisor.ready
        )
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
