"""Where the rows of `predict_many` come from: what is sliced, or what gives rows or batches one after another.

Nothing here holds more than the batch that it is making. Batches are numbered by their rows, from 0 on.
"""

import math
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from horngate.client.pictures import file_of
from horngate.client.tensors import Array, by_name, objects
from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import TensorSpec, numpy_dtype, shape_text

Specs = tuple[TensorSpec, ...]

MESSAGE_BYTES = 1 << 20
MAX_ROWS = 1024
"""A batch has about so many bytes, and no more rows than that, unless its caller says how many."""

_TEXT = (str, bytes, os.PathLike)
_PICTURE_AXES = 4


@dataclass(frozen=True, kw_only=True)
class Batch:
    """So many rows of a source, `first` being the number of the first; `inputs` holds them by the inputs' names."""

    first: int
    rows: int
    inputs: Mapping[str, Any]

    def __str__(self) -> str:
        if self.rows == 1:
            return f"row {self.first}"
        return f"rows {self.first} to {self.first + self.rows - 1}"


class Sliced:
    """Batches cut out of arrays, h5py datasets, HDF5Matrix and the like; `total` is the number of rows.

    InvalidRequest: inputs that the model does not have, or of different lengths.
    """

    def __init__(self, model: str, source: Any, specs: Specs, batch_rows: int | None) -> None:
        self._sources = by_name(model, source, specs)
        shapes = {name: tuple(value.shape) for name, value in self._sources.items()}
        lengths = {shape[0] if shape else None for shape in shapes.values()}
        if len(lengths) != 1 or None in lengths:
            received = ", ".join(f"'{name}' {shape}" for name, shape in shapes.items())
            raise InvalidRequest(
                f"model '{model}': received {received}; expected rows, of all inputs as many"
            )
        self.total: int = lengths.pop()  # type: ignore[assignment]
        row_bytes = sum(
            math.prod(shapes[spec.name][1:]) * numpy_dtype(spec.datatype).itemsize for spec in specs
        )
        self._batch_rows = batch_rows or min(MAX_ROWS, max(1, MESSAGE_BYTES // max(1, row_bytes)))

    def __iter__(self) -> Iterator[Batch]:
        for first in range(0, self.total, self._batch_rows):
            last = min(first + self._batch_rows, self.total)
            inputs = {name: value[first:last] for name, value in self._sources.items()}
            yield Batch(first=first, rows=last - first, inputs=inputs)


class Gathered:
    """Batches made of what a source gives one after another, awaited or not; `total` is the rows, None if unknown.

    An item is a batch or a single row, which its number of axes tells. Rows are gathered, as long as they have one
    shape; a batch goes as it is, or in parts if its caller wants fewer rows. Files, by path or bytes, are rows.
    One thread or task reads it, once.
    """

    def __init__(self, model: str, source: Any, specs: Specs, batch_rows: int | None) -> None:
        self._model = model
        self._source = source
        self._specs = specs
        self._batch_rows = batch_rows
        # Invariant: _rows are not given out yet, are of the shapes _shapes, and take _bytes; _given are.
        self._rows: list[dict[str, Any]] = []
        self._shapes: list[tuple[int, ...]] = []
        self._bytes = 0
        self._given = 0
        is_list = isinstance(source, list | tuple) and bool(source)
        self.total = len(source) if is_list and self._is_row(self._named(source[0])) else None

    def __iter__(self) -> Iterator[Batch]:
        for item in _items_of(self._source):
            yield from self._feed(item)
        yield from self._rest()

    async def __aiter__(self) -> AsyncIterator[Batch]:
        if not hasattr(self._source, "__aiter__"):
            for batch in self:
                yield batch
            return
        async for item in self._source:
            for batch in self._feed(item):
                yield batch
        for batch in self._rest():
            yield batch

    def _named(self, item: Any) -> Mapping[str, Any]:
        return by_name(self._model, _without_targets(item), self._specs)

    def _feed(self, item: Any) -> Iterator[Batch]:
        """The batches that are full with this item."""
        named = self._named(item)
        if self._is_row(named):
            yield from self._add(
                {spec.name: _row(self._model, named[spec.name], spec) for spec in self._specs}
            )
        else:
            yield from self._rest()
            yield from self._parts({spec.name: _rows(named[spec.name], spec) for spec in self._specs})

    def _rest(self) -> Iterator[Batch]:
        """What was gathered and is not full."""
        if self._rows:
            rows, self._rows, self._bytes = self._rows, [], 0
            inputs = {spec.name: _joined([row[spec.name] for row in rows]) for spec in self._specs}
            yield self._batch(inputs, len(rows))

    def _is_row(self, named: Mapping[str, Any]) -> bool:
        """Whether an item is a single row. InvalidRequest: it is neither that nor a batch."""
        spec = self._specs[0]
        value = named[spec.name]
        if isinstance(value, _TEXT):
            return True
        if _takes_pictures(spec) and _are_texts(value):
            return False
        axes, expected = np.ndim(value), len(spec.shape)
        if axes not in (expected, expected - 1):
            raise InvalidRequest(
                f"model '{self._model}': input '{spec.name}': received an item of shape {np.shape(value)} after "
                f"{self._given + len(self._rows)} rows; expected {shape_text(spec.shape)}, or one such row"
            )
        return axes == expected - 1

    def _add(self, row: dict[str, Any]) -> Iterator[Batch]:
        shapes = [np.shape(value) for value in row.values()]
        if shapes != self._shapes:
            yield from self._rest()
        self._shapes = shapes
        self._rows.append(row)
        self._bytes += sum(_size_bytes(value) for value in row.values())
        is_full = self._bytes >= MESSAGE_BYTES or len(self._rows) >= MAX_ROWS
        if len(self._rows) == self._batch_rows or (self._batch_rows is None and is_full):
            yield from self._rest()

    def _parts(self, inputs: dict[str, Any]) -> Iterator[Batch]:
        rows = len(inputs[self._specs[0].name])
        size = self._batch_rows or rows
        for first in range(0, rows, max(1, size)):
            part = {name: value[first : first + size] for name, value in inputs.items()}
            yield self._batch(part, min(size, rows - first))

    def _batch(self, inputs: dict[str, Any], rows: int) -> Batch:
        first = self._given
        self._given += rows
        return Batch(first=first, rows=rows, inputs=inputs)


def rows_of(model: str, source: Any, specs: Specs, batch_rows: int | None) -> "Sliced | Gathered":
    """A source's batches, of `batch_rows` if that is given."""
    values = list(source.values()) if isinstance(source, Mapping) else [source]
    is_cut = bool(values) and all(
        hasattr(value, "shape") and hasattr(value, "__getitem__") for value in values
    )
    return (Sliced if is_cut else Gathered)(model, source, specs, batch_rows)


def _items_of(source: Any) -> Iterable[Any]:
    """What a source gives one after another. InvalidRequest: nothing."""
    if isinstance(source, _TEXT):
        raise InvalidRequest(
            f"received {str(source)[:80]!r}; expected rows: an array, a dataset, an iterable"
        )
    if isinstance(source, Mapping):
        kinds = ", ".join(f"'{name}' {type(value).__name__}" for name, value in source.items()) or "no inputs"
        raise InvalidRequest(
            f"received {kinds}; expected arrays or datasets by input, or one iterable that gives dicts of rows"
        )
    if hasattr(source, "__iter__"):
        return cast(Iterable[Any], source)
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):  # A PyDataset of Keras's.
        return (source[place] for place in range(len(source)))
    raise InvalidRequest(f"received {type(source).__name__}; expected an array, a dataset, or an iterable")


def _without_targets(item: Any) -> Any:
    """The inputs of what Keras's generators give: inputs, or a tuple of inputs, targets and perhaps weights."""
    has_targets = isinstance(item, tuple) and item and (isinstance(item[0], Mapping) or np.ndim(item[0]) > 0)
    return item[0] if has_targets else item


def _row(model: str, value: Any, spec: TensorSpec) -> Any:
    """A row; a copy, since generators fill one array again and again."""
    if isinstance(value, _TEXT):
        if _takes_pictures(spec):
            return file_of(value)
        if spec.datatype != "BYTES":
            takes = f"input '{spec.name}' takes {spec.datatype} {shape_text(spec.shape)}"
            raise InvalidRequest(f"model '{model}': received a file or text; {takes}")
        return value
    return np.array(value)


def _rows(value: Any, spec: TensorSpec) -> Any:
    """A batch's rows, copied too; files read, texts as they are."""
    if not _are_texts(value):
        return np.array(value)
    return objects([file_of(each) for each in value] if _takes_pictures(spec) else value)


def _joined(values: list[Any]) -> Array:
    return objects(values) if isinstance(values[0], str | bytes) else np.stack(values)


def _takes_pictures(spec: TensorSpec) -> bool:
    return len(spec.shape) == _PICTURE_AXES and spec.datatype != "BYTES"


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, _TEXT) for item in value)


def _size_bytes(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else int(value.nbytes)
