"""`horngate publish MODEL [FILE]`."""

import argparse
from pathlib import Path

from horngate.contract.errors import InvalidRequest
from horngate.training.publishing import promote, publish, withdraw

HELP = """make a file the next version of a served model, or decide about a canary

A server that watches the repository takes the version in without a failed request. A canary answers only requests
that ask for it, by its version or the label "canary", until it is promoted.

examples:
  horngate publish models/churn model.h5            the next version, for all requests
  horngate publish models/churn model.h5 --canary   the next version, for requests that ask for it
  horngate publish models/churn --promote           the canary answers all requests
  horngate publish models/churn --withdraw          the canary answers none
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="the model's folder in the repository")
    parser.add_argument("file", type=Path, metavar="FILE", nargs="?", help="a Keras file")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--canary", action="store_true", help="for requests that ask for it")
    what.add_argument("--promote", action="store_true", help="the canary answers all requests")
    what.add_argument("--withdraw", action="store_true", help="the canary answers none")


def run(args: argparse.Namespace) -> int:
    """Do it; 0. InvalidRequest if a file is missing or too much."""
    repository, name = args.model.parent, args.model.name
    decides = args.promote or args.withdraw
    if decides == (args.file is not None):
        wanted = "no file beside --promote and --withdraw" if decides else "a Keras file to publish"
        raise InvalidRequest(f"publish has {args.file or 'no file'}; expected {wanted}")
    if args.promote:
        print(f"{args.model}: version {promote(repository, name)} answers all requests now")
    elif args.withdraw:
        print(f"{args.model}: version {withdraw(repository, name)} is no canary any more")
    else:
        print(f"published {_published(args.file, repository, name, canary=args.canary)}")
    return 0


def _published(file: Path, repository: Path, name: str, *, canary: bool) -> Path:
    try:
        return publish(file, repository, name, canary=canary)
    except (OSError, ValueError) as error:
        raise InvalidRequest(str(error)) from error
