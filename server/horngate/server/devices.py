"""What a worker computes on: the machine's cores, a part of them, or one GPU.

    cpu        every core that the server may use; the backend sees no GPU
    cpu:0      virtual: as many parts of the cores as there are such devices; this is the first
    gpu:1      the backend sees this GPU and no other

A virtual device is a worker process of its own that runs on its own cores, so that several devices can be had,
and tested, on a machine without a GPU.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from horngate.contract.errors import LoadError

NO_GPUS = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
"""What a process's environment says that is to compute on the processor."""

_DRIVER = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, kw_only=True)
class Device:
    """`cores` are those that its workers run on; `sees_all` that they see every GPU."""

    name: str
    cores: tuple[int, ...]
    sees_all: bool = False

    @property
    def is_gpu(self) -> bool:
        """Whether it computes on a GPU, and holds its models in that one's memory."""
        return self.name.startswith("gpu:")

    @property
    def environment(self) -> Mapping[str, str]:
        """What its workers' environment says besides."""
        if self.sees_all:
            return {}
        if self.is_gpu:
            # Without a GPU that JAX can use, it is to say so, not to compute on the processor instead.
            return {"CUDA_VISIBLE_DEVICES": self.name.partition(":")[2], "JAX_PLATFORMS": "cuda,cpu"}
        return NO_GPUS


def read_devices(names: str, cores: Sequence[int]) -> tuple[Device, ...]:
    """Devices from their names with commas between; the virtual ones share `cores`. LoadError: no such device."""
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if not re.fullmatch(r"cpu|(cpu|gpu):\d+", name):
            raise LoadError(f"devices: received {name!r}; expected cpu, cpu:NUMBER or gpu:NUMBER")
    if len(set(wanted)) < len(wanted):
        raise LoadError(f"devices: received {names!r}; expected each device once")
    virtual = [name for name in wanted if name.startswith("cpu:")]
    parts = {name: _part(cores, virtual.index(name), len(virtual)) for name in virtual}
    return tuple(Device(name=name, cores=parts.get(name, tuple(cores))) for name in wanted)


def server_cores() -> tuple[int, ...]:
    """The cores that this process may run on, in order."""
    return tuple(sorted(os.sched_getaffinity(0)))


def accelerators() -> list[str]:
    """The models of NVIDIA's GPUs, and which of them this process sees; nothing where there is none."""
    told = [path.read_text() for path in sorted(_DRIVER.glob("*/information"))]
    models = [line for text in told for line in text.splitlines() if line.startswith("Model")]
    return [*models, os.environ.get("CUDA_VISIBLE_DEVICES", "all")] if models else []


def _part(cores: Sequence[int], index: int, parts: int) -> tuple[int, ...]:
    """One of equal parts; where there are more parts than cores, they take turns on them."""
    if parts >= len(cores):
        return (cores[index % len(cores)],)
    return tuple(cores[index * len(cores) // parts : (index + 1) * len(cores) // parts])
