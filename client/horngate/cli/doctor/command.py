"""`horngate doctor`: look, tell, and say by the exit status whether a server could serve."""

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

from horngate.cli.doctor.engines import Trial, engine_findings, try_engines
from horngate.cli.doctor.finding import Finding
from horngate.cli.doctor.python import python_findings
from horngate.cli.doctor.report import as_json, as_text, faults

HELP = """Say what this machine and its installation offer a server, what is wrong, and how to mend it.

It takes the settings of `horngate serve`, from flags, environment and file, and looks at their ports and folders.
The exit status is 1 if something keeps a server from serving.

examples:
  horngate doctor
  horngate doctor --config horngate.toml
  horngate doctor --quick --json
"""
SICK = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The doctor's own flags and, where the server is installed, its settings."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the report")
    parser.add_argument("--quick", action="store_true", help="do not run the engines (Keras takes seconds)")
    try:
        from horngate.server.config.flags import add_setting_flags
    except ModuleNotFoundError:
        return
    add_setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Look at everything; 0, or 1 if there is a fault."""
    findings = list(_findings(args))
    print(as_json(findings) if args.json else as_text(findings, colour=sys.stdout.isatty()))
    return SICK if faults(findings) else 0


def _findings(args: argparse.Namespace) -> Iterator[Finding]:
    yield from python_findings()
    try:
        yield from _findings_of_a_server(args)
    except ModuleNotFoundError:
        return  # What is missing was told: the extra `server` is not complete.


def _trials() -> list[Trial]:
    """The engines' trials; a person is told meanwhile what takes so long."""
    waited_for = sys.stderr.isatty()
    if waited_for:
        print("running the engines (--quick does not) …", end="", file=sys.stderr, flush=True)
    trials = try_engines()
    if waited_for:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return trials


def _findings_of_a_server(args: argparse.Namespace) -> Iterator[Finding]:
    from horngate.cli.doctor.gpus import gpu_findings
    from horngate.cli.doctor.keras_home import keras_findings
    from horngate.cli.doctor.machine import machine_findings
    from horngate.cli.doctor.ports import port_findings
    from horngate.cli.doctor.settings import setting_findings
    from horngate.cli.doctor.storage import storage_findings
    from horngate.server.budget import MemorySetting
    from horngate.server.config.flags import effective

    found = effective(args, dict(os.environ))
    values: dict[str, Any] = {key: one.value for key, one in found.found.items()}
    trials = [] if args.quick else _trials()
    yield from keras_findings()
    yield from engine_findings(trials)
    yield from gpu_findings(trials)
    yield from machine_findings(
        MemorySetting.parse(values["memory"]), needs_the_clock=values["tls_certificate"] is not None
    )
    yield from storage_findings(values["cache"], shared_memory=values["shared_memory"])
    ports = {name: values[name] for name in ("grpc_port", "http_port", "metrics_port")}
    if not values["http"]:
        del ports["http_port"]
    yield from port_findings(values["host"], ports)
    yield from setting_findings(found)
