"""Fourier transforms of real signals, as products with the waves themselves."""

from typing import Any

import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts_operation

_WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}
_LONGEST = 4096
"""Longer windows would make matrices of more than a hundred megabytes."""


@converts_operation("STFT")
def short_time(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """Windows along the last axis, each transformed: (…, windows, frequencies), real and imaginary."""
    length, window = operation.fft_length, _window(operation)
    return list(
        transformed(
            graph, graph.plain(x), length, operation.sequence_stride, window, centred=operation.center
        )
    )


@converts_operation("RFFT")
def real_transform(graph: Graph, operation: Any, x: Value) -> list[Value]:
    """The transform of the last axis."""
    x = graph.plain(x)
    length = operation.fft_length or x.shape[-1]
    if length is None or length != x.shape[-1] or length > _LONGEST:
        raise Refused(f"a transform of length {length} of a tensor of shape {x.shape}")
    shape = (*x.shape[:-1], length // 2 + 1)
    waves = [graph.constant(wave.T, dtype=x.dtype, name="wave") for wave in _waves(length)]
    return [graph.op("MatMul", x, wave, shape=shape) for wave in waves]


@converts_operation("ExtractSequences")
def sequences(graph: Graph, operation: Any, x: Value) -> Value:
    """Windows along the last axis: (…, windows, length)."""
    length = operation.sequence_length
    (cut,) = _slid(graph, graph.plain(x), [np.eye(length)], operation.sequence_stride)
    return cut


def transformed(
    graph: Graph, x: Value, length: int, stride: int, window: np.ndarray[Any, Any], *, centred: bool
) -> tuple[Value, Value]:
    """The real and the imaginary part of each window's transform."""
    if length > _LONGEST:
        raise Refused(f"windows of {length}; expected at most {_LONGEST}")
    if centred:
        half = length // 2
        pads = [0] * (x.rank - 1) + [half]
        size = x.shape[-1]
        shape = (*x.shape[:-1], None if size is None else size + 2 * half)
        x = graph.op("Pad", x, graph.ints(*pads, *pads), shape=shape, mode="reflect")
    real, imaginary = _slid(graph, x, [wave * window for wave in _waves(length)], stride)
    return real, imaginary


def _slid(graph: Graph, x: Value, kernels: list[np.ndarray[Any, Any]], stride: int) -> list[Value]:
    """Every window's product with each row of a matrix, all in one convolution."""
    if x.rank < 2 or not x.dtype.startswith("float"):
        raise Refused(f"windows of {x.dtype} of rank {x.rank}")
    length = kernels[0].shape[1]
    size = x.shape[-1]
    steps = None if size is None else (size - length) // stride + 1
    flat = graph.op("Reshape", x, graph.ints(-1, 1, *([size] if size else [])), shape=(None, 1, size))
    if size is None:
        if x.rank != 2:
            raise Refused(f"windows of a free axis of shape {x.shape}")
        flat = graph.op("Unsqueeze", x, graph.ints(1), shape=(x.shape[0], 1, None))
    found = []
    for kernel in kernels:
        weight = graph.constant(kernel[:, np.newaxis, :], dtype=x.dtype, name="wave")
        count = kernel.shape[0]
        y = graph.op("Conv", flat, weight, shape=(None, count, steps), strides=[stride])
        y = graph.op("Transpose", y, shape=(None, steps, count), perm=[0, 2, 1])
        if x.rank > 2:
            inside = [one for one in x.shape[1:-1] if one is not None]
            if len(inside) < x.rank - 2:
                raise Refused(f"windows of a tensor of shape {x.shape}")
            target = graph.ints(-1, *inside, steps or 0, count)
            y = graph.op("Reshape", y, target, shape=(None, *inside, steps, count))
        found.append(y)
    return found


def _window(operation: Any) -> np.ndarray[Any, Any]:
    """The window, in the middle of the transform's length."""
    length, whole = operation.sequence_length, operation.fft_length
    if operation.window is None:
        values = np.ones(whole)
        return values
    if isinstance(operation.window, str):
        offset, depth = _WINDOWS[operation.window]
        values = offset - depth * np.cos(2 * np.pi * np.arange(length) / length)
    else:
        values = np.asarray(operation.window, dtype=np.float64)
    before = (whole - length) // 2
    return np.pad(values, (before, whole - length - before))


def _waves(length: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(frequencies, positions) of cosines and of sines turned down."""
    turns = np.outer(np.arange(length // 2 + 1), np.arange(length)) % length
    angles = 2 * np.pi * turns / length
    return np.cos(angles), -np.sin(angles)
