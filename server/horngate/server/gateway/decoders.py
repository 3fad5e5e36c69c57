"""Calls whose pictures have to be decoded first: dealt out to the decoders one by one, and put together again.

Every decoder has one picture of a gateway at a time, so that none waits behind one that takes long; and calls take
turns, so that one of a thousand pictures keeps nobody waiting. When a decoder ends, the picture that it had begun
is suspect. Suspects are tried again one after another, on one decoder; who ends a decoder again is refused. One
that only waited there, behind another gateway's, is sent again as if nothing had been.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InvalidRequest,
    ResourceExhausted,
    Unavailable,
)
from horngate.server.gateway.decoder_link import DecoderLink, Task
from horngate.server.gateway.infer import Call
from horngate.server.gateway.pictures import MAX_PIXEL_BYTES, Pictures
from horngate.server.gateway.routes import WorkerAddress
from horngate.server.logs import logger

HOLD_S = 60.0
MAX_LOSSES = 16
"""Decoders that a picture may go down with before its caller is told to come back later."""
RETRY_S = 1.0
"""When to ask again, if the pictures that wait take all the memory that they may."""


class Job:
    """A call with the pixels that it has so far. `left` counts its pictures that have none."""

    __slots__ = ("call", "left", "pictures", "pixels", "unsent", "wanted")

    def __init__(self, call: Call, pictures: Pictures) -> None:
        self.call = call
        self.pictures = pictures
        self.left = pictures.rows
        self.unsent = 0
        self.wanted = json.dumps(pictures.image.to_json())
        self.pixels = np.empty(pictures.shape, np.uint8)


class Decoders:
    """All decoders, and the calls on their way through them. The gateway's event loop owns it.

    `done` takes a call and, if it is not to go on, why.
    """

    def __init__(self, done: Callable[[Call, HorngateError | None], None]) -> None:
        self._done = done
        self._addresses: Mapping[str, WorkerAddress] = {}
        self._links: dict[str, DecoderLink] = {}
        # Invariant: a job is in _jobs until it is done; those with unsent pictures are in _waiting, too.
        self._jobs: dict[Call, Job] = {}
        self._waiting: deque[Job] = deque()
        self._suspects: deque[Task] = deque()
        self._innocent: deque[Task] = deque()
        self._held_bytes = 0

    @property
    def pending(self) -> int:
        """Calls that are not through."""
        return len(self._jobs)

    def update(self, addresses: Mapping[str, WorkerAddress]) -> None:
        """Take the decoders that there are now. That one is gone is told by its connection alone."""
        self._addresses = addresses
        self._connect()
        self._dispatch()

    def submit(self, call: Call, pictures: Pictures) -> None:
        """Have a call's pictures decoded. ResourceExhausted: too many wait already."""
        size = int(np.prod(pictures.shape))
        if self._jobs and self._held_bytes + size > MAX_PIXEL_BYTES:
            raise ResourceExhausted(
                f"model '{call.entry.name}': {self._held_bytes} bytes of pixels are on their way to the workers, "
                f"{MAX_PIXEL_BYTES} may be; ask again in a moment",
                retry_after_s=RETRY_S,
                reason="pictures",
            )
        self._held_bytes += size
        job = self._jobs[call] = Job(call, pictures)
        self._waiting.append(job)
        self._dispatch()

    def cancel(self, call: Call) -> None:
        """The caller is gone: what has not been begun of the call never will."""
        if call in self._jobs:
            self._forget(self._jobs[call])

    def sweep(self) -> None:
        """Answer calls that wait too long; connect again where a connection was lost."""
        self._connect()
        now_s = time.monotonic()
        for job in list(self._jobs.values()):
            call = job.call
            waited = (
                f"{job.left} of {job.pictures.rows} pictures not decoded in {now_s - call.arrived_s:.3f} s"
            )
            if call.deadline_s is not None and call.deadline_s <= now_s:
                self._end(job, DeadlineExceeded(waited))
            elif not self._links and now_s >= call.arrived_s + HOLD_S:
                self._end(job, Unavailable(waited))
        self._dispatch()

    def _connect(self) -> None:
        for name, address in self._addresses.items():
            if name not in self._links:
                with suppress(OSError):  # It is gone, and its successor will be in the next table.
                    self._links[name] = DecoderLink(address, self._decoded, self._lost)

    def _dispatch(self) -> None:
        tried = self._trial()
        for link in self._links.values():
            if link is tried or link.tasks:
                continue
            task = self._next()
            if task is None:
                return
            self._send(link, task)

    def _trial(self) -> DecoderLink | None:
        """The one decoder that is for suspects, while there are any."""
        trying = next((link for link in self._links.values() if _is_trying(link)), None)
        while self._suspects and self._suspects[0].call not in self._jobs:
            self._suspects.popleft()
        if trying is not None or not self._suspects or not self._links:
            return trying
        chosen = min(self._links.values(), key=lambda link: len(link.tasks))
        if not chosen.tasks:
            self._send(chosen, self._suspects.popleft())
        return chosen

    def _next(self) -> Task | None:
        """One that lost its decoder, or else the next picture of the call whose turn it is."""
        while self._innocent:
            task = self._innocent.popleft()
            if task.call in self._jobs:
                return task
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        task = Task(job.call, job.unsent)
        job.unsent += 1
        if job.unsent < job.pictures.rows:
            self._waiting.append(job)
        return task

    def _send(self, link: DecoderLink, task: Task) -> None:
        job = self._jobs[task.call]
        link.send(task, job.pictures.undone[task.index], job.wanted)

    def _decoded(self, link: DecoderLink, task: Task, problem: str, pixels: Any) -> None:
        job = self._jobs.get(task.call)
        if job is not None and problem:
            self._end(job, _refusal(task, problem))
        elif job is not None:
            job.pixels[task.index] = np.frombuffer(pixels, np.uint8).reshape(job.pictures.image.shape)
            job.left -= 1
            if not job.left:
                self._end(job, None)
        self._dispatch()

    def _lost(self, link: DecoderLink) -> None:
        if self._links.get(link.address.name) is link:
            del self._links[link.address.name]
        link.close()
        logger().warning("decoder connection lost", decoder=link.address.name, pictures=len(link.tasks))
        for number, task in link.tasks.items():
            task.losses += 1
            task.deaths += number == link.begun
            self._try_again(task)
        self._dispatch()

    def _try_again(self, task: Task) -> None:
        job = self._jobs.get(task.call)
        if job is None:
            return
        if task.deaths > 1:
            self._end(job, _refusal(task, "ends the decoder: a codec crashes over it, or takes too long"))
        elif task.losses > MAX_LOSSES:
            self._end(job, Unavailable(f"image {task.index}: not decoded, {task.losses} decoders ended"))
        else:
            (self._suspects if task.deaths else self._innocent).append(task)

    def _end(self, job: Job, error: HorngateError | None) -> None:
        self._forget(job)
        if error is None:
            job.call.tensors = [(job.pictures.shape, job.pixels.data.cast("B"))]
        self._done(job.call, error)

    def _forget(self, job: Job) -> None:
        del self._jobs[job.call]
        self._held_bytes -= job.pixels.nbytes
        if job.unsent < job.pictures.rows:
            self._waiting.remove(job)


def _is_trying(link: DecoderLink) -> bool:
    return any(task.deaths for task in link.tasks.values())


def _refusal(task: Task, problem: str) -> InvalidRequest:
    return InvalidRequest(f"model '{task.call.entry.name}': image {task.index}: {problem}")
