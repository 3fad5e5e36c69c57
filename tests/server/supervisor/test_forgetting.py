"""When what was counted of a version goes."""

from typing import Any, cast

from horngate.server.supervisor.forgetting import FORGET_S, MOST_GONE, Forgetting

OLD, NEW, OTHER = ("m", "1"), ("m", "2"), ("other", "1")


def forgetting() -> Forgetting:
    return Forgetting(cast(Any, None), lambda *frame: None)


def test_figures_stay_for_a_while_after_their_version() -> None:
    one = forgetting()
    assert one.due({OLD, OTHER}, 0.0) == []
    assert one.due({NEW, OTHER}, 100.0) == []
    assert one.due({NEW, OTHER}, 99.0 + FORGET_S) == []
    assert one.due({NEW, OTHER}, 100.0 + FORGET_S) == [OLD]
    assert one.due({NEW, OTHER}, 1e9) == []


def test_a_version_that_comes_back_is_not_forgotten() -> None:
    one = forgetting()
    for there, now_s in (({OLD}, 0.0), (set(), 1.0), ({OLD}, 2.0)):
        assert one.due(there, now_s) == []
    assert one.due({OLD}, 10 * FORGET_S) == []
    assert one.due(set(), 11 * FORGET_S) == []
    assert one.due(set(), 12 * FORGET_S) == [OLD]


def test_where_versions_come_faster_than_they_are_forgotten_the_first_go_sooner() -> None:
    one = forgetting()
    due = [version for number in range(200) for version in one.due({("m", str(number))}, number * 1e-3)]
    assert due == [("m", str(number)) for number in range(199 - MOST_GONE)]
