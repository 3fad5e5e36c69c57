"""What a memory model promises: never falling in rows or sizes, above its probes, and its own inverse."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from horngate.server.worker.memory_model import MARGIN, MAX_ROWS, SLACK_BYTES, MemoryModel

REFERENCE = ((16, 3), (16,))


@st.composite
def models(draw: st.DrawFn) -> MemoryModel:
    rows = draw(st.lists(st.integers(1, 1024), min_size=1, max_size=8, unique=True).map(sorted))
    stretch = draw(st.sampled_from((1.0, 2.0, 4.0, 16.0)))
    return MemoryModel(
        points=tuple((count, draw(st.integers(0, 1 << 32))) for count in rows),
        row_bytes=draw(st.integers(1, 1 << 20)),
        shapes=REFERENCE,
        stretch=stretch,
        growth=draw(st.floats(1.0, 300.0)) if stretch > 1 else 1.0,
    )


@given(models(), st.integers(1, MAX_ROWS - 1))
def test_a_batch_of_more_rows_never_needs_less(model: MemoryModel, rows: int) -> None:
    assert model.bytes(rows) <= model.bytes(rows + 1)
    assert model.bytes(rows) >= rows * model.row_bytes


@given(models())
def test_no_probe_lies_above_the_model(model: MemoryModel) -> None:
    for rows, size in model.points:
        assert model.bytes(rows) >= MARGIN * size


@given(models(), st.integers(0, 1 << 36))
def test_rows_within_is_the_inverse_of_bytes(model: MemoryModel, budget_bytes: int) -> None:
    rows = model.rows_within(budget_bytes)
    assert 0 <= rows <= MAX_ROWS
    assert rows == 0 or model.bytes(rows) <= budget_bytes
    assert rows == MAX_ROWS or model.bytes(rows + 1) > budget_bytes


@given(
    models(), st.integers(1, 500), st.lists(st.integers(1, 4000), min_size=3, max_size=3), st.integers(0, 2)
)
def test_longer_axes_never_need_less(model: MemoryModel, rows: int, sizes: list[int], axis: int) -> None:
    longer = list(sizes)
    longer[axis] += 1
    shapes = [((a, b), (c,)) for a, b, c in (sizes, longer)]
    assert model.bytes(rows) <= model.bytes(rows, shapes[0]) <= model.bytes(rows, shapes[1])


@given(st.integers(1, 64), st.integers(1, 4096), st.integers(1, 60), st.integers(0, 6))
def test_attention_is_bounded_at_every_length(rows: int, length: int, linear: int, squared: int) -> None:
    """A network whose true memory is linear and quadratic in length, probed at 16 and at 64."""

    def truth(count: int, size: int) -> int:
        return count * (1000 * linear * size + 100 * squared * size * size)

    model = MemoryModel(
        points=tuple((count, truth(count, 16)) for count in (1, 4, 16)),
        row_bytes=64,
        shapes=((16,),),
        stretch=4.0,
        growth=truth(4, 64) / truth(4, 16),
    )
    assert model.bytes(rows, ((length,),)) >= truth(rows, length)


def test_a_straight_line_is_followed_far_beyond_the_probes() -> None:
    line = {rows: 10_000_000 + 9_700_000 * rows for rows in (4, 8, 16, 64, 4096)}
    model = MemoryModel(points=tuple((rows, line[rows]) for rows in (4, 8, 16)), row_bytes=1)
    for rows in (64, 4096):
        assert line[rows] <= model.bytes(rows) <= 1.06 * line[rows] + SLACK_BYTES


def test_a_flat_stretch_in_the_probes_does_not_hide_the_slope() -> None:
    """An engine that keeps a buffer of 16 rows: the last two probes alone would promise rows for nothing."""
    model = MemoryModel(points=((2, 2000_000), (8, 16_000_000), (16, 16_000_000)), row_bytes=1)
    assert model.bytes(64) > 60_000_000


def test_json_and_back() -> None:
    model = MemoryModel(points=((1, 2), (3, 4)), row_bytes=5, shapes=REFERENCE, stretch=4.0, growth=9.5)
    assert MemoryModel.from_json(model.to_json()) == model


def test_every_pair_of_shapes_is_stretched_by_its_larger_axes_alone() -> None:
    model = MemoryModel(points=((1, 1),), row_bytes=1, shapes=((10, 10),))
    for height, width in itertools.product((1, 10, 40), repeat=2):
        expected = max(1, height / 10) * max(1, width / 10)
        assert model.stretched(((height, width),)) == expected


def test_a_batch_of_many_pages_may_take_one_more():
    finely = MemoryModel(points=((1, 1 << 20), (64, 64 << 20)), row_bytes=1)
    by_pages = replace(finely, page_bytes=2 << 20)
    more = [by_pages.bytes(rows) - finely.bytes(rows) for rows in (1, 8, 32, 64)]
    assert more == [0, 0, 2 << 20, 2 << 20]
    budget = by_pages.bytes(20)
    assert (
        by_pages.bytes(by_pages.rows_within(budget))
        <= budget
        < by_pages.bytes(by_pages.rows_within(budget) + 1)
    )
    assert MemoryModel.from_json(by_pages.to_json()) == by_pages
