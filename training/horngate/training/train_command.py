"""`horngate train RECIPE`."""

import argparse
import os
import shutil
import sys
from pathlib import Path

REFUSED = 3
"""The exit code of a run whose model was not better than the one that is served."""

HELP = """train a model as a recipe says

The run's folder takes everything: checkpoints, metrics, curves, the trained model. Ctrl+C and SIGTERM end the run
after the step under way, with its state written, and exit code 75; --resume goes on from there, and from the last
checkpoint after a crash, to the same bytes as if nothing had happened.

examples:
  horngate train churn.toml                  train, into runs/churn
  horngate train churn.toml --resume         go on
  horngate train churn.toml --check          only look whether the recipe is right
  horngate train churn.toml --run runs/two   into another folder
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="a TOML file; docs/training.md has its keys"
    )
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="the run's folder; default: runs/NAME")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    parser.add_argument("--check", action="store_true", help="check the recipe, train nothing")
    parser.add_argument("--quiet", action="store_true", help="no line an epoch")


def run(args: argparse.Namespace) -> int:
    """Do it; 0, or 75 if the run was stopped and can go on."""
    _with_fixed_hashes()
    from horngate.zoo.backend import import_keras

    import_keras()
    from horngate.training.recipe.reading import errors_by_line, read_recipe
    from horngate.training.running import check
    from horngate.training.running import run as train
    from horngate.training.stopping import STOPPED, Stopped

    folder = args.run or Path("runs") / args.recipe.stem
    # A recipe's own modules lie beside it.
    sys.path.append(str(args.recipe.parent.resolve()))
    recipe = read_recipe(args.recipe)
    try:
        with errors_by_line(args.recipe):
            check(recipe)
            if args.check:
                print(f"{args.recipe}: the recipe is right; {recipe.epochs} epochs")
                return 0
            done = train(recipe, folder, resume=args.resume, callbacks=_shown(quiet=args.quiet))
    except Stopped as stopped:
        print(f"horngate: {stopped}; `horngate train {args.recipe} --resume` goes on", file=sys.stderr)
        return STOPPED
    shutil.copyfile(args.recipe, folder / "recipe.toml")
    print(f"trained {done.model_path}")
    if done.publication is None:
        return 0
    print(done.publication.told())
    return 0 if done.publication.path is not None else REFUSED


def _shown(*, quiet: bool) -> list[object]:
    from horngate.training.callbacks import Progress

    return [] if quiet else [Progress()]


def _with_fixed_hashes() -> None:
    """Begin again with PYTHONHASHSEED=0 where it is not set: the order of sets is part of what must repeat."""
    if "PYTHONHASHSEED" not in os.environ and sys.argv[1:2] == ["train"]:
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "horngate.cli.main", *sys.argv[1:]])  # noqa: S606
