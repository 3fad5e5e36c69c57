"""Whatever arrives, expires or is cancelled: nothing is lost, nothing runs twice, nobody starves.

Steps of a sequence run in the order in which they came, one at a time, and none goes on over one that failed.

`HORNGATE_SIMULATED_STEPS=1000000 pytest tests/server/worker/test_queues.py` walks as far as one likes.
"""

import os
import random
from collections import Counter

import pytest

from horngate.server.costs import Cost, Curve
from horngate.server.worker.queues import Queues
from horngate.server.worker.scheduler import LOWEST, PRIORITY_STEP_S, rank_s
from tests.server.worker.requests import Request

STEPS = int(os.environ.get("HORNGATE_SIMULATED_STEPS", "10000"))
MODELS = ("a", "b", "c")
OUTPUTS = (("y",), ("y", "hidden"), ("hidden",))
LIMIT = {"a": 4, "b": 16, "c": 64}
TURNS = 12
"""Sequences of each model."""
ROW_S = {"a": 0.02, "b": 0.004, "c": 0.0005}
BATCH_S = {handle: LIMIT[handle] * ROW_S[handle] for handle in MODELS}


class World:
    """One device, a clock of its own, and everything that a caller can do. Every promise is checked as it goes."""

    def __init__(self, seed: int, delays: bool) -> None:
        self.random = random.Random(seed)
        self.now_s = 1000.0
        self.queues: Queues[Request] = Queues()
        self.costs = {
            (handle, outputs): Cost(Curve({1: 0.5 / ROW_S[handle], LIMIT[handle]: 1 / ROW_S[handle]}))
            for handle in MODELS
            for outputs in OUTPUTS
        }
        self.kind: dict[Request, tuple[str, str, tuple[str, ...]]] = {}
        self.waiting: dict[Request, None] = {}
        # The steps of each sequence that are not answered, as they came; those behind the first wait for it.
        self.steps: dict[str, list[Request]] = {}
        self.ended: Counter[str] = Counter()
        self.used_s: Counter[str] = Counter()
        self.fair_since: dict[str, float] = {}
        for handle in MODELS:
            self.queues.flow(handle).max_delay_s = self.random.choice((0.0, 0.05)) if delays else 0.0

    def step(self) -> None:
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 5))):
            self.arrive()
        if self.waiting and self.random.random() < 0.05:
            self.end(self.random.choice(list(self.waiting)), "cancelled")
        if self.waiting and self.random.random() < 0.05:
            self.come_back(self.random.choice(list(self.waiting)))
        self.now_s += self.random.choice((0.0, 0.001, 0.01))
        self.expire()
        self.run_batch()

    def expire(self) -> None:
        for request in self.queues.expired(self.now_s):
            assert request.deadline_s is not None
            assert 0 <= self.now_s - request.deadline_s
            if request in self.waiting:  # It may have ended with the step before it just now.
                self.end(request, "expired")

    def arrive(self) -> None:
        handle = self.random.choice(MODELS)
        deadline_s = self.now_s + self.random.uniform(0.0, 1.0) if self.random.random() < 0.3 else None
        request = Request(
            rows=self.random.choice((1, 1, 2, 7, 100)) if self.random.random() < 0.5 else 1,
            handle=handle,
            arrived_s=self.now_s,
            deadline_s=deadline_s,
            alone=self.random.random() < 0.05,
            priority=self.random.choice((0, 0, 0, 1, 5, 9, 300)),
            turn=f"{handle}{self.random.randrange(TURNS)}" if self.random.random() < 0.4 else None,
        )
        shapes, outputs = self.random.choice(("", "", "(3,)")), self.random.choice(OUTPUTS)
        self.kind[request] = (handle, shapes if request.turn is None else f"steps {shapes}", outputs)
        self.waiting[request] = None
        if request.turn is None:
            self.add(request)
            return
        self.steps.setdefault(request.turn, []).append(request)
        is_first = self.queues.line_up(request)
        assert is_first == (self.steps[request.turn] == [request])
        if is_first:
            self.add(request)

    def add(self, request: Request) -> None:
        handle, shapes, outputs = self.kind[request]
        self.queues.add(
            handle,
            request,
            shapes=shapes,
            outputs=outputs,
            cost=self.costs[handle, outputs],
            limit=LIMIT[handle],
            program=outputs,
        )

    def come_back(self, request: Request) -> None:
        """Taken out and added again, it has the place that it had."""
        if request.lane is not None:
            rows = request.rows
            self.queues.remove(request.handle, request)
            request.rows = rows
            self.add(request)

    def end(self, request: Request, how: str) -> None:
        self.queues.remove(request.handle, request)
        assert request.rows == request.total_rows - sum(request.ran) or how != "answered"
        self.ended[how] += 1
        del self.waiting[request]
        del self.kind[request]
        if request.turn is not None:
            self.end_step(request, how)

    def end_step(self, request: Request, how: str) -> None:
        steps = self.steps[request.turn]
        if how == "answered":
            assert steps[0] is request
        else:
            behind = steps[steps.index(request) + 1 :]
            assert self.queues.steps_behind(request) == behind[::-1]
            for other in behind[::-1]:
                self.end(other, "left behind")
        steps.remove(request)
        follows = self.queues.step_done(request, self.now_s)
        if follows is not None:
            assert steps[0] is follows
            self.add(follows)

    def is_parked(self, request: Request) -> bool:
        return request.turn is not None and self.steps[request.turn][0] is not request

    def run_batch(self) -> None:
        decision = self.queues.plan(self.now_s)
        for request in decision.expired:
            assert request.deadline_s is not None
            assert request.deadline_s <= self.now_s
            self.end(request, "expired")
        if not decision.batch:
            self.check_idle(decision.wait_until_s, bool(decision.expired))
            return
        self.check(decision.batch, bool(decision.expired))
        handle = decision.batch[0][0].handle
        before = {request: request.rows for request, _ in decision.batch}
        ride = self.queues.begin(handle, decision)
        for request, rows in decision.batch:
            assert set(self.kind[request][2]) <= set(ride.names)
            assert request.rows == before[request] - rows
            request.ran.append(rows)
            if request.rows == 0:
                assert sum(request.ran) == request.total_rows
                self.end(request, "answered")
        rows = sum(rows for _, rows in decision.batch)
        took_s = self.costs[handle, ride.names].seconds(rows) * self.random.uniform(0.8, 1.2)
        self.costs[handle, ride.names].learn(rows, took_s)
        self.queues.settle(handle, ride.charged_s, took_s)
        self.now_s += took_s
        self.check_fair(handle, took_s)

    def check(self, batch: tuple[tuple[Request, int], ...], found_expired: bool) -> None:
        first = batch[0][0]
        assert 1 <= sum(rows for _, rows in batch) <= LIMIT[first.handle]
        assert len({self.kind[request][:2] for request, _ in batch}) == 1, "one model, one set of shapes"
        assert len({id(request) for request, _ in batch}) == len(batch), "nobody twice"
        assert len(batch) == 1 or not any(request.alone for request, _ in batch)
        assert all(0 < rows <= request.rows for request, rows in batch)
        turns = [request.turn for request, _ in batch if request.turn is not None]
        assert len(set(turns)) == len(turns), "one step of a sequence"
        assert not turns or len(turns) == len(batch), "steps meet no other requests"
        assert not any(self.is_parked(request) for request, _ in batch), "in order within a sequence"
        assert all(request.deadline_s is None or request.deadline_s > self.now_s for request, _ in batch)
        # A lane is chosen by its first request even if that has just expired.
        if not self.queues.flow(first.handle).max_delay_s and not found_expired:
            same = [other for other in self.waiting if other.handle == first.handle and self.ready(other)]
            assert first.rank_s == min(other.rank_s for other in same), "the model's first request is in it"
        # Within a lane nobody overtakes a request of a lower rank; only the last of a lane is split.
        by_lane: dict[tuple[str, ...], list[Request]] = {}
        for request, _ in batch:
            lane = by_lane.setdefault(self.kind[request][2], [])
            assert not lane or lane[-1].rank_s <= request.rank_s
            assert not lane or self.whole(lane[-1], batch)
            lane.append(request)
        taken = {request for request, _ in batch}
        for outputs, requests in by_lane.items():
            alike = (first.handle, self.kind[first][1], outputs)
            for other in self.waiting:
                if other not in taken and self.kind[other] == alike and self.ready(other):
                    assert other.rank_s >= requests[-1].rank_s

    def whole(self, request: Request, batch: tuple[tuple[Request, int], ...]) -> bool:
        return any(other is request and rows == request.rows for other, rows in batch)

    def ready(self, request: Request) -> bool:
        alive = request.deadline_s is None or request.deadline_s > self.now_s
        return alive and not self.is_parked(request)

    def check_idle(self, wait_until_s: float, found_expired: bool) -> None:
        """Nothing that could run is left behind; what may wait for company is told until when."""
        if found_expired:
            return
        assert wait_until_s > self.now_s
        for request in self.waiting:
            assert self.queues.flow(request.handle).max_delay_s > 0
        if self.waiting:
            assert wait_until_s <= self.now_s + 0.05

    def check_fair(self, handle: str, took_s: float) -> None:
        """Of two models that both wait all the while, neither gets more than a batch ahead of the other."""
        self.used_s[handle] += took_s
        backlogged = {each for each in MODELS if self.queues.oldest_s(each) is not None}
        if backlogged != set(MODELS) or any(self.queues.flow(each).max_delay_s for each in MODELS):
            self.fair_since = {}
            return
        if not self.fair_since:
            self.fair_since = dict(self.used_s)
        gained = [self.used_s[each] - self.fair_since.get(each, 0.0) for each in MODELS]
        assert max(gained) - min(gained) <= 2 * 1.2 * 1.2 * max(BATCH_S.values()) + 2 * max(BATCH_S.values())


