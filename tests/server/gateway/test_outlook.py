"""What a gateway believes of a worker."""

import pytest

from horngate.contract.errors import ResourceExhausted
from horngate.server.gateway.outlook import FULL_SHARE, Outlook


def test_our_calls_count_until_they_are_answered() -> None:
    outlook = Outlook()
    outlook.send(0.1)
    outlook.send(0.2)
    assert outlook.ahead_s(5.0) == pytest.approx(0.3)
    outlook.answered(0.1)
    assert outlook.ahead_s(5.0) == pytest.approx(0.2)
    outlook.answered(0.2)
    assert outlook.ahead_s(5.0) == 0.0, "exactly: idle workers are told apart by their turns alone"


def test_what_other_gateways_sent_is_heard_and_wears_off() -> None:
    outlook = Outlook()
    outlook.send(0.1)
    outlook.hear(0.5, 10.0)
    assert outlook.ahead_s(10.0) == pytest.approx(0.5)
    assert outlook.ahead_s(10.3) == pytest.approx(0.2)
    assert outlook.ahead_s(99.0) == pytest.approx(0.1), "our own does not: we would know"
    outlook.hear(0.05, 99.0)
    assert outlook.ahead_s(99.0) == pytest.approx(0.1)


def test_a_full_queue_is_left_alone_for_a_part_of_the_time_that_it_takes_to_drain() -> None:
    outlook = Outlook()
    full = ResourceExhausted("full", retry_after_s=1.0, reason="rows")
    outlook.refused("m/1", full, 10.0)
    assert outlook.refuses("m/1", 10.0 + 0.9 * FULL_SHARE) is full
    assert outlook.refuses("m/2", 10.0) is None
    assert outlook.refuses("m/1", 10.0 + FULL_SHARE) is None


@pytest.mark.parametrize(
    "error",
    [
        ResourceExhausted("too late for this one", retry_after_s=1.0, reason="deadline"),
        ResourceExhausted("too large"),
    ],
)
def test_what_concerns_one_request_alone_says_nothing_of_others(error: ResourceExhausted) -> None:
    outlook = Outlook()
    outlook.refused("m/1", error, 10.0)
    assert outlook.refuses("m/1", 10.0) is None
