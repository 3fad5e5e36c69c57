"""Weights as a file stores them: named arrays in groups, read only when they are asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, kw_only=True)
class StoredArray:
    """One stored weight. `read` gives its numbers; LoadError if they were never written."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class LayerGroup:
    """The weights of one layer, in the order in which Keras wrote them (the layout of Keras 1 and 2)."""

    name: str
    arrays: tuple[StoredArray, ...]


@dataclass(frozen=True, kw_only=True)
class Node:
    """The weights of one object and of what is inside of it (the layout of Keras 3, and of 2.12 to 2.15).

    `name` is the layer's own name where the file notes it.
    """

    arrays: tuple[StoredArray, ...] = ()
    inside: dict[str, "Node"] = field(default_factory=dict)
    name: str = ""

    def every_array(self) -> Iterator[StoredArray]:
        """The arrays of this object and of those inside."""
        yield from self.arrays
        for node in self.inside.values():
            yield from node.every_array()


Weights = tuple[LayerGroup, ...] | Node


def arrays_of(weights: Weights | None) -> Iterator[StoredArray]:
    """Every stored array, whatever the layout."""
    if isinstance(weights, Node):
        yield from weights.every_array()
    elif weights is not None:
        for group in weights:
            yield from group.arrays
