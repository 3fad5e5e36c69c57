"""The process that builders are forked from. It has imported Keras, which costs ten times what most builds do.

Nothing of any file is read here. Builds come over the Unix socket on its standard input: a message with four
descriptors, which are the builder's order, its standard output and error, and the hold, a socket of whoever waits
for it. The hold gets the builder's exit status in decimal; when the other side stops writing to it, that is never,
or by giving up, the builder is killed. The process ends when its standard input does, and its builders with it.
"""

import gc
import os
import selectors
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import setproctitle

from horngate.server import memory
from horngate.server.builder import main as builder
from horngate.server.devices import NO_GPUS
from horngate.zoo.backend import import_keras

_DESCRIPTORS = 4

# When memory runs out this goes before any process that answers requests, and a builder before it; see `die_first`.
_BADNESS = 800


class ForkServer:
    """One thread: forks a process a build, and tells each hold how its builder ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._open = True
        # Invariant: holds every builder that runs; after the fork, a builder closes what is open here.
        self._holds: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Fork until the other side of the control socket is closed."""
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno())
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)
        self._selector.register(self._control, selectors.EVENT_READ, self._take)
        while self._open:
            for key, _ in self._selector.select():
                act: Callable[[], None] = key.data
                act()

    def _take(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, 1, _DESCRIPTORS)
        if not message:
            self._open = False
        elif len(descriptors) == _DESCRIPTORS:
            self._fork(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self, descriptors: Sequence[int]) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            return  # The hold is closed without a status.
        if not pid:
            self._become_builder(descriptors, server)
        hold = socket.socket(fileno=os.dup(descriptors[-1]))
        self._holds[pid] = hold
        self._selector.register(hold, selectors.EVENT_READ, partial(self._give_up, pid, hold))

    def _become_builder(self, descriptors: Sequence[int], server: int) -> None:
        """In the new process: be a builder, and end."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            for place, descriptor in enumerate(descriptors[:-1]):
                os.dup2(descriptor, place)
                os.close(descriptor)
            os.close(descriptors[-1])
            self._selector.close()
            for end in (self._woken, self._waker, *self._holds.values()):
                end.close()
            status = builder.main(server)
        finally:
            # Nothing is left to clean up, and TensorFlow takes a second to leave.
            os._exit(status)

    def _give_up(self, pid: int, hold: socket.socket) -> None:
        if self._holds.get(pid) is not hold:
            return  # It ended at the same moment, and is reaped already: its number may be another's.
        self._selector.unregister(hold)
        # All of its session: what it started, where the kernel cannot forbid that, ends with it.
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self._woken.recv(1024):
                pass
        while self._holds:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            hold = self._holds.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(hold)
            with suppress(OSError):
                hold.sendall(b"%d" % os.waitstatus_to_exitcode(status))
            hold.close()


def main() -> None:
    """`python -m horngate.server.builder.fork_server`, with a Unix socket as standard input."""
    setproctitle.setproctitle("horngate: fork server")
    os.nice(5)  # Requests come first.
    memory.die_first(_BADNESS)
    # Building is for the processor: accelerators are the workers', and lie outside the walls.
    os.environ |= NO_GPUS
    with suppress(Exception):  # A builder tries again, and tells what is wrong.
        import_keras()
        builder.import_parts()
    gc.collect()
    gc.freeze()  # A collection in a builder would else write to, and so copy, every page of it.
    ForkServer(socket.socket(fileno=0)).serve()


if __name__ == "__main__":
    main()
