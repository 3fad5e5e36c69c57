"""`horngate inspect FILE`: what a Keras file holds, told without Keras and without running any of it."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.inspection.apart import PATIENCE_S, inspect_apart
from horngate.zoo.inspection.screen import show
from horngate.zoo.safety import Permission

HELP = """show what a Keras file holds, what would be upgraded and what is unsafe, without running any of it

exit status: 0 nothing unsafe was found; 1 the file cannot be read; 3 it is unsafe, a server refuses it
"""

UNREADABLE, UNSAFE = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "file", type=Path, help="an .h5, .hdf5, .weights.h5 or .keras file, or an architecture: .json, .yaml"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=PATIENCE_S,
        metavar="SECONDS",
        help="a file that takes longer to read is told as unsafe (default: %(default)g)",
    )
    parser.add_argument(
        "--custom-objects",
        default="",
        metavar="NAME,…",
        help="names that its model.toml allows: Scale or mypkg.layers:Scale",
    )
    parser.add_argument(
        "--allow-code", action="store_true", help="as with allow_code = true in its model.toml"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def _never(_: Path) -> list[dict[str, Any]]:
    """Nobody knows of a server."""
    return []


def run(args: argparse.Namespace, served: Callable[[Path], list[dict[str, Any]]] = _never) -> int:
    """Print the report; the exit status that HELP tells. `served` knows how near to Keras a file was served."""
    try:
        report = inspect_apart(args.file, args.timeout, _permission(args))
    except LoadError as error:
        print(f"horngate inspect: {error}", file=sys.stderr)
        return UNREADABLE
    if found := served(args.file):
        report = {**report, "served": found}
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return UNSAFE if report["unsafe"] else 0


def _permission(args: argparse.Namespace) -> Permission:
    names = (name.rpartition(":")[2] for name in args.custom_objects.split(",") if name)
    return Permission(allow_code=args.allow_code, custom_objects=frozenset(names))
