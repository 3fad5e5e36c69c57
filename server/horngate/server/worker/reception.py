"""What the gateways say: requests taken in, checked against their models, queued; or cancelled."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    NotFound,
    ResourceExhausted,
)
from horngate.server.step import Step
from horngate.server.worker.alike import Alike
from horngate.server.worker.batcher import Batcher
from horngate.server.worker.bounds import NOTHING, Asked, Size
from horngate.server.worker.company import limit
from horngate.server.worker.engines import Program, Shapes, most_rows
from horngate.server.worker.item import Item
from horngate.server.worker.link import GatewayLink
from horngate.server.worker.models import ServedModel
from horngate.server.worker.reading import as_one, first_and_others, inputs_of
from horngate.server.worker.sequence import Sequence
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.shelf import Shelf
from horngate.server.worker.wanted import Wanted
from horngate.server.worker.work import Work

Making = tuple[str, Wanted, Shapes | None]
"""A model's handle, what a program computes, and the shapes that it is compiled for; None: it is not made yet."""


class Reception:
    """Requests on their way into the queues. The main thread owns it."""

    def __init__(self, shelf: Shelf, batcher: Batcher, sequences: Sequences) -> None:
        self._shelf = shelf
        self._batcher = batcher
        self._batcher.proceed = self._proceed
        self._batcher.refuse = self._refuse
        self._sequences = sequences
        # Invariant: a Work is here only while the program that it needs is made.
        self._compiling: dict[Making, list[Work]] = {}
        # Invariant: by model, the sum of those, as they were received.
        self._waiting: dict[str, Size] = {}

    @property
    def handles(self) -> set[str]:
        """The models that programs are made of."""
        return {handle for handle, _, _ in self._compiling}

    def cancel(self, link: GatewayLink, request: int) -> None:
        """The caller is gone: what has not begun to run never will."""
        error = DeadlineExceeded("the caller is gone")
        if request not in link.works and not self._apart(link, request, error):
            return
        work = link.works.get(request)
        if work is not None:
            self._batcher.end(work, error)
        elif any(early.requests.pop((link, request), None) for early in self._shelf.arriving.values()):
            link.refuse(request, error)

    def _apart(self, link: GatewayLink, request: int, why: HorngateError) -> bool:
        """Have a request stand for itself, if it may: not one that has begun to run with others."""
        for work in link.works.values():
            if work.alike is not None and request in work.alike.numbers:
                if work.rows < work.total_rows:
                    return False
                self._batcher.end(work, why)
                return True
        return True

    def receive(self, link: GatewayLink, item: Item, *, taken_s: float | None = None) -> None:
        """Take a request in; one that cannot be run is refused at once.

        One that was taken in before, with others, at `taken_s`, keeps its place and is not refused for what waits.
        """
        handle, step = item.handle, Step.from_plain(item.step) if item.step else None
        try:
            begins = step is None or step.start or self._begins_early(step, handle)
            turn = None if step is None or begins else self._sequences.find(step, handle)
            if turn is not None and not item.tensors:
                self._sequences.end(turn)
                link.acknowledge(item.number)
                return
            model = self._shelf.models.get(handle)
            if model is None:
                self._put_off(link, item, step)
                return
            work = link.works[item.number] = self._admitted(link, model, item, step, turn, taken_s)
        except (HorngateError, ValueError) as error:
            told = error if isinstance(error, HorngateError) else InternalError(str(error))
            link.refuse(item.number, told)
            return
        if self._batcher.is_first(work):
            self._proceed(work)

    def receive_alike(self, link: GatewayLink, alike: Alike, *, is_all: bool = False) -> None:
        """Take requests in that are alike: as one if they run at once or all may wait, else each by itself.

        Where they are all that came, they need not wait for others that could share their batch.
        """
        if not self._take_together(link, alike, is_all):
            for item in alike.singly():
                self.receive(link, item)

    def _take_together(self, link: GatewayLink, alike: Alike, is_all: bool) -> bool:
        model = self._shelf.models.get(alike.handle)
        if model is None:
            return False
        try:
            work = as_one(link, model, alike, time.monotonic())
        except (HorngateError, ValueError):
            return False
        program, shapes = model.programs.get(work.wanted), model.batch_shapes(work.inputs, work.outputs)
        if program is None or most_rows(program, shapes) == 0:
            return False
        largest = limit(model, work, program, shapes)
        most = max(1, largest // alike.rows)
        if len(alike.numbers) > most:  # Whose batch has run does not wait for the next one's.
            for part in alike.parts(most):
                self.receive_alike(link, part)
            return True
        runs_now = self._batcher.takes_now(model, work.rows, largest)
        if not runs_now and not self._may_wait(model, work, alike):
            return False
        link.works[work.request] = work
        if not (runs_now and is_all and self._batcher.run_now(model, work, program)):
            self._batcher.queue(model, work, program)
        return True

    def _may_wait(self, model: ServedModel, work: Work, alike: Alike) -> bool:
        """Whether none of several requests would be refused, were each received by itself."""
        if model.refusal(work.wanted, model.shapes(work.inputs)) is not None:
            return False
        first, others = first_and_others(work, alike)
        ahead = self._waiting.get(work.handle, NOTHING) + first
        return self._batcher.refusal(model, others, ahead) is None

    def _refuse(self, work: Work, error: HorngateError) -> None:
        """Answer a work that failed; of one that stands for several requests, only the cause shall suffer."""
        if work.alike is None:
            work.owner.refuse(work.request, error)
            return
        del work.owner.works[work.request]
        if len(work.alike.numbers) == 1:
            work.owner.refuse(work.alike.numbers[0], error)
            return
        for item in work.alike.singly():
            self.receive(work.owner, item, taken_s=work.arrived_s)

    def _begins_early(self, step: Step, handle: str) -> bool:
        """Whether the first step of a step's sequence waits for the model to be loaded."""
        early = self._shelf.arriving.get(handle)
        return early is not None and step.key in early.begun

    def _put_off(self, link: GatewayLink, item: Item, step: Step | None) -> None:
        """Keep a request for a model that is being loaded. NotFound if it is not."""
        early = self._shelf.arriving.get(item.handle)
        if early is None:
            raise NotFound(f"this worker does not hold {item.handle}")
        early.requests[link, item.number] = item
        if step is not None and step.start:
            early.begun.add(step.key)

    def _admitted(
        self,
        link: GatewayLink,
        model: ServedModel,
        item: Item,
        step: Step | None,
        turn: Sequence | None,
        taken_s: float | None,
    ) -> Work:
        """The request as a Work. HorngateError or ValueError: it may not wait, or cannot be run.

        A step that begins a sequence makes it, once nothing else can refuse the step.
        """
        arrived_s = time.monotonic() if taken_s is None else taken_s
        # One that a worker has ended over, or that went with others, was taken before and is not turned away now.
        if not item.alone and taken_s is None:
            self._check_queue(model, item, arrived_s)
        inputs = inputs_of(link.channel, model.inputs(pixels=item.pixels), item.tensors)
        outputs = tuple(item.outputs) or model.outputs
        needed = outputs if step is None else model.step_outputs(outputs)
        wanted = Wanted(outputs=needed, pixels=item.pixels)
        _check_size(model, item, wanted, model.shapes(inputs))
        if step is not None:
            turn = self._sequences.taken(step, turn, model, item.rows)
        return Work(
            owner=link,
            request=item.number,
            handle=item.handle,
            outputs=outputs,
            wanted=wanted,
            inputs=inputs,
            total_rows=item.rows,
            arrived_s=arrived_s,
            bytes=item.bytes,
            deadline_s=item.deadline_s,
            alone=item.alone,
            priority=item.priority,
            seed=item.seed,
            turn=turn,
            step=step,
            trace=item.trace,
        )

    def _check_queue(self, model: ServedModel, item: Item, now_s: float) -> None:
        """ResourceExhausted: it may not wait."""
        left_s = None if item.deadline_s is None else item.deadline_s - now_s
        asked = Asked(rows=item.rows, bytes=item.bytes, priority=item.priority, left_s=left_s)
        refused = self._batcher.refusal(model, asked, self._waiting.get(item.handle, NOTHING))
        if refused is not None:
            raise refused

    def _proceed(self, work: Work) -> None:
        """Queue a work: at once, or when what it needs is made on the maker's thread, while others run."""
        model, wanted = self._shelf.models[work.handle], work.wanted
        shapes = model.batch_shapes(work.inputs, work.wanted.outputs)
        program = model.programs.get(wanted)
        if program is None:
            making: Making = (work.handle, wanted, None)
            self._make(
                making, work, partial(model.size_bytes, wanted), partial(self._measured, model, making)
            )
        elif most_rows(program, shapes) == 0:
            making = (work.handle, wanted, shapes)
            prepare = partial(model.prepare, program, wanted, shapes, model.limit(wanted, shapes))
            self._make(making, work, prepare, partial(self._made, making))
        else:
            self._batcher.queue(model, work, program)

    def _make(self, making: Making, work: Work, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Have a program made, or compiled for new shapes, unless that is under way; the work waits for it."""
        self._waiting[work.handle] = self._waiting.get(work.handle, NOTHING) + _size_of(work)
        if making in self._compiling:
            self._compiling[making].append(work)
            return
        self._compiling[making] = [work]
        self._shelf.maker.do(task, then)

    def _measured(self, model: ServedModel, making: Making, result: int | Exception) -> None:
        """Make room for the program, then the program."""
        if isinstance(result, Exception):
            self._compiled(model, making, 0, result)
        elif (refusal := self._shelf.make_room(model, result)) is not None:
            self._compiled(model, making, 0, refusal)
        else:
            make = partial(model.compile, making[1])
            self._shelf.maker.do(make, partial(self._compiled, model, making, result))

    def _compiled(
        self, model: ServedModel, making: Making, size_bytes: int, result: Program | Exception
    ) -> None:
        program = None if isinstance(result, Exception) else result
        self._shelf.take_in(model, making[1], size_bytes, program)
        self._made(making, result)

    def _made(self, making: Making, result: Program | Exception | None) -> None:
        """Those who waited go on, or are told why not."""
        waited = self._compiling.pop(making)
        left = self._waiting.pop(making[0])
        for work in waited:
            left -= _size_of(work)
        if left.rows:
            self._waiting[making[0]] = left
        for work in waited:
            if work.request not in work.owner.works or work.error is not None:
                continue  # It was cancelled meanwhile.
            if isinstance(result, Exception):
                self._batcher.end(work, _unmade(making[1].outputs, result))
            else:
                self._proceed(work)


def _check_size(model: ServedModel, item: Item, wanted: Wanted, shapes: Shapes) -> None:
    """ResourceExhausted: not one of its rows fits, or not all of those that are not to be split."""
    too_large = model.refusal(wanted, shapes)
    if too_large is not None:
        raise too_large
    if item.seed is not None and item.rows > (limit := model.whole_limit(wanted, shapes)):
        raise ResourceExhausted(
            f"model '{model.order.name}': received {item.rows} rows for the training phase; at most {limit} fit, "
            "and such a request is never split, for its layers may look at all of its rows: send fewer at a time",
            reason="memory",
        )


def _unmade(outputs: tuple[str, ...], fault: Exception) -> HorngateError:
    return (
        fault
        if isinstance(fault, ResourceExhausted)
        else InternalError(f"outputs {', '.join(outputs)}: {fault}")
    )


def _size_of(work: Work) -> Size:
    return Size(work.total_rows, work.bytes)
