"""`horngate predict`: rows from a file to a served model, and its answer to the terminal or a file."""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from horngate.client.blocking import Client
from horngate.client.classifying import Label
from horngate.client.descriptions import ImageInput
from horngate.client.input_files import read_inputs
from horngate.client.reaching import add_server_arguments, connect
from horngate.client.tensors import Array, Inputs
from horngate.contract.errors import InvalidRequest
from horngate.contract.models import LayerSpec
from horngate.contract.tensors import TensorSpec, bytes_text, shape_text

HELP = """Send rows to a served model, and print or save what comes back.

FILE is a picture (JPEG, PNG, WebP, GIF) for a model that takes them, which is answered by its best classes; or
holds the rows: a .npy array; a .npz with one array for each input; or JSON, an array or an object of arrays by
input name. `-` reads any of these from standard input. Without FILE, the model's inputs, outputs and layers are
listed.

examples:
  horngate predict resnet50 cat.jpg
  horngate predict digits images.npy
  horngate predict churn rows.json --version 3
  echo '[[5.1, 3.5, 1.4, 0.2]]' | horngate predict iris -
  horngate predict resnet50 images.npy --layer conv4_block6_out --layer avg_pool --out features.npz
  horngate predict churn rows.json --training --seed 7
"""

LAYER_HELP = "a layer whose output to return instead of the model's; may be repeated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `horngate predict`."""
    option = parser.add_argument
    option("model", metavar="MODEL", help="the model's name")
    option("file", metavar="FILE", nargs="?", help="the rows; - for standard input")
    option("--layer", metavar="NAME", action="append", dest="layers", help=LAYER_HELP)
    option("--training", action="store_true", help="as the model runs while it is trained")
    option("--seed", metavar="N", type=int, help="with --training: what is random is the same for the same N")
    option("--version", metavar="N", help="the model's version; default: the server's choice")
    option("--top", metavar="K", type=int, default=5, help="classes to name; default: %(default)s")
    option("--out", metavar="OUT.npz", type=Path, help="save the outputs here, by name")
    add_server_arguments(option, timeout_s=10.0)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit status."""
    with connect(args) as client:
        if args.file is None:
            _list(client, args)
            return 0
        inputs: Any = read_inputs(args.file)
        began_s = time.monotonic()
        if _asks_for_classes(client, args, inputs):
            _print_classes(client.classify(args.model, inputs[0], top=args.top, version=args.version))
            outputs = {}
        else:
            outputs = _predict(client, args, inputs)
        took_s = time.monotonic() - began_s
    _print(outputs)
    print(f"{args.model} at {args.server} answered in {took_s * 1000:.0f} ms", file=sys.stderr)
    if args.out is not None:
        _save(args.out, outputs)
    return 0


def _asks_for_classes(client: Client, args: argparse.Namespace, inputs: Any) -> bool:
    """Whether the answer is the names of classes: that of a picture, where nothing else is asked for."""
    is_picture = isinstance(inputs, list) and len(inputs) == 1 and isinstance(inputs[0], bytes)
    if not is_picture or args.layers or args.out is not None:
        return False
    outputs = client.describe(args.model, version=args.version).outputs
    return len(outputs) == 1 and len(outputs[0].shape) == 2


def _print_classes(labels: Sequence[Label]) -> None:
    width = max(len(label.name) for label in labels)
    for label in labels:
        print(f"{label.score:9.4f}  {label.name:{width}}  (class {label.index})")


def _predict(client: Client, args: argparse.Namespace, inputs: Inputs) -> dict[str, Array]:
    """The outputs by name, the model's own ones too."""
    names: list[str] = args.layers or [
        output.name for output in client.describe(args.model, version=args.version).outputs
    ]
    return client.predict(
        args.model, inputs, layers=names, version=args.version, training=args.training, seed=args.seed
    )


def _list(client: Client, args: argparse.Namespace) -> None:
    model = client.describe(args.model, version=args.version)
    print(f"{model.name} version {model.version}: {model.state}, {model.engine} on {model.device}")
    print(f"{model.parameters:,} parameters, at most {model.cap} rows at once, from {model.source}")
    for title, specs in (("inputs", model.inputs), ("outputs", model.outputs)):
        print(f"\n{title}")
        _table([(spec.name, spec.datatype, shape_text(spec.shape)) for spec in specs])
    if model.image is not None:
        print(f"\npictures\n  {_picture_text(model.image)}")
    if model.labels:
        print(f"\nclasses\n  {len(model.labels):,}: {', '.join(model.labels[:3])}, …")
    print("\nlayers")
    _table([_layer_row(layer, output) for layer in model.layers for output in layer.outputs])


def _picture_text(image: ImageInput) -> str:
    kept = f"the middle {image.crop:.1%}" if image.crop else "all of it"
    return (
        f"JPEG, PNG, WebP, GIF, or UINT8 pixels: {kept}, {image.resize} to {image.height} x {image.width}, "
        f"{image.channels} channel{'s' if image.channels > 1 else ''}"
    )


def _layer_row(layer: LayerSpec, output: TensorSpec) -> tuple[str, ...]:
    """What a layer's output is, and what the layer costs; further outputs of it cost nothing more."""
    is_first = output is layer.outputs[0]
    costs = (f"{layer.parameters:,} parameters", _products(layer)) if is_first else ("", "")
    reads = f"from {', '.join(layer.inputs)}" if layer.inputs and is_first else ""
    size = f"{bytes_text(output.row_bytes)} a row"
    return output.name, layer.class_name, output.datatype, shape_text(output.shape), *costs, size, reads


def _products(layer: LayerSpec) -> str:
    return "? MACs" if layer.macs is None else f"{layer.macs:,} MACs"


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print(outputs: Mapping[str, Array]) -> None:
    for name, array in outputs.items():
        print(f"{name}: {array.dtype} {shape_text(array.shape)}")
        print(np.array2string(array, threshold=60, precision=6, suppress_small=True))


def _save(path: Path, outputs: Mapping[str, Array]) -> None:
    """Save beside the path and rename, so that whoever waits for the file never reads half of it."""
    # Object arrays would be pickled, which readers rightly refuse.
    plain = {name: array.astype(bytes) if array.dtype == object else array for name, array in outputs.items()}
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            np.savez(file, **plain)  # type: ignore[arg-type]
        partial.replace(path)
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
