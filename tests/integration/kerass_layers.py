"""Every layer's output as Keras's own sub-models compute it, by the names that Horngate gives them."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def layer_outputs(model: Any, inputs: Sequence[Array]) -> dict[str, Array]:
    """`keras.Model(model.inputs, layer.output).predict(inputs)`, of every call of every layer and operation.

    Layers of a nested model come from that model by itself, fed with what Keras computes for its inputs.
    """
    return dict(_outputs(model, list(inputs), ""))


def _outputs(model: Any, inputs: list[Array], prefix: str) -> Iterator[tuple[str, Array]]:
    graph = model._functional if isinstance(model, keras.Sequential) else model
    nodes = [
        node for depth in sorted(graph._nodes_by_depth, reverse=True) for node in graph._nodes_by_depth[depth]
    ]
    wanted = [tensor for node in nodes for tensor in (*_read(node), *keras.tree.flatten(node.outputs))]
    fed = inputs if len(inputs) > 1 else inputs[0]
    found = iter(keras.tree.flatten(keras.Model(graph.inputs, wanted).predict(fed, verbose=0)))
    for node in nodes:
        read = [np.asarray(next(found)) for _ in _read(node)]
        made = [np.asarray(next(found)) for _ in keras.tree.flatten(node.outputs)]
        name = f"{prefix}{node.operation.name}{_call_number(node, nodes)}"
        yield from ((name + (f".{place}" if place else ""), array) for place, array in enumerate(made))
        if isinstance(node.operation, keras.Sequential | keras.Model):
            yield from _outputs(node.operation, read, f"{name}/")


def _read(node: Any) -> list[Any]:
    flat = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    return [tensor for tensor in flat if keras.utils.is_keras_tensor(tensor)]


def _call_number(node: Any, nodes: list[Any]) -> str:
    mine = [other for other in node.operation._inbound_nodes if other in nodes]
    return f":{mine.index(node)}" if mine.index(node) else ""
