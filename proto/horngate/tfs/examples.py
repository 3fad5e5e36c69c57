"""tf.Example: features by name, as the rows of a model's inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from horngate.contract.errors import InvalidRequest
from horngate.contract.tensors import TensorSpec, numpy_dtype, shape_text
from horngate.oip.codec import encode_tensor
from horngate.tfs import messages as tfs

_KINDS = {"f": "float_list", "i": "int64_list", "u": "int64_list", "b": "int64_list", "O": "bytes_list"}


def features_of(request: tfs.Input) -> list[dict[str, tfs.Feature]]:
    """Each example's features, with the context's where it has none of its own. InvalidRequest: no example."""
    with_context = request.example_list_with_context
    examples = request.example_list.examples or with_context.examples
    if not examples:
        raise InvalidRequest("Input is empty.")
    shared = dict(with_context.context.features.feature)
    return [shared | dict(example.features.feature) for example in examples]


def encode_features(examples: Sequence[dict[str, tfs.Feature]], spec: TensorSpec) -> tuple[list[int], bytes]:
    """The shape and raw contents of an input, of which each example's feature of that name is a row.

    A feature holds its row's numbers in order; a whole number may be given for a float, and one string with a row's
    bytes for any numbers. InvalidRequest names the example that does not fit.
    """
    rows = [
        _row(example, spec, f"example {index}: feature '{spec.name}'")
        for index, example in enumerate(examples)
    ]
    if len({row.shape for row in rows}) > 1:
        sizes = ", ".join(sorted({shape_text(row.shape, rows="?") for row in rows}))
        raise InvalidRequest(f"feature '{spec.name}' has rows of {sizes}; expected one size in a request")
    stacked = np.stack(rows)
    return list(stacked.shape), encode_tensor(stacked)


def _row(example: dict[str, tfs.Feature], spec: TensorSpec, where: str) -> Any:
    if spec.name not in example:
        raise InvalidRequest(f"{where} is missing; there are {', '.join(sorted(example)) or 'none'}")
    feature, dtype = example[spec.name], numpy_dtype(spec.datatype)
    kind = feature.WhichOneof("kind") or ""
    values = getattr(feature, kind).value if kind else []
    if kind == "bytes_list" and dtype.kind != "O" and len(values) == 1:
        return _shaped(_bytes(values[0], dtype, where), spec, where)
    if kind != _KINDS[dtype.kind] and not (kind == "int64_list" and dtype.kind == "f"):
        raise InvalidRequest(f"{where} has {kind or 'no list'}; {spec.datatype} takes {_KINDS[dtype.kind]}")
    flat = np.empty(len(values), np.object_) if dtype.kind == "O" else np.asarray(values)
    if dtype.kind == "O":
        flat[:] = list(values)
    elif not np.array_equal(flat, flat.astype(dtype)) and dtype.kind in "iub":
        raise InvalidRequest(f"{where} holds numbers that are not of {spec.datatype}")
    return _shaped(flat.astype(dtype), spec, where)


def _bytes(content: bytes, dtype: np.dtype[Any], where: str) -> Any:
    if len(content) % dtype.itemsize:
        raise InvalidRequest(
            f"{where} has {len(content)} bytes; expected whole numbers of {dtype.itemsize} bytes"
        )
    return np.frombuffer(content, dtype.newbyteorder("<"))


def _shaped(flat: Any, spec: TensorSpec, where: str) -> Any:
    """The row in its shape; one axis may be of a size that the number of values says."""
    free = [axis for axis, size in enumerate(spec.shape[1:]) if size is None]
    wanted = [-1 if size is None else size for size in spec.shape[1:]]
    known = int(np.prod([size for size in wanted if size >= 0]))
    fits = flat.size == known if not free else flat.size > 0 and flat.size % known == 0
    if len(free) > 1 or not fits:
        raise InvalidRequest(
            f"{where} has {flat.size} values; a row is {shape_text(spec.shape[1:], rows='?')}"
        )
    return flat.reshape(wanted)
