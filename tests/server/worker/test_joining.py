"""What is joined is the same, copied or not."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from horngate.server.worker.joining import VIEWED_FROM_BYTES, joined

ROW = VIEWED_FROM_BYTES // 4
"""Elements of a row that is large enough to be viewed."""


def test_neighbours_are_viewed() -> None:
    memory = np.arange(6 * ROW, dtype=np.float32).reshape(6, ROW)
    memory.flags.writeable = False
    whole = joined([memory[1:2], memory[2:4], memory[4:5]])
    np.testing.assert_array_equal(whole, memory[1:5])
    assert np.shares_memory(whole, memory)
    assert not whole.flags.writeable


@pytest.mark.parametrize("case", ["another order", "a gap", "small", "columns", "another type"])
def test_others_are_copied(case: str) -> None:
    memory = np.arange(6 * ROW, dtype=np.float32).reshape(6, ROW)
    arrays = {
        "another order": [memory[1:2], memory[0:1]],
        "a gap": [memory[0:1], memory[2:3]],
        "small": [memory[0, :4].reshape(1, 4), memory[0, 4:8].reshape(1, 4)],
        "columns": [memory[:, : ROW // 2], memory[:, : ROW // 2]],
        "another type": [memory[0:1], memory[1:2].view(np.int32)],
    }[case]
    whole = joined(arrays)
    np.testing.assert_array_equal(whole, np.concatenate(arrays))
    assert not np.shares_memory(whole, memory)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, bool, ml_dtypes.bfloat16, object])
def test_values_of_every_type_are_joined(dtype: Any) -> None:
    memory = (np.arange(2 * VIEWED_FROM_BYTES) % 100).astype(dtype).reshape(2, -1)
    whole = joined([memory[1:2], memory[0:1]])
    assert whole.dtype == memory.dtype
    np.testing.assert_array_equal(whole, memory[::-1])
