"""A machine on whose clock only programs move on, and where other work slows them now and then."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from horngate.server.worker import undisturbed
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
    busy: list[float] = field(default_factory=list)
    ran: list[tuple[str, int]] = field(default_factory=list)

    def program(self, name: str, row_s: float, *, batch_s: float = 0.0, most_rows: int = 64) -> Any:
        """One whose rows take so long, and each batch so long besides."""

        def run(inputs: Mapping[str, Array]) -> Sequence[Array]:
            if (rows := len(inputs["x"])) > most_rows:
                raise OutOfMemory("too many")
            self.ran.append((name, rows))
            self.now_s += (batch_s + rows * row_s) * (self.busy.pop(0) if self.busy else 1.0)
            return [inputs["x"]]

        return SimpleNamespace(run=run)

    def keeps_time(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        """Have these modules' clocks be this one's, and nobody wait for a core of the real machine."""
        clock = SimpleNamespace(
            perf_counter=lambda: self.now_s, monotonic=lambda: self.now_s, process_time=lambda: 0.0
        )
        for module in (undisturbed, *modules):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(undisturbed, "_THREADS", Path("/none"))
