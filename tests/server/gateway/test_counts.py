"""When answers are counted."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import Counter, Gauge, Histogram

from horngate.server.gateway.counts import Counts
from horngate.server.pace import ENOUGH, QUICK_S, Pace

LABELS = ("model", "version")
ANSWER: Any = (
    SimpleNamespace(entry=SimpleNamespace(name="m", version="1"), arrived_s=0.0, rows=2),
    b"an answer",
)


@pytest.fixture
def rows() -> Counter:
    return Counter("rows", "Rows.", LABELS, registry=None)


@pytest.fixture
def counts(rows: Counter) -> Counts:
    """Of a gateway whose answers leave one soon after the other."""
    moments = (100.0 + number * QUICK_S / 2 for number in range(10 * ENOUGH))
    metrics = SimpleNamespace(
        requests=Counter("requests", "Requests.", (*LABELS, "code"), registry=None),
        rows=rows,
        duration=Histogram("duration", "Durations.", LABELS, registry=None),
        last=Gauge("last", "The last.", LABELS, registry=None),
    )
    return Counts(cast(Any, metrics), Pace(lambda: next(moments)))


def counted(rows: Counter) -> float:
    return cast(float, rows.labels("m", "1")._value.get())


def test_whoever_asks_a_few_times_is_counted_before_the_answer(counts: Counts, rows: Counter) -> None:
    for number in range(1, ENOUGH + 1):
        with counts.counting([ANSWER]):
            assert counted(rows) == 2 * number


def test_a_lone_caller_that_hurries_is_counted_once_it_has_its_answer(counts: Counts, rows: Counter) -> None:
    for _ in range(ENOUGH):
        with counts.counting([ANSWER]):
            pass
    with counts.counting([ANSWER]):
        assert counted(rows) == 2 * ENOUGH
    assert counted(rows) == 2 * (ENOUGH + 1)


def test_answers_that_leave_together_are_counted_first(counts: Counts, rows: Counter) -> None:
    for number in range(1, ENOUGH + 10):
        with counts.counting([ANSWER, ANSWER]):
            assert counted(rows) == 4 * number
