"""All that waits on a device: flows by model, deadlines, and the accounts that keep the models' turns fair."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, cast

from horngate.server.costs import Cost
from horngate.server.deadlines import Deadlines
from horngate.server.worker.lanes import Flow, Lane, Q
from horngate.server.worker.scheduler import Decision, plan, rank_s
from horngate.server.worker.turns import Turns


@dataclass(frozen=True, kw_only=True)
class Ride:
    """What a batch runs on, the names of its outputs, and what its model was charged, for `settle`."""

    program: object
    names: tuple[str, ...]
    charged_s: float
    is_cost_known: bool


class Queues(Generic[Q]):
    """Requests with rows that have no batch. One thread owns it: the worker's main one, or a simulator."""

    def __init__(self) -> None:
        # Invariant: a flow is in _waiting while it holds a request; _clock_s is the account of the flow that
        # had the last turn, from which one that was idle begins.
        self._flows: dict[str, Flow[Q]] = {}
        self._waiting: dict[str, Flow[Q]] = {}
        self._turns: Turns[Q] = Turns()
        self._deadlines: Deadlines[Q] = Deadlines()
        self._clock_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return sum(flow.rows for flow in self._waiting.values()) + self._turns.rows.total()

    @property
    def expected_s(self) -> float:
        """What all that waits is expected to take, in whole batches."""
        return sum(flow.expected_s for flow in self._waiting.values())

    @property
    def handles(self) -> set[str]:
        """The models that somebody waits for."""
        return set(self._waiting)

    @property
    def any_full(self) -> bool:
        """Whether some lane holds a whole batch."""
        return any(flow.full_lane is not None for flow in self._waiting.values())

    @property
    def next_deadline_s(self) -> float | None:
        """When `expired` has to be asked next."""
        return self._deadlines.next_s

    def oldest_s(self, handle: str) -> float | None:
        """When the request of a model that has waited longest arrived; None if none waits."""
        flow = self._waiting.get(handle)
        return flow.oldest_s if flow is not None else None

    def flow(self, handle: str) -> Flow[Q]:
        """A model's flow, made if it is not there."""
        flow = self._flows.get(handle)
        if flow is None:
            flow = self._flows[handle] = Flow()
        return flow

    def behind(self, handle: str) -> tuple[int, int]:
        """The rows and bytes of a model's steps that wait for the step before them."""
        return self._turns.rows[handle], self._turns.bytes[handle]

    def line_up(self, item: Q) -> bool:
        """Take a step of a sequence in; whether it may be added at once, or waits for the step before it."""
        if self._turns.enter(item):
            return True
        if item.deadline_s is not None:
            self._deadlines.add(item, item.deadline_s)
        return False

    def step_done(self, item: Q, now_s: float) -> Q | None:
        """A step has been answered, however; the one that may be added now, if that follows.

        Its rank counts from now: it could not have run before, and lanes are in the order in which they are joined.
        """
        if item.deadline_s is not None:
            self._deadlines.remove(item, item.deadline_s)
        follows = self._turns.leave(item)
        if follows is not None:
            follows.rank_s = rank_s(now_s, follows.priority)
        return follows

    def is_lined_up(self, item: Q) -> bool:
        """Whether a step was taken in and is not done."""
        return item in self._turns

    def steps_behind(self, item: Q) -> list[Q]:
        """The steps that wait for this one, the last first."""
        return self._turns.behind(item)

    def forget(self, handle: str) -> None:
        """Drop the account of a model that is unloaded."""
        self._flows.pop(handle, None)
        self._turns.forget(handle)

    def add(
        self,
        handle: str,
        item: Q,
        *,
        shapes: Hashable,
        outputs: tuple[str, ...],
        cost: Cost,
        limit: int,
        program: object = None,
    ) -> None:
        """Queue a request; batches of its lane have at most `limit` rows and run on `program`.

        The lane keeps its program, so that the model may give it up for others meanwhile.
        """
        flow = self.flow(handle)
        if not flow.rows:
            flow.used_s = max(flow.used_s, self._clock_s)
            self._waiting[handle] = flow
        lane = flow.lane(shapes, outputs, cost, limit)
        lane.program = program
        flow.add(lane, item)
        if item.deadline_s is not None:
            self._deadlines.add(item, item.deadline_s)

    def plan(self, now_s: float) -> Decision[Q]:
        """The next batch, as the scheduler decides it; nothing is taken yet."""
        return plan(self._waiting.values(), now_s)

    def begin(self, handle: str, decision: Decision[Q]) -> Ride:
        """Take a batch's rows out, and charge its model."""
        flow, lane = self._flows[handle], cast(Lane[Q], decision.lane)
        self._clock_s = max(self._clock_s, flow.used_s)
        charged_s = lane.cost_s(sum(rows for _, rows in decision.batch))
        flow.used_s += charged_s / flow.weight
        for item, rows in decision.batch:
            self._take(handle, item, rows)
        known = lane.is_cost_known
        return Ride(program=lane.program, names=lane.names, charged_s=charged_s, is_cost_known=known)

    def pass_by(self, handle: str, ride: Ride) -> None:
        """Charge a model for a batch that has not waited here, as if it had."""
        flow = self.flow(handle)
        self._clock_s = flow.used_s = max(flow.used_s, self._clock_s)
        flow.used_s += ride.charged_s / flow.weight

    def settle(self, handle: str, charged_s: float, took_s: float) -> None:
        """Correct a model's account once its batch has run."""
        flow = self._flows.get(handle)
        if flow is not None:
            flow.used_s += (took_s - charged_s) / flow.weight

    def remove(self, handle: str, item: Q) -> None:
        """Take all that waits of a request out, if anything does."""
        flow = self._waiting.get(handle)
        if flow is not None and item.lane is not None:
            self._take(handle, item, item.rows)

    def expired(self, now_s: float) -> list[Q]:
        """The requests whose deadlines have passed since; they wait until they are removed."""
        return self._deadlines.passed(now_s)

    def _take(self, handle: str, item: Q, rows: int) -> None:
        flow = self._waiting[handle]
        flow.take(item, rows)
        if item.rows == 0 and item.deadline_s is not None:
            self._deadlines.remove(item, item.deadline_s)
        if not flow.rows:
            del self._waiting[handle]
