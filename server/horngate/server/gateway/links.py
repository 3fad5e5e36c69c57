"""The gateway's side of the workers: calls out in frames, answers back, and nothing lost when a worker dies.

A call stays here until it is answered. When a worker's connection ends, every call that it had goes out again
to the worker that takes its place, each now alone in its batch and announced before it runs; so a call that
ends a worker a second time is known, and is refused by itself. Not so the steps of sequences: their states are gone
with the worker, and they are told so.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from horngate.contract import errors
from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    LoadError,
    NotFound,
    ResourceExhausted,
    SequenceUnknown,
    Unavailable,
)
from horngate.server.elsewhere import Elsewhere
from horngate.server.frames.channel import Frame
from horngate.server.gateway.answers import all_written, in_vain, told, written
from horngate.server.gateway.burst import Burst
from horngate.server.gateway.infer import Answer, Call
from horngate.server.gateway.routes import UNAVAILABLE, Entry, Routes
from horngate.server.gateway.schedule import Ride
from horngate.server.gateway.sequences import owner
from horngate.server.gateway.waiting import held_too_long
from horngate.server.gateway.worker_link import WorkerLink, least_busy
from horngate.server.logs import logger
from horngate.server.step import Step, lost

MAX_TRIES = 16
SWEEP_S = 0.05

Answered = Callable[[Sequence[Answer]], None]


class Links:
    """All workers, and the calls that wait for one. The gateway's event loop owns it."""

    def __init__(self, answered: Answered, want_training: Callable[[str], None]) -> None:
        self._answered = answered
        self._want_training = want_training
        self._numbers = itertools.count(1)
        self._routes = Routes()
        # Invariant: a call that is not answered is in one link's `calls` or in _held.
        self._links: dict[str, WorkerLink] = {}
        self._held: list[Call] = []
        self.burst = Burst()

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
            # It is gone, and its successor will be in the next table; or the next try.
            with suppress(OSError):
                self._links[address.name] = WorkerLink(address, self._on_frames, self.burst)
        return any(address.name in self._links for address in missing)

    def _resubmit_held(self) -> None:
        held, self._held = self._held, []
        for call in held:
            self._resubmit(call)

    def submit(self, call: Call) -> None:
        """Send a call to the worker that has least to do before it, or hold it until there is one.

        Of workers that are all idle, each has its turn: the first in the table would else have all of it.
        """
        call.number = call.number or next(self._numbers)
        links = self._of(call.entry) if call.step is None else self._holding(call.entry, call.step)
        if not links:
            self._hold(call)
            return
        try:
            least_busy(links, call.entry.handle).send(call)
        except Exception as fault:  # What it has in shared memory is gone, say.
            self._answer(call, told(fault, "a request could not be sent", model=call.entry.name))

    def _hold(self, call: Call) -> None:
        """Let a call wait for a worker; the training phase is loaded when the first asks for it."""
        if call.entry.trains:
            self._want_training(call.entry.trains)
        if call.entry.state == UNAVAILABLE:
            why = f"model '{call.entry.name}' cannot run in training: {call.entry.reason}"
            self._answer(call, LoadError(why))
        else:
            self._held.append(call)

    def refusal(self, entry: Entry) -> ResourceExhausted | None:
        """Why a call would be turned away now: every worker's queue for it was full a moment ago."""
        now_s, refusal = time.monotonic(), None
        for link in self._of(entry):
            refusal = link.outlook.refuses(entry.handle, now_s)
            if refusal is None:
                return None
        return refusal

    def _of(self, entry: Entry) -> list[WorkerLink]:
        return [self._links[name] for name in entry.workers if name in self._links]

    def _holding(self, entry: Entry, step: Step) -> list[WorkerLink]:
        """The one worker that a sequence is on, if it is there; whoever else is free does not know it."""
        if not entry.seats:
            return []
        link = self._links.get(owner(step, entry.seats))
        return [] if link is None else [link]

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
        for call in list(self._held):
            error = held_too_long(call, now_s)
            if error is not None:
                self._held.remove(call)
                self._answer(call, error)

    def _on_frames(self, link: WorkerLink, frames: list[Frame]) -> None:
        for kind, *rest in frames:
            if kind == "closed":
                self._lost(link)
            elif kind == "replies":
                self._on_replies(link, rest[0])
                link.outlook.hear(rest[1], time.monotonic())
            elif kind == "running":
                link.running = set(rest[0])
            elif kind == "unsent":
                self._on_unsent(link, *rest)

    def _on_unsent(self, link: WorkerLink, number: int, error: HorngateError) -> None:
        call = link.take(number)
        if call is not None and not call.answered:
            self._answer(call, error)

    def _on_replies(self, link: WorkerLink, replies: Sequence[Sequence[Any]]) -> None:
        answers: list[Answer] = []
        for reply in replies:
            try:
                answers += self._on_reply(link, *reply)
            except Exception as fault:  # Those whose answers come in the same frame have them all the same.
                numbers = reply[0] if isinstance(reply[0], list) else [reply[0]]
                answers += in_vain(map(link.take, numbers), fault)
        self._answered(answers)

    def _on_reply(
        self, link: WorkerLink, number: Any, error: Any, outputs: Any, timings: Any
    ) -> list[Answer]:
        raws = [link.get(payload) for _, payload in outputs]
        if isinstance(number, list):
            return all_written([link.take(each) for each in number], outputs, raws)
        call = link.take(number)
        if call is None or call.answered:
            return []
        if error is not None:
            self._on_error(link, call, error)
            return []
        ride = Ride(*timings, worker=link.address.name) if call.timings else None
        call.answered = True
        return [(call, written(call, [shape for shape, _ in outputs], raws, ride))]

    def _on_error(self, link: WorkerLink, call: Call, error: Sequence[Any]) -> None:
        if error[0] == NotFound.__name__:
            self._try_again(call)
        elif error[0] == Elsewhere.__name__:
            self._send_elsewhere(call, error[1])
        elif error[0] == SequenceUnknown.__name__:
            self._ask_others(link, call, SequenceUnknown(error[1]))
        elif error[0] == ResourceExhausted.__name__:
            refusal = ResourceExhausted(error[1], retry_after_s=error[2], reason=error[3])
            self._on_refusal(link, call, refusal)
        else:
            self._answer(call, getattr(errors, error[0], InternalError)(error[1]))

    def _on_refusal(self, link: WorkerLink, call: Call, error: ResourceExhausted) -> None:
        """A queue was full. Another worker may have less of this model, though more of others, ahead."""
        link.outlook.refused(call.entry.handle, error, time.monotonic())
        call.tries += 1
        if (
            call.step is not None
            or error.reason == "deadline"
            or call.tries > MAX_TRIES
            or self.refusal(call.entry) is not None
        ):
            self._answer(call, error)
        else:
            self.submit(call)

    def _lost(self, link: WorkerLink) -> None:
        if self._links.get(link.address.name) is link:
            del self._links[link.address.name]
        link.close()
        calls = [call for call in link.calls.values() if not call.answered]
        logger().warning("worker connection lost", worker=link.address.name, requests=len(calls))
        for call in calls:
            call.deaths += 1
            if call.step is not None and not call.step.is_whole:
                self._answer(call, lost(call.step))
            elif call.number in link.running:
                self._answer(
                    call, InternalError("two workers ended over this request, the second alone with it")
                )
            else:
                self._try_again(call)

    def _send_elsewhere(self, call: Call, handle: str) -> None:
        """The sequence of a step runs on another version: send the step again, written for that."""
        entry = self._routes.of_handle(call.entry.name, handle)
        if entry is None:  # It is in the next table.
            self._held.append(call)
            return
        try:
            call.read_again(entry)
        except HorngateError as error:
            self._answer(call, error)
            return
        self.submit(call)

    def _ask_others(self, link: WorkerLink, call: Call, unknown: SequenceUnknown) -> None:
        """A worker does not hold a sequence: one of an older version may that runs on another worker."""
        call.told_unknown.add(link.address.name)
        while call.others and call.step is not None:
            entry = call.others.pop(0)
            with suppress(HorngateError):
                call.read_again(entry)
                holders = self._holding(entry, call.step)
                if holders and holders[0].address.name not in call.told_unknown:
                    self.submit(call)
                    return
        self._answer(call, unknown)

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
            if call.step is not None and not call.step.start:
                entry = self._routes.holding(call.entry.name, call.asked_version)[0]
            else:
                entry = self._routes.find_again(call.entry, call.asked_version)
                entry = entry if call.seed is None else entry.in_training
            if call.step is not None:
                call.read_again(entry)
            elif (
                entry.spec.inputs != call.entry.spec.inputs
                or entry.image != call.entry.image
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
        self._answered([(call, result)])
