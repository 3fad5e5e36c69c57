"""The rows that a lower precision is fitted to and held against Keras on: the operator's, or random ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from horngate.contract.errors import LoadError
from horngate.contract.models import ModelSpec
from horngate.contract.tensors import TensorSpec, numpy_dtype, shape_text
from horngate.server.builder.reference import Array, KerasModel, reference_inputs
from horngate.zoo.images.recipe import ImageInput

LEAST_ROWS = 8
MOST_ROWS = 256
"""Of more, so many are taken, evenly spread: more change the ranges of values hardly, and take as much longer."""

COMPARED_ROWS = 64
RANDOM_ROWS = 32
BATCH_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Inputs in the spec's order; `pixels` are the pictures that they were made of. `what` is told to people."""

    inputs: tuple[Array, ...]
    what: str
    pixels: Array | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.inputs[0])

    def spread(self, most: int) -> "Rows":
        """As many of them, evenly spread."""
        chosen = _spread(self.count, most)
        return Rows(
            inputs=tuple(np.ascontiguousarray(array[chosen]) for array in self.inputs),
            what=self.what,
            pixels=None if self.pixels is None else self.pixels[chosen],
        )

    def batches(self) -> list[tuple[Array, ...]]:
        """The inputs, a few rows at a time."""
        starts = range(0, self.count, BATCH_ROWS)
        return [tuple(array[start : start + BATCH_ROWS] for array in self.inputs) for start in starts]


def random_rows(model: Any, spec: ModelSpec, image: ImageInput | None, like: Sequence[Array]) -> Rows:
    """Where the operator gave none; free axes have the sizes that they have in `like`."""
    if image is not None and _scales(spec):
        pixels = np.random.default_rng(8).integers(0, 256, (RANDOM_ROWS, *image.shape), np.uint8)
        return _of_pixels(pixels, spec, image, "random pixels")
    free = [
        size
        for array, tensor in zip(like, spec.inputs, strict=True)
        for size, own in zip(array.shape[1:], tensor.shape[1:], strict=True)
        if own is None
    ]
    inputs = reference_inputs(model, spec, max(free, default=1), seed=8, rows=RANDOM_ROWS)
    return Rows(inputs=tuple(inputs), what="random rows")


def read_rows(path: Path, spec: ModelSpec, image: ImageInput | None) -> Rows:
    """The operator's file. LoadError: it is no file of rows that the model takes."""
    try:
        arrays = _arrays(path)
    except (OSError, ValueError, EOFError) as error:
        raise LoadError(
            f"calibration: '{path.name}' cannot be read ({error}); expected an .npy or .npz file that numpy wrote, "
            "without Python objects"
        ) from error
    named = _named(arrays, spec, path.name)
    counts = {name: len(array) if array.ndim else 0 for name, array in named.items()}
    if min(counts.values()) < LEAST_ROWS or len(set(counts.values())) > 1:
        told = ", ".join(f"'{name}' {count}" for name, count in counts.items())
        raise LoadError(
            f"calibration: '{path.name}' has rows: {told}; expected {LEAST_ROWS} or more, as many of each input"
        )
    if image is not None and _scales(spec):
        return _of_pixels(_pixels(named[spec.inputs[0].name], image, path.name), spec, image, path.name)
    inputs = tuple(_cast(named[tensor.name], tensor, path.name) for tensor in spec.inputs)
    return Rows(inputs=inputs, what=path.name)


def _scales(spec: ModelSpec) -> bool:
    """Whether a model that takes pictures is served with the scaling of their pixels in front of it."""
    return spec.inputs[0].datatype != "UINT8"


def _of_pixels(pixels: Array, spec: ModelSpec, image: ImageInput, what: str) -> Rows:
    native = image.recipe.scaling.apply(pixels).astype(numpy_dtype(spec.inputs[0].datatype))
    return Rows(inputs=(native,), what=what, pixels=pixels)


def _pixels(array: Array, image: ImageInput, file: str) -> Array:
    if array.dtype != np.uint8 or array.shape[1:] != image.shape:
        raise LoadError(
            f"calibration: '{file}' has {array.dtype} of shape {array.shape}; the model takes pictures: expected "
            f"their pixels, uint8 of shape (rows, {', '.join(map(str, image.shape))})"
        )
    return _chosen(array)


def _arrays(path: Path) -> Mapping[str, Array]:
    """By name; the one array of an .npy file is called ""."""
    if path.suffix == ".npy":
        return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
    if path.suffix != ".npz":
        raise ValueError(f"its name ends with '{path.suffix}'")
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def _named(arrays: Mapping[str, Array], spec: ModelSpec, file: str) -> dict[str, Array]:
    """An array for each input: by name, or the only one for the only input."""
    wanted = [tensor.name for tensor in spec.inputs]
    if len(wanted) == 1 and len(arrays) == 1:
        return {wanted[0]: next(iter(arrays.values()))}
    missing = [name for name in wanted if name not in arrays]
    if missing:
        there = ", ".join(name or "one array without a name" for name in arrays)
        raise LoadError(
            f"calibration: '{file}' has {there or 'nothing'}; expected an .npz file with {', '.join(wanted)}"
        )
    return {name: arrays[name] for name in wanted}


def _cast(array: Array, tensor: TensorSpec, file: str) -> Array:
    dtype = numpy_dtype(tensor.datatype)
    fits = array.ndim == len(tensor.shape) and all(
        size in (None, own) for size, own in zip(tensor.shape[1:], array.shape[1:], strict=True)
    )
    if not fits or not np.can_cast(array.dtype, dtype, "same_kind"):
        raise LoadError(
            f"calibration: '{file}' has {array.dtype} of shape {array.shape} for input '{tensor.name}'; expected "
            f"{dtype} of shape {shape_text(tensor.shape)}"
        )
    return _chosen(array).astype(dtype)


def _chosen(array: Array) -> Array:
    """At most MOST_ROWS, evenly spread."""
    return np.ascontiguousarray(array[_spread(len(array), MOST_ROWS)])


def _spread(count: int, most: int) -> Array:
    """So many places at the most, evenly spread over all that there are."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))


def answered(keras_model: KerasModel, rows: Rows) -> dict[str, Array]:
    """The rows with what Keras answers to them; see Artifact. Pixels are another view of the same rows."""
    parts = [keras_model(batch) for batch in rows.batches()]
    outputs = [np.concatenate(part) for part in zip(*parts, strict=True)]
    named = {f"x{place}": array for place, array in enumerate(rows.inputs)}
    named |= {f"y{place}": array for place, array in enumerate(outputs)}
    if rows.pixels is None:
        return named
    return named | {"u0": rows.pixels} | {f"v{place}": array for place, array in enumerate(outputs)}
