"""States in slots: what was written is what is read, whoever else comes and goes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from horngate.server.worker.bank import FIRST_SLOTS, SLOT_BYTES, Bank
from horngate.zoo.states import State

BEGIN = [np.full((1, 3), 7, np.float32), np.zeros((1, 2, 2), np.float64)]
STATES = [
    State(
        layer="l", input=f"l/state.{n}", output=f"l/state.{n}.next", shape=(None, *row.shape[1:]), dtype=dtype
    )
    for n, (row, dtype) in enumerate(zip(BEGIN, ("float32", "float64"), strict=True))
]
ROW_BYTES = SLOT_BYTES + 3 * 4 + 4 * 8


def rows_of(value: int, rows: int) -> list[np.ndarray]:
    return [np.full((rows, *row.shape[1:]), value, row.dtype) for row in BEGIN]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 5)), min_size=1, max_size=40))
def test_every_sequence_reads_what_it_wrote_last(script: list[tuple[int, int]]) -> None:
    bank = Bank(STATES, BEGIN)
    held: list[tuple[np.ndarray, int]] = []
    for value, (rows, leaves) in enumerate(script):
        growth = bank.growth_bytes(rows)
        before = bank.statistics().bytes
        slots = bank.take(rows)
        assert (growth > 0) == (bank.statistics().bytes > before)
        assert bank.statistics().bytes + before <= growth or not growth
        bank.write(slots, rows_of(value, rows))
        held.append((slots, value))
        for _ in range(min(leaves, len(held))):
            bank.give_back(held.pop(len(held) // 2)[0])
        taken = np.concatenate([slots for slots, _ in held]) if held else np.array([], np.intp)
        assert len(set(taken.tolist())) == len(taken) == bank.statistics().taken
        for slots, expected in held:
            for array in bank.read(slots, []).values():
                assert (array == expected).all()


def test_a_batch_is_read_in_one_and_fresh_rows_begin_anew() -> None:
    bank = Bank(STATES, BEGIN)
    first, second = bank.take(2), bank.take(1)
    bank.write(np.concatenate([second, first]), rows_of(1, 3))
    read = bank.read(np.concatenate([first, second]), [(0, slice(0, 2)), (1, slice(2, 3))])
    assert read["l/state.0"][:, 0].tolist() == [7, 7, 1]
    assert read["l/state.1"][:, 0, 0].tolist() == [1, 1, 0]


def test_memory_is_counted_and_goes_with_the_last_sequence() -> None:
    bank = Bank(STATES, BEGIN)
    assert bank.statistics().bytes == 0
    few = bank.take(1)
    assert bank.statistics().bytes == FIRST_SLOTS * ROW_BYTES
    many = bank.take(FIRST_SLOTS)
    assert bank.statistics().bytes == 2 * FIRST_SLOTS * ROW_BYTES
    bank.give_back(few)
    bank.give_back(many)
    assert bank.statistics().bytes == 0
