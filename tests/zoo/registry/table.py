"""The registry as a table, and its place in docs/zoo.md: `python -m tests.zoo.registry.table` writes it anew."""

from collections.abc import Iterator
from pathlib import Path

from horngate.zoo.registry import Network, all_networks

PAGE = Path(__file__).parents[3] / "docs" / "zoo.md"
BEGIN, END = "<!-- registry: python -m tests.zoo.registry.table -->", "<!-- registry ends -->"
COLUMNS = (
    "network",
    "in Keras",
    "images",
    "at least",
    "parameters",
    "top-1",
    "top-5",
    "MB",
    "pixels",
    "licence",
)


def table() -> str:
    """A row for each network."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---|---|---|---|---:|---|---|---:|---|---|"
    for network in all_networks():
        yield f"| {' | '.join(_cells(network))} |"


def _cells(network: Network) -> Iterator[str]:
    published = network.published
    yield f"`{network.name}`"
    yield f"`{network.keras_name}`"
    yield str(network.default_size)
    yield str(network.minimum_size)
    yield f"{published.parameters:,}"
    yield f"{published.top1:.3f}"
    yield f"{published.top5:.3f}" if published.top5 else "-"
    yield str(published.megabytes or "-")
    yield network.preprocessing
    yield published.licence


def read_table() -> str:
    """The table as it is committed."""
    text = PAGE.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


def write_table() -> None:
    """Put the table between the marks of the page."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}\n\n{table()}\n\n{after}")


if __name__ == "__main__":
    write_table()
