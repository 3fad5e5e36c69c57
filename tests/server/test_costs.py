"""What batches are expected to cost."""

import math

import pytest

from horngate.server.costs import ENOUGH_BATCHES, Cost, Curve


def test_a_curve_is_straight_between_what_was_measured_and_proportional_beyond() -> None:
    curve = Curve({1: 100.0, 4: 200.0})  # 10 ms, 20 ms
    assert [curve.seconds(rows) for rows in (1, 4)] == pytest.approx([0.01, 0.02])
    assert curve.seconds(2) == pytest.approx(0.01 + 0.01 / 3)
    assert curve.seconds(8) == pytest.approx(0.04)


def test_a_cost_follows_what_batches_really_take() -> None:
    cost = Cost(Curve({1: 100.0, 4: 200.0}))
    for _ in range(100):
        cost.learn(1, 0.03)
    assert cost.seconds(4) == pytest.approx(0.06, rel=0.01), "three times what the curve says, at every size"
    assert cost.row_s(4) == pytest.approx(0.015, rel=0.01)
    for _ in range(ENOUGH_BATCHES):
        cost.learn(4, 0.002)
    assert cost.seconds(1) == pytest.approx(0.001, rel=2.0), "a fast program is known as one soon"


def test_one_slow_batch_is_no_reason_to_despair() -> None:
    cost = Cost(Curve({1: 100.0, 4: 200.0}))
    cost.learn(1, 60.0)
    assert cost.seconds(1) < 0.014
    assert not cost.is_known
    for _ in range(ENOUGH_BATCHES):
        cost.learn(1, 0.01)
    assert cost.is_known
    assert cost.seconds(1) == pytest.approx(0.01, rel=0.05)


def test_as_few_go_together_as_lose_nothing() -> None:
    flat = Curve({1: 24.0, 2: 23.5, 4: 23.0, 8: 25.0, 16: 26.0})
    assert [flat.enough(rows) for rows in (1, 2, 4, 8, 16)] == [1, 1, 1, 8, 16]
    assert flat.enough(32) == 32, "so many were never measured"
    rising = Curve({1: 160.0, 4: 197.0, 8: 220.0})
    assert [rising.enough(rows) for rows in (2, 3, 4, 8)] == [2, 3, 4, 8]


def test_rows_of_a_tiny_network_and_those_told_to_go_together() -> None:
    tiny = Curve({1: 1e5, 64: 1e5})
    assert tiny.enough(8) == 8, "each batch costs the worker far more"
    assert [Cost(Curve({1: 24.0, 8: 23.0}), least=rows).enough(8) for rows in (1, 2, 9, math.inf)] == [
        1,
        2,
        8,
        8,
    ]
