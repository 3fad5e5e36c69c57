"""What a worker computes on: the machine's cores, a part of them, or one GPU.

    cpu        every core that the server may use
    cpu:0      virtual: as many parts of the cores as there are such devices; this is the first
    gpu:1      the backend sees this GPU and no other

A virtual device is a worker process of its own that runs on its own cores, so that several devices can be had,
and tested, on a machine without a GPU.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from horngate.contract.errors import LoadError


@dataclass(frozen=True, kw_only=True)
class Device:
    """`cores` are those that its workers run on."""

    name: str
    cores: tuple[int, ...]

    @property
    def environment(self) -> Mapping[str, str]:
        """What its workers' environment says besides."""
        kind, _, number = self.name.partition(":")
        return {"CUDA_VISIBLE_DEVICES": number} if kind == "gpu" else {}


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


def _part(cores: Sequence[int], index: int, parts: int) -> tuple[int, ...]:
    """One of equal parts; where there are more parts than cores, they take turns on them."""
    if parts >= len(cores):
        return (cores[index % len(cores)],)
    return tuple(cores[index * len(cores) // parts : (index + 1) * len(cores) // parts])