@pytest.mark.parametrize("delays", [False, True])
def test_every_promise_is_kept_over_many_steps(delays: bool) -> None:
    for seed in range(max(1, STEPS // 10000)):
        world = World(seed, delays)
        for _ in range(min(STEPS, 10000) // 2):
            world.step()
        while world.waiting:  # nobody comes any more: all that waits is run
            world.now_s += 0.05
            world.expire()
            world.run_batch()
        assert not world.queues
        assert world.queues.rows == 0
        assert world.queues.next_deadline_s is None
        assert all(world.queues.behind(handle) == (0, 0) for handle in MODELS)
        assert min(world.ended[how] for how in ("answered", "expired", "cancelled", "left behind")) > 0


def test_nobody_starves_however_many_urgent_requests_come() -> None:
    """The lowest priority waits no longer than its rank says: its levels' steps and the batches before it."""
    queues: Queues[Request] = Queues()
    cost = Cost(Curve({1: 100.0}))
    now_s = 0.0

    def add(request: Request) -> Request:
        queues.add("model", request, shapes="", outputs=("y",), cost=cost, limit=1)
        return request

    low = add(Request(rows=1, arrived_s=now_s, priority=LOWEST))
    while low.rows:
        for _ in range(2):  # twice what the device can do
            add(Request(rows=1, arrived_s=now_s, priority=1))
        queues.begin("model", queues.plan(now_s))
        now_s += 0.01
        assert now_s <= 2.2 * rank_s(0.0, LOWEST)
    assert now_s > (LOWEST - 1) * PRIORITY_STEP_S
