"""A machine on whose clock only programs move on, and where other work slows them now and then."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from horngate.server.worker.engines import Array
from horngate.server.worker.engines.out_of_memory import OutOfMemory
from horngate.server.worker.probe import Guard
from horngate.server.worker.reference import Reference

GUARD = Guard(room_bytes=1 << 30, row_bytes=1 << 10, weights_bytes=1 << 20, alone=nullcontext)
ROW = Reference({"x": np.zeros((1, 2), np.float32)}, [])


@dataclass
class Machine:
    """A clock that only programs move on; `busy` is how much slower the next runs are."""

    now_s: float = 0.0
    cpu_s: float = 0.0
    busy: list[float] = field(default_factory=list)
    ran: list[tuple[str, int]] = field(default_factory=list)

    def program(self, name: str, row_s: float, *, cores: int = 2, most_rows: int = 64) -> Any:
        """One whose rows take so long on so many cores."""

        def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
            if (rows := len(inputs["x"])) > most_rows:
                raise OutOfMemory("too many")
            self.ran.append((name, rows))
            took_s = rows * row_s
            self.now_s += took_s * (self.busy.pop(0) if self.busy else 1.0)
            self.cpu_s += took_s * cores
            return [inputs["x"]]

        return SimpleNamespace(run=run)

    @property
    def time(self) -> Any:
        """What stands for the module of that name."""
        return SimpleNamespace(
            perf_counter=lambda: self.now_s, monotonic=lambda: self.now_s, process_time=lambda: self.cpu_s
        )
