"""`horngate predict`: rows from files to a served model, and its answers to the terminal or a file."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from horngate.client.blocking import Client
from horngate.client.classifying import Label
from horngate.client.command_rows import rows_asked_for
from horngate.client.model_listing import print_model
from horngate.client.output_files import HDF5, STANDARD_OUTPUT, check_out, hdf5_file, save
from horngate.client.reaching import add_server_arguments, connect
from horngate.client.streaming import IN_FLIGHT
from horngate.client.tensors import Array
from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import shape_text

HELP = """Send rows to a served model, and print or save what comes back.

FILE holds the rows: an HDF5 dataset (FILE.h5, or FILE.h5:NAME for one of several), a .npy array, a .npz with one
array for each input, or JSON, an array or an object of arrays by input name; or it is a picture (JPEG, PNG, WebP,
GIF) for a model that takes them, or several, which are answered by their best classes. `-` reads any of these from
standard input. Without FILE, the model's inputs, outputs and layers are listed. Many rows go in batches, several
under way at once; HDF5, .npy and pictures may be larger than memory, into HDF5 the outputs too.

examples:
  horngate predict resnet50 cat.jpg
  horngate predict digits images.npy
  horngate predict digits images.h5:test --rows 0:1000 --out digits.h5
  horngate predict churn rows.json --version 3 --out answers.json
  horngate predict pairs --input left=a.npy --input right=b.h5:x
  echo '[[5.1, 3.5, 1.4, 0.2]]' | horngate predict iris - --out - | jq .
  horngate predict resnet50 photos/*.jpg --outputs conv4_block6_out,avg_pool --out features.npz
  horngate predict churn rows.json --training --seed 7
  horngate predict digits images.npy --server a:8001,b:8001
"""

FILE_HELP = "the rows, or pictures; - for standard input"
INPUT_HELP = "the rows for one of several inputs; once for each"
LAYER_HELP = "a layer whose output to return instead of the model's; may be repeated"
OUT_HELP = "save the outputs, by name: .npz, .h5, .json; .npy for one; - prints JSON"
BATCH_HELP = "rows in a request; default: about a megabyte"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `horngate predict`."""
    option = parser.add_argument
    option("model", metavar="MODEL", help="the model's name")
    option("files", metavar="FILE", nargs="*", help=FILE_HELP)
    option("--input", metavar="NAME=FILE", action="append", dest="inputs", default=[], help=INPUT_HELP)
    option("--rows", metavar="FROM:TO", help="only these rows, counted from 0, without the last")
    option("--layer", metavar="NAME", action="append", dest="layers", default=[], help=LAYER_HELP)
    option("--outputs", metavar="NAMES", help="several of those, or of the outputs, with commas between")
    option("--training", action="store_true", help="as the model runs while it is trained")
    option("--seed", metavar="N", type=int, help="with --training: what is random is the same for the same N")
    option("--version", metavar="N", help="the model's version; default: the server's choice")
    option("--top", metavar="K", type=int, default=5, help="classes to name; default: %(default)s")
    option("--out", metavar="OUT", type=Path, help=OUT_HELP)
    option("--batch-rows", metavar="N", type=int, help=BATCH_HELP)
    option(
        "--in-flight", metavar="N", type=int, default=IN_FLIGHT, help="requests at once; default: %(default)s"
    )
    option("--quiet", action="store_true", help="no progress bar and no times")
    add_server_arguments(option, timeout_s=60.0)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit status."""
    with connect(args) as client, ExitStack() as opened:
        if not args.files and not args.inputs:
            print_model(client.describe(args.model, version=args.version))
            return 0
        source = rows_asked_for(args, opened)
        began_s = time.monotonic()
        if _asks_for_classes(client, args, source):
            rows = len(source)
            _print_classes(client, args, source)
        else:
            rows = _predict(client, args, source)
        took_s = time.monotonic() - began_s
    if not args.quiet:
        answered = (
            f"answered {rows:,} rows in {took_s:.2f} s" if rows > 1 else f"answered in {took_s * 1000:.0f} ms"
        )
        print(f"{args.model} at {args.server} {answered}", file=sys.stderr)
    return 0


def _names(client: Client, args: argparse.Namespace) -> list[str]:
    """The outputs to ask for: those named, or the model's own."""
    named: list[str] = [*args.layers, *filter(None, (args.outputs or "").split(","))]
    return named or [output.name for output in client.describe(args.model, version=args.version).outputs]


def _predict(client: Client, args: argparse.Namespace, source: Any) -> int:
    """Predict, print or save; the number of rows."""
    names = _names(client, args)
    check_out(args.out, len(names))
    if args.out is not None and args.out.suffix in HDF5 and not args.training:
        with hdf5_file(args.out) as file:
            rows: int = _stream(client, args, source, names, out=file)
            _print({name: file[name] for name in names if name in file}, args.out)
        return rows
    outputs = (
        _in_training(client, args, source, names) if args.training else _gathered(client, args, source, names)
    )
    if args.out != STANDARD_OUTPUT:
        _print(outputs, args.out)
    if args.out is not None:
        save(args.out, outputs)
    return len(next(iter(outputs.values())))


def _stream(client: Client, args: argparse.Namespace, source: Any, names: list[str], out: Any) -> Any:
    return client.predict_many(
        args.model,
        source,
        out=out,
        layers=names,
        batch_rows=args.batch_rows,
        in_flight=args.in_flight,
        progress=not args.quiet and sys.stderr.isatty() and find_spec("rich") is not None,
        version=args.version,
    )


def _gathered(client: Client, args: argparse.Namespace, source: Any, names: list[str]) -> dict[str, Array]:
    batches: list[dict[str, Array]] = list(_stream(client, args, source, names, out=None))
    if not batches:
        raise InvalidRequest(f"model '{args.model}': received no rows; expected one or more")
    return {name: np.concatenate([batch[name] for batch in batches]) for name in names}


def _in_training(client: Client, args: argparse.Namespace, source: Any, names: list[str]) -> dict[str, Array]:
    """In one request, so that the seed means the same whatever the batches."""
    named = source if isinstance(source, Mapping) else None
    whole: Any = {name: each[:] for name, each in named.items()} if named else source[:]
    return client.predict(
        args.model, whole, layers=names, version=args.version, training=True, seed=args.seed
    )


def _asks_for_classes(client: Client, args: argparse.Namespace, source: Any) -> bool:
    """Whether the answer is the names of classes: that of pictures, where nothing else is asked for."""
    if not isinstance(source, list) or args.layers or args.outputs or args.out is not None or args.training:
        return False
    outputs = client.describe(args.model, version=args.version).outputs
    return len(outputs) == 1 and len(outputs[0].shape) == 2


def _print_classes(client: Client, args: argparse.Namespace, pictures: Sequence[Any]) -> None:
    size = args.batch_rows or 8
    for first in range(0, len(pictures), size):
        part = list(pictures[first : first + size])
        for picture, labels in zip(
            part, client.classify(args.model, part, top=args.top, version=args.version), strict=True
        ):
            if len(pictures) > 1:
                print(f"{picture}:")
            _print_labels(labels)


def _print_labels(labels: Sequence[Label]) -> None:
    width = max(len(label.name) for label in labels)
    for label in labels:
        print(f"{label.score:9.4f}  {label.name:{width}}  (class {label.index})")


def _print(outputs: Mapping[str, Any], out: Path | None) -> None:
    """What there is, and of what is not saved, what it is."""
    for name, array in outputs.items():
        print(f"{name}: {array.dtype} {shape_text(array.shape)}{f' in {out}' if out else ''}")
        if out is None:
            print(np.array2string(array, threshold=60, precision=6, suppress_small=True))
