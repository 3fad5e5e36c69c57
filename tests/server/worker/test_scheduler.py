"""What the plan decides: who goes next, with whom, and when to wait."""

import pytest

from horngate.server.costs import ENOUGH_BATCHES, Cost, Curve
from horngate.server.worker.queues import Queues
from horngate.server.worker.scheduler import LOWEST, PRIORITY_STEP_S, Decision
from tests.server.worker.requests import Request

NOW_S = 100.0
LINEAR = Curve({1: 100.0, 64: 100.0})
FLAT = Curve({1: 100.0, 64: 6400.0})
"""A row takes 10 ms; and, of FLAT, any batch does."""
FALLING = Curve({1: 100.0, 2: 95.0, 64: 95.0})
"""A row by itself is the fastest."""


def add(
    queues: Queues[Request],
    request: Request,
    *,
    outputs: tuple[str, ...] = ("y",),
    shapes: object = (),
    limit: int = 8,
    cost: Cost | None = None,
) -> Request:
    queues.add(
        request.handle,
        request,
        shapes=str(shapes),
        outputs=outputs,
        cost=cost or Cost(FLAT),
        limit=limit,
        program=outputs,
    )
    return request


def taken(decision: Decision[Request]) -> list[tuple[Request, int]]:
    return list(decision.batch)


def known(curve: Curve) -> Cost:
    """A cost that has been seen often enough to be compared."""
    cost = Cost(curve)
    for _ in range(ENOUGH_BATCHES):
        cost.learn(1, curve.seconds(1))
    return cost


def test_an_idle_device_takes_what_there_is_at_once() -> None:
    queues: Queues[Request] = Queues()
    one, two = add(queues, Request(rows=2)), add(queues, Request(rows=3, arrived_s=NOW_S))
    decision = queues.plan(NOW_S)
    assert taken(decision) == [(one, 2), (two, 3)]
    assert not decision.full


def test_full_says_that_nothing_could_be_added() -> None:
    for limit, full in ((4, True), (6, True), (7, False)):
        queues: Queues[Request] = Queues()
        for _ in range(2):
            add(queues, Request(rows=3), limit=limit)
        assert queues.plan(NOW_S).full is full
    queues = Queues()
    add(queues, Request(rows=1, alone=True))
    assert queues.plan(NOW_S).full


def test_nobody_waits_for_company_that_makes_rows_no_faster() -> None:
    queues: Queues[Request] = Queues()
    pair, *others = (add(queues, Request(rows=rows), cost=Cost(FALLING)) for rows in (2, 1, 1))
    for request in (pair, *others):
        decision = queues.plan(NOW_S)
        assert taken(decision) == [(request, request.rows)]
        queues.begin("model", decision)
    assert not queues


def test_a_whole_batch_goes_whole_and_so_does_what_was_told_to_wait() -> None:
    for limit, max_delay_s in ((3, 0.0), (8, 0.5)):
        queues: Queues[Request] = Queues()
        queues.flow("model").max_delay_s = max_delay_s
        requests = [add(queues, Request(rows=1), cost=Cost(FALLING), limit=limit) for _ in range(3)]
        assert taken(queues.plan(NOW_S)) == [(request, 1) for request in requests]


def test_a_request_larger_than_a_batch_goes_in_parts_and_keeps_its_place() -> None:
    queues: Queues[Request] = Queues()
    large, small = (
        add(queues, Request(rows=10), limit=4),
        add(queues, Request(rows=1, arrived_s=1.0), limit=4),
    )
    batches = []
    while queues:
        decision = queues.plan(NOW_S)
        batches.append(taken(decision))
        queues.begin("model", decision)
    assert batches == [[(large, 4)], [(large, 4)], [(large, 2), (small, 1)]]


def test_a_request_that_is_to_be_alone_shares_with_nobody() -> None:
    queues: Queues[Request] = Queues()
    before, alone, after = (add(queues, Request(rows=1, alone=alone)) for alone in (False, True, False))
    for expected in (before, alone, after):
        decision = queues.plan(NOW_S)
        assert taken(decision) == [(expected, 1)]
        queues.begin("model", decision)


def test_shapes_that_differ_do_not_meet() -> None:
    queues: Queues[Request] = Queues()
    short, long, again = (add(queues, Request(rows=1), shapes=shape) for shape in ((3,), (9,), (3,)))
    decision = queues.plan(NOW_S)
    assert taken(decision) == [(short, 1), (again, 1)]
    queues.begin("model", decision)
    assert taken(queues.plan(NOW_S)) == [(long, 1)]


def test_what_has_expired_is_named_and_never_run() -> None:
    queues: Queues[Request] = Queues()
    late, alive = (
        add(queues, Request(rows=1, deadline_s=NOW_S)),
        add(queues, Request(rows=1, deadline_s=NOW_S + 1)),
    )
    decision = queues.plan(NOW_S)
    assert decision.expired == (late,)
    assert taken(decision) == [(alive, 1)]


