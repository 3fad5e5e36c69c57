"""The requests that wait, kept so that the first is found, and any is taken out, however many there are."""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Collection, Hashable, Iterator
from typing import Generic, Protocol, TypeVar

from horngate.server.costs import Cost
from horngate.server.worker.scheduler import Waiting, rank_s


class Queued(Waiting, Protocol):
    """What can be kept here. `rows` is counted down as rows are taken; identity is what tells items apart."""

    rows: int
    bytes: int
    priority: int
    arrived_s: float
    rank_s: float
    deadline_s: float | None
    alone: bool


Q = TypeVar("Q", bound=Queued)


class Order(Generic[Q]):
    """Requests in the order of their ranks: a line for each priority, in order of arrival, merged as read."""

    def __init__(self) -> None:
        # Invariant: no line is empty.
        self._lines: dict[int, OrderedDict[Q, None]] = {}
        self._rows: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __iter__(self) -> Iterator[Q]:
        if len(self._lines) == 1:
            return iter(next(iter(self._lines.values())))
        return heapq.merge(*self._lines.values(), key=lambda item: item.rank_s)

    @property
    def oldest_s(self) -> float:
        """When the request that has waited longest arrived."""
        return min(next(iter(line)).arrived_s for line in self._lines.values())

    def rows_ahead(self, priority: int) -> int:
        """Rows that go before a request of this priority that comes now, at the least."""
        if len(self._lines) == 1 and priority in self._lines:
            return self._rows[priority]
        mine = rank_s(0.0, priority)
        return sum(self._rows[other] for other in self._lines if rank_s(0.0, other) <= mine)

    def add(self, item: Q) -> None:
        """Let a request wait behind those of its priority."""
        self._rows[item.priority] += item.rows
        line = self._lines.get(item.priority)
        if line is None:
            line = self._lines[item.priority] = OrderedDict()
        line[item] = None

    def took(self, item: Q, rows: int) -> None:
        """Hear that rows of a request were taken."""
        self._rows[item.priority] -= rows

    def remove(self, item: Q) -> None:
        """Take a request out, all of whose rows were taken. KeyError if it is not there."""
        line = self._lines[item.priority]
        del line[item]
        if not line:
            del self._lines[item.priority]


class Lane(Generic[Q]):
    """See scheduler.Lane. `row_s` is what a row takes in a whole batch, as it was expected when the lane formed;
    `program` is what its batches run on, whatever the caller's programs are."""

    def __init__(self, flow: "Flow[Q]", shapes: Hashable, outputs: tuple[str, ...], cost: Cost) -> None:
        self.flow = flow
        self.shapes = shapes
        self.names = outputs
        self.outputs = frozenset(outputs)
        self.cost = cost
        self.rows = 0
        self.limit = 1
        self.row_s = 0.0
        self.program: object = None
        self.order: Order[Q] = Order()

    @property
    def siblings(self) -> Collection["Lane[Q]"]:
        """The lanes that wait of the same model and shapes, this one among them."""
        return self.flow.lanes[self.shapes].values()

    @property
    def is_cost_known(self) -> bool:
        """Whether its program has run often enough to compare."""
        return self.cost.is_known

    def cost_s(self, rows: int) -> float:
        """What a batch of so many rows is expected to take."""
        return self.cost.seconds(rows)

    def __iter__(self) -> Iterator[Q]:
        return iter(self.order)


class Flow(Generic[Q]):
    """A model's requests that wait, and what it has used of the device. See scheduler.Flow.

    `weight` is the model's share among others; `used_s` is divided by it already.
    """

    def __init__(self, *, max_delay_s: float = 0.0, weight: float = 1.0) -> None:
        self.max_delay_s = max_delay_s
        self.weight = weight
        self.used_s = 0.0
        # Invariant: rows, bytes and order are over all lanes; full holds the lanes with a whole batch.
        self.rows = 0
        self.bytes = 0
        self.expected_s = 0.0
        self.order: Order[Q] = Order()
        self.lanes: dict[Hashable, dict[tuple[str, ...], Lane[Q]]] = {}
        self._lane_of: dict[Q, Lane[Q]] = {}
        self._full: dict[Lane[Q], None] = {}

    @property
    def due_s(self) -> float:
        """When its first request may wait for company no longer: so that its deadline is met too."""
        if self.max_delay_s == 0.0:
            return 0.0
        due_s = self.order.oldest_s + self.max_delay_s
        lane, first = self.next_lane, next(iter(self.order))
        if first.deadline_s is None:
            return due_s
        return min(due_s, first.deadline_s - lane.cost_s(min(lane.rows, lane.limit)))

    @property
    def next_lane(self) -> Lane[Q]:
        """The lane of the request that is first."""
        return self._lane_of[next(iter(self.order))]

    @property
    def full_lane(self) -> Lane[Q] | None:
        """A lane that holds a whole batch."""
        return next(iter(self._full), None)

    def lane(self, shapes: Hashable, outputs: tuple[str, ...], cost: Cost) -> Lane[Q]:
        """The lane of these shapes and outputs, made if it is not there."""
        kin = self.lanes.setdefault(shapes, {})
        found = kin.get(outputs)
        if found is None:
            found = kin[outputs] = Lane(self, shapes, outputs, cost)
        return found

    def lane_of(self, item: Q) -> Lane[Q] | None:
        """Where a request waits."""
        return self._lane_of.get(item)

    def add(self, lane: Lane[Q], item: Q) -> None:
        """Let a request wait in a lane."""
        self._lane_of[item] = lane
        self.order.add(item)
        lane.order.add(item)
        self.bytes += item.bytes
        self._count(lane, item.rows)

    def take(self, item: Q, rows: int) -> None:
        """Take the first `rows` rows of a request; with the last of them it leaves."""
        lane = self._lane_of[item]
        item.rows -= rows
        self.order.took(item, rows)
        lane.order.took(item, rows)
        if item.rows == 0:
            del self._lane_of[item]
            self.order.remove(item)
            lane.order.remove(item)
            self.bytes -= item.bytes
        self._count(lane, -rows)

    def _count(self, lane: Lane[Q], rows: int) -> None:
        self.rows += rows
        lane.rows += rows
        self.expected_s = self.expected_s + rows * lane.row_s if self.rows else 0.0
        if lane.rows >= lane.limit:
            self._full[lane] = None
        else:
            self._full.pop(lane, None)
        if not lane.order:
            kin = self.lanes[lane.shapes]
            del kin[lane.names]
            if not kin:
                del self.lanes[lane.shapes]
