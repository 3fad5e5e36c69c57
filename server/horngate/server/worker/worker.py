"""The worker: requests in from the gateways, batches through the engine, replies out.

Three threads. The main one owns every connection, queue and model, and only moves descriptors; the runner runs
batches; the loader calibrates models and makes programs. The other two hand their results over through
`_outcomes` and wake the main thread.
"""

import os
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from horngate.oip.codec import decode_tensor
from horngate.server.frames.channel import Channel, ChannelClosed, Frame
from horngate.server.metrics import WorkerMetrics
from horngate.server.worker.engines import Array, Program
from horngate.server.worker.link import GatewayLink
from horngate.server.worker.models import Background, LoadOrder, ServedModel
from horngate.server.worker.queues import Queues
from horngate.server.worker.runner import Runner
from horngate.server.worker.work import Batch, Share, Work, merge

TICK_S = 0.05
DEVICE = "cpu"
BATCHES_AHEAD = 2


class Worker:
    """The main thread's state. Nothing here is touched by another thread but `_outcomes`."""

    def __init__(self, listener: socket.socket, control: Channel) -> None:
        self._listener = listener
        self._control = control
        self._metrics = WorkerMetrics()
        self._selector = selectors.DefaultSelector()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK)
        # Invariant: a request without a reply is in _arriving while its model loads, then as a Work in _compiling,
        # in _queues, or in a batch under way.
        self._arriving: dict[str, list[tuple[GatewayLink, Frame]]] = {}
        self._compiling: dict[tuple[str, tuple[str, ...]], list[Work]] = {}
        self._queues = Queues()
        self._under_way: Counter[str] = Counter()
        self._alone_under_way = False
        self._models: dict[str, ServedModel] = {}
        self._retiring: set[str] = set()
        self._links: set[GatewayLink] = set()
        self._outcomes: deque[Callable[[], None]] = deque()
        self._runner = Runner(lambda batches: self._deliver(partial(self._finished, batches)))
        self._loader = Background(self._deliver)
        self._batches_run = 0
        self._measured_s = 0.0
        self._queued_rows = 0
        self._stopping = False

    def run(self) -> None:
        """Serve until told to stop, or until the supervisor is gone."""
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._control, selectors.EVENT_READ, self._on_control)
        self._selector.register(self._wake_fd, selectors.EVENT_READ, self._on_wake)
        self._tell("started", os.getpid())
        while not self._stopping:
            for key, _ in self._selector.select(TICK_S if self._queued_rows or self._queues else None):
                key.data()
            self._dispatch()
            self._flush()
            self._measure()

    # What the supervisor says

    def _on_control(self) -> None:
        try:
            frames = self._control.receive()
        except ChannelClosed:
            self._stopping = True
            return
        for kind, *rest in frames:
            if kind == "load":
                self._load(LoadOrder(**rest[0]))
            elif kind == "retire":
                self._retiring.add(rest[0])
                self._unload_idle()
            elif kind == "stop":
                self._stopping = True

    def _tell(self, *frame: Any) -> None:
        self._control.send(list(frame))
        with suppress(ChannelClosed):
            self._control.flush()

    def _load(self, order: LoadOrder) -> None:
        self._arriving[order.handle] = []

        def load() -> ServedModel:
            self._deliver(partial(self._tell, "loading", order.handle))
            return ServedModel.load(order, lambda: self._batches_run)

        self._loader.do(load, partial(self._loaded, order))

    def _loaded(self, order: LoadOrder, result: ServedModel | Exception) -> None:
        early = [(link, item) for link, item in self._arriving.pop(order.handle) if link.open]
        if isinstance(result, Exception):
            self._tell("failed", order.handle, str(result) or repr(result))
            error = Unavailable(f"model '{order.name}' could not be loaded: {result}")
            for link, item in early:
                link.refuse(item[0], error)
            return
        self._models[order.handle] = result
        self._measure_model(result)
        self._tell("loaded", order.handle, result.report() | {"device": DEVICE})
        for link, item in early:
            self._receive(link, item)
        self._unload_idle()

    def _unload_idle(self) -> None:
        """Let go of retired models that nobody waits for."""
        busy = self._queues.handles | self._arriving.keys() | {handle for handle, _ in self._compiling}
        busy |= {handle for handle, count in self._under_way.items() if count}
        for handle in self._retiring - busy:
            self._retiring.discard(handle)
            model = self._models.pop(handle, None)
            if model is not None and not any(other.labels == model.labels for other in self._models.values()):
                self._metrics.memory.labels(*model.labels, DEVICE).set(0)
            self._tell("gone", handle)

    # What the gateways say

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        try:
            link = GatewayLink(sock)
        except OSError:  # It is gone already.
            sock.close()
            return
        self._links.add(link)
        self._selector.register(link.channel, selectors.EVENT_READ, partial(self._on_gateway, link))

    def _on_gateway(self, link: GatewayLink) -> None:
        try:
            frames = link.channel.receive()
        except ChannelClosed:
            self._drop(link)
            return
        for kind, items in frames:
            if kind == "requests":
                for item in items:
                    self._receive(link, item)
            elif kind == "release":
                link.release(items)
            elif kind == "cancel":
                for request in items:
                    self._cancel(link, request)

    def _drop(self, link: GatewayLink) -> None:
        self._selector.unregister(link.channel)
        self._links.discard(link)
        link.close()
        for work in list(link.works.values()):
            self._queues.remove(work)

    def _cancel(self, link: GatewayLink, request: int) -> None:
        work = link.works.get(request)
        if work is not None:
            self._end(work, DeadlineExceeded("the caller is gone"))

    def _receive(self, link: GatewayLink, item: Frame) -> None:
        request, handle, names, rows, deadline_s, alone, tensors = item
        model = self._models.get(handle)
        if model is None:
            if handle in self._arriving:
                self._arriving[handle].append((link, item))
            else:
                link.refuse(request, NotFound(f"this worker does not hold {handle}"))
            return
        try:
            inputs = _inputs(link.channel, model, tensors)
        except (HorngateError, ValueError) as error:
            link.refuse(request, error if isinstance(error, HorngateError) else InternalError(str(error)))
            return
        work = link.works[request] = Work(
            owner=link,
            request=request,
            handle=handle,
            outputs=tuple(names) or model.outputs,
            inputs=inputs,
            total_rows=rows,
            rows=rows,
            arrived_s=time.monotonic(),
            deadline_s=deadline_s,
            alone=alone,
        )
        program = model.program(work.outputs)
        if program is None:
            self._compile(model, work)
        else:
            self._queue(model, work, program)

    def _queue(self, model: ServedModel, work: Work, program: Program) -> None:
        shapes = tuple(array.shape[1:] for array in work.inputs) if model.free_axes else ()
        self._queues.add((work.handle, work.outputs, shapes), work, program, model.limit(shapes))

    def _compile(self, model: ServedModel, work: Work) -> None:
        """Have a program made for outputs that are asked for the first time; the work waits for it."""
        wanted = (work.handle, work.outputs)
        if wanted in self._compiling:
            self._compiling[wanted].append(work)
            return
        self._compiling[wanted] = [work]
        self._loader.do(partial(model.compile, work.outputs), partial(self._compiled, model, work.outputs))

    def _compiled(self, model: ServedModel, outputs: tuple[str, ...], result: Program | Exception) -> None:
        waiting = self._compiling.pop((model.order.handle, outputs))
        if not isinstance(result, Exception):
            model.add(outputs, result)
        for work in waiting:
            if work.request not in work.owner.works:
                continue  # It was cancelled meanwhile.
            if isinstance(result, Exception):
                self._end(work, InternalError(f"outputs {', '.join(outputs)}: {result}"))
            else:
                self._queue(model, work, result)
        self._unload_idle()

    # Batches

    def _dispatch(self) -> None:
        """Start batches: at once on an idle device; ahead of time only what waiting could not make larger."""
        while (ahead := self._under_way.total()) < BATCHES_AHEAD and not self._alone_under_way:
            if ahead and not self._queues.any_full:
                return
            decision = self._queues.plan(time.monotonic())
            for work in decision.expired:
                waited_s = time.monotonic() - work.arrived_s
                self._end(work, DeadlineExceeded(f"the deadline passed after {waited_s:.3f} s in the queue"))
            if not decision.batch or (ahead and (not decision.full or decision.batch[0][0].alone)):
                return
            self._start(decision.batch)

    def _start(self, taken: tuple[tuple[Work, int], ...]) -> None:
        now_s = time.monotonic()
        first = taken[0][0]
        program = self._queues.program(first)
        shares = []
        for work, rows in taken:
            start = work.total_rows - work.rows
            shares.append(Share(work=work, start=start, stop=start + rows))
            work.running_rows += rows
            work.dispatched_s = work.dispatched_s or now_s
            self._queues.take(work, rows)
        if first.alone:
            self._announce(first)
        inputs = merge(self._models[first.handle].input_names, shares)
        self._under_way[first.handle] += 1
        self._runner.run(Batch(handle=first.handle, program=program, shares=shares, inputs=inputs))

    def _announce(self, work: Work) -> None:
        # Sent before the batch starts: should it end this process, the gateway knows what it was.
        self._alone_under_way = True
        work.owner.channel.send(["running", [work.request]])
        with suppress(ChannelClosed):
            work.owner.channel.flush()

    def _finished(self, batches: list[Batch]) -> None:
        self._under_way[batches[0].handle] -= 1
        self._batches_run += 1
        self._alone_under_way = self._alone_under_way and not batches[0].is_alone
        for batch in batches:
            model = self._models[batch.handle]
            self._metrics.batch_rows.labels(*model.labels).observe(batch.rows)
            self._metrics.compute.labels(*model.labels).observe(batch.compute_s)
            if batch.fault is None:
                for share, outputs in zip(batch.shares, batch.split(), strict=True):
                    self._add_part(share, outputs, batch, model)
            else:
                for share in batch.shares:
                    share.work.running_rows -= share.rows
                    self._end(share.work, _explained(batch.fault, model))
        if self._retiring:
            self._unload_idle()

    def _add_part(self, share: Share, outputs: list[Array], batch: Batch, model: ServedModel) -> None:
        work = share.work
        work.running_rows -= share.rows
        work.parts.append(outputs)
        work.compute_s += batch.compute_s
        work.batch_rows = max(work.batch_rows, batch.rows)
        if work.error is not None:
            self._end(work, work.error)
        elif work.is_done:
            self._metrics.queue.labels(*model.labels).observe(work.dispatched_s - work.arrived_s)
            work.owner.reply(work, work.results())

    def _end(self, work: Work, error: HorngateError) -> None:
        """Answer with an error: at once, or when the rows that run have done so. What waits never runs."""
        self._queues.remove(work)
        work.rows = 0
        work.error = work.error or error
        if work.is_done and work.owner.open and work.request in work.owner.works:
            work.owner.refuse(work.request, work.error)

    # Between threads

    def _deliver(self, outcome: Callable[[], None]) -> None:
        self._outcomes.append(outcome)
        os.eventfd_write(self._wake_fd, 1)

    def _on_wake(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        while self._outcomes:
            self._outcomes.popleft()()

    def _flush(self) -> None:
        for link in list(self._links):
            try:
                done = link.flush()
            except ChannelClosed:
                self._drop(link)
                continue
            events = selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE
            key = self._selector.get_key(link.channel)
            if key.events != events:
                self._selector.modify(link.channel, events, key.data)

    # Metrics

    def _measure(self) -> None:
        now_s = time.monotonic()
        if now_s - self._measured_s >= TICK_S:
            self._measured_s = now_s
            self._queued_rows = self._queues.rows
            self._metrics.queued_rows.labels(DEVICE).set(self._queued_rows)

    def _measure_model(self, model: ServedModel) -> None:
        self._metrics.cap.labels(*model.labels).set(model.cap)
        self._metrics.dispatch.labels(*model.labels).set(model.dispatch_rows)
        self._metrics.memory.labels(*model.labels, DEVICE).set(model.memory_bytes)


def _inputs(channel: Channel, model: ServedModel, tensors: list[Any]) -> list[Array]:
    return [
        decode_tensor(channel.get(payload), spec.datatype, shape, spec.name)
        for spec, (shape, payload) in zip(model.inputs, tensors, strict=True)
    ]


def _explained(fault: Exception, model: ServedModel) -> HorngateError:
    text = f"model '{model.order.name}': {model.calibration.choice.engine} could not run it: {fault}"
    # ONNX Runtime's and TensorFlow's word for values that an operator refuses, such as an index out of range.
    if isinstance(fault, HorngateError) or type(fault).__name__ in (
        "InvalidArgument",
        "InvalidArgumentError",
    ):
        return InvalidRequest(text)
    return InternalError(text)
