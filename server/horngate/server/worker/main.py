"""The worker's process: requests in from the gateways, batches through the engine, replies out.

Three threads. The main one owns every connection, queue and model, and only moves descriptors; the runner runs
one batch at a time in the engine, which releases the GIL; the loader calibrates models and makes programs. The
other two hand their results over through `_outcomes` and wake the main thread.
"""

import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import setproctitle

from horngate.contract.errors import (
    DeadlineExceeded,
    HorngateError,
    InternalError,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from horngate.oip.codec import decode_tensor, encode_tensor
from horngate.server.frames.arena import Arena
from horngate.server.frames.channel import Channel, ChannelClosed, Frame
from horngate.server.logs import configure_logs, logger
from horngate.server.metrics import WorkerMetrics
from horngate.server.worker.engines import Array, Program
from horngate.server.worker.models import Background, LoadOrder, ServedModel
from horngate.server.worker.scheduler import QueueKey, plan
from horngate.server.worker.work import Batch, Share, Work, merge

ARENA_BYTES = 256 << 20
TICK_S = 0.05
DEVICE = "cpu"
BATCHES_AHEAD = 2


class GatewayLink:
    """One gateway's connection, and the replies that its next frame will carry."""

    def __init__(self, sock: socket.socket) -> None:
        self.arena = Arena(ARENA_BYTES)
        self.channel = Channel(sock, self.arena)
        self.replies: list[Any] = []
        self.open = True

    def reply(self, work: Work, arrays: list[Array]) -> None:
        """Queue an answer: shapes and raw contents of each output, and what the request's ride was like."""
        outputs = [[list(array.shape), self.channel.put(_contents(array))] for array in arrays]
        timings = [work.dispatched_s - work.arrived_s, work.compute_s, work.batch_rows]
        self.replies.append([work.request, None, outputs, timings])

    def refuse(self, request: int, error: HorngateError) -> None:
        """Queue an error as the answer."""
        self.replies.append([request, [type(error).__name__, str(error)], [], []])

    def flush(self) -> bool:
        """Send what is queued; True when all of it is out."""
        if self.replies:
            self.channel.send(["replies", self.replies])
            self.replies = []
        return self.channel.flush()

    def close(self) -> None:
        """Let go of the gateway's memory and ours."""
        self.open = False
        self.channel.close()
        self.arena.close()


class Worker:
    """The main thread's state. Nothing here is touched by another thread but `_outcomes` and `_batches`."""

    def __init__(self, listener: socket.socket, control: Channel) -> None:
        self._listener = listener
        self._control = control
        self._metrics = WorkerMetrics()
        self._selector = selectors.DefaultSelector()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK)
        # Invariant: a request that is not answered is in _arriving while its model loads, then as a Work in one
        # queue, in _compiling, or in a batch under way.
        self._arriving: dict[str, list[tuple[GatewayLink, Frame]]] = {}
        self._models: dict[str, ServedModel] = {}
        self._retiring: set[str] = set()
        self._queues: dict[QueueKey, deque[Work]] = {}
        self._limits: dict[QueueKey, int] = {}
        self._compiling: dict[tuple[str, tuple[str, ...]], list[Work]] = {}
        self._links: set[GatewayLink] = set()
        self._under_way = 0
        self._batches: SimpleQueue[Batch] = SimpleQueue()
        self._outcomes: deque[Any] = deque()
        self._loader = Background(self._deliver)
        self._stopping = False
        self._measured_s = 0.0
        self._measured_empty = False

    def run(self) -> None:
        """Serve until told to stop, or until the supervisor is gone."""
        threading.Thread(target=self._run_batches, name="runner", daemon=True).start()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._control, selectors.EVENT_READ, self._on_control)
        self._selector.register(self._wake_fd, selectors.EVENT_READ, self._on_wake)
        self._tell("started", os.getpid())
        while not self._stopping:
            for key, _ in self._selector.select(TICK_S if any(self._queues.values()) else None):
                key.data()
            self._dispatch()
            self._flush()
            self._measure_queue()

    # Control

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
        model = ServedModel(order)
        self._arriving[order.handle] = []
        self._loader.do(model.load, lambda fault: lambda: self._loaded(model, fault))

    def _loaded(self, model: ServedModel, fault: Exception | None) -> None:
        handle = model.order.handle
        early = [(link, item) for link, item in self._arriving.pop(handle) if link.open]
        if fault is not None:
            self._tell("failed", handle, str(fault) or repr(fault))
            for link, item in early:
                link.refuse(item[0], Unavailable(f"model '{model.order.name}' could not be loaded: {fault}"))
            return
        self._models[handle] = model
        for link, item in early:
            self._enqueue(link, item, time.monotonic())
        labels = (model.order.name, str(model.order.version))
        self._metrics.cap.labels(*labels).set(model.cap)
        self._metrics.dispatch.labels(*labels).set(model.dispatch_rows)
        self._metrics.memory.labels(*labels, DEVICE).set(model.memory_bytes)
        self._tell("loaded", handle, model.report() | {"device": DEVICE})

    def _unload_idle(self) -> None:
        busy = {work.handle for queue in self._queues.values() for work in queue}
        busy |= {handle for handle, _ in self._compiling}
        if self._under_way:
            return
        for handle in self._retiring - busy:
            self._retiring.discard(handle)
            model = self._models.pop(handle, None)
            self._forget_queues(handle)
            if model is not None:
                self._metrics.memory.labels(model.order.name, str(model.order.version), DEVICE).set(0)
            self._tell("gone", handle)

    def _forget_queues(self, handle: str) -> None:
        for key in [key for key in self._limits if isinstance(key, tuple) and key[0] == handle]:
            del self._limits[key], self._queues[key]

    # Requests

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        link = GatewayLink(sock)
        self._links.add(link)
        self._selector.register(link.channel, selectors.EVENT_READ, lambda: self._on_gateway(link))

    def _on_gateway(self, link: GatewayLink) -> None:
        try:
            frames = link.channel.receive()
        except ChannelClosed:
            self._drop(link)
            return
        now_s = time.monotonic()
        for kind, items in frames:
            if kind == "requests":
                for item in items:
                    self._enqueue(link, item, now_s)
            elif kind == "release":
                for offset in items:
                    link.arena.free(offset)

    def _drop(self, link: GatewayLink) -> None:
        self._selector.unregister(link.channel)
        self._links.discard(link)
        link.close()
        for queue in self._queues.values():
            for work in [work for work in queue if work.owner is link]:
                queue.remove(work)

    def _enqueue(self, link: GatewayLink, item: Frame, now_s: float) -> None:
        request, handle, names, rows, deadline_s, alone, tensors = item
        model = self._models.get(handle)
        if model is None and handle in self._arriving:
            self._arriving[handle].append((link, item))
            return
        if model is None:
            link.refuse(request, NotFound(f"this worker does not hold {handle}"))
            return
        try:
            inputs = _inputs(link.channel, model, tensors)
        except HorngateError as error:
            link.refuse(request, error)
            return
        work = Work(
            owner=link,
            request=request,
            handle=handle,
            outputs=tuple(names) if names else model.outputs,
            inputs=inputs,
            total_rows=rows,
            rows=rows,
            arrived_s=now_s,
            deadline_s=deadline_s,
            alone=alone,
        )
        if model.program(work.outputs) is None:
            self._compile(model, work)
        else:
            self._queue(model, work)

    def _queue(self, model: ServedModel, work: Work) -> None:
        shapes = tuple(array.shape[1:] for array in work.inputs) if model.free_axes else ()
        key = (work.handle, work.outputs, shapes)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
            self._limits[key] = model.dispatch_rows
        queue.append(work)

    def _compile(self, model: ServedModel, work: Work) -> None:
        wanted = (work.handle, work.outputs)
        if wanted in self._compiling:
            self._compiling[wanted].append(work)
            return
        self._compiling[wanted] = [work]
        self._loader.do(
            lambda: model.compile(work.outputs),
            lambda result: lambda: self._compiled(model, work.outputs, result),
        )

    def _compiled(self, model: ServedModel, outputs: tuple[str, ...], result: Program | Exception) -> None:
        waiting = self._compiling.pop((model.order.handle, outputs))
        if not isinstance(result, Exception):
            model.add(outputs, result)
        for work in waiting:
            if isinstance(result, Exception):
                self._refuse(work, InternalError(f"outputs {', '.join(outputs)}: {result}"))
            else:
                self._queue(model, work)
        self._unload_idle()

    # Batches

    def _dispatch(self) -> None:
        while self._under_way < BATCHES_AHEAD:
            if self._under_way and not self._any_full():
                return
            decision = plan(self._queues, self._limits, time.monotonic())
            for work in decision.expired:
                self._expire(work)
            # While a batch runs, the next is made ready early only if waiting could not make it larger.
            if decision.queue is None or (self._under_way and not decision.full):
                return
            self._start(decision.queue, decision.batch)

    def _any_full(self) -> bool:
        return any(
            sum(work.rows for work in queue) >= self._limits[key] for key, queue in self._queues.items()
        )

    def _start(self, key: QueueKey, taken: tuple[tuple[Work, int], ...]) -> None:
        queue = self._queues[key]
        now_s = time.monotonic()
        shares = []
        for work, rows in taken:
            start = work.total_rows - work.rows
            shares.append(Share(work=work, start=start, stop=start + rows))
            work.rows -= rows
            work.dispatched_s = work.dispatched_s or now_s
            if work.rows == 0:
                queue.remove(work)
        first = taken[0][0]
        if first.alone:
            self._announce(first)
        model = self._models[first.handle]
        program = model.programs[first.outputs]
        batch = Batch(
            handle=first.handle, program=program, shares=shares, inputs=merge(model.input_names, shares)
        )
        self._under_way += 1
        self._batches.put(batch)

    def _announce(self, work: Work) -> None:
        # Sent before the batch starts: should it end this process, the gateway knows what it was.
        work.owner.channel.send(["running", [work.request]])
        with suppress(ChannelClosed):
            work.owner.channel.flush()

    def _run_batches(self) -> None:
        while True:
            batch = self._batches.get()
            _execute(batch)
            parts = [batch]
            if batch.fault is not None and len(batch.shares) > 1:
                parts = batch.alone()
                for part in parts:
                    _execute(part)
            self._deliver(lambda parts=parts: self._finished(parts))

    def _finished(self, parts: list[Batch]) -> None:
        self._under_way -= 1
        for batch in parts:
            model = self._models[batch.handle]
            labels = (model.order.name, str(model.order.version))
            self._metrics.batch_rows.labels(*labels).observe(batch.rows)
            self._metrics.compute.labels(*labels).observe(batch.compute_s)
            if batch.fault is not None:
                for share in batch.shares:
                    self._refuse(share.work, _explained(batch.fault, model))
                continue
            for work, outputs in batch.split():
                self._add_part(work, outputs, batch, labels)
        if self._retiring:
            self._unload_idle()

    def _add_part(self, work: Work, outputs: list[Array], batch: Batch, labels: tuple[str, str]) -> None:
        work.parts.append(outputs)
        work.compute_s += batch.compute_s
        work.batch_rows = max(work.batch_rows, batch.rows)
        if work.answered or work.done_rows < work.total_rows:
            return
        work.answered = True
        self._metrics.queue.labels(*labels).observe(work.dispatched_s - work.arrived_s)
        if work.owner.open:
            work.owner.reply(work, work.results())

    def _expire(self, work: Work) -> None:
        for queue in self._queues.values():
            if work in queue:
                queue.remove(work)
        waited_s = time.monotonic() - work.arrived_s
        self._refuse(work, DeadlineExceeded(f"the deadline passed after {waited_s:.3f} s in the queue"))

    def _refuse(self, work: Work, error: HorngateError) -> None:
        if work.answered:
            return
        work.answered = True
        for queue in self._queues.values():
            if work in queue:
                queue.remove(work)
        if work.owner.open:
            work.owner.refuse(work.request, error)

    # Between threads

    def _deliver(self, outcome: Any) -> None:
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

    def _measure_queue(self) -> None:
        now_s = time.monotonic()
        empty = not any(self._queues.values())
        if now_s - self._measured_s > TICK_S or empty != self._measured_empty:
            self._measured_s, self._measured_empty = now_s, empty
            rows = sum(work.rows for queue in self._queues.values() for work in queue)
            self._metrics.queued_rows.labels(DEVICE).set(rows)


