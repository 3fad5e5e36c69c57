"""Every source gives the rows that it holds, and from any step on the batches that it would have given."""

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from horngate.contract.errors import RecipeError
from horngate.training import DataFrom, HDF5Matrix
from horngate.training.data import Feeding, Rows, open_rows
from horngate.training.data.streaming import StreamedRows
from horngate.zoo.images.scaling import MODES

X = np.arange(23 * 3, dtype="float32").reshape(23, 3)
Y = np.arange(23, dtype="int64")
SHUFFLED = Feeding(batch_size=4, shuffle=True, seed=3)


def batches(rows: Rows, feeding: Feeding, epochs: range, step: int = 0) -> list[list[np.ndarray]]:
    found = iter(rows.batches(feeding, epochs, step))
    count = rows.steps(feeding) * len(epochs) - step
    return [[np.asarray(leaf) for leaf in keras.tree.flatten(next(found))] for _ in range(count)]


def in_hdf5(folder: Path) -> DataFrom:
    with h5py.File(folder / "rows.h5", "w") as file:
        file.create_dataset("x", data=X, chunks=(5, 3))
        file.create_dataset("y", data=Y)
    return DataFrom(source=str(folder / "rows.h5"))


def in_npz(folder: Path) -> DataFrom:
    np.savez(folder / "rows.npz", x=X, y=Y)
    return DataFrom(source=str(folder / "rows.npz"))


def in_csv(folder: Path) -> DataFrom:
    with (folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "y"], *([*x, y] for x, y in zip(X, Y, strict=True))])
    return DataFrom(source=str(folder / "rows.csv"), targets=("y",))


def in_parquet(folder: Path) -> DataFrom:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    columns = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y}
    parquet.write_table(pyarrow.table(columns), folder / "rows.parquet")
    return DataFrom(source=str(folder / "rows.parquet"), targets=("y",))


def in_images(folder: Path) -> DataFrom:
    for row in range(23):
        path = folder / "pictures" / "ab"[row % 2] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((5, 4, 3), row, "uint8")
        tf.io.write_file(str(path), tf.io.encode_png(picture))
    return DataFrom(source=str(folder / "pictures"), image_size=(2, 2))


def of_arrays() -> Any:
    return X, Y


def of_generator() -> Iterator[Any]:
    while True:
        for first in range(0, 23, 4):
            yield X[first : first + 4], Y[first : first + 4]


