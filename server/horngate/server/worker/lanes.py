"""The requests that wait, kept so that the first is found, and any is taken out, however many there are.

What happens to every request costs a few dictionary operations here; what is kept in order is lines and lanes.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from horngate.server.costs import Cost
from horngate.server.worker.scheduler import Waiting, rank_s


class Queued(Waiting, Protocol):
    """What can be kept here. `rows` is counted down as rows are taken, `lane` is where it waits, or None.

    Those of one `turn` follow one another: see Turns.
    """

    handle: str
    rows: int
    bytes: int
    priority: int
    arrived_s: float
    rank_s: float
    deadline_s: float | None
    alone: bool
    lane: Any

    @property
    def turn(self) -> Hashable | None: ...


Q = TypeVar("Q", bound=Queued)


class Lane(Generic[Q]):
    """See scheduler.Lane: a line for each priority, in order of arrival, merged by rank as they are read.

    `row_s` is what a row takes in a whole batch, as it was expected when the lane formed; `program` is what its
    batches run on, whatever the caller's programs are.
    """

    def __init__(self, flow: "Flow[Q]", shapes: Hashable, outputs: tuple[str, ...], cost: Cost) -> None:
        self.flow = flow
        self.shapes = shapes
        self.names = outputs
        self.outputs = frozenset(outputs)
        self.cost = cost
        self.limit = 1
        self.row_s = 0.0
        self.program: object = None
        # Invariant: rows is that of all lines, none of which is empty.
        self.rows = 0
        self.lines: dict[int, OrderedDict[Q, None]] = {}

    @property
    def siblings(self) -> Collection["Lane[Q]"]:
        """The lanes that wait of the same model and shapes, this one among them."""
        return self.flow.lanes[self.shapes].values()

    @property
    def is_cost_known(self) -> bool:
        """Whether its program has run often enough to compare."""
        return self.cost.is_known

    @property
    def first(self) -> Q:
        """The request of the lowest rank."""
        return next(iter(self))

    @property
    def oldest_s(self) -> float:
        """When the request that has waited longest arrived."""
        return min(next(iter(line)).arrived_s for line in self.lines.values())

    @property
    def enough(self) -> int:
        """How many rows the next batch need hold, those who are first being better off without the others.

        The whole limit where it is filled, or where requests were told to wait for company.
        """
        if self.rows >= self.limit or self.flow.max_delay_s:
            return self.limit
        fewest = self.cost.enough(self.rows)
        return fewest if fewest < self.rows else self.limit

    def cost_s(self, rows: int) -> float:
        """What a batch of so many rows is expected to take."""
        return self.cost.seconds(rows)

    def __iter__(self) -> Iterator[Q]:
        if len(self.lines) == 1:
            for line in self.lines.values():
                return iter(line)
        return heapq.merge(*self.lines.values(), key=lambda item: item.rank_s)


class Earliest(Generic[Q]):
    """Lanes by a time that is cheap to read off each, such as the rank of its first request.

    A lane is entered when its time may have become earlier; that it became later is found when it comes up.
    """

    def __init__(self, time_s: Callable[[Lane[Q]], float]) -> None:
        self._time_s = time_s
        # Invariant: of each lane with rows, the entry of the number in _latest is not later than its time. Its
        # other entries, and those of lanes that are gone, fall out as they come up.
        self._entries: list[tuple[float, int, Lane[Q]]] = []
        self._latest: dict[Lane[Q], int] = {}
        self._entered = 0

    def enter(self, lane: Lane[Q]) -> None:
        """Hear that a lane's time may be earlier than before."""
        heapq.heappush(self._entries, self._entry(lane))

    def first(self) -> Lane[Q]:
        """The lane whose time is earliest. IndexError if no lane has rows."""
        while True:
            entered_s, number, lane = self._entries[0]
            if self._latest.get(lane) != number:
                heapq.heappop(self._entries)
            elif not lane.rows:
                heapq.heappop(self._entries)
                del self._latest[lane]
            elif self._time_s(lane) <= entered_s:
                return lane
            else:
                heapq.heapreplace(self._entries, self._entry(lane))

    def _entry(self, lane: Lane[Q]) -> tuple[float, int, Lane[Q]]:
        self._entered += 1
        self._latest[lane] = self._entered
        return self._time_s(lane), self._entered, lane


