"""Recurrent layers whose gates are convolutions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras.src.layers.rnn.conv_lstm import ConvLSTMCell

from horngate.contract.tensors import Shape
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers import stepwise
from horngate.zoo.convert.layers.running import Ran, first_states, given_states
from horngate.zoo.convert.layers.windows import padding, spatial
from horngate.zoo.convert.registry import converts, masks
from horngate.zoo.convert.tracing import traced_layer

_MOST_STEPS = 64
"""More steps than this would make a graph that takes longer to load than it saves when they are written out."""

LAYERS = (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D)


converts(ConvLSTMCell)(traced_layer)


@dataclass(frozen=True, kw_only=True)
class _Step:
    """The output and the carry after a step, channels second."""

    output: Value
    carry: Value


@converts(*LAYERS)
def conv_lstm(
    graph: Graph,
    layer: Any,
    x: Value,
    initial_state: Sequence[Value] | None = None,
    mask: Value | None = None,
) -> Value | tuple[Value, ...]:
    """The last output or all of them, and the states if the layer returns them."""
    return run(graph, layer, x, initial_state, mask).returned(graph, layer)


@masks(*LAYERS)
def conv_lstm_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Value | None:
    """The steps' own mask, if there still are steps."""
    return mask if layer.return_sequences else None


def run(graph: Graph, layer: Any, x: Value, initial_state: Sequence[Value] | None, mask: Value | None) -> Ran:
    """Few steps are written out, all inputs convolved before; many, free or masked ones run in a loop."""
    x = graph.cast(graph.plain(x), layer.compute_dtype)
    states = given_states(graph, layer, initial_state)
    steps = x.shape[1]
    if mask is not None or steps is None or steps > _MOST_STEPS:
        ran = stepwise.run(graph, layer, x, states, mask)
    else:
        ran = _written_out(graph, layer, x, states)
    if layer.stateful:
        graph.memory.keep(layer, ran.states)
    return ran


def _written_out(graph: Graph, layer: Any, x: Value, states: Sequence[Value]) -> Ran:
    gates = _input_gates(graph, layer.cell, x)
    steps: list[_Step] = []
    before = _given(graph, layer.cell, states)
    for number in range(len(gates)):
        at = len(gates) - 1 - number if layer.go_backwards else number
        steps.append(_step(graph, layer.cell, gates[at], before))
        before = steps[-1]
    shape = (x.shape[0], *first_states(layer)[0].shape[1:])
    outputs = [_as_keras(graph, layer.cell, one.output, shape) for one in steps]
    by_place = outputs[::-1] if layer.go_backwards else outputs
    last = outputs[-1]
    return Ran(
        outputs=_stacked(graph, by_place) if layer.return_sequences else last,
        last=last,
        states=(last, _as_keras(graph, layer.cell, steps[-1].carry, shape)),
    )


def _input_gates(graph: Graph, cell: Any, x: Value) -> list[Value]:
    """What each step's input gives to the gates, channels second."""
    count = x.shape[1] or 0
    last = cell.data_format == "channels_last"
    kernel = _kernel(graph, cell, cell.kernel, "kernel", x.dtype)
    bias = [graph.weight(cell.bias, "bias", dtype=x.dtype)] if cell.use_bias else []
    inside = (x.shape[0], *x.shape[2:])
    sizes = spatial(inside, last)
    where = padding(cell.padding, sizes, cell.kernel_size, cell.strides, cell.dilation_rate)
    gates = []
    for number in range(count):
        place = graph.constant(np.asarray(number, np.int64))
        step = graph.op("Gather", x, place, shape=inside, axis=1)
        step = graph.channels_second(step) if last else step
        more: dict[str, Any] = {"strides": list(cell.strides), "dilations": list(cell.dilation_rate), **where}
        gates.append(graph.op("Conv", step, kernel, *bias, shape=_free(step), moved=False, **more))
    return gates


def _step(graph: Graph, cell: Any, gates: Value, before: _Step | None) -> _Step:
    """`carry = forget * carry + input * candidate`, `output = gate * activation(carry)`."""
    if before is not None:
        kernel = _kernel(graph, cell, cell.recurrent_kernel, "recurrent_kernel", gates.dtype)
        once = [1] * len(cell.kernel_size)
        where = padding("same", (None,) * len(once), cell.kernel_size, once, once)
        gates = graph.op("Add", gates, graph.op("Conv", before.output, kernel, shape=gates.shape, **where))
    let_in, forget, candidate, let_out = graph.ops("Split", [gates], outputs=4, axis=1, num_outputs=4)
    new = graph.op("Mul", _gate(graph, cell, let_in), graph.activate(cell.activation, candidate))
    carry = new
    if before is not None:
        carry = graph.op("Add", graph.op("Mul", _gate(graph, cell, forget), before.carry), new)
    output = graph.op("Mul", _gate(graph, cell, let_out), graph.activate(cell.activation, carry))
    return _Step(output=output, carry=carry)


def _given(graph: Graph, cell: Any, states: Sequence[Value]) -> _Step | None:
    if not states:
        return None
    last = cell.data_format == "channels_last"
    placed = [graph.channels_second(one) if last else graph.plain(one) for one in states]
    output, carry = (replace(one, moved=False, shape=_free(one), mask=None) for one in placed)
    return _Step(output=output, carry=carry)


def _gate(graph: Graph, cell: Any, x: Value) -> Value:
    return graph.activate(cell.recurrent_activation, x)


def _kernel(graph: Graph, cell: Any, variable: Any, name: str, dtype: str) -> Value:
    rank = len(cell.kernel_size)
    return graph.weight(variable, name, dtype=dtype, axes=(rank + 1, rank, *range(rank)))


def _as_keras(graph: Graph, cell: Any, x: Value, shape: Shape) -> Value:
    """Channels back in their place."""
    if cell.data_format == "channels_first":
        return replace(x, shape=shape)
    return graph.op("Transpose", x, shape=shape, perm=[0, *range(2, x.rank), 1])


def _stacked(graph: Graph, outputs: list[Value]) -> Value:
    shape = (outputs[0].shape[0], 1, *outputs[0].shape[1:])
    apart = [graph.op("Unsqueeze", one, graph.ints(1), shape=shape) for one in outputs]
    return graph.op("Concat", *apart, shape=(shape[0], len(outputs), *shape[2:]), axis=1)


def _free(x: Value) -> tuple[int | None, ...]:
    return (None,) * x.rank
