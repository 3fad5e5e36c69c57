"""Where the layers of a graph go in a picture: one below the other, with a rail for each output that is waited for.

Decided here, drawn in `layer_chart`. A layer's output keeps its rail until the last layer has read it, so a line
never runs through a layer that it does not concern.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from horngate.contract.models import LayerSpec


@dataclass(frozen=True, kw_only=True)
class Row:
    """One layer's place: the rows count from the top, the rails from the left. `depth` is how deep it is nested."""

    layer: LayerSpec
    rail: int
    depth: int


@dataclass(frozen=True, kw_only=True)
class Rails:
    """The rows from the top, and the (upper, lower) rows that are connected."""

    rows: tuple[Row, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        """How many rails there are side by side."""
        return max((row.rail for row in self.rows), default=0) + 1


def lay(layers: Sequence[LayerSpec]) -> Rails:
    """The layers in an order that follows each branch to its end before the next, and their rails."""
    ordered = [layer for whole in _wholes(layers) for layer in whole]
    row_of = {spec.name: row for row, layer in enumerate(ordered) for spec in layer.outputs}
    row_of |= {layer.name: row for row, layer in enumerate(ordered)}
    read = [sorted({row_of[name] for name in layer.inputs if name in row_of}) for layer in ordered]
    rails = _rails(read)
    return Rails(
        rows=tuple(
            Row(layer=layer, rail=rail, depth=layer.name.count("/"))
            for layer, rail in zip(ordered, rails, strict=True)
        ),
        edges=tuple((upper, lower) for lower, uppers in enumerate(read) for upper in uppers),
    )


def _wholes(layers: Sequence[LayerSpec]) -> Iterable[list[LayerSpec]]:
    """The outermost layers in order, each with those inside of it right behind."""
    inside: dict[str, list[LayerSpec]] = {}
    outermost = min((layer.name.count("/") for layer in layers), default=0)
    for layer in layers:
        around = "/".join(layer.name.split("/")[: outermost + 1])
        inside.setdefault(around, []).append(layer)
    tops = [layer for layer in layers if layer.name.count("/") == outermost]
    for layer in _by_branches(tops):
        nested = [one for one in inside[layer.name] if one is not layer]
        yield [layer, *(one for whole in _wholes(nested) for one in whole)]


def _by_branches(layers: Sequence[LayerSpec]) -> list[LayerSpec]:
    """Every layer after those it reads; of those that could be next, one that reads the last."""
    made = {spec.name: layer.name for layer in layers for spec in layer.outputs}
    made |= {layer.name: layer.name for layer in layers}
    needs = {layer.name: {made[name] for name in layer.inputs if name in made} for layer in layers}
    readers: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for one in needed:
            readers.setdefault(one, []).append(name)
    return [{layer.name: layer for layer in layers}[name] for name in _followed(needs, readers)]


def _followed(needs: Mapping[str, set[str]], readers: Mapping[str, Sequence[str]]) -> list[str]:
    waiting = {name: len(needed) for name, needed in needs.items()}
    ready = [name for name in reversed(list(needs)) if not waiting[name]]
    order = []
    while ready:
        name = ready.pop()
        order.append(name)
        for reader in reversed(readers.get(name, ())):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    return order


def _rails(read: Sequence[Sequence[int]]) -> list[int]:
    """The rail of each row, from the rows that it reads."""
    last = {upper: lower for lower, uppers in enumerate(read) for upper in uppers}
    taken: dict[int, int] = {}
    rails: list[int] = []
    for row, uppers in enumerate(read):
        done = [rail for rail, upper in taken.items() if upper in uppers and last[upper] == row]
        for rail in done:
            del taken[rail]
        free = next(rail for rail in range(len(taken) + 1) if rail not in taken)
        rails.append(min(done, default=free))
        if row in last:
            taken[rails[-1]] = row
    return rails
