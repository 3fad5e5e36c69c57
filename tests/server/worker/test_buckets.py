"""Sizes that programs are compiled for, and that nothing compiles beyond them."""

from hypothesis import given
from hypothesis import strategies as st

from horngate.server.worker.buckets import buckets, ladder, padded_length


@given(st.integers(1, 5000), st.integers(0, 12))
def test_every_batch_has_a_size_and_little_is_wasted(most: int, powers: int) -> None:
    """Time in proportion to rows: padding costs what its rows cost."""
    curve = {1 << power: 100.0 for power in range(powers + 1)}
    sizes = buckets(curve, most)
    assert sizes == tuple(sorted(set(sizes)))
    assert sizes[0] == 1
    assert sizes[-1] == most
    for rows in range(1, most + 1):
        padded = next(size for size in sizes if size >= rows)
        assert padded <= max(2, rows / 0.6)


def test_lengths_are_padded_to_the_next_step() -> None:
    steps = ladder(1 << 13)
    for length in range(1, 5000):
        assert padded_length(length) == next(step for step in steps if step >= length)


def test_sizes_that_save_no_time_are_left_out() -> None:
    """A device that takes as long for 16 rows as for one."""
    flat = {1: 10.0, 2: 20.0, 4: 40.0, 8: 80.0, 16: 160.0, 32: 160.0}
    assert buckets(flat, 32) == (1, 16, 24, 32)


def test_the_ladder() -> None:
    assert ladder(20) == [1, 2, 3, 4, 6, 8, 12, 16]


def test_xla_compiles_the_buckets_before_serving_and_nothing_after() -> None:
    import keras
    import numpy as np

    from horngate.server.worker.engines.compiled import compiled
    from horngate.server.worker.engines.keras import KerasProgram
    from horngate.zoo.describe import describe

    traced = []

    class Counted(keras.layers.Layer):
        def call(self, x: object) -> object:
            traced.append(x.shape)  # type: ignore[attr-defined]
            return x * 2  # type: ignore[operator]

        def compute_output_shape(self, shape: object) -> object:
            return shape

    model = keras.Sequential([keras.Input((3,), name="x"), Counted()])
    program = KerasProgram(compiled(model, describe(model), xla=True), ["x"])
    traced.clear()

    def rows_of(rows: int) -> dict[str, np.ndarray]:
        return {"x": np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)}

    program.prepare((1, 4, 6), rows_of)
    assert len(traced) == 3
    for rows in (1, 2, 3, 4, 5, 6):
        (outputs,) = program.run(rows_of(rows))
        np.testing.assert_array_equal(outputs, rows_of(rows)["x"] * 2)
    assert len(traced) == 3, "nothing was compiled while it served"
    assert [program.padded(rows) for rows in (1, 2, 4, 5)] == [1, 4, 4, 6]


def test_on_a_cpu_one_trace_serves_every_size() -> None:
    import keras
    import numpy as np

    from horngate.server.worker.engines.compiled import compiled
    from horngate.server.worker.engines.keras import KerasProgram
    from horngate.zoo.describe import describe

    model = keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2)])
    made = compiled(model, describe(model))
    program = KerasProgram(made, ["x"])
    for rows in (1, 5, 7):
        assert program.run({"x": np.ones((rows, 3), np.float32)})[0].shape == (rows, 2)
        assert program.padded(rows) == rows
    assert made.call.experimental_get_tracing_count() == 1  # type: ignore[attr-defined]