def test_a_deadline_is_told_when_it_passes_wherever_the_request_stands() -> None:
    queues: Queues[Request] = Queues()
    add(queues, Request(rows=100))
    behind = add(queues, Request(rows=1, deadline_s=5.0))
    assert queues.next_deadline_s == pytest.approx(5.0, abs=0.005)
    assert queues.expired(4.9) == []
    assert queues.expired(5.006) == [behind]
    assert queues.next_deadline_s is None


def test_priority_goes_first_and_age_overtakes_it() -> None:
    queues: Queues[Request] = Queues()
    usual = add(queues, Request(rows=1, arrived_s=10.0), limit=1)
    urgent = add(queues, Request(rows=1, arrived_s=11.0, priority=1), limit=1)
    assert taken(queues.plan(NOW_S)) == [(urgent, 1)]
    queues.begin("model", queues.plan(NOW_S))
    add(queues, Request(rows=1, arrived_s=10.1 + (LOWEST - 1) * PRIORITY_STEP_S, priority=1), limit=1)
    assert taken(queues.plan(NOW_S)) == [(usual, 1)], "nobody is overtaken for ever"


def test_models_take_turns_by_the_time_that_they_take() -> None:
    queues: Queues[Request] = Queues()
    slow, fast = Cost(Curve({1: 10.0})), Cost(Curve({1: 100.0}))
    for _ in range(100):
        add(queues, Request(rows=1, handle="slow"), limit=1, cost=slow)
        add(queues, Request(rows=1, handle="fast"), limit=1, cost=fast)
    ran = {"slow": 0, "fast": 0}
    for _ in range(88):
        decision = queues.plan(NOW_S)
        handle = decision.batch[0][0].handle
        ran[handle] += 1
        queues.begin(handle, decision)
    assert ran == {"slow": 8, "fast": 80}


def test_an_account_is_settled_by_what_a_batch_really_took() -> None:
    queues: Queues[Request] = Queues()
    for handle in ("as expected", "slower"):
        for _ in range(20):
            add(queues, Request(rows=1, handle=handle), limit=1)
    ran = []
    for _ in range(12):
        decision = queues.plan(NOW_S)
        ran.append(decision.batch[0][0].handle)
        ride = queues.begin(ran[-1], decision)
        queues.settle(ran[-1], ride.charged_s, ride.charged_s * (5 if ran[-1] == "slower" else 1))
    assert ran.count("slower") == 2


def test_weights_divide_the_device_and_idle_time_is_not_saved_up() -> None:
    queues: Queues[Request] = Queues()
    queues.flow("heavy").weight = 3.0
    for _ in range(50):
        add(queues, Request(rows=1, handle="heavy"), limit=1)
    for _ in range(40):
        queues.begin("heavy", queues.plan(NOW_S))
    for _ in range(10):
        add(queues, Request(rows=1, handle="late"), limit=1)
    ran = []
    for _ in range(12):
        decision = queues.plan(NOW_S)
        ran.append(decision.batch[0][0].handle)
        queues.begin(ran[-1], decision)
    assert ran.count("late") in (3, 4)


def test_max_delay_waits_for_company_until_it_is_there_or_time_is_up() -> None:
    queues: Queues[Request] = Queues()
    queues.flow("model").max_delay_s = 0.5
    add(queues, Request(rows=3, arrived_s=1.0))
    waiting = queues.plan(1.1)
    assert waiting.batch == ()
    assert waiting.wait_until_s == 1.5
    assert queues.plan(1.5).batch
    add(queues, Request(rows=5, arrived_s=1.2))
    assert queues.plan(1.2).full


def test_max_delay_does_not_cost_a_request_its_deadline() -> None:
    queues: Queues[Request] = Queues()
    queues.flow("model").max_delay_s = 0.5
    add(queues, Request(rows=3, arrived_s=1.0, deadline_s=1.2), cost=Cost(LINEAR))
    assert queues.plan(1.0).wait_until_s == pytest.approx(1.2 - 0.03)


def test_other_outputs_ride_along_where_that_saves_time() -> None:
    queues: Queues[Request] = Queues()
    narrow = add(queues, Request(rows=2), outputs=("y",), cost=known(FLAT))
    wide = add(queues, Request(rows=3), outputs=("y", "hidden"), cost=known(FLAT))
    other = add(queues, Request(rows=1), outputs=("z",), cost=known(FLAT))
    decision = queues.plan(NOW_S)
    assert taken(decision) == [(narrow, 2), (wide, 3)]
    assert decision.lane is not None
    assert decision.lane.outputs == {"y", "hidden"}
    assert queues.begin("model", decision).program == ("y", "hidden")
    assert taken(queues.plan(NOW_S)) == [(other, 1)]


def test_other_outputs_run_by_themselves_where_riding_along_saves_nothing() -> None:
    for cost in (
        known(LINEAR),
        Cost(FLAT),
    ):  # a row costs the same in any batch; or what it costs is not known
        queues: Queues[Request] = Queues()
        narrow = add(queues, Request(rows=2), outputs=("y",), cost=cost)
        add(queues, Request(rows=3), outputs=("y", "hidden"), cost=cost)
        assert taken(queues.plan(NOW_S)) == [(narrow, 2)]
