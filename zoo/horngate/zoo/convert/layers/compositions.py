"""Keras's own layers that are compositions of operations, converted by tracing them."""

from typing import Any

import keras

from horngate.zoo.convert.calling import call_inside
from horngate.zoo.convert.graph import Graph, Value
from horngate.zoo.convert.registry import Refused, converts, masks
from horngate.zoo.convert.tracing import traced, traced_layer

converts(keras.layers.Lambda)(traced_layer)


@masks(keras.layers.Lambda)
def lambda_mask(graph: Graph, layer: Any, inputs: Any, mask: Any) -> Any:
    """What the Lambda's own mask function computes, if it has one."""
    if layer.mask is None:
        return None
    if not callable(layer.mask):
        raise Refused("its mask is a constant")
    return traced(graph, layer.mask, inputs, mask)


@converts(keras.layers.SpectralNormalization)
def spectral(graph: Graph, layer: Any, x: Value) -> Value:
    """The inner layer: its weights are normalized in training only."""
    return graph.cast(call_inside(graph, layer.layer, x), x.dtype)
