"""`horngate config`: what is set, and what is wrong in it."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from horngate.server.config.checking import faults_at
from horngate.server.config.effective import FILE_VARIABLE
from horngate.server.config.flags import add_setting_flags, effective
from horngate.server.config.shown import as_json, as_toml

HELP = "show a server's settings and where each comes from, or check a file of them and the models' own"
WRONG = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two things that it does."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    check = actions.add_parser("check", help="say what is wrong, by line and key; 1 if anything is")
    check.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="a file of settings, a folder of models, or a model.toml "
        f"(default: the file of {FILE_VARIABLE} and the environment)",
    )
    show = actions.add_parser("show", help="every setting's value, as a file, with where it came from")
    show.add_argument("--json", action="store_true", help="one JSON object instead")
    add_setting_flags(show)


def run(args: argparse.Namespace) -> int:
    """Check or show; 0, or 1 if something is wrong."""
    if args.action == "check":
        return _check(args.paths)
    found = effective(args, dict(os.environ))
    found.values()
    print(as_json(found.found) if args.json else as_toml(found.found))
    return 0


def _check(paths: Sequence[Path]) -> int:
    places: Sequence[Path | None] = paths or [None]
    faults = [fault for path in places for fault in faults_at(path)]
    for fault in faults:
        print(fault)
    print(f"{len(faults)} fault{'s' * (len(faults) != 1)}" if faults else "nothing is wrong")
    return WRONG if faults else 0
