"""Whether a lone caller hurries."""

from horngate.server.pace import ENOUGH, QUICK_S, Pace


def test_only_many_in_quick_succession_are_quick() -> None:
    now_s = 100.0
    pace = Pace(lambda: now_s)
    found = []
    for _ in range(ENOUGH + 2):
        found.append(pace.is_quick())
        now_s += QUICK_S / 2
    assert found == [False] * ENOUGH + [True, True]
    now_s += QUICK_S
    assert not pace.is_quick(), "it paused"
