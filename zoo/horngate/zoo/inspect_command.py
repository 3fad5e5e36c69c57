"""`horngate inspect FILE`: what a Keras file holds, told without Keras and without running any of it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.contract.tensors import shape_text
from horngate.zoo.inspection import LayerReport, Report, inspect

HELP = "show what a Keras file holds, without opening it with Keras"

_PIPED_WIDTH = 1000
"""Wide enough that nothing is cut when the output goes to another program."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", type=Path, help="an .h5, .hdf5, .weights.h5 or .keras file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 if the file cannot be read as a Keras file."""
    try:
        report = inspect(args.file)
    except LoadError as error:
        print(f"horngate inspect: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        _print(report)
    return 0


def _print(report: Report) -> None:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _PIPED_WIDTH, highlight=False, soft_wrap=not terminal)
    for line in _summary(report):
        console.print(line, markup=False)
    if report.layers:
        console.print()
        console.print(_table(report, terminal))


def _summary(report: Report) -> list[str]:
    writer = f"Keras {report.keras_version}" if report.keras_version != "unknown" else "an unknown version"
    lines = [
        f"{Path(report.file).name}: {report.format}, {_bytes(report.file_bytes)}",
        f"  written by  {writer} (backend: {report.backend})",
        f"  holds       {', '.join(report.holds) or 'nothing of Keras'}",
    ]
    if report.model:
        lines.append(f"  model       {report.model}")
    for position, one in enumerate(report.inputs):
        label = "input       " if position == 0 else " " * 12
        lines.append(f"  {label}{one.name}  {one.dtype} {shape_text(one.shape)}")
    return [*lines, f"  parameters  {report.parameters:,}"]


def _table(report: Report, terminal: bool) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)
    for column in ("layer", "class", "output"):
        table.add_column(column, no_wrap=not terminal, overflow="fold")
    table.add_column("parameters", justify="right", no_wrap=True)
    for layer in report.layers:
        table.add_row(*(_escaped(cell) for cell in _row(layer)))
    return table


def _row(layer: LayerReport) -> tuple[str, str, str, str]:
    """Layers of a nested model stand indented below it."""
    depth = layer.name.count("/")
    name = "  " * depth + layer.name
    shape = shape_text(layer.output_shape) if layer.output_shape else "-"
    return name, layer.class_name or "-", shape, f"{layer.parameters or 0:,}"


def _escaped(text: str) -> str:
    """Names come from the file; none of them is markup."""
    from rich.markup import escape

    return escape(text)


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"
