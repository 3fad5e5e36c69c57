"""The forms in which old Kerases stored a layer's weights, turned into today's. Shapes tell which it is."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from horngate.zoo.files.legacy.highway import Highway
from horngate.zoo.files.legacy.locally_connected import LocallyConnected1D, LocallyConnected2D
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.rebuild.slots import Slot
from horngate.zoo.files.stored import Array

Form = Callable[[Any, list[Array], Origin], list[Array]]


def stored_count(slot: Slot, shapes: Sequence[tuple[int, ...]]) -> int:
    """How many of the arrays that come next in the file belong to the slot."""
    if isinstance(slot.layer, _GATED) and shapes and len(slot.variables) >= 2:
        own = slot.variables[0].shape
        gates = 3 if isinstance(slot.layer, keras.layers.GRU) else 4
        # Keras 1 stored each gate by itself: kernel, recurrent kernel and bias of one after the other.
        if shapes[0] != tuple(own) and _size(shapes[0]) * gates == _size(own):
            return 3 * gates
    return len(slot.variables)


def todays(slot: Slot, arrays: list[Array], origin: Origin) -> list[Array]:
    """The arrays as today's layer takes them."""
    for kind, form in _FORMS:
        if isinstance(slot.layer, kind):
            arrays = form(slot.layer, arrays, origin)
    return arrays


_GATED = (keras.layers.LSTM, keras.layers.GRU, keras.layers.ConvLSTM2D)


def _gates(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    """Keras 1's gates in today's order. It wrote an LSTM's as input, cell, forget, output."""
    if len(arrays) == 9:
        order: tuple[int, ...] = (0, 1, 2)
    elif len(arrays) == 12:
        order = (0, 2, 1, 3)
    else:
        return arrays
    return [np.concatenate([arrays[gate * 3 + which] for gate in order], axis=_gate_axis(arrays[which], layer))
            for which in range(3)]  # fmt: skip


def _gate_axis(array: Array, layer: Any) -> int:
    """Filters come first in what Keras 1 stored for channels that come first."""
    first = isinstance(layer, keras.layers.ConvLSTM2D) and layer.data_format == "channels_first"
    return 0 if first and array.ndim == 4 else -1


def _cudnn(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    """CuDNN's: kernels transposed gate by gate, and a bias for the input beside one for the state.

    They have today's shapes but for the bias, which is how they are told apart.
    """
    if len(arrays) != 3:
        return arrays
    gates = 3 if isinstance(layer, keras.layers.GRU) else 4
    kernel, recurrent, bias = arrays
    units = recurrent.shape[0]
    if bias.shape != (2 * gates * units,):
        return arrays
    # Each gate's kernel lies row by row as (units, inputs) under the shape (inputs, units).
    kernel = np.hstack([part.reshape(part.shape[::-1]).T for part in np.hsplit(kernel, gates)])
    recurrent = np.hstack([part.T for part in np.hsplit(recurrent, gates)])
    both = bias.reshape(2, -1)
    return [kernel, recurrent, both.sum(axis=0) if gates == 4 else both]


def _convolution(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    """Keras 1's kernels, whose axes depended on the data format; Theano's are turned around."""
    if not arrays:
        return arrays
    kernel, *rest = arrays
    if origin.generation == 1:
        kernel = _keras_1_kernel(layer, kernel)
    if origin.flips_kernels:
        kernel = _turned(kernel)
    return [kernel, *rest]


def _keras_1_kernel(layer: Any, kernel: Array) -> Array:
    if isinstance(layer, keras.layers.Conv1D):
        length, filters = layer.kernel_size[0], layer.filters
        if kernel.ndim != 4:
            return kernel
        # Up to 1.1 (filters, in, length, 1), then (length, 1, in, filters).
        if kernel.shape[:2] != (length, 1) or kernel.shape[3] != filters:
            kernel = kernel.transpose(2, 3, 1, 0)
        return kernel[:, 0]
    turned = isinstance(layer, keras.layers.Conv2DTranspose | keras.layers.Conv3DTranspose)
    spatial = tuple(range(2, kernel.ndim))
    if layer.data_format == "channels_first":
        # (filters, in, …); of a transposed convolution that is today's order of the last two already.
        return kernel.transpose(*spatial, *((0, 1) if turned else (1, 0)))
    if turned:
        return kernel.swapaxes(-1, -2)
    return kernel


def _grouped(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    """ResNeXt's, from before Keras had groups: a depthwise kernel, whose outputs were then summed group by group.

    Of channel `i` it has, in group `i // c`, what goes into each of the group's `c` filters.
    """
    groups, filters = layer.groups, layer.filters
    width = filters // groups
    if groups == 1 or not arrays or arrays[0].shape != (*layer.kernel_size, filters, width):
        return arrays
    kernel, *rest = arrays
    size = layer.kernel_size
    by_filter = kernel.reshape(*size, groups, width, width).swapaxes(-3, -2)
    return [by_filter.reshape(*size, width, filters), *rest]


def _recurrent_convolution(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    if len(arrays) < 2:
        return arrays
    kernels, rest = arrays[:2], arrays[2:]
    if origin.generation == 1 and layer.data_format == "channels_first":
        kernels = [kernel.transpose(2, 3, 1, 0) for kernel in kernels]
    if origin.flips_kernels:
        kernels = [_turned(kernel) for kernel in kernels]
    return [*kernels, *rest]


def _separable(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    """Keras 1 had the depthwise kernel's axes by data format too."""
    if origin.generation != 1 or layer.data_format != "channels_first" or len(arrays) < 2:
        return arrays
    depthwise, pointwise, *rest = arrays
    return [depthwise.transpose(2, 3, 1, 0), pointwise.transpose(2, 3, 1, 0), *rest]


def _locally_connected(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    """Kernels from every input to every output, as a matrix: whole (2), or what counts of it in a row (3)."""
    if layer.implementation == 1 or not arrays:
        return arrays
    kernel, *rest = arrays
    if layer.implementation == 2:
        return [kernel.reshape(layer.mask.shape) * layer.mask, *rest]
    if kernel.size != np.count_nonzero(layer.mask):
        return arrays
    # The row goes through the outputs, and for each through the inputs.
    whole = np.zeros(layer.mask.T.shape, dtype=kernel.dtype)
    whole[layer.mask.T] = kernel
    return [whole.T, *rest]


def _highway(layer: Any, arrays: list[Array], origin: Origin) -> list[Array]:
    """Keras 1.0 stored kernel, bias, kernel of the carry, bias of the carry; 1.2 both kernels first."""
    if len(arrays) == 4 and arrays[1].ndim == 1:
        return [arrays[index] for index in (0, 2, 1, 3)]
    return arrays


def _turned(kernel: Array) -> Array:
    return kernel[
        tuple(slice(None, None, -1) if axis < kernel.ndim - 2 else slice(None) for axis in range(kernel.ndim))
    ]


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape))


_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_FORMS: tuple[tuple[Any, Form], ...] = (
    (_GATED, _gates),
    ((keras.layers.LSTM, keras.layers.GRU), _cudnn),
    (keras.layers.ConvLSTM2D, _recurrent_convolution),
    (_CONVOLUTIONS, _convolution),
    (keras.layers.Conv2D, _grouped),
    (keras.layers.SeparableConv2D, _separable),
    ((LocallyConnected1D, LocallyConnected2D), _locally_connected),
    (Highway, _highway),
)
