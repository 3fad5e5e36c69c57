"""Recurrent layers whose gates are convolutions, written out step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.layers.windows import padding, spatial
from horngate.zoo.convert.registry import Refused, converts, masks

_MOST_STEPS = 64
"""More steps than this would make a graph that takes longer to load than it saves."""

_LAYERS = (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D)


@dataclass(frozen=True, kw_only=True)
class _Step:
    """The output and the carry after a step, channels second."""

    output: Value
    carry: Value


@converts(*_LAYERS)
def conv_lstm(
    graph: Graph, layer: Any, x: Value, initial_state: Sequence[Value] | None = None
) -> Value | tuple[Value, ...]:
    """All inputs are convolved at once; each step convolves the output before it."""
    if layer.stateful:
        raise Refused("it is stateful: its states outlive a call")
    x = graph.cast(graph.plain(x), layer.compute_dtype)
    gates = _input_gates(graph, layer.cell, x)
    steps: list[_Step] = []
    before = _given(graph, layer.cell, initial_state)
    for number in range(len(gates)):
        at = len(gates) - 1 - number if layer.go_backwards else number
        steps.append(_step(graph, layer.cell, gates[at], before))
        before = steps[-1]
    outputs = [_as_keras(graph, layer.cell, one.output) for one in steps]
    result = _stacked(graph, outputs) if layer.return_sequences else outputs[-1]
    states = (outputs[-1], _as_keras(graph, layer.cell, steps[-1].carry))
    return (result, *states) if layer.return_state else result


@masks(*_LAYERS)
def conv_lstm_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Value | None:
    """A mask would change the steps."""
    if mask is not None:
        raise Refused("masked steps of a convolutional recurrent layer")
    return None


def _input_gates(graph: Graph, cell: Any, x: Value) -> list[Value]:
    """What each step's input gives to the gates, channels second."""
    count = x.shape[1]
    if count is None or count > _MOST_STEPS:
        raise Refused(f"{count} steps; expected a fixed number up to {_MOST_STEPS}")
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


def _given(graph: Graph, cell: Any, states: Sequence[Value] | None) -> _Step | None:
    if states is None:
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


def _as_keras(graph: Graph, cell: Any, x: Value) -> Value:
    """Channels back in their place."""
    if cell.data_format == "channels_first":
        return x
    return graph.op("Transpose", x, shape=_free(x), perm=[0, *range(2, x.rank), 1])


def _stacked(graph: Graph, outputs: list[Value]) -> Value:
    shape = (outputs[0].shape[0], 1, *outputs[0].shape[1:])
    apart = [graph.op("Unsqueeze", one, graph.ints(1), shape=shape) for one in outputs]
    return graph.op("Concat", *apart, shape=(shape[0], len(outputs), *shape[2:]), axis=1)


def _free(x: Value) -> tuple[int | None, ...]:
    return (None,) * x.rank
