"""Recurrent layers, as ONNX's LSTM, GRU and RNN operators.

ONNX has the steps first and its gates in an order of its own. Its operators take no mask with holes, so a
masked sequence is packed: the steps that count move to the front in order (a backward layer's from the end),
the operator runs over them and then over the others, and each step of the output is read back from the last
step that counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers import packing, stepwise
from horngate.zoo.convert.layers.running import Ran, given_states
from horngate.zoo.convert.registry import converts, masks
from horngate.zoo.convert.weights import as_numpy
from horngate.zoo.files.legacy.hard_sigmoid import hard_sigmoid as old_hard_sigmoid

_ACTIVATIONS: dict[Any, tuple[str, tuple[float, ...], tuple[float, ...]]] = {
    # The engines take an alpha and a beta for the functions that have them, and for no other.
    keras.activations.relu: ("Relu", (), ()),
    keras.activations.tanh: ("Tanh", (), ()),
    keras.activations.sigmoid: ("Sigmoid", (), ()),
    keras.activations.hard_sigmoid: ("HardSigmoid", (1 / 6,), (0.5,)),
    old_hard_sigmoid: ("HardSigmoid", (0.2,), (0.5,)),
    keras.activations.elu: ("Elu", (1.0,), ()),
    keras.activations.softsign: ("Softsign", (), ()),
    keras.activations.softplus: ("Softplus", (), ()),
    keras.activations.leaky_relu: ("LeakyRelu", (0.2,), ()),
    keras.activations.linear: ("Affine", (1.0,), (0.0,)),
}

_SATURATING = (keras.activations.sigmoid, keras.activations.hard_sigmoid, old_hard_sigmoid)
_SHUT = 1e4
"""A gate's input that leaves nothing of the others, whatever the weights."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell in ONNX's terms: W is (gates * units, features), R (gates * units, units), B both biases."""

    kind: str
    units: int
    states: int
    kernel: np.ndarray[Any, Any]
    recurrent_kernel: np.ndarray[Any, Any]
    bias: np.ndarray[Any, Any]
    activations: tuple[Any, ...]
    attributes: dict[str, Any]


LAYERS = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN, keras.layers.RNN)


@converts(*LAYERS)
def recurrent(
    graph: Graph,
    layer: Any,
    x: Value,
    initial_state: Sequence[Value] | Value | None = None,
    mask: Value | None = None,
) -> Value | tuple[Value, ...]:
    """The last output or all of them, and the states if the layer returns them."""
    ran = run(graph, layer, x, initial_state, mask)
    return ran.returned(graph, layer)


@masks(*LAYERS)
def recurrent_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Value | None:
    """The steps' own mask, if there still are steps."""
    return mask if layer.return_sequences else None


def run(
    graph: Graph,
    layer: Any,
    x: Value,
    initial_state: Sequence[Value] | Value | None,
    mask: Value | None,
) -> Ran:
    """Run a recurrent layer over the steps of `x`, from the end if it goes backwards."""
    x = graph.cast(graph.plain(x), layer.compute_dtype)
    states = given_states(graph, layer, initial_state)
    cells = _cells(layer, masked=mask is not None)
    fits = cells is not None and x.rank == 3 and x.dtype != "float64"
    ran = _run_cells(graph, layer, cells, x, states, mask) if cells and fits else None
    ran = ran or stepwise.run(graph, layer, x, states, mask)
    if layer.stateful:
        graph.memory.keep(layer, ran.states)
    return ran


def _cells(layer: Any, *, masked: bool) -> list[Cell] | None:
    """The layer's cells, if ONNX's operators can say all of them."""
    stacked = isinstance(layer.cell, keras.layers.StackedRNNCells)
    found = [cell_of(cell) for cell in (layer.cell.cells if stacked else [layer.cell])]
    cells = [cell for cell in found if cell is not None]
    if len(cells) < len(found):
        return None
    if any(function not in _ACTIVATIONS for cell in cells for function in cell.activations):
        return None
    held = masked and any(cell.kind == "LSTM" and not _shuts(cell) for cell in cells)
    return None if held and (layer.return_state or layer.stateful) else cells


