"""Calls that JAX compiles ahead of time: for shapes that were named, not when they first come.

JAX tells of what it compiled how much memory it takes beside its arguments. Weights are arguments, so that they are
not in what is compiled, once more for each size.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from horngate.server.worker.engines import Array

Weights = Sequence[Any]
Key = tuple[tuple[tuple[int, ...], str], ...]

MAX_COMPILED = 512
"""The least recently used beyond these are compiled anew when they come again."""


class AheadOfTime:
    """`forward(weights, arrays)`, compiled by shape. One thread calls, another may compile meanwhile."""

    def __init__(self, forward: Callable[[Weights, list[Any]], list[Any]], weights: Weights) -> None:
        import jax

        self._function = jax.jit(forward)
        self._weights = weights
        # Invariant: the least recently used comes first; whoever touches it holds the lock.
        self._made: OrderedDict[Key, Any] = OrderedDict()
        self._lock = Lock()

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """Run; what is not compiled yet is, first."""
        results: list[Any] = self.compile(arrays)(self._weights, arrays)
        return results

    def to_device(self, arrays: list[Array]) -> list[Any]:
        """The arrays on the device, or on their way there."""
        import jax

        return [jax.device_put(array) for array in arrays]

    def compile(self, arrays: Sequence[Any]) -> Any:
        """What runs arrays of these shapes, compiled unless it is already."""
        key = tuple((array.shape, array.dtype.str) for array in arrays)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = self._function.lower(self._weights, list(arrays)).compile()
        with self._lock:
            self._made[key] = made
            if len(self._made) > MAX_COMPILED:
                self._made.popitem(last=False)
        return made

    def bytes(self, arrays: Sequence[Array]) -> int | None:
        """What running arrays of these shapes takes beside the weights, by JAX's analysis; None if it has none.

        Only these three of its figures are right on every backend; its peak is not.
        """
        found = self.compile(arrays).memory_analysis()
        if found is None:
            return None
        taken: int = found.temp_size_in_bytes + found.output_size_in_bytes
        return taken + sum(array.nbytes for array in arrays)
