"""`horngate inspect`: what a file holds, and how near to Keras it was served, if it ever was."""

import argparse
from functools import partial
from pathlib import Path

from horngate.server.agreements import agreements
from horngate.server.settings import ServerSettings
from horngate.zoo import inspect_command

HELP = inspect_command.HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    inspect_command.add_arguments(parser)
    parser.add_argument(
        "--cache",
        type=Path,
        default=ServerSettings.cache,
        metavar="FOLDER",
        help="a server's --cache: how near to Keras its engines were with this file (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the report; the exit status that HELP tells."""
    return inspect_command.run(args, partial(agreements, args.cache.expanduser()))