def _run_cells(
    graph: Graph, layer: Any, cells: Sequence[Cell], x: Value, states: Sequence[Value], mask: Value | None
) -> Ran:
    runs: list[Ran] = []
    for cell in cells:
        own, states = states[: cell.states], states[cell.states :]
        runs.append(_run_cell(graph, layer, cell, runs[-1].outputs if runs else x, own, mask))
    return replace(runs[-1], states=tuple(state for one in runs for state in one.states))


def _run_cell(
    graph: Graph, layer: Any, cell: Cell, x: Value, states: Sequence[Value], mask: Value | None
) -> Ran:
    if mask is not None:
        return _run_masked(graph, layer, cell, x, states, mask)
    outputs, finals = _node(graph, cell, x, states, backwards=layer.go_backwards)
    return Ran(outputs=outputs, last=finals[0], states=finals)


def _run_masked(graph: Graph, layer: Any, cell: Cell, x: Value, states: Sequence[Value], mask: Value) -> Ran:
    pack = packing.pack(graph, mask, backwards=layer.go_backwards)
    x = packing.packed(graph, pack, x)
    if (layer.return_state or layer.stateful) and cell.kind == "LSTM":
        cell, x = _holding(graph, cell, x, pack)
    packed, finals = _node(graph, cell, x, states, backwards=False)
    outputs = packing.unpacked(graph, pack, packed, zeros=layer.zero_output_for_mask)
    empty = [graph.constant(np.asarray(0), dtype=x.dtype)] * len(finals)
    ends = (packing.final_output(graph, pack, packed), *finals[1:])
    kept = tuple(
        graph.op("Where", pack.any_step, end, start, shape=end.shape, dtype=x.dtype)
        for end, start in zip(ends, states or empty, strict=True)
    )
    last = packing.one_step(graph, outputs, 0 if layer.go_backwards else -1)
    return Ran(outputs=outputs, last=last, states=kept)


def _holding(graph: Graph, cell: Cell, x: Value, pack: packing.Pack) -> tuple[Cell, Value]:
    """The cell with one more feature, which is one in the tail and there shuts the input and keeps the carry.

    ONNX's own lengths would do, but OpenVINO gives the carry of the last step whatever the lengths say.
    """
    shut = np.repeat([-_SHUT, 0.0, _SHUT, 0.0], cell.units)[:, np.newaxis].astype(cell.kernel.dtype)
    tail = graph.op("Unsqueeze", graph.cast(pack.tail, x.dtype), graph.ints(2), shape=(*pack.tail.shape, 1))
    wider = graph.op("Concat", x, tail, shape=(*x.shape[:2], cell.kernel.shape[1] + 1), axis=2)
    return replace(cell, kernel=np.concatenate([cell.kernel, shut], axis=1)), wider


def _node(
    graph: Graph, cell: Cell, x: Value, states: Sequence[Value], *, backwards: bool
) -> tuple[Value, tuple[Value, ...]]:
    """The operator itself: all outputs (rows, steps, units) and the final states (rows, units)."""
    rows, steps, _ = x.shape
    stacked = [graph.op("Unsqueeze", state, graph.ints(0), shape=(1, rows, cell.units)) for state in states]
    parts = (("kernel", cell.kernel), ("recurrent_kernel", cell.recurrent_kernel), ("bias", cell.bias))
    weights = [graph.constant(array[np.newaxis], dtype=x.dtype, name=name) for name, array in parts]
    by_step = graph.op("Transpose", x, perm=[1, 0, 2])
    results = graph.ops(
        cell.kind,
        [by_step, *weights, None, *stacked],
        outputs=1 + cell.states,
        hidden_size=cell.units,
        direction="reverse" if backwards else "forward",
        **_activation_attributes(cell.activations),
        **cell.attributes,
    )
    # In the other order, OpenVINO mixes up rows and steps where two recurrent layers meet.
    outputs = graph.op("Transpose", results[0], perm=[2, 0, 1, 3], shape=(rows, steps, 1, cell.units))
    outputs = graph.op("Squeeze", outputs, graph.ints(2), shape=(rows, steps, cell.units))
    finals = [graph.op("Squeeze", one, graph.ints(0), shape=(rows, cell.units)) for one in results[1:]]
    return outputs, tuple(finals)