class Flow(Generic[Q]):
    """A model's requests that wait, and what it has used of the device. See scheduler.Flow.

    `weight` is the model's share among others; `used_s` is divided by it already.
    """

    def __init__(self, *, max_delay_s: float = 0.0, weight: float = 1.0) -> None:
        self.max_delay_s = max_delay_s
        self.weight = weight
        self.used_s = 0.0
        # Invariant: what is counted here is over all lanes, of which _full are those with a whole batch.
        self.rows = 0
        self.bytes = 0
        self.expected_s = 0.0
        self.lanes: dict[Hashable, dict[tuple[str, ...], Lane[Q]]] = {}
        self._rows_of: dict[int, int] = {}
        self._full: dict[Lane[Q], None] = {}
        self._by_rank: Earliest[Q] = Earliest(lambda lane: lane.first.rank_s)
        self._by_age: Earliest[Q] = Earliest(lambda lane: lane.oldest_s)

    @property
    def due_s(self) -> float:
        """When its requests may wait for company no longer: so that the first one's deadline is met too."""
        if self.max_delay_s == 0.0:
            return 0.0
        due_s = self._by_age.first().oldest_s + self.max_delay_s
        lane = self.next_lane
        if lane.first.deadline_s is None:
            return due_s
        return min(due_s, lane.first.deadline_s - lane.cost_s(min(lane.rows, lane.limit)))

    @property
    def next_lane(self) -> Lane[Q]:
        """The lane of the request that is first."""
        return self._by_rank.first()

    @property
    def full_lane(self) -> Lane[Q] | None:
        """A lane that holds a whole batch."""
        return next(iter(self._full), None)

    @property
    def oldest_s(self) -> float:
        """When the request that has waited longest arrived."""
        return min(lane.oldest_s for kin in self.lanes.values() for lane in kin.values())

    def rows_ahead(self, priority: int) -> int:
        """Rows that go before a request of this priority that comes now, at the least."""
        mine = rank_s(0.0, priority)
        return sum(rows for other, rows in self._rows_of.items() if rank_s(0.0, other) <= mine)

    def lane(self, shapes: Hashable, outputs: tuple[str, ...], cost: Cost, limit: int) -> Lane[Q]:
        """The lane of these shapes and outputs, made if it is not there."""
        kin = self.lanes.setdefault(shapes, {})
        found = kin.get(outputs)
        if found is None:
            found = kin[outputs] = Lane(self, shapes, outputs, cost)
            found.row_s = cost.row_s(limit)
        found.limit = limit
        return found

    def add(self, lane: Lane[Q], item: Q) -> None:
        """Let a request wait in a lane; one that is back goes before those that came after it."""
        line = lane.lines.get(item.priority)
        if line is None:
            line = lane.lines[item.priority] = OrderedDict()
        if _stand_in(line, item):
            self._by_rank.enter(lane)
            if self.max_delay_s:
                self._by_age.enter(lane)
        item.lane = lane
        self.bytes += item.bytes
        self._count(lane, item.priority, item.rows)

    def take(self, item: Q, rows: int) -> None:
        """Take the first `rows` rows of a request; with the last of them it leaves."""
        lane: Lane[Q] = item.lane
        item.rows -= rows
        if item.rows == 0:
            item.lane = None
            line = lane.lines[item.priority]
            del line[item]
            if not line:
                del lane.lines[item.priority]
            self.bytes -= item.bytes
        self._count(lane, item.priority, -rows)
        if not lane.rows:
            self._leave(lane)

    def _count(self, lane: Lane[Q], priority: int, rows: int) -> None:
        self.rows += rows
        lane.rows += rows
        self._rows_of[priority] = self._rows_of.get(priority, 0) + rows
        self.expected_s = self.expected_s + rows * lane.row_s if self.rows else 0.0
        if lane.rows >= lane.limit:
            self._full[lane] = None
        elif lane in self._full:
            del self._full[lane]

    def _leave(self, lane: Lane[Q]) -> None:
        kin = self.lanes[lane.shapes]
        del kin[lane.names]
        if not kin:
            del self.lanes[lane.shapes]


def _stand_in(line: OrderedDict[Q, None], item: Q) -> bool:
    """Put a request into a line by its rank; whether it is the first. Nearly all are the last."""
    later = []
    for other in reversed(line):
        if other.rank_s <= item.rank_s:
            break
        later.append(other)
    line[item] = None
    for other in reversed(later):
        line.move_to_end(other)
    return len(line) == len(later) + 1
