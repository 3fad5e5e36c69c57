"""`horngate runs`: what was trained, what is being trained, and how it goes."""

import argparse
from pathlib import Path

from rich.console import Console

from horngate.contract.errors import NotFound
from horngate.training.runs.curves import save_png
from horngate.training.runs.folder import RunFolder
from horngate.training.runs.listing import history_of, runs_in, show, table
from horngate.training.runs.status import standing

HELP = """list training runs, or show one

examples:
  horngate runs                        the runs in ./runs: state, epoch, best metric
  horngate runs list elsewhere         those in another folder
  horngate runs show runs/churn        its curves, in the terminal
  horngate runs show runs/churn --png curves.png
"""

_PIPED_WIDTH = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.set_defaults(action="list", folder=Path("runs"))
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="the runs in a folder")
    listing.add_argument("folder", type=Path, nargs="?", default=Path("runs"), help="default: runs")
    listing.set_defaults(action="list")
    one = actions.add_parser("show", help="one run's curves")
    one.add_argument("folder", type=Path, help="the run's folder")
    one.set_defaults(action="show")
    one.add_argument("--png", type=Path, metavar="FILE", help="write the curves as a picture, too")


def run(args: argparse.Namespace) -> int:
    """Do it; 0. NotFound if there is no run."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH if args.action == "list" else 80)
    if not args.folder.is_dir():
        raise NotFound(f"there is no folder {args.folder}; expected the folder of runs")
    if args.action == "list":
        runs = runs_in(args.folder)
        if not runs:
            raise NotFound(f"there are no runs in {args.folder}")
        console.print(table(runs))
        return 0
    folder = RunFolder(args.folder)
    status = standing(folder)
    if status is None:
        raise NotFound(f"{args.folder} is no run's folder; expected one with a status.json")
    show(folder, status, console)
    if args.png is not None:
        save_png(history_of(folder), args.png)
    return 0
