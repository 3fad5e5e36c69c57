"""What a call takes of a machine that does nothing else, as near as that can be told on one that does.

By the clock, less the time for which threads of this process were ready and others had the cores: Linux counts it.
Those that wait at the same time count twice, so it is never less than the CPU time shared by all cores. On an idle
machine that is the clock's time, on a busy one about the CPU time's share.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from horngate.server.settings import available_cores

_THREADS = Path("/proc/self/task")
_WAITED = 1
"""The field of a thread's `schedstat` that says for how many nanoseconds it was ready and did not run."""


def undisturbed_s(call: Callable[[], object], least_s: float = 0.0) -> float:
    """The mean seconds of a call made once, or again and again for so long."""
    calls, waited_s, cpu_s, begin_s = 0, _waited_s(), time.process_time(), time.perf_counter()
    while (passed_s := time.perf_counter() - begin_s) < least_s or not calls:
        call()
        calls += 1
    cpu_s = time.process_time() - cpu_s
    return max(cpu_s / available_cores(), passed_s - (_waited_s() - waited_s)) / calls


def _waited_s() -> float:
    """How long the threads waited so far, all together; 0 where the kernel does not tell."""
    waited_ns = 0
    with suppress(OSError):
        for thread in os.scandir(_THREADS):
            with suppress(OSError, IndexError):  # It may end meanwhile.
                waited_ns += int(Path(thread.path, "schedstat").read_text().split()[_WAITED])
    return waited_ns / 1e9
