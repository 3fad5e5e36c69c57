"""Devices, their queues and a clock, moved from event to event: the policy is the server's own.

A request goes to the device with the least work ahead, as a gateway sends it, and waits in that device's queue;
or, for comparison, all devices draw on one queue, which no server with a process a device can have.
"""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from horngate.server.costs import Cost, Curve
from horngate.server.settings import QueueSettings
from horngate.server.simulate.arrivals import Arrival
from horngate.server.simulate.figures import Figures, percentiles
from horngate.server.worker.bounds import Asked, Line, refusal
from horngate.server.worker.queues import Queues
from horngate.server.worker.scheduler import rank_s

MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What is simulated. Batches hold `limit` rows at most and take `curve`'s time and `batch_s` more.

    `request_s` is what a request costs besides, on its way in and out; it delays that request alone.
    """

    devices: int
    curve: Curve
    limit: int
    queue: QueueSettings = field(default_factory=QueueSettings)
    one_queue: bool = False
    batch_s: float = 0.0
    request_s: float = 0.0

    def seconds(self, rows: int) -> float:
        """A batch's whole time on a device."""
        return self.curve.seconds(rows) + self.batch_s

    @property
    def capacity_rows_per_s(self) -> float:
        """What all devices do in full batches."""
        return self.devices * self.limit / self.seconds(self.limit)


@dataclass(eq=False, slots=True, kw_only=True)
class Request:
    """See lanes.Queued."""

    rows: int
    priority: int
    arrived_s: float
    rank_s: float
    deadline_s: float | None
    total_rows: int
    running_rows: int = 0
    bytes: int = 0
    alone: bool = False
    lane: Any = None
    handle: str = MODEL
    turn: None = None


class Station:
    """A queue and the devices that draw on it; `ahead_s` is what a gateway believes of it."""

    def __init__(self, devices: int, queue: QueueSettings) -> None:
        self.queues: Queues[Request] = Queues()
        self.queues.flow(MODEL).max_delay_s = queue.max_delay_s
        self.idle = devices
        self.ahead_s = 0.0
        self.sent = 0


class World:
    """One run. `run` may be called once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cost = Cost(site.curve)
        self._row_s = self._cost.row_s(site.limit)
        count, each = (1, site.devices) if site.one_queue else (site.devices, 1)
        self._stations = [Station(each, site.queue) for _ in range(count)]
        # Invariant: _events holds the end of each batch that runs and each moment that a queue asked for.
        self._events: list[tuple[float, int, Station, list[tuple[Request, int]]]] = []
        self._numbers = itertools.count()
        self._latencies_s: list[float] = []
        self._batches = 0
        self._rows = 0
        self._busy_s = 0.0
        self._refused = 0
        self._expired = 0
        self._end_s = 0.0

    def run(self, arrivals: Iterable[Arrival]) -> Figures:
        """Let every request come, and go."""
        count = 0
        for arrival in arrivals:
            count += 1
            self._until(arrival.at_s)
            self._arrive(arrival)
        self._until(float("inf"))
        end_s = self._end_s
        return Figures(
            devices=self._site.devices,
            rows_per_s=self._rows / end_s if end_s else 0.0,
            latencies_s=percentiles(self._latencies_s),
            mean_latency_s=sum(self._latencies_s) / max(1, len(self._latencies_s)),
            batch_rows=self._rows / self._batches if self._batches else 0.0,
            utilisation=self._busy_s / (end_s * self._site.devices) if end_s else 0.0,
            refused=self._refused / count if count else 0.0,
            expired=self._expired / count if count else 0.0,
        )

    def _until(self, now_s: float) -> None:
        while self._events and self._events[0][0] <= now_s:
            at_s, _, station, batch = heapq.heappop(self._events)
            if batch:
                self._finish(at_s, station, batch)
            self._start(at_s, station)

    def _arrive(self, arrival: Arrival) -> None:
        station = min(self._stations, key=lambda each: (each.ahead_s, each.sent))
        deadline_s = None if arrival.timeout_s is None else arrival.at_s + arrival.timeout_s
        if self._is_refused(station, arrival):
            self._refused += 1
            return
        station.ahead_s += arrival.rows * self._row_s
        station.sent += 1
        request = Request(
            rows=arrival.rows,
            priority=arrival.priority,
            arrived_s=arrival.at_s,
            rank_s=rank_s(arrival.at_s, arrival.priority),
            deadline_s=deadline_s,
            total_rows=arrival.rows,
        )
        station.queues.add(MODEL, request, shapes=(), outputs=("y",), cost=self._cost, limit=self._site.limit)
        self._start(arrival.at_s, station)

    def _is_refused(self, station: Station, arrival: Arrival) -> bool:
        flow = station.queues.flow(MODEL)
        line = Line(
            rows=flow.rows,
            bytes=flow.bytes,
            rows_ahead=flow.rows_ahead(arrival.priority),
            limit=self._site.limit,
            row_s=self._row_s,
        )
        asked = Asked(rows=arrival.rows, bytes=0, priority=arrival.priority, left_s=arrival.timeout_s)
        return refusal(MODEL, asked, line, self._site.queue) is not None

    def _start(self, now_s: float, station: Station) -> None:
        for request in station.queues.expired(now_s):
            self._drop(station, request)
        while station.idle:
            decision = station.queues.plan(now_s)
            for request in decision.expired:
                self._drop(station, request)
            if decision.batch:
                station.queues.begin(MODEL, decision)
                self._run(now_s, station, list(decision.batch))
            elif not decision.expired:
                if decision.wait_until_s < float("inf"):
                    self._at(decision.wait_until_s, station, [])
                return

    def _run(self, now_s: float, station: Station, batch: list[tuple[Request, int]]) -> None:
        rows = sum(taken for _, taken in batch)
        took_s = self._site.seconds(rows)
        for request, taken in batch:
            request.running_rows += taken
        station.idle -= 1
        self._batches += 1
        self._rows += rows
        self._busy_s += took_s
        self._at(now_s + took_s, station, batch)

    def _finish(self, now_s: float, station: Station, batch: list[tuple[Request, int]]) -> None:
        station.idle += 1
        self._end_s = now_s
        for request, taken in batch:
            request.running_rows -= taken
            if request.rows == 0 and request.running_rows == 0:
                station.ahead_s -= request.total_rows * self._row_s
                self._latencies_s.append(now_s - request.arrived_s + self._site.request_s)

    def _drop(self, station: Station, request: Request) -> None:
        station.queues.remove(MODEL, request)
        station.ahead_s -= request.total_rows * self._row_s
        self._expired += 1

    def _at(self, at_s: float, station: Station, batch: list[tuple[Request, int]]) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), station, batch))
