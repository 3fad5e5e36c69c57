"""A report on a terminal, or as plain lines for another program."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from horngate.contract.tensors import bytes_text, shape_text

_PIPED_WIDTH = 1000
"""Wide enough that nothing is cut when the output goes to another program."""
_LABEL = 12
_NAMED = 4
"""A line names this many layers."""

Report = Mapping[str, Any]


def show(report: Report) -> None:
    """Print the report: the file, its layers, what would be upgraded, what is unsafe."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _PIPED_WIDTH, highlight=False, soft_wrap=not terminal)
    print_report(report, console, terminal=terminal)


def print_report(report: Report, console: Any, *, terminal: bool) -> None:
    """Print the report to a console of rich."""
    from rich.text import Text

    head = Text(Path(report["file"]).name, style="bold")
    console.print(head.append(f"  {_kind(report)}", style="dim"))
    if "format" in report:
        console.print(_pairs(list(_summary(report)), terminal))
    if report.get("layers"):
        # On a terminal the table's own frame leaves a line free above it and below.
        console.print(*(() if terminal else ("",)), _table(report["layers"], terminal), sep="\n")
    for position, (title, style, lines) in enumerate(_sections(report)):
        if position or not terminal or not report.get("layers"):
            console.print()
        console.print(_section(title, style, lines, terminal))


def _kind(report: Report) -> str:
    size = bytes_text(report["file_bytes"])
    return f"{report['format']}, {size}" if "format" in report else size


def _summary(report: Report) -> Iterator[tuple[str, str]]:
    yield "written by", report["writer"] if report["writer"] != "unknown" else _writer(report)
    yield "holds", ", ".join(report["holds"]) or "nothing of Keras"
    if report["model"]:
        yield "model", report["model"]
    for position, one in enumerate(report["inputs"]):
        yield "" if position else "input", f"{one['name']}  {one['dtype']} {shape_text(tuple(one['shape']))}"
    yield "parameters", f"{report['parameters']:,}"
    yield "memory", _memory(report["memory"])


def _writer(report: Report) -> str:
    version = report["keras_version"]
    writer = f"Keras {version}" if version != "unknown" else "an unknown version"
    return f"{writer} (backend: {report['backend']})"


def _memory(memory: Mapping[str, Any]) -> str:
    weights = f"weights {bytes_text(memory['weights_bytes'])}"
    if memory["row_bytes"] is None:
        return f"{weights}; the file does not tell what a row takes"
    return f"{weights}; a row about {bytes_text(memory['row_bytes'])} (estimate)"


def _table(layers: Sequence[Mapping[str, Any]], terminal: bool) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="cyan")
    for column in ("layer", "class", "output", "from"):
        table.add_column(column, no_wrap=not terminal, overflow="fold")
    for column in ("parameters", "MACs"):
        table.add_column(column, justify="right", no_wrap=True)
    for layer in layers:
        table.add_row(*_row(layer))
    return table


def _row(layer: Mapping[str, Any]) -> tuple[Any, ...]:
    """Layers of a nested model stand indented below it. Names come from the file; none of them is markup."""
    from rich.text import Text

    depth = layer["name"].count("/")
    shape = shape_text(tuple(layer["output_shape"])) if layer["output_shape"] else "-"
    count = layer["parameters"] or 0
    return (
        Text("  " * depth + layer["name"]),
        Text(layer["class_name"] or "-", style="dim"),
        Text(shape),
        Text(", ".join(name.rpartition("/")[2] for name in layer["inputs"]), style="dim"),
        Text(f"{count:,}", style="" if count else "dim"),
        Text("?" if layer["macs"] is None else f"{layer['macs']:,}", style="" if layer["macs"] else "dim"),
    )


def _sections(report: Report) -> Iterator[tuple[str, str, list[str]]]:
    """What stands below the table: titles, their colours, their lines."""
    steps = [_step(step) for step in report.get("upgraded", ())]
    if steps:
        yield "upgraded when it is served", "green", steps
    if report.get("obstacle"):
        yield "it cannot be brought up to today's Keras", "red", [report["obstacle"]]
    if report.get("served"):
        yield "as it was served", "green", [one["says"] for one in report["served"]]
    notes, unsafe = (list(_findings(report[key])) for key in ("notes", "unsafe"))
    if notes:
        yield "to be known", "yellow", notes
    if unsafe:
        yield "unsafe: a server refuses this file", "bold red", unsafe
    else:
        yield "nothing unsafe was found", "green", []


def _step(step: Mapping[str, Any]) -> str:
    """A step is told with the first few of the layers that it touches."""
    layers = step["layers"]
    more = f", and {len(layers) - _NAMED} more" if len(layers) > _NAMED else ""
    return f"{step['says']} ({', '.join(layers[:_NAMED])}{more})"


def _findings(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line each; what is said of many places in the same words is said once, with the first few of them."""
    places: dict[tuple[str, str], list[str]] = {}
    for one in found:
        places.setdefault((one["what"], one["remedy"]), []).append(one["where"])
    for (what, remedy), where in places.items():
        more = f" and {len(where) - _NAMED} more" if len(where) > _NAMED else ""
        yield f"{', '.join(where[:_NAMED])}{more} {what}; {remedy}"


def _section(title: str, style: str, lines: Sequence[str], terminal: bool) -> Any:
    from rich.console import Group
    from rich.text import Text

    items = [_pairs([("  -", line)], terminal, indent=6) for line in lines]
    return Group(Text(f"  {title}", style=style), *items)


def _pairs(pairs: Sequence[tuple[str, str]], terminal: bool, indent: int = _LABEL + 2) -> Any:
    """Labels and values; on a terminal, what does not fit a line goes on below its beginning."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if not terminal:
        return Group(*(Text(f"  {label:<{indent - 2}}{value}") for label, value in pairs))
    grid = Table.grid(padding=0)
    grid.add_column(width=indent, no_wrap=True, style="cyan")
    grid.add_column(overflow="fold")
    for label, value in pairs:
        grid.add_row(Text(f"  {label}"), Text(value))
    return grid
