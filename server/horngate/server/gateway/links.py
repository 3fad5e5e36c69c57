"""The gateway's side of the workers: calls out in frames, answers back, and nothing lost when a worker dies.

A call stays here until it is answered. When a worker's connection ends, every call that it had goes out again
to the worker that takes its place, each now alone in its batch and announced before it runs; so a call that
ends a worker a second time is known, and is refused by itself.
"""

import asyncio
import itertools
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from horngate.contract import errors
from horngate.contract.errors import DeadlineExceeded, HorngateError, InternalError, NotFound, Unavailable
from horngate.server.frames.arena import ARENA_BYTES, Arena
from horngate.server.frames.channel import Channel, ChannelClosed, Frame
from horngate.server.gateway.infer import Call, write_answer
from horngate.server.gateway.routes import Routes, WorkerAddress
from horngate.server.logs import logger

HOLD_S = 60.0
MAX_TRIES = 16
SWEEP_S = 0.05

Answered = Callable[[Call, bytes | HorngateError], None]


class WorkerLink:
    """A connection to one incarnation of a worker. The gateway's event loop owns it."""

    def __init__(
        self, address: WorkerAddress, on_frames: Callable[["WorkerLink", list[Frame]], None]
    ) -> None:
        self.address = address
        self.calls: dict[int, Call] = {}
        self.running: set[int] = set()
        self.rows = 0
        self._on_frames = on_frames
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address.path)
        self._arena = Arena(ARENA_BYTES)
        self._channel = Channel(sock, self._arena)
        self._outgoing: list[Any] = []
        self._release: list[int] = []
        self._cancelled: list[int] = []
        self._scheduled = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._channel.fileno(), self._readable)

    def send(self, call: Call) -> None:
        """Put a call into the next frame; calls of the same turn of the loop share one."""
        self.calls[call.number] = call
        self.rows += call.rows
        call.payloads = [self._channel.put(raw) for _, raw in call.tensors]
        tensors = [[shape, payload] for (shape, _), payload in zip(call.tensors, call.payloads, strict=True)]
        handle, alone = call.entry.handle, call.deaths > 0
        self._outgoing.append([call.number, handle, call.outputs, call.rows, call.deadline_s, alone, tensors])
        self._schedule()

    def cancel(self, number: int) -> None:
        """Tell the worker that nobody waits; its reply still comes, and gives the memory back."""
        self._cancelled.append(number)
        self._schedule()

    def take(self, number: int) -> Call | None:
        """Remove a call that is answered, and give back its memory."""
        call = self.calls.pop(number, None)
        if call is not None:
            self.running.discard(number)
            self.rows -= call.rows
            for payload in call.payloads:
                self._channel.free(payload)
        return call

    def get(self, payload: Any) -> Any:
        """The bytes of an output; what lies in the worker's arena is released with the next frame."""
        if not isinstance(payload, bytes):
            self._release.append(payload[0])
            self._schedule()
        return self._channel.get(payload)

    def close(self) -> None:
        """Stop listening; the calls stay in `calls`."""
        with suppress(ValueError, OSError):
            self._loop.remove_reader(self._channel.fileno())
            self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        self._arena.close()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._outgoing:
            self._channel.send(["requests", self._outgoing])
            self._outgoing = []
        if self._release:
            self._channel.send(["release", self._release])
            self._release = []
        if self._cancelled:
            self._channel.send(["cancel", self._cancelled])
            self._cancelled = []
        try:
            done = self._channel.flush()
        except (ChannelClosed, ValueError):
            return  # The reader sees the end of the stream and tells.
        if done:
            self._loop.remove_writer(self._channel.fileno())
        else:
            self._loop.add_writer(self._channel.fileno(), self._flush)

    def _readable(self) -> None:
        try:
            frames = self._channel.receive()
        except ChannelClosed:
            frames = [["closed"]]
        self._on_frames(self, frames)


