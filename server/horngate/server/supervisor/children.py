"""Child processes and the control connection to each."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from horngate.contract.errors import InternalError
from horngate.server.frames.channel import Channel, ChannelClosed, Frame
from horngate.server.supervisor.seats import KERAS, Seat

# Large messages otherwise cost a system call and fresh pages each; bench/transports.py has the figures.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}

PONG = ["pong"]
STUCK = "stuck"
QUICK_DEATH_S = 10.0
FIRST_PAUSE_S = 0.1

# Workers: one heap for all threads, so that what one thread freed another gets; each one's own would keep its
# largest.
ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}

# Keras: each tensor in pages of its own, huge ones where the kernel has them, given back when it is freed.
# TensorFlow would keep a pool that breaks up as sizes vary, needs a third more, and is never given back.
OWN_PAGES = {
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
    "MALLOC_MMAP_THRESHOLD_": str(64 << 10),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 20),
    "MALLOC_TOP_PAD_": str(1 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


# Decoders: what one large picture took is not theirs to keep.
GIVES_BACK = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 24),
    "MALLOC_TOP_PAD_": str(1 << 20),
}

JAXS_PART = 0.75
"""Of a GPU's memory, JAX takes that for itself."""


class Child:
    """One gateway, worker or decoder; it ends when its control connection does.

    `spoke` says whether it ever told anything, `unanswered` how often it was pinged since it last did, `stuck` what
    it runs and gets to no end of, if it told so. The supervisor's event loop owns it.
    """

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], variables: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.pid = 0
        self.started_s = 0.0
        self.spoke = False
        self.unanswered = 0
        self.stuck: dict[str, Any] | None = None
        self._module = module
        self._arguments = arguments
        self._variables = dict(variables or {})
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None

    async def start(self, on_frame: Callable[["Child", Frame], None]) -> None:
        """Start the process; `on_frame` hears what it says."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._module, *self._arguments, str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment() | self._variables,
                start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid
        self.started_s = time.monotonic()
        self._channel = Channel(ours)
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._readable, on_frame)

    def send(self, *frame: Any) -> None:
        """Queue a frame for the child; one that is gone hears nothing, and its end is told by `wait`."""
        if self._channel is not None:
            self._channel.send(list(frame))
            self._flush()

    def ping(self) -> None:
        """Ask whether it is there; whatever it tells next is an answer."""
        self.unanswered += 1
        self.send("ping")

    async def wait(self) -> int:
        """The exit status, once the process has ended; the connection is closed then."""
        if self._process is None:
            raise InternalError(f"{self.name} was waited for before it was started")
        status = await self._process.wait()
        self._close()
        return status

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _readable(self, on_frame: Callable[["Child", Frame], None]) -> None:
        if self._channel is None:
            return
        try:
            frames = self._channel.receive()
        except ChannelClosed:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            return
        for frame in frames:
            self.spoke, self.unanswered = True, 0
            if frame[0] == STUCK:
                self.stuck = frame[1]
            elif frame != PONG:
                on_frame(self, frame)

    def _flush(self) -> None:
        if self._channel is None:
            return
        loop = asyncio.get_running_loop()
        try:
            done = self._channel.flush()
        except ChannelClosed:
            done = True  # Nobody is there to be written to; a loop that waits for that would spin.
        if done:
            loop.remove_writer(self._channel.fileno())
        else:
            loop.add_writer(self._channel.fileno(), self._flush)

    def _close(self) -> None:
        if self._channel is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._channel.fileno())
            loop.remove_writer(self._channel.fileno())
            self._channel.close()
            self._channel = None


def next_pause_s(ended: Child, before_s: float, *, longest_s: float) -> float:
    """How long to wait before the next one is started: longer and longer while each ends soon."""
    if time.monotonic() - ended.started_s >= QUICK_DEATH_S:
        return 0.0
    return min(longest_s, before_s * 2 or FIRST_PAUSE_S)


def worker_environment(seat: Seat) -> dict[str, str]:
    """What the worker of a seat runs with besides; the operator's own variables win.

    On a GPU batches take little of the machine's memory, and what compiles for it needs a heap for each thread. JAX
    takes the GPU's beforehand: each of those that share it a part.
    """
    if seat.device.is_gpu:
        chosen = (
            {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{JAXS_PART / seat.sharing:.3f}"} if seat.sharing > 1 else {}
        )
    else:
        chosen = ONE_HEAP | OWN_PAGES if seat.family == KERAS else ONE_HEAP
    return {name: os.environ.get(name, value) for name, value in chosen.items()}


def environment() -> dict[str, str]:
    """What every child runs with; the operator's own variables win."""
    # What is asked of a server is nobody else's business.
    return MALLOC | {"ORT_DISABLE_TELEMETRY": "1"} | os.environ
