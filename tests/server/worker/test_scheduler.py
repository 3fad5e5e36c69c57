"""What the plan promises, over any queues: nothing lost or twice, no limit exceeded, oldest first, never idle."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from horngate.server.worker.scheduler import is_expired, plan

NOW_S = 100.0


@dataclass(eq=False, kw_only=True)
class Row:
    rows: int
    arrived_s: float = 0.0
    deadline_s: float | None = None
    alone: bool = False


def rows_strategy() -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        rows=st.integers(1, 40),
        arrived_s=st.floats(0, NOW_S),
        deadline_s=st.none() | st.floats(NOW_S - 10, NOW_S + 10),
        alone=st.booleans(),
    )


queues_strategy = st.dictionaries(
    st.integers(0, 4),
    st.lists(rows_strategy(), max_size=8).map(lambda rows: sorted(rows, key=lambda r: r.arrived_s)),
)


@given(queues_strategy, st.integers(1, 64))
def test_a_plan_keeps_its_promises(queues: dict[int, list[Row]], limit: int) -> None:
    decision = plan(queues, dict.fromkeys(queues, limit), NOW_S)
    waiting = [row for queue in queues.values() for row in queue]
    alive = [row for row in waiting if not is_expired(row, NOW_S)]
    assert set(decision.expired) == set(waiting) - set(alive)
    assert (decision.queue is None) == (not alive), "a row that waits is never left behind by an idle device"
    if decision.queue is None:
        assert decision.batch == ()
        return
    taken = [row for row, _ in decision.batch]
    assert min(row.arrived_s for row in alive) in {row.arrived_s for row in taken}
    assert 1 <= sum(rows for _, rows in decision.batch) <= limit
    assert all(0 < rows <= row.rows for row, rows in decision.batch)
    assert all(rows == row.rows for row, rows in decision.batch[:-1]), "only the last is split"
    in_order = [row for row in queues[decision.queue] if row in alive]
    assert taken == in_order[: len(taken)]
    assert len(taken) == 1 or not any(row.alone for row in taken)


@given(queues_strategy, st.integers(1, 64))
def test_carrying_plans_out_runs_every_row_once(queues: dict[int, list[Row]], limit: int) -> None:
    wanted = {id(row): row.rows for queue in queues.values() for row in queue if not is_expired(row, NOW_S)}
    ran = dict.fromkeys(wanted, 0)
    for _ in range(1000):
        decision = plan(queues, dict.fromkeys(queues, limit), NOW_S)
        for expired in decision.expired:
            next(queue for queue in queues.values() if expired in queue).remove(expired)
        if decision.queue is None:
            break
        for row, rows in decision.batch:
            ran[id(row)] += rows
            row.rows -= rows
            if row.rows == 0:
                queues[decision.queue].remove(row)
    assert ran == wanted


def test_full_says_that_nothing_could_be_added() -> None:
    two = {"q": [Row(rows=3), Row(rows=3)]}
    assert plan(two, {"q": 4}, NOW_S).full
    assert plan(two, {"q": 6}, NOW_S).full
    assert not plan(two, {"q": 7}, NOW_S).full
    assert plan({"q": [Row(rows=1, alone=True)]}, {"q": 9}, NOW_S).full


def test_queues_take_turns_by_age() -> None:
    queues = {"new": [Row(rows=1, arrived_s=2.0)], "old": [Row(rows=1, arrived_s=1.0)]}
    assert plan(queues, {"new": 8, "old": 8}, NOW_S).queue == "old"
