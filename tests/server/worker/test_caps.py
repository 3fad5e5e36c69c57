"""A cap gives way when memory runs out, is remembered, and comes back slowly, never above its bound."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from horngate.server.worker.caps import RAISE_AFTER, Cap


def test_half_of_what_failed_is_tried_and_remembered(tmp_path: Path) -> None:
    file = tmp_path / "learned.json"
    told = []
    cap = Cap(100, file)
    cap.changed = lambda: told.append(cap.rows)
    cap.ran_out(80)
    assert cap.rows == 40
    assert Cap(100, file).rows == 40, "a restart begins there"
    assert Cap(30, file).rows == 30, "what fits bounds it still"
    assert told == [40]


def test_many_good_batches_raise_it_until_nothing_is_left_of_the_lesson(tmp_path: Path) -> None:
    file = tmp_path / "learned.json"
    cap = Cap(100, file)
    cap.ran_out(80)
    seen = [cap.rows]
    for _ in range(RAISE_AFTER * 20):
        cap.ran(cap.rows)
        if cap.rows != seen[-1]:
            seen.append(cap.rows)
    assert seen[:3] == [40, 45, 50]
    assert max(seen) == 100
    assert not file.exists()


def test_small_batches_prove_nothing(tmp_path: Path) -> None:
    cap = Cap(100, tmp_path / "learned.json")
    cap.ran_out(80)
    for _ in range(RAISE_AFTER * 3):
        cap.ran(20)
    assert cap.rows == 40


events = st.lists(st.tuples(st.sampled_from(("out", "ran", "fit")), st.integers(1, 1000)), max_size=60)


@given(st.integers(1, 1000), events)
def test_it_is_never_below_one_row_nor_above_what_fits(bound: int, happened: list[tuple[str, int]]) -> None:
    cap = Cap(bound, Path("/nonexistent/learned.json"))
    for what, rows in happened:
        if what == "fit":
            bound = rows
            cap.fit(rows)
        elif what == "out":
            cap.ran_out(min(rows, cap.rows))
        else:
            cap.ran(rows)
        assert 1 <= cap.rows <= bound
