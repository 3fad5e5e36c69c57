"""Where the memory of batches is read: the process's own on a CPU, the backend's statistics on an accelerator.

Nothing outside this module knows which. The accelerators' functions are as small as they are because they can only
run where there is one: JAX's `memory_stats` and PyTorch's `torch.cuda` tell all that is asked; TensorFlow tells
what is in use and the peak, and its list of devices the limit.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from horngate.server import memory
from horngate.server.budget import reserve_bytes

POOL_RESERVE = 0.05
"""The part of an accelerator that is left to what its driver and its libraries take as they please."""


class Gauge(Protocol):
    """One device's memory, as far as this process uses it. `peak_falls`: `reset_peak` does what it says."""

    @property
    def peak_falls(self) -> bool: ...

    def used_bytes(self) -> int:
        """What is in use now."""

    def reset_peak(self) -> None:
        """Begin to measure `peak_bytes` from here, where that can be done."""

    def peak_bytes(self) -> int:
        """The most that was in use since."""

    def left_bytes(self) -> int:
        """What could still be taken."""

    def limit_bytes(self) -> int:
        """All that there is."""

    def reserve_bytes(self) -> int:
        """What is not for batches, of that."""


class Host:
    """The machine's memory, and this process's resident part of it."""

    peak_falls = True
    used_bytes = staticmethod(memory.resident_bytes)
    reset_peak = staticmethod(memory.reset_peak)
    peak_bytes = staticmethod(memory.peak_bytes)
    left_bytes = staticmethod(memory.available_bytes)
    limit_bytes = staticmethod(memory.limit_bytes)

    def __init__(self) -> None:
        self._reserve_bytes = reserve_bytes(memory.limit_bytes())

    def reserve_bytes(self) -> int:
        """See Gauge. It is the other processes'."""
        return self._reserve_bytes


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A device whose backend tells `bytes_in_use`, `peak_bytes_in_use` and `bytes_limit`, as JAX names them.

    A peak that cannot be reset still serves: sizes are probed in ascending order.
    """

    statistics: Callable[[], Mapping[str, int]]
    reset: Callable[[], None] | None = None

    @property
    def peak_falls(self) -> bool:
        """See Gauge."""
        return self.reset is not None

    def used_bytes(self) -> int:
        """See Gauge."""
        return self.statistics()["bytes_in_use"]

    def reset_peak(self) -> None:
        """See Gauge."""
        if self.reset is not None:
            self.reset()

    def peak_bytes(self) -> int:
        """See Gauge."""
        return self.statistics()["peak_bytes_in_use"]

    def left_bytes(self) -> int:
        """See Gauge."""
        found = self.statistics()
        return max(0, found["bytes_limit"] - found["bytes_in_use"])

    def limit_bytes(self) -> int:
        """See Gauge."""
        return self.statistics()["bytes_limit"]

    def reserve_bytes(self) -> int:
        """See Gauge."""
        return int(POOL_RESERVE * self.limit_bytes())


def gauge() -> Gauge:
    """The memory that programs run in: an accelerator's, if Keras is here and its backend computes on one."""
    keras = sys.modules.get("keras")
    # Other backends may be imported all the same: Keras itself does that.
    backend = keras.backend.backend() if keras is not None and hasattr(keras, "backend") else ""
    return gauge_of(backend)


@cache
def gauge_of(backend: str) -> Gauge:
    """The gauge of the first device of a Keras backend, which is imported; of the machine for any other name."""
    found = _ACCELERATORS[backend](sys.modules[backend]) if backend in _ACCELERATORS else None
    return found or Host()


def of_jax(jax: Any) -> Gauge | None:
    """JAX's first device, unless that is the CPU."""
    device = jax.local_devices()[0]
    if device.platform == "cpu" or not device.memory_stats():
        return None
    return Accelerator(statistics=device.memory_stats)


def of_torch(torch: Any) -> Gauge | None:
    """PyTorch's first GPU. Its pool counts as free: it is what the next batch takes."""
    cuda = torch.cuda
    if not cuda.is_available():
        return None

    def statistics() -> dict[str, int]:
        free, _ = cuda.mem_get_info()
        return {
            "bytes_in_use": cuda.memory_allocated(),
            "peak_bytes_in_use": cuda.max_memory_allocated(),
            "bytes_limit": cuda.memory_reserved() + free,
        }

    return Accelerator(statistics=statistics, reset=cuda.reset_peak_memory_stats)


def of_tensorflow(tensorflow: Any) -> Gauge | None:
    """TensorFlow's first GPU."""
    config = tensorflow.config
    if not config.list_physical_devices("GPU"):
        return None
    from tensorflow.python.client import device_lib

    limits = [
        device.memory_limit for device in device_lib.list_local_devices() if device.device_type == "GPU"
    ]

    def statistics() -> dict[str, int]:
        found = config.experimental.get_memory_info("GPU:0")
        return {
            "bytes_in_use": found["current"],
            "peak_bytes_in_use": found["peak"],
            "bytes_limit": limits[0],
        }

    return Accelerator(statistics=statistics, reset=lambda: config.experimental.reset_memory_stats("GPU:0"))


_ACCELERATORS: Mapping[str, Callable[[Any], Gauge | None]] = {
    "jax": of_jax,
    "torch": of_torch,
    "tensorflow": of_tensorflow,
}
