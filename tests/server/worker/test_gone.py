"""Sequences that are gone are remembered within bounds, and those longest whose callers do not know."""

from horngate.server.worker.gone import MOST_ENDED, Gone
from horngate.server.worker.turned_away import ENDED, EXPIRED, LOST


def test_many_that_their_callers_ended_do_not_push_out_others_nor_pile_up() -> None:
    gone = Gone()
    gone.add(("m", "expired"), EXPIRED)
    gone.add(("m", "lost"), LOST)
    for number in range(20 * MOST_ENDED):
        gone.add(("m", number), ENDED)
    assert len(gone) == MOST_ENDED + 2
    assert [gone.how(("m", name)) for name in ("expired", "lost", 0, 20 * MOST_ENDED - 1)] == [
        EXPIRED,
        LOST,
        None,
        ENDED,
    ]


def test_what_begins_anew_is_forgotten_and_the_last_end_counts() -> None:
    gone = Gone()
    gone.add(("m", 1), EXPIRED)
    gone.add(("m", 1), ENDED)
    assert (gone.how(("m", 1)), len(gone)) == (ENDED, 1)
    gone.forget(("m", 1))
    assert gone.how(("m", 1)) is None
