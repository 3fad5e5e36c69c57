"""Calls that JAX compiles ahead of time: for shapes that were named, not when they first come.

JAX tells of what it compiled how much memory it takes beside its arguments. Weights are arguments, so that they are
not in what is compiled, once more for each size.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from horngate.server.worker.engines import Array

Weights = Sequence[Any]
Key = tuple[tuple[tuple[int, ...], str], ...]

MAX_COMPILED = 512
"""The least recently used beyond these are compiled anew when they come again."""


def in_full_precision() -> AbstractContextManager[Any]:
    """Products of float32 computed in float32 by what is traced inside, unless JAX was told otherwise.

    GPUs take them in TF32 else, whose numbers have three digits.
    """
    import jax

    config: Any = jax.config
    if config.jax_default_matmul_precision is not None:
        return nullcontext()
    precise: AbstractContextManager[Any] = jax.default_matmul_precision("highest")
    return precise


def keep_compiled(folder: Path) -> None:
    """Have JAX keep what it compiles for an accelerator, unless it was told where; every size takes it seconds."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None or not is_apart():
        return
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    compilation_cache.reset_cache()  # It may have compiled something already, and found that it keeps nothing.


def is_apart() -> bool:
    """Whether JAX computes on a device that is not the host."""
    import jax

    return bool(jax.local_devices()[0].platform != "cpu")


class AheadOfTime:
    """`forward(weights, arrays)`, compiled by shape. One thread calls, another may compile meanwhile.

    `is_apart`: a device computes it that is not the host, which only enqueues what is to be done there.
    """

    def __init__(self, forward: Callable[[Weights, list[Any]], list[Any]], weights: Weights) -> None:
        import jax

        self._function = jax.jit(forward)
        self.is_apart = is_apart()
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
        with in_full_precision():
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