def _shuts(cell: Cell) -> bool:
    """Whether the gates can be shut wholly."""
    return cell.activations[0] in _SATURATING


def cell_of(cell: Any) -> Cell | None:
    """A Keras cell in ONNX's terms; None for cells that are not LSTM, GRU or simple ones."""
    makers = {keras.layers.LSTMCell: _lstm, keras.layers.GRUCell: _gru, keras.layers.SimpleRNNCell: _simple}
    maker = makers.get(type(cell))
    return maker(cell) if maker else None


def _lstm(cell: Any) -> Cell:
    """Keras has the gates as input, forget, candidate, output; ONNX as input, output, forget, candidate."""
    kernel, recurrent, bias = (_gates(array, 4, (0, 3, 1, 2)) for array in _weights(cell, 4))
    return Cell(
        kind="LSTM",
        units=cell.units,
        states=2,
        kernel=kernel.T,
        recurrent_kernel=recurrent.T,
        bias=np.concatenate([bias, np.zeros_like(bias)]),
        activations=_functions(cell.recurrent_activation, cell.activation, cell.activation),
        attributes={},
    )


def _gru(cell: Any) -> Cell:
    """Both have the gates as update, reset, candidate; `reset_after` is ONNX's `linear_before_reset`."""
    kernel, recurrent, bias = _weights(cell, 3)
    biases = (
        bias.reshape(-1)
        if cell.reset_after and cell.use_bias
        else np.concatenate([bias, np.zeros_like(bias)])
    )
    return Cell(
        kind="GRU",
        units=cell.units,
        states=1,
        kernel=kernel.T,
        recurrent_kernel=recurrent.T,
        bias=biases,
        activations=_functions(cell.recurrent_activation, cell.activation),
        attributes={"linear_before_reset": int(cell.reset_after)},
    )


def _simple(cell: Any) -> Cell:
    kernel, recurrent, bias = _weights(cell, 1)
    return Cell(
        kind="RNN",
        units=cell.units,
        states=1,
        kernel=kernel.T,
        recurrent_kernel=recurrent.T,
        bias=np.concatenate([bias, np.zeros_like(bias)]),
        activations=_functions(cell.activation),
        attributes={},
    )


def _weights(cell: Any, gates: int) -> tuple[np.ndarray[Any, Any], ...]:
    kernel = as_numpy(cell.kernel)
    recurrent = as_numpy(cell.recurrent_kernel)
    bias = as_numpy(cell.bias) if cell.use_bias else np.zeros(gates * cell.units, kernel.dtype)
    return kernel, recurrent, bias


def _gates(array: np.ndarray[Any, Any], count: int, order: Sequence[int]) -> np.ndarray[Any, Any]:
    parts = np.split(array, count, axis=-1)
    return np.concatenate([parts[gate] for gate in order], axis=-1)


def _functions(*given: Any) -> tuple[Any, ...]:
    return tuple(keras.activations.linear if function is None else function for function in given)


def _activation_attributes(functions: Sequence[Any]) -> dict[str, Any]:
    named = [_ACTIVATIONS[function] for function in functions]
    alphas = [one for _, alpha, _ in named for one in alpha]
    betas = [one for _, _, beta in named for one in beta]
    return {
        "activations": [name for name, _, _ in named],
        **({"activation_alpha": alphas} if alphas else {}),
        **({"activation_beta": betas} if betas else {}),
    }
