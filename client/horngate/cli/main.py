"""The `horngate` command. A subcommand's module is imported only when that subcommand is asked for."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Protocol, cast

from horngate.contract.errors import HorngateError

EPILOG = """examples:
  horngate demo                                  train, save, serve and predict, on this machine
  horngate serve models/                         serve every Keras file in a folder, on port 8001
  horngate predict churn rows.npy                send rows to a model and print what comes back
  horngate predict churn rows.npy --layer dense  the output of one of its layers
  horngate layers churn --out churn.png          a picture of its layers
  horngate features resnet50 photos --out x.h5   a vector for each picture of a folder
  horngate inspect models/churn.h5               what a file holds, without serving it
  horngate zoo list                              pretrained networks, by name
  horngate export models/churn.h5 --onnx x.onnx  the same model as a file of another format
  horngate doctor                                what is wrong here, and how to mend it

`horngate COMMAND --help` explains a command.
"""

FAILED = 1
INTERRUPTED = 130


class CommandModule(Protocol):
    """What a subcommand's module offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the subcommand's own arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit status. A HorngateError is printed and exits with 1."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A subcommand: where it lives, what it is for, and the extra that brings what it imports."""

    module: str
    summary: str
    extra: str = ""


COMMANDS = {
    "serve": Command(
        module="horngate.server.serve_command",
        summary="serve a folder of Keras files over gRPC",
        extra="server",
    ),
    "config": Command(
        module="horngate.server.config.command",
        summary="show a server's settings, check files of them",
        extra="server",
    ),
    "predict": Command(
        module="horngate.client.predict_command",
        summary="send rows to a served model, print or save the answer",
    ),
    "layers": Command(
        module="horngate.client.layers_command",
        summary="draw a served model's layers, or what they make of an image",
        extra="pictures",
    ),
    "features": Command(
        module="horngate.cli.features",
        summary="a vector of features for each picture of a folder",
        extra="server",
    ),
    "inspect": Command(
        module="horngate.cli.inspecting",
        summary="show what a Keras file holds: inputs, outputs, layers",
        extra="server",
    ),
    "export": Command(
        module="horngate.zoo.export_command",
        summary="write a model as ONNX or in another format of Keras",
        extra="server",
    ),
    "zoo": Command(
        module="horngate.zoo.zoo_command",
        summary="list the zoo's networks, fetch and verify their weights",
        extra="server",
    ),
    "train": Command(
        module="horngate.training.train_command",
        summary="train a model as a recipe says: stopped, gone on with, repeated",
        extra="training",
    ),
    "runs": Command(
        module="horngate.training.runs.command",
        summary="list training runs, show their curves",
        extra="training",
    ),
    "publish": Command(
        module="horngate.training.publish_command",
        summary="make a file a served model's next version, or its canary",
        extra="training",
    ),
    "bench": Command(
        module="horngate.server.bench_command",
        summary="simulate the scheduler under a load, on 1 to 64 devices",
        extra="server",
    ),
    "doctor": Command(
        module="horngate.cli.doctor.command",
        summary="say what is wrong with this machine or installation",
    ),
    "demo": Command(
        module="horngate.cli.demo",
        summary="train a small model, serve it and predict with it",
        extra="server,training",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that `argv` names; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # No option before the command takes a value, so the first word is the command.
    name = next((word for word in arguments if not word.startswith("-")), "")
    try:
        module = _module(name) if name in COMMANDS else None
        args = _parser(name, module).parse_args(arguments)
        return cast(CommandModule, module).run(args)
    except HorngateError as error:
        return _failed(str(error))
    except ModuleNotFoundError as error:
        remedy = _remedy(name, error)
        if remedy is None:
            raise
        return _failed(remedy)
    except KeyboardInterrupt:
        return INTERRUPTED


def _module(name: str) -> CommandModule:
    return cast(CommandModule, import_module(COMMANDS[name].module))


def _parser(chosen: str, module: CommandModule | None) -> argparse.ArgumentParser:
    """The command line, with the arguments of the one subcommand whose module was imported."""
    parser = argparse.ArgumentParser(
        prog="horngate",
        description="Serves Keras files as they are, and asks the server for predictions.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"horngate {version('horngate')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=command.summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == chosen and module is not None:
            subparser.description = module.HELP
            module.add_arguments(subparser)
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """A subcommand's parser by itself. ModuleNotFoundError without the extra that it needs."""
    module = _module(name)
    parser = argparse.ArgumentParser(prog=f"horngate {name}", description=module.HELP)
    module.add_arguments(parser)
    return parser


def _remedy(name: str, error: ModuleNotFoundError) -> str | None:
    """What to install for a module that is missing; None if no extra of ours would bring it."""
    package = (error.name or "").partition(".")[0]
    extra = COMMANDS[name].extra if name in COMMANDS else ""
    if not extra or package == "horngate":
        return None
    return f"`horngate {name}` needs {package}, which is not installed: pip install 'horngate[{extra}]'"


def _failed(message: str) -> int:
    print(f"horngate: {message}", file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
