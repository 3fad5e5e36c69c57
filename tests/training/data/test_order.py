"""Each epoch's order is a function of seed and epoch, has every row once, and mixes the whole file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.training.data.order import Windows, mixing, shuffled


def order_of(windows: Windows, seed: int = 0, epoch: int = 0) -> np.ndarray:
    return np.concatenate([windows.indices(n, seed, epoch, shuffle=True) for n in range(len(windows))])


@given(
    rows=st.integers(1, 300), block=st.integers(1, 40), batch=st.integers(1, 16), batches=st.integers(1, 9)
)
def test_windows_have_every_row_once(rows, block, batch, batches):
    windows = Windows(rows=rows, block_rows=block, window_rows=batch * batches)
    assert sorted(order_of(windows)) == list(range(rows))
    sizes = [len(windows.indices(n, 0, 0, shuffle=True)) for n in range(len(windows))]
    assert all(size == batch * batches for size in sizes[:-1])


def test_unshuffled_windows_are_the_rows_in_order():
    windows = Windows(rows=50, block_rows=8, window_rows=12)
    rows = [windows.indices(n, 1, 2, shuffle=False) for n in range(len(windows))]
    assert np.concatenate(rows).tolist() == list(range(50))


def test_the_order_is_of_the_seed_and_the_epoch_alone():
    windows = Windows(rows=500, block_rows=10, window_rows=64)
    assert np.array_equal(order_of(windows, 3, 4), order_of(windows, 3, 4))
    assert not np.array_equal(order_of(windows, 3, 4), order_of(windows, 3, 5))
    assert not np.array_equal(order_of(windows, 3, 4), order_of(windows, 4, 4))
    assert np.array_equal(shuffled(3, 4, 90), shuffled(3, 4, 90))
    assert not np.array_equal(shuffled(3, 4, 90), shuffled(3, 5, 90))


def test_mixing_tells_good_orders_from_bad_ones():
    assert mixing(np.arange(20_000), 20) == pytest.approx(20, rel=0.05)
    assert mixing(shuffled(0, 0, 20_000), 20) == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("epoch", range(4))
def test_windows_of_a_fiftieth_of_the_file_mix_it_all_but_perfectly(epoch):
    """Blocks of 10 rows, windows of 1,000 of 50,000: 100 blocks from all over the file in each."""
    windows = Windows(rows=50_000, block_rows=10, window_rows=1_000)
    assert mixing(order_of(windows, epoch=epoch), 20) < 1.5
