"""Where the memory of batches is read: the process's own on a CPU, the backend's statistics on an accelerator.

Nothing outside this module knows which. The accelerators' functions are as small as they are because they can only
run where there is one: JAX's `memory_stats` and PyTorch's `torch.cuda` tell all three figures; TensorFlow tells no
limit, so on its GPUs the host's figures are taken and out-of-memory teaches the rest.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from horngate.server import memory


class Gauge(Protocol):
    """One device's memory, as far as this process uses it."""

    def used_bytes(self) -> int:
        """What is in use now."""

    def reset_peak(self) -> None:
        """Begin to measure `peak_bytes` from here, where that can be done."""

    def peak_bytes(self) -> int:
        """The most that was in use since."""

    def left_bytes(self) -> int:
        """What could still be taken."""


class Host:
    """The machine's memory, and this process's resident part of it."""

    used_bytes = staticmethod(memory.resident_bytes)
    reset_peak = staticmethod(memory.reset_peak)
    peak_bytes = staticmethod(memory.peak_bytes)
    left_bytes = staticmethod(memory.available_bytes)


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A device whose backend tells `bytes_in_use`, `peak_bytes_in_use` and `bytes_limit`, as JAX names them.

    A peak that cannot be reset still serves: sizes are probed in ascending order.
    """

    statistics: Callable[[], Mapping[str, int]]
    reset: Callable[[], None] = lambda: None

    def used_bytes(self) -> int:
        """See Gauge."""
        return self.statistics()["bytes_in_use"]

    def reset_peak(self) -> None:
        """See Gauge."""
        self.reset()

    def peak_bytes(self) -> int:
        """See Gauge."""
        return self.statistics()["peak_bytes_in_use"]

    def left_bytes(self) -> int:
        """See Gauge."""
        found = self.statistics()
        return max(0, found["bytes_limit"] - found["bytes_in_use"])


def gauge(modules: Mapping[str, Any] = sys.modules) -> Gauge:
    """The memory that programs run in: an accelerator's if the backend that is imported computes on one."""
    if "jax" in modules:
        device = modules["jax"].local_devices()[0]
        if device.platform != "cpu" and device.memory_stats():
            return Accelerator(statistics=device.memory_stats)
    if "torch" in modules and modules["torch"].cuda.is_available():
        cuda = modules["torch"].cuda
        return Accelerator(statistics=lambda: _cuda(cuda), reset=cuda.reset_peak_memory_stats)
    return Host()


def _cuda(cuda: Any) -> dict[str, int]:
    free, _ = cuda.mem_get_info()
    used = cuda.memory_allocated()
    return {
        "bytes_in_use": used,
        "peak_bytes_in_use": cuda.max_memory_allocated(),
        "bytes_limit": used + free,
    }
