"""`horngate export MODEL`: a model as files of other formats, ONNX above all."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.contract.tensors import bytes_text, shape_text
from horngate.zoo.export import FORMATS, Exported, export, format_of

HELP = """write a model as files of other formats

MODEL is a Keras file (.h5, .hdf5, .keras, of any age), or zoo:NAME for a network of keras.applications.
Several files can be asked for at once. Each appears whole or not at all. An ONNX file is compared with Keras
on random rows before it is put in its place.

examples:
  horngate export churn.h5 --onnx churn.onnx
  horngate export churn.h5 --onnx churn.onnx --outputs dense_1,dense_2    layers as the graph's outputs
  horngate export churn.h5 --to churn.keras churn.yaml churn.weights.h5   the ending tells the format
  horngate export zoo:MobileNetV2 --zoo-weights imagenet --saved-model mobilenet/1
  horngate export old.weights.h5 --architecture old.json --hdf5 old.h5
"""

_FOLDERS = {"saved-model"}

_PIPED_WIDTH = 1000
"""Wide enough that nothing is cut when the output goes to another program."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a Keras file, or zoo:NAME")
    _add_written(parser.add_argument_group("what to write"))
    _add_read(parser.add_argument_group("what to read"))


def _add_written(group: Any) -> None:
    group.add_argument(
        "--to",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="files whose endings tell the format",
    )
    for name, one in FORMATS.items():
        metavar = "FOLDER" if name in _FOLDERS else "FILE"
        group.add_argument(f"--{name}", type=Path, metavar=metavar, help=one.summary)
    group.add_argument(
        "--outputs",
        type=_names,
        metavar="A,B",
        help="layers whose outputs the ONNX graph has; default: the model's own",
    )
    group.add_argument("--force", action="store_true", help="replace what is there")


def _add_read(group: Any) -> None:
    group.add_argument("--zoo-weights", metavar="FILE", help="weights for zoo:NAME: a file, or imagenet")
    group.add_argument(
        "--architecture", type=Path, metavar="FILE", help="JSON, YAML or a model, for a file of weights"
    )
    group.add_argument(
        "--by-name", action="store_true", help="put those weights into layers of the same names"
    )
    group.add_argument(
        "--custom-objects",
        type=_names,
        metavar="MODULE:NAME,…",
        default=(),
        help="your own layers, functions and the like, from modules that Python can import",
    )
    group.add_argument(
        "--allow-code", action="store_true", help="run Python code that the file carries (Lambda layers)"
    )


def run(args: argparse.Namespace) -> int:
    """Write all that is asked for; the table of it goes to standard output."""
    wanted = _wanted(args)
    if args.outputs and not any(name == "onnx" for name, _ in wanted):
        raise LoadError("--outputs is for ONNX alone; add --onnx FILE")
    model = _model(args)
    written = [
        export(model, path, name, outputs=args.outputs if name == "onnx" else None, force=args.force)
        for name, path in wanted
    ]
    _print(written)
    return 0


def _wanted(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Each format and where it goes, in the order in which they are written."""
    wanted = [(format_of(path), path) for path in args.to]
    for name in FORMATS:
        path = getattr(args, name.replace("-", "_"))
        if path is not None:
            wanted.append((name, path))
    if not wanted:
        raise LoadError("nothing to write is named; try --onnx FILE, or `horngate export --help`")
    places = [path for _, path in wanted]
    twice = next((path for path in places if places.count(path) > 1), None)
    if twice is not None:
        raise LoadError(f"'{twice}' is to be written twice; give each format a name of its own")
    return wanted


def _model(args: argparse.Namespace) -> Any:
    from horngate.zoo.backend import import_keras

    import_keras()
    if args.model.startswith("zoo:"):
        from horngate.zoo.architectures import build

        return build(args.model.removeprefix("zoo:"), args.zoo_weights)
    if args.zoo_weights:
        raise LoadError(
            "--zoo-weights is for zoo:NAME; a file of weights is given as MODEL, with --architecture"
        )
    from horngate.zoo.files import load

    return load(
        Path(args.model),
        custom_objects=_custom_objects(args.custom_objects),
        allow_code=args.allow_code,
        architecture=args.architecture,
        by_name=args.by_name,
    )


def _custom_objects(references: Sequence[str]) -> dict[str, Any]:
    return {reference.rpartition(":")[2]: _imported(reference) for reference in references}


def _imported(reference: str) -> Any:
    module, colon, name = reference.partition(":")
    if not colon or not name:
        raise LoadError(
            f"'{reference}' names no object; expected MODULE:NAME, like mypackage.layers:Attention"
        )
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise LoadError(
            f"module '{module}' of '{reference}' cannot be imported: {error}; is it installed?"
        ) from error
    except AttributeError as error:
        raise LoadError(f"module '{module}' has no '{name}'; expected one of its own names") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _print(written: Sequence[Exported]) -> None:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _PIPED_WIDTH, highlight=False, soft_wrap=not terminal)
    console.print(_table(("format", "file", "size", "seconds"), [_row(one) for one in written]))
    for one in written:
        if one.graph is not None:
            _print_graph(console, one.graph)


def _print_graph(console: Any, graph: Any) -> None:
    rows = [("input", one.name, one.datatype, shape_text(one.shape)) for one in graph.inputs]
    rows += [("output", one.name, one.datatype, shape_text(one.shape)) for one in graph.outputs]
    away = f"differs from Keras by {graph.difference:.1e} of the scale"
    console.print()
    console.print(f"ONNX: opset {graph.opset}, {graph.nodes:,} nodes; {away}")
    console.print()
    console.print(_table(("", "name", "type", "shape"), rows))


def _row(one: Exported) -> tuple[str, str, str, str]:
    files = ", ".join(str(file) for file in one.files)
    return one.format, files, bytes_text(one.file_bytes), f"{one.seconds:.2f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        right = column in ("size", "seconds")
        table.add_column(
            column, justify="right" if right else "left", no_wrap=column != "file", overflow="fold"
        )
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table
