"""A batch's outputs, dealt out: to each request the rows and the outputs that it asked for."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.server.worker.wanted import Wanted
from horngate.server.worker.work import Batch, Share, Work, cut
from tests.server.worker.requests import work_of


def work(rows: int, outputs: tuple[str, ...], first: int) -> Work:
    x = np.arange(first, first + rows, dtype=np.float32).reshape(-1, 1)
    owner = cast(Any, SimpleNamespace())
    return work_of(x, owner=owner, request=first, handle="m", outputs=outputs, wanted=Wanted(outputs))


def test_requests_for_other_outputs_share_a_batch_and_get_their_own() -> None:
    both = Share(work=work(2, ("hidden", "y"), 0), start=0, stop=2)
    one = Share(work=work(3, ("y",), 10), start=1, stop=3)
    other = Share(work=work(1, ("hidden",), 20), start=0, stop=1)
    shares = [both, one, other]
    batch = Batch(
        handle="m",
        program=cast(Any, None),
        names=("y", "hidden"),
        charged_s=0.3,
        shares=shares,
        input_names=["x"],
        needed_bytes=lambda rows: rows,
    )
    x = batch.merged()["x"]
    np.testing.assert_array_equal(x[:, 0], [0, 1, 11, 12, 20])
    batch.outputs = [x * 2, x + 100]
    parts = [[array[:, 0].tolist() for array in arrays] for arrays in batch.split()]
    assert parts == [[[100, 101], [0, 2]], [[22, 24]], [[120]]]
    singles = batch.singles()
    assert [single.merged()["x"][:, 0].tolist() for single in singles] == [[0, 1], [11, 12], [20]]
    assert sum(single.charged_s for single in singles) == pytest.approx(batch.charged_s)


def test_requests_of_different_lengths_are_padded_to_the_longest_or_to_what_is_compiled() -> None:
    shares = [Share(work=work(rows, ("y",), 10 * rows), start=0, stop=rows) for rows in (2, 1)]
    for share, length in zip(shares, (2, 3), strict=True):
        share.work.inputs = [np.full((share.rows, length), share.rows, np.float32)]
    batch = Batch(
        handle="m",
        program=cast(Any, None),
        names=("y",),
        charged_s=0.1,
        shares=shares,
        input_names=["x"],
        needed_bytes=lambda rows: rows,
        fills={"x": -1.0},
    )
    assert batch.merged()["x"].tolist() == [[2, 2, -1], [2, 2, -1], [1, 1, 1]]
    assert batch.padded_steps == 2
    compiled = replace(batch, inputs=None, shapes=((4,),))
    assert compiled.merged()["x"].tolist() == [[2, 2, -1, -1], [2, 2, -1, -1], [1, 1, 1, -1]]
    assert compiled.padded_steps == 5
    assert [half.merged()["x"].shape for half in compiled.halves()] == [(1, 4), (2, 4)]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.data())
def test_halves_have_every_row_once_and_in_order(sizes: list[int], data: st.DataObject) -> None:
    shares = [Share(work=cast(Any, index), start=2, stop=2 + size) for index, size in enumerate(sizes)]
    first, second = cut(shares, data.draw(st.integers(0, sum(sizes))))
    rows = [(share.work, row) for share in shares for row in range(share.start, share.stop)]
    parts = [(share.work, row) for share in [*first, *second] for row in range(share.start, share.stop)]
    assert parts == rows
