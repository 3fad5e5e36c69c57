"""Rows in files: HDF5, .npz, CSV, Parquet, and folders of images."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from horngate.contract.errors import RecipeError
from horngate.training.data.feeding import Rows
from horngate.training.data.memory import MemoryRows
from horngate.training.data.streaming import StreamedRows
from horngate.training.data.structure import cut
from horngate.training.recipe.sections import DataFrom

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_Normalizer = Callable[[Any], Any] | None


def hdf5_rows(path: Path, data: DataFrom, normalizer: _Normalizer) -> Rows:
    """Datasets of an HDF5 file, read while training."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise RecipeError(f"data.source '{path.name}' is no HDF5 file that can be read: {error}") from error
    parts = _parts(file, [name for name in file if isinstance(file[name], h5py.Dataset)], data, path)
    return StreamedRows(parts, start=data.start, end=data.end, normalizer=normalizer)


def npz_rows(path: Path, data: DataFrom, normalizer: _Normalizer) -> Rows:
    """Arrays of an .npz file, in memory."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise RecipeError(f"data.source '{path.name}' is no .npz file that can be read: {error}") from error
    return in_memory(_parts(arrays, list(arrays), data, path), data, normalizer)


def csv_rows(path: Path, data: DataFrom, normalizer: _Normalizer) -> Rows:
    """Columns of a CSV file whose first line names them."""
    with path.open(newline="") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        lines = list(reader)
    for number, line in enumerate(lines, 2):
        if len(line) != len(names):
            raise RecipeError(f"'{path.name}', line {number}: {len(line)} values; expected {len(names)}")
    columns = dict(zip(names, zip(*lines, strict=True), strict=True)) if lines else {}
    return _table(columns, data, path, normalizer)


def parquet_rows(path: Path, data: DataFrom, normalizer: _Normalizer) -> Rows:
    """Columns of a Parquet file."""
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError:
        raise RecipeError(
            f"data.source '{path.name}' needs pyarrow, which is not installed: pip install 'horngate[parquet]'"
        ) from None
    table = parquet.read_table(path)
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
    return _table(columns, data, path, normalizer)


def image_rows(folder: Path, data: DataFrom, normalizer: _Normalizer) -> Rows:
    """A folder with one folder of images a class; the classes are numbered by their sorted names.

    Images are decoded and resized while training, to float32 from 0 to 255.
    """
    if not data.image_size:
        raise RecipeError(f"data.image_size is missing, which the images in '{folder.name}' are resized to")
    labels = tuple(sorted(child.name for child in folder.iterdir() if child.is_dir()))
    files = [
        (str(path), place)
        for place, label in enumerate(labels)
        for path in sorted((folder / label).rglob("*"))
        if path.suffix.lower() in IMAGES
    ]
    if not files:
        raise RecipeError(f"data.source '{folder.name}' holds no folders with images ({', '.join(IMAGES)})")
    files = _interleaved(files, len(labels))
    paths, classes = (np.array(column) for column in zip(*files, strict=True))
    parts = cut((paths.astype("S"), classes.astype("int64")), data.start, data.end)
    return MemoryRows(parts, labels=labels, each=_decoder(data.image_size, normalizer))


def _interleaved(files: list[tuple[str, int]], classes: int) -> list[tuple[str, int]]:
    """Each class spread evenly over all rows, so that the last part has each of them too."""
    counts = np.bincount([place for _, place in files], minlength=classes)
    seen = [0] * classes
    keyed = []
    for path, place in files:
        keyed.append(((seen[place] + 0.5) / counts[place], place, path))
        seen[place] += 1
    return [(path, place) for _, place, path in sorted(keyed)]


def _decoder(size: Sequence[int], normalizer: _Normalizer) -> Callable[[Any], Any]:
    import tensorflow as tf

    def decoded(path: Any) -> Any:
        image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        image = tf.image.resize(image, size, antialias=True)  # as a server resizes pictures
        return image if normalizer is None else normalizer(image)

    return decoded


def in_memory(parts: Any, data: DataFrom, normalizer: _Normalizer, labels: tuple[str, ...] = ()) -> Rows:
    """Arrays, cut to the rows asked for, their inputs normalised."""
    inputs, *others = cut(parts, data.start, data.end)
    if normalizer is not None:
        inputs = normalizer(inputs)
    return MemoryRows((inputs, *others), labels=labels)


def _parts(file: Mapping[str, Any], names: Sequence[str], data: DataFrom, path: Path) -> tuple[Any, ...]:
    """The arrays that the recipe names; unnamed, `x` and `y`, or the only two there are."""
    default = ("x", "y") if {"x", "y"} <= set(names) else tuple(names) if len(names) == 2 else ("", "")
    chosen = [data.inputs or default[:1], data.targets or default[1:2]]
    if data.sample_weight:
        chosen.append((data.sample_weight,))
    for name in (name for group in chosen for name in group):
        if name not in file:
            raise RecipeError(
                f"data: '{path.name}' has no {name or 'x and y'!r}; it holds {', '.join(names)}; "
                "name them in data.inputs and data.targets"
            )
    return tuple(file[group[0]] if len(group) == 1 else [file[one] for one in group] for group in chosen)


def _table(columns: Mapping[str, Any], data: DataFrom, path: Path, normalizer: _Normalizer) -> Rows:
    """Columns of numbers as one matrix of inputs; targets that are words become class numbers."""
    if not data.targets:
        raise RecipeError(f"data.targets is missing, which names the columns of '{path.name}' to learn")
    weight = (data.sample_weight,) if data.sample_weight else ()
    rest = tuple(name for name in columns if name not in (*data.targets, *weight))
    for name in (*data.inputs, *data.targets, *weight):
        if name not in columns:
            raise RecipeError(f"data: '{path.name}' has no column {name!r}; it has {', '.join(columns)}")
    inputs = np.stack([_numbers(name, columns[name], path) for name in data.inputs or rest], axis=1)
    targets, labels = _targets(data.targets, columns, path)
    weights = [_numbers(name, columns[name], path) for name in weight]
    return in_memory((inputs, targets, *weights), data, normalizer, labels)


def _targets(names: Sequence[str], columns: Mapping[str, Any], path: Path) -> tuple[Any, tuple[str, ...]]:
    if len(names) == 1:
        try:
            return _numbers(names[0], columns[names[0]], path), ()
        except RecipeError:
            labels, classes = np.unique(np.asarray(columns[names[0]], str), return_inverse=True)
            return classes.astype("int64"), tuple(map(str, labels))
    return np.stack([_numbers(name, columns[name], path) for name in names], axis=1), ()


def _numbers(name: str, column: Any, path: Path) -> Any:
    try:
        return np.asarray(column, "float32")
    except (ValueError, TypeError) as error:
        raise RecipeError(f"'{path.name}', column {name!r}: {error}; expected numbers") from error
