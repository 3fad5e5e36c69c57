"""The registry on a terminal, or as plain lines for another program."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from horngate.contract.tensors import bytes_text
from horngate.zoo.registry import Network, WeightFile
from horngate.zoo.weights import Verdict, cached, keras_home

_PIPED_WIDTH = 1000
"""Wide enough that nothing is cut when the output goes to another program."""
_RIGHT = ("parameters", "top-1", "top-5", "MB", "size")


def print_networks(networks: Sequence[Network]) -> None:
    """A line for each network."""
    columns = ("network", "images", "parameters", "top-1", "top-5", "MB", "pixels", "licence", "weights here")
    _print(_table(columns, [_line(network) for network in networks]))


def _line(network: Network) -> tuple[str, ...]:
    published = network.published
    here = [_part(file) for file in network.weights if cached(file.name)]
    return (
        network.name,
        f"{network.default_size} x {network.default_size}",
        f"{published.parameters:,}",
        f"{published.top1:.3f}",
        f"{published.top5:.3f}" if published.top5 else "-",
        str(published.megabytes or "-"),
        network.preprocessing,
        published.licence,
        ", ".join(here) if len(here) <= 2 else f"{len(here)} files",
    )


def _part(file: WeightFile) -> str:
    return "whole" if file.include_top else "without head"


def print_network(network: Network) -> None:
    """What is known of one network, line by line."""
    width = max(len(label) for label, _ in _facts(network))
    for label, value in _facts(network):
        print(f"{label:<{width}}  {value}")


def _facts(network: Network) -> Iterator[tuple[str, str]]:
    published = network.published
    yield "network", network.name
    yield "in Keras", f"keras.applications.{network.keras_name}{_former(network)}"
    yield "images", f"{network.default_size} x {network.default_size}, {network.minimum_size} at least"
    yield "pixels", _pixels(network)
    yield "labels", network.labels
    yield "parameters", f"{published.parameters:,}"
    accuracy = f"top-1 {published.top1:.3f}"
    yield "accuracy", accuracy + (f", top-5 {published.top5:.3f}" if published.top5 else "")
    yield "weights", f"{published.megabytes} MB" if published.megabytes else "no size is published"
    yield "licence", published.licence
    yield "cache", str(keras_home() / "models")


def _former(network: Network) -> str:
    return " of former Kerases; built by Horngate" if network.name.startswith("resnext") else ""


def _pixels(network: Network) -> str:
    if network.preprocessing == "none":
        return "0 to 255 as they are; the network scales them"
    return f"0 to 255, prepared as keras.applications' mode '{network.preprocessing}'"


def print_files(network: Network) -> None:
    """Each file of a network's weights: where it lies, its checksum, and whether it is in the cache."""
    print()
    rows = [
        (
            file.name,
            _part(file),
            bytes_text(file.size_bytes) if file.size_bytes else "-",
            file.checksum or "no hash is published",
            "yes" if cached(file.name) else "no",
            file.url,
        )
        for file in network.weights
    ]
    _print(_table(("file", "of", "size", "checksum", "here", "from"), rows))


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """What became of each file that was held against its checksum."""
    if not verdicts:
        print(f"there are no weights of the zoo in {keras_home() / 'models'}")
        return
    _print(_table(("file", "is", "held against"), [(one.name, one.state, _by(one)) for one in verdicts]))


def _by(verdict: Verdict) -> str:
    by = {
        "published": "its published hash",
        "pinned": "your checksums",
        "fetched": "what it was when it was fetched and examined; no hash is published",
    }
    return by.get(verdict.by, "-" if verdict.state == "absent" else "nothing: no hash is published")


def _print(table: Any) -> None:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    Console(width=None if terminal else _PIPED_WIDTH, highlight=False, soft_wrap=not terminal).print(table)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in _RIGHT else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table