class Links:
    """All workers, and the calls that wait for one. The gateway's event loop owns it."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._numbers = itertools.count(1)
        self._routes = Routes()
        # Invariant: a call that is not answered is in one link's `calls` or in _held.
        self._links: dict[str, WorkerLink] = {}
        self._held: list[Call] = []

    @property
    def pending(self) -> int:
        """Calls that are not answered."""
        return len(self._held) + sum(len(link.calls) for link in self._links.values())

    def update(self, routes: Routes) -> None:
        """Take a new table: connect to new incarnations, send what was held for them."""
        self._routes = routes
        for link in list(self._links.values()):
            if routes.workers.get(link.address.name) != link.address:
                self._lost(link)
        self._connect()
        self._resubmit_held()

    def _connect(self) -> bool:
        """Connect to every worker of the table that has no link; whether one was added."""
        missing = [address for name, address in self._routes.workers.items() if name not in self._links]
        for address in missing:
            with suppress(
                OSError
            ):  # It is gone, and its successor will be in the next table; or the next try.
                self._links[address.name] = WorkerLink(address, self._on_frames)
        return any(address.name in self._links for address in missing)

    def _resubmit_held(self) -> None:
        held, self._held = self._held, []
        for call in held:
            self._resubmit(call)

    def submit(self, call: Call) -> None:
        """Send a call to the least busy worker that has its model, or hold it until there is one."""
        call.number = call.number or next(self._numbers)
        links = [self._links[name] for name in call.entry.workers if name in self._links]
        if links:
            min(links, key=lambda link: link.rows).send(call)
        else:
            self._held.append(call)

    def cancel(self, call: Call) -> None:
        """The caller is gone: rows of the call that have not begun to run never will."""
        call.answered = True
        if call in self._held:
            self._held.remove(call)
        for link in self._links.values():
            if link.calls.get(call.number) is call:
                link.cancel(call.number)

    def sweep(self) -> None:
        """Answer calls whose deadline has passed, or that were held too long; mend lost connections."""
        if self._connect():
            self._resubmit_held()
        now_s = time.monotonic()
        for link in self._links.values():
            for call in link.calls.values():
                if call.deadline_s is not None and call.deadline_s <= now_s and not call.answered:
                    self._answer(call, DeadlineExceeded(f"no answer after {now_s - call.arrived_s:.3f} s"))
                    link.cancel(call.number)
        for call in [call for call in self._held if _held_too_long(call, now_s)]:
            self._held.remove(call)
            waited = f"no worker for model '{call.entry.name}' in {now_s - call.arrived_s:.3f} s"
            late = call.deadline_s is not None and call.deadline_s <= now_s
            self._answer(call, DeadlineExceeded(waited) if late else Unavailable(waited))

    def _on_frames(self, link: WorkerLink, frames: list[Frame]) -> None:
        for kind, *rest in frames:
            if kind == "closed":
                self._lost(link)
            elif kind == "replies":
                for reply in rest[0]:
                    self._on_reply(link, reply)
            elif kind == "running":
                link.running.update(rest[0])

    def _on_reply(self, link: WorkerLink, reply: Sequence[Any]) -> None:
        number, error, outputs, _timings = reply
        call = link.take(number)
        raws = [link.get(payload) for _, payload in outputs]
        if call is None or call.answered:
            return
        if error is None:
            self._answer(call, write_answer(call, [shape for shape, _ in outputs], raws))
        elif error[0] == NotFound.__name__:
            self._try_again(call)
        else:
            self._answer(call, getattr(errors, error[0], InternalError)(error[1]))

    def _lost(self, link: WorkerLink) -> None:
        if self._links.get(link.address.name) is link:
            del self._links[link.address.name]
        link.close()
        calls = [call for call in link.calls.values() if not call.answered]
        logger().warning("worker connection lost", worker=link.address.name, requests=len(calls))
        for call in calls:
            call.deaths += 1
            if call.number in link.running:
                self._answer(
                    call, InternalError("two workers ended over this request, the second alone with it")
                )
            else:
                self._try_again(call)

    def _try_again(self, call: Call) -> None:
        call.tries += 1
        if call.tries > MAX_TRIES:
            ended = f"{call.deaths} workers ended over them"
            self._answer(call, Unavailable(f"not answered in {MAX_TRIES} tries; {ended}"))
        else:
            self._resubmit(call)

    def _resubmit(self, call: Call) -> None:
        """Send a call to what serves its model now, if that still takes such a call."""
        try:
            entry = self._routes.find_again(call.entry, call.asked_version)
            if (
                entry.spec.inputs != call.entry.spec.inputs
                or not set(call.outputs) <= entry.spec.requestable.keys()
            ):
                raise Unavailable(
                    f"model '{entry.name}' changed meanwhile and takes other requests; ask again"
                )
            call.entry = entry
        except HorngateError as error:
            self._answer(call, error)
            return
        self.submit(call)

    def _answer(self, call: Call, result: bytes | HorngateError) -> None:
        call.answered = True
        self._answered(call, result)


def _held_too_long(call: Call, now_s: float) -> bool:
    return now_s >= call.arrived_s + HOLD_S or (call.deadline_s is not None and now_s >= call.deadline_s)
