"""`horngate layers`: a served model's layers as a picture, or what they make of an image."""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from horngate.client.blocking import Client
from horngate.client.descriptions import ModelDescription
from horngate.client.drawing.feature_maps import Seen, draw_maps
from horngate.client.drawing.layer_chart import draw_layers
from horngate.client.drawing.pictures import VALUES, read_picture, takes_channels_first
from horngate.client.pictures import file_of
from horngate.client.reaching import add_server_arguments, connect
from horngate.client.tensors import Array
from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import TensorSpec

HELP = """Draw a served model: its layers, or what they make of an image.

Without IMAGE, OUT is a picture of the model's graph: each layer with its class, what it makes, its parameters and
what it costs. With IMAGE, OUT shows feature maps: those of the layers named, or of six over the whole model.
OUT's ending says how it is drawn: .png, .svg or .pdf.

examples:
  horngate layers resnet50 --out resnet50.png
  horngate layers digits seven.png --layer edges --layer shapes --out maps.png
  horngate layers mobilenet_v2 cat.jpg --out maps.png
"""

_UNASKED = 6
_VALUES = "0..1"
_VALUES_HELP = (
    f"what the model takes black and white as; default: the server prepares the image, or {_VALUES}"
)
_ENDINGS = (".png", ".svg", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `horngate layers`."""
    option = parser.add_argument
    option("model", metavar="MODEL", help="the model's name")
    option("image", metavar="IMAGE", nargs="?", type=Path, help="PNG, JPEG, …")
    option(
        "--out", metavar="OUT", type=Path, required=True, help="where the picture goes: .png, .svg or .pdf"
    )
    option("--layer", metavar="NAME", action="append", dest="layers", help="may be repeated")
    option("--channels", metavar="N", type=int, default=64, help="most maps of a layer; default: %(default)d")
    option("--values", choices=tuple(VALUES), help=_VALUES_HELP)
    option("--version", metavar="N", help="the model's version; default: the server's choice")
    add_server_arguments(option, timeout_s=60.0)


def run(args: argparse.Namespace) -> int:
    """Do it; the exit status."""
    _check(args)
    with connect(args) as client:
        model = client.describe(args.model, version=args.version)
        draw = _chart(model) if args.image is None else _maps(client, model, args)
    _write(args.out, draw)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.out.suffix.lower() not in _ENDINGS:
        raise InvalidRequest(
            f"'{args.out}' ends in '{args.out.suffix}'; expected one of {', '.join(_ENDINGS)}"
        )
    if args.image is None and args.layers:
        raise InvalidRequest("--layer draws what a layer makes of an image; give IMAGE, too")
    if args.channels < 1:
        raise InvalidRequest(f"--channels is {args.channels}; expected 1 or more")


def _chart(model: ModelDescription) -> Callable[[Path], None]:
    return partial(draw_layers, model)


def _maps(client: Client, model: ModelDescription, args: argparse.Namespace) -> Callable[[Path], None]:
    if len(model.inputs) != 1:
        raise InvalidRequest(
            f"model '{model.name}' has {len(model.inputs)} inputs; expected one, of pictures"
        )
    rows, looks = read_picture(args.image, model.inputs[0], args.values or _VALUES)
    names = args.layers or _some(model)
    is_prepared_there = model.image is not None and args.values is None
    sent = [file_of(args.image)] if is_prepared_there else rows
    made = client.predict(model.name, sent, layers=names, version=args.version)
    first = takes_channels_first(model.inputs[0])
    seen = [_seen(model, name, made[name][0], first) for name in names]
    return partial(draw_maps, f"{model.name}  {args.image.name}", looks, seen, most=args.channels)


def _seen(model: ModelDescription, name: str, values: Array, channels_first: bool) -> Seen:
    meant = model.spec.meant(name)
    layer = next((one for one in model.layers if meant in one.outputs), None)
    if values.dtype == object:
        raise InvalidRequest(f"layer '{name}' makes text; expected one that makes numbers")
    values = np.moveaxis(values, 0, -1) if channels_first and values.ndim > 2 else values
    return Seen(name=name, class_name=layer.class_name if layer else "", values=values)


def _some(model: ModelDescription) -> list[str]:
    """Layers of feature maps over the whole model, the first and the last of them, too."""
    maps = [one.name for layer in model.layers for one in layer.outputs if _has_maps(layer.class_name, one)]
    if not maps:
        raise InvalidRequest(
            f"model '{model.name}' has no layers that make feature maps; name one with --layer"
        )
    count = min(_UNASKED, len(maps))
    return [maps[round(place)] for place in np.linspace(0, len(maps) - 1, count)]


def _has_maps(class_name: str, made: TensorSpec) -> bool:
    return len(made.shape) == 4 and "Conv" in class_name


def _write(path: Path, draw: Callable[[Path], None]) -> None:
    """Draw beside the path and rename, so that whoever waits for the file never reads half of it."""
    partial_file = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        draw(partial_file)
        partial_file.replace(path)
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be written: {error.strerror}") from None
    finally:
        partial_file.unlink(missing_ok=True)