class Numbered(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> Any:
        return X[number * 4 : number * 4 + 4], Y[number * 4 : number * 4 + 4]


def of_tensorflow() -> Any:
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(23, seed=1).batch(4)


SOURCES: dict[str, Callable[[Path], DataFrom]] = {
    "hdf5": in_hdf5,
    "npz": in_npz,
    "csv": in_csv,
    "parquet": in_parquet,
    "images": in_images,
    "function": lambda folder: DataFrom(source=of_arrays),
    "PyDataset": lambda folder: DataFrom(source=Numbered),
    "tf.data": lambda folder: DataFrom(source=of_tensorflow),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_each_epoch_has_every_row_once_and_can_be_entered_at_any_step(kind, tmp_path):
    rows = open_rows(SOURCES[kind](tmp_path))
    whole = batches(rows, SHUFFLED, range(3))
    assert rows.steps(SHUFFLED) == 6
    for epoch in range(3):
        # Resizing leaves a picture of one colour as it was but for a bit.
        seen = np.concatenate([batch[0][:, 0].round(3) for batch in whole[epoch * 6 : epoch * 6 + 6]])
        assert sorted(seen.reshape(23, -1)[:, 0]) == sorted(X[:, 0] if kind != "images" else np.arange(23))
    for first, step in ((0, 4), (1, 0), (2, 5)):
        later = batches(rows, SHUFFLED, range(first, 3), step)
        for left, right in zip(later, whole[first * 6 + step :], strict=True):
            np.testing.assert_equal(left, right)


@pytest.mark.parametrize("kind", ["hdf5", "npz", "function"])
def test_a_row_keeps_its_target_and_its_number(kind, tmp_path):
    rows = open_rows(SOURCES[kind](tmp_path))
    for step, (x, y) in enumerate(batches(rows, SHUFFLED, range(1, 2))):
        np.testing.assert_array_equal(x, X[y])
        assert list(y) == rows.numbers(SHUFFLED, 1, step)


def test_a_generator_goes_on_where_it_was():
    rows = open_rows(DataFrom(source=of_generator))
    feeding = Feeding(batch_size=4, steps_per_epoch=5)
    whole = batches(rows, feeding, range(3))
    np.testing.assert_equal(batches(rows, feeding, range(1, 3), 2), whole[7:])
    with pytest.raises(RecipeError, match=r"set fit\.steps_per_epoch"):
        rows.steps(SHUFFLED)
    with pytest.raises(RecipeError, match="cannot divide of_generator"):
        rows.split(0.5)


@pytest.mark.parametrize("kind", ["hdf5", "npz", "csv", "images", "function"])
def test_a_part_has_other_rows_than_the_rest(kind, tmp_path):
    first, last = open_rows(SOURCES[kind](tmp_path)).split(0.3)
    assert (len(first), len(last)) == (16, 7)
    assert first.fingerprint() != last.fingerprint()
    if kind != "images":
        seen = np.concatenate([batch[1] for batch in batches(last, Feeding(batch_size=4), range(1))])
        assert list(seen) == list(range(16, 23))


def test_streaming_through_many_windows_is_the_same_from_any_step(tmp_path):
    x, y = np.arange(400, dtype="float32").reshape(200, 2), np.arange(200)
    rows = StreamedRows((x, y), window_bytes=24 * 16)
    feeding = Feeding(batch_size=8, shuffle=True, seed=5)
    assert len(rows.windows(8)) > 8
    whole = batches(rows, feeding, range(2))
    assert sorted(np.concatenate([batch[1] for batch in whole[:25]])) == list(range(200))
    assert not np.array_equal(whole[0][1], whole[25][1])
    for step in (0, 1, 7, 24):
        np.testing.assert_equal(batches(rows, feeding, range(1, 2), step), whole[25 + step :])
        assert rows.numbers(feeding, 1, step) == list(whole[25 + step][1])


def test_batches_that_are_kept_stay_as_they_are(tmp_path):
    """Windows are read into memory that is used again: only when nobody has their rows any more."""
    with h5py.File(in_hdf5(tmp_path).source) as file:
        rows = StreamedRows((file["x"], file["y"]), window_bytes=20 * 8)
        found = iter(rows.batches(SHUFFLED, range(9)))
        kept = [next(found) for _ in range(50)]
        del found
    for x, y in kept:
        np.testing.assert_array_equal(x, X[y.numpy()])


def test_rows_before_the_start_and_runs_longer_than_a_piece(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        x = file.create_dataset(
            "x", data=np.arange(3000 * 300, dtype="float64").reshape(3000, 300), chunks=(7, 300)
        )
        rows = StreamedRows((x, np.arange(3000)), start=5, end=2995)
        for shuffle in (True, False):
            seen = batches(rows, Feeding(batch_size=256, shuffle=shuffle), range(1))
            numbers = np.concatenate([batch[1] for batch in seen])
            np.testing.assert_array_equal(np.sort(numbers), np.arange(5, 2995))
            np.testing.assert_array_equal(np.concatenate([batch[0][:, 0] for batch in seen]), numbers * 300)
            assert shuffle != bool((np.diff(numbers) == 1).all())
            assert seen[0][0].dtype == np.float32


ENDS = """
import h5py, os, sys
from horngate.zoo.backend import import_keras
import_keras()
from horngate.training.data import Feeding
from horngate.training.data.streaming import StreamedRows
for _ in range(12):
    child = os.fork()  # so that Keras is imported once
    if child == 0:
        file = h5py.File(sys.argv[1])
        rows = StreamedRows((file["x"], file["y"]))
        batches = iter(rows.batches(Feeding(batch_size=64, shuffle=True), range(30)))
        next(batches)
        sys.exit()
    os.waitpid(child, 0)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_process_ends_while_rows_are_read(tmp_path):
    """TensorFlow's thread would be stopped with h5py's lock: 8 of 20 processes waited for it for ever."""
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"] = np.zeros((16_000, 3_000), "float32")
        file["y"] = np.zeros(16_000)
    subprocess.run([sys.executable, "-c", ENDS, str(tmp_path / "rows.h5")], check=True, timeout=500)


def test_words_in_a_column_become_classes(tmp_path):
    (tmp_path / "rows.csv").write_text("a,kind\n1,cat\n2,ant\n3,cat\n")
    rows = open_rows(DataFrom(source=str(tmp_path / "rows.csv"), targets=("kind",)))
    assert rows.labels == ("ant", "cat")
    assert batches(rows, Feeding(batch_size=3), range(1))[0][1].tolist() == [1, 0, 1]


def test_images_have_classes_and_every_class_in_the_last_part(tmp_path):
    rows = open_rows(in_images(tmp_path))
    assert rows.labels == ("a", "b")
    _, last = rows.split(0.3)
    ((pictures, classes),) = batches(last, Feeding(batch_size=7), range(1))
    assert pictures.shape == (7, 2, 2, 3)
    assert set(classes) == {0, 1}
    np.testing.assert_array_equal(pictures[:, 0, 0, 0].round() % 2, classes)


def test_images_are_scaled_by_a_mode_as_a_server_does(tmp_path):
    source = in_images(tmp_path).source
    feeding = Feeding(batch_size=23)
    ((pixels, _),) = batches(open_rows(DataFrom(source=source, image_size=(2, 2))), feeding, range(1))
    for mode in ("caffe", "tf", "torch"):
        rows = open_rows(DataFrom(source=source, image_size=(2, 2), normalizer=mode))
        ((scaled, _),) = batches(rows, feeding, range(1))
        np.testing.assert_allclose(scaled, MODES[mode].apply(pixels), rtol=1e-6)


def test_classes_weigh_what_the_recipe_says():
    feeding = Feeding(batch_size=23, class_weights={1: 2.0, 3: 0.5})
    one_hot = np.eye(23, dtype="float32")[Y]
    for targets in (Y, one_hot):
        ((_, _, weights),) = batches(open_rows(DataFrom(source=(X, targets))), feeding, range(1))
        assert weights.tolist() == [1.0, 2.0, 1.0, 0.5] + [1.0] * 19
    own = np.full(23, 3.0)
    ((_, _, weights),) = batches(open_rows(DataFrom(source=(X, Y, own))), feeding, range(1))
    assert weights[:2].tolist() == [3.0, 6.0]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda folder: DataFrom(source=str(folder)), "image_size is missing"),
        (lambda folder: DataFrom(source=str(folder), image_size=(2, 2)), "holds no folders with images"),
        (lambda folder: DataFrom(source=(X, Y[:5])), r"arrays of \[5, 23\] rows"),
        (
            lambda folder: DataFrom(source=str(folder / "x.txt")),
            "expected a folder of images, module:function",
        ),
        (lambda folder: DataFrom(source=in_hdf5(folder).source, inputs=("z",)), "has no 'z'; it holds x, y"),
        (lambda folder: DataFrom(source=in_csv(folder).source), "data.targets is missing"),
        (
            lambda folder: DataFrom(source=in_csv(folder).source, targets=("q",)),
            "has no column 'q'; it has a, b, c, y",
        ),
    ],
)
def test_what_is_not_there_is_told(made, message, tmp_path):
    with pytest.raises(RecipeError, match=message):
        open_rows(made(tmp_path))


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "rows.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(RecipeError, match=r"pip install 'horngate\[parquet\]'"):
        open_rows(DataFrom(source=str(tmp_path / "rows.parquet"), targets=("y",)))


def test_a_matrix_is_cut_and_indexed_like_an_array(tmp_path):
    path = in_hdf5(tmp_path).source
    matrix = HDF5Matrix(path, "x", start=4, end=20, normalizer=lambda rows: rows / 2)
    expected = X[4:20] / 2
    assert (len(matrix), matrix.shape, matrix.dtype, matrix.ndim) == (16, (16, 3), np.float32, 2)
    for key in (0, -1, slice(2, 9), slice(None), slice(3, None, 2), [5, 1, 1, 9], np.array([2, 0])):
        np.testing.assert_array_equal(matrix[key], expected[key])
    np.testing.assert_array_equal(np.asarray(matrix), expected)
    with pytest.raises(ValueError, match="expected 0 <= start < end <= 23"):
        HDF5Matrix(path, "x", start=20, end=30)