def _inputs(channel: Channel, model: ServedModel, tensors: list[Any]) -> list[Array]:
    return [
        decode_tensor(channel.get(payload), spec.datatype, shape, spec.name)
        for spec, (shape, payload) in zip(model.inputs, tensors, strict=True)
    ]


def _contents(array: Array) -> bytes | memoryview:
    """An array's raw contents, not copied where its own memory holds them."""
    if array.dtype.kind in "SUO":
        return encode_tensor(array)
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _execute(batch: Batch) -> None:
    begin = time.perf_counter()
    try:
        batch.outputs = batch.program.run(batch.inputs)
    except Exception as fault:
        batch.fault = fault
    batch.compute_s = time.perf_counter() - begin


def _explained(fault: Exception, model: ServedModel) -> HorngateError:
    text = f"model '{model.order.name}': {model.calibration.choice.engine} could not run it: {fault}"
    # ONNX Runtime's and TensorFlow's word for values that an operator refuses, such as an index out of range.
    if type(fault).__name__ in ("InvalidArgument", "InvalidArgumentError"):
        return InvalidRequest(text)
    return InternalError(text)


def main() -> None:
    """`python -m horngate.server.worker.main FAMILY SOCKET_PATH CONTROL_FD`"""
    family, path, control_fd = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    setproctitle.setproctitle(f"horngate: worker {family}")
    configure_logs(f"worker {family}")
    # The runner waits for the GIL whenever a batch is done: five milliseconds would be the default.
    sys.setswitchinterval(0.0005)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    Worker(listener, Channel(socket.socket(fileno=control_fd))).run()
    logger().info("worker stopped")
    # Engines' own threads and destructors have nothing left to do; some of them hang at interpreter exit.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
