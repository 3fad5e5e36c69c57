"""The worker: requests in from the gateways, batches through the engine, replies out.

Four threads. The main one owns every connection, queue and model, moves descriptors, and runs a brief batch while
nothing else is to be done; the runner runs the others; the loader calibrates models; the maker makes programs for
layers. The other three hand their results over through `_outcomes` and wake the main thread.
"""

import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from horngate.server.frames.channel import Channel, ChannelClosed
from horngate.server.frames.listening import Listener
from horngate.server.logs import LogLevels, set_levels
from horngate.server.metrics import SequenceMetrics, WorkerMetrics
from horngate.server.series import Version, forget_series, read_versions
from horngate.server.tallies import Tallies
from horngate.server.worker.account import Account
from horngate.server.worker.alike import Alike
from horngate.server.worker.batcher import Batcher
from horngate.server.worker.item import Item
from horngate.server.worker.ledger import Ledger, read_ledger
from horngate.server.worker.link import GatewayLink
from horngate.server.worker.load_order import LoadOrder
from horngate.server.worker.meter import TICK_S, Meter
from horngate.server.worker.models import ServedModel
from horngate.server.worker.notes import Note
from horngate.server.worker.patience import Patience
from horngate.server.worker.reception import Reception
from horngate.server.worker.room import Room
from horngate.server.worker.sequences import Sequences
from horngate.server.worker.shelf import Shelf
from horngate.server.worker.spans import BatchSpans


class Worker:
    """The main thread's loop and its connections. Nothing here is touched by another thread but `_outcomes`.

    A request without a reply waits in `_shelf` while its model loads, then in `_reception` while its program is
    made, then in `_batcher`.
    """

    def __init__(
        self,
        listener: Listener,
        control: Channel,
        device: str,
        note: Note,
        ledger_file: Path,
        spans: BatchSpans | None = None,
    ) -> None:
        self._listener = listener
        self._control = control
        self._metrics = WorkerMetrics()
        self._sequence_metrics = SequenceMetrics()
        self._selector = selectors.DefaultSelector()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._outcomes: deque[Callable[[], None]] = deque()
        self._links: set[GatewayLink] = set()
        models: dict[str, ServedModel] = {}
        room = Room()
        lost = read_ledger(ledger_file)
        self._sequences = Sequences(
            Ledger(ledger_file),
            lost,
            self._sequence_metrics,
            device,
            left_bytes=lambda: self._shelf.holdings.left_bytes,
            changed=lambda: self._shelf.refit(),
        )
        self._patience = Patience(note)
        self._tallies = Tallies.of_process()
        self._batcher = Batcher(
            models,
            self._deliver,
            self._metrics,
            room,
            self._patience,
            device,
            self._sequences,
            Account(self._tallies, spans),
        )
        self._batcher.flush = self._flush
        self._shelf = Shelf(
            models,
            self._batcher,
            device,
            tell=self._tell,
            deliver=self._deliver,
            receive=self._receive,
            metrics=self._metrics,
            room=room,
            patience=self._patience,
        )
        self._reception = Reception(self._shelf, self._batcher, self._sequences)
        self._meter = Meter(self._metrics, self._batcher, models, device)
        self._stopping = False
        # Whether one connection alone had something to say.
        self._is_one = False

    def run(self) -> None:
        """Serve until told to stop, or until the supervisor is gone."""
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._control, selectors.EVENT_READ, self._on_control)
        self._selector.register(self._wake_fd, selectors.EVENT_READ, self._on_wake)
        self._tell("started", os.getpid())
        while not self._stopping:
            ready = self._selector.select(self._patience_s())
            self._is_one = len(ready) == 1
            for key, _ in ready:
                key.data()
            self._batcher.dispatch()
            self._sequences.expire(time.monotonic())
            self._shelf.unload_idle(self._busy)
            self._flush()
            self._meter.measure()

    def _patience_s(self) -> float | None:
        """How long nothing needs to be done, should nothing be heard; None for as long as that."""
        now_s, expiry_s = time.monotonic(), self._sequences.next_s
        expires_in_s = None if expiry_s is None else max(0.0, expiry_s - now_s)
        if self._meter.is_idle and not self._batcher:
            return expires_in_s
        wakes_in_s = min(TICK_S, max(0.0, self._batcher.wake_s - now_s))
        return wakes_in_s if expires_in_s is None else min(wakes_in_s, expires_in_s)

    def _busy(self) -> set[str]:
        return self._batcher.handles | self._reception.handles | self._sequences.handles

    # The supervisor

    def _on_control(self) -> None:
        try:
            frames = self._control.receive()
        except ChannelClosed:
            self._stopping = True
            return
        for kind, *rest in frames:
            if kind == "load":
                self._shelf.load(LoadOrder.from_plain(rest[0]))
            elif kind == "budget":
                self._shelf.set_budget(rest[0])
            elif kind == "retire":
                self._shelf.retire(rest[0])
            elif kind == "log":
                set_levels(LogLevels(**rest[0]))
            elif kind == "forget":
                self._forget(read_versions(rest[0]))
            elif kind == "ping":
                self._answer_ping()
            elif kind == "patience":
                self._patience.floor_s = rest[0]
            elif kind == "stop":
                self._stopping = True

    def _forget(self, versions: list[Version]) -> None:
        """Let go of what was counted of versions that are gone."""
        forget_series((self._metrics, self._sequence_metrics), versions)
        self._tallies.forget(versions)

    def _answer_ping(self) -> None:
        running = self._patience.overdue(time.monotonic())
        if running is None:
            self._tell("pong")
        else:
            self._tell("stuck", asdict(running))

    def _tell(self, *frame: Any) -> None:
        self._control.send(list(frame))
        with suppress(ChannelClosed):
            self._control.flush()

    # The gateways

    def _accept(self) -> None:
        sock = self._listener.accept()
        if sock is None:
            return
        try:
            link = GatewayLink(sock)
        except OSError:  # It is gone already, or there is no descriptor left for its memory.
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
                    self._reception.receive(link, Item(*item))
            elif kind == "alike":
                self._reception.receive_alike(link, Alike(*items), is_all=self._is_one and len(frames) == 1)
            elif kind == "release":
                link.release(items)
            elif kind == "cancel":
                for request in items:
                    self._reception.cancel(link, request)

    def _receive(self, link: GatewayLink, item: Item) -> None:
        self._reception.receive(link, item)

    def _drop(self, link: GatewayLink) -> None:
        self._selector.unregister(link.channel)
        self._links.discard(link)
        link.close()
        for work in list(link.works.values()):
            self._batcher.drop(work)

    def _flush(self) -> None:
        # With the steps of one that is gone, steps of others may fail, who are to hear of it now.
        while gone := [link for link in self._links if not link.is_idle and not self._sent(link)]:
            for link in gone:
                self._drop(link)

    def _sent(self, link: GatewayLink) -> bool:
        """Send what the connection takes now; whether the gateway is there."""
        try:
            done = link.flush(self._batcher.ahead_s)
        except ChannelClosed:
            return False
        events = selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE
        key = self._selector.get_key(link.channel)
        if key.events != events:
            self._selector.modify(link.channel, events, key.data)
        return True

    # Between threads

    def _deliver(self, outcome: Callable[[], None]) -> None:
        self._outcomes.append(outcome)
        os.eventfd_write(self._wake_fd, 1)

    def _on_wake(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        while self._outcomes:
            self._outcomes.popleft()()
