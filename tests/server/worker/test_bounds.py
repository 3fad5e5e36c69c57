"""Who may wait."""

import pytest

from horngate.server.settings import QueueSettings
from horngate.server.worker.bounds import Asked, Line, refusal

LINE = Line(rows=90, bytes=900, rows_ahead=90, limit=8, row_s=0.01)
ASKED = Asked(rows=5, bytes=50, priority=0, left_s=None)


def reason(asked: Asked, line: Line, settings: QueueSettings) -> str | None:
    refused = refusal("m", asked, line, settings)
    return None if refused is None else refused.reason


def test_rows_and_bytes_are_bounded_and_the_error_says_when_to_ask_again() -> None:
    assert reason(ASKED, LINE, QueueSettings(rows=95, bytes=950)) is None
    assert reason(ASKED, LINE, QueueSettings(rows=94)) == "rows"
    assert reason(ASKED, LINE, QueueSettings(bytes=949)) == "bytes"
    refused = refusal("m", ASKED, LINE, QueueSettings(rows=94))
    assert refused is not None
    assert refused.retry_after_s == pytest.approx(0.45), "half of what waits is gone by then"
    assert str(refused) == (
        "model 'm': 90 rows wait; its queue holds 94, and 5 more were received; ask again in 450 ms"
    )


def test_by_default_what_the_device_does_in_half_a_minute_may_wait_and_some_batches_at_least() -> None:
    assert reason(ASKED._replace(rows=3000 - 90), LINE, QueueSettings()) is None
    assert reason(ASKED._replace(rows=3001 - 90), LINE, QueueSettings()) == "rows"
    slow = LINE._replace(rows=30, row_s=20.0)
    assert reason(ASKED._replace(rows=2), slow, QueueSettings()) is None
    assert reason(ASKED._replace(rows=3), slow, QueueSettings()) == "rows"


def test_whoever_finds_nobody_waiting_is_taken_however_large() -> None:
    empty = LINE._replace(rows=0, bytes=0, rows_ahead=0)
    assert (
        reason(Asked(rows=10**6, bytes=10**12, priority=0, left_s=0.001), empty, QueueSettings(rows=1))
        is None
    )


def test_a_deadline_that_cannot_be_met_is_refused_at_once() -> None:
    assert reason(ASKED._replace(left_s=0.96), LINE, QueueSettings()) is None
    assert reason(ASKED._replace(left_s=0.94), LINE, QueueSettings()) == "deadline"
    urgent = LINE._replace(rows_ahead=0)  # whoever is first in line is never a lost cause
    assert reason(ASKED._replace(left_s=0.01), urgent, QueueSettings()) is None
